/** Snapshots under way: those that others take of this replica pin its logs, and one at most is taken over here. */
import type { PinRow, RestoreRow } from "../replication/storage.ts";
import { blob, integer, num, str } from "./column.ts";
import { decodeRestore, encodeRestore } from "./restore-codec.ts";
import type { SqlDriver } from "./sql-driver.ts";

export class SnapshotTables {
  readonly #sql: SqlDriver;

  constructor(sql: SqlDriver) {
    this.#sql = sql;
  }

  pins(): PinRow[] {
    return this.#sql
      .rows(`SELECT id, until, bases FROM pins`)
      .map((r) => ({ id: str(r[0]), until: num(r[1]), bases: JSON.parse(str(r[2])) as PinRow["bases"] }));
  }

  putPin(row: PinRow): void {
    this.#sql.run(
      `INSERT INTO pins(id, until, bases) VALUES(?, ?, ?) ON CONFLICT(id) DO UPDATE SET until = excluded.until, bases = excluded.bases`,
      row.id,
      integer(row.until),
      JSON.stringify(row.bases),
    );
  }

  deletePin(id: string): void {
    this.#sql.run(`DELETE FROM pins WHERE id = ?`, id);
  }

  restore(): RestoreRow | null {
    const r = this.#sql.rows(`SELECT id, source, cursor, scanned, bases, until FROM restore`)[0];
    if (r === undefined) return null;
    return {
      id: str(r[0]),
      source: num(r[1]),
      cursor: blob(r[2]),
      scanned: r[3] === 1,
      ...decodeRestore(str(r[4]), str(r[5])),
    };
  }

  putRestore(row: RestoreRow): void {
    const { bases, until } = encodeRestore(row);
    this.#sql.run(`DELETE FROM restore WHERE id <> ?`, row.id);
    this.#sql.run(
      `INSERT INTO restore(id, source, cursor, scanned, bases, until) VALUES(?, ?, ?, ?, ?, ?)
       ON CONFLICT(id) DO UPDATE SET source = excluded.source, cursor = excluded.cursor, scanned = excluded.scanned,
         bases = excluded.bases, until = excluded.until`,
      row.id,
      row.source,
      row.cursor,
      row.scanned ? 1 : 0,
      bases,
      until,
    );
  }

  deleteRestore(): void {
    this.#sql.run(`DELETE FROM restore`);
  }
}
