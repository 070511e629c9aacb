/**
 * The faults that are active at this replica, kept in a table of their own so that a fault outlives the restart it may
 * itself have caused, and ends at its own deadline whether or not anybody comes to end it.
 *
 * Where drills are off there is no store at all. Where they are on and no fault is set, a request pays for one
 * comparison.
 */
import type { RegionIndex } from "../src/replication/position.ts";
import type { SqlDriver } from "../src/storage/sql-driver.ts";
import { skewOf, type FaultRecord } from "./faults.ts";

export class FaultStore {
  readonly #sql: SqlDriver;
  #faults: readonly FaultRecord[] = [];

  constructor(sql: SqlDriver, now: number) {
    this.#sql = sql;
    sql.run(
      `CREATE TABLE IF NOT EXISTS faults(id TEXT PRIMARY KEY, ends_at INTEGER NOT NULL, record TEXT NOT NULL) WITHOUT ROWID`,
    );
    this.#load(now);
  }

  /** May be true for a while after the last fault has ended, never false before. */
  get any(): boolean {
    return this.#faults.length > 0;
  }

  active(now: number): readonly FaultRecord[] {
    if (this.#faults.some((fault) => fault.endsAt <= now)) {
      this.#faults = this.#faults.filter((fault) => fault.endsAt > now);
    }
    return this.#faults;
  }

  /** The same id again replaces it. */
  put(fault: FaultRecord, now: number): void {
    this.#sql.run(
      `INSERT INTO faults(id, ends_at, record) VALUES(?, ?, ?)
       ON CONFLICT(id) DO UPDATE SET ends_at = excluded.ends_at, record = excluded.record`,
      fault.id,
      fault.endsAt,
      JSON.stringify(fault),
    );
    this.#load(now);
  }

  /** `null`: all. */
  end(id: string | null, now: number): void {
    if (id === null) this.#sql.run(`DELETE FROM faults`);
    else this.#sql.run(`DELETE FROM faults WHERE id = ?`, id);
    this.#load(now);
  }

  skewMs(region: RegionIndex, now: number): number {
    return this.any ? skewOf(this.active(now), region, now) : 0;
  }

  /** When the first of the skews that are active ends; Infinity when none is. */
  skewEndsAt(region: RegionIndex, now: number): number {
    const ends = this.active(now)
      .filter((fault) => fault.kind === "skew" && fault.region === region)
      .map((fault) => fault.endsAt);
    return Math.min(Infinity, ...ends);
  }

  #load(now: number): void {
    this.#sql.run(`DELETE FROM faults WHERE ends_at <= ?`, now);
    this.#faults = this.#sql
      .rows(`SELECT record FROM faults ORDER BY ends_at`)
      .map(([record]) => JSON.parse(String(record)) as FaultRecord);
  }
}
