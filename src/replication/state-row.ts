/**
 * What the entries of all logs have made together, as a replica stores it and a snapshot carries it: items, homes, idempotency
 * keys, erasures and lost writes. Each row names the entry that it comes of.
 */
import type { LostState } from "./entry.ts";
import type { Epoch, Position, RegionIndex, Tail } from "./position.ts";

/** An item as a replica stores it: the image, and the entry that wrote it. */
export interface ItemRow {
  readonly user: string;
  readonly key: string;
  readonly o: RegionIndex;
  readonly e: Epoch;
  readonly s: number;
  readonly hlc: number;
  /** Version of the user's ownership under which it was written; a later owner wins over any position. */
  readonly ownerVersion: number;
  readonly tombstone: boolean;
  readonly expiresAt: number;
  readonly contentType: string;
  /** Encoded positions in other partitions, or empty. */
  readonly xdeps: Uint8Array;
  readonly value: Uint8Array;
  /** Of an item that was imported, also when it is a tombstone by now: digests of what was imported, the latest last. */
  readonly mark?: Uint8Array;
}

export interface OwnerRow {
  readonly user: string;
  readonly home: RegionIndex;
  readonly version: number;
  /** The entry that decided it. */
  readonly o: RegionIndex;
  readonly e: Epoch;
  readonly s: number;
  /** The user is on the way to another log, and nothing of theirs is written to this one. */
  readonly moving?: Moving;
  /** Where the user was at home before, the oldest first; the last so many of them. */
  readonly past: readonly PastHome[];
}

/** By the HANDOFF_OUT at (o, e, s). */
export interface Moving extends Position {
  readonly to: RegionIndex;
  readonly version: number;
  /** The HANDOFF_REFUSE: the user stays. */
  readonly refused?: Position;
}

export interface PastHome {
  readonly home: RegionIndex;
  readonly version: number;
  /** The HANDOFF_IN with which it began in the home's log; zeros where a CLAIM decided it. */
  readonly sinceE: Epoch;
  readonly sinceS: number;
  /** The HANDOFF_OUT with which it ended. */
  readonly endE: Epoch;
  readonly endS: number;
}

export interface IdempotencyRow {
  readonly user: string;
  /** Digest of principal and key. */
  readonly k: Uint8Array;
  readonly fingerprint: Uint8Array;
  readonly o: RegionIndex;
  readonly e: Epoch;
  readonly s: number;
  readonly status: number;
  readonly hlc: number;
}

/** A user who was erased, by the entry that did it. Kept for as long as an old replica may come back with their entries. */
export interface ErasureRow extends Position {
  readonly id: Uint8Array;
  /** Of the id and the user. */
  readonly digest: Uint8Array;
  readonly hlc: number;
}

/** A write that a failover cut off, at its place in the history that is no more, and what became of it. */
export interface LostRow extends Position {
  readonly user: string;
  readonly hlc: number;
  /** The entry that recorded it, in the same log. */
  readonly recorded: Tail;
  readonly state: LostState;
  /** Of one that is replayed, discarded or folded: by which entry, into which other lost write. */
  readonly by?: Position;
  /** Digest of the request that it came of; empty where that had no idempotency key. */
  readonly identity: Uint8Array;
  /** Bytes of the recording entry. */
  readonly record: Uint8Array;
}
