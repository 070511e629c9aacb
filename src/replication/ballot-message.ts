/** What is said about who leads a log: whether its leader is missed, the voters' word for another, and giving it up on purpose. */
import type { EpochTable } from "./log-message.ts";
import type { Epoch, RegionIndex, Tail } from "./position.ts";

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
  /** Identity of the heir's storage, and its incarnation (R8). Absent: older code. */
  readonly storeId?: string;
  readonly inc?: number;
}
