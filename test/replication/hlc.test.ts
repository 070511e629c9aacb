import fc from "fast-check";
import { expect, test } from "vitest";
import { HLC_EPOCH_MS, hlcAt, tick, wallOf } from "../../src/replication/hlc.ts";

const instants = fc.integer({ min: HLC_EPOCH_MS, max: HLC_EPOCH_MS + 60 * 365 * 86_400_000 });

test("the wall part of a reading is the instant it was made from", () => {
  fc.assert(
    fc.property(instants, (ms) => {
      expect(wallOf(hlcAt(ms))).toBe(ms);
    }),
  );
});

test("a reading is greater than the last one, and no less than the clock", () => {
  fc.assert(
    fc.property(instants, instants, (last, now) => {
      const next = tick(hlcAt(last), now);
      expect(next).toBeGreaterThan(hlcAt(last));
      expect(next).toBeGreaterThanOrEqual(hlcAt(now));
      expect(next).toBe(Math.max(hlcAt(last) + 1, hlcAt(now)));
    }),
  );
});

test("a clock that stands still or goes back counts on", () => {
  let hlc = hlcAt(HLC_EPOCH_MS + 5_000);
  for (let n = 0; n < 10_000; n++) {
    const next = tick(hlc, HLC_EPOCH_MS + 4_000);
    expect(next).toBe(hlc + 1);
    hlc = next;
  }
  // More than 4,096 ticks in one millisecond borrow from the next ones.
  expect(wallOf(hlc)).toBe(HLC_EPOCH_MS + 5_002);
});

test("readings stay exact for sixty years, and nothing lies before 2026", () => {
  const late = hlcAt(HLC_EPOCH_MS + 60 * 365 * 86_400_000);
  expect(Number.isSafeInteger(late + 4_095)).toBe(true);
  expect(hlcAt(0)).toBe(0);
  expect(hlcAt(HLC_EPOCH_MS + 0.9)).toBe(0);
  expect(wallOf(0)).toBe(HLC_EPOCH_MS);
});
