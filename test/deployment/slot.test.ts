import { expect, test } from "vitest";
import { partitionOfSlot, SLOTS, slotOf } from "../../src/deployment/slot.ts";

// Computed by a second implementation, in another language. They can never change: every stored item is found by them.
test.each([
  ["", 3083],
  ["a", 435],
  ["alice", 1566],
  ["bob", 2134],
  ["user-0", 1149],
  ["Zoë", 299],
  ["日本", 287],
  ["😀", 2058],
  ["x".repeat(128), 2012],
])("the slot of %j is %i for ever", (user, slot) => {
  expect(slotOf(user)).toBe(slot);
});

test("a lone surrogate is the replacement character", () => {
  expect(slotOf("\ud800")).toBe(slotOf("\ufffd"));
});

test("similar names spread evenly over partitions", () => {
  const counts = Array.from({ length: 16 }, () => 0);
  for (let i = 0; i < 16_000; i++) {
    const partition = partitionOfSlot(slotOf(`user-${i}`), 16);
    counts[partition] = (counts[partition] ?? 0) + 1;
  }
  for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150);
});

test("every slot has a partition, in order, none empty", () => {
  for (const partitions of [1, 3, 16, 64]) {
    const seen = Array.from({ length: SLOTS }, (_, slot) => partitionOfSlot(slot, partitions));
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect([...new Set(seen)]).toEqual(Array.from({ length: partitions }, (_, partition) => partition));
  }
});
