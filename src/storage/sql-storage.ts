/**
 * The core's storage in SQL, over the few calls that a Durable Object and Node share: the simulator and the tests run
 * the statements that production runs.
 *
 * A few things that every request asks for are remembered beside the tables. So a storage whose transaction was rolled
 * back is thrown away with its replica (duty 1 of a host).
 *
 * Integers are asserted to stay below 2^53 on their way in; reading them back is then exact on both back ends. A blob
 * that SQL answers is only used within the turn or copied.
 */
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { LostState, RawEntry } from "../replication/entry.ts";
import type { Position } from "../replication/position.ts";
import type { ErasureRow, IdempotencyRow, ItemRow, LostRow, OwnerRow } from "../replication/message.ts";
import type {
  AcceptorRow,
  BaseRow,
  CutPlace,
  DivergentRow,
  EpochRow,
  ErasureWork,
  ExpiredItem,
  GrantRow,
  LeadershipRow,
  ListQuery,
  LogHead,
  LogRow,
  OutboxRow,
  PinRow,
  RestoreRow,
  SinkRow,
  Storage,
  StoredItem,
  UndoImage,
  UserEntry,
  VoterRow,
} from "../replication/storage.ts";
import { decodeHomeCourse, encodeHomeCourse } from "../wire/snapshot-shape.ts";
import { EntryTail } from "./entry-tail.ts";
import { ItemsRead } from "./items-read.ts";
import { rangeOf } from "./key-range.ts";
import { Scrubber } from "./scrub.ts";
import { decodeRestore, encodeRestore } from "./restore-codec.ts";
import type { SqlDriver, SqlValue } from "./sql-driver.ts";
import { decodeUndo, encodeUndo, packRecords, unpackRecords } from "./undo-codec.ts";
import { filterOf, mayHold } from "./user-filter.ts";

/** A row may hold 2 MB on the platform (2,000,000 B to be safe), and the local runtime would take more: so we measure. */
const ROW_BYTES_MAX = 1_900_000;
/** By their number in the table. */
const SINK_STATES: readonly SinkRow["state"][] = ["active", "parked", "lost"];
/** As numbers. */
const LOST_STATES: Readonly<Record<LostState, number>> = { open: 1, replayed: 2, discarded: 3, folded: 4 };
const LOST_COLUMNS = `user, o, e, s, hlc, recorded_e, recorded_s, state, by_o, by_e, by_s, identity, record`;
const NO_BYTES: Uint8Array = new Uint8Array(0);

const ITEM_COLUMNS = `user, key, o, e, s, hlc, owner_version, tombstone, expires_at, content_type, size, xdeps, mark`;

const OWNER_COLUMNS = `user, home, version, o, e, s, course`;

export class IntegerOutOfRange extends Error {}

export class SqlStorage implements Storage {
  readonly #sql: SqlDriver;
  readonly #tails = new Map<number, EntryTail>();
  readonly #scrubber: Scrubber;
  /** Owners hardly ever change and every request asks for one. Absence is not remembered. */
  readonly #owners = new Map<string, OwnerRow>();
  /** Users on the way from one log to another: hardly ever any. Null before the first question. */
  #moving: Set<string> | null = null;
  /** A write judges its conditions by what is there, and then replaces it. */
  readonly #itemsRead = new ItemsRead();
  /** Of each origin that was asked for: no item of its users expires before this. Exact when it was looked up, and lowered since. */
  readonly #expiries = new Map<number, number>();
  readonly #stretchEntries: number;
  /** Asked for in every turn, and nearly always none. */
  #cutPlaces: readonly CutPlace[] | null = null;
  /** There is no lost write at all, as nearly always; null: not looked up. */
  #noneLost: boolean | null = null;

