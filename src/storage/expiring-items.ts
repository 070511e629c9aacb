/**
 * Which items expire when, by the log whose leader reclaims them: that of their user's home, wherever they were written. The
 * column `reclaimer` names it where it is not the log that the item came with.
 */
import type { ExpiredItem } from "../replication/storage.ts";
import { num, str } from "./column.ts";
import type { SqlDriver } from "./sql-driver.ts";

export class ExpiringItems {
  readonly #sql: SqlDriver;
  /** Of each origin that was asked for: no item of its users expires before this. Exact when it was looked up, and lowered since. */
  readonly #earliest = new Map<number, number>();

  constructor(sql: SqlDriver) {
    this.#sql = sql;
  }

  /** An item that expires is put. */
  note(o: number, expiresAt: number): void {
    if (expiresAt < (this.#earliest.get(o) ?? 0)) this.#earliest.set(o, expiresAt);
  }

  earliest(o: number, exactBelow: number): number {
    const known = this.#earliest.get(o);
    if (known !== undefined && known >= exactBelow) return known;
    const r = this.#sql.rows(
      `SELECT expires_at FROM items WHERE coalesce(reclaimer, o) = ? AND expires_at > 0 ORDER BY expires_at LIMIT 1`,
      o,
    )[0];
    const earliest = r === undefined ? Infinity : num(r[0]);
    this.#earliest.set(o, earliest);
    return earliest;
  }

  through(o: number, at: number, rowsMax: number): ExpiredItem[] {
    return this.#sql
      .rows(
        `SELECT user, key, expires_at, size FROM items
         WHERE coalesce(reclaimer, o) = ? AND expires_at > 0 AND expires_at <= ? ORDER BY expires_at LIMIT ?`,
        o,
        at,
        rowsMax,
      )
      .map((r) => ({ user: str(r[0]), key: str(r[1]), expiresAt: num(r[2]), size: num(r[3]) }));
  }

  /** What expires goes with its user from one log to the other. */
  handOn(user: string, from: number, to: number): void {
    this.#earliest.delete(from);
    this.#earliest.delete(to);
    this.#sql.run(
      `UPDATE items SET reclaimer = CASE WHEN o = ? THEN NULL ELSE ? END WHERE user = ? AND expires_at > 0`,
      to,
      to,
      user,
    );
  }

  forgetAll(): void {
    this.#earliest.clear();
  }
}
