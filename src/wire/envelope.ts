/**
 * What stands around every message between replicas: who it is from and for. The payload stands behind it and is opaque, so
 * that a message whose content makes no sense, to this version or at all, still has an address.
 */
import type { RegionIndex } from "../replication/position.ts";
import type { Reader } from "./reader.ts";
import { WireType } from "./reader.ts";
import { decodeWith, encodeWith, message, one, positive, region, text, u32 } from "./shape.ts";
import { UndecodableError } from "./undecodable-error.ts";
import type { Writer } from "./writer.ts";

export interface Envelope {
  readonly namespace: string;
  readonly partition: number;
  readonly from: RegionIndex;
  readonly to: RegionIndex;
  /** Version of the protocol that the sender speaks. */
  readonly pv: number;
}

/** Field numbers of the payloads. Everything about the envelope itself has a lower one. */
export const Payload = { request: 32, reply: 33, batch: 34 } as const;
export type PayloadNumber = (typeof Payload)[keyof typeof Payload];

const PAYLOAD_NUMBER_MIN = Payload.request;

const headerShape = message<Envelope>("Envelope", {
  namespace: one(1, text),
  partition: one(2, u32),
  from: one(3, region),
  to: one(4, region),
  pv: one(5, positive),
});

export function encodeEnveloped<V>(
  envelope: Envelope,
  number: PayloadNumber,
  writeBody: (writer: Writer, payload: V) => void,
  payload: V,
): Uint8Array<ArrayBuffer> {
  return encodeWith((writer) => {
    writeBody(writer, payload);
    writer.u53(writer.size);
    writer.u32(number * 8 + WireType.delimited);
    headerShape.writeBody(writer, envelope);
  });
}

/** Reads the address only. Throws UndecodableError when even that makes no sense. */
export function envelopeOf(source: Uint8Array): Envelope {
  return decodeWith(headerShape.name, source, (reader) => readHeader(reader).envelope);
}

/** Throws UndecodableError when the bytes are no envelope with a payload of this number that makes sense. */
export function decodeEnveloped<V>(
  name: string,
  source: Uint8Array,
  number: PayloadNumber,
  readBody: (reader: Reader) => V,
): { envelope: Envelope; payload: V } {
  return decodeWith(name, source, (reader) => {
    const { envelope, tag } = readHeader(reader);
    if (tag !== number * 8 + WireType.delimited) throw new UndecodableError("another payload");
    if (reader.delimited() !== reader.end) throw new UndecodableError("more than one payload");
    return { envelope, payload: readBody(reader) };
  });
}

/** Leaves the reader behind the payload's tag. */
function readHeader(reader: Reader): { envelope: Envelope; tag: number } {
  const { end } = reader;
  let payloadAt = 0;
  let tag = 0;
  for (;;) {
    payloadAt = reader.pos;
    if (payloadAt === end) throw new UndecodableError("no payload");
    tag = reader.tag();
    if (tag >>> 3 >= PAYLOAD_NUMBER_MIN) break;
    reader.skip(tag);
  }
  const behindTag = reader.pos;
  reader.pos = 0;
  reader.end = payloadAt;
  const envelope = headerShape.readBody(reader);
  reader.pos = behindTag;
  reader.end = end;
  return { envelope, tag };
}
