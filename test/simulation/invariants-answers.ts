/**
 * Invariants of what is applied and of what is answered (I11, I15, I16, I19, I20, I21, I22, I32 of the protocol), judged after
 * every turn. Whole histories are judged by the checkers at the end of a run.
 */
import type { Concern } from "../../src/replication/entry.ts";
import { leaderOf, type Position } from "../../src/replication/position.ts";
import type { Receipt } from "../../src/replication/request.ts";
import { position } from "./describe.ts";
import type { LogGhost } from "./ghost.ts";
import type { Answered, Turn } from "./turn.ts";

/** I19: what is applied has its dependencies applied, or they are definitely lost. */
export function dependenciesComeFirst(turn: Turn): void {
  const { host, ghost } = turn;
  if (turn.restoring) return;
  for (const { o, applied } of turn.deltas) {
    const log = ghost.log(host.partition, o);
    for (const s of applied) {
      const e = ghost.mirror(host, o).epochAt(s);
      const entry = e === undefined ? undefined : log.known(e, s)?.entry;
      for (const dep of entry?.deps ?? []) {
        if (dep.o === o) continue;
        const mirror = ghost.mirror(host, dep.o);
        const there = dep.s <= mirror.applied && (dep.s <= mirror.base.s || mirror.epochAt(dep.s) === dep.e);
        if (there) continue;
        turn.tally.add("rare: applied over a lost dependency");
        // Whoever leads that log may have counted its OPEN and not spoken of it yet.
        const counted = mirror.ownEpoch > dep.e && mirror.counted >= mirror.ownStart;
        if (!counted && !ghost.log(host.partition, dep.o).isSuperseded(dep.e, dep.s)) {
          turn.fail(
            "I19 dependencies come first",
            `${host.name} applies ${e}.${s} of log ${o} without ${position(dep)}`,
          );
        }
      }
    }
  }
}

/** I11: what is acknowledged is held by those who are said to hold it. */
export function acknowledgementsAreHeld(turn: Turn): void {
  for (const { reply, request } of turn.answered) {
    if (reply.kind !== "written") {
      if (reply.kind === "receipt" && reply.met && request.op === "receipt" && request.concern !== undefined)
        judgeConcern(turn, reply.receipt, request.concern);
      continue;
    }
    judgeConcern(turn, reply.receipt, request.op === "write" ? request.concern : reply.receipt.concern);
    const { o, e, s } = reply.receipt.position;
    turn.ghost.log(turn.host.partition, o).acknowledged.push({
      position: { o, e, s },
      concern: request.op === "write" ? request.concern : reply.receipt.concern,
      at: turn.at,
      user: reply.receipt.user,
      principal: request.op === "write" ? request.principal : "",
      key: request.op === "write" ? request.idempotency?.key : undefined,
    });
  }
}

function judgeConcern(turn: Turn, receipt: Receipt, concern: Concern): void {
  const { ghost, host } = turn;
  const { o, e, s } = receipt.position;
  const holding = turn.peers.filter((peer) => ghost.mirror(peer, o).holds(e, s));
  const what = `${host.name} acknowledges ${position(receipt.position)} at ${concern}`;
  if (!ghost.mirror(host, o).holds(e, s))
    turn.fail("I11 acknowledgements are held", `${what}, and does not hold it`);
  const committed = ghost.log(host.partition, o).isCommitted(e, s);
  if ((concern === "majority" || concern === "all") && !committed) {
    // Not spoken of as committed yet: then a majority has to hold it all the same.
    if (holding.length < ghost.majority)
      turn.fail(
        "I11 acknowledgements are held",
        `${what}, and only ${holding.map((peer) => peer.name).join(", ")} hold it`,
      );
  }
  if (concern === "one" && holding.length < 2)
    turn.fail("I11 acknowledgements are held", `${what}, and nobody else holds it`);
  if (concern === "all" && holding.length < turn.peers.length)
    turn.fail(
      "I11 acknowledgements are held",
      `${what}, and only ${holding.map((peer) => peer.name).join(", ")} hold it`,
    );
}

/** I15: at most one replica could act as the leader of a log now. */
export function oneLeaderAtATime(turn: Turn): void {
  if (!turn.clocksKept) return;
  const { ghost, host } = turn;
  for (const { o, openedBefore, openedAfter } of turn.deltas) {
    if (openedAfter === openedBefore) continue;
    const reigning = turn.peers.filter((peer) => {
      const { acceptor, standing } = ghost.mirror(peer, o);
      const now = peer.now();
      return (
        standing.opened &&
        standing.e === acceptor.promised &&
        now >= standing.ackAfter &&
        now < standing.leaseUntil
      );
    });
    if (reigning.length > 1)
      turn.fail(
        "I15 one leader at a time",
        `${reigning.map((peer) => `${peer.name} in ${ghost.mirror(peer, o).standing.e}`).join(" and ")} of log ${o}`,
      );
    judgeReigns(turn, o, reigning.includes(host) ? openedAfter.e : 0, "holds a lease");
  }
}