  /** `stretchEntries` is fixed for the life of a database; the simulator's are short. */
  constructor(driver: SqlDriver, stretchEntries = STRETCH_ENTRIES) {
    this.#sql = driver;
    this.#stretchEntries = stretchEntries;
    this.#scrubber = new Scrubber(driver, {
      get: (name) => Number(this.meta(name) ?? 0),
      set: (name, bytes) => this.setMeta(name, bytes),
    });
  }

  meta(k: string): string | number | null {
    const value = this.#sql.rows(`SELECT v FROM meta WHERE k = ?`, k)[0]?.[0] ?? null;
    return typeof value === "object" ? null : value;
  }

  setMeta(k: string, v: string | number): void {
    if (typeof v === "number") integer(v);
    this.#sql.run(`INSERT INTO meta(k, v) VALUES(?, ?) ON CONFLICT(k) DO UPDATE SET v = excluded.v`, k, v);
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

  bases(): BaseRow[] {
    return this.#sql.rows(`SELECT o, e, s, chain, hlc, reclaimed_e, reclaimed_s FROM base`).map((r) => ({
      o: num(r[0]),
      e: num(r[1]),
      s: num(r[2]),
      chain: blob(r[3]),
      hlc: num(r[4]),
      reclaimed: { e: num(r[5]), s: num(r[6]) },
    }));
  }

  putBase(row: BaseRow): void {
    this.#sql.run(
      `INSERT INTO base(o, e, s, chain, hlc, reclaimed_e, reclaimed_s) VALUES(?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT(o) DO UPDATE SET e = excluded.e, s = excluded.s, chain = excluded.chain, hlc = excluded.hlc,
         reclaimed_e = excluded.reclaimed_e, reclaimed_s = excluded.reclaimed_s`,
      row.o,
      integer(row.e),
      integer(row.s),
      row.chain,
      integer(row.hlc),
      integer(row.reclaimed.e),
      integer(row.reclaimed.s),
    );
  }

  epochs(): EpochRow[] {
    return this.#sql
      .rows(`SELECT o, e, start FROM epochs ORDER BY o, e`)
      .map((r) => ({ o: num(r[0]), e: num(r[1]), start: num(r[2]) }));
  }

  putEpoch(row: EpochRow): void {
    this.#sql.run(
      `INSERT OR REPLACE INTO epochs(o, e, start) VALUES(?, ?, ?)`,
      row.o,
      integer(row.e),
      integer(row.start),
    );
  }

  dropEpochs(o: number, start: number): void {
    this.#sql.run(`DELETE FROM epochs WHERE o = ? AND start >= ?`, o, start);
  }

  head(o: number): LogHead | null {
    const r = this.#sql.rows(
      `SELECT e, s, hlc, commit_s, chain FROM log WHERE place > ? AND place < ? ORDER BY place DESC LIMIT 1`,
      placeOf(o, 0),
      placeOf(o + 1, 0),
    )[0];
    return r === undefined
      ? null
      : { e: num(r[0]), s: num(r[1]), hlc: num(r[2]), commit: num(r[3]), chain: blob(r[4]) };
  }

  appliedHead(o: number): number {
    const r = this.#sql.rows(
      `SELECT s FROM log WHERE place > ? AND place < ? AND applied = 1 ORDER BY place DESC LIMIT 1`,
      placeOf(o, 0),
      placeOf(o + 1, 0),
    )[0];
    return r === undefined ? 0 : num(r[0]);
  }

  insertEntry(row: LogRow): void {
    this.#sql.run(
      `INSERT INTO log(place, o, s, e, hlc, commit_s, applied, user, chain, entry, undo, redacted) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      placeOf(row.o, row.s),
      row.o,
      integer(row.s),
      integer(row.e),
      integer(row.hlc),
      integer(row.commit),
      row.applied ? 1 : 0,
      row.user,
      row.chain,
      row.bytes,
      this.#packUndo(row.o, row.s, row.bytes.length, row.undo),
      row.redacted === true ? 1 : null,
    );
    this.#tail(row.o).push(row);
    if (row.s % this.#stretchEntries === 0) this.#closeStretch(row.o, row.s);
  }

  /** The last entry of a stretch came: who is in it will not change, unless it is cut off again. */
  #closeStretch(o: number, s: number): void {
    const users = this.usersOf(o, s - this.#stretchEntries, s);
    if (users.has(null)) return;
    const filter = filterOf([...users].filter((user): user is string => user !== null && user !== ""));
    this.#sql.run(
      `INSERT OR REPLACE INTO stretches(o, stretch, users) VALUES(?, ?, ?)`,
      o,
      s / this.#stretchEntries,
      filter,
    );
  }

  markApplied(o: number, s: number, undo: UndoImage | null): void {
    const r = this.#sql.rows(`SELECT length(entry) FROM log WHERE place = ?`, placeOf(o, s))[0];
    if (r === undefined) throw new Error(`no entry ${o}:${s} to mark as applied`);
    this.#sql.run(
      `UPDATE log SET applied = 1, undo = ? WHERE place = ?`,
      this.#packUndo(o, s, num(r[0]), undo),
      placeOf(o, s),
    );
  }

  markUnapplied(o: number, after: number): void {
    this.#sql.run(
      `UPDATE log SET applied = 0, undo = NULL WHERE place > ? AND place < ?`,
      placeOf(o, after),
      placeOf(o + 1, 0),
    );
    this.#sql.run(
      `UPDATE log SET applied = 1, undo = NULL WHERE place > ? AND place <= ? AND applied = 0`,
      placeOf(o, 0),
      placeOf(o, after),
    );
    this.#sql.run(`DELETE FROM undo WHERE o = ? AND s > ?`, o, after);
  }

  entry(o: number, s: number): LogRow | null {
    const r = this.#sql.rows(
      `SELECT e, s, hlc, commit_s, applied, chain, entry, undo, user, redacted FROM log WHERE place = ?`,
      placeOf(o, s),
    )[0];
    return r === undefined ? null : this.#logRow(o, r);
  }

  entries(
    o: number,
    after: number,
    bytesMax: number,
    entriesMax: number,
  ): { entries: RawEntry[]; chain: Uint8Array } {
    const recent = this.#tail(o).page(after, bytesMax, entriesMax);
    if (recent !== null) return recent;
    // Lengths first: a page of large entries must not be read into memory to find out that it does not fit.
    const lengths = this.#sql.rows(
      `SELECT s, length(entry) FROM log WHERE place > ? AND place < ? ORDER BY place LIMIT ?`,
      placeOf(o, after),
      placeOf(o + 1, 0),
      entriesMax,
    );
    const count = fitting(lengths, 1, bytesMax);
    const rows = this.#sql.rows(
      `SELECT e, s, entry, chain, redacted FROM log WHERE place > ? AND place < ? ORDER BY place LIMIT ?`,
      placeOf(o, after),
      placeOf(o + 1, 0),
      count,
    );
    const entries = rows.map((r) => ({
      e: num(r[0]),
      s: num(r[1]),
      bytes: blob(r[2]),
      ...(r[4] === 1 ? { chain: blob(r[3]) } : {}),
    }));
    return { entries, chain: rows.length === 0 ? NO_BYTES : blob(rows.at(-1)![3]) };
  }

  entriesOf(
    o: number,
    user: string,
    range: { readonly after: number; readonly through: number; readonly entriesMax: number },
  ): { found: UserEntry[]; looked: number } {
    const size = this.#stretchEntries;
    const found: UserEntry[] = [];
    let at = range.after;
    let filters: ReadonlyMap<number, Uint8Array> | null = null;
    let rowsLeft = LOOKED_ROWS_MAX;
    let stretchesLeft = LOOKED_STRETCHES_MAX;
    while (at < range.through && found.length < range.entriesMax && rowsLeft > 0 && stretchesLeft > 0) {
      stretchesLeft -= 1;
      const stretch = Math.floor(at / size) + 1;
      const end = Math.min(range.through, stretch * size);
      // A few rows are looked at as quickly as a filter.
      if (range.through - range.after > FEW_ROWS) filters ??= this.#filters(o, stretch);
      const filter = filters?.get(stretch);
      if (filter === undefined || mayHold(filter, user)) {
        rowsLeft -= end - at;
        const room = range.entriesMax - found.length;
        const rows = this.#sql.rows(
          `SELECT e, s, length(entry) FROM log WHERE place > ? AND place <= ? AND (user = ? OR user IS NULL) ORDER BY place LIMIT ?`,
          placeOf(o, at),
          placeOf(o, end),
          user,
          room,
        );
        for (const r of rows) found.push({ e: num(r[0]), s: num(r[1]), entryBytes: num(r[2]) });
        if (rows.length === room) return { found, looked: found.at(-1)!.s };
      }
      at = end;
    }
    return { found, looked: at };
  }

  usersOf(o: number, after: number, through: number): Set<string | null> {
    const rows = this.#sql.rows(
      `SELECT DISTINCT user FROM log WHERE place > ? AND place <= ?`,
      placeOf(o, after),
      placeOf(o, through),
    );
    return new Set(rows.map(([user]) => (user === null ? null : str(user))));
  }

  #filters(o: number, from: number): Map<number, Uint8Array> {
    const rows = this.#sql.rows(
      `SELECT stretch, users FROM stretches WHERE o = ? AND stretch >= ? ORDER BY stretch LIMIT ?`,
      o,
      from,
      LOOKED_STRETCHES_MAX,
    );
    return new Map(rows.map((r) => [num(r[0]), blob(r[1])]));
  }

  entriesDown(o: number, below: number, bytesMax: number, entriesMax: number): LogRow[] {
    const range = [placeOf(o, 0), placeOf(o, below)] as const;
    const lengths = this.#sql.rows(
      `SELECT length(entry) FROM log WHERE place > ? AND place < ? ORDER BY place DESC LIMIT ?`,
      ...range,
      entriesMax,
    );
    return this.#sql
      .rows(
        `SELECT e, s, hlc, commit_s, applied, chain, entry, NULL, user, redacted FROM log
         WHERE place > ? AND place < ? ORDER BY place DESC LIMIT ?`,
        ...range,
        fitting(lengths, 0, bytesMax),
      )
      .map((r) => this.#logRow(o, r));
  }

  logBytes(o: number, after: number): number {
    const sum = this.#sql.rows(
      `SELECT coalesce(sum(length(entry)), 0) FROM log WHERE place > ? AND place < ?`,
      placeOf(o, after),
      placeOf(o + 1, 0),
    )[0]?.[0];
    return num(sum);
  }

  deleteEntry(o: number, s: number): void {
    this.#tails.delete(o);
    this.#sql.run(`DELETE FROM log WHERE place = ?`, placeOf(o, s));
    this.#sql.run(`DELETE FROM undo WHERE o = ? AND s = ?`, o, s);
    // Logs are cut from their end: whatever is cut of a stretch, its last entry goes first.
    const stretch = s / this.#stretchEntries;
    if (Number.isInteger(stretch))
      this.#sql.run(`DELETE FROM stretches WHERE o = ? AND stretch = ?`, o, stretch);
  }

  first(o: number): { s: number; hlc: number } | null {
    const r = this.#sql.rows(
      `SELECT s, hlc FROM log WHERE place > ? AND place < ? ORDER BY place LIMIT 1`,
      placeOf(o, 0),
      placeOf(o + 1, 0),
    )[0];
    return r === undefined ? null : { s: num(r[0]), hlc: num(r[1]) };
  }

  rowsForCompaction(
    o: number,
    upTo: number,
    bytesMax: number,
    rowsMax: number,
  ): { s: number; e: number; hlc: number; chain: Uint8Array; entry: Uint8Array }[] {
    const range = [placeOf(o, 0), placeOf(o, upTo)] as const;
    const lengths = this.#sql.rows(
      `SELECT length(entry) FROM log WHERE place > ? AND place <= ? ORDER BY place LIMIT ?`,
      ...range,
      rowsMax,
    );
    return this.#sql
      .rows(
        `SELECT s, e, hlc, chain, entry FROM log WHERE place > ? AND place <= ? ORDER BY place LIMIT ?`,
        ...range,
        fitting(lengths, 0, bytesMax),
      )
      .map((r) => ({ s: num(r[0]), e: num(r[1]), hlc: num(r[2]), chain: blob(r[3]), entry: blob(r[4]) }));
  }

  deleteThrough(o: number, s: number): void {
    this.#scrubber.noteSize();
    this.#tails.delete(o);
    this.#sql.run(`DELETE FROM log WHERE place > ? AND place <= ?`, placeOf(o, 0), placeOf(o, s));
    this.#sql.run(`DELETE FROM undo WHERE o = ? AND s <= ?`, o, s);
    this.#sql.run(
      `DELETE FROM stretches WHERE o = ? AND stretch <= ?`,
      o,
      Math.floor(s / this.#stretchEntries),
    );
  }

  clearLog(o: number): void {
    this.#tails.delete(o);
    this.#sql.run(`DELETE FROM log WHERE place > ? AND place < ?`, placeOf(o, 0), placeOf(o + 1, 0));
    this.#sql.run(`DELETE FROM undo WHERE o = ?`, o);
    this.#sql.run(`DELETE FROM epochs WHERE o = ?`, o);
    this.#sql.run(`DELETE FROM stretches WHERE o = ?`, o);
  }

  item(user: string, key: string, withValue: boolean): StoredItem | null {
    const known = this.#itemsRead.get(user, key);
    if (known !== undefined) return withValue || known === null ? known : { ...known, value: NO_BYTES };
    if (!withValue) {
      const r = this.#sql.rows(`SELECT ${ITEM_COLUMNS} FROM items WHERE user = ? AND key = ?`, user, key)[0];
      if (r !== undefined) return itemRow(r);
      this.#itemsRead.note(user, key, null);
      return null;
    }
    const r = this.#sql.rows(
      `SELECT ${ITEM_COLUMNS}, value FROM items WHERE user = ? AND key = ?`,
      user,
      key,
    )[0];
    const item = r === undefined ? null : itemRow(r);
    this.#itemsRead.note(user, key, item);
    return item;
  }

  putItem(row: ItemRow): void {
    this.#itemsRead.forget(row.user, row.key);
    const reclaimer = row.expiresAt > 0 ? (this.owner(row.user)?.home ?? row.o) : row.o;
    if (row.expiresAt > 0 && row.expiresAt < (this.#expiries.get(reclaimer) ?? 0))
      this.#expiries.set(reclaimer, row.expiresAt);
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

  deleteItem(user: string, key: string): void {
    this.#itemsRead.forget(user, key);
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

  earliestExpiry(o: number, exactBelow: number): number {
    const known = this.#expiries.get(o);
    if (known !== undefined && known >= exactBelow) return known;
    const r = this.#sql.rows(
      `SELECT expires_at FROM items WHERE coalesce(reclaimer, o) = ? AND expires_at > 0 ORDER BY expires_at LIMIT 1`,
      o,
    )[0];
    const earliest = r === undefined ? Infinity : num(r[0]);
    this.#expiries.set(o, earliest);
    return earliest;
  }

  expiredItems(o: number, through: number, rowsMax: number): ExpiredItem[] {
    return this.#sql
      .rows(
        `SELECT user, key, expires_at, size FROM items
         WHERE coalesce(reclaimer, o) = ? AND expires_at > 0 AND expires_at <= ? ORDER BY expires_at LIMIT ?`,
        o,
        through,
        rowsMax,
      )
      .map((r) => ({ user: str(r[0]), key: str(r[1]), expiresAt: num(r[2]), size: num(r[3]) }));
  }

  owner(user: string): OwnerRow | null {
    const known = this.#owners.get(user);
    if (known !== undefined) return known;
    const r = this.#sql.rows(`SELECT ${OWNER_COLUMNS} FROM owners WHERE user = ?`, user)[0];
    if (r === undefined) return null;
    const owner = ownerRow(r);
    if (this.#owners.size >= REMEMBERED_OWNERS_MAX) this.#owners.clear();
    this.#owners.set(user, owner);
    return owner;
  }

  putOwner(row: OwnerRow): void {
    const before = this.owner(row.user);
    this.#owners.delete(row.user);
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
    if (before !== null && before.home !== row.home) this.#handOn(row.user, before.home, row.home);
  }

  deleteOwner(user: string): void {
    this.#owners.delete(user);
    this.#moving?.delete(user);
    this.#sql.run(`DELETE FROM owners WHERE user = ?`, user);
  }

  movingUsers(): ReadonlySet<string> {
    this.#moving ??= new Set(
      this.#sql.rows(`SELECT user FROM owners WHERE moving IS NOT NULL`).map((r) => str(r[0])),
    );
    return this.#moving;
  }

  /** What expires goes with its user from one log to the other. */
  #handOn(user: string, from: number, to: number): void {
    this.#expiries.delete(from);
    this.#expiries.delete(to);
    this.#sql.run(
      `UPDATE items SET reclaimer = CASE WHEN o = ? THEN NULL ELSE ? END WHERE user = ? AND expires_at > 0`,
      to,
      to,
      user,
    );
  }

  idempotency(user: string, k: Uint8Array): IdempotencyRow | null {
    const r = this.#sql.rows(
      `SELECT user, k, fingerprint, o, e, s, status, hlc FROM idempotency WHERE user = ? AND k = ?`,
      user,
      k,
    )[0];
    return r === undefined ? null : idempotencyRow(r);
  }

  putIdempotency(row: IdempotencyRow): void {
    this.#sql.run(
      `INSERT INTO idempotency(user, k, fingerprint, o, e, s, status, hlc) VALUES(?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT(user, k) DO UPDATE SET fingerprint = excluded.fingerprint, o = excluded.o, e = excluded.e, s = excluded.s,
         status = excluded.status, hlc = excluded.hlc`,
      row.user,
      row.k,
      row.fingerprint,
      row.o,
      integer(row.e),
      integer(row.s),
      row.status,
      integer(row.hlc),
    );
  }

  deleteIdempotency(user: string, k: Uint8Array): void {
    this.#sql.run(`DELETE FROM idempotency WHERE user = ? AND k = ?`, user, k);
  }

  countIdempotency(user: string): number {
    return num(this.#sql.rows(`SELECT count(*) FROM idempotency WHERE user = ?`, user)[0]?.[0]);
  }

  trimIdempotency(user: string, keep: number): void {
    this.#sql.run(
      `DELETE FROM idempotency WHERE user = ? AND k IN (SELECT k FROM idempotency WHERE user = ? ORDER BY hlc DESC, s DESC LIMIT -1 OFFSET ?)`,
      user,
      user,
      keep,
    );
  }

  expireIdempotency(hlcBelow: number, rowsMax: number): number {
    const rows = this.#sql.rows(`SELECT user, k FROM idempotency WHERE hlc < ? LIMIT ?`, hlcBelow, rowsMax);
    for (const r of rows) this.deleteIdempotency(str(r[0]), blob(r[1]));
    return rows.length;
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

  pins(): PinRow[] {
    return this.#sql
      .rows(`SELECT id, until, bases FROM pins`)
      .map((r) => ({ id: str(r[0]), until: num(r[1]), bases: JSON.parse(str(r[2])) as PinRow["bases"] }));
  }

  putPin(row: PinRow): void {
    this.#sql.run(
      `INSERT INTO pins(id, until, bases) VALUES(?, ?, ?) ON CONFLICT(id) DO UPDATE SET until = excluded.until, bases = excluded.bases`,
      row.id,
      integer(row.until),
      JSON.stringify(row.bases),
    );
  }

  deletePin(id: string): void {
    this.#sql.run(`DELETE FROM pins WHERE id = ?`, id);
  }

  restore(): RestoreRow | null {
    const r = this.#sql.rows(`SELECT id, source, cursor, scanned, bases, until FROM restore`)[0];
    if (r === undefined) return null;
    return {
      id: str(r[0]),
      source: num(r[1]),
      cursor: blob(r[2]),
      scanned: r[3] === 1,
      ...decodeRestore(str(r[4]), str(r[5])),
    };
  }

  putRestore(row: RestoreRow): void {
    const { bases, until } = encodeRestore(row);
    this.#sql.run(`DELETE FROM restore WHERE id <> ?`, row.id);
    this.#sql.run(
      `INSERT INTO restore(id, source, cursor, scanned, bases, until) VALUES(?, ?, ?, ?, ?, ?)
       ON CONFLICT(id) DO UPDATE SET source = excluded.source, cursor = excluded.cursor, scanned = excluded.scanned,
         bases = excluded.bases, until = excluded.until`,
      row.id,
      row.source,
      row.cursor,
      row.scanned ? 1 : 0,
      bases,
      until,
    );
  }

  deleteRestore(): void {
    this.#sql.run(`DELETE FROM restore`);
  }

  putDivergent(row: DivergentRow): void {
    const undo = row.undo === null ? null : packRecords(encodeUndo(row.undo));
    // A pre-image is a convenience here (the base of a replay); what does not fit is left out, the entry never is.
    const fitting = undo !== null && undo.length + row.entry.length <= ROW_BYTES_MAX ? undo : null;
    this.#cutPlaces = null;
    this.#sql.run(
      `INSERT OR REPLACE INTO divergent(o, e, s, applied, found_at, entry, undo, user) VALUES(?, ?, ?, ?, ?, ?, ?, ?)`,
      row.o,
      integer(row.e),
      integer(row.s),
      row.applied ? 1 : 0,
      integer(row.foundAt),
      row.entry,
      fitting,
      row.user,
    );
  }

  cutPlaces(): readonly CutPlace[] {
    this.#cutPlaces ??= this.#sql
      .rows(`SELECT o, e, s, found_at, user FROM divergent ORDER BY o, e, s`)
      .map((r) => ({ o: num(r[0]), e: num(r[1]), s: num(r[2]), foundAt: num(r[3]), user: maybeStr(r[4]) }));
    return this.#cutPlaces;
  }

  divergentAt({ o, e, s }: Position): DivergentRow | null {
    const r = this.#sql.rows(
      `SELECT o, e, s, applied, found_at, entry, undo, user FROM divergent WHERE o = ? AND e = ? AND s = ?`,
      o,
      e,
      s,
    )[0];
    return r === undefined ? null : divergentRow(r);
  }

  deleteDivergent({ o, e, s }: Position): void {
    this.#cutPlaces = null;
    this.#sql.run(`DELETE FROM divergent WHERE o = ? AND e = ? AND s = ?`, o, e, s);
  }

  putLost(row: LostRow): void {
    this.#noneLost = false;
    this.#sql.run(
      `INSERT OR REPLACE INTO lost(${LOST_COLUMNS}) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      row.user,
      row.o,
      integer(row.e),
      integer(row.s),
      integer(row.hlc),
      integer(row.recorded.e),
      integer(row.recorded.s),
      LOST_STATES[row.state],
      row.by?.o ?? null,
      row.by === undefined ? null : integer(row.by.e),
      row.by === undefined ? null : integer(row.by.s),
      row.identity,
      row.record,
    );
  }

  lostAt(user: string, { o, e, s }: Position): LostRow | null {
    if (this.#isNoneLost()) return null;
    const r = this.#sql.rows(
      `SELECT ${LOST_COLUMNS} FROM lost WHERE user = ? AND o = ? AND e = ? AND s = ?`,
      user,
      o,
      e,
      s,
    )[0];
    return r === undefined ? null : lostRow(r);
  }

  lostAfter(user: string, after: Position | null): LostRow | null {
    if (this.#isNoneLost()) return null;
    const { o, e, s } = after ?? { o: -1, e: 0, s: 0 };
    const r = this.#sql.rows(
      `SELECT ${LOST_COLUMNS} FROM lost WHERE user = ? AND (o, e, s) > (?, ?, ?) AND state <> ? ORDER BY o, e, s LIMIT 1`,
      user,
      o,
      e,
      s,
      LOST_STATES.folded,
    )[0];
    return r === undefined ? null : lostRow(r);
  }

  lostOfRequest(user: string, identity: Uint8Array): LostRow[] {
    if (this.#isNoneLost()) return [];
    return this.#sql
      .rows(
        `SELECT ${LOST_COLUMNS} FROM lost WHERE user = ? AND identity = ? AND state <> ? ORDER BY o, e, s`,
        user,
        identity,
        LOST_STATES.folded,
      )
      .map(lostRow);
  }

  settleLost(user: string, { o, e, s }: Position, state: LostState, by: Position | null): void {
    this.#sql.run(
      `UPDATE lost SET state = ?, by_o = ?, by_e = ?, by_s = ? WHERE user = ? AND o = ? AND e = ? AND s = ?`,
      LOST_STATES[state],
      by?.o ?? null,
      by === null ? null : integer(by.e),
      by === null ? null : integer(by.s),
      user,
      o,
      e,
      s,
    );
  }

  deleteLost(user: string, { o, e, s }: Position): void {
    this.#sql.run(`DELETE FROM lost WHERE user = ? AND o = ? AND e = ? AND s = ?`, user, o, e, s);
  }

  #isNoneLost(): boolean {
    this.#noneLost ??= this.#sql.rows(`SELECT 1 FROM lost LIMIT 1`).length === 0;
    return this.#noneLost;
  }

  erasures(): ErasureWork[] {
    return this.#sql
      .rows(`SELECT o, e, s, hlc, id, digest, stage, log, through, done_at FROM erasures ORDER BY hlc`)
      .map(erasureWork);
  }

  putErasure(row: ErasureWork): void {
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

  ownersAfter(user: string, rowsMax: number): string[] {
    return this.#sql
      .rows(`SELECT user FROM owners WHERE user > ? ORDER BY user LIMIT ?`, user, rowsMax)
      .map((r) => str(r[0]));
  }

  eraseUser(user: string, before: number | null): void {
    this.#scrubber.noteSize();
    this.#itemsRead.clear();
    if (before !== null) {
      this.#sql.run(`DELETE FROM items WHERE user = ? AND hlc < ?`, user, before);
      this.#sql.run(`DELETE FROM idempotency WHERE user = ? AND hlc < ?`, user, before);
      this.#sql.run(`DELETE FROM lost WHERE user = ? AND hlc < ?`, user, before);
      return;
    }
    this.#sql.run(`DELETE FROM items WHERE user = ?`, user);
    this.#sql.run(`DELETE FROM idempotency WHERE user = ?`, user);
    this.#sql.run(`DELETE FROM lost WHERE user = ?`, user);
    this.deleteOwner(user);
  }

  redactEntry(o: number, s: number, bytes: Uint8Array): void {
    this.#tails.delete(o);
    this.#sql.run(
      `UPDATE log SET entry = ?, user = '', undo = NULL, redacted = 1 WHERE place = ?`,
      bytes,
      placeOf(o, s),
    );
    this.#sql.run(`DELETE FROM undo WHERE o = ? AND s = ?`, o, s);
  }

  hasRedacted(o: number): boolean {
    const range = [placeOf(o, 0), placeOf(o + 1, 0)] as const;
    return (
      this.#sql.rows(`SELECT 1 FROM log WHERE place > ? AND place < ? AND redacted = 1 LIMIT 1`, ...range)
        .length > 0
    );
  }

  scrub(): "more" | "done" | "too-large" {
    return this.#scrubber.step();
  }

  deletePoison(before = Number.MAX_SAFE_INTEGER): void {
    this.#sql.run(`DELETE FROM poison WHERE at < ?`, before);
  }

  putPoison(at: number, error: string, raw: Uint8Array): void {
    this.#sql.run(
      `INSERT INTO poison(at, error, raw) VALUES(?, ?, ?)`,
      integer(at),
      error.slice(0, 1000),
      raw,
    );
  }

  countPoison(): number {
    return num(this.#sql.rows(`SELECT count(*) FROM poison`)[0]?.[0]);
  }

  scan(
    cursor: Uint8Array,
    bytesMax: number,
  ): {
    items: ItemRow[];
    owners: OwnerRow[];
    idempotency: IdempotencyRow[];
    erasures: ErasureRow[];
    lost: LostRow[];
    cursor: Uint8Array;
  } {
    const result = {
      // Few and small: with the first page.
      erasures: cursor.length === 0 ? this.erasures().map(erasureRow) : [],
      items: [] as ItemRow[],
      owners: [] as OwnerRow[],
      idempotency: [] as IdempotencyRow[],
      lost: [] as LostRow[],
      cursor: NO_BYTES,
    };
    let place = decodeScanCursor(cursor);
    let room = bytesMax;
    while (room > 0) {
      const step = this.#scanStep(place, room, result);
      room -= step.bytes;
      if (step.next === null) return result;
      place = step.next;
    }
    result.cursor = encodeScanCursor(place);
    return result;
  }

  clearState(): void {
    this.#scrubber.noteSize();
    this.#owners.clear();
    this.#moving = null;
    this.#itemsRead.clear();
    this.#expiries.clear();
    this.#sql.run(`DELETE FROM items`);
    this.#sql.run(`DELETE FROM owners`);
    this.#sql.run(`DELETE FROM idempotency`);
    this.#sql.run(`DELETE FROM lost`);
  }

  /** One page of one table; the next place, or null at the very end. */
  #scanStep(
    place: ScanPlace,
    room: number,
    into: { items: ItemRow[]; owners: OwnerRow[]; idempotency: IdempotencyRow[]; lost: LostRow[] },
  ): { bytes: number; next: ScanPlace | null } {
    let bytes = 0;
    if (place.table === "owners") {
      const rows = this.#sql.rows(
        `SELECT ${OWNER_COLUMNS} FROM owners WHERE user > ? ORDER BY user LIMIT ?`,
        place.user,
        PAGE_ROWS,
      );
      for (const r of rows) {
        into.owners.push(ownerRow(r));
        bytes += 40 + str(r[0]).length;
      }
      const last = rows.at(-1);
      return {
        bytes,
        next:
          last === undefined || rows.length < PAGE_ROWS
            ? { table: "idempotency", user: "", key: "", k: NO_BYTES }
            : { ...place, user: str(last[0]) },
      };
    }
    if (place.table === "idempotency") {
      const rows = this.#sql.rows(
        `SELECT user, k, fingerprint, o, e, s, status, hlc FROM idempotency WHERE (user, k) > (?, ?) ORDER BY user, k LIMIT ?`,
        place.user,
        place.k,
        PAGE_ROWS,
      );
      for (const r of rows) {
        into.idempotency.push(idempotencyRow(r));
        bytes += 100 + str(r[0]).length;
      }
      const last = rows.at(-1);
      return {
        bytes,
        next:
          last === undefined || rows.length < PAGE_ROWS
            ? { table: "lost", user: "", key: "", k: NO_BYTES }
            : { ...place, user: str(last[0]), k: blob(last[1]) },
      };
    }
    if (place.table === "lost") {
      const after = place.key === "" ? [-1, 0, 0] : place.key.split(".").map(Number);
      // One at a time: each may fill a page, and there are few.
      const r = this.#sql.rows(
        `SELECT ${LOST_COLUMNS} FROM lost WHERE (user, o, e, s) > (?, ?, ?, ?) ORDER BY user, o, e, s LIMIT 1`,
        place.user,
        ...after,
      )[0];
      if (r === undefined) return { bytes, next: { table: "items", user: "", key: "", k: NO_BYTES } };
      const row = lostRow(r);
      into.lost.push(row);
      const key = `${row.o}.${row.e}.${row.s}`;
      return { bytes: 100 + row.record.length, next: { ...place, user: row.user, key } };
    }
    const sizes = this.#sql.rows(
      `SELECT size FROM items WHERE (user, key) > (?, ?) ORDER BY user, key LIMIT ?`,
      place.user,
      place.key,
      PAGE_ROWS,
    );
    let count = 0;
    for (; count < sizes.length; count++) {
      const size = ITEM_OVERHEAD_BYTES + num(sizes[count]![0]);
      if (count > 0 && bytes + size > room) break;
      bytes += size;
    }
    const rows = this.#sql.rows(
      `SELECT ${ITEM_COLUMNS}, value FROM items WHERE (user, key) > (?, ?) ORDER BY user, key LIMIT ?`,
      place.user,
      place.key,
      count,
    );
    for (const r of rows) into.items.push(itemRow(r));
    const last = into.items.at(-1);
    if (count === sizes.length && sizes.length < PAGE_ROWS) return { bytes, next: null };
    return {
      bytes,
      next: last === undefined ? null : { table: "items", user: last.user, key: last.key, k: NO_BYTES },
    };
  }

  #tail(o: number): EntryTail {
    let tail = this.#tails.get(o);
    if (tail === undefined) {
      tail = new EntryTail();
      this.#tails.set(o, tail);
    }
    return tail;
  }

  #logRow(o: number, r: SqlValue[]): LogRow {
    const s = num(r[1]);
    return {
      o,
      e: num(r[0]),
      s,
      hlc: num(r[2]),
      commit: num(r[3]),
      applied: r[4] === 1,
      chain: blob(r[5]),
      bytes: blob(r[6]),
      user: r[8] === null ? null : str(r[8]),
      undo: r[7] === null ? null : this.#unpackUndo(o, s, blob(r[7])),
      ...(r[9] === 1 ? { redacted: true } : {}),
    };
  }

  #packUndo(o: number, s: number, entryBytes: number, undo: UndoImage | null): Uint8Array | null {
    if (undo === null) return null;
    const records = encodeUndo(undo);
    const total = records.reduce((sum, record) => sum + record.length, 0);
    if (entryBytes + total <= ROW_BYTES_MAX) return packRecords(records);
    records.forEach((record, n) =>
      this.#sql.run(`INSERT OR REPLACE INTO undo(o, s, n, image) VALUES(?, ?, ?, ?)`, o, s, n, record),
    );
    return NO_BYTES;
  }

  #unpackUndo(o: number, s: number, packed: Uint8Array): UndoImage {
    if (packed.length > 0) return decodeUndo(unpackRecords(packed));
    return decodeUndo(
      this.#sql.rows(`SELECT image FROM undo WHERE o = ? AND s = ? ORDER BY n`, o, s).map((r) => blob(r[0])),
    );
  }
}

