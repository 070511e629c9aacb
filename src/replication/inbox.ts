/**
 * Entries that came before the ones they follow: kept in memory, bounded, for the moment when the gap closes. They do
 * not count as accepted; losing them costs a pull.
 */
import type { Limits } from "./config.ts";
import type { RawEntry } from "./entry.ts";
import type { Epoch } from "./position.ts";

export interface Buffered {
  /** Epoch of the message that brought it, which R2 judges again when it is taken out. */
  readonly e: Epoch;
  readonly inc: number;
  readonly prevE: Epoch;
  readonly raw: RawEntry;
}

export class Inbox {
  readonly #limits: Limits;
  readonly #entries = new Map<number, Buffered>();
  #bytes = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** False when the bound is reached: the entry is dropped. */
  put(entry: Buffered): boolean {
    const present = this.#entries.get(entry.raw.s);
    if (present !== undefined && present.e >= entry.e) return true;
    const bytes = this.#bytes - (present?.raw.bytes.length ?? 0) + entry.raw.bytes.length;
    if (
      bytes > this.#limits.inboxBytesMax ||
      (present === undefined && this.#entries.size >= this.#limits.inboxEntriesMax)
    )
      return false;
    this.#bytes = bytes;
    this.#entries.set(entry.raw.s, entry);
    return true;
  }

  take(s: number): Buffered | null {
    const entry = this.#entries.get(s);
    if (entry === undefined) return null;
    this.#remove(s, entry);
    return entry;
  }

  /** Forgets what lies at or before `s`. */
  dropThrough(s: number): void {
    for (const [seq, entry] of this.#entries) if (seq <= s) this.#remove(seq, entry);
  }

  #remove(s: number, entry: Buffered): void {
    this.#entries.delete(s);
    this.#bytes -= entry.raw.bytes.length;
  }
}
