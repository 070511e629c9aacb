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
