/**
 * Invariants of logs, promises and commit positions (I1-I10, I18, I26, I27 of the protocol): judged after every turn, on what
 * the turn changed.
 */
import { EntryKind } from "../../src/replication/entry.ts";
import type { PeerReply, PeerRequest } from "../../src/replication/message.ts";
import { leaderOf } from "../../src/replication/position.ts";
import { isRedactionOf } from "./erasures.ts";
import { chainAfter } from "./ghost.ts";
import { hasForgotten } from "./invariants-takeover.ts";
import type { Mirror } from "./mirror.ts";
import type { Turn } from "./turn.ts";
import { USURPER } from "./usurper.ts";

/** I1, I2, I3, I18: what an entry is when it is first seen, and that it is the same wherever it is seen again. */
export function entriesAreWhatTheirWriterWrote(turn: Turn): void {
  const { host, ghost } = turn;
  for (const { o, appended } of turn.deltas) {
    const log = ghost.log(host.partition, o);
    for (const row of appended) {
      const place = `${row.e}.${row.s} of log ${host.partition}/${o} at ${host.name}`;
      const first = log.known(row.e, row.s) === undefined;
      const known = ghost.created(host.partition, o, row, {
        prevE: row.prevE,
        by: host.region,
        at: turn.at,
      });
      const { entry } = known;
      known.holders.add(host.region);
      if (first) {
        if (leaderOf(row.e) !== host.region)
          turn.fail(
            "I1 single writer",
            `${place} was first seen there, and its epoch belongs to region ${leaderOf(row.e)}`,
          );
        if (entry.o !== o || entry.e !== row.e || entry.s !== row.s)
          turn.fail("I1 single writer", `${place} says that it is ${entry.o}.${entry.e}.${entry.s}`);
        const closed = log.closedHlc.get(row.e) ?? 0;
        if (turn.clocksKept && entry.hlc <= closed)
          turn.fail("I18 clocks of a log grow", `${place} has hlc ${entry.hlc}, and ${closed} was closed`);
      }
      if (
        Buffer.compare(known.raw.bytes, row.bytes) !== 0 &&
        !isRedactionOf(ghost, host.partition, known, row.bytes)
      )
        turn.fail("I3 log matching", `${place} has other bytes than the first time`);
      if (known.prevE !== row.prevE)
        turn.fail(
          "I3 log matching",
          `${place} follows epoch ${row.prevE}, and epoch ${known.prevE} where it was first seen`,
        );
      if (known.chain !== null && Buffer.compare(known.chain, row.chain) !== 0)
        turn.fail("I3 log matching", `${place} has another chain hash`);
      known.chain ??= row.chain;
      const before = row.s > 1 ? log.known(row.prevE, row.s - 1) : undefined;
      if (before !== undefined && before.entry.hlc >= entry.hlc)
        turn.fail("I18 clocks of a log grow", `${place} has hlc ${entry.hlc} after ${before.entry.hlc}`);
      if (row.prevE > row.e) turn.fail("I2 epochs grow along a log", `${place} follows epoch ${row.prevE}`);
      if ((row.prevE !== row.e) !== (entry.kind === EntryKind.open))
        turn.fail(
          "I2 epochs begin with their OPEN",
          `${place} is of kind ${entry.kind} after epoch ${row.prevE}`,
        );
    }
  }
}

/** I3: the chain hash is the hash of what stands before and the entry's bytes. */
export function chainsHash(turn: Turn): void {
  for (const { o, appended } of turn.deltas) {
    const log = turn.ghost.log(turn.host.partition, o);
    for (const row of appended) {
      const before = log.known(row.prevE, row.s - 1)?.chain;
      if (row.s <= 1 || before === null || before === undefined) continue;
      // What the hash was computed from is gone; that it is the same as ever is checked above.
      if (turn.ghost.decode(row.bytes).kind === EntryKind.redacted) continue;
      if (Buffer.compare(chainAfter(before, row.bytes), row.chain) !== 0)
        turn.fail(
          "I3 log matching",
          `chain of ${row.e}.${row.s} in log ${o} at ${turn.host.name} does not follow from the one before`,
        );
    }
  }
}

