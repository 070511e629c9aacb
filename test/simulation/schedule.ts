/**
 * Schedules by name: how many regions, which faults, which work. A seed and a schedule's name decide a run completely.
 *
 * A mild simulation proves little: most of these hold faults at rates at which no real deployment would be usable, because
 * what matters happens where several coincide.
 */
import { DEFAULT_TIMING, type Limits, type SinkConfig, type Timing } from "../../src/replication/config.ts";
import { WORKLOAD, type Workload } from "./client.ts";
import { CALM, type Faults } from "./faults.ts";
import type { Script } from "./scene.ts";
import { SINKS } from "./sinks.ts";

export interface Schedule {
  readonly name: string;
  readonly regions: readonly number[];
  readonly partitions: readonly number[];
  readonly faults: Faults;
  readonly workload: Workload;
  readonly timing: Partial<Timing>;
  readonly limits: Partial<Limits>;
  readonly sinks: readonly SinkConfig[];
  /** Clocks keep their bound: what rests on leases is judged. */
  readonly clocksKept: boolean;
  /** Latest end of the faults. */
  readonly durationMs: number;
  /** What happens in every run, besides what chance does (directed.ts). */
  readonly script?: Script;
}

const DAY = 24 * 3_600_000;

const LOSSY: Faults = {
  network: {
    ...CALM.network,
    delayMs: [10, 160],
    jitterMs: 30,
    slow: 0.03,
    slowMs: [200, 4_000],
    loss: 0.03,
    duplicate: 0.04,
    cutsPerSecond: 0.25,
    cutMs: [200, 6_000],
    oneWay: 0.35,
  },
  queue: {
    delayMs: [10, 3_000],
    loss: 0.08,
    duplicate: 0.15,
    late: 0.1,
    lateMs: [10_000, DAY],
    sendFailure: 0.08,
    corrupt: 0.02,
  },
  crash: {
    beforeCommit: 0.003,
    betweenEffects: 0.012,
    delicate: 12,
    aimed: 0,
    idlePerSecond: 0.05,
    downMs: [0, 1_500],
    lingers: 0,
    long: 0.08,
    longMs: [3_000, 12_000],
    syncMs: [1, 25],
    syncStall: 0.03,
    syncStallMs: [200, 3_500],
  },
  clock: { offsetMsMax: 200, jumpMsMax: DEFAULT_TIMING.clockBoundMs, drift: DEFAULT_TIMING.clockDrift },
  clockJumpsPerSecond: 0.2,
  takeover: { perSecond: 0.15, entriesMax: 4, bareMajority: 0.5, abandon: 0.2 },
  handOff: { perSecond: 0 },
  receiver: {
    delayMs: [5, 300],
    refusal: 0.1,
    silent: 0.08,
    late: 0.05,
    lateMs: [10, 8_000],
    outage: 0.02,
    outageMs: [200, 9_000],
    gone: 0.02,
    controlsPerSecond: 0.3,
  },
};

/** Small enough that bounds are met within a short run. */
const TIGHT: Partial<Limits> = {
  batchEntriesMax: 6,
  inboxEntriesMax: 5,
  inlineEntriesMax: 8,
  compactEveryEntries: 10,
};

/** Logs so short that followers that fall behind need a snapshot. */
const SHORT_LOGS: Partial<Limits> = {
  ...TIGHT,
  logBytesMax: 4_000,
  compactEveryEntries: 4,
  compactRowsMax: 12,
};

const BASE: Schedule = {
  name: "chaos",
  regions: [3, 3, 5],
  partitions: [1, 2],
  faults: LOSSY,
  workload: WORKLOAD,
  timing: { retainMs: 20_000, pinMs: 30_000, cooldownMs: 300, cooldownMsMax: 2_000 },
  limits: TIGHT,
  sinks: [],
  clocksKept: true,
  durationMs: 30_000,
};

