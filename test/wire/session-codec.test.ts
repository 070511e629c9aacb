import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { expect, test } from "vitest";
import { SessionTokenSchema } from "../../src/wire/gen/ithaca_pb.ts";
import type { SessionToken } from "../../src/wire/session-codec.ts";
import {
  decodeSessionToken,
  encodeSessionToken,
  SESSION_TOKEN_VERSION,
} from "../../src/wire/session-codec.ts";
import { UndecodableError } from "../../src/wire/undecodable-error.ts";
import { sessionToken } from "./arbitraries.ts";
import { hex, readByReference } from "./reference.ts";

const TOKEN: SessionToken = {
  version: SESSION_TOKEN_VERSION,
  namespace: "default",
  mapVersion: 1,
  positions: [
    { p: 3, o: 0, e: 16, s: 41, durable: true },
    { p: 7, o: 2, e: 34, s: 100_000, durable: false },
  ],
  seenAt: 0,
  issuedAt: 1_795_000_000_000,
};

/** A token of newer code: more to say of the session, and of a position. */
function newerToken(): Uint8Array {
  const writer = new BinaryWriter();
  writer.tag(1, WireType.LengthDelimited).string("default");
  writer.tag(3, WireType.LengthDelimited).fork();
  writer.tag(1, WireType.Varint).uint32(3);
  writer.tag(3, WireType.Varint).uint32(16);
  writer.tag(4, WireType.Varint).uint32(41);
  writer.tag(6, WireType.Bit64).fixed64(77n);
  writer.join();
  writer.tag(5, WireType.Varint).uint32(5);
  writer.tag(6, WireType.LengthDelimited).string("more");
  writer.tag(900, WireType.Varint).uint64(2n ** 64n - 1n);
  return writer.tag(2047, WireType.Varint).uint32(2).finish();
}

test("the format does not change unnoticed", () => {
  expect(hex(encodeSessionToken(TOKEN))).toMatchInlineSnapshot(
    `"0a0764656661756c7410011a0808031810202928011a0a08071002182220a08d062880bcd9f29e34f87f01"`,
  );
});

test("what newer code added passes through older code", () => {
  const held = decodeSessionToken(newerToken());
  const positions = [...held.positions, { p: 7, o: 2, e: 34, s: 9, durable: true }];
  const again = readByReference(SessionTokenSchema, encodeSessionToken({ ...held, positions }));

  expect(again.version).toBe(2);
  expect(again.$unknown).toEqual([
    { no: 6, wireType: WireType.LengthDelimited, data: new Uint8Array([4, 109, 111, 114, 101]) },
    { no: 900, wireType: WireType.Varint, data: new Uint8Array([...Array<number>(9).fill(0xff), 1]) },
  ]);
  expect(again.positions.map((position) => position.$unknown?.map(({ no }) => no))).toEqual([[6], undefined]);
});

test("what was kept survives any number of hands", () => {
  const once = encodeSessionToken(decodeSessionToken(newerToken()));
  expect(hex(encodeSessionToken(decodeSessionToken(once)))).toBe(hex(once));
});

test("no prefix of a token decodes, nor does garbage", () => {
  fc.assert(
    fc.property(sessionToken, fc.uint8Array({ maxLength: 200 }), (token, garbage) => {
      const whole = encodeSessionToken(token);
      for (let length = 0; length < whole.length; length += 1 + Math.floor(whole.length / 40)) {
        expect(() => decodeSessionToken(whole.subarray(0, length))).toThrow(UndecodableError);
      }
      expect(() => decodeSessionToken(garbage)).toThrow(UndecodableError);
    }),
  );
});
