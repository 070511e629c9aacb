/**
 * The protocol, broken in one place at a time. A simulation that does not notice has proved nothing by being green.
 *
 * Most mutants override one of the core's rules; what no rule decides is distorted from outside, in what a replica hears, says,
 * or finds after a crash. Each names the schedule that shows it best.
 */
import { lackingOf, neededOf } from "../../src/replication/cut.ts";
import { judge } from "../../src/replication/epoch-table.ts";
import { type Rules, RULES } from "../../src/replication/rules.ts";
import type { Moving } from "../../src/replication/state-row.ts";
import type { ExpiredItem } from "../../src/replication/storage.ts";
import { WORKLOAD } from "./client.ts";
import {
  BUILT_ON_THE_LOST,
  CLOCKS_AT_THEIR_BOUNDS,
  GRANTED_TWICE,
  CLAIM_CUT_OFF,
  MEMORY_LOST,
  MEMORY_UNMET,
  MEMORY_HALF_HEARD,
  MEMORY_REGAINED,
  OPENED_FOR_NOBODY,
  REPLACED_AT_WORK,
} from "./directed.ts";
import type { Distortion } from "./host.ts";
import { type Schedule, scheduleNamed } from "./schedule.ts";
import { ASKED_AGAIN, RESTARTS } from "./shaped.ts";

export interface Mutant {
  readonly name: string;
  /** What is broken, and what that leads to. */
  readonly breaks: string;
  readonly rules: Rules;
  readonly distortion: Distortion;
  readonly schedule: Schedule;
}

function mutant(
  name: string,
  breaks: string,
  schedule: string | Schedule,
  change: Partial<Rules>,
  distortion: Distortion = {},
): Mutant {
  return {
    name,
    breaks,
    rules: { ...RULES, ...change },
    distortion,
    schedule: typeof schedule === "string" ? scheduleNamed(schedule) : schedule,
  };
}

const takeovers = scheduleNamed("takeovers");
const queues = scheduleNamed("queues");
const leases = scheduleNamed("leases");
const snapshots = scheduleNamed("snapshots");

/** Logs handed on as soon as they were taken over, while the leases of those before still run. */
const inheritances: Schedule = {
  ...leases,
  name: "inheritances",
  faults: { ...leases.faults, handOff: { perSecond: 3 } },
};

/** Sessions that read far from where they wrote, while replication lags. */
const lagging: Schedule = {
  ...queues,
  name: "lagging",
  workload: {
    ...queues.workload,
    roam: 0.6,
    tokenless: 0,
    levels: { session: 1 },
    actions: { put: 3, read: 5, list: 1 },
  },
};

/** Objects are replaced all the time where no leases are: leaders ask a majority before each read. */
const replacedVoters: Schedule = {
  ...scheduleNamed("zombies"),
  name: "replaced-voters",
  timing: { ...scheduleNamed("zombies").timing, leaseMs: 0 },
};

/** Entries that go out one by one, so that a new leader's old entries reach a majority before its OPEN does. */
const oneByOne: Schedule = {
  ...takeovers,
  name: "one-by-one",
  limits: { ...takeovers.limits, batchEntriesMax: 1, inlineEntriesMax: 50 },
  faults: {
    ...takeovers.faults,
    takeover: { perSecond: 0.4, entriesMax: 3, bareMajority: 0.8, abandon: 0.6 },
    network: { ...takeovers.faults.network, cutsPerSecond: 0.4 },
  },
  workload: { ...WORKLOAD, thinkMs: [5, 250], opsPerDevice: 30, concerns: { local: 3, majority: 1 } },
};

/** Users who read each other's items before they write: logs that depend on each other. */
export const ENTANGLED: Schedule = {
  ...leases,
  name: "entangled",
  workload: {
    ...leases.workload,
    curious: 0.6,
    tokenless: 0,
    levels: { leader: 2, eventual: 3 },
    actions: { put: 1, read: 1 },
  },
};

/** Followers far behind, their queues full of doorbells, and nothing else to tell them. */
const doorbells: Schedule = {
  ...queues,
  name: "doorbells",
  limits: { ...queues.limits, inlineEntriesMax: 1 },
  faults: {
    ...queues.faults,
    network: { ...queues.faults.network, appendLoss: 0.95 },
    crash: { ...queues.faults.crash, betweenEffects: 0, beforeCommit: 0, idlePerSecond: 0 },
  },
};

