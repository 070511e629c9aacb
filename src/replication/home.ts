/**
 * Where a user is at home, and where they were before: which log holds which part of their story.
 *
 * A home has a version, which grows with each move and with each life of the name: an erased user's successor begins with
 * a greater one than any that was before. What is written under one version stands in one log, between the entry that began it
 * and the HANDOFF_OUT that ended it, and versions follow each other in the same order at every replica, because each of
 * these entries depends on the one before (see move.ts).
 */
import { EntryKind, type Entry } from "./entry.ts";
import { samePosition, type Position, type RegionIndex } from "./position.ts";
import type { OwnerRow, PastHome } from "./state-row.ts";

/** Versions of one life: the first is its CLAIM's. */
const MOVES_MAX = 2 ** 24;
/** A reader of changes may come from as many homes ago; before that it has to list anew. */
const PAST_MAX = 32;

/** The version that a CLAIM gives to somebody whose name was erased so often. */
export function firstVersion(erasures: number): number {
  return 1 + erasures * MOVES_MAX;
}

/** How often the name had been erased when somebody with a home of this version came. */
export function erasuresBefore(version: number): number {
  return Math.floor((version - 1) / MOVES_MAX);
}

/** Null: this user has moved as often as anybody may. */
export function nextVersion(version: number): number | null {
  return version % MOVES_MAX === 0 ? null : version + 1;
}

/** A time that a user was at home in one log. */
export interface Stay {
  readonly home: RegionIndex;
  readonly version: number;
  /** The entry of the home's log with which it began; seq 0 where a CLAIM did, which may stand in another log. */
  readonly since: Position;
  /** Of the home's log, the HANDOFF_OUT; null: it has not ended. */
  readonly end: Position | null;
}

/** The oldest first, as far back as is known. */
export function staysOf(owner: OwnerRow): Stay[] {
  const past = owner.past.map(({ home, version, sinceE, sinceS, endE, endS }) => ({
    home,
    version,
    since: { o: home, e: sinceE, s: sinceS },
    end: { o: home, e: endE, s: endS },
  }));
  const moved = owner.past.length > 0;
  const since = moved ? { o: owner.o, e: owner.e, s: owner.s } : { o: owner.home, e: 0, s: 0 };
  return [...past, { home: owner.home, version: owner.version, since, end: null }];
}

/** The logs in which the user's next entry may stand already, as far as is known here. */
export function homesOf({ home, moving }: OwnerRow): RegionIndex[] {
  return moving === undefined ? [home] : [home, moving.to];
}

/** Does the list of stays begin where this life began? */
export function isWhole(stays: readonly Stay[]): boolean {
  const [first] = stays;
  return first !== undefined && first.since.s === 0;
}

/** Under which version an entry of the user at (o, s) was written. */
export function versionAt(owner: OwnerRow, o: RegionIndex, s: number): number {
  const past = owner.past.findLast(({ home, sinceS, endS }) => home === o && s > sinceS && s < endS);
  return past?.version ?? owner.version;
}

/** What becomes of a home by a step of a move; null: nothing, because it is known already or came to nothing. */
export function moved(owner: OwnerRow, entry: Entry): OwnerRow | null {
  const { handoff } = entry;
  if (handoff === undefined) return null;
  const { moving, ...settled } = owner;
  const here: Position = { o: entry.o, e: entry.e, s: entry.s };
  switch (entry.kind) {
    case EntryKind.handoffOut: {
      const fits =
        handoff.version === owner.version + 1 && handoff.from === owner.home && moving === undefined;
      return fits ? { ...owner, moving: { ...here, to: handoff.to, version: handoff.version } } : null;
    }
    case EntryKind.handoffIn:
      if (handoff.out === undefined || handoff.version !== owner.version + 1) return null;
      return {
        ...settled,
        ...here,
        home: handoff.to,
        version: handoff.version,
        past: [...owner.past, pastOf(owner, handoff.out)].slice(-PAST_MAX),
      };
    case EntryKind.handoffRefuse:
      return answers(owner, handoff.out) ? { ...owner, moving: { ...moving!, refused: here } } : null;
    case EntryKind.handoffAbort:
      return answers(owner, handoff.out) ? settled : null;
    default:
      return null;
  }
}

function answers({ moving }: OwnerRow, out: Position | undefined): boolean {
  return moving !== undefined && out !== undefined && samePosition(moving, out);
}

function pastOf(owner: OwnerRow, out: Position): PastHome {
  const began = owner.past.length === 0 ? { sinceE: 0, sinceS: 0 } : { sinceE: owner.e, sinceS: owner.s };
  return { home: owner.home, version: owner.version, ...began, endE: out.e, endS: out.s };
}
