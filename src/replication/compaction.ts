/**
 * Dropping the old part of a log. Never what is not committed, not applied, pinned by a snapshot, or not yet with every
 * follower (until the log outgrows its bound: then the laggard has to take a snapshot). Tombstones go with the entry
 * that made them. Runs beside writes, a bounded number of rows a turn; an idle replica does not compact.
 */
import type { Context } from "./context.ts";
import { hlcAt } from "./hlc.ts";
import type { Leaderships } from "./leaderships.ts";
import type { Tail } from "./position.ts";
import type { Log } from "./log.ts";
import { pinnedThrough } from "./snapshot-source.ts";
import type { BaseRow } from "./storage.ts";

/** What a row takes beside its entry, roughly; and an entry, before any was seen. */
const ROW_BYTES = 200;

export class Compaction {
  readonly #context: Context;
  readonly #leaderships: Leaderships;
  readonly #lookedAt = new Map<number, number>();

  constructor(context: Context, leaderships: Leaderships) {
    this.#context = context;
    this.#leaderships = leaderships;
  }

  advance(): void {
    const { compactEveryEntries } = this.#context.config.limits;
    for (const log of this.#context.logs.values()) {
      const looked = this.#lookedAt.get(log.o);
      if (looked !== undefined && log.last.s >= looked && log.last.s - looked < compactEveryEntries) continue;
      this.#lookedAt.set(log.o, log.last.s);
      if (looked !== undefined) this.compact(log);
    }
  }

  /** Drops up to a turn's worth of rows; answers how many. */
  compact(log: Log): number {
    const { config, now, rules, storage } = this.#context;
    const first = storage.first(log.o);
    if (first === null) return 0;
    const horizon = hlcAt(now - config.timing.retainMs);
    const head = storage.entry(log.o, log.last.s);
    const tooLong =
      (log.last.s - log.base.s) * ((head?.bytes.length ?? 0) + ROW_BYTES) > config.limits.logBytesMax;
    if (first.hlc >= horizon && !tooLong) return 0;
    const leadership = this.#leaderships.of(log.o);
    const bounds = {
      commit: log.commit,
      applied: log.applied,
      pinned: pinnedThrough(this.#context, log),
      matches: leadership === null || tooLong ? [] : leadership.matches(),
    };
    let base: BaseRow | null = null;
    let reclaimed: Tail = log.base.reclaimed;
    let dropped = 0;
    for (const row of storage.rowsForCompaction(
      log.o,
      Math.min(log.commit, log.applied),
      config.limits.compactRowsMax,
    )) {
      if (!rules.mayCompact(row.s, bounds) || (row.hlc >= horizon && !tooLong)) break;
      if (this.#reclaim(log, row.entry)) reclaimed = { e: row.e, s: row.s };
      base = { o: log.o, e: row.e, s: row.s, chain: row.chain, hlc: row.hlc, reclaimed };
      dropped += 1;
    }
    if (base === null) return 0;
    storage.deleteThrough(log.o, base.s);
    storage.putBase(base);
    log.base = base;
    return dropped;
  }

  /** Removes the tombstones that the entry made and nobody replaced since. */
  #reclaim(log: Log, bytes: Uint8Array): boolean {
    const { codec, storage } = this.#context;
    const entry = codec.decode(bytes);
    let any = false;
    for (const op of entry.ops) {
      if (op.after !== undefined) continue;
      const item = storage.item(entry.user, op.key, false);
      if (item === null || !item.tombstone || item.o !== log.o || item.s !== entry.s) continue;
      storage.deleteItem(entry.user, op.key);
      any = true;
    }
    return any;
  }
}
