/**
 * Pre-images that do not fit into the row of their entry, record by record. Nearly all of them do fit, and then stand in that
 * row: bytes of nothing there say that the image is here.
 */
import type { UndoImage } from "../replication/storage.ts";
import { blob, NO_BYTES, ROW_BYTES_MAX } from "./column.ts";
import type { SqlDriver } from "./sql-driver.ts";
import { decodeUndo, encodeUndo, packRecords, unpackRecords } from "./undo-codec.ts";

export class UndoTable {
  readonly #sql: SqlDriver;

  constructor(sql: SqlDriver) {
    this.#sql = sql;
  }

  /** What to put beside an entry of so many bytes; writes the image here where it is too large for that. */
  pack(o: number, s: number, entryBytes: number, undo: UndoImage | null): Uint8Array | null {
    if (undo === null) return null;
    const records = encodeUndo(undo);
    const total = records.reduce((sum, record) => sum + record.length, 0);
    if (entryBytes + total <= ROW_BYTES_MAX) return packRecords(records);
    records.forEach((record, n) =>
      this.#sql.run(`INSERT OR REPLACE INTO undo(o, s, n, image) VALUES(?, ?, ?, ?)`, o, s, n, record),
    );
    return NO_BYTES;
  }

  unpack(o: number, s: number, packed: Uint8Array): UndoImage {
    if (packed.length > 0) return decodeUndo(unpackRecords(packed));
    return decodeUndo(
      this.#sql.rows(`SELECT image FROM undo WHERE o = ? AND s = ? ORDER BY n`, o, s).map((r) => blob(r[0])),
    );
  }

  deleteOf(o: number, s: number): void {
    this.#sql.run(`DELETE FROM undo WHERE o = ? AND s = ?`, o, s);
  }

  deleteAfter(o: number, s: number): void {
    this.#sql.run(`DELETE FROM undo WHERE o = ? AND s > ?`, o, s);
  }

  deleteThrough(o: number, s: number): void {
    this.#sql.run(`DELETE FROM undo WHERE o = ? AND s <= ?`, o, s);
  }

  clear(o: number): void {
    this.#sql.run(`DELETE FROM undo WHERE o = ?`, o);
  }
}
