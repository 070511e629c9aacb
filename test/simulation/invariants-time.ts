/** Invariants that speak of time: bounded staleness, and how much may be exposed to loss (I32). */
import { wallOf } from "../../src/replication/hlc.ts";
import { leaderOf } from "../../src/replication/position.ts";
import type { ClientReply, ReadManyRequest, ReadRequest } from "../../src/replication/request.ts";
import type { Undated } from "./host.ts";
import type { Turn } from "./turn.ts";

/** A bounded read shows everything that was acknowledged so long before it was asked. */
export function boundedReadsAreFresh(turn: Turn): void {
  if (!turn.clocksKept) return;
  const { host, ghost } = turn;
  for (const { reply, request, askedAt } of turn.answered) {
    if (request.op !== "read" && request.op !== "read-many") continue;
    if (request.level !== "bounded" || request.stale === true) continue;
    const bound = request.stalenessMsMax ?? 0;
    const slack = 2 * turn.timing.clockBoundMs + 10;
    for (const asked of shownIn(request, reply)) {
      // Whatever the replica takes for the home: the user may have been at home elsewhere since.
      for (const log of ghost.logs[host.partition] ?? []) {
        const mirror = ghost.mirror(host, log.o);
        for (const { position, at, user } of log.acknowledged) {
          if (user !== asked || at > askedAt - bound - slack) continue;
          const there = position.s <= mirror.applied && mirror.holds(position.e, position.s);
          // A write that was cut off is not owed; whether it may be is judged elsewhere.
          if (
            there ||
            log.isSuperseded(position.e, position.s) ||
            !isOfPresentLine(turn, position.o, position.e, position.s)
          )
            continue;
          turn.fail(
            "bounded reads are fresh",
            `${host.name} answers within ${bound} ms without ${position.o}.${position.e}.${position.s}, acknowledged ${(askedAt - at).toFixed(0)} ms before the question`,
          );
        }
      }
    }
  }
}

/** Whose items an answer shows. */
function shownIn(request: Undated<ReadRequest | ReadManyRequest>, reply: ClientReply): string[] {
  if (request.op === "read") return reply.kind === "item" || reply.kind === "list" ? [request.user] : [];
  if (reply.kind !== "items") return [];
  return [
    ...new Set(
      reply.items.flatMap((item, n) => (item.kind === "item" ? [request.reads[n]?.user ?? ""] : [])),
    ),
  ];
}

/** Whether the replica that would be elected now could still have the entry; a cut-off one is not owed to anybody. */
function isOfPresentLine(turn: Turn, o: number, e: number, s: number): boolean {
  const highest = Math.max(...turn.peers.map((peer) => turn.ghost.mirror(peer, o).last.e));
  if (highest <= e) return true;
  return turn.peers.some(
    (peer) => turn.ghost.mirror(peer, o).last.e === highest && turn.ghost.mirror(peer, o).holds(e, s),
  );
}

/** By how much hybrid times of one log may be apart from the clock of who leads it: it has heard of others' times. */
const AHEAD_MS = 500;

/**
 * I32: no write at `local` is decided, and then acknowledged, while the oldest one without a majority is older than the bound. Both
 * instants are in the entries: an acknowledgement may come late.
 */
export function exposureIsBounded(turn: Turn): void {
  const bound = turn.timing.rpoMsMax;
  if (bound === 0) return;
  for (const { reply, request } of turn.answered) {
    if (reply.kind !== "written" || request.op !== "write" || request.concern !== "local" || reply.replayed)
      continue;
    const log = turn.ghost.log(turn.host.partition, reply.receipt.position.o);
    const { e, s } = reply.receipt.position;
    const oldest = log.acknowledged.find(
      ({ position }) => position.e === e && position.s < s && position.s > log.commit,
    );
    const held =
      oldest === undefined
        ? 0
        : turn.peers.filter((peer) =>
            turn.ghost.mirror(peer, oldest.position.o).holds(oldest.position.e, oldest.position.s),
          ).length;
    if (oldest === undefined || held >= turn.ghost.majority || leaderOf(e) !== turn.host.region) continue;
    const [decided, before] = [log.known(e, s), log.known(oldest.position.e, oldest.position.s)];
    if (decided === undefined || before === undefined) continue;
    const age = wallOf(decided.entry.hlc) - wallOf(before.entry.hlc);
    if (age > bound + 2 * turn.timing.clockBoundMs + AHEAD_MS)
      turn.fail(
        "I32 exposure is bounded",
        `${turn.host.name} took ${e}.${s} while ${oldest.position.e}.${oldest.position.s} was ${age.toFixed(0)} ms old`,
      );
  }
}

