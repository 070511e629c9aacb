/** A log as it is stored: its entries with what is kept to undo them, its epochs, the end of what was compacted, and what was cut off it. */
import type { RawEntry } from "./entry.ts";
import type { Epoch, Position, RegionIndex, Tail } from "./position.ts";
import type { IdempotencyRow, ItemRow, OwnerRow } from "./state-row.ts";

/** End of the part of a log that is no longer kept. */
export interface BaseRow {
  readonly o: RegionIndex;
  readonly e: Epoch;
  readonly s: number;
  readonly chain: Uint8Array;
  readonly hlc: number;
  /** Latest deletion of which no tombstone is left: an answer that finds nothing may stand on it. */
  readonly reclaimed: Tail;
}

export interface LogRow extends RawEntry {
  readonly o: RegionIndex;
  readonly hlc: number;
  /** Commit position known when the row was written: what a restart begins with. */
  readonly commit: number;
  readonly applied: boolean;
  /** Whose entry it is; empty: nobody's. null: not known, because an older version stored it or it does not decode here. */
  readonly user: string | null;
  readonly chain: Uint8Array;
  readonly undo: UndoImage | null;
  /** Its chain hash was computed from bytes that are gone. */
  readonly redacted?: boolean;
}

/** An entry that may be a user's. */
export interface UserEntry extends Tail {
  readonly entryBytes: number;
}

/** What was there before an entry, in the order of its ops. */
export interface UndoImage {
  readonly items: readonly { readonly user: string; readonly key: string; readonly before: ItemRow | null }[];
  readonly owner: { readonly user: string; readonly before: OwnerRow | null } | null;
  readonly idempotency: {
    readonly user: string;
    readonly k: Uint8Array;
    readonly before: IdempotencyRow | null;
  } | null;
  /** What it did to a lost write: it recorded it, or settled it. Absent: nothing. */
  readonly lost?: Position & { readonly user: string; readonly did: "record" | "settle" };
}

export interface LogHead {
  readonly e: Epoch;
  readonly s: number;
  readonly hlc: number;
  readonly commit: number;
  readonly chain: Uint8Array;
}

export interface EpochRow {
  readonly o: RegionIndex;
  readonly e: Epoch;
  readonly start: number;
}

/** Where an entry stood that was cut off here. */
export interface CutPlace extends Position {
  /** Whose it is; null: it does not decode here, or an older version kept it and did not say. */
  readonly user: string | null;
  readonly foundAt: number;
}

export interface DivergentRow extends CutPlace {
  readonly applied: boolean;
  readonly entry: Uint8Array;
  readonly undo: UndoImage | null;
}
