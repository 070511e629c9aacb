/** The lost writes that are recorded, and what became of each. */
import type { LostState } from "../replication/entry.ts";
import type { Position } from "../replication/position.ts";
import type { LostRow } from "../replication/state-row.ts";
import { blob, integer, num, str } from "./column.ts";
import type { SqlDriver, SqlValue } from "./sql-driver.ts";

/** As numbers. */
const STATES: Readonly<Record<LostState, number>> = { open: 1, replayed: 2, discarded: 3, folded: 4 };
const COLUMNS = `user, o, e, s, hlc, recorded_e, recorded_s, state, by_o, by_e, by_s, identity, record`;

export class LostTable {
  readonly #sql: SqlDriver;
  /** There is none at all, as nearly always; null: not looked up. */
  #none: boolean | null = null;

  constructor(sql: SqlDriver) {
    this.#sql = sql;
  }

  put(row: LostRow): void {
    this.#none = false;
    this.#sql.run(
      `INSERT OR REPLACE INTO lost(${COLUMNS}) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      row.user,
      row.o,
      integer(row.e),
      integer(row.s),
      integer(row.hlc),
      integer(row.recorded.e),
      integer(row.recorded.s),
      STATES[row.state],
      row.by?.o ?? null,
      row.by === undefined ? null : integer(row.by.e),
      row.by === undefined ? null : integer(row.by.s),
      row.identity,
      row.record,
    );
  }

  at(user: string, { o, e, s }: Position): LostRow | null {
    if (this.#isNone()) return null;
    const r = this.#sql.rows(
      `SELECT ${COLUMNS} FROM lost WHERE user = ? AND o = ? AND e = ? AND s = ?`,
      user,
      o,
      e,
      s,
    )[0];
    return r === undefined ? null : lostRow(r);
  }

  after(user: string, after: Position | null): LostRow | null {
    if (this.#isNone()) return null;
    const { o, e, s } = after ?? { o: -1, e: 0, s: 0 };
    const r = this.#sql.rows(
      `SELECT ${COLUMNS} FROM lost WHERE user = ? AND (o, e, s) > (?, ?, ?) AND state <> ? ORDER BY o, e, s LIMIT 1`,
      user,
      o,
      e,
      s,
      STATES.folded,
    )[0];
    return r === undefined ? null : lostRow(r);
  }

  ofRequest(user: string, identity: Uint8Array): LostRow[] {
    if (this.#isNone()) return [];
    return this.#sql
      .rows(
        `SELECT ${COLUMNS} FROM lost WHERE user = ? AND identity = ? AND state <> ? ORDER BY o, e, s`,
        user,
        identity,
        STATES.folded,
      )
      .map(lostRow);
  }

  settle(user: string, { o, e, s }: Position, state: LostState, by: Position | null): void {
    this.#sql.run(
      `UPDATE lost SET state = ?, by_o = ?, by_e = ?, by_s = ? WHERE user = ? AND o = ? AND e = ? AND s = ?`,
      STATES[state],
      by?.o ?? null,
      by === null ? null : integer(by.e),
      by === null ? null : integer(by.s),
      user,
      o,
      e,
      s,
    );
  }

  delete(user: string, { o, e, s }: Position): void {
    this.#sql.run(`DELETE FROM lost WHERE user = ? AND o = ? AND e = ? AND s = ?`, user, o, e, s);
  }

  #isNone(): boolean {
    this.#none ??= this.#sql.rows(`SELECT 1 FROM lost LIMIT 1`).length === 0;
    return this.#none;
  }

  /** The next one of all users, in the order of users and places. One at a time: each may fill a page, and there are few. */
  next(after: Position & { readonly user: string }): LostRow | null {
    const r = this.#sql.rows(
      `SELECT ${COLUMNS} FROM lost WHERE (user, o, e, s) > (?, ?, ?, ?) ORDER BY user, o, e, s LIMIT 1`,
      after.user,
      after.o,
      after.e,
      after.s,
    )[0];
    return r === undefined ? null : lostRow(r);
  }

  /** With `before`: what was written before that hlc. */
  deleteOf(user: string, before: number | null): void {
    if (before === null) this.#sql.run(`DELETE FROM lost WHERE user = ?`, user);
    else this.#sql.run(`DELETE FROM lost WHERE user = ? AND hlc < ?`, user, before);
  }

  clear(): void {
    this.#sql.run(`DELETE FROM lost`);
  }
}

function lostRow(r: SqlValue[]): LostRow {
  const state = (Object.keys(STATES) as LostState[]).find((word) => STATES[word] === r[7]);
  if (state === undefined) throw new TypeError(`no state of a lost write: ${String(r[7])}`);
  return {
    user: str(r[0]),
    o: num(r[1]),
    e: num(r[2]),
    s: num(r[3]),
    hlc: num(r[4]),
    recorded: { e: num(r[5]), s: num(r[6]) },
    state,
    ...(r[8] === null ? {} : { by: { o: num(r[8]), e: num(r[9]), s: num(r[10]) } }),
    identity: blob(r[11]),
    record: blob(r[12]),
  };
}
