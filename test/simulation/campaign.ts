/**
 * The long campaign: far more seeds than a test run has time for.
 *
 *   npm run sim:campaign                     all of it: hours
 *   npm run sim:campaign -- --share 0.1      a tenth of the seeds of each part
 *
 * Two questions. Is the sound protocol clean on ten times as many random seeds as the mutant needed that random seeds caught
 * last? And did the states happen often enough in which a protocol like this one was found wrong before? Schedules may be
 * shaped for the second, not for the first.
 */
import { parseArgs } from "node:util";
import { BUILT_ON_THE_LOST, OPENED_FOR_NOBODY } from "./directed.ts";
import { RESTARTS } from "./mutants.ts";
import { type Schedule, scheduleNamed, scheduleNames } from "./schedule.ts";
import { simulate } from "./simulation.ts";
import { Tally } from "./tally.ts";

/** Seeds that `declares-lost-early` needed, the mutant that random seeds caught last, before it had a script (README.md). */
const HARDEST = 110;
const CLEAN_SEEDS = 10 * HARDEST;
const RARE_MIN = 100;
const RARE: Readonly<Record<string, readonly Schedule[]>> = {
  "rare: restart right after a promise": [RESTARTS],
  "rare: restart right after an OPEN": [RESTARTS],
  "rare: uncommitted OPEN cut off": [OPENED_FOR_NOBODY, scheduleNamed("takeovers")],
  "rare: applied over a lost dependency": [BUILT_ON_THE_LOST],
};
/** A state that does not come up within so many seeds needs another schedule. */
const SHAPED_SEEDS_MAX = 1_500;

const { values } = parseArgs({
  options: {
    share: { type: "string", default: "1" },
    /** Seeds begin after this one: another campaign than the last. */
    from: { type: "string", default: "0" },
  },
});
const share = Number(values.share);
const from = Number(values.from);
const totals = new Tally();
let bad = 0;
let runs = 0;

function run(schedule: Schedule, seed: number): Tally {
  const { problems, tally } = simulate({ seed, schedule, keep: 0 });
  runs += 1;
  totals.merge(tally);
  if (problems.length > 0) {
    bad += 1;
    console.log(`seed ${seed} of ${schedule.name}: ${problems[0]}`);
  }
  return tally;
}

for (const name of scheduleNames()) {
  const seeds = Math.ceil((CLEAN_SEEDS * share) / scheduleNames().length);
  for (let seed = from + 1; seed <= from + seeds; seed++) run(scheduleNamed(name), seed);
  console.log(`${name}: ${seeds} seeds, ${bad} bad so far`);
}
for (const [state, schedules] of Object.entries(RARE)) {
  const wanted = Math.ceil(RARE_MIN * share);
  for (const schedule of schedules) {
    let seen = 0;
    for (let n = 1; n <= SHAPED_SEEDS_MAX * share && seen < wanted; n++)
      seen += run(schedule, from + n).get(state);
    console.log(`${state}: ${seen} in ${schedule.name}`);
  }
}
const wanted = Object.fromEntries(Object.keys(RARE).map((state) => [state, RARE_MIN * share]));
const short = totals.short(wanted);
for (const state of Object.keys(RARE)) console.log(`${String(totals.get(state)).padStart(8)}  ${state}`);
for (const line of short) console.log(`too rare: ${line}`);
console.log(`${runs} runs, ${bad} bad, ${totals.get("turns")} turns`);
process.exitCode = bad > 0 || short.length > 0 ? 1 : 0;
