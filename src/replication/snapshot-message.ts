/** What is said while one replica copies the state of another, page by page. */
import type { EpochTable } from "./log-message.ts";
import type { Epoch, Position, RegionIndex } from "./position.ts";
import type { ErasureRow, IdempotencyRow, ItemRow, LostRow, OwnerRow } from "./state-row.ts";

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
