/**
 * One session's view out of two: what a client's token says, and what an answer showed it.
 *
 * Within an epoch of a log the later place covers the earlier one. Places of different epochs are both kept, since only a
 * replica that knows where the later epoch begins can say whether it continues the earlier place or cut it off.
 */
import type { SeenPosition } from "./session-codec.ts";

export function mergeSeen(
  held: readonly SeenPosition[],
  shown: readonly SeenPosition[],
): readonly SeenPosition[] {
  const merged = new Map<string, SeenPosition>();
  for (const position of [...held, ...shown]) {
    const log = `${position.p}.${position.o}.${position.e}`;
    const present = merged.get(log);
    merged.set(log, present === undefined ? position : later(present, position));
  }
  // In one order, so that the same view is the same token.
  return [...merged.values()].toSorted((a, b) => a.p - b.p || a.o - b.o || a.e - b.e);
}

function later(a: SeenPosition, b: SeenPosition): SeenPosition {
  if (a.s !== b.s) return a.s > b.s ? a : b;
  // A place that was once seen committed stays so.
  return b.durable && !a.durable ? { ...a, durable: true } : a;
}
