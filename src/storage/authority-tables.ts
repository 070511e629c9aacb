/** What the replica promised to others and what it leads itself, log by log: what it must not have forgotten after a crash. */
import type { AcceptorRow, GrantRow, LeadershipRow, VoterRow } from "../replication/storage.ts";
import { integer, num } from "./column.ts";
import type { SqlDriver } from "./sql-driver.ts";

export class AuthorityTables {
  readonly #sql: SqlDriver;

  constructor(sql: SqlDriver) {
    this.#sql = sql;
  }

  acceptors(): AcceptorRow[] {
    return this.#sql.rows(`SELECT o, promised, max_counter, leader_e, leader_inc FROM acceptor`).map((r) => ({
      o: num(r[0]),
      promised: num(r[1]),
      maxCounter: num(r[2]),
      leaderE: num(r[3]),
      leaderInc: num(r[4]),
    }));
  }

  putAcceptor(row: AcceptorRow): void {
    this.#sql.run(
      `INSERT INTO acceptor(o, promised, max_counter, leader_e, leader_inc) VALUES(?, ?, ?, ?, ?)
       ON CONFLICT(o) DO UPDATE SET promised = excluded.promised, max_counter = excluded.max_counter,
         leader_e = excluded.leader_e, leader_inc = excluded.leader_inc`,
      row.o,
      integer(row.promised),
      integer(row.maxCounter),
      integer(row.leaderE),
      integer(row.leaderInc),
    );
  }

  grants(): GrantRow[] {
    return this.#sql
      .rows(`SELECT o, grantee, until FROM grants`)
      .map((r) => ({ o: num(r[0]), grantee: num(r[1]), until: num(r[2]) }));
  }

  putGrant(row: GrantRow): void {
    this.#sql.run(
      `INSERT INTO grants(o, grantee, until) VALUES(?, ?, ?) ON CONFLICT(o, grantee) DO UPDATE SET until = excluded.until`,
      row.o,
      row.grantee,
      integer(row.until),
    );
  }

  leaderships(): LeadershipRow[] {
    return this.#sql.rows(`SELECT o, e, opened, ack_after, lease_until, voters FROM leadership`).map((r) => ({
      o: num(r[0]),
      e: num(r[1]),
      opened: r[2] === 1,
      ackAfter: num(r[3]),
      leaseUntil: num(r[4]),
      ...(typeof r[5] === "string" ? { voters: JSON.parse(r[5]) as VoterRow[] } : {}),
    }));
  }

  putLeadership(row: LeadershipRow): void {
    this.#sql.run(
      `INSERT INTO leadership(o, e, opened, ack_after, lease_until, voters) VALUES(?, ?, ?, ?, ?, ?)
       ON CONFLICT(o) DO UPDATE SET e = excluded.e, opened = excluded.opened, ack_after = excluded.ack_after,
         lease_until = excluded.lease_until, voters = coalesce(excluded.voters, voters)`,
      row.o,
      integer(row.e),
      row.opened ? 1 : 0,
      integer(row.ackAfter),
      integer(row.leaseUntil),
      row.voters === undefined ? null : JSON.stringify(row.voters),
    );
  }
}
