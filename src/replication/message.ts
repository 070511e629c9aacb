/**
 * What replicas say to each other. Every message is a request with one answer, carried by a call, except a
 * batch, which a queue carries: it may come late, twice, out of order or never, and it grants nothing.
 */
import type { ItemBefore, LostState, RawEntry } from "./entry.ts";
import type { Epoch, Position, RegionIndex, Tail } from "./position.ts";

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

/** Any replica to a log's leader: are you there? Any answer at all says yes, overload too. */
export interface Probe {
  readonly type: "probe";
  readonly o: RegionIndex;
}
export interface ProbeOk {
  readonly type: "probe-ok";
  /** Who leads the log as far as the answering replica knows, and the greatest epoch that it knows of. */
  readonly leader: RegionIndex;
  readonly e: Epoch;
  /** It is there and cannot lead: it takes a snapshot over, or has lost its memory. */
  readonly restoring: boolean;
}

/** Would you promise `b`, because the leader of epoch `e` is lost? The voter looks for itself; it changes nothing there. */
export interface PreVote {
  readonly type: "pre-vote";
  readonly o: RegionIndex;
  readonly b: Epoch;
  readonly last: Tail;
  readonly e: Epoch;
}
export interface PreVoteReply {
  readonly type: "pre-vote-reply";
  /** The leader answered the voter's own probe. */
  readonly reachable: boolean;
  /** What is left of the longest grant to anybody but the candidate. */
  readonly leaseRemainingMs: number;
  readonly willing: boolean;
  readonly promised: Epoch;
  /** The greatest epoch that the voter knows of: the candidate may have missed a takeover. */
  readonly e: Epoch;
  /** What is left of the pause after the last takeover. */
  readonly coolingMs: number;
}

/** R1. */
export interface Prepare {
  /** As in an append. */
  readonly forgotten?: string;
  readonly type: "prepare";
  readonly o: RegionIndex;
  readonly b: Epoch;
  /** The log is handed over. */
  readonly transfer: boolean;
  /** The epoch that its leader gave up for this ballot: what was granted under it binds nobody any more. Absent: none was. */
  readonly gaveUp?: Epoch;
  /** Identity of the candidate's storage (R8). Absent: of before this was said. */
  readonly storeId?: string;
}
export interface Promise_ {
  readonly type: "promise";
  readonly b: Epoch;
  readonly last: Tail;
  readonly base: Tail;
  readonly epochs: EpochTable;
  readonly commit: number;
  /** What is left of the longest grant to anybody but the candidate. */
  readonly leaseRemainingMs: number;
  readonly hlc: number;
  readonly storeId: string;
  readonly inc: number;
}
export interface Nack {
  readonly type: "nack";
  readonly promised: Epoch;
  /** The candidate has lost its memory: this voter knew another storage of that region (R8). Absent: not that it knew. */
  readonly forgotten?: boolean;
}

/**
 * Leader of epoch `e` (0: never opened) to who is to lead next. Without a promise: could you? With it: I lead no more and have
 * promised this ballot of yours; go on with the log as my promise shows it.
 */
