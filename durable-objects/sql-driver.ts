/**
 * The SQL driver over a Durable Object's storage. As thin as it can be: it stands between the core and every statement of
 * every request.
 *
 * The platform caches compiled statements by their text and answers blobs as ArrayBuffers, which are wrapped and not copied.
 * It counts integers and reals alike as JavaScript numbers; the storage asserts that they are safe.
 */
import type { CostMeter } from "./cost-meter.ts";
import type { SqlDriver, SqlValue } from "../src/storage/sql-driver.ts";

export class ObjectSqlDriver implements SqlDriver {
  /** The local runtime's write-ahead log begins anew at about 4 MB: twice that, and what a step is too long. */
  readonly journalBytes = 10_000_000;
  readonly #storage: DurableObjectStorage;
  readonly #sql: SqlStorage;
  readonly #meter: CostMeter | null;

  constructor(storage: DurableObjectStorage, meter: CostMeter | null = null) {
    this.#storage = storage;
    this.#sql = storage.sql;
    this.#meter = meter;
  }

  run(sql: string, ...params: readonly SqlValue[]): void {
    const cursor = this.#sql.exec(sql, ...params);
    if (this.#meter !== null) this.#meter.statement(cursor);
  }

  rows(sql: string, ...params: readonly SqlValue[]): SqlValue[][] {
    const rows: SqlValue[][] = [];
    const cursor = this.#sql.exec(sql, ...params);
    for (const row of cursor.raw()) {
      for (let column = 0; column < row.length; column++) {
        const value = row[column];
        if (value instanceof ArrayBuffer) (row as SqlValue[])[column] = new Uint8Array(value);
      }
      rows.push(row as SqlValue[]);
    }
    if (this.#meter !== null) this.#meter.statement(cursor);
    return rows;
  }

  bytesInUse(): number {
    return this.#sql.databaseSize;
  }

  transaction<T>(body: () => T): T {
    return this.#storage.transactionSync(body);
  }
}
