/** What was read stays at hand until it is written, and never much of it. */
import { expect, test } from "vitest";
import type { StoredItem } from "../../src/replication/storage.ts";
import { ItemsRead } from "../../src/storage/items-read.ts";

function item(key: string, size = 1): StoredItem {
  const place = { o: 0, e: 16, s: 1, hlc: 1, ownerVersion: 1, tombstone: false, expiresAt: 0 };
  const xdeps = new Uint8Array(0);
  return { user: "anna", key, ...place, contentType: "", xdeps, value: new Uint8Array(size), size };
}

test("an item is known until it is written, and so is that there is none", () => {
  const read = new ItemsRead();
  expect(read.get("anna", "a")).toBeUndefined();
  read.note("anna", "a", item("a"));
  read.note("anna", "b", null);
  expect(read.get("anna", "a")).toEqual(item("a"));
  expect(read.get("anna", "b")).toBeNull();
  // Of another user, and where the two run into each other.
  expect(read.get("ann", "aa")).toBeUndefined();
  read.forget("anna", "a");
  read.forget("anna", "b");
  expect([read.get("anna", "a"), read.get("anna", "b")]).toEqual([undefined, undefined]);
});

test("as many as an entry writes, 64 KiB altogether, and no large one", () => {
  const read = new ItemsRead();
  for (let n = 0; n < 250; n++) read.note("anna", `k${n}`, item(`k${n}`));
  expect(read.get("anna", "k0")).toBeDefined();
  read.note("anna", "one more", item("one more"));
  expect([read.get("anna", "k0"), read.get("anna", "one more")?.key]).toEqual([undefined, "one more"]);

  read.clear();
  read.note("anna", "most", item("most", 65_536));
  expect(read.get("anna", "most")?.size).toBe(65_536);
  read.note("anna", "larger", item("larger", 65_537));
  expect(read.get("anna", "larger")).toBeUndefined();
  read.note("anna", "small", item("small"));
  expect([read.get("anna", "most"), read.get("anna", "small")?.size]).toEqual([undefined, 1]);
  // What is forgotten makes room.
  read.note("anna", "half", item("half", 65_535));
  read.forget("anna", "half");
  read.note("anna", "again", item("again", 65_535));
  expect(read.get("anna", "small")).toBeDefined();
});
