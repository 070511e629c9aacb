import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Append, Batch, PeerReply, PeerRequest } from "../../src/replication/message.ts";
import { decodeBatch, encodeBatch } from "../../src/wire/batch-codec.ts";
import type { Envelope } from "../../src/wire/envelope.ts";
import { envelopeOf } from "../../src/wire/envelope.ts";
import {
  decodePeerReply,
  decodePeerRequest,
  encodePeerReply,
  encodePeerRequest,
} from "../../src/wire/peer-codec.ts";
import { UndecodableError } from "../../src/wire/undecodable-error.ts";
import { batch as anyBatch, envelope as anyEnvelope, replies, requests } from "./arbitraries.ts";

const ADDRESS: Envelope = { namespace: "default", partition: 3, from: 0, to: 2, pv: 1 };

const APPEND: Append = {
  type: "append",
  o: 0,
  e: 16,
  inc: 2,
  prev: { e: 0, s: 0 },
  entries: [
    { e: 16, s: 1, bytes: new Uint8Array(1000).fill(1) },
    { e: 16, s: 2, bytes: new Uint8Array(10).fill(2) },
  ],
  chain: new Uint8Array(32).fill(3),
  commit: 0,
  grant: true,
  pv: 1,
  sinks: [{ name: "orders", round: 1, s: 2 }],
  voters: [{ region: 1, storeId: "a name", inc: 3 }],
};

const BATCH: Batch = {
  type: "batch",
  o: 0,
  e: 16,
  inc: 2,
  prev: { e: 0, s: 0 },
  entries: APPEND.entries,
  chain: APPEND.chain,
  last: { e: 16, s: 2 },
  commit: 0,
  pv: 1,
};

const anyRequest = fc.oneof<fc.Arbitrary<PeerRequest>[]>(...Object.values(requests));
const anyReply = fc.oneof<fc.Arbitrary<PeerReply>[]>(...Object.values(replies));
const part = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

/** An envelope of newer code: a header field that we do not know, and any payload. */
function newerEnvelope(payloadNumber: number, payload: Uint8Array): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.LengthDelimited).string("default");
  writer.tag(2, WireType.Varint).uint32(3);
  writer.tag(4, WireType.Varint).uint32(2);
  writer.tag(5, WireType.Varint).uint32(1);
  writer.tag(6, WireType.LengthDelimited).string("00-trace-01");
  return writer.tag(payloadNumber, WireType.LengthDelimited).bytes(payload).finish();
}

function field(number: number, content: Uint8Array): Uint8Array {
  return new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(content).finish();
}

const EMPTY = new Uint8Array(0);

describe("messages of newer code", () => {
  test("a request that is not known decodes as null, with its address", () => {
    const bytes = newerEnvelope(32, field(99, new Uint8Array(5)));
    expect(decodePeerRequest(bytes)).toEqual({ envelope: ADDRESS, message: null });
  });

  test("a reply that is not known decodes as unsupported", () => {
    const bytes = newerEnvelope(33, field(99, new Uint8Array(5)));
    expect(decodePeerReply(bytes)).toEqual({ envelope: ADDRESS, message: { type: "unsupported" } });
  });

  test("a snapshot with a row that is not known is unsupported as a whole: no row is left out", () => {
    const owner = field(1, field(2, EMPTY));
    const unknown = field(1, field(9, EMPTY));
    expect(decodePeerReply(newerEnvelope(33, field(13, owner))).message.type).toBe("snapshot-rows");
    expect(decodePeerReply(newerEnvelope(33, field(13, Buffer.concat([owner, unknown])))).message).toEqual({
      type: "unsupported",
    });
  });

  test("a known message with more fields is what it was", () => {
    const prepare = new BinaryWriter();
    prepare.tag(1, WireType.Varint).uint32(2);
    prepare.tag(2, WireType.Varint).uint32(18);
    prepare.tag(50, WireType.LengthDelimited).string("more");
    expect(decodePeerRequest(newerEnvelope(32, field(4, prepare.finish()))).message).toEqual({
      type: "prepare",
      o: 2,
      b: 18,
      transfer: false,
    });
  });
});

