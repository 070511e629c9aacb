/**
 * The scripts, each made to show one mistake: what has to come together for it, and in which order.
 *
 * In all of them region 0 is the home and leads at first; the rival is the region that takes over, and the witness the one that both need
 * for a majority.
 */
import { DEFAULT_TIMING } from "../../src/replication/config.ts";
import { WORKLOAD } from "./client.ts";
import { CALM } from "./faults.ts";
import { scheduleNamed, type Schedule } from "./schedule.ts";
import { type Scene, userOf } from "./scene.ts";
import type { Position } from "../../src/replication/position.ts";
import { all, runTask, type Task } from "./task.ts";

const HOME = 0;
const BOUND_MS = DEFAULT_TIMING.clockBoundMs;
/** Of the end of a lease, where it is decided who acts too long or too early. */
const HOT_MS = 500;

/** Nothing goes wrong but what the script does. Candidates do not wait for leases: acknowledgements have to (R6). */
const STAGE: Schedule = {
  ...scheduleNamed("calm"),
  regions: [3],
  partitions: [1],
  faults: {
    ...CALM,
    network: { ...CALM.network, delayMs: [2, 5], jitterMs: 1 },
    // What comes by the queue would tell the home that it is deposed.
    queue: { ...CALM.queue, delayMs: [40_000, 50_000] },
    crash: { ...CALM.crash, syncMs: [1, 2] },
    clock: { offsetMsMax: 2_000, jumpMsMax: BOUND_MS, drift: 0 },
  },
  timing: { ...scheduleNamed("calm").timing, leaseGraceMs: 60_000, probeMs: 100, cooldownMs: 0 },
  workload: { ...WORKLOAD, users: 1, devicesPerUser: 1, opsPerDevice: 1, readers: 0 },
};

/**
 * All three clocks as wrong as they may be, each to the leaders' harm. The home's goes back right after it asked for its last
 * lease, so that it acts a bound too long; the witness's goes forward between granting and promising, so that it reports a bound too
 * little; the rival's goes forward once it knows when it may act, so that it does a bound too early.
 */
function* clocksAtTheirBounds(scene: Scene): Task<void> {
  const [witness, rival] = scene.random.shuffled([1, 2]) as [number, number];
  yield* scene.settle();
  scene.pin(HOME, 1);
  scene.pin(witness, -1);
  scene.pin(rival, -1);
  // The rival's own grant has to be over before the witness's: it would count two clocks only.
  scene.cut(HOME, rival);
  let over = false;
  const isOver = (): boolean => over;
  function* direct(): Task<void> {
    yield* scene.pause(scene.random.between(1_500, 2_500));
    const { leaseUntil } = scene.mirror(HOME).standing;
    yield* scene.until(() => scene.mirror(HOME).standing.leaseUntil > leaseUntil);
    scene.cut(HOME, witness);
    scene.pin(HOME, -1);
    scene.pin(witness, 1);
    const cutAt = scene.now;
    const opened = yield* scene.until(() => scene.mirror(rival).standing.e > scene.mirror(HOME).standing.e);
    if (!opened || scene.now > cutAt + DEFAULT_TIMING.leaseMs) scene.say("the rival came too late");
    else scene.cluster.tally.add("rivals in time");
    scene.pin(rival, 1);
    yield* scene.until(() => homeLeaseLeftMs() < -HOT_MS / 5);
    over = true;
  }
  function* rivals(): Task<void> {
    yield* scene.until(() => scene.cluster.network.isCut(HOME, witness));
    yield* scene.keepWriting(rival, isOver, { suspects: HOME, hot: isHot });
  }
  const homeLeaseLeftMs = (): number => scene.mirror(HOME).standing.leaseUntil - scene.host(HOME).now();
  const isHot = (): boolean => scene.mirror(rival).ownEpoch > 0 && homeLeaseLeftMs() < HOT_MS;
  yield* all([direct(), scene.keepWriting(HOME, isOver, { hot: isHot }), rivals()]);
}

