/**
 * Writing over what a database does not use any more.
 *
 * SQLite unlinks what is deleted and leaves the bytes where they were: in free pages, and in the gaps of pages that are in
 * use; a page that is taken again for a table keeps in its gaps what was in it before. Its secure_delete is not to be had on the
 * platform. What writes a page from end to end is a large value: so rows of zeros are **poured** out into overflow pages until
 * no page is free. The rows themselves stand in leaves that were taken before, small, so that pouring takes no leaf.
 *
 *   fill   pour, until no page is free. What this takes for leaves may have dirty gaps;
 *   clean  so pour once more over them, out of rows that stand in new pages at the file's end; drop all of it: every free
 *          page is zeros now
 *   copy   every table into a new one, which takes such pages; then drop the old ones, and pour over what they leave before
 *          anybody else takes a page of theirs
 *   wash   go on until nothing of before is in the write-ahead log; drop the zeros
 *
 * Each step has to be a transaction of its own, because a page that is free again at the end of one is not written at all.
 *
 * How many pages are free is not to be had either. A file grows only when none is, so it is as large as the most that was
 * ever in use. That is remembered: what was in use before something was removed, with room for what a write needs while
 * it replaces something; and how far the file was filled the last time, which is exact.
 */
import type { SqlDriver } from "./sql-driver.ts";

/** As the platform has them. */
const PAGE_BYTES = 4_096;
/** Pages that one row is poured over, at most: a value of 1 MB. */
const POURED_PAGES = 244;
/** More than what stays in the leaf of a row that was poured: so pouring never splits a leaf. */
const ROW_BYTES = 600;
/** Copied in one turn: about a second's work. A larger database is not copied. */
const COPIED_BYTES_MAX = 128_000_000;
/** A new maximum is noted when it is so much larger: a row is not written for less. */
const NOTED_BYTES = 65_536;
/** More than any write takes beyond what is in use before and after it: the new value and the old one, the entry, its undo image. */
const PASSING_BYTES = 6_000_000;

/** What has to survive a restart, by name; 0 where there is nothing yet. */
export interface ScrubMemory {
  get(name: "bytesMax" | "fileBytes"): number;
  set(name: "bytesMax" | "fileBytes", bytes: number): void;
}

type Phase = "begin" | "fill" | "clean" | "drop" | "copy" | "wash";

export class Scrubber {
  readonly #sql: SqlDriver;
  readonly #memory: ScrubMemory;
  #phase: Phase = "begin";
  /** Of the write-ahead log, still to be written over. */
  #left = 0;
  /** Of the row that washes. */
  #isPoured = true;
  /** The row that is poured out next. */
  #next = 1;

  constructor(sql: SqlDriver, memory: ScrubMemory) {
    this.#sql = sql;
    this.#memory = memory;
  }

