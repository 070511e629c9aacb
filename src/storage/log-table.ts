/**
 * The rows of the logs, one for each entry, with its pre-image beside it as long as that may be needed. The last entries of each
 * log are remembered, so a storage whose transaction was rolled back is thrown away.
 */
import type { RawEntry } from "../replication/entry.ts";
import type { LogHead, LogRow, UndoImage } from "../replication/storage.ts";
import { blob, integer, NO_BYTES, num, placeOf, str } from "./column.ts";
import { EntryTail } from "./entry-tail.ts";
import type { LogUsers } from "./log-users.ts";
import type { SqlDriver, SqlValue } from "./sql-driver.ts";
import { UndoTable } from "./undo-table.ts";

export class LogTable {
  readonly #sql: SqlDriver;
  readonly #users: LogUsers;
  readonly #undo: UndoTable;
  readonly #tails = new Map<number, EntryTail>();

  constructor(sql: SqlDriver, users: LogUsers) {
    this.#sql = sql;
    this.#users = users;
    this.#undo = new UndoTable(sql);
  }

  head(o: number): LogHead | null {
    const r = this.#sql.rows(
      `SELECT e, s, hlc, commit_s, chain FROM log WHERE place > ? AND place < ? ORDER BY place DESC LIMIT 1`,
      placeOf(o, 0),
      placeOf(o + 1, 0),
    )[0];
    return r === undefined
      ? null
      : { e: num(r[0]), s: num(r[1]), hlc: num(r[2]), commit: num(r[3]), chain: blob(r[4]) };
  }

  appliedHead(o: number): number {
    const r = this.#sql.rows(
      `SELECT s FROM log WHERE place > ? AND place < ? AND applied = 1 ORDER BY place DESC LIMIT 1`,
      placeOf(o, 0),
      placeOf(o + 1, 0),
    )[0];
    return r === undefined ? 0 : num(r[0]);
  }

  first(o: number): { s: number; hlc: number } | null {
    const r = this.#sql.rows(
      `SELECT s, hlc FROM log WHERE place > ? AND place < ? ORDER BY place LIMIT 1`,
      placeOf(o, 0),
      placeOf(o + 1, 0),
    )[0];
    return r === undefined ? null : { s: num(r[0]), hlc: num(r[1]) };
  }

  insert(row: LogRow): void {
    this.#sql.run(
      `INSERT INTO log(place, o, s, e, hlc, commit_s, applied, user, chain, entry, undo, redacted) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      placeOf(row.o, row.s),
      row.o,
      integer(row.s),
      integer(row.e),
      integer(row.hlc),
      integer(row.commit),
      row.applied ? 1 : 0,
      row.user,
      row.chain,
      row.bytes,
      this.#undo.pack(row.o, row.s, row.bytes.length, row.undo),
      row.redacted === true ? 1 : null,
    );
    this.#tail(row.o).push(row);
    this.#users.noteStored(row.o, row.s);
  }

  keepCommit(o: number, s: number, commit: number): void {
    this.#sql.run(`UPDATE log SET commit_s = ? WHERE place = ?`, integer(commit), placeOf(o, s));
  }

  markApplied(o: number, s: number, undo: UndoImage | null): void {
    const r = this.#sql.rows(`SELECT length(entry) FROM log WHERE place = ?`, placeOf(o, s))[0];
    if (r === undefined) throw new Error(`no entry ${o}:${s} to mark as applied`);
    this.#sql.run(
      `UPDATE log SET applied = 1, undo = ? WHERE place = ?`,
      this.#undo.pack(o, s, num(r[0]), undo),
      placeOf(o, s),
    );
  }

  markUnapplied(o: number, after: number): void {
    this.#sql.run(
      `UPDATE log SET applied = 0, undo = NULL WHERE place > ? AND place < ?`,
      placeOf(o, after),
      placeOf(o + 1, 0),
    );
    this.#sql.run(
      `UPDATE log SET applied = 1, undo = NULL WHERE place > ? AND place <= ? AND applied = 0`,
      placeOf(o, 0),
      placeOf(o, after),
    );
    this.#undo.deleteAfter(o, after);
  }

  entry(o: number, s: number): LogRow | null {
    const r = this.#sql.rows(
      `SELECT e, s, hlc, commit_s, applied, chain, entry, undo, user, redacted FROM log WHERE place = ?`,
      placeOf(o, s),
    )[0];
    return r === undefined ? null : this.#logRow(o, r);
  }

  entries(
    o: number,
    after: number,
    bytesMax: number,
    entriesMax: number,
  ): { entries: RawEntry[]; chain: Uint8Array } {
    const recent = this.#tail(o).page(after, bytesMax, entriesMax);
    if (recent !== null) return recent;
    // Lengths first: a page of large entries must not be read into memory to find out that it does not fit.
    const lengths = this.#sql.rows(
      `SELECT s, length(entry) FROM log WHERE place > ? AND place < ? ORDER BY place LIMIT ?`,
      placeOf(o, after),
      placeOf(o + 1, 0),
      entriesMax,
    );
    const count = fitting(lengths, 1, bytesMax);
    const rows = this.#sql.rows(
      `SELECT e, s, entry, chain, redacted FROM log WHERE place > ? AND place < ? ORDER BY place LIMIT ?`,
      placeOf(o, after),
      placeOf(o + 1, 0),
      count,
    );
    const entries = rows.map((r) => ({
      e: num(r[0]),
      s: num(r[1]),
      bytes: blob(r[2]),
      ...(r[4] === 1 ? { chain: blob(r[3]) } : {}),
    }));
    return { entries, chain: rows.length === 0 ? NO_BYTES : blob(rows.at(-1)![3]) };
  }

  entriesDown(o: number, below: number, bytesMax: number, entriesMax: number): LogRow[] {
    const range = [placeOf(o, 0), placeOf(o, below)] as const;
    const lengths = this.#sql.rows(
      `SELECT length(entry) FROM log WHERE place > ? AND place < ? ORDER BY place DESC LIMIT ?`,
      ...range,
      entriesMax,
    );
    return this.#sql
      .rows(
        `SELECT e, s, hlc, commit_s, applied, chain, entry, NULL, user, redacted FROM log
         WHERE place > ? AND place < ? ORDER BY place DESC LIMIT ?`,
        ...range,
        fitting(lengths, 0, bytesMax),
      )
      .map((r) => this.#logRow(o, r));
  }

  rowsForCompaction(
    o: number,
    upTo: number,
    bytesMax: number,
    rowsMax: number,
  ): { s: number; e: number; hlc: number; chain: Uint8Array; entry: Uint8Array }[] {
    const range = [placeOf(o, 0), placeOf(o, upTo)] as const;
    const lengths = this.#sql.rows(
      `SELECT length(entry) FROM log WHERE place > ? AND place <= ? ORDER BY place LIMIT ?`,
      ...range,
      rowsMax,
    );
    return this.#sql
      .rows(
        `SELECT s, e, hlc, chain, entry FROM log WHERE place > ? AND place <= ? ORDER BY place LIMIT ?`,
        ...range,
        fitting(lengths, 0, bytesMax),
      )
      .map((r) => ({ s: num(r[0]), e: num(r[1]), hlc: num(r[2]), chain: blob(r[3]), entry: blob(r[4]) }));
  }

  bytes(o: number, after: number): number {
    const sum = this.#sql.rows(
      `SELECT coalesce(sum(length(entry)), 0) FROM log WHERE place > ? AND place < ?`,
      placeOf(o, after),
      placeOf(o + 1, 0),
    )[0]?.[0];
    return num(sum);
  }

  deleteOne(o: number, s: number): void {
    this.#tails.delete(o);
    this.#sql.run(`DELETE FROM log WHERE place = ?`, placeOf(o, s));
    this.#undo.deleteOf(o, s);
    this.#users.noteCut(o, s);
  }

  deleteThrough(o: number, s: number): void {
    this.#tails.delete(o);
    this.#sql.run(`DELETE FROM log WHERE place > ? AND place <= ?`, placeOf(o, 0), placeOf(o, s));
    this.#undo.deleteThrough(o, s);
    this.#users.deleteThrough(o, s);
  }

  clear(o: number): void {
    this.#tails.delete(o);
    this.#sql.run(`DELETE FROM log WHERE place > ? AND place < ?`, placeOf(o, 0), placeOf(o + 1, 0));
    this.#undo.clear(o);
    this.#users.clear(o);
  }

  redact(o: number, s: number, bytes: Uint8Array): void {
    this.#tails.delete(o);
    this.#sql.run(
      `UPDATE log SET entry = ?, user = '', undo = NULL, redacted = 1 WHERE place = ?`,
      bytes,
      placeOf(o, s),
    );
    this.#undo.deleteOf(o, s);
  }

  hasRedacted(o: number): boolean {
    const range = [placeOf(o, 0), placeOf(o + 1, 0)] as const;
    return (
      this.#sql.rows(`SELECT 1 FROM log WHERE place > ? AND place < ? AND redacted = 1 LIMIT 1`, ...range)
        .length > 0
    );
  }

  #tail(o: number): EntryTail {
    let tail = this.#tails.get(o);
    if (tail === undefined) {
      tail = new EntryTail();
      this.#tails.set(o, tail);
    }
    return tail;
  }

  #logRow(o: number, r: SqlValue[]): LogRow {
    const s = num(r[1]);
    return {
      o,
      e: num(r[0]),
      s,
      hlc: num(r[2]),
      commit: num(r[3]),
      applied: r[4] === 1,
      chain: blob(r[5]),
      bytes: blob(r[6]),
      user: r[8] === null ? null : str(r[8]),
      undo: r[7] === null ? null : this.#undo.unpack(o, s, blob(r[7])),
      ...(r[9] === 1 ? { redacted: true } : {}),
    };
  }
}

/** How many rows fit, at least one; their lengths stand in a column. */
function fitting(rows: readonly SqlValue[][], column: number, bytesMax: number): number {
  let count = 0;
  for (let bytes = 0; count < rows.length; count++) {
    bytes += num(rows[count]![column]);
    if (count > 0 && bytes > bytesMax) break;
  }
  return count;
}