/**
 * The rival takes over while the home's lease runs, is deposed by a promise that leads to nothing, and takes over again. What the
 * witness granted to the rival in between must not hide what it granted to the home.
 */
function* grantedTwice(scene: Scene): Task<void> {
  const { leaseMs } = LONG_LEASE;
  const [witness, rival] = scene.random.shuffled([1, 2]) as [number, number];
  yield* scene.settle();
  scene.cut(HOME, rival);
  let over = false;
  const isOver = (): boolean => over;
  function* direct(): Task<void> {
    // Until nothing is left of what the rival granted itself.
    yield* scene.pause(leaseMs + 4 * BOUND_MS);
    const { leaseUntil } = scene.mirror(HOME).standing;
    yield* scene.until(() => scene.mirror(HOME).standing.leaseUntil > leaseUntil);
    scene.cut(HOME, witness);
    const cutAt = scene.now;
    yield* scene.until(() => scene.mirror(rival).standing.leaseUntil > 0);
    yield* scene.depose([witness, rival]);
    const first = scene.mirror(rival).ownEpoch;
    if (yield* scene.until(() => scene.mirror(rival).ownEpoch > first, cutAt + leaseMs - scene.now))
      scene.cluster.tally.add("rivals in time");
    yield* scene.pause(cutAt + leaseMs + 4 * BOUND_MS - scene.now);
    over = true;
  }
  function* rivals(): Task<void> {
    yield* scene.until(() => scene.cluster.network.isCut(HOME, witness));
    yield* scene.keepWriting(rival, isOver, { suspects: HOME });
  }
  yield* all([direct(), scene.keepWriting(HOME, isOver), rivals()]);
}

const LONG_LEASE = { leaseMs: 12_000 };

/**
 * An OPEN that reaches nobody. The rival opens without the home's last write, alone; the home comes back, the witness has not seen
 * that OPEN, and the write is committed after all. Whoever has seen it asks the rival in between.
 */
function* openedForNobody(scene: Scene): Task<void> {
  const [witness, rival] = scene.random.shuffled([1, 2]) as [number, number];
  yield* scene.settle();
  scene.cut(HOME, rival);
  scene.cut(HOME, witness);
  const written = yield* scene.write(HOME, "local");
  if (written?.kind !== "written") return scene.say("the home's lease was over");
  const seen: Position = written.receipt.position;
  let over = false;
  const isOver = (): boolean => over;
  function* direct(): Task<void> {
    yield* scene.until(() => scene.mirror(rival).ownEpoch > 0);
    scene.cut(rival, witness);
    scene.cluster.tally.add("OPENs that reached nobody");
    yield* scene.read(rival, "session", [seen], 200);
    scene.mend(HOME, witness);
    const back = scene.mirror(HOME).ownEpoch;
    yield* scene.until(
      () => scene.mirror(HOME).ownEpoch > back && scene.mirror(HOME).standing.opened,
      20_000,
    );
    over = true;
  }
  yield* all([
    direct(),
    scene.keepWriting(HOME, isOver),
    scene.keepWriting(rival, isOver, { suspects: HOME }),
  ]);
}

/**
 * A dependency that is lost. Of five regions only the neighbour gets the home's last write; a user who has seen it there writes to the
 * neighbour's log, which reaches the three others; and those take over the home's log without that write.
 */
