/**
 * Runs seeds from the command line.
 *
 *   npm run sim -- --seeds 200                 every schedule in turn, seeds 1 to 200
 *   npm run sim -- --seed 17 --transcript      one seed, with the transcript of all of it
 *   npm run sim -- --seeds 500 --schedule takeovers --mutant forgets-grants
 */
import { parseArgs } from "node:util";
import { mutantNamed } from "./mutants.ts";
import { directedNamed } from "./directed.ts";
import { scheduleNamed, scheduleOf } from "./schedule.ts";
import { shapedNamed } from "./shaped.ts";
import { simulate } from "./simulation.ts";
import { Tally } from "./tally.ts";

/** Per run, on average over many: a campaign in which less happened has not tested much. */
const FLOORS_PER_RUN: Readonly<Record<string, number>> = {
  turns: 500,
  elections: 3,
  "writes acknowledged: local": 5,
  "writes acknowledged: majority": 3,
  "checked: session guarantees: reads": 1,
  "items reclaimed": 0.5,
};

const { values } = parseArgs({
  options: {
    seeds: { type: "string" },
    seed: { type: "string" },
    schedule: { type: "string" },
    mutant: { type: "string" },
    transcript: { type: "boolean", default: false },
    keepgoing: { type: "boolean", default: false },
  },
});

const first = Number(values.seed ?? 1);
const count = Number(values.seeds ?? (values.seed === undefined ? 100 : 1));
const mutant = values.mutant === undefined ? undefined : mutantNamed(values.mutant);
const totals = new Tally();
const began = performance.now();
let bad = 0;
let runs = 0;
for (let seed = first; seed < first + count; seed++) {
  const name = values.schedule ?? mutant?.schedule.name;
  const schedule =
    mutant !== undefined && values.schedule === undefined
      ? mutant.schedule
      : name === undefined
        ? scheduleOf(seed)
        : (directedNamed(name) ?? shapedNamed(name) ?? scheduleNamed(name));
  const result = simulate({
    seed,
    schedule,
    ...(mutant === undefined ? {} : { rules: mutant.rules, distortion: mutant.distortion }),
    keep: values.transcript ? 1_000_000 : 400,
  });
  runs++;
  totals.merge(result.tally);
  if (values.transcript) console.log(result.transcript.lines().join("\n"));
  if (result.problems.length === 0) continue;
  bad++;
  if (!values.transcript && bad === 1) console.log(result.transcript.lines().slice(-60).join("\n"));
  console.log(
    `seed ${seed} (${schedule.name}): ${result.problems.length} problems; ${result.transcript.digest()}`,
  );
  for (const problem of result.problems.slice(0, 3)) console.log(`  ${problem}`);
  if (!values.keepgoing) break;
}
const seconds = (performance.now() - began) / 1000;
for (const [what, n] of totals.entries()) console.log(`${String(n).padStart(10)}  ${what}`);
console.log(
  `${runs} runs, ${bad} bad, ${seconds.toFixed(1)} s, ${Math.round(totals.get("turns") / seconds)} turns/s`,
);
const floors = Object.fromEntries(
  Object.entries(FLOORS_PER_RUN).map(([what, floor]) => [what, floor * runs]),
);
const short = runs >= 20 && bad === 0 ? totals.short(floors) : [];
for (const line of short) console.log(`too little happened: ${line}`);
process.exitCode = bad > 0 || short.length > 0 ? 1 : 0;
