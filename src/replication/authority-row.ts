/** Who may lead a log, as it is stored: what was promised and granted, and what this replica leads. */
import type { Epoch, RegionIndex, Tail } from "./position.ts";

export interface AcceptorRow {
  readonly o: RegionIndex;
  /** Never decreases (I5). */
  readonly promised: Epoch;
  /** Highest counter this region proposed or saw; never decreases. */
  readonly maxCounter: number;
  readonly leaderE: Epoch;
  readonly leaderInc: number;
}

export interface GrantRow {
  readonly o: RegionIndex;
  readonly grantee: RegionIndex;
  /** Instant by this replica's clock, guard included. */
  readonly until: number;
}

export interface LeadershipRow {
  readonly o: RegionIndex;
  readonly e: Epoch;
  /** Its OPEN is on a majority. */
  readonly opened: boolean;
  readonly ackAfter: number;
  readonly leaseUntil: number;
  /** What is known of the other voters; absent when put: what stands there stays. */
  readonly voters?: readonly VoterRow[];
}

/** A voter as its leader knows it (R8). */
export interface VoterRow extends Tail {
  readonly region: RegionIndex;
  readonly storeId: string;
  readonly inc: number;
}
