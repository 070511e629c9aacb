/**
 * Where a user's data lies: user -> one of 4,096 slots by a hash -> partition by the slot map.
 *
 * The hash is permanent: every stored item is found through it, so it is spelled out here and pinned by golden values in a
 * test. FNV-1a alone spreads short names that differ in the last letter badly over the low bits; the finaliser (that
 * of MurmurHash3) mixes every bit into all of them. Slots are more than partitions will ever be, so that a
 * later map version can split a partition without touching the hash.
 */

export const SLOTS = 4_096;

/** Version of the map from slots to partitions: even, in order. Named by positions and tokens. */
export const SLOT_MAP_VERSION = 1;

export function slotOf(user: string): number {
  return mix(fnv1a(user)) % SLOTS;
}

export function partitionOfSlot(slot: number, partitions: number): number {
  return Math.floor((slot * partitions) / SLOTS);
}

/** 32-bit FNV-1a over UTF-8, encoded on the fly: this runs for every request. */
function fnv1a(value: string): number {
  let hash = 0x811c9dc5;
  const octet = (byte: number): void => {
    hash = Math.imul(hash ^ byte, 0x01000193);
  };
  for (const character of value) {
    const point = character.codePointAt(0) ?? 0;
    if (point < 0x80) {
      octet(point);
    } else if (point < 0x800) {
      octet(0xc0 | (point >> 6));
      octet(0x80 | (point & 0x3f));
    } else if (point < 0x10000) {
      // A lone surrogate has no UTF-8: it counts as U+FFFD, as it does wherever else a string becomes bytes.
      const whole = point >= 0xd800 && point <= 0xdfff ? 0xfffd : point;
      octet(0xe0 | (whole >> 12));
      octet(0x80 | ((whole >> 6) & 0x3f));
      octet(0x80 | (whole & 0x3f));
    } else {
      octet(0xf0 | (point >> 18));
      octet(0x80 | ((point >> 12) & 0x3f));
      octet(0x80 | ((point >> 6) & 0x3f));
      octet(0x80 | (point & 0x3f));
    }
  }
  return hash >>> 0;
}

function mix(value: number): number {
  let hash = value;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
