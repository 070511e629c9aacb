/**
 * Whose entries stand where in a log: the rows say it one by one, and a filter says for each stretch that is complete who is
 * not in it, so that a reader of one user's changes skips what is not theirs.
 */
import type { UserEntry } from "../replication/storage.ts";
import { blob, num, placeOf, str } from "./column.ts";
import type { SqlDriver } from "./sql-driver.ts";
import { filterOf, mayHold } from "./user-filter.ts";

/** Entries of a log that one filter stands for. */
export const STRETCH_ENTRIES = 256;
/** What one look for a user's entries may cost: rows without a filter, filters, and when a filter is not worth its row. */
const LOOKED_ROWS_MAX = 4_096;
const LOOKED_STRETCHES_MAX = 256;
const FEW_ROWS = 32;

export class LogUsers {
  readonly #sql: SqlDriver;
  readonly #stretchEntries: number;

  constructor(sql: SqlDriver, stretchEntries: number) {
    this.#sql = sql;
    this.#stretchEntries = stretchEntries;
  }

  /** After an entry was stored. */
  noteStored(o: number, s: number): void {
    if (s % this.#stretchEntries === 0) this.#closeStretch(o, s);
  }

  /** The last entry of a stretch came: who is in it will not change, unless it is cut off again. */
  #closeStretch(o: number, s: number): void {
    const users = this.within(o, s - this.#stretchEntries, s);
    if (users.has(null)) return;
    const filter = filterOf([...users].filter((user): user is string => user !== null && user !== ""));
    this.#sql.run(
      `INSERT OR REPLACE INTO stretches(o, stretch, users) VALUES(?, ?, ?)`,
      o,
      s / this.#stretchEntries,
      filter,
    );
  }

  /** Logs are cut from their end: whatever is cut of a stretch, its last entry goes first. */
  noteCut(o: number, s: number): void {
    const stretch = s / this.#stretchEntries;
    if (Number.isInteger(stretch))
      this.#sql.run(`DELETE FROM stretches WHERE o = ? AND stretch = ?`, o, stretch);
  }

  deleteThrough(o: number, s: number): void {
    this.#sql.run(
      `DELETE FROM stretches WHERE o = ? AND stretch <= ?`,
      o,
      Math.floor(s / this.#stretchEntries),
    );
  }

  clear(o: number): void {
    this.#sql.run(`DELETE FROM stretches WHERE o = ?`, o);
  }

  /** null: somebody's, it is not known whose. */
  within(o: number, after: number, through: number): Set<string | null> {
    const rows = this.#sql.rows(
      `SELECT DISTINCT user FROM log WHERE place > ? AND place <= ?`,
      placeOf(o, after),
      placeOf(o, through),
    );
    return new Set(rows.map(([user]) => (user === null ? null : str(user))));
  }

  entriesOf(
    o: number,
    user: string,
    range: { readonly after: number; readonly through: number; readonly entriesMax: number },
  ): { found: UserEntry[]; looked: number } {
    const size = this.#stretchEntries;
    const found: UserEntry[] = [];
    let at = range.after;
    let filters: ReadonlyMap<number, Uint8Array> | null = null;
    let rowsLeft = LOOKED_ROWS_MAX;
    let stretchesLeft = LOOKED_STRETCHES_MAX;
    while (at < range.through && found.length < range.entriesMax && rowsLeft > 0 && stretchesLeft > 0) {
      stretchesLeft -= 1;
      const stretch = Math.floor(at / size) + 1;
      const end = Math.min(range.through, stretch * size);
      // A few rows are looked at as quickly as a filter.
      if (range.through - range.after > FEW_ROWS) filters ??= this.#filters(o, stretch);
      const filter = filters?.get(stretch);
      if (filter === undefined || mayHold(filter, user)) {
        rowsLeft -= end - at;
        const room = range.entriesMax - found.length;
        const rows = this.#sql.rows(
          `SELECT e, s, length(entry) FROM log WHERE place > ? AND place <= ? AND (user = ? OR user IS NULL) ORDER BY place LIMIT ?`,
          placeOf(o, at),
          placeOf(o, end),
          user,
          room,
        );
        for (const r of rows) found.push({ e: num(r[0]), s: num(r[1]), entryBytes: num(r[2]) });
        if (rows.length === room) return { found, looked: found.at(-1)!.s };
      }
      at = end;
    }
    return { found, looked: at };
  }

  #filters(o: number, from: number): Map<number, Uint8Array> {
    const rows = this.#sql.rows(
      `SELECT stretch, users FROM stretches WHERE o = ? AND stretch >= ? ORDER BY stretch LIMIT ?`,
      o,
      from,
      LOOKED_STRETCHES_MAX,
    );
    return new Map(rows.map((r) => [num(r[0]), blob(r[1])]));
  }
}