/** I16: who acknowledges, or answers as the leader, leads with the greatest epoch that could act, and nobody else could. */
export function actsOnlyWhoLeads(turn: Turn): void {
  for (const { reply, request } of turn.answered) {
    for (const acts of relyingOnLeading({ reply, request })) judgeActing(turn, acts);
  }
}

function judgeActing(turn: Turn, acts: Acting): void {
  const { ghost, host } = turn;
  const log = ghost.log(host.partition, acts.o);
  const { standing, acceptor } = ghost.mirror(host, acts.o);
  const e = standing.e;
  const what = `${host.name} ${acts.what} in epoch ${e} of log ${acts.o}`;
  if (e === 0 || leaderOf(e) !== host.region || acceptor.promised !== e) {
    turn.fail("I16 acts only who leads", `${what} with ${acceptor.promised} promised`);
    return;
  }
  if (!standing.opened) turn.fail("I16 acts only who leads", `${what}, which is not open`);
  if (turn.now < standing.ackAfter)
    turn.fail("R6 acknowledgements are deferred", `${what} ${standing.ackAfter - turn.now} ms too early`);
  if (!turn.clocksKept) return;
  const covered = acts.position !== null && log.isCommitted(acts.position.e, acts.position.s);
  const byLease = turn.now < standing.leaseUntil;
  if (acts.lease && !byLease && !covered)
    turn.fail("I16 acts only who leads", `${what} ${turn.now - standing.leaseUntil} ms after its lease`);
  if (e < log.actedEpoch && !covered)
    turn.fail("I16 acts only who leads", `${what}, and ${log.actedEpoch} acted before`);
  // A majority-committed write needs no lease; a read by a round may race a successor that has not acted.
  if (acts.lease && !covered) judgeReigns(turn, acts.o, e, acts.what);
  log.actedEpoch = Math.max(log.actedEpoch, e);
}

function judgeReigns(turn: Turn, o: number, e: number, what: string): void {
  if (e === 0) return;
  for (const reign of turn.ghost.log(turn.host.partition, o).reigns) {
    if (reign.e === e || turn.at < reign.from || turn.at >= reign.until) continue;
    turn.fail(
      "I15 one leader at a time",
      `${turn.host.name} ${what} in epoch ${e} of log ${o}, and epoch ${reign.e} reigns until ${reign.until.toFixed(0)}`,
    );
  }
}

interface Acting {
  readonly o: number;
  readonly what: string;
  /** A lease is what it stands on, unless the entry is committed. */
  readonly lease: boolean;
  readonly position: Position | null;
}

/** What of an answer relies on being a leader. */
function relyingOnLeading({ reply, request }: Pick<Answered, "reply" | "request">): Acting[] {
  if (reply.kind === "written") {
    const local = request.op === "write" && (request.concern === "local" || request.concern === "one");
    // What an earlier home's log holds is told by the leader of the present one, unless it has sent us there.
    const elsewhere = reply.replayed && !(request.op === "write" && request.asking === true);
    return [
      {
        o: elsewhere ? reply.facts.home : reply.receipt.position.o,
        what: `acknowledges ${position(reply.receipt.position)}`,
        lease: local,
        position: reply.receipt.position,
      },
    ];
  }
  if (request.op === "read" && (reply.kind === "item" || reply.kind === "list") && request.stale !== true) {
    // A strong read may stand on a round of its own, which the linearizability checker judges.
    if (request.level === "leader" || request.level === "strong")
      return [{ o: reply.facts.home, what: `answers at ${request.level}`, lease: false, position: null }];
  }
  if (request.op === "read-many" && reply.kind === "items" && request.stale !== true) {
    if (request.level !== "leader" && request.level !== "strong") return [];
    const homes = new Set(reply.items.flatMap((item) => (item.kind === "item" ? [item.home] : [])));
    const what = `answers several at ${request.level}`;
    return [...homes].map((o) => ({ o, what, lease: false, position: null }));
  }
  return [];
}

/** While a snapshot is taken over nothing is read and nothing is written. */
export function nothingIsReadFromHalfAnImage(turn: Turn): void {
  if (!turn.restoring) return;
  for (const { reply, request } of turn.answered) {
    const shows =
      ["item", "list", "items", "written", "home", "unknown-user"].includes(reply.kind) ||
      (reply.kind === "refused" && ["not-found", "precondition-failed", "no-user"].includes(reply.reason));
    if (shows)
      turn.fail(
        "I28 nothing is read from half an image",
        `${turn.host.name} answers ${request.op} of ${"user" in request ? request.user : "nobody"} with ${reply.kind} while it takes a snapshot over`,
      );
  }
}

