/**
 * Is there an order of these operations that respects real time and that one item could have answered?
 *
 * The search of Wing and Gong with the memory of Lowe: take operations one by one, each time any that began before the
 * first of those left over ended; go back where the item would have answered otherwise; never visit twice the same set of
 * taken operations with the same state. In the worst case that is exponential in how many run at once, not in how many
 * there are. Four observations keep it far from that:
 *
 *  - a read that fits now changes nothing, so if any order works, one works that takes it now: no other way is tried;
 *  - an operation of unknown outcome may be left out, so it is taken only where the very next one looks at what it did
 *    (otherwise the order without it is as good). A hundred unknown writes that nobody saw cost nothing;
 *  - of several unknown operations that are alike, the one that began first will do wherever another would;
 *  - where the order of two updates is known from elsewhere, no other is tried.
 */
import { canonical } from "./operation.ts";
import { changes, IMPOSSIBLE, isBlind, type Register, type RegisterStep } from "./register.ts";

export interface Interval {
  readonly step: RegisterStep;
  readonly invokedAt: number;
  readonly completedAt: number;
  /** Unknown outcome: need not have happened, and if it did, then at any time after its invocation. */
  readonly optional: boolean;
  /** Must come somewhere after this one, which is not optional. */
  readonly follows: Interval | undefined;
}

export type SearchResult<I extends Interval> =
  | { readonly outcome: "found"; readonly visited: number }
  | { readonly outcome: "undecided"; readonly visited: number }
  /** The longest explained prefix: how many it took, the state it ended in, and what then fitted no more. */
  | {
      readonly outcome: "none";
      readonly visited: number;
      readonly taken: number;
      readonly state: number;
      readonly stuck: readonly I[];
    };

interface Frame {
  readonly state: number;
  /** Every index below is taken. */
  readonly first: number;
  /** The last one taken was optional and nobody has looked at its effect yet. */
  readonly unseen: boolean;
  readonly choices: readonly Choice[];
  tried: number;
}

interface Choice {
  readonly index: number;
  readonly state: number;
  readonly unseen: boolean;
}

export function searchLinearization<I extends Interval>(
  intervals: readonly I[],
  register: Register,
  budget: number,
): SearchResult<I> {
  return new Search(intervals, register).run(budget);
}

class Search<I extends Interval> {
  readonly #required: readonly I[];
  readonly #all: readonly I[];
  readonly #register: Register;
  /** By index of an optional one: the one before it that is like it, -1 for none. */
  readonly #twins: readonly number[];
  /** By index: the one that it follows, -1 for none. */
  readonly #follows: readonly number[];
  readonly #taken: Uint32Array;
  readonly #seen = new Set<string>();
  #count = 0;
  #deepest: { taken: number; state: number; stuck: readonly I[] } = { taken: -1, state: 0, stuck: [] };

