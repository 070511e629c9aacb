/**
 * A message that its queue gave up on. Nothing is lost with it, since the log has what it carried; but the region may not know
 * that there is something to fetch. So it becomes a doorbell: the same news without the entries, and the replica pulls.
 */
import { decodeBatch, encodeBatch } from "../wire/batch-codec.ts";

const NO_BYTES = new Uint8Array(0);

/** The message itself where it makes no sense: the replica keeps it as poison. */
export function doorbellOf(raw: Uint8Array): Uint8Array {
  try {
    const { envelope, batch } = decodeBatch(raw);
    return encodeBatch(envelope, { ...batch, prev: batch.last, entries: [], chain: NO_BYTES });
  } catch {
    return raw;
  }
}
