/** What a replica is told at its start. Everything that varies between deployments, and nothing that varies in time. */
import type { RegionIndex } from "./position.ts";

export interface ReplicaConfig {
  readonly namespace: string;
  readonly partition: number;
  /** Own region. */
  readonly region: RegionIndex;
  /** All voters, own region included; three or five. */
  readonly voters: readonly RegionIndex[];
  /** The origin in whose log the homes of this partition's users are claimed. Written in configuration, never derived. */
  readonly anchor: RegionIndex;
  readonly timing: Timing;
  readonly limits: Limits;
  readonly sinks: readonly SinkConfig[];
}

/** Where committed changes of this namespace go to beside the regions: see sink.ts. */
export interface SinkConfig {
  /** Permanent: how far it is is remembered by it. */
  readonly name: string;
  /** Changes of keys that begin with it. */
  readonly prefix: string;
  /** Where a name begins that was never seen before: at what is written from now on, or at all that the log still has. */
  readonly from: "now" | "start";
  /** One batch, unless a single entry is larger. */
  readonly batchChangesMax: number;
  readonly batchBytesMax: number;
  /** A larger value is left out of its change. */
  readonly valueBytesMax: number;
  /** An attempt is given up after this long. */
  readonly timeoutMs: number;
  /** A batch that was not taken is tried again after each of these, then the sink is parked. */
  readonly retryMs: readonly number[];
}

export interface Timing {
  /** Length of a lease. 0 turns leases off: then every acknowledgement and strong read takes a majority round. */
  readonly leaseMs: number;
  /** Largest error of a difference of two readings of one clock (the epsilon of the guard, R5). */
  readonly clockBoundMs: number;
  /** Largest drift, as a fraction of the interval. */
  readonly clockDrift: number;
  /** A call to another region is given up after this long. */
  readonly callTimeoutMs: number;
  /** An entry that a region has not acknowledged goes to that region's queue this long after it was written. */
  readonly queueAfterMs: number;
  /** A gap in a log is closed by a pull when reordering did not close it for this long. */
  readonly gapMs: number;
  /** When unsettled destinations are tried again by direct append: delays since the last try, then silence. */
  readonly retryMs: readonly number[];
  /** How long the log is kept for followers and the change feed. */
  readonly retainMs: number;
  readonly idempotencyMs: number;
  readonly edgeIdempotencyMs: number;
  /** How long a snapshot source keeps its log for a receiver that makes no progress. */
  readonly pinMs: number;
  /** A leader that answers no probe for so long is missed. */
  readonly probeMs: number;
  /** A voter is willing once no more than this is left of the lease that it granted: about what the campaign itself takes. */
  readonly leaseGraceMs: number;
  /** After a takeover a log stays with its new leader at least so long, whatever happens to that one; doubled for each earlier one, */
  readonly cooldownMs: number;
  /** at most this, */
  readonly cooldownMsMax: number;
  /** and a takeover is forgotten after so long. */
  readonly cooldownForgetMs: number;
  /** A log that was taken over goes back to its own region when that has answered for so long. 0: never by itself. */
  readonly failbackMs: number;
  /** A user who left a log longer ago than this, by the clock of the leader of the log that they come to, is sent back. */
  readonly moveLateMs: number;
  /** Writes at `local` are refused while the oldest entry without a majority is older than this. 0: no bound. */
  readonly rpoMsMax: number;
}