/** Candidates do not wait for the lease before theirs to end: their acknowledgements have to (R6). */
const EAGER: Partial<Timing> = { leaseGraceMs: 60_000 };

const SCHEDULES: readonly Schedule[] = [
  { ...BASE, workload: { ...WORKLOAD, actions: { ...WORKLOAD.actions, move: 1 } } },
  {
    ...BASE,
    name: "calm",
    regions: [3],
    faults: CALM,
    workload: { ...WORKLOAD, roam: 0.3 },
  },
  {
    ...BASE,
    name: "crashes",
    faults: {
      ...LOSSY,
      network: { ...CALM.network, jitterMs: 20 },
      takeover: { ...LOSSY.takeover, perSecond: 0.05 },
      crash: {
        ...LOSSY.crash,
        beforeCommit: 0.02,
        betweenEffects: 0.05,
        delicate: 8,
        idlePerSecond: 0.2,
        downMs: [0, 400],
      },
    },
  },
  {
    ...BASE,
    name: "takeovers",
    timing: { ...BASE.timing, ...EAGER },
    // Homes that are cut off go on acknowledging under their leases; the others go on without them.
    faults: {
      ...LOSSY,
      network: {
        ...LOSSY.network,
        delayMs: [5, 60],
        slow: 0.01,
        cutsPerSecond: 0.4,
        cutMs: [500, 7_000],
        oneWay: 0.15,
      },
      crash: { ...LOSSY.crash, betweenEffects: 0.003, beforeCommit: 0.001 },
      takeover: { perSecond: 1, entriesMax: 4, bareMajority: 0.8, abandon: 0.15 },
    },
    workload: {
      ...WORKLOAD,
      thinkMs: [5, 500],
      opsPerDevice: 24,
      concerns: { local: 8, one: 2, majority: 3 },
      users: 3,
    },
  },
  {
    ...BASE,
    name: "leases",
    timing: { ...BASE.timing, ...EAGER },
    // Nothing is lost and nobody crashes, so that the same homes are cut off and taken over again and again, and come back.
    regions: [3],
    partitions: [1],
    faults: {
      ...CALM,
      network: { ...CALM.network, delayMs: [5, 25], cutsPerSecond: 0.5, cutMs: [1_500, 9_000] },
      clock: LOSSY.clock,
      clockJumpsPerSecond: 0.3,
      takeover: { perSecond: 1.5, entriesMax: 3, bareMajority: 0.9, abandon: 0.05 },
    },
    workload: {
      ...WORKLOAD,
      users: 3,
      thinkMs: [5, 200],
      opsPerDevice: 60,
      budgetMs: [300, 1_500],
      concerns: { local: 1 },
      levels: { leader: 1 },
      actions: { put: 3, read: 2 },
      roam: 0,
    },
  },
  {
    ...BASE,
    name: "zombies",
    // Objects are replaced all the time, and those that were go on for a while; what they show from memory is old by then.
    regions: [3],
    partitions: [1],
    faults: {
      ...CALM,
      network: { ...CALM.network, delayMs: [5, 60], cutsPerSecond: 0.05, cutMs: [500, 3_000] },
      clock: LOSSY.clock,
      clockJumpsPerSecond: 0.3,
      crash: { ...CALM.crash, idlePerSecond: 0.8, lingers: 0.9 },
      takeover: { ...LOSSY.takeover, perSecond: 0.05 },
    },
    workload: {
      ...WORKLOAD,
      thinkMs: [5, 200],
      opsPerDevice: 30,
      roam: 0.3,
      levels: { leader: 4, strong: 2, bounded: 6, session: 2 },
      concerns: { local: 6, one: 1, majority: 3 },
    },
  },
  {
    ...BASE,
    name: "transactions",
    // Devices of few users who get in each other's way, while homes crash and are taken over.
    faults: {
      ...LOSSY,
      network: { ...LOSSY.network, delayMs: [5, 80], slow: 0.01, cutsPerSecond: 0.3 },
      crash: { ...LOSSY.crash, betweenEffects: 0.02, beforeCommit: 0.008 },
      takeover: { perSecond: 0.4, entriesMax: 2, bareMajority: 0.7, abandon: 0.15 },
    },
    workload: {
      ...WORKLOAD,
      users: 2,
      devicesPerUser: 3,
      opsPerDevice: 16,
      budgetMs: [400, 2_500],
      thinkMs: [5, 400],
      concerns: { local: 5, one: 1, majority: 3 },
      actions: { transfer: 6, count: 4, merge: 3, batch: 3, read: 2, list: 1, put: 1 },
    },
  },
  {
    ...BASE,
    name: "links",
    // Nothing is lost but what is cut: links that break while everybody else reaches everybody, and regions that are cut off.
    // What one region sees is not what the others see, and who takes over needs a reason.
    regions: [3],
    partitions: [1],
    faults: {
      ...CALM,
      network: { ...CALM.network, delayMs: [5, 25], cutsPerSecond: 0.12, cutMs: [3_000, 9_000] },
      clock: LOSSY.clock,
      clockJumpsPerSecond: 0.3,
    },
    workload: {
      ...WORKLOAD,
      users: 3,
      thinkMs: [20, 900],
      opsPerDevice: 40,
      budgetMs: [1_500, 4_000],
      roam: 0.3,
    },
  },
  {
    ...BASE,
    name: "hand-offs",
    // Logs are handed to and fro, and back home when that is well again, while both sides crash and others take over.
    timing: { ...BASE.timing, ...EAGER, failbackMs: 2_500 },
    faults: {
      ...LOSSY,
      network: {
        ...LOSSY.network,
        delayMs: [5, 60],
        slow: 0.01,
        loss: 0.01,
        cutsPerSecond: 0.2,
        cutMs: [200, 4_000],
      },
      crash: { ...LOSSY.crash, betweenEffects: 0.004, beforeCommit: 0.001, downMs: [0, 800] },
      takeover: { perSecond: 0.5, entriesMax: 3, bareMajority: 0.8, abandon: 0.15 },
      handOff: { perSecond: 1.5 },
    },
    workload: {
      ...WORKLOAD,
      thinkMs: [5, 400],
      opsPerDevice: 20,
      concerns: { local: 8, one: 2, majority: 3, all: 1 },
      levels: { leader: 5, strong: 2, session: 2, eventual: 1 },
      users: 3,
    },
  },
  {
    ...BASE,
    name: "queues",
    // Replication has to do with the queues and with pulls, and with what leases need.
    faults: {
      ...LOSSY,
      network: { ...LOSSY.network, appendLoss: 0.7, cutsPerSecond: 0.05 },
      takeover: { ...LOSSY.takeover, perSecond: 0.03 },
    },
    workload: {
      ...WORKLOAD,
      concerns: { local: 8, one: 1, majority: 1 },
      levels: { leader: 2, session: 6, prefix: 2, eventual: 2, bounded: 2 },
    },
  },
  {
    ...BASE,
    name: "snapshots",
    regions: [3],
    partitions: [1],
    limits: SHORT_LOGS,
    timing: { ...BASE.timing, retainMs: 1_500, pinMs: 6_000 },
    workload: {
      ...WORKLOAD,
      opsPerDevice: 40,
      keyless: 0,
      thinkMs: [1, 300],
      concerns: { local: 6, one: 1, majority: 4 },
      actions: { ...WORKLOAD.actions, put: 14, delete: 3 },
    },
    faults: {
      ...LOSSY,
      network: { ...LOSSY.network, cutsPerSecond: 0.15, cutMs: [500, 9_000] },
      crash: {
        ...LOSSY.crash,
        idlePerSecond: 0.08,
        betweenEffects: 0.005,
        long: 0.6,
        longMs: [4_000, 14_000],
      },
      takeover: { ...LOSSY.takeover, perSecond: 0.05 },
    },
  },
  {
    ...BASE,
    name: "clocks",
    faults: {
      ...LOSSY,
      network: { ...LOSSY.network, cutsPerSecond: 0.1 },
      clockJumpsPerSecond: 2,
      clock: { ...LOSSY.clock, offsetMsMax: 4_000 },
      takeover: { ...LOSSY.takeover, perSecond: 0.4 },
    },
    workload: {
      ...WORKLOAD,
      concerns: { local: 8, majority: 2 },
      levels: { leader: 6, strong: 4, bounded: 3, session: 2 },
    },
  },
  {
    ...BASE,
    name: "broken-clocks",
    // Beyond the bound: leases promise nothing then, majorities still do.
    faults: {
      ...LOSSY,
      clockJumpsPerSecond: 1,
      clock: { offsetMsMax: 60_000, jumpMsMax: 20_000, drift: 0.05 },
      takeover: { ...LOSSY.takeover, perSecond: 0.3 },
    },
    clocksKept: false,
  },
  {
    ...BASE,
    name: "no-leases",
    timing: { ...BASE.timing, leaseMs: 0 },
    faults: {
      ...LOSSY,
      clockJumpsPerSecond: 1,
      clock: { offsetMsMax: 60_000, jumpMsMax: 20_000, drift: 0.05 },
      takeover: { ...LOSSY.takeover, perSecond: 0.3 },
    },
    workload: {
      ...WORKLOAD,
      concerns: { majority: 4, all: 1 },
      levels: { leader: 3, strong: 3, session: 3, prefix: 1 },
    },
  },
  {
    ...BASE,
    name: "cuts",
    // Questions and answers across users, regions and partitions, where the question is often later than its answer. A cut asks
    // many replicas: at the rates of other schedules hardly one would come about.
    regions: [3],
    partitions: [2, 3],
    faults: {
      ...LOSSY,
      network: {
        ...LOSSY.network,
        appendLoss: 0.7,
        loss: 0.003,
        slow: 0.01,
        cutsPerSecond: 0.05,
        cutMs: [200, 3_000],
      },
      crash: { ...LOSSY.crash, beforeCommit: 0.0005, betweenEffects: 0.001, idlePerSecond: 0.01 },
      takeover: { ...LOSSY.takeover, perSecond: 0.04 },
    },
    workload: {
      ...WORKLOAD,
      users: 6,
      devicesPerUser: 2,
      opsPerDevice: 20,
      tokenless: 0.1,
      thinkMs: [5, 300],
      budgetMs: [2_000, 8_000],
      concerns: { local: 8, majority: 1 },
      levels: { leader: 3, strong: 1, bounded: 2, session: 3, prefix: 4, eventual: 1 },
      actions: { ask: 3, answer: 4, cut: 5, put: 1, delete: 1 },
    },
  },
  {
    ...BASE,
    name: "expiry",
    // What lives for seconds, written again and again, where clocks are seconds apart and sessions roam between them.
    faults: {
      ...LOSSY,
      network: { ...LOSSY.network, appendLoss: 0.3 },
      clock: { ...LOSSY.clock, offsetMsMax: 3_000 },
    },
    workload: {
      ...WORKLOAD,
      users: 3,
      opsPerDevice: 24,
      roam: 0.4,
      tokenless: 0.15,
      levels: { leader: 4, session: 2, prefix: 2, eventual: 3 },
      actions: { put: 2, read: 1, expiring: 8 },
    },
  },
  {
    ...BASE,
    name: "losses",
    // Homes that are cut off write on alone, are succeeded, and come back; their users decide about what was lost, again and
    // again some of it, while the next region is cut off. (What expires is not on record, nor what a session was told there.)
    regions: [3],
    partitions: [1],
    timing: { ...BASE.timing, ...EAGER, probeMs: 150, cooldownMs: 100, cooldownMsMax: 500 },
    faults: {
      ...LOSSY,
      network: {
        ...CALM.network,
        delayMs: [5, 30],
        loss: 0.02,
        cutsPerSecond: 0.8,
        cutMs: [1_000, 3_500],
        oneWay: 0.1,
      },
      crash: { ...LOSSY.crash, betweenEffects: 0.006, beforeCommit: 0.002, idlePerSecond: 0.1 },
      takeover: { perSecond: 0, entriesMax: 1, bareMajority: 0, abandon: 0 },
    },
    workload: {
      ...WORKLOAD,
      users: 3,
      devicesPerUser: 2,
      readers: 4,
      opsPerDevice: 30,
      thinkMs: [5, 250],
      budgetMs: [300, 1_500],
      roam: 0.1,
      tokenless: 0.6,
      concerns: { local: 12, one: 1, majority: 1 },
      actions: {
        count: 4,
        merge: 3,
        batch: 2,
        put: 2,
        delete: 1,
        settle: 6,
        receipt: 3,
        read: 2,
      },
    },
  },
  {
    ...BASE,
    name: "exposure",
    // Far less than a lease, which bounds it too: who is cut off goes on acknowledging for that long.
    timing: { ...BASE.timing, rpoMsMax: 500 },
    faults: {
      ...LOSSY,
      network: { ...LOSSY.network, appendLoss: 0.5, cutsPerSecond: 0.5 },
      takeover: { ...LOSSY.takeover, perSecond: 0 },
    },
    workload: { ...WORKLOAD, concerns: { local: 10, majority: 1 } },
  },
  {
    ...BASE,
    name: "farewells",
    // Users are erased while leaders fall and replicas are away, some of them for longer than the log is kept.
    limits: { ...TIGHT, logBytesMax: 9_000, compactEveryEntries: 4, compactRowsMax: 12 },
    timing: { ...BASE.timing, retainMs: 4_000, pinMs: 3_000 },
    faults: {
      ...LOSSY,
      crash: { ...LOSSY.crash, long: 0.2 },
      takeover: { ...LOSSY.takeover, perSecond: 0.4 },
    },
    workload: { ...WORKLOAD, leavers: 4, opsPerDevice: 8 },
  },
  {
    ...BASE,
    name: "moves",
    // Users who change their home all the time, under everything else that may go wrong; many come too late and are refused.
    timing: { ...BASE.timing, moveLateMs: 200 },
    faults: {
      ...LOSSY,
      network: { ...LOSSY.network, delayMs: [5, 80], slow: 0.01, cutsPerSecond: 0.2, loss: 0.01 },
      crash: { ...LOSSY.crash, betweenEffects: 0.02, beforeCommit: 0.006, idlePerSecond: 0.1 },
      takeover: { ...LOSSY.takeover, perSecond: 0.15, bareMajority: 0.7 },
    },
    workload: {
      ...WORKLOAD,
      users: 3,
      devicesPerUser: 3,
      readers: 4,
      opsPerDevice: 18,
      thinkMs: [5, 400],
      roam: 0.3,
      keyless: 0.4,
      concerns: { local: 6, one: 2, majority: 3, all: 1 },
      actions: { ...WORKLOAD.actions, move: 5, count: 1, expiring: 2 },
    },
  },
  {
    ...BASE,
    name: "sinks",
    sinks: SINKS,
    workload: {
      ...WORKLOAD,
      actions: { put: 12, cas: 2, delete: 2, expiring: 2, read: 2 },
      opsPerDevice: 20,
    },
  },
];

export function scheduleNames(): string[] {
  return SCHEDULES.map(({ name }) => name);
}

export function scheduleNamed(name: string): Schedule {
  const schedule = SCHEDULES.find((candidate) => candidate.name === name);
  if (schedule === undefined) throw new Error(`no schedule ${name}; there are ${scheduleNames().join(", ")}`);
  return schedule;
}

/** Seeds without a schedule's name go through all of them in turn. */
export function scheduleOf(seed: number): Schedule {
  return SCHEDULES[seed % SCHEDULES.length] ?? BASE;
}