/** I4: rows cover exactly (base, last], applied is a prefix. I13: applying goes in order, nothing twice. */
export function logsAreContiguous(turn: Turn): void {
  for (const delta of turn.deltas) {
    if (
      delta.appended.length === 0 &&
      delta.removed.length === 0 &&
      delta.applied.length === 0 &&
      delta.baseAfter === delta.baseBefore
    )
      continue;
    const mirror = turn.ghost.mirror(turn.host, delta.o);
    const name = `log ${delta.o} at ${turn.host.name}`;
    if (mirror.rows.size !== mirror.last.s - mirror.base.s)
      turn.fail(
        "I4 rows cover the log",
        `${name}: ${mirror.rows.size} rows between base ${mirror.base.s} and last ${mirror.last.s}`,
      );
    for (const s of delta.applied)
      if (s > mirror.applied)
        turn.fail(
          "I13 applied in order",
          `${name}: ${s} is applied, and only ${mirror.applied} are without a gap`,
        );
  }
}

/** I5: what a voter promised never decreases. */
export function promisesNeverDecrease(turn: Turn): void {
  for (const { o, acceptorBefore: before, acceptorAfter: after } of turn.deltas) {
    if (after === before) continue;
    const name = `log ${o} at ${turn.host.name}`;
    if (after.promised < before.promised)
      turn.fail("I5 promises never decrease", `${name}: promised ${after.promised} after ${before.promised}`);
    if (after.maxCounter < before.maxCounter)
      turn.fail(
        "I5 promises never decrease",
        `${name}: counter ${after.maxCounter} after ${before.maxCounter}`,
      );
    if (after.leaderE === before.leaderE && after.leaderInc < before.leaderInc)
      turn.fail(
        "I5 promises never decrease",
        `${name}: leader's incarnation ${after.leaderInc} after ${before.leaderInc}`,
      );
  }
}

/** I6: nothing of an epoch below the promise is accepted, nor of an older instance of the leader. Nothing promised twice. */
export function nothingStaleIsAccepted(turn: Turn): void {
  for (const { o, appended: all, acceptorBefore: before } of turn.deltas) {
    // What this replica wrote itself in the same turn was carried by nobody.
    const appended = all.filter((row) => leaderOf(row.e) !== turn.host.region || row.e < before.promised);
    if (appended.length === 0) continue;
    const carriers = epochsCarried(turn, o);
    if (carriers.length === 0) continue;
    const name = `log ${o} at ${turn.host.name}`;
    if (carriers.every(({ e }) => e < before.promised))
      turn.fail(
        "I6 nothing stale is accepted",
        `${name} took entries of epoch ${carriers[0]?.e} with ${before.promised} promised`,
      );
    if (carriers.every(({ e, inc }) => inc !== undefined && e === before.leaderE && inc < before.leaderInc)) {
      turn.fail(
        "I6 nothing stale is accepted",
        `${name} took entries of incarnation ${carriers[0]?.inc} after ${before.leaderInc}`,
      );
    }
  }
  for (const effect of turn.effects) {
    if (effect.type !== "reply" || turn.event.type !== "peer" || turn.event.message.type !== "prepare")
      continue;
    const { o, b } = turn.event.message;
    const before = turn.deltas[o]?.acceptorBefore.promised ?? 0;
    if (effect.message.type !== "promise") continue;
    if (b <= before)
      turn.fail(
        "R1 a promise is for a greater ballot",
        `log ${o} at ${turn.host.name} promises ${b} after ${before}`,
      );
    // More may be promised already: the same turn may have begun a campaign of its own.
    if ((turn.deltas[o]?.acceptorAfter.promised ?? 0) < b)
      turn.fail(
        "R1 a promise is durable",
        `log ${o} at ${turn.host.name} promises ${b} and stores ${turn.deltas[o]?.acceptorAfter.promised}`,
      );
  }
}

