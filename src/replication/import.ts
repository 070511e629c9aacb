/**
 * Deciding an import, item by item.
 *
 * Every item that was imported bears the marks of its last imports, digests of what was imported, and the leader carries them
 * over into whatever is written to the item later, its tombstone included. So a line that was imported before is known as
 * long as the item or its tombstone is there, and importing it again does not undo what was changed or imported since.
 */
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { sameBytes } from "../lib/bytes.ts";
import type { Hash } from "./context.ts";
import { OpKind, type Entry, type Op } from "./entry.ts";
import { wallOf } from "./hlc.ts";
import type { Deciding } from "./items-seen.ts";
import { samePosition } from "./position.ts";
import type { Import, ImportItem, ImportResult } from "./request.ts";

const MARK_BYTES = 16;
/** Of how many imports an item remembers: the line of an older one counts as new again. */
export const MARKS_MAX = 8;

export interface ImportDecision {
  readonly ops: readonly Op[];
  /** Of the first items, as many as were looked at: at least one. */
  readonly results: readonly ImportResult[];
}

/** Stops where the entry, or what it replaces (which its undo image keeps), would become too large. */
export function decideImport({ items }: Import, deciding: Deciding): ImportDecision {
  const { items: seen, limits, at, hash } = deciding;
  const ops: Op[] = [];
  const results: ImportResult[] = [];
  let bytes = 0;
  let replaced = 0;
  for (const item of items) {
    const { key, contentType, value, expiresAt } = item;
    const stored = seen.row(key, false);
    const mark = importMark(hash, item);
    const marks = stored?.mark ?? NO_BYTES;
    if (bears(marks, mark) || stands(item, seen)) {
      results.push("unchanged");
      continue;
    }
    if (isExpired(item, at)) {
      results.push("expired");
      continue;
    }
    bytes += value.length;
    replaced += stored?.size ?? 0;
    if (ops.length > 0 && (bytes > limits.valueBytesMax || replaced > limits.replacedBytesMax)) break;
    ops.push({ kind: OpKind.put, key, after: { contentType, value, expiresAt, mark: joined(marks, mark) } });
    results.push("imported");
  }
  return { ops, results };
}

/** What an earlier attempt came to, out of the entry that it wrote. What lies behind its last op is not looked at. */
export function importedBy({ items }: Import, entry: Entry): readonly ImportResult[] {
  const written = new Set(entry.ops.map(({ key }) => key));
  const last = items.findLastIndex(({ key }) => written.has(key));
  return items.slice(0, last + 1).map((item) => {
    if (written.has(item.key)) return "imported";
    return isExpired(item, wallOf(entry.hlc)) ? "expired" : "unchanged";
  });
}

/** The very item that was exported: the same version, and all of it the same. */
function stands(
  { key, stands: version, contentType, value, expiresAt }: ImportItem,
  seen: Deciding["items"],
) {
  const row = version === undefined ? null : seen.row(key, false);
  if (row === null || version === undefined || row.tombstone || !samePosition(row, version)) return false;
  if (row.contentType !== contentType || row.expiresAt !== expiresAt || row.size !== value.length)
    return false;
  return sameBytes(seen.row(key, true)?.value ?? NO_BYTES, value);
}

const NO_BYTES = new Uint8Array(0);

function bears(marks: Uint8Array, mark: Uint8Array): boolean {
  for (let at = 0; at < marks.length; at += MARK_BYTES)
    if (sameBytes(marks.subarray(at, at + MARK_BYTES), mark)) return true;
  return false;
}

/** The newest last; the oldest beyond the bound are forgotten. */
function joined(marks: Uint8Array, mark: Uint8Array): Uint8Array {
  const kept = marks.subarray(Math.max(0, marks.length - (MARKS_MAX - 1) * MARK_BYTES));
  const all = new Uint8Array(kept.length + mark.length);
  all.set(kept);
  all.set(mark, kept.length);
  return all;
}

function isExpired({ expiresAt }: ImportItem, at: number): boolean {
  return expiresAt !== 0 && expiresAt <= at;
}

function importMark(hash: Hash, { version, contentType, value, expiresAt }: ImportItem): Uint8Array {
  const writer = new BinaryWriter().string(version).string(contentType).int64(expiresAt);
  return hash(writer.finish(), value);
}
