/**
 * The few calls that a Durable Object's `sql` and Node's `node:sqlite` share. Both back ends run the same SQL
 * through it; each is a screenful, and one test suite holds for both.
 */

/** Integers are safe numbers (asserted by the storage), blobs are Uint8Array. */
export type SqlValue = string | number | null | Uint8Array;

export interface SqlDriver {
  /** Runs a statement that answers nothing. Statements are cached by their text. */
  run(sql: string, ...params: readonly SqlValue[]): void;
  /** All rows, as arrays in column order. Fully read: nothing stays open across turns. */
  rows(sql: string, ...params: readonly SqlValue[]): SqlValue[][];
  /** Of the pages that hold something; those that are free are not counted. */
  bytesInUse(): number;
  /** After so many bytes were written, in several transactions, its journal holds nothing of before. */
  readonly journalBytes: number;
  /** Runs `body` in a transaction (nested: a savepoint); rolls back when it throws. */
  transaction<T>(body: () => T): T;
}