function* builtOnTheLost(scene: Scene): Task<void> {
  const [neighbour, ...others] = scene.random.shuffled([1, 2, 3, 4]) as [number, ...number[]];
  const [rival] = others as [number];
  yield* scene.settle();
  yield* scene.settle(neighbour);
  for (const other of others) scene.cut(HOME, other);
  const written = yield* scene.write(HOME, "local");
  if (written?.kind !== "written") return scene.say("the home's lease was over");
  const lost = written.receipt.position;
  yield* scene.until(() => scene.mirror(neighbour).rows.has(lost.s));
  scene.cut(HOME, neighbour);
  const built = yield* scene.write(neighbour, "local", { user: userOf(neighbour), seen: [lost] });
  if (built?.kind !== "written") return scene.say("the neighbour's lease was over");
  const { s } = built.receipt.position;
  for (const other of others) {
    yield* scene.until(() => scene.mirror(other, neighbour).rows.has(s));
    // Before it can ask for what that entry depends on.
    scene.cut(neighbour, other);
  }
  const taken = (): boolean => scene.mirror(rival).ownEpoch > 0 && scene.mirror(rival).standing.opened;
  yield* scene.keepWriting(rival, taken, { suspects: HOME });
  yield* scene.pause(2_000);
}

/**
 * Somebody new. Of the anchor's replica the claim reaches nobody but the home that it names, and neither of the two reaches the rest,
 * who take the anchor's log over and cut the claim off, while the new home, which leads its own log, is asked to write.
 */
function* claimCutOff(scene: Scene): Task<void> {
  const [home, rival, ...others] = scene.random.shuffled([1, 2, 3, 4]) as [number, number, number, number];
  yield* scene.settle(HOME);
  yield* scene.settle(home);
  for (const region of [rival, ...others]) scene.cut(HOME, region);
  const { s } = scene.mirror(home).last;
  const user = "somebody new";
  runTask(scene.claim(home, user));
  if (!(yield* scene.until(() => scene.mirror(home).last.s > s, 2_000)))
    return scene.say("the claim did not come");
  scene.cut(HOME, home);
  scene.cut(home, rival);
  scene.cluster.tally.add("claims that no majority has");
  const isTaken = (): boolean =>
    scene.mirror(rival).ownEpoch > 0 && scene.mirror(rival).standing.opened && scene.mirror(rival).last.s > s;
  const end = scene.now + 30_000;
  const isOver = (): boolean => isTaken() || scene.now > end;
  yield* all([
    scene.keepWriting(rival, isOver, { suspects: HOME }),
    scene.keepWriting(home, isOver, { user }),
  ]);
  for (const region of [home, rival, ...others]) scene.mend(HOME, region);
  scene.mend(home, rival);
  yield* scene.pause(3_000);
}

/**
 * A voter that loses its memory. It and the home hold an entry that is committed; its storage is set back, to nothing or to what it was some
 * restarts ago; everybody else is restarted too; then the rival asks it alone for a promise. Without it the home's log waits
 * for the home, and the log that the voter led goes to somebody else.
 */
function* memoryLost(scene: Scene): Task<void> {
  const [voter, rival] = scene.random.shuffled([1, 2]) as [number, number];
  for (const region of [HOME, voter, rival]) yield* scene.settle(region);
  const copy = scene.random.chance(0.5) ? scene.copy(voter) : null;
  for (let n = 0; n < 2; n++) {
    scene.restart(voter);
    for (const region of [HOME, voter, rival])
      yield* scene.write(region, "majority", { user: userOf(region) });
    yield* scene.pause(scene.random.between(1_100, 1_400));
  }
  scene.cut(HOME, rival);
  scene.cut(voter, rival);
  const written = yield* scene.write(HOME, "majority");
  if (written?.kind !== "written") return scene.say("the home had no majority");
  scene.rewind(voter, copy);
  scene.restart(rival);
  scene.cut(HOME, voter);
  scene.mend(voter, rival);
  const tried = scene.now + scene.random.between(4_000, 6_000);
  yield* scene.keepWriting(rival, () => scene.now > tried, { suspects: HOME });
  scene.cluster.tally.add(copy === null ? "memories lost" : "memories set back");
  scene.restart(HOME);
  scene.mend(HOME, rival);
  const back = scene.now + 30_000;
  let reply = yield* scene.write(HOME, "majority");
  while (reply?.kind !== "written" && scene.now < back) {
    yield* scene.pause(100);
    reply = yield* scene.write(HOME, "majority", { suspects: rival });
  }
  if (!(yield* scene.forgetful(rival)).includes(voter))
    scene.fail("I30 lost memories are reported", `region ${rival} does not say that ${voter} has forgotten`);
  const led = (): boolean =>
    [HOME, rival].some(
      (region) => scene.mirror(region, voter).ownEpoch > 0 && scene.mirror(region, voter).standing.opened,
    );
  const until = scene.now + 30_000;
  const user = userOf(voter);
  const isOver = (): boolean => led() || scene.now > until;
  // Set back, it takes itself for the leader until it is told, and would write where it had written before.
  const apart = copy === null ? [] : [HOME, rival];
  for (const region of apart) scene.cut(voter, region);
  if (copy === null && scene.random.chance(0.5)) yield* scene.keepLooking(user, voter, isOver);
  else yield* scene.keepWriting(rival, isOver, { suspects: voter, user });
  for (const region of apart) scene.mend(voter, region);
  if (!led())
    scene.fail("L2 a log gets a leader", `nobody leads the log of region ${voter}, which has forgotten`);
  yield* takenInAgain(scene, voter, rival);
}

