/** Queue messages as bytes. A queue may hold one for days, so that its reader may be older or newer than its writer. */
import type { Batch } from "../replication/message.ts";
import { rawEntryShape } from "./entry-codec.ts";
import type { Envelope } from "./envelope.ts";
import { decodeEnveloped, encodeEnveloped, Payload } from "./envelope.ts";
import { tailShape } from "./position-shape.ts";
import { bytes, many, one, positive, region, tagged, u53 } from "./shape.ts";

const batchShape = tagged<Batch>("Batch", "batch", {
  o: one(1, region),
  e: one(2, u53),
  inc: one(3, u53),
  prev: one(4, tailShape),
  entries: many(5, rawEntryShape),
  chain: one(6, bytes),
  last: one(7, tailShape),
  commit: one(8, u53),
  pv: one(9, positive),
});

export function encodeBatch(envelope: Envelope, batch: Batch): Uint8Array<ArrayBuffer> {
  return encodeEnveloped(envelope, Payload.batch, batchShape.writeBody, batch);
}

/** Throws UndecodableError; `envelopeOf` then tells whose it was, or throws as well. Entries are views of `source`. */
export function decodeBatch(source: Uint8Array): { envelope: Envelope; batch: Batch } {
  const { envelope, payload } = decodeEnveloped(batchShape.name, source, Payload.batch, batchShape.readBody);
  return { envelope, batch: payload };
}