function epochsCarried(turn: Turn, o: number): { e: number; inc: number | undefined }[] {
  const { event } = turn;
  if (event.type === "peer" && event.message.type === "append" && event.message.o === o)
    return [{ e: event.message.e, inc: event.message.inc }];
  if (event.type === "batch")
    return event.messages.flatMap((message) =>
      message?.o === o ? [{ e: message.e, inc: message.inc }] : [],
    );
  return [];
}

/** I8: at the moment an epoch opens its leader's log has every committed entry. */
export function leadersAreComplete(turn: Turn): void {
  const { host, ghost } = turn;
  for (const { o, appended } of turn.deltas) {
    const opens = appended.find((row) => leaderOf(row.e) === host.region && row.prevE !== row.e);
    if (opens === undefined) continue;
    const mirror = ghost.mirror(host, o);
    if (opens.e > mirror.ownEpoch) {
      mirror.ownEpoch = opens.e;
      mirror.ownStart = opens.s;
      mirror.ownMatches.clear();
    }
    const log = ghost.log(host.partition, o);
    // Somebody who has lost its memory gets its own entries back from others.
    if ((log.known(opens.e, opens.s)?.holders.size ?? 0) > 1) continue;
    for (let s = mirror.base.s + 1; s <= log.commit && s < opens.s; s++) {
      if (mirror.epochAt(s) === log.committed[s]) continue;
      turn.fail(
        "I8 leader completeness",
        `${host.name} opens ${opens.e} of log ${o} at ${opens.s}, without the committed ${log.committed[s]}.${s}`,
      );
      break;
    }
    if (log.commit >= opens.s)
      turn.fail(
        "I8 leader completeness",
        `${host.name} opens ${opens.e} of log ${o} at ${opens.s}, and ${log.commit} is committed`,
      );
  }
}

/** I10: nothing committed is cut off; what was accepted goes only where a greater epoch is promised. I27: compaction stays below the commit. */
export function nothingCommittedIsCut(turn: Turn): void {
  const { host, ghost } = turn;
  // It gives up what it does not know to be committed, and is counted nowhere until it has it again.
  const mayCut = hasForgotten(host);
  for (const { o, removed, baseBefore, baseAfter, acceptorAfter } of turn.deltas) {
    const log = ghost.log(host.partition, o);
    for (const { e, s } of removed) {
      if (s <= baseAfter.s || mayCut) continue;
      if (log.isCommitted(e, s))
        turn.fail("I10 nothing committed is cut", `${e}.${s} of log ${o} at ${host.name} is gone`);
      if (e >= acceptorAfter.promised && e > 0)
        turn.fail(
          "I10 nothing accepted is cut within its epoch",
          `${e}.${s} of log ${o} at ${host.name} is gone with ${acceptorAfter.promised} promised`,
        );
    }
    if (baseAfter === baseBefore) continue;
    // What is compacted is thereby called committed.
    if (baseAfter.s > log.commit)
      ghost.claim(host.partition, o, baseAfter.s, baseAfter.e, `${host.name} by compaction`);
    if (!log.isCommitted(baseAfter.e, baseAfter.s) && baseAfter.s > 0)
      turn.fail(
        "I27 only the committed is compacted",
        `${host.name} begins log ${o} at ${baseAfter.e}.${baseAfter.s}; ${log.commit} is committed`,
      );
  }
}

/** R4, as a leader may do it: counts what voters acknowledge to this replica, and only through entries of its own epoch. */
export function countsAcknowledgements(turn: Turn): void {
  const { event, host, ghost } = turn;
  if (event.type === "answer" && event.message.type === "append-ok") {
    for (const mirror of ghost.mirrors(host))
      if (mirror.ownEpoch === event.message.e) count(mirror, event.from, event.message.match, ghost.majority);
  }
  if (event.type === "peer" && event.message.type === "progress") {
    const mirror = ghost.mirror(host, event.message.o);
    if (mirror.ownEpoch === event.message.e) count(mirror, event.from, event.message.match, ghost.majority);
  }
}

