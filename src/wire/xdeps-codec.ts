/** What an item stores of the other partitions that its writer had seen. None at all is no bytes at all. */
import type { CrossPosition } from "../replication/position.ts";
import { crossPositionShape } from "./position-shape.ts";
import { decode, encode, many, message } from "./shape.ts";

const crossPositionsShape = message<{ readonly positions: readonly CrossPosition[] }>("CrossPositions", {
  positions: many(1, crossPositionShape),
});

export function encodeXdeps(positions: readonly CrossPosition[]): Uint8Array<ArrayBuffer> {
  return encode(crossPositionsShape, { positions });
}

/**
 * Throws UndecodableError. The column that holds the bytes gives their length: bytes that end between two positions
 * are a shorter list, not an error.
 */
export function decodeXdeps(source: Uint8Array): readonly CrossPosition[] {
  return decode(crossPositionsShape, source).positions;
}
