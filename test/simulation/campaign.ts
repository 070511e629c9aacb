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
import { type Schedule, scheduleNamed, scheduleNames } from "./schedule.ts";
import { DYING_OPENERS, INTERRUPTED, MOVE_DEATHS, RESTARTS } from "./shaped.ts";
import { simulate } from "./simulation.ts";
import { Tally } from "./tally.ts";

/** Seeds that `declares-lost-early` needed, the mutant that random seeds caught last, before it had a script (README.md). */
const HARDEST = 110;
const CLEAN_SEEDS = 10 * HARDEST;
const RARE_MIN = 100;
/** Which schedule is run until each of these has come up often enough in it. */
const RARE: readonly (readonly [Schedule, readonly string[]])[] = [
  [RESTARTS, ["rare: restart right after a promise"]],
  [DYING_OPENERS, ["rare: restart right after an OPEN"]],
  [OPENED_FOR_NOBODY, ["rare: uncommitted OPEN cut off"]],
  [scheduleNamed("takeovers"), ["rare: uncommitted OPEN cut off"]],
  [BUILT_ON_THE_LOST, ["rare: applied over a lost dependency"]],
  [scheduleNamed("hand-offs"), ["hand-offs meeting a takeover"]],
  [INTERRUPTED, MOVE_DEATHS],
];
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
const wanted = Math.ceil(RARE_MIN * share);
const short: string[] = [];
for (const [schedule, states] of RARE) {
  const seen = new Tally();
  const isShort = (state: string): boolean => seen.get(state) < wanted;
  let seeds = 0;
  while (seeds < SHAPED_SEEDS_MAX * share && states.some(isShort)) seen.merge(run(schedule, from + ++seeds));
  for (const state of states)
    console.log(`${String(seen.get(state)).padStart(8)}  ${state}, in ${seeds} seeds of ${schedule.name}`);
  short.push(...states.filter(isShort).map((state) => `${state}: ${seen.get(state)} of ${wanted}`));
}
for (const line of short) console.log(`too rare: ${line}`);
console.log(`${runs} runs, ${bad} bad, ${totals.get("turns")} turns`);
process.exitCode = bad > 0 || short.length > 0 ? 1 : 0;
