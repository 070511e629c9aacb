/** Counts of what happened in a run, by name, so that a run in which nothing happened cannot pass for a good one. */

export class Tally {
  readonly #counts = new Map<string, number>();

  add(what: string, by = 1): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + by);
  }

  get(what: string): number {
    return this.#counts.get(what) ?? 0;
  }

  merge(other: Tally): void {
    for (const [what, count] of other.#counts) this.add(what, count);
  }

  entries(): [string, number][] {
    return [...this.#counts].toSorted(([a], [b]) => (a < b ? -1 : 1));
  }

  /** What stayed under its floor, in words. */
  short(floors: Readonly<Record<string, number>>): string[] {
    return Object.entries(floors)
      .filter(([what, floor]) => this.get(what) < floor)
      .map(([what, floor]) => `${what}: ${this.get(what)}, wanted at least ${floor}`);
  }
}
