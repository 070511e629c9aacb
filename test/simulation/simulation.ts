/**
 * One run: clients work while faults happen; then the faults end, every log is written to once more, everything falls silent,
 * every region is read once, everything falls silent again; and then all is judged.
 */
import { History } from "../../src/checker/history.ts";
import type { Rules } from "../../src/replication/rules.ts";
import { Device, Shared } from "./client.ts";
import { Cluster, range } from "./cluster.ts";
import { Edge } from "./edge.ts";
import { nothingOfTheErasedIsLeft } from "./erasures.ts";
import { FeedReader } from "./feed-reader.ts";
import { Ghost } from "./ghost.ts";
import type { Distortion } from "./host.ts";
import { Invariants } from "./invariants.ts";
import { Leaver, seeToErasures } from "./leaver.ts";
import {
  campaignsSeen,
  expiredIsReclaimed,
  fallsSilent,
  leadershipRests,
  replicasAgree,
  someLogIsLeaderless,
} from "./liveness.ts";
import { lossesAreRecorded } from "./lost-writes.ts";
import { Nemesis } from "./nemesis.ts";
import { Random } from "./random.ts";
import type { Schedule } from "./schedule.ts";
import { Scene } from "./scene.ts";
import type { Tally } from "./tally.ts";
import { judgeSinks, resumeSinks } from "./sinks.ts";
import { runTask, sleep, type Task } from "./task.ts";
import type { Transcript } from "./transcript.ts";
import { Usurper } from "./usurper.ts";
import { judge } from "./verdict.ts";

export interface RunOptions {
  readonly seed: number;
  readonly schedule: Schedule;
  readonly rules?: Rules;
  readonly distortion?: Distortion;
  /** Lines of transcript to hold. */
  readonly keep?: number;
}

export interface RunResult {
  readonly seed: number;
  readonly schedule: string;
  /** Empty: the run was good. The first one is what happened first. */
  readonly problems: readonly string[];
  readonly tally: Tally;
  readonly transcript: Transcript;
  readonly steps: number;
}

/** After the faults: how long clients may still take to finish. */
const FINISH_MS = 90_000;
const RETRY_MS = 500;
const TOUCHES_MAX = 60;

export function simulate({ seed, schedule, rules, distortion, keep = 400 }: RunOptions): RunResult {
  const random = new Random(seed).fork(schedule.name);
  const cluster = new Cluster({
    seed,
    regions: random.pick(schedule.regions),
    partitions: random.pick(schedule.partitions),
    faults: schedule.faults,
    timing: schedule.timing,
    limits: schedule.limits,
    sinks: schedule.sinks,
    ...(rules === undefined ? {} : { rules }),
    ...(distortion === undefined ? {} : { distortion }),
    keep,
  });
  const { timeline, tally } = cluster;
  const ghost = new Ghost(cluster.partitions, cluster.regions, cluster.codec);
  const invariants = new Invariants(cluster, ghost, schedule.clocksKept);
  cluster.observe(invariants);
  const history = new History();
  const usurper = new Usurper(cluster, random.fork("usurper"), ghost, history);
  const nemesis = new Nemesis(cluster, random.fork("nemesis"), usurper);
  const edges = range(cluster.regions).map((region) => new Edge(cluster, region));
  const devices = makeDevices(cluster, edges, schedule, history, random);
  const leavers = range(schedule.workload.leavers).map(
    (index) => new Leaver({ index, cluster, ghost, edges, random: random.fork(`leaver${index}`) }),
  );
  const isBad = (): boolean => ghost.problems.length > 0;

  const readers = makeReaders(cluster, edges, schedule, random);
  const reading = new Set(readers);
  for (const reader of readers) runTask(reader.live(), () => reading.delete(reader));
  const busy = new Set<Device | Leaver | Scene>([...devices, ...leavers]);
  for (const one of [...devices, ...leavers]) runTask(one.live(), () => busy.delete(one));
  if (schedule.script !== undefined) {
    const scene = new Scene({ cluster, ghost, edges, random: random.fork("script"), usurper });
    busy.add(scene);
    runTask(schedule.script(scene), () => busy.delete(scene));
  }
  nemesis.start();
  while (busy.size > 0 && timeline.now < schedule.durationMs && !isBad()) timeline.step();
  nemesis.stop();
  cluster.transcript.line(timeline.now, "the faults are over");
  cluster.heal();
  const campaigns = campaignsSeen(ghost);
  const finishBy = timeline.now + FINISH_MS;
  while (busy.size > 0 && timeline.nextAt < finishBy && !isBad()) timeline.step();
  for (const reader of readers) reader.stop();
  while (reading.size > 0 && timeline.nextAt < finishBy && !isBad()) timeline.step();
  if (reading.size > 0 && !isBad())
    ghost.fail("I22 no request hangs", `${reading.size} readers of feeds did not finish`);
  if (busy.size > 0 && !isBad())
    ghost.fail(
      "I22 no request hangs",
      `${busy.size} clients did not finish within ${FINISH_MS} ms after the faults`,
    );

  const finish = (task: Task<void>): void => {
    const open = new Set([task]);
    runTask(task, () => open.delete(task));
    while (open.size > 0 && !isBad() && timeline.step());
    if (!isBad()) fallsSilent(cluster, ghost);
  };
  finish(touchEveryLog(cluster, edges, devices, ghost, 0));
  finish(seeToErasures(cluster, ghost, leavers));
  finish(readEverywhere(cluster, devices));
  for (let round = 1; round <= 3 && !isBad() && someLogIsLeaderless(cluster, ghost); round++) {
    tally.add("rounds to bring back leaders");
    finish(touchEveryLog(cluster, edges, devices, ghost, round));
  }
  if (!isBad()) leadershipRests(cluster, ghost, campaigns);
  for (const reader of readers) if (!isBad()) finish(reader.finish(ghost));
  if (cluster.sinks.length > 0) finish(resumeSinks(cluster));
  if (!isBad()) replicasAgree(cluster, ghost);
  if (!isBad()) lossesAreRecorded(cluster, ghost);
  if (!isBad()) expiredIsReclaimed(cluster, ghost);
  if (!isBad()) for (const host of cluster.allHosts()) invariants.checkState(host);
  if (!isBad()) nothingOfTheErasedIsLeft(cluster, ghost, leavers);
  const problems = [...ghost.problems];
  if (!isBad()) {
    for (const device of devices) problems.push(...device.expiredCameBack);
    const readings = readers.flatMap((reader) => reader.readings());
    const verdicts = [
      ...judge(cluster, ghost, history, readings, schedule.clocksKept),
      judgeSinks(cluster, ghost, invariants.sinks),
    ];
    for (const verdict of verdicts) {
      for (const [what, count] of Object.entries(verdict.counted))
        tally.add(`checked: ${verdict.checker}: ${what}`, count);
      if (verdict.ok === "undecided") tally.add("undecided verdicts");
      if (verdict.ok === false)
        problems.push(...verdict.violations.map((violation) => `${verdict.checker}: ${violation.message}`));
    }
    problems.push(...ghost.problems);
  }
  tally.add("events", timeline.steps);
  tally.add("operations", history.operations().length);
  tally.add("simulated seconds", Math.round(timeline.now / 1000));
  for (const host of cluster.allHosts()) host.driver.close();
  return {
    seed,
    schedule: schedule.name,
    problems,
    tally,
    transcript: cluster.transcript,
    steps: timeline.steps,
  };
}

