/**
 * One drill, from the first look at a deployment to the judgement: the five phases in turn, with the load, the faults and the watch
 * beside each other. Whatever happens, the faults that it set are taken away again.
 */
import type { Progress } from "./beat.ts";
import type { Caller } from "./caller.ts";
import { Cohort, NotReady } from "./cohort.ts";
import { pause } from "./device.ts";
import { FaultBoard, FaultsRefused } from "./fault-board.ts";
import { firstLook } from "./first-look.ts";
import { Geography } from "./geography.ts";
import { Interrupt, Stopped } from "./interrupt.ts";
import { Load } from "./load.ts";
import type { Phase, PhaseName } from "./measures.ts";
import { Misfortune } from "./misfortune.ts";
import { planOf } from "./plan.ts";
import { Random } from "./random.ts";
import { Recorder } from "./recorder.ts";
import { resultOf, type DrillResult } from "./result.ts";
import type { Scenario } from "./scenario.ts";
import { isSilent, settle } from "./settling.ts";
import { movedInQuiet } from "./silence.ts";
import type { Stage } from "./stage.ts";
import { look, Watch, type RegionView } from "./watch.ts";

export interface DrillOptions {
  readonly caller: Caller;
  readonly scenario: Scenario;
  readonly seed: number;
  readonly rate: number;
  /** Names this run's users. */
  readonly run: string;
  /** Nobody but the drill uses the store, and nobody will afterwards: silence can be judged, and nothing has to be erased. */
  readonly alone: boolean;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** The drill's users stay, with all that they wrote. */
  readonly keep: boolean;
  /** Regions are as far apart as they really are. */
  readonly realLatency: boolean;
  /** The first operation is about to be sent. */
  readonly onArmed?: () => void;
}

const BEAT_MS = 500;

export async function runDrill(options: DrillOptions): Promise<DrillResult> {
  const drill = new Drill(options);
  try {
    const result = await drill.run();
    await drill.cleanUp();
    return result;
  } catch (error) {
    const left = await drill.cleanUp();
    if (error instanceof Stopped) error.left.push(...left);
    throw error;
  }
}

class Drill {
  readonly #options: DrillOptions;
  readonly #interrupt: Interrupt;
  /** Everything that regions ever said, in order. */
  readonly #looks: (readonly RegionView[])[] = [];
  readonly #recorder = new Recorder();
  readonly #random: Random;
  readonly #board: FaultBoard;
  readonly #geography: Geography;
  readonly #phases: Phase[] = [];
  readonly #notes: string[] = [];
  readonly #undone: string[] = [];
  readonly #cohort: Cohort;
  #regions: readonly string[] = [];
  /** Something was broken or lost, and can be looked at there. */
  #isEvidence = false;
  #watch: Watch | undefined;
  #load: Load | undefined;

  constructor(options: DrillOptions) {
    this.#options = options;
    this.#cohort = new Cohort(options.caller, options.run, options.scenario.users);
    this.#interrupt = new Interrupt(options.signal);
    this.#random = new Random(options.seed);
    this.#board = new FaultBoard(options.caller, () => this.#recorder.nowMs);
    // Distances are faults too, but not of the scenario: they stay while those end.
    this.#geography = new Geography(new FaultBoard(options.caller, () => this.#recorder.nowMs));
  }

