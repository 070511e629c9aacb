/** What is said about one log: its entries on their way from its leader, asked for by whoever lacks them, or in a queue. */
import type { RawEntry } from "./entry.ts";
import type { Epoch, RegionIndex, Tail } from "./position.ts";

/** (epoch, seq of its OPEN) for every epoch of a log, ascending: a few dozen bytes that tell any two logs' last common entry. */
export type EpochTable = readonly EpochStart[];

export interface EpochStart {
  readonly e: Epoch;
  readonly start: number;
}

/**
 * What a leader that could acknowledge now says about the end of its log: nothing acknowledged before `echo` was read
 * from the follower's clock is beyond `s`, and no later entry of its epoch has an hlc of `hlc` or less. (What is beyond `s`
 * may yet be cut off, and its clock readings with it.)
 */
export interface Closed {
  readonly s: number;
  readonly hlc: number;
  /** The last reading of the receiver's own clock that the leader had received when it said this; 0 for none. */
  readonly echo: number;
}

/** A voter as another one knows it (R8). */
export interface Acquainted {
  readonly region: RegionIndex;
  /** Empty: nobody that it would count. */
  readonly storeId: string;
  readonly inc: number;
}

/** Leader to follower (R2): entries that follow `prev`. Empty entries are a heartbeat, a lease renewal or news of the commit position. */
export interface Append {
  readonly type: "append";
  readonly o: RegionIndex;
  readonly e: Epoch;
  readonly inc: number;
  readonly prev: Tail;
  readonly entries: readonly RawEntry[];
  /** Chain hash after the last of `entries` (of `prev` when there are none; empty when unknown). */
  readonly chain: Uint8Array;
  readonly commit: number;
  readonly closed?: Closed;
  /** Asks for a lease grant (R5). */
  readonly grant: boolean;
  readonly pv: number;
  /** How far the log's sinks are, where that has changed since the peer was told: a successor goes on from there. */
  readonly sinks: readonly SinkMark[];
  /** The receiver has lost its memory, if this is what it calls its storage (R8). */
  readonly forgotten?: string;
  /**
   * Who the leader is and whom it takes the other voters for, where that has changed since the peer was told: a successor that never
   * led, and so never heard them, notices all the same when one of them has lost its memory (R8).
   */
  readonly voters: readonly Acquainted[];
}

/** Everything of the log through `s` was delivered to the sink, or is none of its business. */
export interface SinkMark {
  readonly name: string;
  /** How often the sink was set to another place by hand: a mark of a later round counts, whatever its `s`. */
  readonly round: number;
  readonly s: number;
}

export interface AppendOk {
  readonly type: "append-ok";
  readonly e: Epoch;
  /** Last seq up to which the follower's log is the leader's. */
  readonly match: number;
  /** A reading of the follower's clock, to be echoed. */
  readonly stamp: number;
  readonly storeId: string;
  readonly inc: number;
  /** Somebody here waits for the commit position of this log: it is worth a message of its own. Absent: nobody. */
  readonly eager?: boolean;
}

export interface AppendStale {
  readonly type: "append-stale";
  readonly promised: Epoch;
  /** A later instance of the leader's object was heard in the same epoch: this one has gone back in time (R8), or was replaced. */
  readonly forgotten?: boolean;
}

/** `prev` is not in the follower's log: its epochs tell where the two part. */
export interface AppendMismatch {
  readonly type: "append-mismatch";
  readonly epochs: EpochTable;
  readonly last: Tail;
  readonly base: Tail;
  /** A reading of the follower's clock. */
  readonly stamp: number;
}

/** Any replica to any other: what follows my tail in this log? */
export interface Pull {
  readonly type: "pull";
  readonly o: RegionIndex;
  readonly last: Tail;
  readonly base: Tail;
  readonly epochs: EpochTable;
  readonly bytesMax: number;
  /** Asks the leader to begin a round when something of its log is not committed. */
  readonly wantCommit: boolean;
}

export interface PullOk {
  readonly type: "pull-ok";
  /** Epoch of the answering replica's last entry: its log is a prefix of that leader's. */
  readonly e: Epoch;
  readonly prev: Tail;
  readonly entries: readonly RawEntry[];
  readonly chain: Uint8Array;
  readonly commit: number;
  /** Tail of the answering replica's log: more is to be had while it is beyond the entries. */
  readonly last: Tail;
}

/** The answering replica no longer has what follows. */
export interface NeedSnapshot {
  readonly type: "need-snapshot";
  readonly base: Tail;
}

/** Follower to leader: how far does your log reach now? Answered only by a leader that may acknowledge. */
export interface CloseNow {
  readonly type: "close-now";
  readonly o: RegionIndex;
}

export interface CloseReply {
  readonly type: "close-reply";
  readonly e: Epoch;
  readonly last: Tail;
  readonly commit: number;
  readonly hlc: number;
}

export interface NotLeader {
  readonly type: "not-leader";
  readonly leader: RegionIndex;
  readonly promised: Epoch;
}

/** Follower to leader after a queue batch: how far its log is the leader's. */
export interface Progress {
  readonly type: "progress";
  readonly o: RegionIndex;
  readonly e: Epoch;
  readonly match: number;
  readonly storeId: string;
  readonly inc: number;
}

export interface ProgressOk {
  readonly type: "progress-ok";
}

/** Queue message: entries, or a doorbell when there are none (`last` is further than the receiver). */
export interface Batch {
  readonly type: "batch";
  readonly o: RegionIndex;
  readonly e: Epoch;
  readonly inc: number;
  readonly prev: Tail;
  readonly entries: readonly RawEntry[];
  readonly chain: Uint8Array;
  readonly last: Tail;
  readonly commit: number;
  readonly pv: number;
}

/** accepted, duplicate, stale, buffered: acknowledge. dropped: the buffer was full; acknowledge too, a pull is under way. */
export type BatchVerdict = "accepted" | "duplicate" | "stale" | "buffered" | "dropped" | "poison";
