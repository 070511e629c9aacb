/**
 * A log entry: what one decision of a leader did, in a form that every replica can apply without deciding again.
 *
 * Ops carry after-images, so applying cannot fail for a reason of business and can be repeated; a command is kept
 * beside the after-image where the operation itself has to be run again later (a divergent add has to add). An entry is
 * encoded once, by the leader that wrote it; those bytes are stored, hashed and sent as they are.
 */
import type { CrossPosition, Epoch, Position, RegionIndex, Tail } from "./position.ts";

/** Numbers are the wire's, never reused. Kinds without a writer yet are reserved. */
export const EntryKind = {
  open: 1,
  txn: 2,
  claim: 3,
  handoffOut: 4,
  handoffIn: 5,
  handoffRefuse: 6,
  handoffAbort: 7,
  config: 8,
  activate: 9,
  checkpoint: 10,
  divergent: 11,
  erase: 12,
  slots: 13,
  retire: 14,
  redacted: 15,
} as const;

export const OpKind = { put: 1, delete: 2, merge: 3, add: 4, expire: 5 } as const;

/** The version of entries that this code writes and the newest that it understands. */
export const PROTOCOL_VERSION = 1;

export type Concern = "local" | "one" | "majority" | "all";
export const CONCERNS: readonly Concern[] = ["local", "one", "majority", "all"];

export interface Entry {
  readonly pv: number;
  /** A value of EntryKind, or one that this code does not know: then the log is parked at this entry. */
  readonly kind: number;
  readonly o: RegionIndex;
  readonly e: Epoch;
  readonly s: number;
  /** Incarnation of the leader that wrote it. */
  readonly inc: number;
  readonly hlc: number;
  /** Empty for entries that belong to no user (open). */
  readonly user: string;
  readonly principal: string;
  readonly concern: Concern;
  readonly idempotency?: IdempotencyMark;
  /** Positions of other logs of this partition that must be applied first. */
  readonly deps: readonly Position[];
  /** Positions in other partitions that the writer had seen; enforced by readers. */
  readonly xdeps: readonly CrossPosition[];
  readonly ops: readonly Op[];
  /** HTTP status the operation earned (200, 201): an idempotent replay repeats it. */
  readonly status: number;
  readonly claim?: ClaimMark;
  readonly open?: OpenMark;
  readonly erase?: EraseMark;
  readonly divergent?: DivergentMark;
  readonly resolve?: ResolveMark;
  readonly handoff?: HandoffMark;
}

export interface IdempotencyMark {
  readonly key: string;
  /** Digest of method, path, conditions and body. */
  readonly fingerprint: Uint8Array;
  /** Keys added by the edge live shorter and cost no row. */
  readonly by: "client" | "edge";
}

export interface Op {
  /** A value of OpKind, or one that this code does not know: parks the log. */
  readonly kind: number;
  readonly key: string;
  /** Absent for delete and expire. */
  readonly after?: ItemImage;
  /**
   * The patch of a merge, the decimal text of an add. Absent of a merge whose patch does not fit into one row beside
   * its after-image: run again, it puts that.
   */
  readonly command?: Uint8Array;
}

export interface ItemImage {
  readonly contentType: string;
  readonly value: Uint8Array;
  /** Instant in ms since 1970; 0 for never. */
  readonly expiresAt: number;
  /** Of an item that was imported, from then on: digests of what was imported, the latest last. The leader carries them over. */
  readonly mark?: Uint8Array;
}

/** The home of a user, decided once by the log of the partition's anchor. */
export interface ClaimMark {
  readonly home: RegionIndex;
  readonly version: number;
}

export interface OpenMark {
  readonly leader: RegionIndex;
  readonly configVersion: number;
  /**
   * The epoch whose leader handed the log over for this one, so that this is no takeover; 0: the log was never opened before. Absent:
   * nobody did.
   */
  readonly gaveUp?: Epoch;
}

/** A step of a user's way from one log to another (move.ts). */
export interface HandoffMark {
  /** Origins of the logs. */
  readonly from: RegionIndex;
  readonly to: RegionIndex;
  /** The version of the home if the move comes about. */
  readonly version: number;
  /** The HANDOFF_OUT that it answers; absent in that entry itself. */
  readonly out?: Position;
}

/** Whose data goes: known by a digest of the id and the user, so that the entry itself names nobody. */
export interface EraseMark {
  /** Random. */
  readonly id: Uint8Array;
  readonly digest: Uint8Array;
}

/** A write that a failover cut off its log, kept for its user: the entry that says so stands in the same log. */
export interface DivergentMark extends Tail {
  /** The lost entry, verbatim. */
  readonly entry: Uint8Array;
  /** The epoch whose OPEN took its place. */
  readonly supersededBy: Epoch;
  /** Who cut it off, and when by its clock, ms since 1970. */
  readonly cutIn: RegionIndex;
  readonly cutAt: number;
  /** What its items were before it, where it was applied. One that is missing is not known. */
  readonly before: readonly ItemBefore[];
  readonly state: LostState;
  /** `replayed`: by this entry. `folded`: into this lost write. */
  readonly by?: Position;
}

/**
 * What becomes of a lost write. `replayed`: it took effect again, because its user had it run or because the same request came
 * again; `folded`: it is no write of its own but an attempt at another lost one, which stands for it.
 */
export type LostState = "open" | "replayed" | "discarded" | "folded";

export interface ItemBefore {
  readonly key: string;
  /** Both absent: there was none. */
  readonly item?: ItemImage;
  readonly version?: Position;
}

/** The entry settles this lost write, whatever else it does. */
export interface ResolveMark extends Position {
  readonly how: "replayed" | "discarded";
}

/** An entry as it travels and is stored: its place, and its bytes verbatim. */
export interface RawEntry {
  readonly e: Epoch;
  readonly s: number;
  readonly bytes: Uint8Array;
  /** Chain hash after it. Of redacted entries only: it was computed from the bytes that are gone. */
  readonly chain?: Uint8Array;
}

/** How the core turns entries into bytes and back. The wire supplies it. */
export interface EntryCodec {
  encode(entry: Entry): Uint8Array;
  /** Throws when the bytes are no entry. */
  decode(bytes: Uint8Array): Entry;
}