/**
 * The same where only the home has ever led a log, so that nobody else has heard the voters by itself: what the rival is to know them by, the
 * home has told it.
 */
function* memoryUnmet(scene: Scene): Task<void> {
  const [voter, rival] = scene.random.shuffled([1, 2]) as [number, number];
  yield* scene.settle(HOME);
  // The first has the voter heard, the second tells the rival of it.
  for (let n = 0; n < 2; n++) {
    yield* scene.pause(500);
    yield* scene.write(HOME, "majority");
  }
  yield* scene.pause(500);
  if (scene.random.chance(0.5)) scene.restart(rival);
  scene.cut(HOME, rival);
  scene.cut(voter, rival);
  const written = yield* scene.write(HOME, "majority");
  if (written?.kind !== "written") return scene.say("the home had no majority");
  scene.rewind(voter, null);
  scene.cut(HOME, voter);
  scene.mend(voter, rival);
  const tried = scene.now + scene.random.between(4_000, 6_000);
  yield* scene.keepWriting(rival, () => scene.now > tried, { suspects: HOME });
  scene.cluster.tally.add("memories lost");
  if (!(yield* scene.forgetful(rival)).includes(voter))
    scene.fail("I30 lost memories are reported", `region ${rival} does not say that ${voter} has forgotten`);
  scene.mend(HOME, rival);
  yield* scene.settle(rival);
  yield* takenInAgain(scene, voter, rival);
}

/** All reach each other: the voter is told what it must know, and counts again. Then the others cannot do without it. */
function* takenInAgain(scene: Scene, voter: number, rival: number): Task<void> {
  scene.mend(HOME, voter);
  const until = scene.now + 60_000;
  for (;;) {
    yield* scene.write(HOME, "majority");
    yield* scene.write(rival, "majority", { user: userOf(rival) });
    const missing = [];
    for (const region of [HOME, rival])
      if ((yield* scene.forgetful(region)).includes(voter)) missing.push(region);
    if (missing.length === 0) break;
    if (scene.now > until)
      return scene.fail(
        "R8 a voter is taken in again",
        `regions ${missing.join(", ")} do not count ${voter}`,
      );
    yield* scene.pause(200);
  }
  scene.cluster.tally.add("voters taken in again");
  scene.cut(HOME, rival);
  scene.cut(HOME, voter);
  const before = scene.mirror(HOME).ownEpoch;
  const successor = scene.random.chance(0.5) ? rival : voter;
  const isTaken = (): boolean =>
    scene.mirror(successor).ownEpoch > before && scene.mirror(successor).standing.opened;
  const end = scene.now + 30_000;
  yield* scene.keepWriting(successor, () => isTaken() || scene.now > end, { suspects: HOME });
  if (!isTaken())
    scene.fail("L2 a log gets a leader", `regions ${rival} and ${voter} are a majority, and nobody leads`);
  scene.mend(HOME, rival);
  scene.mend(HOME, voter);
}

