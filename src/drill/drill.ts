/**
 * One drill, from the first look at a deployment to the judgement: the five phases in turn, with the load, the faults and the watch
 * beside each other. Whatever happens, the faults that it set are taken away again.
 */
import { distancesOf, type Distance } from "../api/distance.ts";
import { acknowledgedWrites } from "../checker/touch.ts";
import type { Caller } from "./caller.ts";
import { eraseCohort, memberNames, NotReady, settleCohort, type Member } from "./cohort.ts";
import { costOf, type Cost } from "./cost.ts";
import { Device, pause } from "./device.ts";
import { FaultBoard, FaultsRefused, type ArmedFault } from "./fault-board.ts";
import { Geography } from "./geography.ts";
import { readFinally, type FinalReading } from "./final-reading.ts";
import { judge, type Judgement } from "./judge.ts";
import { storiesOf, takeoversIn, type LogStory, type Takeover } from "./leadership.ts";
import { Load } from "./load.ts";
import { measure, type Measures, type Phase, type PhaseName } from "./measures.ts";
import { planOf, showAction, type Action } from "./plan.ts";
import { Random } from "./random.ts";
import { Recorder } from "./recorder.ts";
import type { Scenario } from "./scenario.ts";
import { Steering } from "./steering.ts";
import { look, Watch, type RegionView, type Sighting } from "./watch.ts";

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

/** Told of what happens while it happens. */
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

export interface DrillResult {
  readonly scenario: Scenario;
  readonly seed: number;
  readonly rate: number;
  readonly members: readonly Member[];
  readonly regions: readonly string[];
  readonly phases: readonly Phase[];
  readonly actions: readonly Action[];
  readonly faults: readonly ArmedFault[];
  readonly recorder: Recorder;
  readonly sightings: readonly Sighting[];
  readonly stories: readonly LogStory[];
  readonly takeovers: readonly Takeover[];
  readonly final: FinalReading;
  readonly judgement: Judgement;
  readonly measures: Measures;
  readonly notes: readonly string[];
  readonly requests: number;
  /** null: the deployment does not tell. */
  readonly cost: Cost | null;
  /** Empty: none was added. */
  readonly distances: readonly Distance[];
}

/** Somebody pressed Ctrl-C. */
export class Stopped extends Error {}

const BEAT_MS = 500;
const FIRST_LOOKS = 3;

export async function runDrill(options: DrillOptions): Promise<DrillResult> {
  const drill = new Drill(options);
  try {
    return await drill.run();
  } finally {
    await drill.cleanUp();
  }
}

class Drill {
  readonly #options: DrillOptions;
  /** Everything that regions ever said, in order. */
  readonly #looks: (readonly RegionView[])[] = [];
  readonly #recorder = new Recorder();
  readonly #random: Random;
  readonly #board: FaultBoard;
  /** Distances are faults too, but not of the scenario: they stay while those end. */
  readonly #distances: FaultBoard;
  #geography: Geography | undefined;
  readonly #phases: Phase[] = [];
  readonly #notes: string[] = [];
  readonly #undone: string[] = [];
  #regions: readonly string[] = [];
  #users: readonly string[] = [];
  #members: readonly Member[] = [];
  #settled: Promise<void> = Promise.resolve();
  #actions: readonly Action[] = [];
  /** Something was broken or lost, and can be looked at there. */
  #isEvidence = false;
  #watch: Watch | undefined;
  #load: Load | undefined;

  constructor(options: DrillOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#board = new FaultBoard(options.caller, () => this.#recorder.nowMs);
    this.#distances = new FaultBoard(options.caller, () => this.#recorder.nowMs);
  }

