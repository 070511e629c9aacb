/**
 * Items that were read last, in memory: what a write looks at to decide is what it reads again to keep a pre-image, for a
 * transaction once for each of its items. Bounded; no large value is held.
 */
import type { StoredItem } from "../replication/storage.ts";

/** As many as one entry writes: a chunk of an import. */
const ITEMS_MAX = 250;
const BYTES_MAX = 65_536;

export class ItemsRead {
  readonly #items = new Map<string, StoredItem | null>();
  #bytes = 0;

  /** Null: there is none. Undefined: not known here. */
  get(user: string, key: string): StoredItem | null | undefined {
    return this.#items.get(nameOf(user, key));
  }

  note(user: string, key: string, item: StoredItem | null): void {
    const bytes = item?.size ?? 0;
    if (bytes > BYTES_MAX) return;
    if (this.#items.size >= ITEMS_MAX || this.#bytes + bytes > BYTES_MAX) this.clear();
    this.#items.set(nameOf(user, key), item);
    this.#bytes += bytes;
  }

  forget(user: string, key: string): void {
    const name = nameOf(user, key);
    this.#bytes -= this.#items.get(name)?.size ?? 0;
    this.#items.delete(name);
  }

  clear(): void {
    this.#items.clear();
    this.#bytes = 0;
  }
}

/** Neither users nor keys hold control characters. */
function nameOf(user: string, key: string): string {
  return `${user}\u0000${key}`;
}