/** Kept in memory beside the table: owners of the users that are asked for. */
const REMEMBERED_OWNERS_MAX = 2_000;
/** Entries of a log that one filter of users stands for. */
const STRETCH_ENTRIES = 256;
/** What one look for a user's entries may cost: rows without a filter, filters, and when a filter is not worth its row. */
const LOOKED_ROWS_MAX = 4_096;
const LOOKED_STRETCHES_MAX = 256;
const FEW_ROWS = 32;
/** Rows of one statement of a scan. */
const PAGE_ROWS = 256;
/** What an item takes in a message beside its value, roughly. */
const ITEM_OVERHEAD_BYTES = 150;

/** Keys of one look-up: a statement has at most 100 parameters, and the user is one. */
const VALUES_AT_ONCE = 50;
const VALUES_QUERY = `SELECT key, value FROM items WHERE user = ? AND key IN (${Array(VALUES_AT_ONCE).fill("?").join(", ")})`;

interface ScanPlace {
  readonly table: "owners" | "idempotency" | "lost" | "items";
  readonly user: string;
  readonly key: string;
  readonly k: Uint8Array;
}

function encodeScanCursor(place: ScanPlace): Uint8Array {
  return new BinaryWriter().string(place.table).string(place.user).string(place.key).bytes(place.k).finish();
}

