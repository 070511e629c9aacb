/**
 * A bounded map that forgets what was not used for long.
 *
 * Two generations: what is used lives in the young one; when that is full it becomes the old one, and what was left there
 * is forgotten. Not an exact LRU list over one Map: finding the oldest key of a Map from which many were deleted walks over
 * all that is left of them, which cost 50 microseconds for each new token.
 */
export class Recent<K, V> {
  #young = new Map<K, V>();
  #old = new Map<K, V>();
  readonly #generationMax: number;

  /** Holds the last `sizeMax / 2` that were used, and at most `sizeMax`. */
  constructor(sizeMax: number) {
    this.#generationMax = Math.ceil(sizeMax / 2);
  }

  get(key: K): V | undefined {
    const value = this.#young.get(key);
    if (value !== undefined) return value;
    const aged = this.#old.get(key);
    if (aged !== undefined) this.set(key, aged);
    return aged;
  }

  delete(key: K): void {
    this.#young.delete(key);
    this.#old.delete(key);
  }

  set(key: K, value: V): void {
    if (this.#young.size >= this.#generationMax && !this.#young.has(key)) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(key, value);
  }
}
