/** Entries that were cut off here, until they are recorded in their log. */
import type { Position } from "../replication/position.ts";
import type { CutPlace, DivergentRow } from "../replication/storage.ts";
import { blob, integer, maybeStr, num, ROW_BYTES_MAX } from "./column.ts";
import type { SqlDriver, SqlValue } from "./sql-driver.ts";
import { decodeUndo, encodeUndo, packRecords, unpackRecords } from "./undo-codec.ts";

export class DivergentTable {
  readonly #sql: SqlDriver;
  /** Asked for in every turn, and nearly always none. */
  #places: readonly CutPlace[] | null = null;

  constructor(sql: SqlDriver) {
    this.#sql = sql;
  }

  put(row: DivergentRow): void {
    const undo = row.undo === null ? null : packRecords(encodeUndo(row.undo));
    // A pre-image is a convenience here (the base of a replay); what does not fit is left out, the entry never is.
    const fitting = undo !== null && undo.length + row.entry.length <= ROW_BYTES_MAX ? undo : null;
    this.#places = null;
    this.#sql.run(
      `INSERT OR REPLACE INTO divergent(o, e, s, applied, found_at, entry, undo, user) VALUES(?, ?, ?, ?, ?, ?, ?, ?)`,
      row.o,
      integer(row.e),
      integer(row.s),
      row.applied ? 1 : 0,
      integer(row.foundAt),
      row.entry,
      fitting,
      row.user,
    );
  }

  places(): readonly CutPlace[] {
    this.#places ??= this.#sql
      .rows(`SELECT o, e, s, found_at, user FROM divergent ORDER BY o, e, s`)
      .map((r) => ({ o: num(r[0]), e: num(r[1]), s: num(r[2]), foundAt: num(r[3]), user: maybeStr(r[4]) }));
    return this.#places;
  }

  at({ o, e, s }: Position): DivergentRow | null {
    const r = this.#sql.rows(
      `SELECT o, e, s, applied, found_at, entry, undo, user FROM divergent WHERE o = ? AND e = ? AND s = ?`,
      o,
      e,
      s,
    )[0];
    return r === undefined ? null : divergentRow(r);
  }

  delete({ o, e, s }: Position): void {
    this.#places = null;
    this.#sql.run(`DELETE FROM divergent WHERE o = ? AND e = ? AND s = ?`, o, e, s);
  }
}

function divergentRow(r: SqlValue[]): DivergentRow {
  return {
    o: num(r[0]),
    e: num(r[1]),
    s: num(r[2]),
    applied: r[3] === 1,
    foundAt: num(r[4]),
    entry: blob(r[5]),
    undo: r[6] === null ? null : decodeUndo(unpackRecords(blob(r[6]))),
    user: maybeStr(r[7]),
  };
}
