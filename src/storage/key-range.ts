import type { ListQuery } from "../replication/storage.ts";

/**
 * The least string above every string that begins with a prefix, in the order of UTF-8 bytes (which is the order of
 * code points, not of JavaScript's comparison). Null when there is none.
 */
export function prefixEnd(prefix: string): string | null {
  const points = [...prefix].map((c) => c.codePointAt(0)!);
  while (points.length > 0) {
    const last = points.pop()!;
    if (last < 0x10ffff) {
      const next = last + 1;
      // Surrogates are no characters: the next one after U+D7FF is U+E000.
      return String.fromCodePoint(...points, next >= 0xd800 && next <= 0xdfff ? 0xe000 : next);
    }
  }
  return null;
}

/** A stretch of keys in byte order, with one bound on each side at most: of several, the database would seek by any one. */
export interface KeyRange {
  readonly from: string;
  /** The bound itself is left out. */
  readonly beyond: boolean;
  /** Always left out; null: to the end. */
  readonly to: string | null;
}

/** What a list query asks for. */
export function rangeOf(query: Pick<ListQuery, "prefix" | "start" | "end" | "after" | "reverse">): KeyRange {
  const { prefix, start, end, after, reverse } = query;
  let from = prefix;
  if (start !== undefined && compareKeys(start, from) > 0) from = start;
  const beyond = !reverse && after !== undefined && compareKeys(after, from) >= 0;
  if (beyond) from = after;
  let to = prefixEnd(prefix);
  for (const bound of [end, reverse ? after : undefined])
    if (bound !== undefined && (to === null || compareKeys(bound, to) < 0)) to = bound;
  return { from, beyond, to };
}

/** In the order of UTF-8 bytes: negative, 0 or positive. */
export function compareKeys(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let n = 0; n < length; n++) {
    const difference = rank(a.charCodeAt(n)) - rank(b.charCodeAt(n));
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}

/** Characters beyond U+FFFF come last, though their UTF-16 units do not. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
