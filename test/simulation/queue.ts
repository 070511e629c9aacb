/**
 * A region's queue: at least once, in any order, perhaps a day late, perhaps never.
 *
 * Messages are bytes. The consumer stands in the region it serves, groups what it has by partition, hands each group to the
 * replica, and redelivers a group that got no verdict.
 */
import type { QueueFaults } from "./faults.ts";
import type { Random } from "./random.ts";
import type { Tally } from "./tally.ts";
import type { Timeline } from "./timeline.ts";

/** null: bytes that no longer decode. */
export type QueueBytes = Uint8Array | null;

/** Hands messages to the replica of a partition; `settled` says whether they may be acknowledged. */
export type Consume = (
  partition: number,
  messages: readonly QueueBytes[],
  settled: (ok: boolean) => void,
) => void;

/** The platform's, before a message is dead-lettered. */
const RETRIES_MAX = 20;
/** A consumer's call to the replica is given up after this long. */
const CONSUME_TIMEOUT_MS = 30_000;
/** Messages that arrive within this time of each other come as one batch. */
const GATHER_MS = 20;

interface Queued {
  readonly partition: number;
  readonly bytes: QueueBytes;
  attempts: number;
}

export class Queue {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #tally: Tally;
  readonly #consume: Consume;
  #faults: QueueFaults;
  /** Arrived, waiting to be gathered; by partition. */
  readonly #arrived = new Map<number, Queued[]>();
  /** Stored and not yet acknowledged or dropped. */
  depth = 0;

  constructor(timeline: Timeline, random: Random, tally: Tally, faults: QueueFaults, consume: Consume) {
    this.#timeline = timeline;
    this.#random = random;
    this.#tally = tally;
    this.#faults = faults;
    this.#consume = consume;
  }

  setFaults(faults: QueueFaults): void {
    this.#faults = faults;
  }

  /** `done`: whether the send succeeded. A failed send may have stored the messages all the same. */
  send(partition: number, messages: readonly Uint8Array[], done: (ok: boolean) => void): void {
    const fails = this.#random.chance(this.#faults.sendFailure);
    const stores = !fails || this.#random.chance(0.5);
    this.#timeline.after(this.#random.between(2, 25), () => {
      if (stores) for (const bytes of messages) this.#store(partition, bytes);
      if (fails) this.#tally.add("queue sends failed");
      done(!fails);
    });
  }

  #store(partition: number, bytes: Uint8Array): void {
    this.#tally.add("queue messages");
    if (this.#random.chance(this.#faults.loss)) {
      this.#tally.add("queue messages lost");
      return;
    }
    const copies = this.#random.chance(this.#faults.duplicate) ? 2 : 1;
    if (copies > 1) this.#tally.add("queue messages doubled");
    for (let copy = 0; copy < copies; copy++) {
      const corrupt = this.#random.chance(this.#faults.corrupt);
      this.#later({ partition, bytes: corrupt ? null : bytes, attempts: 0 }, this.#delay());
    }
  }

  #delay(): number {
    const { delayMs, late, lateMs } = this.#faults;
    if (!this.#random.chance(late)) return this.#random.between(...delayMs);
    this.#tally.add("queue messages late");
    return this.#random.between(...lateMs);
  }

  #later(queued: Queued, delay: number): void {
    this.depth++;
    this.#timeline.after(delay, () => this.#arrive(queued));
  }

  #arrive(queued: Queued): void {
    const waiting = this.#arrived.get(queued.partition);
    if (waiting !== undefined) {
      waiting.push(queued);
      return;
    }
    this.#arrived.set(queued.partition, [queued]);
    this.#timeline.after(GATHER_MS, () => this.#hand(queued.partition));
  }

  #hand(partition: number): void {
    const batch = this.#random.shuffled(this.#arrived.get(partition) ?? []);
    this.#arrived.delete(partition);
    let open = true;
    const settle = (ok: boolean): void => {
      if (!open) return;
      open = false;
      this.#timeline.cancel(timeout);
      for (const queued of batch) this.#settled(queued, ok);
    };
    const timeout = this.#timeline.after(CONSUME_TIMEOUT_MS, () => settle(false));
    this.#consume(
      partition,
      batch.map((queued) => queued.bytes),
      settle,
    );
  }

  #settled(queued: Queued, ok: boolean): void {
    this.depth--;
    if (ok) return;
    queued.attempts++;
    if (queued.attempts > RETRIES_MAX) {
      this.#tally.add("queue messages dead-lettered");
      return;
    }
    this.#tally.add("queue redeliveries");
    this.#later(queued, Math.min(300_000, 1_000 * 2 ** queued.attempts) + this.#random.below(500));
  }
}