  async run(): Promise<DrillResult> {
    const { caller, scenario, run, rate } = this.#options;
    const refusal = await this.#board.refusal();
    if (refusal !== undefined) throw new FaultsRefused(refusal);
    const begun = await firstLook(caller);
    this.#looks.push(begun);
    this.#regions = begun.map(({ region }) => region);
    // What the scenario names has to exist here, before anything is written.
    planOf(scenario, this.#regions, this.#random.fork("rehearsal"));
    this.#users = memberNames(run, scenario.users);
    const settling = settleCohort(caller, this.#users, this.#regions);
    // Whoever is erased has to be there first, or would come to be afterwards.
    this.#settled = settling.then(
      () => undefined,
      () => undefined,
    );
    this.#members = await this.#guarded(settling);
    if (this.#options.realLatency) await this.#moveApart();
    const watch = new Watch(caller, this.#regions, () => this.#recorder.nowMs);
    this.#watch = watch;
    const load = new Load({
      caller,
      recorder: this.#recorder,
      random: this.#random,
      members: this.#members,
      regions: this.#regions,
      scenario,
      rate,
    });
    this.#load = load;
    watch.start();
    load.start();
    this.#options.onArmed?.();
    await this.#phase("steady", scenario.phases.steady, () => this.#wait(scenario.phases.steady));
    const steering = new Steering({
      caller,
      members: this.#members,
      board: this.#board,
      nowMs: () => this.#recorder.nowMs,
    });
    await this.#phase("fault", scenario.phases.fault, () => this.#misfortune(steering));
    await this.#phase("heal", scenario.phases.heal, async () => {
      this.#undone.push(...(await this.#board.endAll()));
      await this.#wait(scenario.phases.heal);
    });
    let final: FinalReading | undefined;
    await this.#phase("settle", scenario.phases.settle, async () => {
      await this.#guarded(load.stop());
      final = await this.#guarded(this.#readFinally());
    });
    if (final !== undefined && isSilent(final))
      throw new NotReady(`${caller.base} does not answer any more: nothing can be said of what was kept`);
    await watch.stop();
    let moved: readonly string[] = [];
    await this.#phase("quiet", scenario.phases.quiet, async () => {
      moved = await this.#quiet();
    });
    const last = await look(caller, this.#regions[0]);
    this.#looks.push(...watch.sightings.map(({ regions }) => regions), last ?? []);
    if (final === undefined) throw new NotReady("nothing was read in the end");
    return this.#result(final, moved, steering, load, watch);
  }

  async #moveApart(): Promise<void> {
    const geography = new Geography(this.#distances, distancesOf(this.#regions));
    this.#geography = geography;
    await this.#guarded(geography.begin());
    void geography.keepUp().catch((error: unknown) => {
      this.#undone.push(`the distance between regions was not kept up: ${String(error)}`);
    });
  }

  /** What a drill has set or begun; nothing of it may outlive it. */
  async cleanUp(): Promise<void> {
    this.#geography?.stop();
    void this.#watch?.stop();
    void this.#load?.stop().catch(() => undefined);
    for (const board of [this.#board, this.#distances])
      for (const problem of await board.endAll()) this.#note(problem);
    const { alone, keep, caller } = this.#options;
    if (alone || this.#users.length === 0) return;
    if (keep || this.#isEvidence) {
      this.#note(
        `${this.#users.length} users of this drill are left as they are: ${this.#users[0]} and so on`,
      );
      return;
    }
    // What is still on its way would bring somebody back who was erased.
    await Promise.all([this.#settled, this.#load?.stop().catch(() => undefined)]);
    for (const problem of await eraseCohort(caller, this.#users)) this.#note(problem);
  }

  async #phase(name: PhaseName, forMs: number, body: () => Promise<unknown>): Promise<void> {
    const fromMs = this.#recorder.nowMs;
    this.#options.progress.phase(name, forMs);
    const beats = setInterval(() => {
      this.#options.progress.beat({
        phase: name,
        recorder: this.#recorder,
        regions: this.#regions,
        sighting: this.#watch?.sightings.at(-1),
      });
    }, BEAT_MS);
    try {
      await body();
    } finally {
      clearInterval(beats);
    }
    this.#phases.push({ name, fromMs, toMs: this.#recorder.nowMs });
  }

  /** Not for longer than until somebody stops the drill, or a device breaks. */
  async #guarded<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.#options;
    const stopped = Promise.withResolvers<never>();
    const stop = (): void => stopped.reject(new Stopped("stopped"));
    if (signal.aborted) stop();
    signal.addEventListener("abort", stop, { once: true });
    try {
      return await Promise.race([work, stopped.promise]);
    } finally {
      signal.removeEventListener("abort", stop);
    }
  }

  async #wait(ms: number): Promise<void> {
    const time = pause(ms);
    // Devices never end by themselves; if they do, one has broken, and that is thrown here.
    await this.#guarded(Promise.race([time, (this.#load?.running ?? time).then(() => time)]));
  }

  async #misfortune(steering: Steering): Promise<void> {
    const { scenario, progress } = this.#options;
    const began = this.#recorder.nowMs;
    const order = await this.#leaderFirst();
    this.#actions = planOf(scenario, order, this.#random.fork("plan"));
    const left = (atMs: number): number => atMs - (this.#recorder.nowMs - began);
    const running: Promise<void>[] = [];
    for (const action of this.#actions) {
      if (left(action.atMs) > 0) await this.#wait(left(action.atMs));
      progress.note(showAction(action));
      running.push(
        steering.act(action).catch((error: unknown) => {
          const why = error instanceof Error ? error.message : String(error);
          this.#undone.push(`${showAction(action)}: ${why}`);
          progress.note(`failed: ${showAction(action)}: ${why}`);
        }),
      );
      // One after the other as far as setting them goes; how long they last is their own matter.
      await this.#guarded(steering.armed);
    }
    const rest = left(scenario.phases.fault);
    if (rest > 0) await this.#wait(rest);
    steering.hurry();
    await this.#guarded(Promise.all(running));
  }

  async #leaderFirst(): Promise<string[]> {
    const views = await look(this.#options.caller, this.#regions[0]);
    const leads = (region: string): number => leadsOf(region, views ?? [], this.#members);
    const order = this.#regions.toSorted((a, b) => leads(b) - leads(a));
    this.#note(
      `leader is ${order[0]}: it leads the logs of ${leads(order[0] ?? "")} of ${this.#members.length} users`,
    );
    return order;
  }

  async #readFinally(): Promise<FinalReading> {
    const { caller, scenario, run } = this.#options;
    const operations = this.#recorder.history.operations();
    const acknowledged = new Map<string, Set<string>>();
    for (const { op, user } of operations.flatMap(acknowledgedWrites)) {
      if (typeof op.version === "string")
        acknowledged.set(user, (acknowledged.get(user) ?? new Set()).add(op.version));
    }
    const reading = await readFinally({
      caller,
      members: this.#members,
      regions: this.#regions,
      patienceMs: scenario.phases.settle,
      acknowledged,
      alone: this.#options.alone,
    });
    // In the history too: what a strong reader sees in the end has to follow from all that was answered before.
    for (const { user } of this.#members) {
      const last = new Device({
        caller,
        recorder: this.#recorder,
        random: this.#random,
        user,
        name: `drill-${run}-last-${user}`,
        region: this.#regions[0] ?? "",
        withTokens: false,
        concerns: { local: 1 },
        stopped: () => true,
      });
      await last.list("", "strong");
    }
    return reading;
  }

  /** Logs that changed while nobody asked anything. */
  async #quiet(): Promise<string[]> {
    const { caller, scenario, alone } = this.#options;
    if (!alone) {
      this.#note("silence was not judged: others may use this deployment");
      await this.#guarded(pause(scenario.phases.quiet));
      return [];
    }
    const [from] = this.#regions;
    const before = await look(caller, from);
    await this.#guarded(pause(Math.max(1_500, scenario.phases.quiet)));
    const after = await look(caller, from);
    if (before === undefined || after === undefined) return ["GET /v1/regions did not answer"];
    const known = new Map(before.flatMap(headsOf));
    return after.flatMap(headsOf).flatMap(([name, head]) => {
      return known.get(name) === head ? [] : [`${name} went from ${known.get(name) ?? "nothing"} to ${head}`];
    });
  }

  #result(
    final: FinalReading,
    movedInQuiet: readonly string[],
    steering: Steering,
    load: Load,
    watch: Watch,
  ): DrillResult {
    const { scenario, seed, rate, caller } = this.#options;
    const operations = this.#recorder.history.operations();
    const { sightings } = watch;
    this.#notes.push(...steering.said);
    const stories = storiesOf(operations, sightings, this.#members);
    const changes = takeoversIn(stories, operations, sightings, this.#board.armed, this.#members);
    const takeovers = changes.filter((change) => !steering.wasPlanned(change));
    const phase = this.#phases.find(({ name }) => name === "fault");
    const { writesRefusedAfter } = scenario;
    const firstFault = this.#board.armed[0]?.atMs;
    const judgement = judge(
      {
        operations,
        members: this.#members,
        regions: this.#regions,
        final,
        readings: load.readers.map((reader) => reader.reading()),
        movedInQuiet,
        handOffs: steering.handOffs,
        moves: steering.moves,
        takeovers: takeovers.length,
        undone: this.#undone,
        refusing:
          writesRefusedAfter === undefined || phase === undefined || firstFault === undefined
            ? undefined
            : { from: (phase.fromMs + writesRefusedAfter) * 1e6, to: phase.toMs * 1e6 },
      },
      scenario,
    );
    this.#isEvidence = !judgement.ok || judgement.lost.length > 0;
    const ends = this.#board.armed.map(({ endedMs }) => endedMs ?? 0);
    const measures = measure({
      operations,
      phases: this.#phases,
      takeovers,
      sightings,
      lost: judgement.lost,
      faultsEndedMs: ends.length === 0 ? undefined : Math.max(...ends),
      regions: this.#regions,
      partitions: new Set(this.#members.map(({ partition }) => partition)),
    });
    return {
      scenario,
      seed,
      rate,
      members: this.#members,
      regions: this.#regions,
      phases: this.#phases,
      actions: this.#actions,
      faults: this.#board.armed,
      recorder: this.#recorder,
      sightings,
      stories,
      takeovers,
      final,
      judgement,
      measures,
      notes: this.#notes,
      requests: caller.sent,
      cost: costOf(this.#looks),
      distances: this.#options.realLatency ? distancesOf(this.#regions) : [],
    };
  }

  #note(line: string): void {
    this.#notes.push(line);
    this.#options.progress.note(line);
  }
}

/** Nobody was there to be asked: that is no finding about what they hold. */
function isSilent({ replicas, feeds }: FinalReading): boolean {
  return replicas.length === 0 && feeds.length === 0;
}

async function firstLook(caller: Caller): Promise<readonly RegionView[]> {
  let reply = await look(caller);
  // A store that has just been started makes all its objects for the first answer.
  for (let tries = 1; reply === undefined && tries < FIRST_LOOKS; tries++) reply = await look(caller);
  if (reply === undefined) throw new NotReady(`GET /v1/regions at ${caller.base} does not answer`);
  const silent = reply.filter(({ reachable }) => !reachable);
  if (silent.length > 0)
    throw new NotReady(
      `not all is well to begin with: ${silent.map(({ region }) => region).join(", ")} cannot be reached`,
    );
  return reply;
}

function leadsOf(region: string, views: readonly RegionView[], members: readonly Member[]): number {
  const own = views.find((view) => view.region === region)?.logs ?? [];
  return members.filter(({ partition, home }) =>
    own.some((log) => log.partition === partition && log.origin === home && log.leader === region),
  ).length;
}

function headsOf({ region, logs }: RegionView): (readonly [string, string])[] {
  return logs.map(({ partition, origin, epoch, head }) => {
    return [`log ${partition}/${origin} in ${region}`, `${epoch}.${head}`] as const;
  });
}
