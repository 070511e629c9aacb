/**
 * The history of a log's epochs, and the two questions it answers in one round: where do two logs part (KIP-101,
 * KIP-279), and what became of a position that a client holds?
 */
import type { EpochStart, EpochTable } from "./message.ts";
import type { Epoch, Tail } from "./position.ts";

/**
 * The last seq that two logs have in common. Right because an epoch has one writer and starts at one place: two logs
 * that both have it agree up to where the shorter one leaves it.
 */
export function divergencePoint(
  a: EpochTable,
  lastA: number,
  baseA: number,
  b: EpochTable,
  lastB: number,
  baseB: number,
): number {
  let agree = Math.max(baseA, baseB);
  const above = (table: EpochTable): EpochTable =>
    table.filter((entry, n) => (table[n + 1]?.start ?? Infinity) > agree + 1 || entry.start > agree);
  const [left, right] = [above(a), above(b)];
  for (let n = 0; ; n++) {
    const [x, y] = [left[n], right[n]];
    if (x === undefined || y === undefined || x.e !== y.e || x.start !== y.start) return agree;
    const endX = (left[n + 1]?.start ?? lastA + 1) - 1;
    const endY = (right[n + 1]?.start ?? lastB + 1) - 1;
    agree = Math.max(agree, Math.min(endX, endY));
    if (endX !== endY) return agree;
  }
}

/** The epoch of the entry at `s`; `base` stands for everything up to it. 0 for an empty log's beginning. */
export function epochAt(epochs: readonly EpochStart[], base: Tail, s: number): Epoch {
  if (s === base.s) return base.e;
  let found = 0;
  for (const entry of epochs) {
    if (entry.start > s) break;
    found = entry.e;
  }
  return found;
}

/**
 * Does a log hold the entry at `tail`, so that what follows it can follow there? What lies below a base is committed and
 * common; divergencePoint takes bases for common, and cannot tell when the other log has another history there.
 */
export function holds(
  log: { readonly epochs: EpochTable; readonly base: Tail; readonly last: Tail },
  tail: Tail,
): boolean {
  return tail.s <= log.base.s || (tail.s <= log.last.s && epochAt(log.epochs, log.base, tail.s) === tail.e);
}

/** The last entry of an epoch that a later one has left in the log; null: there is no later one here. */
export function survivorOf(epochs: EpochTable, e: Epoch): number | null {
  const next = epochs.find((entry) => entry.e > e);
  return next === undefined ? null : next.start - 1;
}

export type Judgement = "contained" | "not-applied" | "behind" | "lost" | "uncertain";

export interface LogKnowledge {
  readonly epochs: readonly EpochStart[];
  readonly last: Tail;
  readonly applied: number;
  readonly commit: number;
}

/**
 * What became of the entry (e, s), as far as this replica can say. Lost needs the superseding OPEN to be committed: an
 * uncommitted one can itself be cut off, and the entry can win after all.
 */
export function judge(
  log: LogKnowledge,
  e: Epoch,
  s: number,
  superseded: (openCommitted: boolean) => boolean,
): Judgement {
  const known = log.epochs.some((entry) => entry.e === e);
  const next = log.epochs.find((entry) => entry.e > e);
  if (next !== undefined && s >= next.start)
    return superseded(next.start <= log.commit) ? "lost" : "uncertain";
  if (!known && next === undefined) return "behind";
  // Either the epoch is known, or it lies below every epoch that this log kept: then its entries are in the prefix.
  if (!known) return superseded(next!.start <= log.commit) ? "lost" : "uncertain";
  if (s <= log.applied) return "contained";
  return s <= log.last.s ? "not-applied" : "behind";
}
