/**
 * Idempotency keys that the edge adds to every write cost no row: the key stands in the log entry, and this index of the
 * log's youngest part is rebuilt from it.
 *
 * Such a key is known to one request alone, so an earlier attempt under it is no older than a request may be. What the
 * index had to forget early (it is bounded) is searched in the log itself, and no further back than that.
 */
import type { Context } from "./context.ts";
import type { Entry } from "./entry.ts";
import { hlcAt, type Hlc } from "./hlc.ts";
import type { Log } from "./log.ts";
import type { WriteRequest } from "./request.ts";

/** About a hundred bytes each. */
const KEYS_MAX = 50_000;
const PAGE_ENTRIES = 256;
const PAGE_BYTES = 1_000_000;
/** The longest time a caller may give a request, and as much again for clocks that differ. */
export const ATTEMPTS_MS = 60_000;

interface Place {
  readonly s: number;
  readonly hlc: Hlc;
}

export class RecentKeys {
  readonly #context: Context;
  readonly #log: Log;
  /** In the order of the log. Null before the first question. */
  #places: Map<string, Place> | null = null;
  /** Everything younger is in the index. */
  #forgotten: Hlc = 0;

  constructor(context: Context, log: Log) {
    this.#context = context;
    this.#log = log;
  }

  /** The entry that an earlier attempt of the same request wrote. */
  find(request: WriteRequest, key: string): Entry | null {
    const { now, config } = this.#context;
    const horizon = now - config.timing.edgeIdempotencyMs;
    this.#places ??= this.#read();
    const place = this.#places.get(key);
    const entry =
      place === undefined
        ? this.#search(hlcAt(Math.max(horizon, request.deadlineAt - ATTEMPTS_MS)), request, key)
        : this.#entryAt(place.s);
    // A truncation may have put another entry in its place.
    return entry !== null && entry.hlc >= hlcAt(horizon) && carries(entry, request, key) ? entry : null;
  }

  note(entry: Entry): void {
    if (this.#places === null || entry.idempotency?.by !== "edge") return;
    this.#places.set(entry.idempotency.key, { s: entry.s, hlc: entry.hlc });
    if (this.#places.size <= KEYS_MAX) return;
    const [key, place] = this.#places.entries().next().value!;
    this.#places.delete(key);
    this.#forgotten = Math.max(this.#forgotten, place.hlc);
  }

  #read(): Map<string, Place> {
    const horizon = hlcAt(this.#context.now - this.#context.config.timing.edgeIdempotencyMs);
    const young: (Place & { readonly key: string })[] = [];
    for (const { hlc, s, idempotency } of this.#downFromHead()) {
      if (hlc < horizon) break;
      if (young.length === KEYS_MAX) {
        this.#forgotten = hlc;
        break;
      }
      if (idempotency?.by === "edge") young.push({ key: idempotency.key, s, hlc });
    }
    const places = new Map<string, Place>();
    for (const { key, s, hlc } of young.toReversed()) places.set(key, { s, hlc });
    return places;
  }

  #search(since: Hlc, request: WriteRequest, key: string): Entry | null {
    if (this.#forgotten < since) return null;
    for (const entry of this.#downFromHead()) {
      if (entry.hlc < since) return null;
      if (carries(entry, request, key)) return entry;
    }
    return null;
  }

  *#downFromHead(): Generator<Entry> {
    const { storage, codec } = this.#context;
    for (let below = this.#log.last.s + 1; ;) {
      const rows = storage.entriesDown(this.#log.o, below, PAGE_BYTES, PAGE_ENTRIES);
      for (const row of rows) yield codec.decode(row.bytes);
      if (rows.length === 0) return;
      below = rows.at(-1)!.s;
    }
  }

  #entryAt(s: number): Entry | null {
    const row = this.#context.storage.entry(this.#log.o, s);
    return row === null ? null : this.#context.codec.decode(row.bytes);
  }
}

function carries(entry: Entry, request: WriteRequest, key: string): boolean {
  return (
    entry.idempotency?.by === "edge" &&
    entry.idempotency.key === key &&
    entry.principal === request.principal &&
    entry.user === request.user
  );
}
