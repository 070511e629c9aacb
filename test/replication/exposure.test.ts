/** How long a leader has held what no majority holds: by its own clock, whatever that does. */
import { expect, test } from "vitest";
import { Exposure } from "../../src/replication/exposure.ts";

test("is nothing while all is committed, and the age of the oldest of the rest", () => {
  const exposure = new Exposure(0, 5, 0);
  exposure.note(0, 5, 5);
  expect(exposure.ms(1_000, 5)).toBe(0);
  exposure.note(1_000, 6, 5);
  exposure.note(1_300, 8, 5);
  expect(exposure.ms(1_500, 5)).toBe(500);
  exposure.note(1_500, 8, 6);
  expect(exposure.ms(1_500, 6)).toBe(200);
  expect(exposure.ms(1_500, 8)).toBe(0);
});

test("begins with what was known of it", () => {
  expect(new Exposure(1_000, 9, 400).ms(1_100, 5)).toBe(700);
  // A time that lies ahead is none.
  expect(new Exposure(1_000, 9, 60_000).ms(1_100, 5)).toBe(100);
});

test("loses nothing when the clock goes back, and grows with it when it goes on", () => {
  const exposure = new Exposure(1_000, 0, 1_000);
  exposure.note(1_000, 1, 0);
  expect(exposure.ms(1_800, 0)).toBe(800);
  expect(exposure.ms(-60_000, 0)).toBe(800);
  exposure.note(-59_900, 2, 0);
  expect(exposure.ms(-59_900, 0)).toBe(900);
  expect(exposure.ms(-59_900, 1)).toBe(0);
});

test("of a tail of any length takes little room, and is never told too short", () => {
  const exposure = new Exposure(0, 0, 0);
  for (let s = 1; s <= 10_000; s++) exposure.note(s * 10, s, 0);
  expect(exposure.ms(100_000, 0)).toBe(99_990);
  for (const commit of [1, 777, 5_000, 9_000]) {
    const ms = exposure.ms(100_000, commit);
    const really = 100_000 - (commit + 1) * 10;
    expect(ms).toBeGreaterThanOrEqual(really);
    expect(ms - really).toBeLessThan(1_500);
  }
});

test("of entries that come together is that of the first of them", () => {
  const exposure = new Exposure(0, 0, 0);
  exposure.note(100, 1, 0);
  exposure.note(104, 2, 0);
  exposure.note(106, 3, 0);
  expect(exposure.ms(200, 1)).toBe(100);
  expect(exposure.ms(200, 2)).toBe(94);
});