  async run(): Promise<DrillResult> {
    const { caller, scenario, seed, rate, run, alone, onArmed } = this.#options;
    const stage = await this.#arrive();
    const watch = new Watch(caller, stage.regions, stage.nowMs);
    const load = new Load({ ...stage, rate });
    this.#watch = watch;
    this.#load = load;
    watch.start();
    load.start();
    onArmed?.();

    await this.#phase("steady", () => this.#wait(scenario.phases.steady));
    const misfortune = new Misfortune({
      ...stage,
      board: this.#board,
      interrupt: this.#interrupt,
      wait: (ms) => this.#wait(ms),
      tell: (line) => this.#options.progress.note(line),
      note: (line) => this.#note(line),
    });
    await this.#phase("fault", () => misfortune.run());
    await this.#phase("heal", async () => {
      this.#undone.push(...(await this.#interrupt.guard(this.#board.endAll())));
      await this.#wait(scenario.phases.heal);
    });
    const final = await this.#phase("settle", async () => {
      await this.#interrupt.guard(load.stop());
      return this.#interrupt.guard(settle({ ...stage, run, alone }));
    });
    if (isSilent(final))
      throw new NotReady(`${caller.base} does not answer any more: nothing can be said of what was kept`);
    await this.#interrupt.guard(watch.stop());
    const moved = await this.#phase("quiet", () => this.#interrupt.guard(this.#quiet(stage)));
    const last = await this.#interrupt.guard(look(caller, stage.regions[0]));
    this.#looks.push(...watch.sightings.map(({ regions }) => regions), last ?? []);

    const { steering, actions, undone } = misfortune;
    this.#notes.push(...steering.said);
    const result = resultOf(
      {
        ...stage,
        seed,
        rate,
        phases: this.#phases,
        actions,
        faults: this.#board.armed,
        sightings: watch.sightings,
        final,
        notes: this.#notes,
        requests: caller.sent,
        distances: this.#geography.kept,
      },
      {
        steering,
        readings: load.readers.map((reader) => reader.reading()),
        movedInQuiet: moved,
        undone: [...undone, ...this.#undone],
        looks: this.#looks,
      },
    );
    this.#isEvidence = !result.judgement.ok || result.judgement.lost.length > 0;
    return result;
  }

  /** The deployment lets the drill in, its users come to be, and the regions are moved apart. */
  async #arrive(): Promise<Stage> {
    const { caller, scenario, realLatency } = this.#options;
    const refusal = await this.#interrupt.guard(this.#board.refusal());
    if (refusal !== undefined) throw new FaultsRefused(refusal);
    const begun = await this.#interrupt.guard(firstLook(caller));
    this.#looks.push(begun.regions);
    const regions = begun.regions.map(({ region }) => region);
    // What the scenario names has to exist here, before anything is written.
    planOf(scenario, regions, this.#random.fork("rehearsal"));
    this.#regions = regions;
    const members = await this.#interrupt.guard(this.#cohort.settle(regions));
    await this.#interrupt.guard(this.#geography.begin(regions, begun.distances, realLatency));
    void this.#geography.keepUp().catch((error: unknown) => {
      this.#undone.push(`the distance between regions was not kept up: ${String(error)}`);
    });
    const recorder = this.#recorder;
    return {
      caller,
      scenario,
      recorder,
      random: this.#random,
      members,
      regions,
      nowMs: () => recorder.nowMs,
    };
  }

  /** What a drill has set or begun; nothing of it may outlive it. Answers what does. */
  async cleanUp(): Promise<string[]> {
    void this.#watch?.stop();
    void this.#load?.stop().catch(() => undefined);
    const left = [...(await this.#board.endAll()), ...(await this.#geography.end())];
    for (const problem of left) this.#note(problem);
    const { alone, keep } = this.#options;
    if (alone || this.#cohort.isEmpty) return left;
    if (keep || this.#isEvidence) {
      this.#note(`${this.#cohort.shown} are left as they are`);
      return left;
    }
    // What is still on its way would bring somebody back who was erased.
    await this.#load?.stop().catch(() => undefined);
    this.#options.progress.note(`erasing ${this.#cohort.shown}`);
    const unerased = await this.#cohort.erase();
    for (const problem of unerased) this.#note(problem);
    return [...left, ...unerased];
  }

  async #phase<T>(name: PhaseName, body: () => Promise<T>): Promise<T> {
    const { progress, scenario } = this.#options;
    const fromMs = this.#recorder.nowMs;
    progress.phase(name, scenario.phases[name]);
    const beats = setInterval(() => {
      progress.beat({
        phase: name,
        recorder: this.#recorder,
        regions: this.#regions,
        sighting: this.#watch?.sightings.at(-1),
      });
    }, BEAT_MS);
    try {
      return await body();
    } finally {
      clearInterval(beats);
      this.#phases.push({ name, fromMs, toMs: this.#recorder.nowMs });
    }
  }

  /** Not for longer than until somebody stops the drill, or a device breaks. */
  async #wait(ms: number): Promise<void> {
    const time = pause(ms);
    // Devices never end by themselves; if they do, one has broken, and that is thrown here.
    await this.#interrupt.guard(Promise.race([time, (this.#load?.running ?? time).then(() => time)]));
  }

  async #quiet({ caller, regions }: Stage): Promise<string[]> {
    const { scenario, alone } = this.#options;
    if (alone) return movedInQuiet(caller, regions[0], scenario.phases.quiet);
    this.#note("silence was not judged: others may use this deployment");
    await pause(scenario.phases.quiet);
    return [];
  }

  #note(line: string): void {
    this.#notes.push(line);
    this.#options.progress.note(line);
  }
}
