/**
 * Tickets that were used, each once. A table of its own, like that of faults: it has nothing to do with the replica's state and is not
 * replicated, because a ticket names the one object that redeems it.
 */
import type { SqlDriver } from "../src/storage/sql-driver.ts";

/** Clocks of edges differ: a ticket is remembered for so long after it has expired by its own. */
const REMEMBERED_MS = 120_000;

export class TicketBook {
  readonly #sql: SqlDriver;
  #ready = false;

  constructor(sql: SqlDriver) {
    this.#sql = sql;
  }

  /** False: it was used before. */
  redeem(nonce: string, expiresAt: number, now: number): boolean {
    if (!this.#ready) {
      this.#sql.run(
        `CREATE TABLE IF NOT EXISTS tickets(nonce TEXT PRIMARY KEY, expires_at INTEGER NOT NULL) WITHOUT ROWID`,
      );
      this.#ready = true;
    }
    if (this.#sql.rows(`SELECT 1 FROM tickets WHERE nonce = ?`, nonce).length > 0) return false;
    this.#sql.run(`DELETE FROM tickets WHERE expires_at < ?`, now - REMEMBERED_MS);
    this.#sql.run(`INSERT INTO tickets(nonce, expires_at) VALUES(?, ?)`, nonce, expiresAt);
    return true;
  }
}