function count(mirror: Mirror, from: number, match: number, majority: number): void {
  mirror.ownMatches.set(from, Math.max(mirror.ownMatches.get(from) ?? 0, match));
  const held = [mirror.last.s, ...mirror.ownMatches.values()].toSorted((a, b) => b - a)[majority - 1] ?? 0;
  if (held >= mirror.ownStart) mirror.counted = Math.max(mirror.counted, held);
}

/** I7, I9: every commit position that is spoken of. R4: a leader moves it on by an entry of its own epoch. */
export function commitsAreValid(turn: Turn): void {
  const { host, ghost } = turn;
  for (const { o, s, why, exact } of commitsSpokenOf(turn)) {
    const mirror = ghost.mirror(host, o);
    if (s <= mirror.claimed || s <= mirror.base.s) continue;
    const e = mirror.epochAt(s);
    if (e === undefined) {
      turn.fail(
        "I4 commit is within the log",
        `${host.name} says in ${why} that log ${o} is committed through ${s}; its last is ${mirror.last.s}`,
      );
      continue;
    }
    const log = ghost.log(host.partition, o);
    if (exact && s > log.commit && s > mirror.counted) {
      turn.fail(
        "R4 only the own epoch is counted",
        `${host.name} is the first to call ${e}.${s} of log ${o} committed (${why}), and counting entries of its own epochs gives ${mirror.counted}; it led ${mirror.ownEpoch} last`,
      );
    }
    ghost.claim(host.partition, o, s, e, `${host.name} in ${why}`);
    mirror.claimed = s;
  }
}

interface Spoken {
  readonly o: number;
  readonly s: number;
  readonly why: string;
  /** The commit position itself; otherwise something at or below it. */
  readonly exact: boolean;
}

function commitsSpokenOf(turn: Turn): Spoken[] {
  const spoken: Spoken[] = [];
  // A home that the anchor's leader tells of is one: whoever hears it may say so.
  for (const { request, reply } of turn.answered) {
    const certain = request.op === "claim" || (request.op === "home" && request.certain);
    if (certain && reply.kind === "home" && reply.position.o === turn.host.config.anchor)
      spoken.push({ o: reply.position.o, s: reply.position.s, why: "a claim's answer", exact: false });
  }
  for (const effect of turn.effects) {
    if (effect.type === "call" && effect.message.type === "append")
      spoken.push({ o: effect.message.o, s: effect.message.commit, why: "an append", exact: true });
    if (effect.type === "enqueue")
      for (const batch of effect.messages)
        spoken.push({ o: batch.o, s: batch.commit, why: "a batch", exact: true });
    if (effect.type === "feed")
      spoken.push({ o: effect.cursor.o, s: effect.cursor.s, why: "a message of a feed", exact: false });
    if (effect.type === "reply") spoken.push(...commitsReplied(turn.requestOf(effect.id), effect.message));
    if (effect.type === "respond") {
      const { reply } = effect;
      // A page without changes may give a cursor back that this replica has not come to yet.
      const told = reply.kind === "changes" ? reply.changes.at(-1)?.position : undefined;
      const anew = reply.kind === "refused" && reply.reason === "cursor-expired" ? reply.cursor : undefined;
      const shown = told ?? anew;
      if (shown !== undefined) spoken.push({ o: shown.o, s: shown.s, why: "a page of a feed", exact: false });
      if ((reply.kind === "written" || reply.kind === "concern-timeout") && reply.receipt.committed)
        spoken.push({
          o: reply.receipt.position.o,
          s: reply.receipt.position.s,
          why: "a receipt",
          exact: false,
        });
      if (reply.kind === "receipt" && reply.state === "committed")
        spoken.push({
          o: reply.receipt.position.o,
          s: reply.receipt.position.s,
          why: "a receipt's state",
          exact: false,
        });
      if ("facts" in reply)
        for (const { o, s, durable } of reply.facts.shown)
          if (durable) spoken.push({ o, s, why: "a durable position", exact: false });
    }
  }
  return spoken;
}