/** Logs that are compacted early while a region is away, and long enough never to be cut short for its sake. */
const absences: Schedule = {
  ...queues,
  name: "absences",
  timing: { ...queues.timing, retainMs: 300 },
  limits: { ...queues.limits, compactEveryEntries: 3 },
  workload: {
    ...queues.workload,
    keyless: 0,
    concerns: { local: 3, majority: 2 },
    thinkMs: [5, 300],
    opsPerDevice: 25,
  },
};

/** Logs so short that a reader who was elsewhere for a moment finds its place gone. */
const remembered: Schedule = {
  ...snapshots,
  name: "remembered",
  limits: { ...snapshots.limits, logBytesMax: 1_500, compactEveryEntries: 2 },
  workload: { ...snapshots.workload, readers: 8 },
};

/** Receivers that are slow and often away, and logs that are not kept for long. */
const slowReceivers: Schedule = {
  ...scheduleNamed("sinks"),
  name: "slow-receivers",
  timing: { ...scheduleNamed("sinks").timing, retainMs: 300 },
  limits: { ...scheduleNamed("sinks").limits, compactEveryEntries: 3 },
  faults: {
    ...scheduleNamed("sinks").faults,
    receiver: { ...scheduleNamed("sinks").faults.receiver, delayMs: [200, 700], outage: 0.1, gone: 0 },
  },
};

/** Logs taken over while their leader is cut off, so that what it had written is cut off too. */
const contested: Schedule = {
  ...takeovers,
  name: "contested-sinks",
  sinks: scheduleNamed("sinks").sinks,
};

const moves = scheduleNamed("moves");

/** Devices that write the moment they are let, where it takes long until a majority has anything. */
const arrivals: Schedule = {
  ...moves,
  name: "arrivals",
  regions: [5],
  timing: { ...moves.timing, moveLateMs: 4_000 },
  faults: { ...moves.faults, network: { ...moves.faults.network, delayMs: [5, 150], loss: 0.05 } },
  workload: {
    ...moves.workload,
    readers: 0,
    thinkMs: [5, 60],
    concerns: { local: 1 },
    actions: { put: 6, move: 3 },
  },
};

/** Answers that are lost while the user moves on, so that what was done is asked for again elsewhere. */
const errands: Schedule = {
  ...moves,
  name: "errands",
  regions: [3],
  partitions: [1],
  faults: {
    ...moves.faults,
    network: { ...moves.faults.network, delayMs: [5, 25], loss: 0.12, slow: 0, cutsPerSecond: 0 },
    crash: { ...moves.faults.crash, betweenEffects: 0, beforeCommit: 0, idlePerSecond: 0 },
    takeover: { ...moves.faults.takeover, perSecond: 0 },
  },
  workload: {
    ...moves.workload,
    users: 2,
    devicesPerUser: 4,
    readers: 0,
    opsPerDevice: 20,
    thinkMs: [5, 60],
    keyless: 1,
    budgetMs: [4_000, 8_000],
    concerns: { local: 1 },
    actions: { put: 3, move: 2 },
  },
};

/** Finds in one turn and reclaims some turns later, whatever has been written there since. */
function reclaimsLater(turns: number): Partial<Rules> {
  const found = new Map<string, { readonly items: readonly ExpiredItem[]; age: number }>();
  return {
    reclaims: (due) =>
      [...new Set(due.map(({ user }) => user))].flatMap((user) => {
        const before = found.get(user);
        if (before === undefined) {
          found.set(user, { items: due.filter((item) => item.user === user), age: 0 });
          return [];
        }
        if (++before.age < turns) return [];
        found.delete(user);
        return before.items;
      }),
  };
}

/** Three clocks take part in a lease: a guard for fewer is too short when all of them are as wrong as they may be. */
function guarded(bounds: number): Mutant {
  return mutant(
    `guards-by-${bounds}-bounds`,
    `R5: the guard of a grant is ${bounds} clock bounds instead of 3`,
    CLOCKS_AT_THEIR_BOUNDS,
    {
      grantUntil: (now, timing) => RULES.grantUntil(now, timing) - (3 - bounds) * timing.clockBoundMs,
    },
  );
}

