/** What a write is to do: to an item, to several of one user, with the lines of an import, about a lost write. */
import type { Position } from "./position.ts";

/** Code that does not know the kind of a command refuses it as `not-ready`. */
export type Command = ItemCommand | Transaction | Import | Settlement;

/**
 * Of a lost write, under the place that it had: its ops are run again, on what is there now, all or nothing; or it is given up.
 * Repeated it is answered like the first time.
 */
export interface Settlement {
  readonly kind: "settle";
  readonly lost: Position;
  readonly action: "replay" | "discard";
}

/** What becomes of one item. */
export type ItemCommand =
  | {
      readonly kind: "put";
      readonly key: string;
      readonly value: Uint8Array;
      readonly contentType: string;
      readonly expiresInS?: number;
    }
  | { readonly kind: "delete"; readonly key: string }
  /** A JSON merge patch (RFC 7396), as bytes of its text. */
  | { readonly kind: "merge"; readonly key: string; readonly patch: Uint8Array }
  /** To a counter; a decimal integer of 64 bits, signed. */
  | { readonly kind: "add"; readonly key: string; readonly by: string };

/** All of it or nothing, in one entry. No two checks and no two writes name the same key. */
export interface Transaction {
  readonly kind: "transaction";
  readonly checks: readonly ItemVersion[];
  readonly writes: readonly ItemCommand[];
}

/** `version`: null where there is no item. */
export interface ItemVersion {
  readonly key: string;
  readonly version: Position | null;
}

/** Lines of an export, each key once; each is decided for itself, and what is written is one entry. */
export interface Import {
  readonly kind: "import";
  readonly items: readonly ImportItem[];
}

/** A line of an export. */
export interface ImportItem {
  readonly key: string;
  /** As the export has it, or empty: opaque. */
  readonly version: string;
  /** The same, where it is a version of this deployment. */
  readonly stands?: Position;
  readonly contentType: string;
  readonly value: Uint8Array;
  /** Instant in ms since 1970; 0 for never. */
  readonly expiresAt: number;
}

/** `unchanged`: imported before, or there under the very version. `expired`: over by the leader's clock; not written. */
export type ImportResult = "imported" | "unchanged" | "expired";

/** Entity tags as versions ("origin.epoch.seq" parsed; a tag of ours that names no version of ours matches nothing), or any. */
export interface Conditions {
  readonly ifMatch?: "any" | readonly Position[];
  readonly ifNoneMatch?: "any" | readonly Position[];
}
