/** Events, effects and messages in few words, for transcripts. */
import type { Effect, Event } from "../../src/replication/effect.ts";
import type { Batch, PeerReply, PeerRequest } from "../../src/replication/message.ts";
import type { Position, Tail } from "../../src/replication/position.ts";
import type { ClientReply, ClientRequest, Command } from "../../src/replication/request.ts";

export function tail({ e, s }: Tail): string {
  return `${e}.${s}`;
}

export function position({ o, e, s }: Position): string {
  return `${o}.${e}.${s}`;
}

export function positionOf(text: string): Position {
  const [o = 0, e = 0, s = 0] = text.split(".").map(Number);
  return { o, e, s };
}

export function describeMessage(message: PeerRequest | PeerReply | Batch): string {
  switch (message.type) {
    case "append":
    case "batch": {
      const grant = message.type === "append" && message.grant ? " grant" : "";
      return `${message.type} o${message.o} e${message.e} prev ${tail(message.prev)} +${message.entries.length} commit ${message.commit}${grant}`;
    }
    case "append-ok":
      return `append-ok e${message.e} match ${message.match}`;
    case "append-stale":
      return `append-stale promised ${message.promised}`;
    case "append-mismatch":
      return `append-mismatch last ${tail(message.last)} base ${tail(message.base)}`;
    case "pull":
      return `pull o${message.o} after ${tail(message.last)}`;
    case "pull-ok":
      return `pull-ok prev ${tail(message.prev)} +${message.entries.length} last ${tail(message.last)} commit ${message.commit}`;
    case "need-snapshot":
      return `need-snapshot base ${tail(message.base)}`;
    case "probe":
      return `probe o${message.o}`;
    case "probe-ok":
      return `probe-ok e${message.e}${message.restoring ? " restoring" : ""}`;
    case "pre-vote":
      return `pre-vote o${message.o} b${message.b}`;
    case "pre-vote-reply":
      return `pre-vote-reply ${message.willing ? "willing" : "unwilling"}${message.reachable ? " reached" : ""} lease ${message.leaseRemainingMs} cooling ${message.coolingMs} e${message.e}`;
    case "prepare":
      return `prepare o${message.o} b${message.b}`;
    case "transfer":
      return `transfer o${message.o} e${message.e}${message.promise === undefined ? "?" : ` to b${message.promise.b} last ${tail(message.promise.last)}`}`;
    case "transfer-reply":
      return `transfer-reply ${message.ready ? "ready" : "not ready"}${message.open.s === 0 ? "" : ` open ${tail(message.open)}`}`;
    case "promise":
      return `promise b${message.b} last ${tail(message.last)} commit ${message.commit} lease ${message.leaseRemainingMs}`;
    case "nack":
      return `nack promised ${message.promised}`;
    case "close-reply":
      return `close-reply e${message.e} last ${tail(message.last)} commit ${message.commit}`;
    case "not-leader":
      return `not-leader leader ${message.leader}`;
    case "progress":
      return `progress o${message.o} e${message.e} match ${message.match}`;
    case "snapshot-begin":
    case "snapshot-chunk":
      return `${message.type} ${message.id}`;
    case "snapshot-begun":
      return `snapshot-begun ${message.from.map((base) => `o${base.o}:${tail(base)}`).join(" ")}`;
    case "snapshot-rows":
      return `snapshot-rows ${message.rows.length} until ${message.until.map(position).join(" ")}${message.cursor.length === 0 ? " end" : ""}`;
    case "close-now":
      return `close-now o${message.o}`;
    case "cuts":
      return `cuts o${message.o} ${message.cuts.length}`;
    case "return":
      return `return as ${message.storeId}`;
    case "vouched":
      return `vouched ${message.logs.map(({ o, promised, last }) => `o${o} b${promised} last ${tail(last)}`).join(", ")}`;
    case "cuts-taken":
    case "progress-ok":
    case "snapshot-unknown":
    case "unsupported":
      return message.type;
  }
}