const MUTANTS: readonly Mutant[] = [
  mutant(
    "asks-without-looking",
    "PreVote: voters are willing without having looked for themselves",
    "links",
    {
      willing: (evidence, timing) => RULES.willing({ ...evidence, reachable: false }, timing),
    },
  ),
  mutant("counts-itself-twice", "PreVote: one willing voter fewer than a majority is enough", "links", {
    mayCampaign: (willing, voters) => willing >= RULES.majority(voters) - 1,
  }),
  mutant("opens-with-a-minority", "R3: a candidate adopts and opens with its own promise alone", takeovers, {
    majority: () => 1,
    mayCampaign: (willing, voters) => willing >= RULES.majority(voters),
  }),
  mutant("promises-anybody", "R1: promises a ballot that is not greater than the last", "takeovers", {
    acceptsPrepare: () => true,
  }),
  mutant(
    "forgets-promises",
    "R1: a promise does not survive a crash",
    RESTARTS,
    {},
    { crashed: (driver) => driver.run(`UPDATE acceptor SET promised = leader_e`) },
  ),
  mutant("counts-the-forgetful", "R8: a voter that has lost its memory is counted", MEMORY_LOST, {
    hasForgotten: () => false,
  }),
  mutant("keeps-names-to-itself", "R8: nobody is told whom a leader knows", MEMORY_UNMET, {
    introduces: () => false,
  }),
  mutant(
    "returns-behind",
    "R8: a voter that has forgotten counts before it has what it had",
    MEMORY_REGAINED,
    {
      hasCaughtUp: () => true,
    },
  ),
  mutant(
    "returns-free",
    "R8: a voter that has forgotten counts with its promises forgotten",
    MEMORY_REGAINED,
    {
      promisedAgain: (promised) => promised,
    },
  ),
  mutant(
    "returns-on-one-word",
    "R8: a voter that has forgotten counts on the word of one other, who need not be the one that it held something with",
    MEMORY_HALF_HEARD,
    {
      mayReturn: (answered) => answered > 0,
    },
  ),
  mutant("answers-unfenced", "an instance that was replaced answers as the leader that it was", "zombies", {
    fences: () => false,
  }),
  mutant(
    "votes-from-memory",
    "a voter that was replaced goes on telling a leader that it follows, which the leader takes for a majority's word",
    replacedVoters,
    { votersFence: () => false },
  ),
  mutant(
    "trusts-its-lease",
    "what a leader shows under its lease counts as fresh, replaced or not",
    "zombies",
    {
      leaseAgeMs: () => 0,
    },
  ),
  mutant(
    "vouches-from-memory",
    "a leader tells followers that its log is complete, replaced or not",
    REPLACED_AT_WORK,
    {
      echo: (received) => received,
    },
  ),
  mutant(
    "forgets-to-wait",
    "R6: a leader that is restarted does not know any more for how long it may not acknowledge",
    RESTARTS,
    {},
    { crashed: (driver) => driver.run(`UPDATE leadership SET ack_after = 0`) },
  ),
  mutant("appends-anything", "R2: entries of an epoch below the promise enter the log", "takeovers", {
    acceptsAppend: () => true,
  }),
  mutant("adopts-own-log", "R3: a new leader keeps its own log, whatever a majority has", oneByOne, {
    bestPromise: (promises) => promises[0] ?? RULES.bestPromise(promises),
  }),
  mutant("counts-old-epochs", "R4: entries of an older epoch are committed by counting", oneByOne, {
    commitPosition: (matches, majority, _start, commit) =>
      Math.max(commit, matches.toSorted((a, b) => b - a)[majority - 1] ?? 0),
  }),
  mutant(
    "believes-commits",
    "R4: a follower believes a commit position beyond what it verified",
    "takeovers",
    { followerCommit: (said, _verified, commit) => Math.max(commit, said) },
  ),
  mutant("stretches-leases", "R5: a leader acts on its lease longer than it was granted", leases, {
    leaseUntil: (sentAt, timing) => sentAt + 4 * timing.leaseMs,
  }),
  mutant("grants-for-nothing", "R5: a voter that granted a lease reports none", leases, {
    grantUntil: (now) => now,
  }),
  guarded(0),
  guarded(1),
  guarded(2),
  mutant("remembers-last-grantee", "R5: a voter knows only the lease that it granted last", GRANTED_TWICE, {
    leaseRemainingMs: (grants, o, candidate, self, now) => {
      const last = grants.filter((grant) => grant.o === o).toSorted((a, b) => b.until - a.until)[0];
      return last === undefined || last.grantee === candidate || last.grantee === self
        ? 0
        : Math.max(0, last.until - now);
    },
  }),
  mutant("ignores-leases", "R5: acknowledges and answers as the leader without a valid lease", leases, {
    leaseValid: (standing) => standing.leads,
  }),
  mutant("hands-over-and-stays", "a leader goes on leading after it has handed its log over", inheritances, {
    stepsDown: () => false,
  }),
  mutant(
    "voids-every-grant",
    "R5: when a log is handed over, voters forget the leases of all leaders before",
    inheritances,
    { bindingGrants: (grants, gaveUp) => (gaveUp === 0 ? grants : []) },
  ),
  mutant("acknowledges-at-once", "R6: a new leader does not wait for the leases before it", leases, {
    ackAfter: () => 0,
  }),
  mutant(
    "serves-old-instances",
    "R7: an older instance of the leader adds to the epoch of a younger one",
    "crashes",
    { acceptsIncarnation: () => true },
  ),
  mutant("acknowledges-uncommitted", "a majority is acknowledged before it holds the entry", "chaos", {
    concernMet: (concern, standing, holding, now) =>
      RULES.concernMet(concern === "majority" ? "local" : concern, standing, holding, now),
  }),
  mutant("acknowledges-alone", "one more region is acknowledged before it holds the entry", "chaos", {
    concernMet: (concern, standing, holding, now) =>
      RULES.concernMet(concern === "one" ? "local" : concern, standing, holding, now),
  }),
  mutant(
    "declares-lost-early",
    "a position is lost as soon as an uncommitted OPEN supersedes it",
    OPENED_FOR_NOBODY,
    { judge: (log, e, s) => judge(log, e, s, () => true) },
  ),
  mutant("ignores-tokens", "what a session knows counts as contained everywhere", lagging, {
    judge: () => "contained",
  }),
  mutant("does-not-wait", "a session's positions that are not applied yet count as contained", lagging, {
    judge: (log, e, s) => {
      const judgement = RULES.judge(log, e, s);
      return judgement === "not-applied" || judgement === "behind" ? "contained" : judgement;
    },
  }),
  mutant("applies-without-causes", "entries are applied before what they depend on", ENTANGLED, {
    dependencySatisfied: () => true,
  }),
  mutant("waits-for-the-lost", "a lost dependency blocks a log for ever", BUILT_ON_THE_LOST, {
    dependencySatisfied: (judgement) => judgement === "contained",
  }),
  mutant("leaves-the-cut", "truncation does not restore what the cut entries replaced", "takeovers", {
    undoes: () => false,
  }),
  mutant("forgets-keys", "a repeated idempotency key runs again", "chaos", { remembersKeys: () => false }),
  mutant("ignores-checks", "a transaction is done whatever its checks find", "transactions", {
    checkHolds: () => true,
  }),
  mutant("applies-in-part", "of an entry with several ops the last one is not applied", "transactions", {
    opsApplied: (ops) => (ops.length > 1 ? ops.slice(0, -1) : ops),
  }),
  mutant("compacts-the-pinned", "a log is compacted past what a snapshot is replayed from", "snapshots", {
    mayCompact: (s, bounds) => RULES.mayCompact(s, { ...bounds, pinned: Infinity }),
  }),
  mutant("compacts-past-followers", "a leader drops what a follower still needs", absences, {
    mayCompact: (s, bounds) => RULES.mayCompact(s, { ...bounds, matches: [] }),
  }),
  mutant("cuts-in-one-round", "a read of several items never asks a second time", "cuts", {
    lacking: () => [],
  }),
  mutant(
    "vouches-for-anybody",
    "any replica of a partition counts as reaching as far as another one does",
    "cuts",
    {
      lacking: (part, parts) =>
        parts.some(
          (other) =>
            other.partition === part.partition &&
            neededOf(part.partition, parts).length > 0 &&
            other !== part,
        )
          ? []
          : lackingOf(part, parts),
    },
  ),
  mutant(
    "forgets-cross-positions",
    "answers do not tell what other partitions they rest on",
    "cuts",
    {},
    {
      effects: (effects) =>
        effects.map((effect) =>
          effect.type === "respond" && effect.reply.kind === "items"
            ? {
                ...effect,
                reply: { ...effect.reply, many: { ...effect.reply.many, shownOthers: [] } },
              }
            : effect,
        ),
    },
  ),
  mutant(
    "takes-in-early",
    "a log takes a user in before it is certain that they have left the other",
    "moves",
    {
      mayAnswer: ({ refused }) => refused === undefined,
    },
  ),
  mutant("answers-twice", "a log takes a user in, or refuses them, whom it has refused already", "moves", {
    mayAnswer: (moving, commit) => moving.s <= commit,
  }),
  mutant("writes-after-leaving", "a log takes writes of a user who is on the way to another", "moves", {
    holdsStill: (_moving): _moving is Moving => false,
  }),
  mutant("resumes-unrefused", "a log goes on with a user whom the other log has not refused", "moves", {
    mayResume: () => true,
  }),
  mutant("acts-on-claim", "a home acts before it is certain that it is the home", CLAIM_CUT_OFF, {
    mayLiveBy: () => true,
  }),
  mutant("acts-on-arrival", "a new home acts before it is certain that it is the home", arrivals, {
    hasArrived: () => true,
  }),
  mutant("forgets-on-the-way", "a request that is repeated after a move runs again", errands, {
    looksBack: () => false,
  }),
  mutant("compacts-past-sinks", "a leader drops what is still to be delivered", slowReceivers, {
    mayCompact: (s, bounds) => RULES.mayCompact(s, { ...bounds, held: Infinity }),
  }),
  mutant("delivers-uncommitted", "a sink is sent what no majority holds yet", contested, {
    sinkLimit: (log) => log.head,
  }),
  mutant("counts-sent-as-delivered", "a sink moves on before its receiver has taken the batch", "sinks", {
    deliveredWhenSent: () => true,
  }),
  mutant("serves-half-an-image", "a snapshot is read before the logs have made it whole", "snapshots", {
    imageWhole: () => true,
  }),
  mutant("feeds-the-uncommitted", "the change feed shows what a failover may still cut off", "takeovers", {
    feedThrough: (log) => log.applied,
  }),
  mutant("feeds-past-gaps", "the change feed goes on where the log no longer reaches back to", remembered, {
    feedExpired: () => false,
  }),
  mutant("reclaims-early", "what will expire in a moment is reclaimed now", "expiry", {
    reclaimsThrough: (now) => now + 1_500,
  }),
  mutant(
    "reclaims-what-was-rewritten",
    "a leader reclaims what it found expired in an earlier turn, without looking again",
    "expiry",
    reclaimsLater(8),
  ),
  mutant("never-reclaims", "what has expired stays where it is", "expiry", { reclaims: () => [] }),
  mutant("reads-by-its-clock", "a reader forgets the time that its session has seen", "expiry", {
    readsAt: (now) => now,
  }),
  mutant("keeps-the-time", "whoever finds an item reclaimed is not told when that was", "expiry", {
    tellsTime: () => false,
  }),
  mutant(
    "ignores-doorbells",
    "a queue message without entries is not looked at",
    doorbells,
    {},
    {
      event: (event) =>
        event.type === "batch"
          ? {
              ...event,
              messages: event.messages.filter((message) => message === null || message.entries.length > 0),
            }
          : event,
      effects: (effects) => effects,
    },
  ),
  mutant(
    "counts-the-inbox",
    "what waits in the inbox is acknowledged as stored",
    "queues",
    {},
    {
      effects: (effects, event) =>
        effects.map((effect) => {
          if (
            effect.type !== "reply" ||
            effect.message.type !== "append-mismatch" ||
            event.type !== "peer" ||
            event.message.type !== "append"
          )
            return effect;
          const { e, prev, entries } = event.message;
          return {
            ...effect,
            message: {
              type: "append-ok",
              e,
              match: prev.s + entries.length,
              stamp: effect.message.stamp,
              storeId: "mutant",
              inc: 1,
            },
          };
        }),
    },
  ),
  mutant("exposes-any-amount", "writes at local are taken however much is held by nobody else", "exposure", {
    exposesTooMuch: () => false,
  }),
  mutant("forgets-the-cut", "what a failover cuts off is not kept", "losses", { keepsCut: () => false }),
  mutant("records-twice", "what is handed over again is logged again", "losses", { recordsCut: () => true }),
  mutant(
    "offers-what-happened",
    "a lost write whose request came again is offered all the same",
    ASKED_AGAIN,
    {
      knowsRetries: () => false,
    },
  ),
  mutant("settles-nothing", "a lost write stays open whatever its user decided", "losses", {
    settles: () => false,
  }),
  mutant("replays-what-came-of-it", "a lost add is run again as a put of its sum", "losses", {
    runsAgain: (op) => {
      const again = RULES.runsAgain(op);
      return again === "add" ? "put" : again;
    },
  }),
  mutant("applies-erase-uncommitted", "an erasure is applied before a majority holds it", "farewells", {
    mayErase: () => true,
  }),
  mutant("erases-too-little", "the logs keep what an erased user wrote", "farewells", {
    redacts: () => false,
  }),
  mutant(
    "forgets-imports",
    "an item that is written again is no longer known as what it was imported as: an import again undoes the write",
    "farewells",
    { carriesMarks: () => false },
  ),
];

export function mutantNames(): string[] {
  return MUTANTS.map(({ name }) => name);
}

export function mutantNamed(name: string): Mutant {
  const found = MUTANTS.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no mutant ${name}; there are ${mutantNames().join(", ")}`);
  return found;
}
