/**
 * The network between regions: a request and its answer, each of which may be late, lost, doubled or overtaken.
 *
 * It moves bytes and knows nothing of what they say. A caller gets exactly one end for each call, an answer, a refusal or a
 * time-out; what the callee did in the meantime nobody knows. Cuts are directed: a request may arrive whose answer cannot.
 */
import type { NetworkFaults } from "./faults.ts";
import type { Random } from "./random.ts";
import type { Tally } from "./tally.ts";
import type { Planned, Timeline } from "./timeline.ts";

export type CallEnd<T> =
  | { readonly end: "answer"; readonly answer: T }
  | { readonly end: "failed"; readonly reason: "timeout" | "refused" | "overloaded" };

/** `reply` may be called once; a later call, or one after the time-out, is dropped. */
export type Deliver<T> = (reply: (answer: T) => void, refuse: () => void) => void;

export interface CallOptions<T> {
  readonly from: number;
  readonly to: number;
  readonly timeoutMs: number;
  /** Between replicas, as against from an edge: subject to `appendLoss`. */
  readonly replication: boolean;
  /** From an edge: such a call is never doubled by what lies between; an edge that asks again says so. */
  readonly once?: boolean;
  readonly deliver: Deliver<T>;
  readonly done: (end: CallEnd<T>) => void;
}

/** Within one region: no loss, hardly any delay. */
const LOCAL_DELAY_MS = 1;

export class Network {
  readonly #timeline: Timeline;
  readonly #random: Random;
  readonly #tally: Tally;
  #faults: NetworkFaults;
  readonly #base: number[][] = [];
  /** When something was last amiss with a message from one region to another. */
  readonly #troubles = new Map<number, number>();
  /** Directed cuts, and how many faults hold each. */
  readonly #cuts = new Map<number, number>();

  constructor(timeline: Timeline, random: Random, tally: Tally, faults: NetworkFaults, regions: number) {
    this.#timeline = timeline;
    this.#random = random;
    this.#tally = tally;
    this.#faults = faults;
    for (let from = 0; from < regions; from++) {
      this.#base.push(
        Array.from({ length: regions }, (_, to) => {
          if (from === to) return LOCAL_DELAY_MS;
          return this.#base[to]?.[from] ?? random.between(...faults.delayMs);
        }),
      );
    }
  }

  get faults(): NetworkFaults {
    return this.#faults;
  }

  setFaults(faults: NetworkFaults): void {
    this.#faults = faults;
  }

  cut(from: number, to: number): void {
    const link = from * 64 + to;
    this.#cuts.set(link, (this.#cuts.get(link) ?? 0) + 1);
  }

  mend(from: number, to: number): void {
    const link = from * 64 + to;
    const left = (this.#cuts.get(link) ?? 0) - 1;
    if (left > 0) this.#cuts.set(link, left);
    else this.#cuts.delete(link);
  }

  heal(): void {
    this.#cuts.clear();
  }

  /** A message from one of the two to the other was lost, cut off or slow since then. */
  wereApartSince(a: number, b: number, since: number): boolean {
    return [a * 64 + b, b * 64 + a].some((link) => (this.#troubles.get(link) ?? -Infinity) >= since);
  }

  isCut(from: number, to: number): boolean {
    return this.#cuts.has(from * 64 + to);
  }

  call<T>(options: CallOptions<T>): void {
    const { from, to, timeoutMs, replication, once: single = false, deliver, done } = options;
    let open = true;
    const finish = (end: CallEnd<T>): void => {
      if (!open) return;
      open = false;
      this.#timeline.cancel(timeout);
      done(end);
    };
    const timeout: Planned = this.#timeline.after(timeoutMs, () =>
      finish({ end: "failed", reason: "timeout" }),
    );
    const back = (end: CallEnd<T>): void => this.#send(to, from, replication, () => finish(end));
    const arrive = (): void => {
      let answered = false;
      const once = (end: CallEnd<T>): void => {
        if (answered) return;
        answered = true;
        back(end);
      };
      deliver(
        (answer) => once({ end: "answer", answer }),
        () => once({ end: "failed", reason: "refused" }),
      );
    };
    this.#send(from, to, replication, arrive);
    if (from !== to && !single && this.#random.chance(this.#faults.duplicate)) {
      this.#tally.add("requests doubled");
      this.#send(from, to, replication, arrive);
    }
  }

  /** One message one way. */
  #send(from: number, to: number, replication: boolean, arrive: () => void): void {
    const { jitterMs, slow, slowMs, loss, appendLoss } = this.#faults;
    if (from !== to) {
      if (this.#random.chance(loss) || (replication && appendLoss > 0 && this.#random.chance(appendLoss))) {
        this.#tally.add("messages lost");
        this.#troubles.set(from * 64 + to, this.#timeline.now);
        return;
      }
    }
    let delay = (this.#base[from]?.[to] ?? 50) + this.#random.unit() * (from === to ? 1 : jitterMs);
    if (from !== to && slow > 0 && this.#random.chance(slow)) {
      delay += this.#random.between(...slowMs);
      this.#troubles.set(from * 64 + to, this.#timeline.now + delay);
    }
    this.#timeline.after(delay, () => {
      // A cut stops what is on its way too.
      if (this.isCut(from, to)) {
        this.#tally.add("messages cut off");
        this.#troubles.set(from * 64 + to, this.#timeline.now);
      } else arrive();
    });
  }
}
