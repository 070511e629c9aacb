/** What a drill comes to: the record and what was read in the end, judged and measured. Pure; the drill brings everything along. */
import type { FeedReading } from "../checker/feed.ts";
import { costOf, type Cost } from "./cost.ts";
import type { ArmedFault } from "./fault-board.ts";
import type { FinalReading } from "./final-reading.ts";
import type { KeptDistances } from "./geography.ts";
import { judge, type Evidence, type Judgement } from "./judge.ts";
import { storiesOf, takeoversIn, type LogStory, type Takeover } from "./leadership.ts";
import { measure, type Measures, type Phase } from "./measures.ts";
import type { Action } from "./plan.ts";
import type { Stage } from "./stage.ts";
import type { Steering } from "./steering.ts";
import type { RegionView, Sighting } from "./watch.ts";

/** What was done, and what was seen of it. */
export interface Course extends Stage {
  readonly seed: number;
  readonly rate: number;
  readonly phases: readonly Phase[];
  readonly actions: readonly Action[];
  readonly faults: readonly ArmedFault[];
  readonly sightings: readonly Sighting[];
  readonly final: FinalReading;
  readonly notes: readonly string[];
  readonly requests: number;
  readonly distances: KeptDistances;
}

export interface DrillResult extends Course {
  readonly stories: readonly LogStory[];
  readonly takeovers: readonly Takeover[];
  readonly judgement: Judgement;
  readonly measures: Measures;
  /** null: the deployment does not tell. */
  readonly cost: Cost | null;
}

export interface Gathered {
  readonly steering: Pick<Steering, "handOffs" | "moves" | "wasPlanned">;
  readonly readings: readonly FeedReading[];
  readonly movedInQuiet: readonly string[];
  readonly undone: readonly string[];
  /** Everything that regions ever said, in order. */
  readonly looks: readonly (readonly RegionView[])[];
}

export function resultOf(course: Course, gathered: Gathered): DrillResult {
  const { scenario, members, regions, phases, faults, recorder, sightings, final } = course;
  const { steering, readings, movedInQuiet, undone, looks } = gathered;
  const operations = recorder.history.operations();
  const stories = storiesOf(operations, sightings, members);
  const changes = takeoversIn(stories, operations, sightings, faults, members);
  const takeovers = changes.filter((change) => !steering.wasPlanned(change));
  const judgement = judge(
    {
      operations,
      members,
      regions,
      final,
      readings,
      movedInQuiet,
      handOffs: steering.handOffs,
      moves: steering.moves,
      takeovers: takeovers.length,
      undone,
      refusing: refusingIn(course),
    },
    scenario,
  );
  const measures = measure({
    operations,
    phases,
    takeovers,
    sightings,
    lost: judgement.lost,
    faultsEndedMs: faultsEndedMs(faults),
    regions,
    partitions: new Set(members.map(({ partition }) => partition)),
  });
  return { ...course, stories, takeovers, judgement, measures, cost: costOf(looks) };
}

/**
 * When no write may be acknowledged, on the operations' clock: from the scenario's instant on, later by as much as the faults were
 * late, until the first of them is being ended.
 */
export function refusingIn({
  scenario,
  phases,
  faults,
}: Pick<Course, "scenario" | "phases" | "faults">): Evidence["refusing"] {
  const phase = phases.find(({ name }) => name === "fault");
  const { writesRefusedAfter } = scenario;
  if (writesRefusedAfter === undefined || phase === undefined || faults.length === 0) return undefined;
  const lateMs = Math.max(...faults.map(({ atMs, action }) => atMs - (phase.fromMs + action.atMs)));
  const endMs = Math.min(phase.toMs, ...faults.map(({ endingMs }) => endingMs ?? phase.toMs));
  return { from: (phase.fromMs + writesRefusedAfter + lateMs) * 1e6, to: endMs * 1e6 };
}

function faultsEndedMs(faults: readonly ArmedFault[]): number | undefined {
  return faults.length === 0 ? undefined : Math.max(...faults.map(({ endedMs }) => endedMs ?? 0));
}
