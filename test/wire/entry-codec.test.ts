import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Entry } from "../../src/replication/entry.ts";
import { EntryKind, OpKind, PROTOCOL_VERSION } from "../../src/replication/entry.ts";
import { entryCodec } from "../../src/wire/entry-codec.ts";
import { UndecodableError } from "../../src/wire/undecodable-error.ts";
import { entry as anyEntry } from "./arbitraries.ts";
import { hex } from "./reference.ts";

const PUT: Entry = {
  pv: PROTOCOL_VERSION,
  kind: EntryKind.txn,
  o: 1,
  e: 4 * 16 + 1,
  s: 100_001,
  inc: 7,
  hlc: 122_880_000_000_001,
  user: "alice",
  principal: "alice",
  concern: "majority",
  idempotency: { key: "k-1", fingerprint: new Uint8Array([1, 2, 3, 4]), by: "client" },
  deps: [{ o: 2, e: 18, s: 99 }],
  xdeps: [{ p: 5, o: 0, e: 16, s: 12 }],
  ops: [
    {
      kind: OpKind.put,
      key: "notes/1",
      after: { contentType: "text/plain", value: new Uint8Array([104, 105]), expiresAt: 1_800_000_000_000 },
    },
    { kind: OpKind.delete, key: "notes/2" },
  ],
  status: 201,
};

const OPEN: Entry = {
  pv: PROTOCOL_VERSION,
  kind: EntryKind.open,
  o: 0,
  e: 0,
  s: 1,
  inc: 0,
  hlc: 0,
  user: "",
  principal: "",
  concern: "majority",
  deps: [],
  xdeps: [],
  ops: [],
  status: 0,
  open: { leader: 0, configVersion: 0 },
};

function withValue(value: Uint8Array): Entry {
  return {
    ...PUT,
    ops: [{ kind: OpKind.put, key: "k", after: { contentType: "", value, expiresAt: 0 } }],
  };
}

/** Fields of a newer writer, before the version as the schema asks. */
function withNewerFields(bytes: Uint8Array): Uint8Array {
  const newer = new BinaryWriter();
  newer.tag(31, WireType.LengthDelimited).fork().tag(1, WireType.Varint).uint32(3).join();
  newer.tag(40, WireType.Varint).uint64(2n ** 64n - 1n);
  newer.tag(41, WireType.Bit64).fixed64(1n);
  newer.tag(42, WireType.Bit32).fixed32(1);
  const version = bytes.length - 3;
  return Buffer.concat([bytes.subarray(0, version), newer.finish(), bytes.subarray(version)]);
}

describe("the format", () => {
  test("does not change unnoticed", () => {
    // Logs keep these bytes for good. A difference here means that replicas of two versions do not understand each other.
    expect(hex(entryCodec.encode(PUT))).toMatchInlineSnapshot(
      `"08021001184120a18d06280730818080d6a3f81b3a05616c6963654205616c696365480350c9015a24080112076e6f7465732f311a170a0a746578742f706c61696e120268691880a0f1c2b1345a0b080212076e6f7465732f32620d0a036b2d3112040102030418016a06080210121863720608051810200cf87f01"`,
    );
    expect(hex(entryCodec.encode(OPEN))).toMatchInlineSnapshot(`"0801200148038a0100f87f01"`);
  });

  test("costs some seventy bytes beside what the user sent, two dependencies included", () => {
    const { idempotency, user, principal } = PUT;
    const contents = (idempotency?.key.length ?? 0) + 4 + user.length + principal.length + 1;
    const sizes = [0, 200, 1024, 2 ** 20].map(
      (size) => entryCodec.encode(withValue(new Uint8Array(size))).length - size - contents,
    );
    expect(sizes).toMatchInlineSnapshot(`
      [
        64,
        69,
        69,
        72,
      ]
    `);
  });
});

describe("values at the edges", () => {
  test.each([
    ["empty value", withValue(new Uint8Array(0))],
    ["1 MiB value", withValue(new Uint8Array(2 ** 20).fill(7))],
    ["never opened, everything at its default", OPEN],
    ["largest numbers", { ...PUT, e: Number.MAX_SAFE_INTEGER, s: Number.MAX_SAFE_INTEGER, hlc: 2 ** 53 - 1 }],
    [
      "a command that is empty is not one that is absent",
      { ...PUT, ops: [{ kind: 3, key: "", command: new Uint8Array(0) }] },
    ],
    ["a mark whose fields are all 0", { ...PUT, claim: { home: 0, version: 0 } }],
    [
      "a hundred ops",
      { ...PUT, ops: Array.from({ length: 100 }, (_, i) => ({ kind: OpKind.delete, key: `k${i}` })) },
    ],
  ] satisfies readonly (readonly [string, Entry])[])("%s", (_, entry) => {
    expect(entryCodec.decode(entryCodec.encode(entry))).toEqual(entry);
  });

  test.each(["\u0000", "\uFEFFkey", "ключ/\u{1F9ED}", "e\u0301", "\u{10FFFF}", "é".repeat(256)])(
    "key %j keeps every character",
    (key) => {
      const entry: Entry = { ...PUT, ops: [{ kind: OpKind.delete, key }] };
      expect(entryCodec.decode(entryCodec.encode(entry))).toEqual(entry);
    },
  );

  test.each([
    ["a lone surrogate", { ...PUT, user: "a\ud800" }, "Entry.user"],
    ["a fraction", { ...PUT, hlc: 1.5 }, "Entry.hlc"],
    ["a negative number", { ...PUT, s: -1 }, "Entry.s"],
    ["2^53", { ...PUT, e: 2 ** 53 }, "Entry.e"],
    ["region 16", { ...PUT, deps: [{ o: 16, e: 0, s: 0 }] }, "Entry.deps: Position.o"],
    ["version 0", { ...PUT, pv: 0 }, "Entry.pv"],
  ] satisfies readonly (readonly [string, Entry, string])[])("%s is our mistake", (_, entry, place) => {
    expect(() => entryCodec.encode(entry)).toThrow(RangeError);
    expect(() => entryCodec.encode(entry)).toThrow(place);
    // What was half written is gone.
    expect(entryCodec.decode(entryCodec.encode(PUT))).toEqual(PUT);
  });
});