/** I20, I21: an answer with a token shows at least what the token knows, except what it reports as lost; lost means lost. */
export function tokensAreCovered(turn: Turn): void {
  const { host, ghost } = turn;
  for (const { o, removed } of turn.deltas)
    for (const tail of removed) ghost.mirror(host, o).noteCut(tail, turn.at);
  for (const { reply, request, askedAt } of turn.answered) {
    const lost =
      reply.kind === "refused" && reply.reason === "session-lost"
        ? reply.lost
        : reply.kind === "item" || reply.kind === "list" || reply.kind === "items"
          ? (reply.lost ?? [])
          : reply.kind === "items-lost"
            ? reply.lost
            : [];
    for (const one of lost) judgeLost(turn, one, "a session");
    if (reply.kind === "items") for (const one of reply.many.lostNeeds) judgeLost(turn, one, "a cut");
    if (reply.kind === "receipt" && reply.state === "lost")
      judgeLost(turn, reply.receipt.position, "a receipt");
    if (request.op !== "read" && request.op !== "read-many") continue;
    if (!["item", "list", "items"].includes(reply.kind) || request.stale === true) continue;
    const promised = ["session", "leader", "strong"].includes(request.level) ? request.session.positions : [];
    const needs = request.op === "read-many" ? (request.needs ?? []) : [];
    const needsLost = reply.kind === "items" ? reply.many.lostNeeds : [];
    const asked = request.op === "read" ? request.user : `${request.reads.length} items`;
    for (const seen of [...promised, ...needs]) {
      if (needsLost.some((one) => one.o === seen.o && one.e === seen.e && one.s === seen.s)) continue;
      if (lost.some((one) => one.o === seen.o && one.e === seen.e && one.s === seen.s)) continue;
      const mirror = ghost.mirror(host, seen.o);
      const inBase = seen.s <= mirror.base.s && ghost.log(host.partition, seen.o).isCommitted(seen.e, seen.s);
      if (inBase || (mirror.rows.get(seen.s)?.e === seen.e && seen.s <= mirror.applied)) continue;
      // What waits to be told was worked out while it was there.
      if (mirror.heldSince(seen.e, seen.s, askedAt)) continue;
      turn.fail(
        "I20 tokens are covered",
        `${host.name} answers a read of ${asked} at ${request.level} without ${position(seen)} that it has to cover`,
      );
    }
  }
}

function judgeLost(turn: Turn, lost: Position, by: string): void {
  const log: LogGhost = turn.ghost.log(turn.host.partition, lost.o);
  if (log.isCommitted(lost.e, lost.s))
    turn.fail(
      "I21 lost is final",
      `${turn.host.name} tells ${by} that ${position(lost)} is lost, and it is committed`,
    );
  log.lost.set(`${lost.e}.${lost.s}`, `lost to ${by} by ${turn.host.name} at ${turn.at.toFixed(0)}`);
}

/** A write is refused for a lost token; and whatever a write saw becomes a dependency of it. */
export function writesFollowReads(turn: Turn): void {
  for (const { reply, request } of turn.answered) {
    if (reply.kind !== "written" || request.op !== "write" || reply.replayed) continue;
    const { o, e, s } = reply.receipt.position;
    const entry = turn.ghost.log(turn.host.partition, o).known(e, s)?.entry;
    if (entry === undefined) continue;
    for (const seen of request.session.positions) {
      if (seen.o === o) {
        const mirror = turn.ghost.mirror(turn.host, o);
        if (seen.s >= s || (seen.s > mirror.base.s && mirror.epochAt(seen.s) !== seen.e))
          turn.fail(
            "I20 writes follow reads",
            `${position(reply.receipt.position)} was written by a session that has ${position(seen)}`,
          );
      } else if (
        !entry.deps.some(
          (dep) => dep.o === seen.o && (dep.e > seen.e || (dep.e === seen.e && dep.s >= seen.s)),
        )
      ) {
        const implied = turn.ghost.log(turn.host.partition, o).known(e, s);
        if (implied !== undefined && !impliedBefore(turn, o, e, s, seen))
          turn.fail(
            "I20 writes follow reads",
            `${position(reply.receipt.position)} does not depend on ${position(seen)} of its token`,
          );
      }
    }
  }
}

/** An earlier entry of the same log may carry the dependency. */
function impliedBefore(turn: Turn, o: number, e: number, s: number, seen: Position): boolean {
  const log = turn.ghost.log(turn.host.partition, o);
  for (let at = log.known(e, s); at !== undefined; at = log.known(at.prevE, at.raw.s - 1)) {
    if (
      at.entry.deps.some(
        (dep) => dep.o === seen.o && (dep.e > seen.e || (dep.e === seen.e && dep.s >= seen.s)),
      )
    )
      return true;
  }
  // A position that this replica judges lost needs no dependency: the write was refused then, or it is superseded for good.
  return (
    log.partition === turn.host.partition &&
    turn.ghost.log(log.partition, seen.o).isSuperseded(seen.e, seen.s)
  );
}
