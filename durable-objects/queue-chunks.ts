/**
 * Queue messages in as few sends as the queue's limits allow. We check the limits ourselves, because the local queue
 * reports every violation as an internal error and production refuses the whole send.
 */

/** The queue takes 128,000 B and counts about 100 B of its own for each message. */
export const QUEUE_MESSAGE_BYTES_MAX = 127_800;
const METADATA_BYTES = 100;
/** The queue takes 256 kB in one send. */
const SEND_BYTES_MAX = 250_000;
const SEND_MESSAGES_MAX = 100;

/** Every body has to be within QUEUE_MESSAGE_BYTES_MAX. */
export function chunksOf(bodies: readonly Uint8Array[]): Uint8Array[][] {
  const chunks: Uint8Array[][] = [];
  let chunk: Uint8Array[] = [];
  let bytes = 0;
  for (const body of bodies) {
    const size = body.byteLength + METADATA_BYTES;
    if (chunk.length === SEND_MESSAGES_MAX || (chunk.length > 0 && bytes + size > SEND_BYTES_MAX)) {
      chunks.push(chunk);
      chunk = [];
      bytes = 0;
    }
    chunk.push(body);
    bytes += size;
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}