const DOORBELL_MS = 4_000;

/** A doorbell makes a replica that is behind ask for what it lacks: without it only the leader's own retries would bring it on. */
export function doorbellsAreAnswered(turn: Turn): void {
  // Where clocks jump by many seconds, pauses between two pulls take as long.
  if (!turn.clocksKept || turn.timing.leaseMs === 0) return;
  const { host, event, ghost } = turn;
  for (const mirror of ghost.mirrors(host)) {
    const { rung } = mirror;
    if (rung === null) continue;
    const asked = turn.effects.some(
      (effect) =>
        effect.type === "call" &&
        (effect.message.type === "pull" || effect.message.type === "snapshot-begin"),
    );
    const there = mirror.last.e > rung.last.e || mirror.last.s >= rung.last.s;
    if (
      asked ||
      there ||
      turn.restoring ||
      rung.generation !== host.generation ||
      mirror.acceptor.promised > rung.last.e
    )
      mirror.rung = null;
    else if (turn.at > rung.at + DOORBELL_MS) {
      turn.fail(
        "doorbells are answered",
        `${host.name} was told of ${rung.last.e}.${rung.last.s} in log ${mirror.o}, has ${mirror.last.e}.${mirror.last.s}, and asked nobody for ${DOORBELL_MS} ms`,
      );
    }
  }
  if (event.type !== "batch" || turn.restoring) return;
  for (const message of event.messages) {
    if (message === null) continue;
    const mirror = ghost.mirror(host, message.o);
    const behind =
      message.entries.length === 0 && message.last.s > mirror.last.s && message.e >= mirror.acceptor.promised;
    if (behind && !turn.effects.some((effect) => effect.type === "call" && effect.message.type === "pull"))
      mirror.rung ??= { at: turn.at, last: message.last, generation: host.generation };
  }
}

/** I27: what a snapshot is being replayed from stays. */
export function pinsAreKept(turn: Turn): void {
  for (const { o, baseBefore, baseAfter } of turn.deltas) {
    if (baseAfter.s <= baseBefore.s || turn.restoring) continue;
    for (const [id, until, bases] of turn.host.driver.rows(`SELECT id, until, bases FROM pins`)) {
      if (Number(until) <= turn.now) continue;
      const pinned = (JSON.parse(String(bases)) as { o: number; s: number }[]).find((base) => base.o === o);
      if (pinned !== undefined && baseAfter.s > pinned.s)
        turn.fail(
          "I27 pins are kept",
          `${turn.host.name} drops log ${o} through ${baseAfter.s}, and snapshot ${String(id)} needs it from ${pinned.s}`,
        );
    }
  }
}

/** I27: a leader drops nothing that a voter lacks, as long as its log is within its bound. */
export function compactionWaitsForFollowers(turn: Turn): void {
  const { host, ghost } = turn;
  // Where the bound is small the log outgrows it, and laggards take snapshots.
  if (turn.limits.logBytesMax < 1_000_000) return;
  for (const { o, baseBefore, baseAfter } of turn.deltas) {
    const mirror = ghost.mirror(host, o);
    if (
      baseAfter.s <= baseBefore.s ||
      turn.restoring ||
      mirror.ownEpoch === 0 ||
      mirror.ownEpoch !== mirror.acceptor.promised
    )
      continue;
    for (const peer of turn.peers) {
      const { last } = ghost.mirror(peer, o);
      if (last.s < baseAfter.s)
        turn.fail(
          "I27 compaction waits for followers",
          `${host.name} drops log ${o} through ${baseAfter.s}, and ${peer.name} has only ${last.s}`,
        );
    }
  }
}
