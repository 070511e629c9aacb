/**
 * Idempotency keys that the edge adds to every write live for minutes only, and cost no row: the key stands in the log
 * entry, and this index of the log's last minutes is rebuilt from it. Bounded; what it had to forget early is looked
 * up in the log itself.
 */
import type { Context } from "./context.ts";
import type { Entry } from "./entry.ts";
import { hlcAt, type Hlc } from "./hlc.ts";
import type { Log } from "./log.ts";

const KEYS_MAX = 20_000;
const PAGE = 256;

export class RecentKeys {
  readonly #context: Context;
  readonly #log: Log;
  /** Key to seq, in the order of the log. */
  readonly #seqs = new Map<string, number>();
  /** Every entry after this seq is in the index. */
  #indexedAfter: number | null = null;

  constructor(context: Context, log: Log) {
    this.#context = context;
    this.#log = log;
  }

  /** Seq of the entry that carries the key, if it is young enough to count. */
  find(principal: string, user: string, key: string): Entry | null {
    this.#fill();
    const s = this.#seqs.get(indexKey(principal, user, key));
    const entry = s === undefined ? this.#searchOlder(principal, user, key) : this.#read(s);
    // A truncation may have put another entry in its place.
    return entry !== null && carries(entry, principal, user, key) && entry.hlc >= this.#horizon()
      ? entry
      : null;
  }

  note(entry: Entry): void {
    if (this.#indexedAfter === null || entry.idempotency?.by !== "edge") return;
    const key = indexKey(entry.principal, entry.user, entry.idempotency.key);
    this.#seqs.delete(key);
    this.#seqs.set(key, entry.s);
    if (this.#seqs.size <= KEYS_MAX) return;
    const oldest = this.#seqs.entries().next().value!;
    this.#seqs.delete(oldest[0]);
    this.#indexedAfter = Math.max(this.#indexedAfter, oldest[1]);
  }

  #horizon(): Hlc {
    return hlcAt(this.#context.now - this.#context.config.timing.edgeIdempotencyMs);
  }

  #fill(): void {
    if (this.#indexedAfter !== null) return;
    const young: Entry[] = [];
    let below = this.#log.last.s + 1;
    for (let full = false; !full;) {
      const rows = this.#context.storage.entriesDown(this.#log.o, below, PAGE);
      for (const row of rows) {
        if (row.hlc < this.#horizon() || young.length >= KEYS_MAX) {
          full = true;
          break;
        }
        young.push(this.#context.codec.decode(row.bytes));
        below = row.s;
      }
      if (rows.length < PAGE) full = true;
    }
    this.#indexedAfter = below - 1;
    for (const entry of young.toReversed()) this.note(entry);
  }

  #searchOlder(principal: string, user: string, key: string): Entry | null {
    let below = (this.#indexedAfter ?? 0) + 1;
    for (;;) {
      const rows = this.#context.storage.entriesDown(this.#log.o, below, PAGE);
      for (const row of rows) {
        if (row.hlc < this.#horizon()) return null;
        const entry = this.#context.codec.decode(row.bytes);
        if (carries(entry, principal, user, key)) return entry;
        below = row.s;
      }
      if (rows.length < PAGE) return null;
    }
  }

  #read(s: number): Entry | null {
    const row = this.#context.storage.entry(this.#log.o, s);
    return row === null ? null : this.#context.codec.decode(row.bytes);
  }
}

function carries(entry: Entry, principal: string, user: string, key: string): boolean {
  return (
    entry.idempotency?.by === "edge" &&
    entry.idempotency.key === key &&
    entry.principal === principal &&
    entry.user === user
  );
}

function indexKey(principal: string, user: string, key: string): string {
  return `${key}\u0000${user}\u0000${principal}`;
}