  /** Before something is removed: so much was in use. */
  noteSize(): void {
    // Of the zeros in between nothing is to be learned.
    if (this.#phase !== "begin") return;
    const bytes = this.#sql.bytesInUse();
    if (bytes > this.#memory.get("bytesMax") + NOTED_BYTES) this.#memory.set("bytesMax", bytes);
  }

  /** A step. A restart begins anew. */
  step(): "more" | "done" | "too-large" {
    switch (this.#phase) {
      case "begin":
        for (const table of ["zeros", "dirty_zeros"]) this.#sql.run(`DROP TABLE IF EXISTS ${table}`);
        this.noteSize();
        if (this.#sql.bytesInUse() > COPIED_BYTES_MAX) return "too-large";
        this.#prepare("dirty_zeros");
        this.#phase = "fill";
        return "more";
      case "fill":
        if (this.#pour("dirty_zeros")) return "more";
        this.#phase = "clean";
        this.#prepare("zeros");
        this.#sql.run(`DROP TABLE dirty_zeros`);
        return "more";
      case "clean":
        if (this.#pour("zeros")) return "more";
        this.#phase = "drop";
        return "more";
      case "drop":
        this.#sql.run(`DROP TABLE zeros`);
        this.#phase = "copy";
        return "more";
      case "copy":
        this.#copyAll();
        this.#left = this.#sql.journalBytes;
        this.#isPoured = true;
        this.#phase = "wash";
        return "more";
      case "wash":
        if (this.#left > 0) {
          this.#wash();
          return "more";
        }
        this.#sql.run(`DROP TABLE zeros`);
        this.#phase = "begin";
        return "done";
    }
  }

  /** As many rows as may be needed to fill the file. */
  #prepare(table: string): void {
    this.#sql.run(`CREATE TABLE ${table}(n INTEGER PRIMARY KEY, zeros BLOB NOT NULL)`);
    const rows = Math.ceil((this.#target() + this.#sql.bytesInUse()) / pouredBytes(POURED_PAGES)) + 4;
    for (let n = 1; n <= rows; n++)
      this.#sql.run(`INSERT INTO ${table}(n, zeros) VALUES(?, zeroblob(?))`, n, ROW_BYTES);
    this.#next = 1;
    this.#noteFile();
  }

  /** False: no page is free any more. */
  #pour(table: string): boolean {
    if (this.#sql.bytesInUse() >= this.#target()) return false;
    const pages = Math.ceil((this.#target() - this.#sql.bytesInUse()) / PAGE_BYTES);
    const bytes = pouredBytes(Math.min(POURED_PAGES, pages));
    this.#sql.run(`UPDATE ${table} SET zeros = zeroblob(?) WHERE n = ?`, bytes, this.#next);
    this.#next += 1;
    this.#noteFile();
    return true;
  }

  /** The same pages, freed and written again in turn: a value that stays as it is is not written. */
  #wash(): void {
    this.#sql.run(
      `UPDATE zeros SET zeros = zeroblob(?) WHERE n = 1`,
      this.#isPoured ? ROW_BYTES : pouredBytes(POURED_PAGES),
    );
    if (!this.#isPoured) this.#left -= pouredBytes(POURED_PAGES);
    this.#isPoured = !this.#isPoured;
  }

  /** So much is in use when no page is free. */
  #target(): number {
    const passing = this.#memory.get("bytesMax") + NOTED_BYTES + PASSING_BYTES;
    return Math.max(this.#memory.get("fileBytes"), passing);
  }

  #noteFile(): void {
    const bytes = this.#sql.bytesInUse();
    if (bytes > this.#memory.get("fileBytes")) this.#memory.set("fileBytes", bytes);
  }

  #copyAll(): void {
    const indexes = this.#sql.rows(`SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL`);
    const tables = this.#sql
      .rows(`SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name`)
      .map(([name, sql]) => ({ name: String(name), sql: String(sql) }))
      .filter(({ name }) => !name.startsWith("sqlite_") && !name.startsWith("_cf_"));
    this.#prepare("zeros");
    for (const { name, sql } of tables) {
      this.#sql.run(sql.replace(/^CREATE TABLE ("[^"]+"|\w+)/, `CREATE TABLE "${name}_copy"`));
      this.#sql.run(`INSERT INTO "${name}_copy" SELECT * FROM "${name}"`);
    }
    this.#noteFile();
    // No old one goes before every copy is made: a copy's pages must be none of theirs.
    for (const { name } of tables) {
      this.#sql.run(`DROP TABLE "${name}"`);
      this.#sql.run(`ALTER TABLE "${name}_copy" RENAME TO "${name}"`);
    }
    while (this.#pour("zeros"));
    for (const [index] of indexes) this.#sql.run(String(index));
    this.#noteFile();
  }
}

/** A value that fills so many overflow pages to the last byte: 489 bytes of it stay in the leaf, and each page takes 4,092. */
function pouredBytes(pages: number): number {
  return 489 + pages * (PAGE_BYTES - 4);
}
