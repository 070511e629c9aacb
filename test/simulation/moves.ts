/**
 * I23, I24: at no point do two logs take a user's writes, and the home changes in the same order everywhere. Judged on each
 * entry when it is written, and on when acknowledged writes were taken.
 *
 * Counts, too, at which step of a move a leader that had a part in it died.
 */
import type { Event } from "../../src/replication/effect.ts";
import { type Entry, EntryKind } from "../../src/replication/entry.ts";
import { leaderOf, samePosition, type Position } from "../../src/replication/position.ts";
import { position } from "./describe.ts";
import type { Ghost, Known } from "./ghost.ts";
import type { Host } from "./host.ts";
import { isLeaver } from "./leaver-name.ts";
import { storyBefore } from "./story.ts";
import type { Tally } from "./tally.ts";
import type { Turn } from "./turn.ts";

const STEPS: ReadonlySet<number> = new Set([
  EntryKind.handoffOut,
  EntryKind.handoffIn,
  EntryKind.handoffRefuse,
  EntryKind.handoffAbort,
]);

interface Move {
  readonly user: string;
  readonly from: number;
  readonly to: number;
  readonly out: Known;
  answer: Known | null;
  step: Step;
  /** The home was told that the answer is committed. */
  told: boolean;
}

/** 1: OUT written; 2: committed; 3: answered by IN, 4: by REFUSE; 5: the answer is committed, and the home was not told; 0: over. */
type Step = 0 | 1 | 2 | 3 | 4 | 5;

/** Real times at which writes were taken that were acknowledged later, of one user under one version of their home. */
interface Taken {
  first: number;
  last: number;
}

export class MoveWatch {
  /** By partition. */
  readonly #moves = new Map<number, Move[]>();
  /** By partition and user. */
  readonly #movers = new Set<string>();
  readonly #taken = new Map<string, Map<number, Taken>>();
  readonly #ghost: Ghost;
  /** Something has happened at which this object may well die. */
  readonly #aimAt: (host: Host) => void;

  constructor(ghost: Ghost, aimAt: (host: Host) => void) {
    this.#ghost = ghost;
    this.#aimAt = aimAt;
  }

  watch(turn: Turn): void {
    for (const { o, appended } of turn.deltas) {
      const log = turn.ghost.log(turn.host.partition, o);
      for (const { e, s } of appended) {
        const known = log.known(e, s);
        if (known !== undefined && leaderOf(e) === turn.host.region) this.#written(turn, known);
      }
    }
    if (turn.clocksKept) this.#acknowledged(turn);
    for (const move of this.#all(turn.host.partition)) {
      if (move.step === 0) continue;
      const { answer } = move;
      if (answer !== null && homeOf(move) === turn.host.region)
        move.told ||= commitToldBy(turn.event, move.to) >= answer.entry.s;
      const step = this.#stepOf(move, turn.host.partition, turn.peers);
      if (step === move.step) continue;
      move.step = step;
      for (const side of [homeOf(move), move.to]) if (step !== 0) this.#aimAt(turn.peers[side]!);
    }
  }

  /** A leader that has a part in a move dies. */
  died(host: Host, tally: Tally): void {
    for (const move of this.#all(host.partition)) {
      if (move.step === 0 || (homeOf(move) !== host.region && move.to !== host.region)) continue;
      const side = move.to === host.region ? "target" : "home";
      tally.add(`rare: the ${side} of a move dies at step ${move.step}`);
    }
  }

  #stepOf({ out, answer, from, told }: Move, partition: number, peers: readonly Host[]): Step {
    const home = peers[homeOf({ out })]!;
    const { e, s } = out.entry;
    if (answer === null) {
      if (isCommitted(this.#ghost, partition, out.entry)) return 2;
      // Cut off: there never was a move.
      return this.#ghost.mirror(home, from).rows.get(s)?.e === e ? 1 : 0;
    }
    if (!isCommitted(this.#ghost, partition, answer.entry))
      return answer.entry.kind === EntryKind.handoffIn ? 3 : 4;
    return told ? 0 : 5;
  }

  #written(turn: Turn, known: Known): void {
    const { entry } = known;
    const name = `${turn.host.partition}/${entry.user}`;
    if (STEPS.has(entry.kind)) {
      this.#movers.add(name);
      this.#step(turn, known);
    } else if (entry.kind === EntryKind.txn && this.#movers.has(name)) this.#txn(turn, known);
  }

  #step(turn: Turn, known: Known): void {
    const { ghost, host, tally } = turn;
    const { entry } = known;
    const { kind, handoff } = entry;
    if (handoff === undefined) return turn.fail("I24 moves", `${placeOf(entry)} says nothing of its move`);
    const { from, to, out } = handoff;
    if (kind === EntryKind.handoffOut) {
      tally.add("moves begun");
      this.#all(host.partition).push({
        user: entry.user,
        from,
        to,
        out: known,
        answer: null,
        step: 1,
        told: false,
      });
      for (const side of [turn.host.region, to]) this.#aimAt(turn.peers[side]!);
      return this.#txn(turn, known);
    }
    if (out === undefined) return turn.fail("I24 moves", `${placeOf(entry)} names no OUT`);
    if (kind === EntryKind.handoffAbort) {
      tally.add("moves aborted");
      const refused = entry.deps[0];
      const refuse =
        refused === undefined ? undefined : ghost.log(host.partition, to).known(refused.e, refused.s);
      const sound =
        refuse?.entry.kind === EntryKind.handoffRefuse &&
        refuse.entry.handoff?.out !== undefined &&
        samePosition(refuse.entry.handoff.out, out) &&
        isKnownCommitted(turn, refuse.entry);
      if (!sound)
        turn.fail(
          "I23 one log for a user",
          `${placeOf(entry)} goes on with ${entry.user}, whom ${to} has not refused for good`,
        );
      return;
    }
    tally.add(kind === EntryKind.handoffIn ? "moves arrived" : "moves refused");
    const move = this.#all(host.partition).find((one) => samePosition(one.out.entry, out));
    if (move !== undefined) move.answer = known;
    if (!isKnownCommitted(turn, out) || !entry.deps.some((dep) => samePosition(dep, out)))
      turn.fail(
        "I24 the OUT comes first",
        `${placeOf(entry)} answers ${position(out)}, which is not committed, or does not depend on it`,
      );
    for (
      let at = before(ghost, host.partition, known);
      at !== undefined;
      at = before(ghost, host.partition, at)
    ) {
      const other = at.entry.handoff;
      if (at.entry.kind === EntryKind.handoffOut || other?.out === undefined || !samePosition(other.out, out))
        continue;
      turn.fail(
        "I23 one log for a user",
        `${placeOf(entry)} answers ${position(out)} after ${placeOf(at.entry)} did`,
      );
    }
  }

