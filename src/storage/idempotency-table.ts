/** What was answered to each request that came with an idempotency key. */
import type { IdempotencyRow } from "../replication/state-row.ts";
import { blob, integer, num, str } from "./column.ts";
import type { SqlDriver, SqlValue } from "./sql-driver.ts";

const COLUMNS = `user, k, fingerprint, o, e, s, status, hlc`;

export class IdempotencyTable {
  readonly #sql: SqlDriver;

  constructor(sql: SqlDriver) {
    this.#sql = sql;
  }

  get(user: string, k: Uint8Array): IdempotencyRow | null {
    const r = this.#sql.rows(`SELECT ${COLUMNS} FROM idempotency WHERE user = ? AND k = ?`, user, k)[0];
    return r === undefined ? null : idempotencyRow(r);
  }

  put(row: IdempotencyRow): void {
    this.#sql.run(
      `INSERT INTO idempotency(${COLUMNS}) VALUES(?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT(user, k) DO UPDATE SET fingerprint = excluded.fingerprint, o = excluded.o, e = excluded.e, s = excluded.s,
         status = excluded.status, hlc = excluded.hlc`,
      row.user,
      row.k,
      row.fingerprint,
      row.o,
      integer(row.e),
      integer(row.s),
      row.status,
      integer(row.hlc),
    );
  }

  delete(user: string, k: Uint8Array): void {
    this.#sql.run(`DELETE FROM idempotency WHERE user = ? AND k = ?`, user, k);
  }

  count(user: string): number {
    return num(this.#sql.rows(`SELECT count(*) FROM idempotency WHERE user = ?`, user)[0]?.[0]);
  }

  trim(user: string, keep: number): void {
    this.#sql.run(
      `DELETE FROM idempotency WHERE user = ? AND k IN (SELECT k FROM idempotency WHERE user = ? ORDER BY hlc DESC, s DESC LIMIT -1 OFFSET ?)`,
      user,
      user,
      keep,
    );
  }

  expire(hlcBelow: number, rowsMax: number): number {
    const rows = this.#sql.rows(`SELECT user, k FROM idempotency WHERE hlc < ? LIMIT ?`, hlcBelow, rowsMax);
    for (const r of rows) this.delete(str(r[0]), blob(r[1]));
    return rows.length;
  }

  page(after: { readonly user: string; readonly k: Uint8Array }, rowsMax: number): IdempotencyRow[] {
    return this.#sql
      .rows(
        `SELECT ${COLUMNS} FROM idempotency WHERE (user, k) > (?, ?) ORDER BY user, k LIMIT ?`,
        after.user,
        after.k,
        rowsMax,
      )
      .map(idempotencyRow);
  }

  /** With `before`: what was written before that hlc. */
  deleteOf(user: string, before: number | null): void {
    if (before === null) this.#sql.run(`DELETE FROM idempotency WHERE user = ?`, user);
    else this.#sql.run(`DELETE FROM idempotency WHERE user = ? AND hlc < ?`, user, before);
  }

  clear(): void {
    this.#sql.run(`DELETE FROM idempotency`);
  }
}

function idempotencyRow(r: SqlValue[]): IdempotencyRow {
  return {
    user: str(r[0]),
    k: blob(r[1]),
    fingerprint: blob(r[2]),
    o: num(r[3]),
    e: num(r[4]),
    s: num(r[5]),
    status: num(r[6]),
    hlc: num(r[7]),
  };
}
