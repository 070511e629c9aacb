/**
 * The driver's second implementation, over `node:sqlite`: the simulator and the unit tests run through it the same SQL that
 * a Durable Object runs.
 *
 * In memory by default, with everything about durability turned off: a simulated crash throws a replica away and keeps the
 * database, so what SQLite would do to a torn disk is never asked. A file can be given where a test restarts a process.
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { SqlDriver, SqlValue } from "../../src/storage/sql-driver.ts";

export interface NodeSqlOptions {
  /** `:memory:` unless given. */
  readonly path?: string;
  readonly journalMode?: "memory" | "wal" | "delete";
  readonly synchronous?: "off" | "normal" | "full";
}

export class NodeSqlDriver implements SqlDriver {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  /** In memory, or on a disk that nobody looks at. */
  readonly journalBytes = 0;
  #depth = 0;

  constructor(options: NodeSqlOptions = {}) {
    const path = options.path ?? ":memory:";
    const inMemory = path === ":memory:";
    this.#database = new DatabaseSync(path);
    // Never `off`: it forbids ROLLBACK, which every failing turn needs.
    this.#database.exec(`PRAGMA journal_mode = ${options.journalMode ?? (inMemory ? "memory" : "wal")}`);
    this.#database.exec(`PRAGMA synchronous = ${options.synchronous ?? (inMemory ? "off" : "normal")}`);
  }

  run(sql: string, ...params: readonly SqlValue[]): void {
    this.#prepare(sql).run(...params);
  }

  rows(sql: string, ...params: readonly SqlValue[]): SqlValue[][] {
    return this.#prepare(sql).all(...params) as unknown as SqlValue[][];
  }

  bytesInUse(): number {
    const of = (pragma: string) => Number(this.rows(`PRAGMA ${pragma}`)[0]?.[0]);
    return (of("page_count") - of("freelist_count")) * of("page_size");
  }

  transaction<T>(body: () => T): T {
    const depth = this.#depth;
    const [begin, commit, rollback] = depth === 0 ? OUTERMOST : savepoint(depth);
    this.run(begin);
    this.#depth = depth + 1;
    try {
      const result = body();
      this.run(commit);
      return result;
    } catch (error) {
      // Some failures (a full disk) have rolled everything back already.
      if (this.#database.isTransaction) for (const statement of rollback) this.run(statement);
      throw error;
    } finally {
      this.#depth = depth;
    }
  }

  close(): void {
    this.#statements.clear();
    this.#database.close();
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      statement.setReturnArrays(true);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

type Brackets = readonly [begin: string, commit: string, rollback: readonly string[]];

const OUTERMOST: Brackets = ["BEGIN", "COMMIT", ["ROLLBACK"]];

function savepoint(depth: number): Brackets {
  const name = `nested_${depth}`;
  return [`SAVEPOINT ${name}`, `RELEASE ${name}`, [`ROLLBACK TO ${name}`, `RELEASE ${name}`]];
}