  /** The last that its own log says of the user is that they are here. */
  #txn(turn: Turn, known: Known): void {
    const { entry } = known;
    const claims = (turn.ghost.logs[turn.host.partition] ?? []).flatMap((log) =>
      [...log.entries.values()]
        .map(({ entry: one }) => one)
        .filter(({ kind, user }) => kind === EntryKind.claim && user === entry.user),
    );
    /** Erased in another log, and come again under the same name: the claim says so. */
    const cameAgain = (left: Entry): boolean =>
      claims.some(
        ({ claim, hlc }) =>
          claim?.home === entry.o && claim.version > (left.handoff?.version ?? 0) && hlc < entry.hlc,
      );
    for (const { entry: earlier } of storyBefore(turn.ghost, turn.host.partition, known, entry.user)) {
      if (earlier.kind === EntryKind.handoffOut && cameAgain(earlier)) return;
      if (earlier.o !== entry.o || earlier.kind === EntryKind.handoffOut)
        turn.fail(
          "I23 one log for a user",
          `${placeOf(entry)} is ${entry.user}'s, who left with ${placeOf(earlier)}`,
        );
      if (STEPS.has(earlier.kind) && earlier.kind !== EntryKind.handoffRefuse) return;
      if (earlier.kind === EntryKind.claim) return;
    }
    // No step of a move stands before it in this log: then the user was claimed for it.
    if (claims.length > 0 && !claims.some(({ claim }) => claim?.home === entry.o))
      turn.fail("I23 one log for a user", `${placeOf(entry)} is ${entry.user}'s, who never came there`);
  }

  #acknowledged(turn: Turn): void {
    const { ghost, host } = turn;
    for (const { reply, request } of turn.answered) {
      if (request.op !== "write" || reply.kind !== "written" || reply.replayed || isLeaver(request.user))
        continue;
      const { o, e, s } = reply.receipt.position;
      const known = ghost.log(host.partition, o).known(e, s);
      const name = `${host.partition}/${request.user}`;
      if (known?.at === undefined || !this.#movers.has(name)) continue;
      let version = 0;
      for (const { entry } of storyBefore(ghost, host.partition, known, request.user)) {
        if (entry.kind !== EntryKind.handoffIn) continue;
        version = entry.handoff?.version ?? 0;
        if (!isKnownCommitted(turn, entry))
          turn.fail(
            "I23 one log for a user",
            `${host.name} acknowledges ${position({ o, e, s })} before ${placeOf(entry)} is committed`,
          );
        break;
      }
      const taken = this.#taken.get(name) ?? new Map<number, Taken>();
      this.#taken.set(name, taken);
      for (const [other, { first, last }] of taken) {
        if ((other > version && first < known.at) || (other < version && last > known.at))
          turn.fail(
            "I23 one log for a user",
            `${position({ o, e, s })} of ${request.user} was taken at ${known.at} under version ${version}, while writes were taken under ${other}`,
          );
      }
      const own = taken.get(version) ?? { first: Infinity, last: -Infinity };
      taken.set(version, { first: Math.min(own.first, known.at), last: Math.max(own.last, known.at) });
    }
  }

  #all(partition: number): Move[] {
    const moves = this.#moves.get(partition) ?? [];
    this.#moves.set(partition, moves);
    return moves;
  }
}

/** A commit position of log `o` that comes with the event; 0: none. */
function commitToldBy(event: Event, o: number): number {
  if (event.type === "peer" && event.message.type === "append" && event.message.o === o)
    return event.message.commit;
  // It does not say of which log it is: only counted, so that is near enough.
  return event.type === "answer" && event.message.type === "pull-ok" ? event.message.commit : 0;
}

/** Who led the log that the user left. */
function homeOf({ out }: Pick<Move, "out">): number {
  return leaderOf(out.entry.e);
}

function before(ghost: Ghost, partition: number, known: Known): Known | undefined {
  return ghost.log(partition, known.entry.o).known(known.prevE, known.raw.s - 1);
}

function isCommitted(ghost: Ghost, partition: number, { o, e, s }: Position): boolean {
  return ghost.log(partition, o).isCommitted(e, s);
}

/** Told by somebody, or counted by this replica, which leads the log. */
function isKnownCommitted({ ghost, host }: Turn, place: Position): boolean {
  return isCommitted(ghost, host.partition, place) || ghost.mirror(host, place.o).counted >= place.s;
}

function placeOf({ o, e, s }: Entry): string {
  return position({ o, e, s });
}