function commitsReplied(request: PeerRequest | undefined, message: PeerReply): Spoken[] {
  if (request === undefined || !("o" in request)) return [];
  const { o } = request;
  if (message.type === "pull-ok" || message.type === "promise" || message.type === "close-reply")
    return [{ o, s: message.commit, why: message.type, exact: true }];
  return [];
}

/** I18: notes what leaders close. I26: entries that are sent are stored by their sender, as they were written. */
export function onlyTheStoredIsSent(turn: Turn): void {
  const { host, ghost } = turn;
  for (const effect of turn.effects) {
    if (effect.type === "call" && effect.message.type === "append" && effect.message.closed !== undefined) {
      const log = ghost.log(host.partition, effect.message.o);
      const { e, closed } = effect.message;
      log.closedHlc.set(e, Math.max(log.closedHlc.get(e) ?? 0, closed.hlc));
    }
    const sent =
      effect.type === "call" && effect.message.type === "append"
        ? [effect.message]
        : effect.type === "enqueue"
          ? effect.messages
          : [];
    for (const { o, entries, prev } of sent) {
      const mirror = ghost.mirror(host, o);
      for (const [n, { e, s }] of entries.entries()) {
        if (s !== prev.s + 1 + n)
          turn.fail(
            "I27 no silent gap",
            `${host.name} sends ${e}.${s} of log ${o} as number ${n} after ${prev.s}`,
          );
        if (!mirror.holds(e, s))
          turn.fail(
            "I26 only the stored is sent",
            `${host.name} sends ${e}.${s} of log ${o} and does not hold it`,
          );
      }
    }
    if (effect.type === "reply" && effect.message.type === "pull-ok") {
      const { prev, entries } = effect.message;
      for (const [n, { s }] of entries.entries())
        if (s !== prev.s + 1 + n)
          turn.fail(
            "I27 no silent gap",
            `${host.name} answers a pull with ${s} as number ${n} after ${prev.s}`,
          );
    }
    if (
      effect.type === "reply" &&
      effect.message.type === "append-ok" &&
      turn.event.type === "peer" &&
      turn.event.message.type === "append"
    ) {
      const { o, e } = turn.event.message;
      const { match } = effect.message;
      const mirror = ghost.mirror(host, o);
      // What a voter acknowledges must be on its disk, and in the history of the epoch that asked.
      if (match > mirror.last.s)
        turn.fail(
          "I6 an acknowledgement is of what is stored",
          `${host.name} acknowledges log ${o} through ${match} and has ${mirror.last.s}`,
        );
      else if (match > mirror.base.s && !inHistoryOf(turn, o, e, match))
        turn.fail(
          "I6 an acknowledgement is of the leader's log",
          `${host.name} acknowledges log ${o} of epoch ${e} through ${match}, and has ${mirror.epochAt(match)}.${match}`,
        );
    }
  }
}

/** Whether the replica's entry at s is in the log of the epoch's leader. */
function inHistoryOf(turn: Turn, o: number, e: number, s: number): boolean {
  const log = turn.ghost.log(turn.host.partition, o);
  const mine = turn.ghost.mirror(turn.host, o).epochAt(s);
  if (mine === e) return true;
  // The leader's entry at s, found from any entry of its epoch by the history that entries state.
  for (const known of log.entries.values()) {
    if (known.raw.e !== e || known.entry.kind !== EntryKind.open) continue;
    let at = { e: known.prevE, s: known.raw.s - 1 };
    while (at.s > s) at = { e: log.known(at.e, at.s)?.prevE ?? -1, s: at.s - 1 };
    return at.s === s && at.e === mine;
  }
  return leaderOf(e) === USURPER;
}
