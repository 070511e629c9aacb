import fc from "fast-check";
import { expect, test } from "vitest";
import {
  decodeFeedCursor,
  decodePageCursor,
  encodeFeedCursor,
  encodePageCursor,
  PAGE_CURSOR_VERSION,
} from "../../src/wire/cursor-codec.ts";
import { decodeTicket, encodeTicket, TICKET_VERSION } from "../../src/wire/ticket-codec.ts";
import { UndecodableError } from "../../src/wire/undecodable-error.ts";
import { decodeXdeps, encodeXdeps } from "../../src/wire/xdeps-codec.ts";
import { crossPosition, feedCursor, pageCursor, ticket } from "./arbitraries.ts";
import { hex } from "./reference.ts";

test("the format of page cursors does not change unnoticed", () => {
  const cursor = {
    version: PAGE_CURSOR_VERSION,
    namespace: "default",
    user: "alice",
    key: "notes/1",
    reverse: true,
    floor: [{ o: 1, e: 17, s: 300 }],
    seenAt: 0,
    range: Uint8Array.of(),
  };
  // Of before the range was written down: it decodes, and says nothing of it.
  expect(hex(encodePageCursor(cursor))).toMatchInlineSnapshot(
    `"0a0764656661756c741205616c6963651a076e6f7465732f3120012a070801101118ac02f87f01"`,
  );
  expect(decodePageCursor(encodePageCursor(cursor))).toEqual(cursor);
  expect(hex(encodePageCursor({ ...cursor, range: Uint8Array.of(1, 2) }))).toMatchInlineSnapshot(
    `"0a0764656661756c741205616c6963651a076e6f7465732f3120012a070801101118ac023a020102f87f01"`,
  );
});

test("the format of feed cursors and tickets does not change unnoticed", () => {
  const whose = { version: 1, namespace: "default", user: "alice" };
  expect(hex(encodeFeedCursor({ ...whose, homeVersion: 2, o: 1, e: 17, s: 300 }))).toMatchInlineSnapshot(
    `"0a0764656661756c741205616c69636518022001281130ac02f87f01"`,
  );
  const expiresAt = 1_800_000_000_000;
  expect(
    hex(encodeTicket({ ...whose, version: TICKET_VERSION, opens: "live", region: 1, expiresAt, nonce: "n" })),
  ).toMatchInlineSnapshot(`"0a0764656661756c741205616c696365180220012880a0f1c2b13432016ef87f01"`);
});

test("no positions are no bytes", () => {
  expect(encodeXdeps([])).toHaveLength(0);
  expect(decodeXdeps(new Uint8Array(0))).toEqual([]);
});

test("positions that are cut short are fewer positions or undecodable, never others", () => {
  fc.assert(
    fc.property(fc.array(crossPosition, { minLength: 1, maxLength: 4 }), fc.nat(), (positions, cut) => {
      const whole = encodeXdeps(positions);
      try {
        const some = decodeXdeps(whole.subarray(0, cut % whole.length));
        expect(positions.slice(0, some.length)).toEqual(some);
      } catch (error) {
        expect(error).toBeInstanceOf(UndecodableError);
      }
    }),
  );
});

test("no prefix of a page cursor decodes, nor does garbage", () => {
  fc.assert(
    fc.property(pageCursor, fc.uint8Array({ maxLength: 200 }), (cursor, garbage) => {
      const whole = encodePageCursor(cursor);
      for (let length = 0; length < whole.length; length += 1 + Math.floor(whole.length / 40)) {
        expect(() => decodePageCursor(whole.subarray(0, length))).toThrow(UndecodableError);
      }
      expect(() => decodePageCursor(garbage)).toThrow(UndecodableError);
    }),
  );
});

test("no prefix of a feed cursor or a ticket decodes", () => {
  fc.assert(
    fc.property(feedCursor, ticket, (cursor, leave) => {
      const whole = encodeFeedCursor(cursor);
      for (let length = 0; length < whole.length; length++)
        expect(() => decodeFeedCursor(whole.subarray(0, length))).toThrow(UndecodableError);
      const signed = encodeTicket(leave);
      for (let length = 0; length < signed.length; length += 1 + Math.floor(signed.length / 40))
        expect(() => decodeTicket(signed.subarray(0, length))).toThrow(UndecodableError);
    }),
  );
});
