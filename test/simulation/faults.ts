/**
 * How unkind a simulation is: every probability and range in one place, so that a schedule is a value and not code.
 *
 * Probabilities are per occasion (per message, per turn of a replica, per second, as each field says); durations are real
 * milliseconds as [low, high].
 */
import type { ClockFaults } from "./clock.ts";

export type Range = readonly [low: number, high: number];

export interface NetworkFaults {
  /** One-way delay between two different regions, drawn once for each pair, and its jitter for each message. */
  readonly delayMs: Range;
  readonly jitterMs: number;
  /** Per message: delayed much longer than usual. */
  readonly slow: number;
  readonly slowMs: Range;
  /** Per message and direction. */
  readonly loss: number;
  /** Per request: the receiver sees it twice. */
  readonly duplicate: number;
  /** Per second: a cut begins. */
  readonly cutsPerSecond: number;
  readonly cutMs: Range;
  /** Per cut: only one direction. */
  readonly oneWay: number;
  /** Per message between replicas (not from the edge): lost. 1 leaves replication to the queues and to pulls. */
  readonly appendLoss: number;
}

export interface QueueFaults {
  readonly delayMs: Range;
  /** Per message: lost for good (dead-lettered, expired). */
  readonly loss: number;
  readonly duplicate: number;
  /** Per message: late by hours. */
  readonly late: number;
  readonly lateMs: Range;
  /** Per send: fails, perhaps after having stored the messages. */
  readonly sendFailure: number;
  /** Per message: arrives as bytes that no longer decode. */
  readonly corrupt: number;
}

export interface CrashFaults {
  /** Per turn: crash before the commit, which undoes the turn. */
  readonly beforeCommit: number;
  /** Per turn: crash at a boundary between two effects (or after the last). */
  readonly betweenEffects: number;
  /** Factor on `betweenEffects` in turns that wrote a promise or an OPEN: where bugs were found before. */
  readonly delicate: number;
  /** Per occasion that is aimed at (an OPEN, each step of a move): a side that has a part in it dies in that moment. */
  readonly aimed: number;
  /** Per second and object: crash or eviction while idle. */
  readonly idlePerSecond: number;
  readonly downMs: Range;
  /** Per instance that is replaced at once: it goes on for a while and does not know it (zombie.ts). */
  readonly lingers: number;
  /** Per crash: stays down for long. */
  readonly long: number;
  readonly longMs: Range;
  /** How long a `sync` takes. */
  readonly syncMs: Range;
  /** Per sync: stalls. */
  readonly syncStall: number;
  readonly syncStallMs: Range;
}

export interface TakeoverFaults {
  /** Per second: somebody takes over a log, as another region would (usurper.ts). */
  readonly perSecond: number;
  /** Entries that it writes under its epoch. */
  readonly entriesMax: number;
  /** It hears only a majority of promises, although more may answer. */
  readonly bareMajority: number;
  /** It stops part of the way. */
  readonly abandon: number;
}

export interface HandOffFaults {
  /** Per second: an administrator has some log handed to some region. */
  readonly perSecond: number;
}

export interface ReceiverFaults {
  readonly delayMs: Range;
  /** Per attempt: refused, not taken. */
  readonly refusal: number;
  /** Per attempt: taken, and the answer is lost. */
  readonly silent: number;
  /** Per attempt: arrives so late that the sender has given up. */
  readonly late: number;
  readonly lateMs: Range;
  /** Per attempt: the receiver goes down for so long. */
  readonly outage: number;
  readonly outageMs: Range;
  /** Per attempt: it wants no more, until somebody resumes the sink. */
  readonly gone: number;
  /** Per second: an administrator resumes or replays some sink. */
  readonly controlsPerSecond: number;
}

export interface Faults {
  readonly network: NetworkFaults;
  readonly queue: QueueFaults;
  readonly crash: CrashFaults;
  readonly clock: ClockFaults;
  /** Per second and region. */
  readonly clockJumpsPerSecond: number;
  readonly takeover: TakeoverFaults;
  readonly handOff: HandOffFaults;
  readonly receiver: ReceiverFaults;
}

/** Nothing goes wrong, and things still take time. */
export const CALM: Faults = {
  network: {
    delayMs: [15, 90],
    jitterMs: 5,
    slow: 0,
    slowMs: [0, 0],
    loss: 0,
    duplicate: 0,
    cutsPerSecond: 0,
    cutMs: [0, 0],
    oneWay: 0,
    appendLoss: 0,
  },
  queue: {
    delayMs: [20, 400],
    loss: 0,
    duplicate: 0,
    late: 0,
    lateMs: [0, 0],
    sendFailure: 0,
    corrupt: 0,
  },
  crash: {
    beforeCommit: 0,
    betweenEffects: 0,
    delicate: 1,
    aimed: 0,
    idlePerSecond: 0,
    downMs: [0, 0],
    lingers: 0,
    long: 0,
    longMs: [0, 0],
    syncMs: [1, 8],
    syncStall: 0,
    syncStallMs: [0, 0],
  },
  clock: { offsetMsMax: 40, jumpMsMax: 0, drift: 0 },
  clockJumpsPerSecond: 0,
  takeover: { perSecond: 0, entriesMax: 0, bareMajority: 0, abandon: 0 },
  handOff: { perSecond: 0 },
  receiver: {
    delayMs: [5, 60],
    refusal: 0,
    silent: 0,
    late: 0,
    lateMs: [0, 0],
    outage: 0,
    outageMs: [0, 0],
    gone: 0,
    controlsPerSecond: 0,
  },
};
