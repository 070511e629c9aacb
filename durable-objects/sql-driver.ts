/**
 * The SQL driver over a Durable Object's storage. As thin as it can be: it stands between the core and every statement of
 * every request.
 *
 * The platform caches compiled statements by their text and answers blobs as ArrayBuffers, which are wrapped and not copied.
 * It counts integers and reals alike as JavaScript numbers; the storage asserts that they are safe.
 */
import type { SqlDriver, SqlValue } from "../src/storage/sql-driver.ts";

export class ObjectSqlDriver implements SqlDriver {
  /** The local runtime's write-ahead log begins anew at about 4 MB: twice that, and what a step is too long. */
  readonly journalBytes = 10_000_000;
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
    this.#sql = storage.sql;
  }

  run(sql: string, ...params: readonly SqlValue[]): void {
    this.#sql.exec(sql, ...params);
  }

  rows(sql: string, ...params: readonly SqlValue[]): SqlValue[][] {
    const rows: SqlValue[][] = [];
    for (const row of this.#sql.exec(sql, ...params).raw()) {
      for (let column = 0; column < row.length; column++) {
        const value = row[column];
        if (value instanceof ArrayBuffer) (row as SqlValue[])[column] = new Uint8Array(value);
      }
      rows.push(row as SqlValue[]);
    }
    return rows;
  }

  bytesInUse(): number {
    return this.#sql.databaseSize;
  }

  transaction<T>(body: () => T): T {
    return this.#storage.transactionSync(body);
  }
}
