/**
 * What one replica's tables say of one log, copied out after each turn that wrote to them, and what changed since the turn before.
 *
 * Only SQL is read, never the replica's memory: that is what would survive a crash, and what others may have been told.
 */
import type { RawEntry } from "../../src/replication/entry.ts";
import type { Epoch, Tail } from "../../src/replication/position.ts";
import type { SqlDriver } from "../../src/storage/sql-driver.ts";

export interface Acceptor {
  readonly promised: Epoch;
  readonly maxCounter: number;
  readonly leaderE: Epoch;
  readonly leaderInc: number;
}

export interface Standing {
  readonly e: Epoch;
  readonly opened: boolean;
  readonly ackAfter: number;
  readonly leaseUntil: number;
}

/** One turn's difference in one log. */
export interface Delta {
  readonly o: number;
  readonly appended: readonly AppendedRow[];
  readonly removed: readonly Tail[];
  /** Seqs applied in this turn. */
  readonly applied: readonly number[];
  readonly baseBefore: Tail;
  readonly baseAfter: Tail;
  readonly acceptorBefore: Acceptor;
  readonly acceptorAfter: Acceptor;
  readonly openedBefore: Standing;
  readonly openedAfter: Standing;
}

export interface AppendedRow extends RawEntry {
  readonly prevE: Epoch;
  readonly chain: Uint8Array;
}

const NO_ACCEPTOR: Acceptor = { promised: 0, maxCounter: 0, leaderE: 0, leaderInc: 0 };
const NO_STANDING: Standing = { e: 0, opened: false, ackAfter: 0, leaseUntil: 0 };
const PAGE = 12;

export class Mirror {
  readonly o: number;
  base: Tail = { e: 0, s: 0 };
  /** Epoch and applied flag by seq, above the base. */
  readonly rows = new Map<number, { readonly e: Epoch; readonly applied: boolean }>();
  last: Tail = { e: 0, s: 0 };
  applied = 0;
  acceptor = NO_ACCEPTOR;
  standing = NO_STANDING;
  /** Highest commit position that this replica ever spoke of. */
  claimed = 0;
  /** The last epoch that this replica itself opened, where its OPEN stands, and what voters acknowledged to it. */
  ownEpoch: Epoch = 0;
  ownStart = 0;
  readonly ownMatches = new Map<number, number>();
  /** A queue message said that the log goes on to here, at an instant of real time, and nothing was done about it yet. */
  rung: { readonly at: number; readonly last: Tail; readonly generation: number } | null = null;
  /** The furthest that this replica may have found committed by counting entries of its own epochs (R4), said or not. */
  counted = 0;

  /** When what was cut off went, in real time. */
  readonly #cutAt = new Map<string, number>();

  constructor(o: number) {
    this.o = o;
  }

  noteCut({ e, s }: Tail, at: number): void {
    this.#cutAt.set(`${e}.${s}`, at);
  }

  /** Held the entry at that instant of real time or since, and has it no more. */
  heldSince(e: Epoch, s: number, at: number): boolean {
    return (this.#cutAt.get(`${e}.${s}`) ?? -Infinity) >= at;
  }

  /** Epoch of the entry at s; undefined above the log, and below the base. */
  epochAt(s: number): Epoch | undefined {
    return s === this.base.s ? this.base.e : this.rows.get(s)?.e;
  }

  /** Holds the entry, or a base that stands for it. */
  holds(e: Epoch, s: number): boolean {
    return s <= this.base.s || this.rows.get(s)?.e === e;
  }

  sync(driver: SqlDriver, dirty: ReadonlySet<string>): Delta {
    const before = { base: this.base, acceptor: this.acceptor, standing: this.standing };
    if (dirty.has("acceptor")) this.#syncAcceptor(driver);
    if (dirty.has("leadership")) this.#syncStanding(driver);
    const removed: Tail[] = [];
    const applied: number[] = [];
    const appended: AppendedRow[] = [];
    if (dirty.has("base")) this.#syncBase(driver, removed);
    if (dirty.has("log") || dirty.has("base")) this.#syncRows(driver, appended, removed, applied);
    return {
      o: this.o,
      appended,
      removed,
      applied,
      baseBefore: before.base,
      baseAfter: this.base,
      acceptorBefore: before.acceptor,
      acceptorAfter: this.acceptor,
      openedBefore: before.standing,
      openedAfter: this.standing,
    };
  }

  #syncAcceptor(driver: SqlDriver): void {
    const row = driver.rows(
      `SELECT promised, max_counter, leader_e, leader_inc FROM acceptor WHERE o = ?`,
      this.o,
    )[0];
    if (row === undefined) this.acceptor = NO_ACCEPTOR;
    else
      this.acceptor = {
        promised: Number(row[0]),
        maxCounter: Number(row[1]),
        leaderE: Number(row[2]),
        leaderInc: Number(row[3]),
      };
  }

