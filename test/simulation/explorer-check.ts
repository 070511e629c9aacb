/** What the explorer judges: I5 and I10 in each turn of a replica, I3 and I7 to I10 in each state of all. */
import type { View } from "./explored-replica.ts";

const MAJORITY = 2;

export class Violation extends Error {}

interface Judged {
  readonly view: View;
  /** Epochs by seq of the prefix that it, or an instance before it, ever knew to be committed. */
  readonly committed: readonly number[];
}

/** I5. */
export function promisedAfter(before: View | null, { promised }: View, region: number): void {
  if (before !== null && promised < before.promised)
    throw new Violation(`region ${region} promised ${promised} after ${before.promised} (I5)`);
}

/** A replica never knows less to be committed than it did, and never something else; a restart may know less (and so begins anew). */
export function committedAfter(
  before: readonly number[],
  { epochs }: View,
  commit: number,
  region: number,
): readonly number[] {
  if (commit >= epochs.length)
    throw new Violation(`region ${region} calls ${commit} committed, and has ${epochs.length - 1} (I4)`);
  for (let s = 0; s < Math.min(before.length, commit + 1); s++)
    if (before[s] !== epochs[s])
      throw new Violation(
        `region ${region} called ${before[s]}.${s} committed, and now ${epochs[s]}.${s} (I10)`,
      );
  return commit >= before.length ? epochs.slice(0, commit + 1) : before;
}

/** I3, I7 to I10, in one state. */
export function check(locals: readonly Judged[]): void {
  for (const [region, { committed }] of locals.entries()) {
    const s = committed.length - 1;
    const e = committed[s] as number;
    const holders = locals.filter(({ view }) => view.epochs[s] === e).length;
    if (holders < MAJORITY)
      throw new Violation(
        `region ${region} called ${e}.${s} committed, and ${holders} of 3 hold it (I7, I10)`,
      );
    for (const [other, { view, committed: theirs }] of locals.entries()) {
      const last = view.epochs.at(-1) as number;
      if (last > e && view.epochs[s] !== e)
        throw new Violation(
          `region ${other} is in epoch ${last} without ${e}.${s}, which region ${region} called committed (I8)`,
        );
      const common = Math.min(theirs.length, committed.length) - 1;
      if (theirs[common] !== committed[common])
        throw new Violation(
          `regions ${region} and ${other} call different entries at ${common} committed (I9)`,
        );
    }
  }
  for (const [a, b] of [
    [0, 1],
    [0, 2],
    [1, 2],
  ] as const) {
    const [one, two] = [locals[a]!.view, locals[b]!.view];
    for (let s = Math.min(one.epochs.length, two.epochs.length) - 1; s > 0; s--) {
      if (one.epochs[s] !== two.epochs[s]) continue;
      if (one.chains[s] !== two.chains[s])
        throw new Violation(
          `regions ${a} and ${b} have different histories up to ${one.epochs[s]}.${s} (I3)`,
        );
      break;
    }
  }
}
