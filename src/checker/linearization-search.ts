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
 *  - where an item knows only plain writes and reads, a write that no read can have shown is taken as soon as it may be:
 *    what follows it has to be another write, which covers it;
 *  - other writes are tried in the order of their versions first, which is nearly always the right one.
 */
import { IMPOSSIBLE, type Register, type RegisterStep } from "./register.ts";

export interface Interval {
  readonly step: RegisterStep;
  readonly invokedAt: number;
  readonly completedAt: number;
  /** Unknown outcome: need not have happened, and if it did, then at any time after its invocation. */
  readonly optional: boolean;
  /** No answer shows its effect, and nothing but reads and plain writes touches the item. */
  readonly covered: boolean;
  /** Rank in which to try it among others that would do. */
  readonly rank: number;
}

export type SearchResult =
  | { readonly outcome: "found"; readonly visited: number }
  | { readonly outcome: "undecided"; readonly visited: number }
  /** The longest explained prefix: how many it took, the state it ended in, and what then fitted no more. */
  | {
      readonly outcome: "none";
      readonly visited: number;
      readonly taken: number;
      readonly state: number;
      readonly stuck: readonly Interval[];
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

export function searchLinearization(
  intervals: readonly Interval[],
  register: Register,
  budget: number,
): SearchResult {
  return new Search(intervals, register).run(budget);
}

class Search {
  readonly #required: readonly Interval[];
  readonly #all: readonly Interval[];
  readonly #register: Register;
  readonly #taken: Uint32Array;
  readonly #seen = new Set<string>();
  #count = 0;
  #deepest: { taken: number; state: number; stuck: readonly Interval[] } = { taken: -1, state: 0, stuck: [] };

  constructor(intervals: readonly Interval[], register: Register) {
    const sorted = intervals.toSorted((a, b) => a.invokedAt - b.invokedAt);
    this.#required = sorted.filter((interval) => !interval.optional);
    this.#all = [...this.#required, ...sorted.filter((interval) => interval.optional)];
    this.#register = register;
    this.#taken = new Uint32Array(Math.ceil(this.#all.length / 32));
  }

  run(budget: number): SearchResult {
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
      if (!this.#isTaken(index)) optional.push(index);
    }
    return { open, optional };
  }

  #choices(state: number, unseen: boolean, window: { open: number[]; optional: number[] }): Choice[] {
    const choices: Choice[] = [];
    let covered: Choice | undefined;
    for (const index of window.open) {
      const interval = this.#all[index];
      if (interval === undefined || (unseen && isBlind(interval.step))) continue;
      const after = this.#register.apply(state, interval.step);
      if (after === IMPOSSIBLE) continue;
      const choice: Choice = { index, state: after, unseen: false };
      if (after === state && !isUpdate(interval.step)) return [choice];
      if (interval.covered) covered ??= choice;
      choices.push(choice);
    }
    // Only now: a read that fits goes first.
    if (covered !== undefined) return [covered];
    choices.sort((a, b) => this.#rank(a) - this.#rank(b));
    for (const index of window.optional) {
      const interval = this.#all[index];
      if (interval === undefined || (unseen && isBlind(interval.step))) continue;
      const after = this.#register.apply(state, interval.step);
      if (after !== IMPOSSIBLE && after !== state) choices.push({ index, state: after, unseen: true });
    }
    return choices;
  }

  #rank(choice: Choice): number {
    return this.#all[choice.index]?.rank ?? 0;
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

function isUpdate(step: RegisterStep): boolean {
  return step.kind !== "read" && step.kind !== "refused";
}

/** Takes effect whatever stood there before: it looks at nothing. */
function isBlind(step: RegisterStep): boolean {
  return (step.kind === "write" || step.kind === "set") && step.required === undefined;
}
