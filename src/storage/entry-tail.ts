/**
 * The last entries of a log, in memory: what a leader has just written is what it sends next, to every peer. Bounded; what
 * is older is read from the table.
 */
import type { RawEntry } from "../replication/entry.ts";

const ENTRIES_MAX = 1_024;
const BYTES_MAX = 1_000_000;

interface Recent {
  readonly raw: RawEntry;
  readonly chain: Uint8Array;
}

type Pushed = RawEntry & { readonly chain: Uint8Array; readonly redacted?: boolean };

export class EntryTail {
  #entries: Recent[] = [];
  #bytes = 0;

  push({ e, s, bytes, chain, redacted }: Pushed): void {
    this.#entries.push({ raw: { e, s, bytes, ...(redacted === true ? { chain } : {}) }, chain });
    this.#bytes += bytes.length;
    if (this.#entries.length <= ENTRIES_MAX && this.#bytes <= BYTES_MAX) return;
    // By halves, so that dropping costs little for each entry.
    const dropped = this.#entries.splice(0, Math.ceil(this.#entries.length / 2));
    for (const { raw } of dropped) this.#bytes -= raw.bytes.length;
  }

  /** Entries after `after`, at least one, then as many as fit; null when the table has to be read. */
  page(
    after: number,
    bytesMax: number,
    entriesMax: number,
  ): { entries: RawEntry[]; chain: Uint8Array } | null {
    const first = this.#entries[0];
    if (first === undefined || after + 1 < first.raw.s) return null;
    const entries: RawEntry[] = [];
    let chain: Uint8Array = new Uint8Array(0);
    let bytes = 0;
    for (let n = after + 1 - first.raw.s; n < this.#entries.length && entries.length < entriesMax; n++) {
      const next = this.#entries[n]!;
      bytes += next.raw.bytes.length;
      if (entries.length > 0 && bytes > bytesMax) break;
      entries.push(next.raw);
      chain = next.chain;
    }
    return { entries, chain };
  }
}
