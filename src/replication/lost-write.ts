/**
 * Lost writes: what a failover cut off a log that somebody had been told of, and what may be said of it.
 *
 * A lost write is recorded by an entry of its own log, once, under the place that it had; the place is its name. What stands
 * for itself is listed for its user; an attempt at another lost write is folded into that one, so that no request is
 * offered twice.
 */
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import type { Context, Hash } from "./context.ts";
import { EntryKind, OpKind, type DivergentMark, type Entry, type ItemBefore } from "./entry.ts";
import { live } from "./items-seen.ts";
import { wallOf } from "./hlc.ts";
import { understood } from "./newer-code.ts";
import type { Position } from "./position.ts";
import type { LostRow } from "./state-row.ts";
import type { UndoImage } from "./storage.ts";

const NO_BYTES = new Uint8Array(0);

/**
 * Is it something that a user did and was told of? An OPEN is not, nor what a leader reclaims by itself. A claim and an erasure
 * are told of once a majority has them, so that one which was cut off was never told of: whoever asked asks again. What recorded a lost
 * write is not either: whoever holds that write records it anew. A transaction of checks alone changed nothing.
 */
export function isUsersWrite({ kind, ops, resolve }: Entry): boolean {
  if (kind !== EntryKind.txn) return false;
  return resolve !== undefined || ops.some((op) => op.kind !== OpKind.expire);
}

/** The row key of an idempotency key: scope is caller, user and key; the user stands beside it. */
export function idempotencyDigest(hash: Hash, principal: string, key: string): Uint8Array {
  return hash(new BinaryWriter().string(principal).string(key).finish());
}

/** The same for every attempt at one request, and for no other; empty where attempts cannot be told. */
export function identityOf(hash: Hash, principal: string, mark: Entry["idempotency"]): Uint8Array {
  if (mark === undefined) return NO_BYTES;
  const writer = new BinaryWriter().string(principal).string(mark.key).string(mark.by);
  return hash(writer.bytes(mark.fingerprint).finish());
}

/** What the items were before the entry, as they counted then. Empty where it was not applied. */
export function itemsBefore(entry: Entry, undo: UndoImage | null): ItemBefore[] {
  const at = wallOf(entry.hlc);
  return (undo?.items ?? []).map(({ key, before }) => {
    const item = before === null ? null : live({ ...before, size: before.value.length }, at);
    if (item === null) return { key };
    const { contentType, value, expiresAt, o, e, s } = item;
    return { key, item: { contentType, value, expiresAt }, version: { o, e, s } };
  });
}

/** What recorded a lost write, as it was applied. */
export function recordOf({ codec }: Context, row: LostRow): DivergentMark {
  const mark = codec.decode(row.record).divergent;
  if (mark === undefined) throw new Error(`what recorded ${row.e}.${row.s} of log ${row.o} does not say it`);
  return mark;
}

/** The lost entry, out of what recorded it; null: only newer code understands it. */
export function lostEntry(context: Context, row: LostRow): Entry | null {
  return understood(context.codec, recordOf(context, row).entry);
}

/** Where it is recorded. */
export function recordedAt({ o, recorded }: LostRow): Position {
  return { o, e: recorded.e, s: recorded.s };
}
