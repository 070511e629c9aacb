/** A few seeds of every schedule, each a whole life of a deployment; nothing may be wrong, and enough has to have happened. */
import { expect, test } from "vitest";
import { scheduleNamed, scheduleNames } from "./schedule.ts";
import { INTERRUPTED, MOVE_DEATHS } from "./shaped.ts";
import { simulate } from "./simulation.ts";
import { Tally } from "./tally.ts";

const SEEDS_EACH = 12;
/** Runs that are three times as long as others. */
const SEEDS_OF: Readonly<Record<string, number>> = { "hand-offs": 10, losses: 10 };
/** Of moves whose sides die at each step. */
const INTERRUPTED_SEEDS = 3;
/** The seeds that the floors are for: `npm run sim` and `npm run sim:campaign` run more of them than there is time for here. */
const SEEDS_OF_FLOORS = 30;
/** Over so many seeds of a schedule. Without these an idle simulation would be the greenest of all. */
const FLOORS: Readonly<Record<string, number>> = {
  turns: 10_000,
  operations: 800,
  elections: 24,
  starts: 60,
  "states compared": 100,
  "checked: feeds: told": 400,
  "feed messages": 80,
};
const FLOORS_OF: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  calm: {
    "writes acknowledged: all": 30,
    "writes acknowledged: majority": 100,
    "reads: session (covered)": 50,
    "reads: bounded (fresh)": 10,
  },
  crashes: { "crashes between effects": 200, "crashes before commit": 50, "replays by idempotency key": 5 },
  takeovers: { "takeovers completed": 50, "entries cut off": 20 },
  leases: {
    "takeovers completed": 100,
    "entries cut off": 100,
    "acknowledged writes found as divergent": 50,
    "positions reported lost": 8,
  },
  "hand-offs": {
    "hand-offs: done": 40,
    "heirs that led": 50,
    "hand-offs: taken-back": 3,
    "hand-offs meeting a takeover": 15,
  },
  zombies: { "answers of replaced instances": 300, "turns of replaced instances": 1_000 },
  transactions: {
    "transactions acknowledged": 300,
    "writes refused: check-failed": 10,
    "checked: transfers: transfers": 100,
    "checked: transfers: cuts": 100,
    "checked: accumulation: adds": 100,
    "checked: accumulation: merges": 50,
    "checked: all or nothing: shown": 100,
    "entries cut off": 4,
  },
  losses: {
    "acknowledged writes found as divergent": 6,
    "lost writes recorded": 10,
    "lost writes: replayed": 4,
    "lost writes: discarded": 1,
    "lost writes settled: replay": 5,
  },
  queues: { "entries by queue": 100, "batches buffered": 5, "gaps repaired by pull": 50 },
  snapshots: { "snapshots taken over": 10, compactions: 200 },
  clocks: { "clock jumps": 500 },
  expiry: { "items reclaimed": 200, "expiring items gone": 100, "expiring items there": 100 },
  exposure: { "writes refused: rpo-bound": 1 },
  sinks: {
    "batches taken by sinks": 2_000,
    "batches refused by receivers": 200,
    "answers of receivers lost": 40,
    "batches taken late": 30,
    "outages of receivers": 15,
    "replays of sinks: done": 15,
    "excuses of sinks": 3,
    "checked: deliveries to sinks: repeated": 300,
  },
  moves: {
    "users moved": 100,
    "moves begun": 60,
    "moves arrived": 40,
    "moves refused": 20,
    "moves aborted": 20,
    "writes acknowledged: local": 100,
  },
  farewells: {
    "users erased": 60,
    "erasures looked after": 40,
    "entries redacted": 500,
    "imports again": 20,
    // Replicas are away for long, and those whose feeds were read are gone in the end.
    "feed messages": 30,
    "checked: feeds: told": 150,
  },
};

test.each(scheduleNames())("%s", { timeout: 180_000 }, (name) => {
  const totals = new Tally();
  const seeds = SEEDS_OF[name] ?? SEEDS_EACH;
  for (let seed = 1; seed <= seeds; seed++) {
    const { problems, tally, transcript } = simulate({ seed, schedule: scheduleNamed(name), keep: 40 });
    expect(problems, `seed ${seed} of ${name}; the end of it:\n${transcript.lines().join("\n")}`).toEqual([]);
    totals.merge(tally);
  }
  const share = name in SEEDS_OF ? 1 : seeds / SEEDS_OF_FLOORS;
  const floors = Object.entries({ ...FLOORS, ...FLOORS_OF[name] }).map(([what, floor]): [string, number] => [
    what,
    Math.max(1, Math.floor(floor * share)),
  ]);
  expect(totals.short(Object.fromEntries(floors))).toEqual([]);
});

/** Each of them a hundred times: `npm run sim:campaign`. */
test("either side of a move dies at each of its steps", { timeout: 180_000 }, () => {
  const totals = new Tally();
  for (let seed = 1; seed <= INTERRUPTED_SEEDS; seed++) {
    const { problems, tally, transcript } = simulate({ seed, schedule: INTERRUPTED, keep: 40 });
    expect(problems, `seed ${seed}; the end of it:\n${transcript.lines().join("\n")}`).toEqual([]);
    totals.merge(tally);
  }
  const floors = MOVE_DEATHS.map((state): [string, number] => [state, 1]);
  expect(totals.short(Object.fromEntries(floors))).toEqual([]);
});
