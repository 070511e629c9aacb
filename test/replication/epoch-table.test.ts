/**
 * divergencePoint and judge against brute force, on logs that a random but lawful history made: every epoch has one
 * writer and begins at one place, and whoever follows a leader holds a prefix of that leader's log.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { divergencePoint, epochAt, holds, judge, type Judgement } from "../../src/replication/epoch-table.ts";
import type { EpochStart } from "../../src/replication/message.ts";

/** A log as the epochs of its entries: entry s is at index s - 1. */
type Epochs = readonly number[];

function tableOf(log: Epochs): EpochStart[] {
  return log.flatMap((e, n) => (n === 0 || log[n - 1] !== e ? [{ e, start: n + 1 }] : []));
}

/** Logs at several replicas, all made by leaders that extended a log they had in hand. */
const histories = fc
  .array(
    fc.record({
      /** Whose log the next leader adopts, and how much of it. */
      adopts: fc.nat(),
      keeps: fc.double({ min: 0, max: 1, noNaN: true }),
      writes: fc.integer({ min: 1, max: 5 }),
      /** Who follows the leader, and how far. */
      followers: fc.array(
        fc.record({ replica: fc.nat({ max: 3 }), upTo: fc.double({ min: 0, max: 1, noNaN: true }) }),
        { maxLength: 4 },
      ),
    }),
    { minLength: 1, maxLength: 8 },
  )
  .map((reigns) => {
    const replicas: number[][] = [[], [], [], []];
    reigns.forEach((reign, n) => {
      const e = (n + 1) * 16;
      const adopted = replicas[reign.adopts % 4]!;
      const log = adopted.slice(0, Math.round(adopted.length * reign.keeps));
      for (let k = 0; k < reign.writes; k++) log.push(e);
      for (const { replica, upTo } of reign.followers) {
        const prefix = log.slice(0, Math.round(log.length * upTo));
        // Who holds none of this epoch has not cut anything for it.
        if (prefix.includes(e)) replicas[replica] = prefix;
      }
      replicas[reign.adopts % 4] = log;
    });
    return replicas;
  });

/** The last seq up to which both hold the same entries. */
function agreement(a: Epochs, b: Epochs): number {
  let s = 0;
  while (s < a.length && s < b.length && a[s] === b[s]) s++;
  return s;
}

describe("divergencePoint", () => {
  test("is where two logs part, whatever their histories", () => {
    fc.assert(
      fc.property(histories, ([a, b]) => {
        expect(divergencePoint(tableOf(a!), a!.length, 0, tableOf(b!), b!.length, 0)).toBe(agreement(a!, b!));
      }),
      { numRuns: 3_000 },
    );
  });

  test("knows what lies above the bases, as long as the bases are common", () => {
    const based = fc.tuple(
      histories,
      fc.double({ max: 1, min: 0, noNaN: true }),
      fc.double({ max: 1, min: 0, noNaN: true }),
    );
    fc.assert(
      fc.property(based, ([[a, b], partA, partB]) => {
        const common = agreement(a!, b!);
        // Only what is committed, and so common, is ever compacted.
        const [baseA, baseB] = [Math.floor(common * partA), Math.floor(common * partB)];
        expect(divergencePoint(tableOf(a!), a!.length, baseA, tableOf(b!), b!.length, baseB)).toBe(common);
      }),
      { numRuns: 3_000 },
    );
  });

  test("does not care which log is asked", () => {
    fc.assert(
      fc.property(histories, fc.nat({ max: 4 }), ([a, b], base) => {
        const there = divergencePoint(tableOf(a!), a!.length, base, tableOf(b!), b!.length, 0);
        expect(divergencePoint(tableOf(b!), b!.length, 0, tableOf(a!), a!.length, base)).toBe(there);
      }),
    );
  });

  test("answers the greater base when nothing above it is common", () => {
    expect(divergencePoint([{ e: 16, start: 1 }], 9, 4, [{ e: 32, start: 1 }], 9, 6)).toBe(6);
    expect(divergencePoint([], 0, 0, [], 0, 0)).toBe(0);
    expect(divergencePoint([{ e: 16, start: 1 }], 3, 0, [], 0, 0)).toBe(0);
  });
});

test("epochAt is the epoch of an entry, and the base's at and only at the base", () => {
  fc.assert(
    fc.property(histories, ([log]) => {
      log!.forEach((e, n) => expect(epochAt(tableOf(log!), { e: 0, s: 0 }, n + 1)).toBe(e));
    }),
  );
  expect(epochAt([{ e: 32, start: 5 }], { e: 16, s: 4 }, 4)).toBe(16);
  expect(epochAt([], { e: 0, s: 0 }, 0)).toBe(0);
});

describe("judge", () => {
  /** What may be said of an entry (e, s) by somebody who sees all logs that will ever be. */
  function bruteForce(log: Epochs, applied: number, commit: number, e: number, s: number): Judgement {
    if (log[s - 1] === e) return s <= applied ? "contained" : "not-applied";
    const newer = log.findIndex((epoch) => epoch > e);
    // A newer epoch begins at or before s, or the epoch is below all newer ones without being in the log.
    if (newer !== -1 && (newer + 1 <= s || !log.includes(e)))
      return newer + 1 <= commit ? "lost" : "uncertain";
    return "behind";
  }

  test("agrees with brute force on every position near a log", () => {
    const cases = fc.tuple(
      histories,
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.double({ min: 0, max: 1, noNaN: true }),
    );
    fc.assert(
      fc.property(cases, ([[log], a, c]) => {
        const applied = Math.floor(log!.length * a);
        const commit = Math.floor(log!.length * c);
        const last = { e: log!.at(-1) ?? 0, s: log!.length };
        const knowledge = { epochs: tableOf(log!), last, applied, commit };
        for (let e = 16; e <= 16 * 9; e += 16) {
          for (let s = 1; s <= log!.length + 3; s++) {
            // Before the one place where its epoch begins: no such entry ever was.
            if (log!.indexOf(e) + 1 > s) continue;
            const said = judge(knowledge, e, s, (openCommitted) => openCommitted);
            expect(said, `(${e}, ${s}) in ${JSON.stringify(log)}`).toBe(
              bruteForce(log!, applied, commit, e, s),
            );
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  test("never calls lost what can still win, nor contained what can still be lost, for all who hold a prefix", () => {
    fc.assert(
      fc.property(histories, (replicas) => {
        const [judging, other] = replicas;
        const common = agreement(judging!, other!);
        const knowledge = {
          epochs: tableOf(judging!),
          last: { e: judging!.at(-1) ?? 0, s: judging!.length },
          applied: judging!.length,
          commit: common,
        };
        // Everything of the committed prefix is contained, under its own epoch.
        for (let s = 1; s <= common; s++) {
          expect(judge(knowledge, other![s - 1]!, s, (committed) => committed)).toBe("contained");
        }
      }),
    );
  });
});

test("a log holds what is in it under that epoch, and whatever its base stands for", () => {
  fc.assert(
    fc.property(histories, fc.double({ min: 0, max: 1, noNaN: true }), ([log, other], part) => {
      const s = Math.floor(log!.length * part);
      const base = { e: log![s - 1] ?? 0, s };
      const whole = { epochs: tableOf(log!), base, last: { e: log!.at(-1) ?? 0, s: log!.length } };
      other!.forEach((e, n) => expect(holds(whole, { e, s: n + 1 })).toBe(n + 1 <= s || log![n] === e));
    }),
  );
});
