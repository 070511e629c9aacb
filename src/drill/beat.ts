/** What a drill tells of itself while it runs. */
import type { PhaseName } from "./measures.ts";
import type { Recorder } from "./recorder.ts";
import type { Sighting } from "./watch.ts";

export interface Progress {
  phase(name: PhaseName, forMs: number): void;
  note(line: string): void;
  beat(state: Beat): void;
}

export interface Beat {
  readonly phase: PhaseName;
  readonly recorder: Recorder;
  readonly regions: readonly string[];
  readonly sighting: Sighting | undefined;
}
