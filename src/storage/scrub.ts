/**
 * Writing over what a database does not use any more.
 *
 * SQLite unlinks what is deleted and leaves the bytes where they were: in free pages, and in the gaps of pages that are in
 * use. Its secure_delete is not to be had on the platform. So:
 *
 *   fill   zeros until no page is free, and drop them: now every free page is zeros
 *   copy   every table into a new one, which takes such pages; then drop the old ones, and fill what they leave, before
 *          anybody else takes a page of theirs with what is in its gaps
 *   wash   zeros over the write-ahead log; drop all of them
 *
 * Each step has to be a transaction of its own, because a page that is free again at the end of one is not written at all.
 *
 * How many pages are free is not to be had either. A file grows only when none is, so it is as large as the most that was
 * ever in use. That is remembered: what was in use before something was removed, with room for what a write needs while
 * it replaces something; and how far the file was filled the last time, which is exact.
 */
import type { SqlDriver } from "./sql-driver.ts";

/** One step writes so much. */
const STEP_BYTES = 1_000_000;
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

const FILLER = `CREATE TABLE filler(n INTEGER PRIMARY KEY, zeros BLOB NOT NULL)`;

type Phase = "begin" | "fill" | "copy" | "wash";

export class Scrubber {
  readonly #sql: SqlDriver;
  readonly #memory: ScrubMemory;
  #phase: Phase = "begin";
  /** Of the write-ahead log, still to be written over. */
  #left = 0;

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
        this.#sql.run(`DROP TABLE IF EXISTS filler`);
        this.noteSize();
        if (this.#sql.bytesInUse() > COPIED_BYTES_MAX) return "too-large";
        this.#sql.run(FILLER);
        this.#phase = "fill";
        return "more";
      case "fill":
        if (this.#fill()) return "more";
        this.#drop();
        this.#phase = "copy";
        return "more";
      case "copy":
        this.#copyAll();
        this.#sql.run(FILLER);
        while (this.#fill());
        this.#left = this.#sql.journalBytes;
        this.#phase = "wash";
        return "more";
      case "wash":
        if (this.#left > 0) {
          // In this order, so that the file does not grow.
          this.#sql.run(`DELETE FROM filler WHERE n = 0`);
          this.#sql.run(`INSERT INTO filler(n, zeros) VALUES(0, zeroblob(?))`, STEP_BYTES);
          this.#noteFile();
          this.#left -= STEP_BYTES;
          return "more";
        }
        this.#drop();
        this.#phase = "begin";
        return "done";
    }
  }

  /** False: no page is free any more. */
  #fill(): boolean {
    const passing = this.#memory.get("bytesMax") + NOTED_BYTES + PASSING_BYTES;
    const short = Math.max(this.#memory.get("fileBytes"), passing) - this.#sql.bytesInUse();
    if (short <= 0) return false;
    this.#sql.run(`INSERT INTO filler(zeros) VALUES(zeroblob(?))`, Math.min(STEP_BYTES, short));
    this.#noteFile();
    return true;
  }

  #drop(): void {
    this.#sql.run(`DROP TABLE filler`);
  }

  #noteFile(): void {
    const bytes = this.#sql.bytesInUse();
    if (bytes > this.#memory.get("fileBytes")) this.#memory.set("fileBytes", bytes);
  }

  /** No old table goes before every copy is made: a copy's pages must be none of theirs. */
  #copyAll(): void {
    const tables = this.#sql
      .rows(`SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name`)
      .map(([name, sql]) => ({ name: String(name), sql: String(sql) }))
      .filter(({ name }) => !name.startsWith("sqlite_") && !name.startsWith("_cf_"));
    const indexes = this.#sql.rows(`SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL`);
    for (const { name, sql } of tables) {
      this.#sql.run(sql.replace(/^CREATE TABLE ("[^"]+"|\w+)/, `CREATE TABLE "${name}_copy"`));
      this.#sql.run(`INSERT INTO "${name}_copy" SELECT * FROM "${name}"`);
    }
    this.#noteFile();
    for (const { name } of tables) {
      this.#sql.run(`DROP TABLE "${name}"`);
      this.#sql.run(`ALTER TABLE "${name}_copy" RENAME TO "${name}"`);
    }
    for (const [index] of indexes) this.#sql.run(String(index));
  }
}
