/** What there is one of, by its name: who the replica is, and how far it is with the work that it does alone. */
import { integer } from "./column.ts";
import type { SqlDriver } from "./sql-driver.ts";

export class MetaTable {
  readonly #sql: SqlDriver;

  constructor(sql: SqlDriver) {
    this.#sql = sql;
  }

  get(k: string): string | number | null {
    const value = this.#sql.rows(`SELECT v FROM meta WHERE k = ?`, k)[0]?.[0] ?? null;
    return typeof value === "object" ? null : value;
  }

  set(k: string, v: string | number): void {
    if (typeof v === "number") integer(v);
    this.#sql.run(`INSERT INTO meta(k, v) VALUES(?, ?) ON CONFLICT(k) DO UPDATE SET v = excluded.v`, k, v);
  }
}
