/**
 * Lost writes: what a failover cut off a log that somebody had been told of, and what may be said of it.
 *
 * A lost write is recorded by an entry of its own log, once, under the place that it had; the place is its name. What stands
 * for itself is listed for its user; an attempt at another lost write is folded into that one, so that no request is
 * offered twice.
 */
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { sameBytes } from "../lib/bytes.ts";
import type { Context, Hash } from "./context.ts";
import {
  EntryKind,
  OpKind,
  type DivergentMark,
  type Entry,
  type ItemBefore,
  type LostState,
} from "./entry.ts";
import { live } from "./items-seen.ts";
import { wallOf } from "./hlc.ts";
import { understood } from "./newer-code.ts";
import { samePosition, type Position } from "./position.ts";
import type { LostRow } from "./state-row.ts";
import type { UndoImage } from "./storage.ts";

const NO_BYTES = new Uint8Array(0);
/** What a replica looks through for another attempt at a lost write, in entries of its user. */
const LATER_ENTRIES_MAX = 1_000;

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

export interface Fate {
  readonly state: LostState;
  readonly by?: Position;
}

/** What is to be said of an entry when its loss is recorded, by the leader of its log. */
export function fateOf(context: Context, entry: Entry, identity: Uint8Array): Fate {
  const { resolve, user } = entry;
  // What it settled is open again, and is what there is to decide about.
  if (resolve !== undefined) return { state: "folded", by: { o: resolve.o, e: resolve.e, s: resolve.s } };
  if (identity.length === 0 || !context.rules.knowsRetries()) return { state: "open" };
  const again = laterAttempt(context, entry);
  if (again !== null) return { state: "replayed", by: again };
  const other = context.storage.lostOfRequest(user, identity).find((row) => !samePosition(row, entry));
  if (other !== undefined) return { state: "folded", by: { o: other.o, e: other.e, s: other.s } };
  return { state: "open" };
}

/** Where the history that stands has the same request. */
function laterAttempt(context: Context, entry: Entry): Position | null {
  const { storage, hash } = context;
  const mark = entry.idempotency!;
  if (mark.by === "client") {
    const row = storage.idempotency(entry.user, idempotencyDigest(hash, entry.principal, mark.key));
    if (row !== null && sameBytes(row.fingerprint, mark.fingerprint) && !samePosition(row, entry))
      return { o: row.o, e: row.e, s: row.s };
  }
  const log = context.log(entry.o);
  // Whoever tried again was sent to a later leader.
  const start = log.epochs.find(({ e }) => e > entry.e)?.start ?? log.last.s;
  let left = LATER_ENTRIES_MAX;
  for (let after = Math.max(start, log.base.s); after < log.last.s && left > 0;) {
    const page = storage.entriesOf(log.o, entry.user, { after, through: log.last.s, entriesMax: left });
    for (const { s } of page.found) {
      const row = storage.entry(log.o, s);
      const later = row === null ? null : context.codec.decode(row.bytes);
      if (later !== null && later.user === entry.user && isSameRequest(later, entry))
        return { o: log.o, e: later.e, s };
    }
    left -= page.found.length;
    if (page.looked <= after) break;
    after = page.looked;
  }
  return null;
}

function isSameRequest(later: Entry, entry: Entry): boolean {
  const [a, b] = [later.idempotency, entry.idempotency];
  if (a === undefined || b === undefined || later.principal !== entry.principal) return false;
  return a.key === b.key && a.by === b.by && sameBytes(a.fingerprint, b.fingerprint);
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