export interface Transfer {
  readonly type: "transfer";
  readonly o: RegionIndex;
  readonly e: Epoch;
  readonly promise?: Promise_;
}
export interface TransferReply {
  readonly type: "transfer-reply";
  /** It could lead; after a promise: it leads, and may acknowledge. */
  readonly ready: boolean;
  /** Greatest counter that it knows of for this log. */
  readonly counter: number;
  /** Its OPEN, once it leads; before that nothing. */
  readonly open: Tail;
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

/** To the leader of a log: entries that were cut off it here. It logs those that are lost, once each. */
export interface Cuts {
  readonly type: "cuts";
  readonly o: RegionIndex;
  readonly cuts: readonly Cut[];
}
export interface Cut {
  /** The entry, verbatim. */
  readonly entry: Uint8Array;
  /** ms since 1970. */
  readonly cutAt: number;
  /** What its items were before it, where it was applied. */
  readonly before: readonly ItemBefore[];
}
/** All of them are in the log now, or need not be. */
export interface CutsTaken {
  readonly type: "cuts-taken";
}

/** From a voter that has lost its memory and would be taken in again (R8). */
export interface Return {
  readonly type: "return";
  /** What it will call its storage from then on. */
  readonly storeId: string;
}
/** What a voter that has forgotten must have promised and have, before it may vote again. Of every log. */
export interface Vouched {
  readonly type: "vouched";
  readonly logs: readonly Vouch[];
}
export interface Vouch {
  readonly o: RegionIndex;
  readonly promised: Epoch;
  readonly last: Tail;
}

/** Begins, or continues after a restart of either side, a snapshot of everything that the answering replica holds. */
export interface SnapshotBegin {
  readonly type: "snapshot-begin";
  readonly id: string;
}
export interface SnapshotBegun {
  readonly type: "snapshot-begun";
  readonly id: string;
  /** Where every log's replay begins: committed at the source, and its log is kept from here. */
  readonly from: readonly SnapshotBase[];
}
export interface SnapshotBase {
  readonly o: RegionIndex;
  readonly e: Epoch;
  readonly s: number;
  readonly chain: Uint8Array;
  readonly hlc: number;
  readonly epochs: EpochTable;
}
export interface SnapshotChunk {
  readonly type: "snapshot-chunk";
  readonly id: string;
  /** Opaque to the receiver; empty at the start. */
  readonly cursor: Uint8Array;
  readonly bytesMax: number;
}
export interface SnapshotRows {
  readonly type: "snapshot-rows";
  readonly rows: readonly SnapshotRow[];
  /** Empty when this was the last chunk. */
  readonly cursor: Uint8Array;
  /** The source's applied positions when this chunk was read: the image is whole once these are applied. */
  readonly until: readonly Position[];
}
export interface SnapshotUnknown {
  readonly type: "snapshot-unknown";
}
export type SnapshotRow =
  | { readonly kind: "item"; readonly item: ItemRow }
  | { readonly kind: "owner"; readonly owner: OwnerRow }
  | { readonly kind: "idempotency"; readonly row: IdempotencyRow }
  | { readonly kind: "erasure"; readonly erasure: ErasureRow }
  | { readonly kind: "lost"; readonly lost: LostRow };

/** An item as a replica stores it: the image, and the entry that wrote it. */
export interface ItemRow {
  readonly user: string;
  readonly key: string;
  readonly o: RegionIndex;
  readonly e: Epoch;
  readonly s: number;
  readonly hlc: number;
  /** Version of the user's ownership under which it was written; a later owner wins over any position. */
  readonly ownerVersion: number;
  readonly tombstone: boolean;
  readonly expiresAt: number;
  readonly contentType: string;
  /** Encoded positions in other partitions, or empty. */
  readonly xdeps: Uint8Array;
  readonly value: Uint8Array;
  /** Of an item that was imported, also when it is a tombstone by now: digests of what was imported, the latest last. */
  readonly mark?: Uint8Array;
}

export interface OwnerRow {
  readonly user: string;
  readonly home: RegionIndex;
  readonly version: number;
  /** The entry that decided it. */
  readonly o: RegionIndex;
  readonly e: Epoch;
  readonly s: number;
  /** The user is on the way to another log, and nothing of theirs is written to this one. */
  readonly moving?: Moving;
  /** Where the user was at home before, the oldest first; the last so many of them. */
  readonly past: readonly PastHome[];
}

/** By the HANDOFF_OUT at (o, e, s). */
export interface Moving extends Position {
  readonly to: RegionIndex;
  readonly version: number;
  /** The HANDOFF_REFUSE: the user stays. */
  readonly refused?: Position;
}

export interface PastHome {
  readonly home: RegionIndex;
  readonly version: number;
  /** The HANDOFF_IN with which it began in the home's log; zeros where a CLAIM decided it. */
  readonly sinceE: Epoch;
  readonly sinceS: number;
  /** The HANDOFF_OUT with which it ended. */
  readonly endE: Epoch;
  readonly endS: number;
}

export interface IdempotencyRow {
  readonly user: string;
  /** Digest of principal and key. */
  readonly k: Uint8Array;
  readonly fingerprint: Uint8Array;
  readonly o: RegionIndex;
  readonly e: Epoch;
  readonly s: number;
  readonly status: number;
  readonly hlc: number;
}

/** A user who was erased, by the entry that did it. Kept for as long as an old replica may come back with their entries. */
export interface ErasureRow extends Position {
  readonly id: Uint8Array;
  /** Of the id and the user. */
  readonly digest: Uint8Array;
  readonly hlc: number;
}

/** A write that a failover cut off, at its place in the history that is no more, and what became of it. */
export interface LostRow extends Position {
  readonly user: string;
  readonly hlc: number;
  /** The entry that recorded it, in the same log. */
  readonly recorded: Tail;
  readonly state: LostState;
  /** Of one that is replayed, discarded or folded: by which entry, into which other lost write. */
  readonly by?: Position;
  /** Digest of the request that it came of; empty where that had no idempotency key. */
  readonly identity: Uint8Array;
  /** Bytes of the recording entry. */
  readonly record: Uint8Array;
}

export type PeerRequest =
  | Append
  | Pull
  | Probe
  | PreVote
  | Prepare
  | Transfer
  | CloseNow
  | Progress
  | Cuts
  | Return
  | SnapshotBegin
  | SnapshotChunk;
export type PeerReply =
  | AppendOk
  | AppendStale
  | AppendMismatch
  | PullOk
  | NeedSnapshot
  | ProbeOk
  | PreVoteReply
  | Promise_
  | Nack
  | TransferReply
  | CloseReply
  | NotLeader
  | ProgressOk
  | CutsTaken
  | Vouched
  | SnapshotBegun
  | SnapshotRows
  | SnapshotUnknown
  | Unsupported;

/** The receiver does not know the message: a newer sender falls back, or waits for the upgrade to end. */
export interface Unsupported {
  readonly type: "unsupported";
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
