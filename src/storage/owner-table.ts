/**
 * Where each user is at home, and where they were before. What a user has that expires is handed on with the home.
 */
import type { OwnerRow } from "../replication/state-row.ts";
import { decodeHomeCourse, encodeHomeCourse } from "../wire/snapshot-shape.ts";
import { blob, integer, num, str } from "./column.ts";
import type { ExpiringItems } from "./expiring-items.ts";
import type { SqlDriver, SqlValue } from "./sql-driver.ts";

const OWNER_COLUMNS = `user, home, version, o, e, s, course`;
/** Kept in memory beside the table: owners of the users that are asked for. */
const KNOWN_MAX = 2_000;

export class OwnerTable {
  readonly #sql: SqlDriver;
  readonly #expiring: ExpiringItems;
  /** Owners hardly ever change and every request asks for one. Absence is not remembered. */
  readonly #known = new Map<string, OwnerRow>();
  /** Users on the way from one log to another: hardly ever any. Null before the first question. */
  #moving: Set<string> | null = null;

  constructor(sql: SqlDriver, expiring: ExpiringItems) {
    this.#sql = sql;
    this.#expiring = expiring;
  }

  get(user: string): OwnerRow | null {
    const known = this.#known.get(user);
    if (known !== undefined) return known;
    const r = this.#sql.rows(`SELECT ${OWNER_COLUMNS} FROM owners WHERE user = ?`, user)[0];
    if (r === undefined) return null;
    const owner = ownerRow(r);
    if (this.#known.size >= KNOWN_MAX) this.#known.clear();
    this.#known.set(user, owner);
    return owner;
  }

  put(row: OwnerRow): void {
    const before = this.get(row.user);
    this.#known.delete(row.user);
    if (row.moving === undefined) this.#moving?.delete(row.user);
    else this.#moving?.add(row.user);
    const plain = row.moving === undefined && row.past.length === 0;
    this.#sql.run(
      `INSERT INTO owners(${OWNER_COLUMNS}, moving) VALUES(?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT(user) DO UPDATE SET home = excluded.home, version = excluded.version, o = excluded.o, e = excluded.e, s = excluded.s,
         course = excluded.course, moving = excluded.moving`,
      row.user,
      row.home,
      integer(row.version),
      row.o,
      integer(row.e),
      integer(row.s),
      plain ? null : encodeHomeCourse(row),
      row.moving?.to ?? null,
    );
    if (before !== null && before.home !== row.home) this.#expiring.handOn(row.user, before.home, row.home);
  }

  delete(user: string): void {
    this.#known.delete(user);
    this.#moving?.delete(user);
    this.#sql.run(`DELETE FROM owners WHERE user = ?`, user);
  }

  moving(): ReadonlySet<string> {
    this.#moving ??= new Set(
      this.#sql.rows(`SELECT user FROM owners WHERE moving IS NOT NULL`).map((r) => str(r[0])),
    );
    return this.#moving;
  }

  namesAfter(user: string, rowsMax: number): string[] {
    return this.#sql
      .rows(`SELECT user FROM owners WHERE user > ? ORDER BY user LIMIT ?`, user, rowsMax)
      .map((r) => str(r[0]));
  }

  page(after: string, rowsMax: number): OwnerRow[] {
    return this.#sql
      .rows(`SELECT ${OWNER_COLUMNS} FROM owners WHERE user > ? ORDER BY user LIMIT ?`, after, rowsMax)
      .map(ownerRow);
  }

  clear(): void {
    this.#known.clear();
    this.#moving = null;
    this.#sql.run(`DELETE FROM owners`);
  }
}

function ownerRow(r: SqlValue[]): OwnerRow {
  return {
    user: str(r[0]),
    home: num(r[1]),
    version: num(r[2]),
    o: num(r[3]),
    e: num(r[4]),
    s: num(r[5]),
    // A copy: SQL lends its blobs for the turn.
    ...(r[6] === null ? { past: [] } : decodeHomeCourse(blob(r[6]).slice())),
  };
}
