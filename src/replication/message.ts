/**
 * What replicas say to each other. Every message is a request with one answer, carried by a call, except a
 * batch, which a queue carries: it may come late, twice, out of order or never, and it grants nothing.
 * The messages about a log, its leader and snapshots have their own files; they are all taken from here.
 */
import type {
  Nack,
  PreVote,
  PreVoteReply,
  Prepare,
  Probe,
  ProbeOk,
  Promise_,
  Transfer,
  TransferReply,
} from "./ballot-message.ts";
import type { ItemBefore } from "./entry.ts";
import type {
  Acquainted,
  Append,
  AppendMismatch,
  AppendOk,
  AppendStale,
  CloseNow,
  CloseReply,
  NeedSnapshot,
  NotLeader,
  Progress,
  ProgressOk,
  Pull,
  PullOk,
} from "./log-message.ts";
import type { Epoch, RegionIndex, Tail } from "./position.ts";
import type {
  SnapshotBegin,
  SnapshotBegun,
  SnapshotChunk,
  SnapshotRows,
  SnapshotUnknown,
} from "./snapshot-message.ts";

export type * from "./ballot-message.ts";
export type * from "./log-message.ts";
export type * from "./snapshot-message.ts";

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

/** All of them but those left are in the log now, or need not be. */
export interface CutsTaken {
  readonly type: "cuts-taken";
  /** To be handed over again: the leader has enough to do, or waits for another log. Empty before there was such a thing. */
  readonly left: readonly Tail[];
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
  /** Of the one that vouches. */
  readonly storeId: string;
  readonly inc: number;
  /** For whom it would take the other voters: who has forgotten and does not know it vouches for nobody. */
  readonly others: readonly Acquainted[];
  readonly logs: readonly Vouch[];
}

export interface Vouch {
  readonly o: RegionIndex;
  readonly promised: Epoch;
  readonly last: Tail;
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