describe("what newer code wrote", () => {
  test("fields that are not known are passed over", () => {
    expect(entryCodec.decode(withNewerFields(entryCodec.encode(PUT)))).toEqual(PUT);
  });

  test("kinds that are not known decode as their number, for the core to park on", () => {
    const entry: Entry = { ...PUT, kind: 77, pv: 9, ops: [{ kind: 99, key: "k" }] };
    expect(entryCodec.decode(entryCodec.encode(entry))).toEqual(entry);
  });
});

describe("bytes that are no entry", () => {
  test("no prefix of an entry decodes", () => {
    const whole = entryCodec.encode({ ...PUT, claim: { home: 1, version: 1 } });
    for (let length = 0; length < whole.length; length++) {
      expect(() => entryCodec.decode(whole.subarray(0, length)), `${length} bytes`).toThrow(UndecodableError);
    }
  });

  test("no prefix of any entry decodes", () => {
    fc.assert(
      fc.property(anyEntry, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (entry, part) => {
        const whole = entryCodec.encode(entry);
        const cut = whole.subarray(0, Math.floor(whole.length * part));
        expect(() => entryCodec.decode(cut)).toThrow(UndecodableError);
      }),
    );
  });

  test("an entry behind an entry does not decode", () => {
    const bytes = entryCodec.encode(PUT);
    expect(() => entryCodec.decode(Buffer.concat([bytes, bytes]))).toThrow(UndecodableError);
  });

  test("garbage does not decode", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (garbage) => {
        expect(() => entryCodec.decode(garbage)).toThrow(UndecodableError);
      }),
      { numRuns: 2000 },
    );
  });

  test("a garbled entry decodes or throws UndecodableError, and nothing else happens", () => {
    const whole = entryCodec.encode(PUT);
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 }), (at, byte) => {
        const garbled = whole.slice();
        garbled[at] = byte;
        try {
          entryCodec.decode(garbled);
        } catch (error) {
          expect(error).toBeInstanceOf(UndecodableError);
        }
      }),
      { numRuns: 5000 },
    );
  });

  const field = (number: number, type: WireType) => new BinaryWriter().tag(number, type);
  test.each([
    ["2^53", field(4, WireType.Varint).uint64(2n ** 53n)],
    ["2^64 - 1", field(4, WireType.Varint).uint64(2n ** 64n - 1n)],
    ["a region beyond 15", field(2, WireType.Varint).uint32(16)],
    ["kind 0", field(1, WireType.Varint).uint32(0)],
    ["a negative kind", field(1, WireType.Varint).int32(-1)],
    ["an unknown concern", field(9, WireType.Varint).uint32(5)],
    ["text that is not UTF-8", field(7, WireType.LengthDelimited).bytes(new Uint8Array([0x61, 0xff]))],
    ["a surrogate as UTF-8", field(7, WireType.LengthDelimited).bytes(new Uint8Array([0xed, 0xa0, 0x80]))],
    ["another wire type", field(7, WireType.Varint).uint32(1)],
    ["a group", field(30, WireType.StartGroup)],
    ["a length of 2^40", field(11, WireType.LengthDelimited).uint64(2n ** 40n)],
    ["an op that is longer than its entry", field(11, WireType.LengthDelimited).uint32(1000)],
  ])("%s does not decode", (_, written) => {
    const version = new BinaryWriter().tag(2047, WireType.Varint).uint32(1).finish();
    expect(() => entryCodec.decode(Buffer.concat([written.finish(), version]))).toThrow(UndecodableError);
  });
});

describe("memory", () => {
  test("a value is a view of the bytes that were decoded, short bytes are copies", () => {
    const bytes = entryCodec.encode(withValue(new Uint8Array(1000)));
    const decoded = entryCodec.decode(bytes);
    expect(decoded.ops[0]?.after?.value.buffer).toBe(bytes.buffer);
    expect(decoded.idempotency?.fingerprint.buffer.byteLength).toBe(4);
  });

  test("an encoded entry does not keep the buffer that it was written in", () => {
    expect(entryCodec.encode(OPEN).buffer.byteLength).toBeLessThan(64);
  });

  test("a Node Buffer decodes to plain arrays", () => {
    const decoded = entryCodec.decode(Buffer.from(entryCodec.encode(withValue(new Uint8Array(100)))));
    expect(decoded.ops[0]?.after?.value.constructor).toBe(Uint8Array);
  });
});