function describeCommand(command: Command): string {
  if (command.kind === "import") return `import ${command.items.map(({ key }) => key).join(",")}`;
  if (command.kind === "settle") return `${command.action} ${position(command.lost)}`;
  if (command.kind !== "transaction") return `${command.kind} ${command.key}`;
  const checks = command.checks.map(
    ({ key, version }) => `${key}${version === null ? " absent" : `=${version.s}`}`,
  );
  return `transaction [${checks.join(" ")}] ${command.writes.map(describeCommand).join(", ")}`;
}

export function describeRequest(request: ClientRequest): string {
  switch (request.op) {
    case "write":
      return `${describeCommand(request.command)} of ${request.user} ${request.concern}${request.idempotency ? ` key ${request.idempotency.key}` : ""}`;
    case "read":
      return `${request.level} read ${request.user}${request.what.kind === "item" ? `/${request.what.key}` : " list"}${request.committed ? " committed" : ""}`;
    case "divergent":
      return `divergent ${request.user}`;
    case "receipt":
      return `receipt ${position(request.position)}`;
    case "home":
      return `home ${request.user}${request.certain ? " certain" : ""}`;
    case "claim":
      return `claim ${request.user} for ${request.home}`;
    case "status":
      return "status";
    case "hand-off":
      return `hand-off o${request.origin} to ${request.to}`;
    case "sink":
      return `sink ${request.name}: ${request.action.kind === "resume" ? "resume" : `replay after ${position(request.action.position)}`}`;
    default:
      return (request as { op: string }).op;
  }
}

export function describeReply(reply: ClientReply): string {
  switch (reply.kind) {
    case "written":
    case "concern-timeout":
      return `${reply.kind} ${position(reply.receipt.position)} ${reply.receipt.concern}`;
    case "item":
      return `item ${reply.item === null ? "absent" : position(reply.item.version)} (${reply.facts.why})`;
    case "list":
      return `list of ${reply.items.length} (${reply.facts.why})`;
    case "receipt":
      return `receipt ${reply.state}`;
    case "home":
      return `home ${reply.home} leader ${reply.leader}`;
    case "refused":
      return `refused ${reply.reason}`;
    case "not-leader":
      return `not-leader, try ${reply.leader}`;
    case "behind":
      return `behind: needs ${position(reply.needed)}, has ${position(reply.found)}`;
    default:
      return reply.kind;
  }
}

export function describeEvent(event: Event): string {
  switch (event.type) {
    case "peer":
      return `from ${event.from}: ${describeMessage(event.message)}`;
    case "answer":
      return `answer ${event.from}: ${describeMessage(event.message)}`;
    case "failed":
      return `call ${event.call} to ${event.from} failed: ${event.reason}`;
    case "batch":
      return `queue: ${event.messages.map((message) => (message === null ? "poison" : describeMessage(message))).join("; ")}`;
    case "enqueued":
      return `enqueued ${event.ok}`;
    case "delivered":
      return `delivered: ${event.end.ok ? "ok" : event.end.error}`;
    case "client":
      return `client: ${describeRequest(event.request)}`;
    default:
      return event.type;
  }
}

export function describeEffect(effect: Effect): string {
  switch (effect.type) {
    case "attention":
      return "wants attention";
    case "reply":
      return `reply ${describeMessage(effect.message)}`;
    case "respond":
      return `respond ${describeReply(effect.reply)}`;
    case "call":
      return `to ${effect.to}: ${describeMessage(effect.message)}`;
    case "enqueue":
      return `enqueue to ${effect.to}: ${effect.messages.map(describeMessage).join("; ")}`;
    case "batch-done":
      return `batch-done ${effect.verdicts.join(",")}`;
    case "feed":
      return `feed ${effect.id}: ${effect.changes.length} changes, to ${position(effect.cursor)}`;
    case "feed-end":
      return `feed ${effect.id} ends`;
    case "sync":
      return `sync ${effect.sync}`;
    case "deliver":
      return `deliver to ${effect.sink}: ${effect.batch.changes.length} changes after ${effect.batch.after} through ${position(effect.batch.through)}`;
    case "alarm":
    case "wake":
      return `${effect.type} at ${effect.at}`;
  }
}
