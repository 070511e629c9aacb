/**
 * What newer code wrote, as this code meets it: entries that do not decode, or that decode and mean something unknown. They are
 * stored, handed on and kept as they are, and nothing is concluded from them; whoever understands them will.
 */
import { EntryKind, OpKind, PROTOCOL_VERSION, type Entry, type EntryCodec } from "./entry.ts";

/** Protocol version of the stand-in for an entry that does not decode. */
export const UNREADABLE_PV = 0;

const APPLICABLE_KINDS: ReadonlySet<number> = new Set([
  EntryKind.open,
  EntryKind.txn,
  EntryKind.claim,
  EntryKind.divergent,
  EntryKind.handoffOut,
  EntryKind.handoffIn,
  EntryKind.handoffRefuse,
  EntryKind.handoffAbort,
  EntryKind.erase,
  EntryKind.redacted,
]);
const APPLICABLE_OPS: ReadonlySet<number> = new Set(Object.values(OpKind));

/** Why this code must not apply the entry; null: it may. */
export function strangeness(entry: Entry): string | null {
  if (entry.pv === UNREADABLE_PV) return "an entry that does not decode";
  if (entry.pv > PROTOCOL_VERSION) return `protocol version ${entry.pv}`;
  if (!APPLICABLE_KINDS.has(entry.kind)) return `entry kind ${entry.kind}`;
  const op = entry.ops.find(({ kind }) => !APPLICABLE_OPS.has(kind));
  return op === undefined ? null : `op kind ${op.kind}`;
}

/** Null: it does not decode here. */
export function decoded(codec: EntryCodec, bytes: Uint8Array): Entry | null {
  try {
    return codec.decode(bytes);
  } catch {
    return null;
  }
}

/** An entry within another one, or beside the log; null: only newer code knows what it says. */
export function understood(codec: EntryCodec, bytes: Uint8Array): Entry | null {
  const entry = decoded(codec, bytes);
  return entry === null || strangeness(entry) !== null ? null : entry;
}