function decodeScanCursor(bytes: Uint8Array): ScanPlace {
  if (bytes.length === 0) return { table: "owners", user: "", key: "", k: NO_BYTES };
  const reader = new BinaryReader(bytes);
  const table = reader.string();
  if (table !== "owners" && table !== "idempotency" && table !== "lost" && table !== "items")
    throw new Error(`a scan cursor names no table: ${table}`);
  return { table, user: reader.string(), key: reader.string(), k: reader.bytes() };
}

/** How many rows fit, at least one; their lengths stand in a column. */
function fitting(rows: readonly SqlValue[][], column: number, bytesMax: number): number {
  let count = 0;
  for (let bytes = 0; count < rows.length; count++) {
    bytes += num(rows[count]![column]);
    if (count > 0 && bytes > bytesMax) break;
  }
  return count;
}

/** Where an entry stands in the log's table: origins, 0-15, one after the other, each with room for 2^48 entries. */
function placeOf(o: number, s: number): number {
  if (s >= 2 ** 48) throw new IntegerOutOfRange(`${s} is not below 2^48`);
  return integer(o * 2 ** 48 + s);
}

function integer(n: number): number {
  if (!Number.isSafeInteger(n)) throw new IntegerOutOfRange(`${n} is not an integer below 2^53`);
  return n;
}

