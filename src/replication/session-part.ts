/** What a request brings along of its session, and an answer gives to it. */
import type { CrossPosition, Position } from "./position.ts";

/** What a session token says about one partition, plus what it says about others, which a write records. */
export interface SessionPart {
  /** Positions in this partition that the answer has to cover. */
  readonly positions: readonly SessionPosition[];
  /** Positions in other partitions (for xdeps of a write). */
  readonly others: readonly CrossPosition[];
  /** Latest expiry instant that the session has seen pass, ms since 1970; 0 for none. */
  readonly seenAt: number;
}

/** `durable`: it was committed when it was shown, so that it can never be lost. */
export interface SessionPosition extends Position {
  readonly durable: boolean;
}

/** A position that a failover lost. */
export interface LostPosition extends Position {
  /** First seq of its epoch that was cut off, which the session may have seen too; absent: its own. */
  readonly from?: number;
  /** Last seq of its epoch that was not cut off, which the session may have seen too; absent: none. */
  readonly rest?: number;
}
