/**
 * Which regions did not answer lately, as seen from where a client is placed: a read that any replica may serve does not
 * wait for the same silent region again and again. It only orders attempts; it is never evidence for a failover, and what
 * needs the leader ignores it.
 */
import type { RegionIndex } from "../replication/position.ts";

/** One failure may be a restart. */
const FAILURES_MAX = 2;
const SKIP_MS = 3_000;

export class RegionHealth {
  readonly #failing = new Map<number, { readonly failures: number; readonly until: number }>();

  answered(from: RegionIndex, to: RegionIndex): void {
    if (this.#failing.size > 0) this.#failing.delete(from * 16 + to);
  }

  failed(from: RegionIndex, to: RegionIndex, now: number): void {
    const key = from * 16 + to;
    const failures = (this.#failing.get(key)?.failures ?? 0) + 1;
    this.#failing.set(key, { failures, until: failures >= FAILURES_MAX ? now + SKIP_MS : 0 });
  }

  /** `regions` with those that fail put last, otherwise in their order. */
  order(from: RegionIndex, regions: readonly RegionIndex[], now: number): readonly RegionIndex[] {
    if (this.#failing.size === 0) return regions;
    const skipped = (to: RegionIndex) => (this.#failing.get(from * 16 + to)?.until ?? 0) > now;
    return [...regions.filter((to) => !skipped(to)), ...regions.filter(skipped)];
  }
}
