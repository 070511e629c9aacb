/** Messages that could not be read, kept to be looked at. */
import { integer, num } from "./column.ts";
import type { SqlDriver } from "./sql-driver.ts";

export class PoisonTable {
  readonly #sql: SqlDriver;

  constructor(sql: SqlDriver) {
    this.#sql = sql;
  }

  delete(before = Number.MAX_SAFE_INTEGER): void {
    this.#sql.run(`DELETE FROM poison WHERE at < ?`, before);
  }

  put(at: number, error: string, raw: Uint8Array): void {
    this.#sql.run(
      `INSERT INTO poison(at, error, raw) VALUES(?, ?, ?)`,
      integer(at),
      error.slice(0, 1000),
      raw,
    );
  }

  count(): number {
    return num(this.#sql.rows(`SELECT count(*) FROM poison`)[0]?.[0]);
  }
}
