/**
 * Which users may have entries in a stretch of a log: a Bloom filter (Bloom 1970), in about ten bits a user.
 *
 * A row for each user and stretch would find a user's entries exactly, and cost a row written with nearly every write where
 * many users share a log. One filter for each stretch costs a row in 256 entries, whoever wrote them, and sends a
 * reader into one stretch in a hundred for nothing.
 */

const BITS_PER_USER = 10;
const PROBES = 5;

export function filterOf(users: readonly string[]): Uint8Array {
  const filter = new Uint8Array(Math.max(1, Math.ceil((users.length * BITS_PER_USER) / 8)));
  for (const user of users)
    for (const bit of bitsOf(user, filter.length * 8)) filter[bit >>> 3]! |= 1 << (bit & 7);
  return filter;
}

/** False: certainly not. */
export function mayHold(filter: Uint8Array, user: string): boolean {
  return bitsOf(user, filter.length * 8).every((bit) => ((filter[bit >>> 3] ?? 0) & (1 << (bit & 7))) !== 0);
}

/** Two hashes stand for as many as are wanted (Kirsch and Mitzenmacher 2006). Stored: never to be changed. */
function bitsOf(user: string, bits: number): number[] {
  const first = hash(user, 0x811c9dc5);
  const second = hash(user, 0x9e3779b9) | 1;
  return Array.from({ length: PROBES }, (_, n) => ((first + Math.imul(n, second)) >>> 0) % bits);
}

/** FNV-1a over UTF-16 units, stirred at the end. */
function hash(text: string, seed: number): number {
  let h = seed;
  for (let n = 0; n < text.length; n++) h = Math.imul(h ^ text.charCodeAt(n), 0x01000193);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
