/** What replies are made of: what they say of themselves, and items, receipts, lost writes and places as they show them. */
import type { ChangeKind } from "./change.ts";
import type { Concern, ItemBefore, ItemImage } from "./entry.ts";
import type { CrossPosition, Position, RegionIndex } from "./position.ts";
import type { SessionPosition } from "./session-part.ts";

/** What every answer about data can say of itself. */
export interface Facts {
  readonly servedBy: RegionIndex;
  readonly home: RegionIndex;
  readonly homeVersion: number;
  /** Who leads the home log as far as this replica knows. */
  readonly leader: RegionIndex;
  readonly epoch: number;
  /** Last entry of the home log that this replica had applied; e and s are 0 when none. */
  readonly position: Position;
  /** Upper bound on the age of the answer; null: unknown. 0 from a leader. */
  readonly stalenessMs: number | null;
  /** Positions that the answer showed: they go into the token. */
  readonly shown: readonly SessionPosition[];
  /** Positions in other partitions that what was shown depends on: they go into the token. */
  readonly shownOthers: readonly CrossPosition[];
  /** Latest expiry instant that the answer let pass; 0 for none. */
  readonly seenAt: number;
  readonly waitedMs: number;
  /** What is left of the lease; null where this replica does not lead. */
  readonly leaseLeftMs: number | null;
  /** Why this replica could answer: "leader", "covered", "fresh", "at-hand", "stale", "feed". */
  readonly why: string;
}

export interface ItemView {
  readonly key: string;
  readonly version: Position;
  readonly contentType: string;
  readonly size: number;
  readonly expiresAt: number;
  readonly value?: Uint8Array;
}

/** What became of one read of several. */
export type ReadOutcome =
  | {
      readonly kind: "item";
      readonly item: ItemView | null;
      readonly home: RegionIndex;
      readonly version: number;
    }
  /** The leader of that log has to be asked, once it has the entry that made it the home. */
  | {
      readonly kind: "moved";
      readonly home: RegionIndex;
      readonly version: number;
      readonly claim: Position;
    }
  /** This replica does not know the user. */
  | { readonly kind: "unknown-user" }
  /** Nobody does, for certain. */
  | { readonly kind: "no-user" };

/** How far one replica had applied one log. */
export interface LogReach {
  readonly o: RegionIndex;
  readonly applied: number;
  readonly commit: number;
  /** The latest epochs, ascending: older ones may be left out. */
  readonly epochs: readonly { readonly e: number; readonly start: number }[];
}

/** What an answer about several users can say of itself. */
export interface ManyFacts {
  readonly servedBy: RegionIndex;
  /** The greatest of the logs that it shows; null: unknown for some of them. */
  readonly stalenessMs: number | null;
  readonly shown: readonly SessionPosition[];
  readonly shownOthers: readonly CrossPosition[];
  readonly seenAt: number;
  readonly waitedMs: number;
  readonly leaseLeftMs: number | null;
  readonly why: string;
  /** How far every log of the partition was applied when the answer was worked out. */
  readonly reach: readonly LogReach[];
  /** Logs in which a later state of what it shows could stand. */
  readonly homes: readonly RegionIndex[];
  /** Of the needs, those that a failover lost. */
  readonly lostNeeds: readonly Position[];
}

export interface Receipt {
  readonly user: string;
  readonly key?: string;
  readonly version: Position;
  readonly position: Position;
  readonly leader: RegionIndex;
  readonly concern: Concern;
  readonly durableIn: readonly RegionIndex[];
  readonly committed: boolean;
  /** ms since 1970. */
  readonly at: number;
}

/** A write that a failover cut off. */
export interface LostWriteView {
  /** Where it stood: its name. */
  readonly place: Position;
  /** When it was written, ms since 1970. */
  readonly at: number;
  readonly state: "open" | "replayed" | "discarded";
  /** The entry that did so. */
  readonly by?: Position;
  /** The epoch that took its place; who had it and cut it off, and when by its clock. */
  readonly supersededBy: number;
  readonly cutIn: RegionIndex;
  readonly cutAt: number;
  readonly ops: readonly LostOpView[];
}

export interface LostOpView {
  readonly op: ChangeKind;
  readonly key: string;
  /** What it left; absent of a delete. */
  readonly after?: ItemImage;
  /** The patch of a merge, the decimal text of an add. */
  readonly command?: Uint8Array;
  /** What it found, where it was cut off; null: not known. */
  readonly base: ItemBefore | null;
  /** What is there now. */
  readonly current: ItemView | null;
}

/** What one write of a transaction came to. */
export interface WriteResult {
  readonly version: Position;
  /** Of a merge and an add: the item's new value. Absent in a replay when the log no longer holds the entry. */
  readonly value?: Uint8Array;
}

/** Where a reader of a user's changes stands: it has been told of everything up to here. A committed place, good everywhere. */
export interface FeedPlace extends Position {
  /** Of the user's home: which log it is in. */
  readonly version: number;
}
