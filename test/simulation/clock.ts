/**
 * The clock of a region's objects: wrong by a constant, drifting, and now and then jumping as when a host is replaced.
 *
 * The protocol assumes little of it: over an interval of at most a minute, two readings of one clock differ from the time
 * that passed by at most the bound plus the drift. A clock here keeps that promise, by keeping its jumps inside a window of
 * the bound's width around a constant offset, unless the schedule asks for a broken one. Clocks of two regions may be apart by
 * any constant.
 */
import type { Random } from "./random.ts";

/** 2026-03-01T00:00:00Z: some instant after the epoch of hybrid logical clocks. */
export const SIMULATION_STARTS_AT = 1_772_323_200_000;

export interface ClockFaults {
  /** Constant offsets are drawn from plus or minus this. */
  readonly offsetMsMax: number;
  /** Width of the window in which the clock may jump. */
  readonly jumpMsMax: number;
  readonly drift: number;
}

export class RegionClock {
  readonly #random: Random;
  #faults: ClockFaults;
  #constant: number;
  #jump = 0;
  #rate: number;
  /** Rate changes start anew from here, so that changing it does not move the clock. */
  #anchorReal = 0;
  #anchorRead: number;

  constructor(random: Random, faults: ClockFaults) {
    this.#random = random;
    this.#faults = faults;
    this.#constant = random.between(-faults.offsetMsMax, faults.offsetMsMax);
    this.#rate = 1 + (random.unit() * 2 - 1) * faults.drift;
    this.#anchorRead = SIMULATION_STARTS_AT + this.#constant;
  }

  /** What Date.now() answers there: whole milliseconds, and it may step backwards at a jump. */
  read(real: number): number {
    return Math.floor(this.#anchorRead + (real - this.#anchorReal) * this.#rate + this.#jump);
  }

  /** Moves to another place inside the window. */
  jump(): number {
    const half = this.#faults.jumpMsMax / 2;
    const before = this.#jump;
    this.#jump = Math.round((this.#random.unit() * 2 - 1) * half);
    return this.#jump - before;
  }

  /** Moves to an edge of the window: as slow (-1) or as fast (1) as it may be. */
  pin(side: -1 | 1): void {
    this.#jump = (side * this.#faults.jumpMsMax) / 2;
  }

  /** Real time until the clock reads `at`, as things stand. A jump in between makes it early or late. */
  realUntil(at: number, real: number): number {
    return Math.max(0, Math.ceil((at - this.read(real)) / this.#rate));
  }

  /** From here on it runs true (it still keeps its constant offset). */
  steady(real: number): void {
    this.#anchorRead = this.#anchorRead + (real - this.#anchorReal) * this.#rate;
    this.#anchorReal = real;
    this.#rate = 1;
    this.#faults = { ...this.#faults, jumpMsMax: 0, drift: 0 };
  }
}
