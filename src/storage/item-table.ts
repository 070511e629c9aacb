/** The items of all users, tombstones among them. */
import type { ItemRow } from "../replication/state-row.ts";
import type { ListQuery, StoredItem } from "../replication/storage.ts";
import { blob, integer, NO_BYTES, num, str } from "./column.ts";
import type { ExpiringItems } from "./expiring-items.ts";
import { ItemsRead } from "./items-read.ts";
import { rangeOf } from "./key-range.ts";
import type { OwnerTable } from "./owner-table.ts";
import type { SqlDriver, SqlValue } from "./sql-driver.ts";

const ITEM_COLUMNS = `user, key, o, e, s, hlc, owner_version, tombstone, expires_at, content_type, size, xdeps, mark`;
/** What an item takes in a message beside its value, roughly. */
const ITEM_OVERHEAD_BYTES = 150;
/** Keys of one look-up: a statement has at most 100 parameters, and the user is one. */
const VALUES_AT_ONCE = 50;
const VALUES_QUERY = `SELECT key, value FROM items WHERE user = ? AND key IN (${Array(VALUES_AT_ONCE).fill("?").join(", ")})`;

export class ItemTable {
  readonly #sql: SqlDriver;
  readonly #owners: OwnerTable;
  readonly #expiring: ExpiringItems;
  /** A write judges its conditions by what is there, and then replaces it. */
  readonly #read = new ItemsRead();

  constructor(sql: SqlDriver, owners: OwnerTable, expiring: ExpiringItems) {
    this.#sql = sql;
    this.#owners = owners;
    this.#expiring = expiring;
  }

  get(user: string, key: string, withValue: boolean): StoredItem | null {
    const known = this.#read.get(user, key);
    if (known !== undefined) return withValue || known === null ? known : { ...known, value: NO_BYTES };
    if (!withValue) {
      const r = this.#sql.rows(`SELECT ${ITEM_COLUMNS} FROM items WHERE user = ? AND key = ?`, user, key)[0];
      if (r !== undefined) return itemRow(r);
      this.#read.note(user, key, null);
      return null;
    }
    const r = this.#sql.rows(
      `SELECT ${ITEM_COLUMNS}, value FROM items WHERE user = ? AND key = ?`,
      user,
      key,
    )[0];
    const item = r === undefined ? null : itemRow(r);
    this.#read.note(user, key, item);
    return item;
  }

  put(row: ItemRow): void {
    this.#read.forget(row.user, row.key);
    const reclaimer = row.expiresAt > 0 ? (this.#owners.get(row.user)?.home ?? row.o) : row.o;
    if (row.expiresAt > 0) this.#expiring.note(reclaimer, row.expiresAt);
    this.#sql.run(
      `INSERT INTO items(${ITEM_COLUMNS}, reclaimer, value) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT(user, key) DO UPDATE SET o = excluded.o, e = excluded.e, s = excluded.s, hlc = excluded.hlc,
         owner_version = excluded.owner_version, tombstone = excluded.tombstone, expires_at = excluded.expires_at,
         content_type = excluded.content_type, size = excluded.size, xdeps = excluded.xdeps, mark = excluded.mark, reclaimer = excluded.reclaimer,
         value = excluded.value`,
      row.user,
      row.key,
      row.o,
      integer(row.e),
      integer(row.s),
      integer(row.hlc),
      integer(row.ownerVersion),
      row.tombstone ? 1 : 0,
      integer(row.expiresAt),
      row.contentType,
      row.value.length,
      row.xdeps,
      row.mark ?? null,
      reclaimer === row.o ? null : reclaimer,
      row.value,
    );
  }

  delete(user: string, key: string): void {
    this.#read.forget(user, key);
    this.#sql.run(`DELETE FROM items WHERE user = ? AND key = ?`, user, key);
  }

  list(query: ListQuery): StoredItem[] {
    const { from, beyond, to } = rangeOf(query);
    const below = to === null ? "" : "AND key < ?";
    return this.#sql
      .rows(
        `SELECT ${ITEM_COLUMNS} FROM items WHERE user = ? AND key ${beyond ? ">" : ">="} ? ${below}
         ORDER BY key ${query.reverse ? "DESC" : "ASC"} LIMIT ?`,
        query.user,
        from,
        ...(to === null ? [] : [to]),
        query.rowsMax,
      )
      .map(itemRow);
  }

  values(user: string, keys: readonly string[]): Map<string, Uint8Array> {
    const values = new Map<string, Uint8Array>();
    for (let n = 0; n < keys.length; n += VALUES_AT_ONCE) {
      const some = keys.slice(n, n + VALUES_AT_ONCE);
      // Filled up with one that is asked for anyway: a statement for each number would be compiled anew.
      const last = some.at(-1)!;
      while (some.length < VALUES_AT_ONCE) some.push(last);
      for (const r of this.#sql.rows(VALUES_QUERY, user, ...some)) values.set(str(r[0]), blob(r[1]));
    }
    return values;
  }

  /** Items with their values in the order of users and keys: at least one, then as many as fit. */
  page(
    after: { readonly user: string; readonly key: string },
    room: number,
    rowsMax: number,
  ): { items: StoredItem[]; bytes: number; isLast: boolean } {
    const sizes = this.#sql.rows(
      `SELECT size FROM items WHERE (user, key) > (?, ?) ORDER BY user, key LIMIT ?`,
      after.user,
      after.key,
      rowsMax,
    );
    let count = 0;
    let bytes = 0;
    for (; count < sizes.length; count++) {
      const size = ITEM_OVERHEAD_BYTES + num(sizes[count]![0]);
      if (count > 0 && bytes + size > room) break;
      bytes += size;
    }
    const rows = this.#sql.rows(
      `SELECT ${ITEM_COLUMNS}, value FROM items WHERE (user, key) > (?, ?) ORDER BY user, key LIMIT ?`,
      after.user,
      after.key,
      count,
    );
    return { items: rows.map(itemRow), bytes, isLast: count === sizes.length && sizes.length < rowsMax };
  }

  /** With `before`: what was written before that hlc. */
  deleteOf(user: string, before: number | null): void {
    this.#read.clear();
    if (before === null) this.#sql.run(`DELETE FROM items WHERE user = ?`, user);
    else this.#sql.run(`DELETE FROM items WHERE user = ? AND hlc < ?`, user, before);
  }

  clear(): void {
    this.#read.clear();
    this.#expiring.forgetAll();
    this.#sql.run(`DELETE FROM items`);
  }
}

function itemRow(r: SqlValue[]): StoredItem {
  return {
    user: str(r[0]),
    key: str(r[1]),
    o: num(r[2]),
    e: num(r[3]),
    s: num(r[4]),
    hlc: num(r[5]),
    ownerVersion: num(r[6]),
    tombstone: r[7] === 1,
    expiresAt: num(r[8]),
    contentType: str(r[9]),
    size: num(r[10]),
    xdeps: blob(r[11]),
    ...(r[12] === null || r[12] === undefined ? {} : { mark: blob(r[12]) }),
    value: r.length > 13 ? blob(r[13]) : NO_BYTES,
  };
}