  constructor(intervals: readonly I[], register: Register) {
    const sorted = intervals.toSorted((a, b) => a.invokedAt - b.invokedAt);
    this.#required = sorted.filter((interval) => !interval.optional);
    this.#all = [...this.#required, ...sorted.filter((interval) => interval.optional)];
    this.#register = register;
    this.#twins = twinsIn(this.#all);
    const indices = new Map<Interval, number>(this.#all.map((interval, index) => [interval, index]));
    this.#follows = this.#all.map(({ follows }) => (follows && indices.get(follows)) ?? -1);
    this.#taken = new Uint32Array(Math.ceil(this.#all.length / 32));
  }

  run(budget: number): SearchResult<I> {
    const path: number[] = [];
    const stack: Frame[] = [this.#frame(0, 0, false)];
    for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
      if (frame.first >= this.#required.length) return { outcome: "found", visited: this.#seen.size };
      if (this.#seen.size > budget) return { outcome: "undecided", visited: this.#seen.size };
      const choice = frame.choices[frame.tried];
      frame.tried += 1;
      if (choice === undefined) {
        stack.pop();
        const undone = path.pop();
        if (undone !== undefined) this.#flip(undone);
        continue;
      }
      this.#flip(choice.index);
      const first = this.#firstOpen(frame.first);
      if (this.#isNew(first, choice)) {
        path.push(choice.index);
        stack.push(this.#frame(choice.state, first, choice.unseen));
      } else {
        this.#flip(choice.index);
      }
    }
    return { outcome: "none", visited: this.#seen.size, ...this.#deepest };
  }

  #frame(state: number, first: number, unseen: boolean): Frame {
    const window = this.#window(first);
    if (this.#count > this.#deepest.taken && !unseen) {
      const stuck = window.open.map((index) => this.#all[index]).filter((interval) => interval !== undefined);
      this.#deepest = { taken: this.#count, state, stuck };
    }
    return { state, first, unseen, choices: this.#choices(state, unseen, window), tried: 0 };
  }

  /** What may come next: begun before the first of the open required ones ended. */
  #window(first: number): { open: number[]; optional: number[] } {
    let bound = Infinity;
    const open: number[] = [];
    for (let index = first; index < this.#required.length; index += 1) {
      const interval = this.#all[index];
      if (interval === undefined || interval.invokedAt > bound) break;
      if (this.#isTaken(index)) continue;
      open.push(index);
      bound = Math.min(bound, interval.completedAt);
    }
    const optional: number[] = [];
    for (let index = this.#required.length; index < this.#all.length; index += 1) {
      const interval = this.#all[index];
      if (interval === undefined || interval.invokedAt > bound) break;
      const twin = this.#twins[index] ?? -1;
      if (!this.#isTaken(index) && (twin < 0 || this.#isTaken(twin))) optional.push(index);
    }
    return { open, optional };
  }

  #choices(state: number, unseen: boolean, window: { open: number[]; optional: number[] }): Choice[] {
    const choices: Choice[] = [];
    for (const index of window.open) {
      const interval = this.#all[index];
      if (interval === undefined || (unseen && isBlind(interval.step))) continue;
      const follows = this.#follows[index] ?? -1;
      if (follows >= 0 && !this.#isTaken(follows)) continue;
      const after = this.#register.apply(state, interval.step);
      if (after === IMPOSSIBLE) continue;
      const choice: Choice = { index, state: after, unseen: false };
      if (after === state && !changes(interval.step)) return [choice];
      choices.push(choice);
    }
    for (const index of window.optional) {
      const interval = this.#all[index];
      if (interval === undefined || (unseen && isBlind(interval.step))) continue;
      const after = this.#register.apply(state, interval.step);
      if (after !== IMPOSSIBLE && after !== state) choices.push({ index, state: after, unseen: true });
    }
    return choices;
  }

  #isNew(first: number, choice: Choice): boolean {
    // Everything below `first` is taken, so the words from there on name the set.
    const words = this.#taken.subarray(first >>> 5).join();
    const name = `${first}|${choice.state}|${choice.unseen ? 1 : 0}|${words}`;
    if (this.#seen.has(name)) return false;
    this.#seen.add(name);
    return true;
  }

  #firstOpen(from: number): number {
    let first = from;
    while (first < this.#required.length && this.#isTaken(first)) first += 1;
    return first;
  }

  #isTaken(index: number): boolean {
    return (((this.#taken[index >>> 5] ?? 0) >>> (index & 31)) & 1) === 1;
  }

  #flip(index: number): void {
    this.#taken[index >>> 5] = (this.#taken[index >>> 5] ?? 0) ^ (1 << (index & 31));
    this.#count += this.#isTaken(index) ? 1 : -1;
  }
}

function twinsIn(intervals: readonly Interval[]): number[] {
  const latest = new Map<string, number>();
  return intervals.map(({ step, optional }, index) => {
    if (!optional) return -1;
    const { kind, version, input, output, required, state } = step;
    const parts = [
      kind,
      version,
      canonical(input),
      canonical(output),
      required,
      state?.version,
      canonical(state?.value),
    ];
    const name = parts.map((part) => JSON.stringify(part) ?? "").join();
    const twin = latest.get(name) ?? -1;
    latest.set(name, index);
    return twin;
  });
}
