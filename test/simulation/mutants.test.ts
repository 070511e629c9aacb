/** Each mutant is noticed within a few seeds of its schedule, and the protocol as it is passes the same seeds. */
import { describe, expect, test } from "vitest";
import { mutantNamed, mutantNames } from "./mutants.ts";
import { simulate } from "./simulation.ts";

const SEEDS_MAX = 40;
/** The sound protocol is run on at most so many of the seeds. */
const SOUND_MAX = 4;

describe.each(mutantNames())("%s", (name) => {
  test("is caught, and without it the same seeds pass", { timeout: 60_000 }, () => {
    const { schedule, rules, distortion } = mutantNamed(name);
    let caughtAt = 0;
    for (let seed = 1; seed <= SEEDS_MAX && caughtAt === 0; seed++) {
      if (simulate({ seed, schedule, rules, distortion, keep: 0 }).problems.length > 0) caughtAt = seed;
    }
    expect(caughtAt, `not caught by ${SEEDS_MAX} seeds of ${schedule.name}`).toBeGreaterThan(0);
    for (let seed = Math.max(1, caughtAt - SOUND_MAX + 1); seed <= caughtAt; seed++) {
      expect(simulate({ seed, schedule, keep: 0 }).problems, `seed ${seed} of ${schedule.name}`).toEqual([]);
    }
  });
});
