import { expect, test } from "vitest";
import { DEFAULT_LIMITS } from "../../src/replication/config.ts";
import { Inbox, type Buffered } from "../../src/replication/inbox.ts";

const limits = { ...DEFAULT_LIMITS, inboxEntriesMax: 3, inboxBytesMax: 100 };

function entry(s: number, size = 10, e = 16): Buffered {
  return { e, inc: 1, prevE: 16, raw: { e, s, bytes: new Uint8Array(size) } };
}

test("what is put in is taken out once", () => {
  const inbox = new Inbox(limits);
  expect(inbox.put(entry(5))).toBe(true);
  expect(inbox.take(4)).toBeNull();
  expect(inbox.take(5)).toEqual(entry(5));
  expect(inbox.take(5)).toBeNull();
  expect([inbox.size, inbox.bytes]).toEqual([0, 0]);
});

test("is bounded in entries", () => {
  const inbox = new Inbox(limits);
  expect([1, 2, 3, 4].map((s) => inbox.put(entry(s)))).toEqual([true, true, true, false]);
  inbox.dropThrough(1);
  expect(inbox.put(entry(4))).toBe(true);
});

test("is bounded in bytes, and a full one still replaces", () => {
  const inbox = new Inbox(limits);
  expect(inbox.put(entry(1, 60))).toBe(true);
  expect(inbox.put(entry(2, 41))).toBe(false);
  expect(inbox.put(entry(2, 40))).toBe(true);
  expect(inbox.put(entry(2, 40, 32))).toBe(true);
  expect(inbox.put(entry(2, 41, 48))).toBe(false);
  expect(inbox.bytes).toBe(100);
});

test("the greater epoch wins a place; the same entry twice counts once", () => {
  const inbox = new Inbox(limits);
  inbox.put(entry(7, 10, 32));
  expect(inbox.put(entry(7, 20, 16))).toBe(true);
  expect(inbox.put(entry(7, 10, 32))).toBe(true);
  expect([inbox.size, inbox.bytes]).toEqual([1, 10]);
  expect(inbox.put(entry(7, 30, 48))).toBe(true);
  expect(inbox.bytes).toBe(30);
  expect(inbox.take(7)?.e).toBe(48);
});

test("forgets what the log has reached", () => {
  const inbox = new Inbox(limits);
  for (const s of [3, 5, 9]) inbox.put(entry(s));
  inbox.dropThrough(5);
  expect([inbox.size, inbox.bytes]).toEqual([1, 10]);
  expect(inbox.take(9)?.raw.s).toBe(9);
});
