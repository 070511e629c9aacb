/**
 * What stands at the other end of a sink: it takes batches, refuses them, is down for a while, takes a batch and does not
 * live to say so, or takes it long after the sender has given up.
 *
 * A request is on its way whatever becomes of the instance that sent it.
 */
import type { DeliveryEnd, Effect } from "../../src/replication/effect.ts";
import type { ReceiverFaults } from "./faults.ts";
import type { Random } from "./random.ts";
import type { Tally } from "./tally.ts";
import type { Timeline } from "./timeline.ts";

type Deliver = Extract<Effect, { type: "deliver" }>;

export interface Taken {
  readonly sink: string;
  readonly partition: number;
  readonly batch: Deliver["batch"];
}

export class Receiver {
  readonly taken: Taken[] = [];
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #tally: Tally;
  #faults: ReceiverFaults;
  readonly #downUntil = new Map<string, number>();

  constructor(timeline: Timeline, random: Random, tally: Tally, faults: ReceiverFaults) {
    this.#timeline = timeline;
    this.#random = random;
    this.#tally = tally;
    this.#faults = faults;
  }

  setFaults(faults: ReceiverFaults): void {
    this.#faults = faults;
    this.#downUntil.clear();
  }

  take(partition: number, { sink, batch, timeoutMs }: Deliver, done: (end: DeliveryEnd) => void): void {
    const { refusal, silent, late, lateMs, outage, outageMs, gone, delayMs } = this.#faults;
    const random = this.#random;
    const say = (ms: number, end: DeliveryEnd): void => void this.#timeline.after(ms, () => done(end));
    const take = (ms: number): void =>
      void this.#timeline.after(ms, () => {
        this.#tally.add("batches taken by sinks");
        this.taken.push(structuredClone({ sink, partition, batch }));
      });
    const delay = random.between(...delayMs);
    if (random.chance(outage)) {
      this.#downUntil.set(sink, this.#timeline.now + random.between(...outageMs));
      this.#tally.add("outages of receivers");
    }
    if (this.#timeline.now < (this.#downUntil.get(sink) ?? 0) || random.chance(refusal)) {
      const park = random.chance(gone);
      const retryAfterMs = random.chance(0.2) ? random.between(0, 2_000) : undefined;
      this.#tally.add("batches refused by receivers");
      return say(delay, {
        ok: false,
        error: "refused",
        park,
        ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
      });
    }
    if (random.chance(late)) {
      this.#tally.add("batches taken late");
      take(timeoutMs + random.between(...lateMs));
      return say(timeoutMs, { ok: false, error: "no answer" });
    }
    take(delay);
    if (random.chance(silent)) {
      this.#tally.add("answers of receivers lost");
      return say(timeoutMs, { ok: false, error: "no answer" });
    }
    say(delay + random.between(...delayMs), { ok: true });
  }
}
