/**
 * How far each sink is with one log, as one replica knows it: the leader of its own doing, a follower because the leader
 * has said so. What is in memory is never less than what is stored.
 *
 * A place only moves on within a round. Setting a sink to another place by hand begins the next one, so that of two marks
 * that cross on the way the later one counts.
 */
import type { SinkMark } from "./message.ts";
import type { RegionIndex } from "./position.ts";
import type { SinkRow, Storage } from "./storage.ts";

/** Entries by which memory may be ahead of a follower's row, or of what a leader skipped: what a restart reads again. */
const AHEAD_MAX = 128;

export class SinkLedger {
  readonly #o: RegionIndex;
  readonly #storage: Storage;
  readonly #rows = new Map<string, SinkRow>();
  readonly #stored = new Map<string, SinkRow>();
  /** Grows with every change that a peer should know of; 0: there is nothing to tell. */
  version = 0;

  constructor(o: RegionIndex, storage: Storage, rows: readonly SinkRow[]) {
    this.#o = o;
    this.#storage = storage;
    for (const row of rows) {
      this.#rows.set(row.name, row);
      this.#stored.set(row.name, row);
      this.version = 1;
    }
  }

  row(name: string): SinkRow | undefined {
    return this.#rows.get(name);
  }

  rows(): SinkRow[] {
    return [...this.#rows.values()];
  }

  marks(): SinkMark[] {
    return this.rows().map(({ name, round, delivered }) => ({ name, round, s: delivered }));
  }

  /** Durable with this turn. */
  put(row: SinkRow): void {
    const before = this.#rows.get(row.name);
    if (before?.delivered !== row.delivered || before.round !== row.round) this.version += 1;
    this.#rows.set(row.name, row);
    this.#stored.set(row.name, row);
    this.#storage.putSink(row);
  }

  /** Nothing up to there was the sink's business. Stored now and then. */
  skip(name: string, through: number): void {
    const row = this.#rows.get(name);
    if (row !== undefined) this.#advance({ ...row, delivered: through });
  }

  /** The leader's word. */
  heard(marks: readonly SinkMark[]): void {
    for (const { name, round, s } of marks) {
      const known = this.#rows.get(name);
      if (known !== undefined && (round < known.round || (round === known.round && s <= known.delivered)))
        continue;
      this.#advance({
        o: this.#o,
        name,
        round,
        delivered: s,
        state: "active",
        through: 0,
        attempts: 0,
        nextAt: 0,
        error: "",
      });
    }
  }

  /** What was delivered is not to look lost after a restart because the log no longer has it. */
  compacted(base: number): void {
    for (const row of this.#rows.values()) {
      const stored = this.#stored.get(row.name);
      if (row.delivered >= base && (stored?.delivered ?? 0) < base) this.put(row);
    }
  }

  #advance(row: SinkRow): void {
    const stored = this.#stored.get(row.name);
    if (
      stored === undefined ||
      stored.round !== row.round ||
      stored.state !== row.state ||
      row.delivered - stored.delivered >= AHEAD_MAX
    ) {
      this.put(row);
      return;
    }
    this.version += 1;
    this.#rows.set(row.name, row);
  }
}
