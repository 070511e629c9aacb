/** Work under way that outlives a restart, as it is stored: what is owed to other regions and to sinks, snapshots, erasures. */
import type { SnapshotBase } from "./message.ts";
import type { Position, RegionIndex } from "./position.ts";
import type { ErasureRow } from "./state-row.ts";

export interface OutboxRow {
  readonly o: RegionIndex;
  readonly dest: RegionIndex;
  /** Index into the retry schedule. */
  readonly stage: number;
  readonly nextAt: number;
}

/** How far one log's changes are with one sink. */
export interface SinkRow {
  readonly o: RegionIndex;
  readonly name: string;
  /** How often it was set to another place by hand. */
  readonly round: number;
  /** Everything through this seq was delivered, or is none of its business. */
  readonly delivered: number;
  /** `lost`: what follows `delivered` is no longer kept. Both wait for somebody to resume them. */
  readonly state: "active" | "parked" | "lost";
  /** End of the batch that failed, so that it is the same batch again; 0 where none did. */
  readonly through: number;
  /** Failures of that batch in a row. */
  readonly attempts: number;
  /** When it is tried again. */
  readonly nextAt: number;
  readonly error: string;
}

export interface PinRow {
  readonly id: string;
  readonly until: number;
  readonly bases: readonly { readonly o: RegionIndex; readonly s: number }[];
}

export interface RestoreRow {
  readonly id: string;
  readonly source: RegionIndex;
  readonly cursor: Uint8Array;
  /** All rows are here; what is left is replay. */
  readonly scanned: boolean;
  readonly bases: readonly SnapshotBase[];
  readonly until: readonly Position[];
}

/** An erasure as a replica works on it. */
export interface ErasureWork extends ErasureRow {
  readonly stage: number;
  /** While redacting: the log that is looked at, and the last seq that was. */
  readonly log: number;
  readonly through: number;
  /** ms since 1970; 0: it is not. */
  readonly doneAt: number;
}