function num(v: SqlValue | undefined): number {
  if (typeof v !== "number") throw new IntegerOutOfRange(`expected an integer, found ${typeof v}`);
  return v;
}

function str(v: SqlValue | undefined): string {
  if (typeof v !== "string") throw new TypeError(`expected text, found ${typeof v}`);
  return v;
}

function maybeStr(v: SqlValue | undefined): string | null {
  return v === null ? null : str(v);
}

function blob(v: SqlValue | undefined): Uint8Array<ArrayBuffer> {
  if (!(v instanceof Uint8Array)) throw new TypeError(`expected a blob, found ${typeof v}`);
  return v as Uint8Array<ArrayBuffer>;
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

function idempotencyRow(r: SqlValue[]): IdempotencyRow {
  return {
    user: str(r[0]),
    k: blob(r[1]),
    fingerprint: blob(r[2]),
    o: num(r[3]),
    e: num(r[4]),
    s: num(r[5]),
    status: num(r[6]),
    hlc: num(r[7]),
  };
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

/** Of another replica: how far this one has come is nobody else's. */
function erasureRow({ o, e, s, hlc, id, digest }: ErasureWork): ErasureRow {
  return { o, e, s, hlc, id, digest };
}

function divergentRow(r: SqlValue[]): DivergentRow {
  return {
    o: num(r[0]),
    e: num(r[1]),
    s: num(r[2]),
    applied: r[3] === 1,
    foundAt: num(r[4]),
    entry: blob(r[5]),
    undo: r[6] === null ? null : decodeUndo(unpackRecords(blob(r[6]))),
    user: maybeStr(r[7]),
  };
}

function lostRow(r: SqlValue[]): LostRow {
  const state = (Object.keys(LOST_STATES) as LostState[]).find((word) => LOST_STATES[word] === r[7]);
  if (state === undefined) throw new TypeError(`no state of a lost write: ${String(r[7])}`);
  return {
    user: str(r[0]),
    o: num(r[1]),
    e: num(r[2]),
    s: num(r[3]),
    hlc: num(r[4]),
    recorded: { e: num(r[5]), s: num(r[6]) },
    state,
    ...(r[8] === null ? {} : { by: { o: num(r[8]), e: num(r[9]), s: num(r[10]) } }),
    identity: blob(r[11]),
    record: blob(r[12]),
  };
}
