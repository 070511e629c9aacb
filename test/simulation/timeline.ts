/**
 * Simulated time: a heap of things that will happen.
 *
 * Time here is the real time that nobody in the simulation can see; replicas read clocks (clock.ts). Things that fall on the
 * same instant happen in the order in which they were planned, so a run is a function of its seed.
 */

export interface Planned {
  readonly at: number;
  readonly order: number;
  cancelled: boolean;
  readonly run: () => void;
}

export class Timeline {
  now = 0;
  /** Things that have happened. */
  steps = 0;
  #order = 0;
  #live = 0;
  readonly #heap: Planned[] = [];

  at(at: number, run: () => void): Planned {
    const planned: Planned = { at: Math.max(at, this.now), order: this.#order++, cancelled: false, run };
    this.#push(planned);
    this.#live++;
    return planned;
  }

  after(ms: number, run: () => void): Planned {
    return this.at(this.now + ms, run);
  }

  cancel(planned: Planned | null | undefined): void {
    if (!planned || planned.cancelled) return;
    planned.cancelled = true;
    this.#live--;
  }

  /** How much is still planned. */
  get pending(): number {
    return this.#live;
  }

  get nextAt(): number {
    while (this.#heap[0]?.cancelled) this.#pop();
    return this.#heap[0]?.at ?? Infinity;
  }

  /** Lets the next thing happen; false when nothing is planned. */
  step(): boolean {
    for (;;) {
      const next = this.#pop();
      if (next === undefined) return false;
      if (next.cancelled) continue;
      // From here on a cancel must not count it out a second time.
      next.cancelled = true;
      this.#live--;
      this.now = next.at;
      this.steps++;
      next.run();
      return true;
    }
  }

  /** Lets everything happen up to and including an instant. */
  runUntil(at: number): void {
    while (this.nextAt <= at) this.step();
    this.now = Math.max(this.now, at);
  }

  #push(item: Planned): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(item);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(item, heap[parent] as Planned)) break;
      heap[i] = heap[parent] as Planned;
      i = parent;
    }
    heap[i] = item;
  }

  #pop(): Planned | undefined {
    const heap = this.#heap;
    const top = heap[0];
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1] as Planned, heap[child] as Planned)) child++;
      if (!before(heap[child] as Planned, last)) break;
      heap[i] = heap[child] as Planned;
      i = child;
    }
    heap[i] = last;
    return top;
  }
}

function before(a: Planned, b: Planned): boolean {
  return a.at === b.at ? a.order < b.order : a.at < b.at;
}
