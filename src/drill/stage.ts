/** What every part of a drill works with: where, on whom, in whose name. */
import type { Caller } from "./caller.ts";
import type { Member } from "./cohort.ts";
import type { Random } from "./random.ts";
import type { Recorder } from "./recorder.ts";
import type { Scenario } from "./scenario.ts";

export interface Stage {
  readonly caller: Caller;
  readonly scenario: Scenario;
  readonly recorder: Recorder;
  readonly random: Random;
  readonly members: readonly Member[];
  /** In the deployment's order. */
  readonly regions: readonly string[];
  /** The drill's clock. */
  readonly nowMs: () => number;
}
