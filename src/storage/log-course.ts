/** What is known of each log beside its rows: where the rows that are kept begin, and where each epoch did. */
import type { BaseRow, EpochRow } from "../replication/storage.ts";
import { blob, integer, num } from "./column.ts";
import type { SqlDriver } from "./sql-driver.ts";

export class LogCourse {
  readonly #sql: SqlDriver;

  constructor(sql: SqlDriver) {
    this.#sql = sql;
  }

  bases(): BaseRow[] {
    return this.#sql.rows(`SELECT o, e, s, chain, hlc, reclaimed_e, reclaimed_s FROM base`).map((r) => ({
      o: num(r[0]),
      e: num(r[1]),
      s: num(r[2]),
      chain: blob(r[3]),
      hlc: num(r[4]),
      reclaimed: { e: num(r[5]), s: num(r[6]) },
    }));
  }

  putBase(row: BaseRow): void {
    this.#sql.run(
      `INSERT INTO base(o, e, s, chain, hlc, reclaimed_e, reclaimed_s) VALUES(?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT(o) DO UPDATE SET e = excluded.e, s = excluded.s, chain = excluded.chain, hlc = excluded.hlc,
         reclaimed_e = excluded.reclaimed_e, reclaimed_s = excluded.reclaimed_s`,
      row.o,
      integer(row.e),
      integer(row.s),
      row.chain,
      integer(row.hlc),
      integer(row.reclaimed.e),
      integer(row.reclaimed.s),
    );
  }

  epochs(): EpochRow[] {
    return this.#sql
      .rows(`SELECT o, e, start FROM epochs ORDER BY o, e`)
      .map((r) => ({ o: num(r[0]), e: num(r[1]), start: num(r[2]) }));
  }

  putEpoch(row: EpochRow): void {
    this.#sql.run(
      `INSERT OR REPLACE INTO epochs(o, e, start) VALUES(?, ?, ?)`,
      row.o,
      integer(row.e),
      integer(row.start),
    );
  }

  dropEpochs(o: number, start: number): void {
    this.#sql.run(`DELETE FROM epochs WHERE o = ? AND start >= ?`, o, start);
  }

  clearEpochs(o: number): void {
    this.#sql.run(`DELETE FROM epochs WHERE o = ?`, o);
  }
}
