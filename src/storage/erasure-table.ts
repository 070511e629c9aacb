/** The erasures that the replica knows of, and how far it has come with each. */
import type { ErasureRow } from "../replication/state-row.ts";
import type { ErasureWork } from "../replication/storage.ts";
import { blob, integer, num } from "./column.ts";
import type { SqlDriver, SqlValue } from "./sql-driver.ts";

export class ErasureTable {
  readonly #sql: SqlDriver;

  constructor(sql: SqlDriver) {
    this.#sql = sql;
  }

  all(): ErasureWork[] {
    return this.#sql
      .rows(`SELECT o, e, s, hlc, id, digest, stage, log, through, done_at FROM erasures ORDER BY hlc`)
      .map(erasureWork);
  }

  put(row: ErasureWork): void {
    this.#sql.run(
      `INSERT INTO erasures(o, e, s, hlc, id, digest, stage, log, through, done_at) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT(o, e, s) DO UPDATE SET stage = excluded.stage, log = excluded.log, through = excluded.through, done_at = excluded.done_at`,
      row.o,
      integer(row.e),
      integer(row.s),
      integer(row.hlc),
      row.id,
      row.digest,
      row.stage,
      row.log,
      integer(row.through),
      integer(row.doneAt),
    );
  }

  /** For another replica: how far this one has come is nobody else's. */
  scan(): ErasureRow[] {
    return this.all().map(({ o, e, s, hlc, id, digest }) => ({ o, e, s, hlc, id, digest }));
  }
}

function erasureWork(r: SqlValue[]): ErasureWork {
  return {
    o: num(r[0]),
    e: num(r[1]),
    s: num(r[2]),
    hlc: num(r[3]),
    id: blob(r[4]),
    digest: blob(r[5]),
    stage: num(r[6]),
    log: num(r[7]),
    through: num(r[8]),
    doneAt: num(r[9]),
  };
}