/**
 * A voter that comes back. It and the home hold an entry that is committed, it and the rival have promised a ballot that nobody opens; then it
 * loses its memory. The home tells it, home and rival, who do not reach each other, tell it what it must know; and at the moment at
 * which it counts again the home is gone, and the rival has nobody else.
 */
function* memoryRegained(scene: Scene): Task<void> {
  const [voter, rival] = scene.random.shuffled([1, 2]) as [number, number];
  for (const region of [HOME, voter, rival]) yield* scene.settle(region);
  const copy = scene.random.chance(0.5) ? scene.copy(voter) : null;
  for (let n = 0; n < 2; n++) {
    scene.restart(voter);
    yield* scene.write(HOME, "majority");
    yield* scene.pause(scene.random.between(1_100, 1_400));
  }
  scene.cut(HOME, rival);
  const written = yield* scene.write(HOME, "majority");
  if (written?.kind !== "written") return scene.say("the home had no majority");
  if (scene.random.chance(0.5)) yield* scene.depose([rival, voter]);
  const { promised } = scene.mirror(voter).acceptor;
  scene.rewind(voter, copy);
  let over = false;
  const isOver = (): boolean => over;
  function* direct(): Task<void> {
    const hasLearnt = yield* scene.until(() => scene.hasForgotten(voter), 20_000);
    const isBack = yield* scene.until(() => !scene.hasForgotten(voter), 20_000);
    if (!hasLearnt || !isBack) scene.fail("R8 a voter is taken in again", `region ${voter} is not`);
    else scene.cluster.tally.add("voters taken in again");
    if (scene.mirror(voter).acceptor.promised < promised)
      scene.fail("R8 a promise is kept", `region ${voter} had promised ${promised} before it forgot`);
    scene.cut(HOME, voter);
    over = true;
  }
  yield* all([direct(), scene.keepWriting(HOME, isOver)]);
  const isTaken = (): boolean => scene.mirror(rival).ownEpoch > 0 && scene.mirror(rival).standing.opened;
  const until = scene.now + 30_000;
  yield* scene.keepWriting(rival, () => isTaken() || scene.now > until, { suspects: HOME });
  if (!isTaken())
    scene.fail("L2 a log gets a leader", `regions ${rival} and ${voter} are a majority, and nobody leads`);
  scene.mend(HOME, rival);
  scene.mend(HOME, voter);
}

/**
 * A voter that hears only one of the others. It and the home hold an entry that is committed; then it loses its memory, and the home is out of
 * reach. The rival tells it what it knows, which is nothing of that entry, and would have a majority with it. It is the home's word
 * that it has to wait for.
 */
function* memoryHalfHeard(scene: Scene): Task<void> {
  const [voter, rival] = scene.random.shuffled([1, 2]) as [number, number];
  for (const region of [HOME, voter, rival]) yield* scene.settle(region);
  const copy = scene.random.chance(0.5) ? scene.copy(voter) : null;
  for (let n = 0; n < 2; n++) {
    scene.restart(voter);
    for (const region of [HOME, rival]) yield* scene.write(region, "majority", { user: userOf(region) });
    yield* scene.pause(scene.random.between(1_100, 1_400));
  }
  scene.cut(HOME, rival);
  const written = yield* scene.write(HOME, "majority");
  if (written?.kind !== "written") return scene.say("the home had no majority");
  scene.cut(HOME, voter);
  scene.rewind(voter, copy);
  const tried = scene.now + 15_000;
  const isOver = (): boolean => scene.now > tried;
  // That log has a leader who reaches it, and tells it that it has forgotten.
  yield* all([
    scene.keepWriting(rival, isOver, { suspects: HOME }),
    scene.keepWriting(rival, isOver, { user: userOf(rival) }),
  ]);
  scene.cluster.tally.add(
    scene.hasForgotten(voter) ? "voters that wait for a word" : "voters that know nothing",
  );
  scene.mend(HOME, voter);
  scene.mend(HOME, rival);
  const back = scene.now + 30_000;
  const isBack = (): boolean => !scene.hasForgotten(voter) || scene.now > back;
  yield* scene.keepWriting(rival, isBack, { user: userOf(rival) });
  if (scene.hasForgotten(voter)) scene.fail("R8 a voter is taken in again", `region ${voter} is not`);
}