describe("the address", () => {
  test("can be read of a message whose content makes no sense", () => {
    const garbage = new Uint8Array(100).fill(0xff);
    for (const number of [32, 33, 34, 35, 500]) {
      expect(envelopeOf(newerEnvelope(number, garbage))).toEqual(ADDRESS);
    }
    expect(() => decodeBatch(newerEnvelope(34, garbage))).toThrow(UndecodableError);
    expect(() => decodePeerRequest(newerEnvelope(32, garbage))).toThrow(UndecodableError);
    expect(() => decodePeerReply(newerEnvelope(33, garbage))).toThrow(UndecodableError);
  });

  test("can be read of a message that was cut short behind it", () => {
    const whole = encodeBatch(ADDRESS, BATCH);
    expect(envelopeOf(whole.subarray(0, whole.length - 500))).toEqual(ADDRESS);
    expect(() => envelopeOf(whole.subarray(0, 10))).toThrow(UndecodableError);
    expect(() => envelopeOf(EMPTY)).toThrow(UndecodableError);
  });

  test("a message is not taken for one of another sort", () => {
    const request = encodePeerRequest(ADDRESS, { type: "close-now", o: 1 });
    expect(() => decodePeerReply(request)).toThrow(UndecodableError);
    expect(() => decodeBatch(request)).toThrow(UndecodableError);
    expect(() => decodePeerRequest(encodeBatch(ADDRESS, BATCH))).toThrow(UndecodableError);
  });
});

describe("bytes that are no message", () => {
  test("no prefix of a request, a reply or a batch decodes", () => {
    fc.assert(
      fc.property(
        anyEnvelope,
        anyRequest,
        anyReply,
        anyBatch,
        part,
        (address, request, reply, batch, kept) => {
          const cut = (bytes: Uint8Array) => bytes.subarray(0, Math.floor(bytes.length * kept));
          expect(() => decodePeerRequest(cut(encodePeerRequest(address, request)))).toThrow(UndecodableError);
          expect(() => decodePeerReply(cut(encodePeerReply(address, reply)))).toThrow(UndecodableError);
          expect(() => decodeBatch(cut(encodeBatch(address, batch)))).toThrow(UndecodableError);
        },
      ),
      { numRuns: 300 },
    );
  });

  test("garbage does not decode", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (garbage) => {
        expect(() => decodePeerRequest(garbage)).toThrow(UndecodableError);
        expect(() => decodePeerReply(garbage)).toThrow(UndecodableError);
        expect(() => decodeBatch(garbage)).toThrow(UndecodableError);
      }),
      { numRuns: 1000 },
    );
  });

  test("garbled messages decode or throw UndecodableError, and nothing else happens", () => {
    fc.assert(
      fc.property(anyReply, fc.nat(), fc.nat({ max: 255 }), (reply, place, byte) => {
        const garbled = encodePeerReply(ADDRESS, reply);
        garbled[place % garbled.length] = byte;
        try {
          decodePeerReply(garbled);
        } catch (error) {
          expect(error).toBeInstanceOf(UndecodableError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("two cases of one choice, or none, do not decode", () => {
    const nack = field(8, EMPTY);
    expect(() => decodePeerReply(newerEnvelope(33, Buffer.concat([nack, nack])))).toThrow(UndecodableError);
    expect(() => decodePeerReply(newerEnvelope(33, EMPTY))).toThrow(UndecodableError);
  });

  test("a message without a part that it must have does not decode", () => {
    expect(() => decodePeerReply(newerEnvelope(33, field(5, EMPTY)))).toThrow("base is missing");
  });
});

describe("memory and size", () => {
  test("long entries are views of the message, what is kept is not", () => {
    const bytes = encodePeerRequest(ADDRESS, APPEND);
    const { message } = decodePeerRequest(bytes);
    if (message?.type !== "append") throw new Error("another message");
    expect(message).toEqual(APPEND);
    expect(message.entries[0]?.bytes.buffer).toBe(bytes.buffer);
    expect(message.entries[1]?.bytes.buffer.byteLength).toBe(10);
    expect(message.chain.buffer.byteLength).toBe(32);
  });

  test("what a batch costs beside its entries, and for each", () => {
    const late = { e: 5 * 16, s: 3_000_000 };
    const batchOf = (count: number) =>
      encodeBatch(ADDRESS, {
        ...BATCH,
        prev: late,
        last: late,
        entries: Array.from({ length: count }, () => ({ ...late, bytes: new Uint8Array(300) })),
      }).length;
    expect({ batch: batchOf(0), entry: batchOf(101) - batchOf(100) - 300 }).toMatchInlineSnapshot(`
      {
        "batch": 76,
        "entry": 13,
      }
    `);
  });
});