function makeDevices(
  cluster: Cluster,
  edges: readonly Edge[],
  schedule: Schedule,
  history: History,
  random: Random,
): Device[] {
  const { workload } = schedule;
  const shared = new Shared();
  return range(workload.users).flatMap((userIndex) =>
    range(workload.devicesPerUser).map((n) => {
      const name = `user${userIndex} device${n}`;
      // A user's first device is what decides the home: each region is somebody's home.
      const region = n === 0 ? userIndex % cluster.regions : random.below(cluster.regions);
      return new Device({
        name,
        userIndex,
        region,
        cluster,
        edges,
        random: random.fork(name),
        history,
        workload,
        shared,
      });
    }),
  );
}

/** Of some users one who asks for pages, of some one who keeps a socket open. */
function makeReaders(
  cluster: Cluster,
  edges: readonly Edge[],
  schedule: Schedule,
  random: Random,
): FeedReader[] {
  const readers = random.fork("readers");
  return range(schedule.workload.readers).map((n) => {
    const name = `reader${n}`;
    const userIndex = readers.below(schedule.workload.users);
    return new FeedReader({
      name,
      kind: n % 2 === 0 ? "poll" : "socket",
      userIndex,
      cluster,
      edges,
      random: readers.fork(name),
    });
  });
}

/** L2: each user's log takes a majority write, after some tries, now that nothing is wrong. */
function* touchEveryLog(
  cluster: Cluster,
  edges: readonly Edge[],
  devices: readonly Device[],
  ghost: Ghost,
  round: number,
): Task<void> {
  for (let partition = 0; partition < cluster.partitions; partition++) {
    let done = false;
    for (let n = 0; n < TOUCHES_MAX && !done; n++) {
      const edge = edges[n % edges.length] as Edge;
      const anchor = cluster.anchorOf(partition);
      done = yield* edge.touchAnchor(partition, `closing${partition}-${round}`);
      if (!done) yield* sleep(cluster.timeline, RETRY_MS);
      else
        cluster.transcript.line(cluster.timeline.now, `the anchor's log ${partition}/${anchor} has a leader`);
    }
    if (!done)
      ghost.fail(
        "L2 a log gets a leader",
        `the anchor's log of partition ${partition} took no claim after the faults`,
      );
  }
  const first = new Map(devices.map((device) => [device.user, device]).toReversed() as [string, Device][]);
  for (const device of first.values()) {
    let done = false;
    for (let n = 0; n < TOUCHES_MAX && !done; n++) {
      done = yield* device.write("put", "k0", "majority");
      if (!done) yield* sleep(cluster.timeline, RETRY_MS);
    }
    if (!done)
      ghost.fail("L2 a log gets a leader", `${device.name} got no majority write through after the faults`);
  }
}

/** What has gone silent for good may have to be asked once to come back to it. */
function* readEverywhere(cluster: Cluster, devices: readonly Device[]): Task<void> {
  for (const device of devices) yield* device.act("read");
  for (const host of cluster.allHosts()) {
    yield (resume) =>
      cluster.ask(
        host.region,
        host.region,
        host.partition,
        { op: "home", user: "nobody", certain: false, from: host.region },
        1_000,
        () => resume(undefined),
      );
  }
}
