/** Schedules in which objects die in the moments that matter, far more often than chance would have it. */
import { type Schedule, scheduleNamed } from "./schedule.ts";

/** Objects that die right after a promise, or right after they opened an epoch, more often than not. */
export const RESTARTS: Schedule = {
  ...scheduleNamed("leases"),
  name: "restarts",
  faults: {
    ...scheduleNamed("leases").faults,
    crash: {
      ...scheduleNamed("crashes").faults.crash,
      betweenEffects: 0.006,
      delicate: 80,
      idlePerSecond: 0.05,
    },
  },
};

/** Objects of which who has opened an epoch dies at once, four times of five. */
export const DYING_OPENERS: Schedule = {
  ...RESTARTS,
  name: "dying-openers",
  faults: { ...RESTARTS.faults, crash: { ...RESTARTS.faults.crash, aimed: 0.8 } },
};

/** Moves of which either side dies at each step, again and again. */
export const INTERRUPTED: Schedule = {
  ...scheduleNamed("moves"),
  name: "interrupted-moves",
  faults: {
    ...scheduleNamed("moves").faults,
    crash: { ...scheduleNamed("moves").faults.crash, aimed: 0.25, downMs: [0, 400], long: 0 },
  },
};

/** Regions that are cut off while clients ask again for longer than a takeover takes: what was lost has mostly happened by then. */
export const ASKED_AGAIN: Schedule = {
  ...scheduleNamed("losses"),
  name: "asked-again",
  workload: {
    ...scheduleNamed("losses").workload,
    devicesPerUser: 4,
    thinkMs: [5, 100],
    budgetMs: [3_000, 8_000],
    actions: { count: 4, merge: 3, put: 2, settle: 1 },
  },
};

/** What INTERRUPTED is for, as the tally calls it (moves.ts). */
export const MOVE_DEATHS: readonly string[] = [1, 2, 3, 4, 5].flatMap((step) =>
  ["home", "target"].map((side) => `rare: the ${side} of a move dies at step ${step}`),
);

export function shapedNamed(name: string): Schedule | undefined {
  return [RESTARTS, DYING_OPENERS, INTERRUPTED, ASKED_AGAIN].find((candidate) => candidate.name === name);
}
