/** What is still to be delivered of each log: to the replicas that did not acknowledge in time, and to the sinks. */
import type { OutboxRow, SinkRow } from "../replication/storage.ts";
import { integer, num, str } from "./column.ts";
import type { SqlDriver } from "./sql-driver.ts";

/** By their number in the table. */
const SINK_STATES: readonly SinkRow["state"][] = ["active", "parked", "lost"];

export class DeliveryTables {
  readonly #sql: SqlDriver;

  constructor(sql: SqlDriver) {
    this.#sql = sql;
  }

  outbox(): OutboxRow[] {
    return this.#sql
      .rows(`SELECT o, dest, stage, next_at FROM outbox`)
      .map((r) => ({ o: num(r[0]), dest: num(r[1]), stage: num(r[2]), nextAt: num(r[3]) }));
  }

  putOutbox(row: OutboxRow): void {
    this.#sql.run(
      `INSERT INTO outbox(o, dest, stage, next_at) VALUES(?, ?, ?, ?)
       ON CONFLICT(o, dest) DO UPDATE SET stage = excluded.stage, next_at = excluded.next_at`,
      row.o,
      row.dest,
      row.stage,
      integer(row.nextAt),
    );
  }

  deleteOutbox(o: number, dest: number): void {
    this.#sql.run(`DELETE FROM outbox WHERE o = ? AND dest = ?`, o, dest);
  }

  sinks(): SinkRow[] {
    return this.#sql
      .rows(`SELECT o, name, round, delivered, state, through, attempts, next_at, error FROM sinks`)
      .map((r) => ({
        o: num(r[0]),
        name: str(r[1]),
        round: num(r[2]),
        delivered: num(r[3]),
        state: SINK_STATES[num(r[4])] ?? "parked",
        through: num(r[5]),
        attempts: num(r[6]),
        nextAt: num(r[7]),
        error: str(r[8]),
      }));
  }

  putSink(row: SinkRow): void {
    this.#sql.run(
      `INSERT INTO sinks(o, name, round, delivered, state, through, attempts, next_at, error)
       VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT(o, name) DO UPDATE SET round = excluded.round, delivered = excluded.delivered,
         state = excluded.state, through = excluded.through, attempts = excluded.attempts,
         next_at = excluded.next_at, error = excluded.error`,
      row.o,
      row.name,
      integer(row.round),
      integer(row.delivered),
      SINK_STATES.indexOf(row.state),
      integer(row.through),
      row.attempts,
      integer(row.nextAt),
      row.error,
    );
  }
}
