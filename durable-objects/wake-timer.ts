/**
 * The core's next volatile turn. Only the latest instant counts; since a busy core moves it with almost every turn, a
 * timer that is already running is left alone and looks again when it fires.
 */
import type { ObjectClock } from "./object-clock.ts";

/** A timer longer than this is set again: the platform's overflow at 24.8 days. */
const TIMER_MS_MAX = 3_600_000;

export class WakeTimer {
  readonly #clock: ObjectClock;
  readonly #wake: () => void;
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** When the timer fires, by the host's clock. */
  #firesAt = Infinity;
  /** What the core wants, by its clock; Infinity: nothing. */
  #wantedAt = Infinity;

  constructor(clock: ObjectClock, wake: () => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  set(at: number): void {
    this.#wantedAt = at;
    const hostAt = this.#clock.toHost(at);
    if (this.#timer !== null && this.#firesAt <= hostAt) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#start(hostAt);
  }

  #start(hostAt: number): void {
    const delayMs = Math.min(TIMER_MS_MAX, Math.max(0, hostAt - Date.now()));
    this.#firesAt = hostAt;
    this.#timer = setTimeout(() => this.#fired(), delayMs);
  }

  #fired(): void {
    this.#timer = null;
    if (this.#wantedAt === Infinity) return;
    if (this.#clock.now() < this.#wantedAt) {
      // Set for an earlier instant, or the clock has moved. At least a millisecond, as timers may fire a little early.
      this.#start(Math.max(Date.now() + 1, this.#clock.toHost(this.#wantedAt)));
      return;
    }
    this.#wantedAt = Infinity;
    this.#wake();
  }
}