  #syncStanding(driver: SqlDriver): void {
    const row = driver.rows(
      `SELECT e, opened, ack_after, lease_until FROM leadership WHERE o = ?`,
      this.o,
    )[0];
    if (row === undefined) this.standing = NO_STANDING;
    else
      this.standing = {
        e: Number(row[0]),
        opened: row[1] === 1,
        ackAfter: Number(row[2]),
        leaseUntil: Number(row[3]),
      };
  }

  #syncBase(driver: SqlDriver, removed: Tail[]): void {
    const row = driver.rows(`SELECT e, s FROM base WHERE o = ?`, this.o)[0];
    const base = row === undefined ? { e: 0, s: 0 } : { e: Number(row[0]), s: Number(row[1]) };
    if (base.s === this.base.s && base.e === this.base.e) return;
    // A base that moved back is a snapshot that replaced the log: nothing that was above it is known to be there.
    if (base.s < this.base.s) for (let s = base.s + 1; s <= this.base.s; s++) removed.push({ e: -1, s });
    this.base = base;
    for (const s of this.rows.keys()) if (s <= base.s) this.rows.delete(s);
  }

  /** From the top downwards until a row is as it was. */
  #syncRows(driver: SqlDriver, appended: AppendedRow[], removed: Tail[], applied: number[]): void {
    const fresh: { s: number; e: Epoch; applied: boolean }[] = [];
    let below = placeOf(this.o + 1, 0);
    for (let known = false; !known;) {
      const page = driver.rows(
        `SELECT s, e, applied FROM log WHERE place > ? AND place < ? ORDER BY place DESC LIMIT ${PAGE}`,
        placeOf(this.o, 0),
        below,
      );
      for (const row of page) {
        const s = Number(row[0]);
        const now = { s, e: Number(row[1]), applied: row[2] === 1 };
        const was = this.rows.get(s);
        below = placeOf(this.o, s);
        if (was !== undefined && was.e === now.e && was.applied === now.applied && now.applied) {
          known = true;
          break;
        }
        fresh.push(now);
      }
      if (page.length < PAGE) {
        if (!known) below = placeOf(this.o, this.base.s);
        break;
      }
    }
    const top = fresh[0]?.s ?? below - placeOf(this.o, 0);
    for (const [s, row] of this.rows) if (s > top && s > this.base.s) removed.push({ e: row.e, s });
    for (const { s } of removed) this.rows.delete(s);
    for (const row of fresh.toReversed()) {
      const was = this.rows.get(row.s);
      if (was !== undefined && was.e !== row.e) removed.push({ e: was.e, s: row.s });
      if (was === undefined || was.e !== row.e) appended.push(this.#read(driver, row.s));
      if (row.applied && !(was !== undefined && was.e === row.e && was.applied)) applied.push(row.s);
      this.rows.set(row.s, { e: row.e, applied: row.applied });
    }
    const last = this.rows.get(top);
    this.last = last === undefined ? this.base : { e: last.e, s: top };
    this.#syncApplied(fresh.length === 0 ? undefined : (fresh.at(-1)?.s ?? 0) - 1);
  }

  #syncApplied(from: number | undefined): void {
    let s = Math.max(this.base.s, from === undefined ? this.last.s : Math.min(from, this.last.s));
    while (s > this.base.s && this.rows.get(s)?.applied !== true) s--;
    while (this.rows.get(s + 1)?.applied === true) s++;
    this.applied = s;
  }

  #read(driver: SqlDriver, s: number): AppendedRow {
    const row = driver.rows(`SELECT e, entry, chain FROM log WHERE place = ?`, placeOf(this.o, s))[0];
    const prev =
      s - 1 === this.base.s
        ? this.base.e
        : Number(driver.rows(`SELECT e FROM log WHERE place = ?`, placeOf(this.o, s - 1))[0]?.[0] ?? -1);
    const copy = (value: unknown): Uint8Array =>
      value instanceof Uint8Array ? new Uint8Array(value) : new Uint8Array(0);
    return { e: Number(row?.[0] ?? -1), s, bytes: copy(row?.[1]), chain: copy(row?.[2]), prevE: prev };
  }
}

/** As the table of the log is keyed. */
function placeOf(o: number, s: number): number {
  return o * 2 ** 48 + s;
}
