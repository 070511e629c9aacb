/**
 * I23, I24: at no point do two logs take a user's writes, and the home changes in the same order everywhere. Judged on each
 * entry when it is written, and on when acknowledged writes were taken.
 *
 * Counts, too, at which step of a move a leader that had a part in it died.
 */
import { type Entry, EntryKind } from "../../src/replication/entry.ts";
import { leaderOf, samePosition, type Position } from "../../src/replication/position.ts";
import { position } from "./describe.ts";
import type { Ghost, Known } from "./ghost.ts";
import { isLeaver } from "./leaver-name.ts";
import { storyBefore } from "./story.ts";
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
}

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

  watch(turn: Turn): void {
    if (turn.event.type === "start") this.#died(turn);
    for (const { o, appended } of turn.deltas) {
      const log = turn.ghost.log(turn.host.partition, o);
      for (const { e, s } of appended) {
        const known = log.known(e, s);
        if (known !== undefined && leaderOf(e) === turn.host.region) this.#written(turn, known);
      }
    }
    if (turn.clocksKept) this.#acknowledged(turn);
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
      this.#all(host.partition).push({ user: entry.user, from, to, out: known, answer: null });
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
    for (const { entry: earlier } of storyBefore(turn.ghost, turn.host.partition, known, entry.user)) {
      if (earlier.o !== entry.o || earlier.kind === EntryKind.handoffOut)
        turn.fail(
          "I23 one log for a user",
          `${placeOf(entry)} is ${entry.user}'s, who left with ${placeOf(earlier)}`,
        );
      if (STEPS.has(earlier.kind) && earlier.kind !== EntryKind.handoffRefuse) return;
      if (earlier.kind === EntryKind.claim) return;
    }
    // No step of a move stands before it in this log: then the user was claimed for it.
    const claims = (turn.ghost.logs[turn.host.partition] ?? []).flatMap((log) =>
      [...log.entries.values()].filter(
        ({ entry: one }) => one.kind === EntryKind.claim && one.user === entry.user,
      ),
    );
    if (claims.length > 0 && !claims.some(({ entry: one }) => one.claim?.home === entry.o))
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

  /** Step 1: OUT written; 2: committed; 3: answered by IN, 4: by REFUSE; 5: the answer is committed and not heard of everywhere. */
  #died(turn: Turn): void {
    const { host, ghost, tally } = turn;
    for (const move of this.#all(host.partition)) {
      if (leaderOf(move.out.entry.e) !== host.region && move.to !== host.region) continue;
      const side = move.to === host.region ? "target" : "home";
      const answered = move.answer?.entry;
      if (answered !== undefined && isCommitted(ghost, host.partition, answered)) {
        const heard = ghost.mirror(host, answered.o).applied >= answered.s;
        if (!heard) tally.add(`moves: the ${side} restarts at step 5`);
      } else if (answered !== undefined)
        tally.add(`moves: the ${side} restarts at step ${answered.kind === EntryKind.handoffIn ? 3 : 4}`);
      else
        tally.add(
          `moves: the ${side} restarts at step ${isCommitted(ghost, host.partition, move.out.entry) ? 2 : 1}`,
        );
    }
  }

  #all(partition: number): Move[] {
    const moves = this.#moves.get(partition) ?? [];
    this.#moves.set(partition, moves);
    return moves;
  }
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
