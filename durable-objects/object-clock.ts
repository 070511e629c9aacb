/**
 * The clock of a replica: the host's, off by what an injected `skew` says.
 *
 * The core lives in the replica's clock and the platform's timers in the host's, so instants are translated in both
 * directions. While a skew is active its end is an instant at which every translated one becomes wrong; timers
 * never reach beyond it, and a core that is woken early looks at its clock and goes back to sleep.
 */
import type { RegionIndex } from "../src/replication/position.ts";
import type { FaultStore } from "./fault-store.ts";

export class ObjectClock {
  readonly #region: RegionIndex;
  readonly #faults: FaultStore | null;

  constructor(region: RegionIndex, faults: FaultStore | null) {
    this.#region = region;
    this.#faults = faults;
  }

  /** By the replica's clock. */
  now(): number {
    const now = Date.now();
    return now + this.#skewMs(now);
  }

  /** An instant of the replica's clock, by the host's. */
  toHost(at: number): number {
    const now = Date.now();
    const skewMs = this.#skewMs(now);
    if (skewMs === 0) return at;
    return Math.min(at - skewMs, this.#faults?.skewEndsAt(this.#region, now) ?? Infinity);
  }

  /** An instant of the host's clock, or one that agrees with it, by the replica's. */
  fromHost(at: number): number {
    return at + this.#skewMs(Date.now());
  }

  #skewMs(now: number): number {
    return this.#faults === null ? 0 : this.#faults.skewMs(this.#region, now);
  }
}
