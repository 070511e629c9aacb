/**
 * Seeded randomness: the only source of chance in a simulation.
 *
 * One seed decides everything. Each part of the simulation draws from a stream of its own, forked by name, so that one more
 * draw in the network does not change what the clients do: a shrunk or edited schedule stays close to the one that failed.
 */

export class Random {
  readonly #seed: number;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number) {
    this.#seed = seed >>> 0;
    this.#a = 0x9e3779b9;
    this.#b = 0x243f6a88;
    this.#c = 0xb7e15162;
    this.#d = (this.#seed ^ 0xdeadbeef) >>> 0;
    for (let i = 0; i < 15; i++) this.#word();
  }

  /** An independent stream; the same name always gives the same stream. */
  fork(name: string): Random {
    let hash = 0x811c9dc5 ^ this.#seed;
    for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
    return new Random(Math.imul(hash ^ (hash >>> 15), 0x85ebca6b));
  }

  /** [0, 1) */
  unit(): number {
    return this.#word() / 0x1_0000_0000;
  }

  /** Whole number in [0, n). */
  below(n: number): number {
    return Math.floor(this.unit() * n);
  }

  /** Whole number in [low, high]. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.below(items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  }

  weighted<K extends string>(weights: Readonly<Partial<Record<K, number>>>): K {
    const entries = Object.entries(weights) as [K, number][];
    let left = this.unit() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) {
      left -= weight;
      if (left < 0) return name;
    }
    const last = entries.at(-1);
    if (last === undefined) throw new Error("nothing to pick from");
    return last[0];
  }

  shuffled<T>(items: readonly T[]): T[] {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [out[i], out[j]] = [out[j] as T, out[i] as T];
    }
    return out;
  }

  /** sfc32: small, fast, and good enough for choosing faults. */
  #word(): number {
    const t = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = ((this.#c << 21) | (this.#c >>> 11)) + t;
    return t >>> 0;
  }
}
