/**
 * A cut: several answers of several replicas that hold together as one. Whoever sees an effect in it sees its causes.
 *
 * Each replica's own answer already is a causal prefix of its partition, because applying is gated by dependencies. What can
 * be amiss lies between two answers: one shows an entry whose cause the other did not have yet. So every answer says how far
 * its replica had applied each log of the partition when it was worked out, and what is asked here is which answers do not
 * reach as far as the others need; those are asked again, with these needs to be met first. A store that keeps one version
 * of an item can only answer newer, never older: so the answers climb until they meet.
 *
 *   partition 1 (question)        partition 2 (answer)
 *   reached weur up to 6          shows apac 9, which was written by somebody who had seen 1/weur 7
 *        └─ lacks 1/weur 7: asked again, and answers once it has applied it
 */
import { samePosition, type CrossPosition, type Position, type RegionIndex } from "./position.ts";
import type { LogReach, ManyFacts } from "./reply-part.ts";

/** One replica's part of a cut. */
export interface CutPart {
  readonly partition: number;
  readonly reach: readonly LogReach[];
  /** Logs that could hold a later state of what it shows: those that its users are at home in. */
  readonly homes: readonly RegionIndex[];
  readonly shown: readonly Position[];
  readonly others: readonly CrossPosition[];
  /** What it was asked to have before it answered, and had; and what of that it knew to be lost. */
  readonly held: readonly Position[];
  readonly lost: readonly Position[];
}

/** What an answer is of a cut, when it was asked for with these needs. */
export function partOf(partition: number, many: ManyFacts, needs: readonly Position[]): CutPart {
  return {
    partition,
    reach: many.reach,
    homes: many.homes,
    shown: many.shown,
    others: many.shownOthers,
    held: needs.filter((need) => !many.lostNeeds.some((lost) => samePosition(lost, need))),
    lost: many.lostNeeds,
  };
}

/** How many of a log's epochs an answer tells: a position of an older one is for the replica to judge. */
export const REACH_EPOCHS = 32;

/** What of a partition's logs a whole cut rests on. */
export function neededOf(partition: number, parts: readonly CutPart[]): Position[] {
  // Each for itself: a later one of the same epoch stands for it only while that is not lost.
  const needed = new Map<string, Position>();
  const need = ({ o, e, s }: Position): void => void needed.set(`${o}.${e}.${s}`, { o, e, s });
  for (const part of parts) {
    if (part.partition === partition) part.shown.forEach(need);
    for (const other of part.others) if (other.p === partition) need(other);
  }
  return [...needed.values()];
}

/** What of that one part is not known to have. Empty for all: the parts are a cut. */
export function lackingOf(part: CutPart, parts: readonly CutPart[]): Position[] {
  const siblings = parts.filter((other) => other !== part && other.partition === part.partition);
  return neededOf(part.partition, parts).filter(
    (need) =>
      fateOf(part.reach, need) === "unknown" &&
      !part.held.some((held) => held.o === need.o && held.e === need.e && held.s >= need.s) &&
      !isLostTo(part, need) &&
      !siblings.some((sibling) => vouches(sibling, need, part)),
  );
}

/** Does a part of the partition know that a position is lost? Then it is no cause of anything, and no token may hold it. */
export function isLostIn(parts: readonly CutPart[], partition: number, position: Position): boolean {
  return parts.some((part) => part.partition === partition && isLostTo(part, position));
}

/** With an entry goes all that followed it in its epoch. */
function isLostTo({ reach, lost }: CutPart, at: Position): boolean {
  return fateOf(reach, at) === "lost" || lost.some(({ o, e, s }) => o === at.o && e === at.e && s <= at.s);
}

/**
 * The sibling had the needed entry and so all that it rests on; and of the logs in which a later state of what the part shows
 * could stand, the part had everything that the sibling had. Then nothing that the entry rests on is missing in the part,
 * although the entry itself may be. Without this two leaders of one partition would wait for each other's latest writes.
 */
function vouches(sibling: CutPart, need: Position, part: CutPart): boolean {
  if (fateOf(sibling.reach, need) !== "contained") return false;
  return part.homes.every((home) => {
    const there = sibling.reach.find(({ o }) => o === home);
    if (there === undefined) return false;
    const last = lastOf(there);
    return last.s === 0 || fateOf(part.reach, last) === "contained";
  });
}

function lastOf({ o, applied, epochs }: LogReach): Position {
  const e = epochs.findLast(({ start }) => start <= applied)?.e ?? 0;
  return { o, e, s: applied };
}

/** What became of a position at a replica, as far as its reach tells. */
export function fateOf(reach: readonly LogReach[], { o, e, s }: Position): "contained" | "lost" | "unknown" {
  const log = reach.find((each) => each.o === o);
  if (log === undefined) return "unknown";
  const next = log.epochs.find((epoch) => epoch.e > e);
  // A later epoch that begins at or before it, and whose beginning is committed, has taken its place.
  if (next !== undefined && s >= next.start) return next.start <= log.commit ? "lost" : "unknown";
  if (!log.epochs.some((epoch) => epoch.e === e)) return "unknown";
  return s <= log.applied ? "contained" : "unknown";
}
