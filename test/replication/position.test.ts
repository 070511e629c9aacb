import fc from "fast-check";
import { expect, test } from "vitest";
import { compareTails, counterOf, epochOf, leaderOf, samePosition } from "../../src/replication/position.ts";

const counters = fc.integer({ min: 0, max: 2 ** 49 - 1 });
const regions = fc.nat({ max: 15 });

test("an epoch tells its counter and its leader apart, up to 2^53", () => {
  fc.assert(
    fc.property(counters, regions, (counter, region) => {
      const epoch = epochOf(counter, region);
      expect(Number.isSafeInteger(epoch)).toBe(true);
      expect([counterOf(epoch), leaderOf(epoch)]).toEqual([counter, region]);
    }),
  );
});

test("two regions never have the same epoch, and a greater counter wins over any region", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1_000 }), regions, regions, (counter, a, b) => {
      expect(epochOf(counter, a) === epochOf(counter, b)).toBe(a === b);
      expect(epochOf(counter + 1, a)).toBeGreaterThan(epochOf(counter, b));
    }),
  );
});

test("tails are ordered by epoch, then by seq", () => {
  const tails = fc.record({ e: fc.nat({ max: 5 }), s: fc.nat({ max: 5 }) });
  fc.assert(
    fc.property(tails, tails, (a, b) => {
      expect(Math.sign(compareTails(a, b))).toBe(Math.sign(a.e * 100 + a.s - b.e * 100 - b.s));
      expect(compareTails(a, b) + compareTails(b, a)).toBe(0);
    }),
  );
});

test("positions are the same when all three numbers are", () => {
  const position = { o: 1, e: 16, s: 3 };
  expect(samePosition(position, { ...position })).toBe(true);
  for (const field of ["o", "e", "s"] as const)
    expect(samePosition(position, { ...position, [field]: 9 })).toBe(false);
});
