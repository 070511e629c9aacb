/**
 * The one record of a drill: what was asked, what was told, in the order in which this process saw it, on one clock that only
 * goes forward. Processes are numbered here, because after an unknown outcome a client goes on as somebody new.
 */
import { History } from "../checker/history.ts";
import type { Answer, Invocation } from "../checker/operation.ts";

export type Heard = {
  readonly type: "ok" | "fail" | "info";
  readonly answer: Answer;
};

/** How operations asked from one region ended so far. */
export interface Tally {
  ok: number;
  fail: number;
  info: number;
}

export class Recorder {
  readonly history = new History();
  /** By client region. */
  readonly tallies = new Map<string, Tally>();
  readonly #begun = process.hrtime.bigint();
  #processes = 0;
  #values = 0;

  /** Nanoseconds since the drill began. */
  get now(): number {
    return Number(process.hrtime.bigint() - this.#begun);
  }

  get nowMs(): number {
    return this.now / 1e6;
  }

  newProcess(): number {
    return this.#processes++;
  }

  /** A value that nobody else writes. */
  newValue(): number {
    return ++this.#values;
  }

  invoke(invocation: Invocation): number {
    return this.history.invoke(invocation, this.now);
  }

  complete(id: number, region: string, { type, answer }: Heard): void {
    const tally = this.tallies.get(region) ?? { ok: 0, fail: 0, info: 0 };
    this.tallies.set(region, tally);
    tally[type] += 1;
    if (type === "ok") this.history.ok(id, answer, this.now);
    else if (type === "fail") this.history.fail(id, this.now, answer);
    else this.history.info(id, this.now, answer);
  }
}
