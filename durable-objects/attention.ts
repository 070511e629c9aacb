/**
 * Which replicas of a region have given up on somebody for now and are worth a visit: kept at the region's partition 0, so that
 * whoever visits asks one object for each region, and otherwise wakes only those that have something to do.
 *
 * A hint: a note that is lost costs nothing but the visit. The next request brings the same about.
 */
import type { SqlDriver } from "../src/storage/sql-driver.ts";

export class Attention {
  readonly #sql: SqlDriver;
  #ready = false;

  constructor(sql: SqlDriver) {
    this.#sql = sql;
  }

  note(partition: number): void {
    this.#prepare();
    this.#sql.run(`INSERT OR IGNORE INTO attention(partition) VALUES(?)`, partition);
  }

  /** In order, and forgotten with that. */
  take(): number[] {
    this.#prepare();
    const partitions = this.#sql
      .rows(`SELECT partition FROM attention ORDER BY partition`)
      .map(([partition]) => Number(partition));
    if (partitions.length > 0) this.#sql.run(`DELETE FROM attention`);
    return partitions;
  }

  #prepare(): void {
    if (this.#ready) return;
    this.#sql.run(`CREATE TABLE IF NOT EXISTS attention(partition INTEGER PRIMARY KEY)`);
    this.#ready = true;
  }
}
