/** A driver that notes which tables were written, so that only those are looked at after a turn. */
import type { SqlDriver, SqlValue } from "../../src/storage/sql-driver.ts";
import { NodeSqlDriver } from "../support/node-sql-driver.ts";

const WRITES = /^\s*(?:INSERT(?:\s+OR\s+\w+)?\s+INTO|UPDATE|DELETE\s+FROM)\s+(\w+)/iu;

export class WatchedSqlDriver implements SqlDriver {
  readonly #driver = new NodeSqlDriver();
  readonly #tables = new Map<string, string>();
  #dirty = new Set<string>();
  /** Rows written, as the platform would roughly bill them: statements that write. */
  writes = 0;

  run(sql: string, ...params: readonly SqlValue[]): void {
    const table = this.#table(sql);
    if (table !== "") {
      this.#dirty.add(table);
      this.writes++;
    }
    this.#driver.run(sql, ...params);
  }

  rows(sql: string, ...params: readonly SqlValue[]): SqlValue[][] {
    const table = this.#table(sql);
    if (table !== "") this.#dirty.add(table);
    return this.#driver.rows(sql, ...params);
  }

  readonly journalBytes = 0;

  bytesInUse(): number {
    return this.#driver.bytesInUse();
  }

  transaction<T>(body: () => T): T {
    return this.#driver.transaction(body);
  }

  /** Tables written since the last call (a superset: turns that were undone count too). */
  takeDirty(): ReadonlySet<string> {
    const dirty = this.#dirty;
    if (dirty.size > 0) this.#dirty = new Set();
    return dirty;
  }

  close(): void {
    this.#driver.close();
  }

  #table(sql: string): string {
    let table = this.#tables.get(sql);
    if (table === undefined) {
      table = WRITES.exec(sql)?.[1] ?? "";
      this.#tables.set(sql, table);
    }
    return table;
  }
}
