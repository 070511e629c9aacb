/** Seeds that once failed, each with what was wrong. What a seed leads to changes with the code; the story stays worth running. */
import { expect, test } from "vitest";
import { CLAIM_CUT_OFF, MEMORY_HALF_HEARD } from "./directed.ts";
import { mutantNamed } from "./mutants.ts";
import { scheduleNamed, type Schedule } from "./schedule.ts";
import { simulate } from "./simulation.ts";

interface Regression {
  readonly story: string;
  readonly schedule: Schedule;
  readonly seeds: readonly number[];
}

/** Logs that are cut down to a few entries: where snapshots were found wanting. */
const cutShort: Schedule = {
  ...scheduleNamed("snapshots"),
  limits: { ...scheduleNamed("snapshots").limits, logBytesMax: 1_500 },
};

const REGRESSIONS: readonly Regression[] = [
  {
    story:
      "a replica that took over a snapshot of a later epoch did not promise that epoch, and could have gone on leading an older one",
    schedule: cutShort,
    seeds: [31],
  },
  {
    story:
      "need-snapshot answers were not paused between: a follower that could not begin a snapshot pulled for ever",
    schedule: cutShort,
    seeds: [14, 15, 19, 20],
  },
  {
    story:
      "rows below a snapshot's base stayed unapplied, so a restart in the middle read an applied position below the base",
    schedule: cutShort,
    seeds: [26, 60],
  },
  {
    story: "an image whose replay had been compacted meanwhile was waited for without end",
    schedule: cutShort,
    seeds: [6, 24],
  },
  {
    story: "a region whose image needed a commit of the log that it leads itself waited for itself",
    schedule: cutShort,
    seeds: [30, 53],
  },
  {
    story: "a new leader whose followers were all far behind was never opened after one of them restarted",
    schedule: mutantNamed("counts-old-epochs").schedule,
    seeds: [119],
  },
  {
    story:
      "a refused condition that a doubled request met later was written after the refusal: edges do not double",
    schedule: scheduleNamed("clocks"),
    seeds: [1015],
  },
  {
    story:
      "a home that was deposed and then asked by nobody never led again, and majority writes that depended on its log waited for ever",
    schedule: {
      ...scheduleNamed("transactions"),
      workload: { ...scheduleNamed("transactions").workload, opsPerDevice: 24, budgetMs: [800, 5_000] },
    },
    seeds: [7],
  },
  {
    story: "an absence read at a level that promises nothing was taken for a removal seen",
    schedule: scheduleNamed("calm"),
    seeds: [84],
  },
  {
    story: "a parked sink that was resumed skipped what had been compacted meanwhile, without a word",
    schedule: scheduleNamed("sinks"),
    seeds: [3],
  },
  {
    story:
      "an erasure that was replayed over a later snapshot removed who had come under the same name since",
    schedule: scheduleNamed("farewells"),
    seeds: [20],
  },
  {
    story: "the usurper, deposed and not told, wrote for a user whose home had been claimed in the log since",
    schedule: scheduleNamed("takeovers"),
    seeds: [2004],
  },
  {
    story:
      "a home wrote for a user whose claim no majority held, a takeover cut the claim off, and no other replica could apply the write",
    schedule: CLAIM_CUT_OFF,
    seeds: [1, 2, 3],
  },
  {
    story:
      "who had left a log, was erased elsewhere and came again was taken for somebody who never came back",
    schedule: scheduleNamed("farewells"),
    seeds: [28],
  },
  {
    story:
      "a voter that had forgotten gave up a claim that it did not know to be committed, and threw at what another log said next of that user",
    schedule: MEMORY_HALF_HEARD,
    seeds: [6],
  },
  {
    story:
      "a home wrote under a claim in its own log that was cut off with what it wrote, which then was nobody's",
    schedule: scheduleNamed("leases"),
    seeds: [50013],
  },
  {
    story:
      "a version that an attempt was told was taken to be its own, and was an earlier attempt's of the same request",
    schedule: scheduleNamed("hand-offs"),
    seeds: [50012],
  },
  {
    story:
      "a replaced leader told of a claim that it had counted, and its successor was taken to have made it up",
    schedule: scheduleNamed("zombies"),
    seeds: [50001],
  },
  {
    story:
      "a session that was told of a loss by a read outside its history was taken for one that nobody told",
    schedule: scheduleNamed("expiry"),
    seeds: [60005],
  },
];

test.each(REGRESSIONS)("$story", { timeout: 60_000 }, ({ schedule, seeds }) => {
  for (const seed of seeds)
    expect(simulate({ seed, schedule, keep: 0 }).problems, `seed ${seed} of ${schedule.name}`).toEqual([]);
});