export interface Limits {
  /** Entries in one append or pull answer, unless a single entry is larger. */
  readonly batchBytesMax: number;
  readonly batchEntriesMax: number;
  /** Out-of-order buffer per log. Over it, entries are dropped: the log still has them. */
  readonly inboxEntriesMax: number;
  readonly inboxBytesMax: number;
  /** A destination further behind than this gets a doorbell in its queue and no entries. */
  readonly inlineEntriesMax: number;
  readonly inlineBytesMax: number;
  /** Target size of one queue message: one billing unit. */
  readonly queueMessageBytes: number;
  /** A single entry larger than a unit may still be inlined up to this. */
  readonly queueEntryBytesMax: number;
  /** Log kept per origin even when no follower has it; beyond it a follower has to take a snapshot. */
  readonly logBytesMax: number;
  /** New entries of a log between two looks at its old end. */
  readonly compactEveryEntries: number;
  /** Log rows dropped in one turn. */
  readonly compactRowsMax: number;
  readonly idempotencyPerUserMax: number;
  /** Of an item; and of all the values together that one transaction leaves. */
  readonly valueBytesMax: number;
  /** Values together that one transaction replaces or deletes: every replica keeps them until the entry is committed. */
  readonly replacedBytesMax: number;
  /** Buffered client requests (bytes of values) before the replica says overloaded. */
  readonly pendingBytesMax: number;
  readonly pendingRequestsMax: number;
}

/** 1 MiB: half of what a row of the storage holds. */
export const VALUE_BYTES_MAX = 1_048_576;

/** Figures with their reasons; configuration overrides some. */
export const DEFAULT_TIMING: Timing = {
  leaseMs: 3_000, // longer than most restarts of an object, short enough to wait out in a failover
  clockBoundMs: 250, // assumed, not promised by the platform
  clockDrift: 1e-3,
  callTimeoutMs: 2_500, // the longest published round trip between two regions is about 340 ms
  queueAfterMs: 400, // longer than the longest round trip: a healthy region has acknowledged directly by then
  gapMs: 250, // reordering in a queue usually closes a gap sooner
  retryMs: [1_000, 5_000, 30_000, 300_000, 3_600_000],
  retainMs: 24 * 3_600_000,
  idempotencyMs: 48 * 3_600_000,
  edgeIdempotencyMs: 600_000,
  pinMs: 900_000,
  probeMs: 1_000, // three of the longest published round trips
  leaseGraceMs: 200,
  cooldownMs: 10_000, // the first one: longer than any restart, short enough to bear when the second region is lost too
  cooldownMsMax: 600_000,
  cooldownForgetMs: 3_600_000,
  failbackMs: 60_000, // six of the shortest pauses after a takeover: a region that comes and goes is not back
  moveLateMs: 4_000, // nobody waits for it any more, as a rule; and who was not reached in time is no good home
  rpoMsMax: 0,
};

export const DEFAULT_LIMITS: Limits = {
  batchBytesMax: 1_000_000, // RPC carries 32 MiB; small batches keep turns short
  batchEntriesMax: 1_000,
  inboxEntriesMax: 1_000,
  inboxBytesMax: 2_000_000,
  inlineEntriesMax: 2_000,
  inlineBytesMax: 8_000_000,
  queueMessageBytes: 64_000, // one billing unit of the queue
  queueEntryBytesMax: 96_000, // the queue's limit is 128,000 B with its own overhead
  logBytesMax: 1_000_000_000, // a tenth of what an object may store
  compactEveryEntries: 256, // a look costs reads; rows are dropped in bulk
  compactRowsMax: 1_000,
  idempotencyPerUserMax: 10_000,
  valueBytesMax: VALUE_BYTES_MAX,
  replacedBytesMax: 8 * VALUE_BYTES_MAX, // pre-images are in memory for a turn, several times over, of 128 MB
  pendingBytesMax: 7_000_000, // with three inboxes and the tails of three logs 16 MB: an isolate has 128, for several objects
  pendingRequestsMax: 2_000,
};

export function majorityOf(config: ReplicaConfig): number {
  return Math.floor(config.voters.length / 2) + 1;
}

/** The guard that a voter adds to a grant: three clocks take part, the leader's, the voter's and the candidate's (R5). */
export function guardMs(timing: Timing): number {
  return 3 * timing.clockBoundMs + Math.ceil(timing.clockDrift * timing.leaseMs);
}
