/**
 * Dropping the old part of a log. Never what is not committed, not applied, pinned by a snapshot, or not yet with every
 * follower and every active sink (until the log outgrows its bound: then the laggard has to take a snapshot). Tombstones go with the entry
 * that made them. Runs beside writes, a bounded number of rows a turn; an idle replica does not compact.
 */
import type { Context } from "./context.ts";
import { hlcAt } from "./hlc.ts";
import type { Leaderships } from "./leaderships.ts";
import type { Tail } from "./position.ts";
import type { Log } from "./log.ts";
import type { Sinks } from "./sink.ts";
import { pinnedThrough } from "./snapshot-source.ts";
import type { BaseRow } from "./storage.ts";

/** What a row takes beside its entry, roughly. */
const ROW_BYTES = 200;
/** No entry is larger: a value of 1 MiB, or as much of several, and what describes it. */
const ENTRY_BYTES_MAX = 2_000_000;
/** Looks between two sweeps of idempotency rows: their table has no index by age. */
const SWEEP_LOOKS = 4;
/** Entries read in one turn. */
const PAGE_BYTES = 4_000_000;

export class Compaction {
  readonly #context: Context;
  readonly #leaderships: Leaderships;
  readonly #sinks: Sinks;
  readonly #lookedAt = new Map<number, number>();
  #looks = 0;
  /** Bytes of each log's rows in (base, through]. */
  readonly #counted = new Map<
    number,
    { readonly base: number; readonly through: number; readonly bytes: number }
  >();

  constructor(context: Context, leaderships: Leaderships, sinks: Sinks) {
    this.#context = context;
    this.#leaderships = leaderships;
    this.#sinks = sinks;
  }

  advance(): void {
    const { compactEveryEntries } = this.#context.config.limits;
    for (const log of this.#context.logs.values()) {
      const looked = this.#lookedAt.get(log.o);
      if (looked !== undefined && log.last.s >= looked && log.last.s - looked < compactEveryEntries) continue;
      this.#lookedAt.set(log.o, log.last.s);
      if (looked === undefined) continue;
      this.compact(log);
      this.#looks += 1;
      if (this.#looks % SWEEP_LOOKS === 0) this.#sweep();
    }
  }

  /** Drops up to a turn's worth of rows; answers how many. */
  compact(log: Log): number {
    const { config, now, rules, storage } = this.#context;
    const first = storage.first(log.o);
    if (first === null) return 0;
    const horizon = hlcAt(now - config.timing.retainMs);
    const tooLong = this.#bytesOf(log) > config.limits.logBytesMax;
    if (first.hlc >= horizon && !tooLong) return 0;
    const leadership = this.#leaderships.of(log.o);
    const bounds = {
      commit: log.commit,
      applied: log.applied,
      pinned: pinnedThrough(this.#context, log),
      matches: leadership === null || tooLong ? [] : leadership.matches(),
      held: tooLong ? Infinity : this.#sinks.heldFrom(log.o),
    };
    let base: BaseRow | null = null;
    let reclaimed: Tail = log.base.reclaimed;
    let dropped = 0;
    let droppedBytes = 0;
    for (const row of storage.rowsForCompaction(
      log.o,
      Math.min(log.commit, log.applied),
      PAGE_BYTES,
      config.limits.compactRowsMax,
    )) {
      if (!rules.mayCompact(row.s, bounds) || (row.hlc >= horizon && !tooLong)) break;
      if (this.#reclaim(log, row.entry)) reclaimed = { e: row.e, s: row.s };
      base = { o: log.o, e: row.e, s: row.s, chain: row.chain, hlc: row.hlc, reclaimed };
      dropped += 1;
      droppedBytes += row.entry.length + ROW_BYTES;
    }
    if (base === null) return 0;
    storage.deleteThrough(log.o, base.s);
    storage.putBase(base);
    log.base = base;
    const counted = this.#counted.get(log.o);
    if (counted !== undefined)
      this.#counted.set(log.o, { ...counted, base: base.s, bytes: counted.bytes - droppedBytes });
    return dropped;
  }

  /** Idempotency rows whose time is over, at every replica: a few of them each time. */
  #sweep(): void {
    const { config, now, storage } = this.#context;
    storage.expireIdempotency(hlcAt(now - config.timing.idempotencyMs), config.limits.compactRowsMax);
  }

  /** Counted once over the whole log, then only what is new; a log too short to be too long is not counted at all. */
  #bytesOf(log: Log): number {
    const { config, storage } = this.#context;
    if ((log.last.s - log.base.s) * ENTRY_BYTES_MAX <= config.limits.logBytesMax) return 0;
    let counted = this.#counted.get(log.o);
    // A snapshot or a truncation has replaced what was counted.
    const base = log.base.s;
    if (counted === undefined || counted.base !== base || counted.through > log.last.s)
      counted = { base, through: base, bytes: 0 };
    const bytes =
      counted.bytes + storage.logBytes(log.o, counted.through) + (log.last.s - counted.through) * ROW_BYTES;
    this.#counted.set(log.o, { base, through: log.last.s, bytes });
    return bytes;
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
