/**
 * Hybrid logical clock in one integer below 2^53: milliseconds since 2026-01-01 times 4096, plus a counter. It grows
 * along every log and across what a replica has seen, and its wall part is the time of a write.
 */
export const HLC_EPOCH_MS = 1_767_225_600_000;
const TICKS_PER_MS = 4096;

export type Hlc = number;

export function hlcAt(unixMs: number): Hlc {
  return Math.max(0, Math.floor(unixMs) - HLC_EPOCH_MS) * TICKS_PER_MS;
}

/** ms since 1970. */
export function wallOf(hlc: Hlc): number {
  return Math.floor(hlc / TICKS_PER_MS) + HLC_EPOCH_MS;
}

/** The next reading after `last`. */
export function tick(last: Hlc, unixMs: number): Hlc {
  return Math.max(last + 1, hlcAt(unixMs));
}