/**
 * A leader's instance is replaced right after it sent entries out, over links so slow that a follower's answer tells of a time after that.
 * Who has been replaced knows then that they are committed, and tells so, and must not tell that its log was complete at that
 * time: the present instance may have written more.
 */
function* replacedAtWork(scene: Scene): Task<void> {
  yield* scene.settle();
  const { leaseUntil } = scene.mirror(HOME).standing;
  const isFresh = (): boolean => scene.mirror(HOME).standing.leaseUntil > leaseUntil;
  // Of a lease that has just begun none is asked for, whose grant would be written down.
  yield* scene.keepWriting(HOME, isFresh);
  yield* scene.pause(3 * SLOW_MS);
  const { s } = scene.mirror(HOME).last;
  runTask(scene.write(HOME, "majority"));
  yield* scene.until(() => scene.mirror(HOME).last.s > s);
  scene.restart(HOME);
  yield* scene.pause(4 * SLOW_MS);
  // The present instance learns of it as any other does.
  yield* scene.write(HOME, "majority", { leftMs: 10 * SLOW_MS });
}

/** One way, and longer than a clock may be wrong. */
const SLOW_MS = BOUND_MS + 50;

export const CLOCKS_AT_THEIR_BOUNDS: Schedule = {
  ...STAGE,
  name: "clocks-at-their-bounds",
  script: clocksAtTheirBounds,
};
export const GRANTED_TWICE: Schedule = {
  ...STAGE,
  name: "granted-twice",
  timing: { ...STAGE.timing, ...LONG_LEASE },
  script: grantedTwice,
};
export const OPENED_FOR_NOBODY: Schedule = { ...STAGE, name: "opened-for-nobody", script: openedForNobody };
export const BUILT_ON_THE_LOST: Schedule = {
  ...STAGE,
  name: "built-on-the-lost",
  regions: [5],
  script: builtOnTheLost,
};

export const CLAIM_CUT_OFF: Schedule = {
  ...STAGE,
  name: "claim-cut-off",
  regions: [5],
  script: claimCutOff,
};
export const REPLACED_AT_WORK: Schedule = {
  ...STAGE,
  name: "replaced-at-work",
  faults: {
    ...STAGE.faults,
    network: { ...STAGE.faults.network, delayMs: [SLOW_MS, SLOW_MS] },
    crash: { ...STAGE.faults.crash, lingers: 1 },
  },
  timing: { ...STAGE.timing, ...LONG_LEASE, probeMs: DEFAULT_TIMING.probeMs },
  script: replacedAtWork,
};
export const MEMORY_LOST: Schedule = { ...STAGE, name: "memory-lost", script: memoryLost };
export const MEMORY_UNMET: Schedule = { ...STAGE, name: "memory-unmet", script: memoryUnmet };
export const MEMORY_REGAINED: Schedule = { ...STAGE, name: "memory-regained", script: memoryRegained };
export const MEMORY_HALF_HEARD: Schedule = { ...STAGE, name: "memory-half-heard", script: memoryHalfHeard };

const DIRECTED: readonly Schedule[] = [
  CLAIM_CUT_OFF,
  MEMORY_LOST,
  MEMORY_UNMET,
  REPLACED_AT_WORK,
  MEMORY_REGAINED,
  MEMORY_HALF_HEARD,
  CLOCKS_AT_THEIR_BOUNDS,
  GRANTED_TWICE,
  OPENED_FOR_NOBODY,
  BUILT_ON_THE_LOST,
];

export function directedNamed(name: string): Schedule | undefined {
  return DIRECTED.find((candidate) => candidate.name === name);
}
