/**
 * Positions, epochs and the order between them.
 *
 * A log is named after its origin, a region. An entry of it stands at a position: origin, epoch, seq. The
 * epoch says who led the log when the entry was written, and it carries the leader's region in its low four bits
 * (counter * 16 + region index), so that two regions can never write under the same epoch: one writer for each
 * (origin, epoch) holds by construction and not by counting votes.
 *
 * Regions are spoken of by their permanent index (0-15) everywhere below the edge; the edge knows their ids.
 */

/** Permanent index of a region, 0-15, from configuration. */
export type RegionIndex = number;

/** counter * 16 + region index. 0: never opened. */
export type Epoch = number;

/** A place in a log. `s` counts from 1, consecutive. */
export interface Position {
  readonly o: RegionIndex;
  readonly e: Epoch;
  readonly s: number;
}

/** A position in another partition. */
export interface CrossPosition extends Position {
  readonly p: number;
}

/** A place in a log whose origin is known from the context: a log's tail, the entry before a batch. */
export interface Tail {
  readonly e: Epoch;
  readonly s: number;
}

export const EMPTY_TAIL: Tail = { e: 0, s: 0 };

/** How many regions an epoch can tell apart: four bits. */
export const EPOCH_REGIONS = 16;

export function epochOf(counter: number, region: RegionIndex): Epoch {
  return counter * EPOCH_REGIONS + region;
}

export function leaderOf(epoch: Epoch): RegionIndex {
  return epoch % EPOCH_REGIONS;
}

export function counterOf(epoch: Epoch): number {
  return Math.floor(epoch / EPOCH_REGIONS);
}

/** Orders tails by epoch, then seq: the greater tail is the log that a new leader has to adopt (R3). */
export function compareTails(a: Tail, b: Tail): number {
  return a.e === b.e ? a.s - b.s : a.e - b.e;
}

export function samePosition(a: Position, b: Position): boolean {
  return a.o === b.o && a.e === b.e && a.s === b.s;
}
