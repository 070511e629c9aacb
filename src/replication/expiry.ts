/**
 * Reclaiming what has expired: the leader of a log turns it into tombstones, by entries like any other.
 *
 * Nobody waits for it, since whoever reads or writes judges an item's time for himself; it is there for the room and
 * for the change feed. An entry names only what is expired by the leader's clock, and so at the entry's own time, which
 * is never behind that clock; followers apply it and judge nothing. All writes to a user's items stand in one log, and
 * its leader has applied it to the end, so that what it names is the item that is meant and no later one.
 *
 * One alarm at the earliest expiry is all that ticks. It comes a little late on purpose, so that what expires together
 * goes together. Where the log cannot be written just then, the alarm comes back by a schedule that is counted from the
 * expiry itself and ends, whatever restarts lie between; after that there is silence until somebody opens the log.
 */
import type { Applier } from "./apply.ts";
import type { Context } from "./context.ts";
import { EntryKind, OpKind, PROTOCOL_VERSION, type Entry } from "./entry.ts";
import type { Leadership } from "./leader.ts";
import type { Leaderships } from "./leaderships.ts";
import type { Log } from "./log.ts";
import type { ExpiredItem } from "./storage.ts";

/** How long an expired item may lie, so that others join it. */
const LINGER_MS = 1_000;
/** Delays after that at which a log that could not be written is tried again; then silence. */
const RETRY_MS: readonly number[] = [1_000, 5_000, 30_000, 300_000, 3_600_000];
const OPS_MAX = 100;
/** Items, and bytes of their values, reclaimed in one turn: an entry's undo image holds them until it is committed. */
const TURN_ITEMS_MAX = 200;
const TURN_BYTES_MAX = 1_048_576;

export class Expiry {
  readonly #context: Context;
  readonly #applier: Applier;
  readonly #leaderships: Leaderships;
  /** While a snapshot is taken over, the items are not what the log says. */
  readonly #paused: () => boolean;
  readonly #onWritten: (leadership: Leadership) => void;
  /** In this turn nobody waits for an answer, and it is time to look. */
  #ownTurn = false;
  /** In this turn a log without a leader may be campaigned for. */
  #rings = false;

  constructor(
    context: Context,
    applier: Applier,
    leaderships: Leaderships,
    paused: () => boolean,
    onWritten: (leadership: Leadership) => void,
  ) {
    this.#context = context;
    this.#applier = applier;
    this.#leaderships = leaderships;
    this.#paused = paused;
    this.#onWritten = onWritten;
  }

  onAlarm(): void {
    this.#ownTurn = true;
    this.#rings = true;
  }

  onWake(): void {
    this.#ownTurn = true;
  }

  advance(): void {
    if (!this.#paused()) for (const log of this.#context.logs.values()) this.#look(log);
    this.#ownTurn = false;
    this.#rings = false;
  }

  #look(log: Log): void {
    const { config, now, storage } = this.#context;
    const leads = this.#leaderships.of(log.o) !== null;
    // A log that another region leads is that region's to reclaim; one that nobody leads is its origin's.
    if (!leads && (log.o !== config.region || log.leader !== config.region)) return;
    const earliest = storage.earliestExpiry(log.o, now - LINGER_MS + 1);
    if (earliest === Infinity) return;
    if (now < earliest + LINGER_MS) return this.#context.alarmAt(earliest + LINGER_MS);
    const leadership = this.#rings ? this.#wanted(log) : this.#usable(log);
    if (leadership === null) return this.#tryLater(earliest);
    // A turn in which a client waits for the storage is not made longer.
    if (!this.#ownTurn) return this.#context.wakeAt(now);
    this.#reclaim(leadership);
  }

  #wanted(log: Log): Leadership | null {
    const way = this.#leaderships.way(log.o, { since: this.#context.now });
    return way.kind === "here" ? way.leadership : null;
  }

  #usable(log: Log): Leadership | null {
    const leadership = this.#leaderships.of(log.o);
    return leadership?.opened === true && log.applied === log.last.s ? leadership : null;
  }

  #tryLater(earliest: number): void {
    const { now } = this.#context;
    let at = earliest + LINGER_MS;
    for (const delay of RETRY_MS) {
      at += delay;
      if (at > now) return this.#context.alarmAt(at);
    }
  }

  #reclaim(leadership: Leadership): void {
    const { now, rules, storage } = this.#context;
    const { o } = leadership.log;
    const due = rules.reclaims(storage.expiredItems(o, rules.reclaimsThrough(now), TURN_ITEMS_MAX));
    let reclaimed = 0;
    for (const [user, items] of byUser(within(due, TURN_BYTES_MAX))) {
      // Of somebody who is on the way to another log, that one reclaims it.
      const owner = storage.owner(user);
      if (owner?.home !== o || owner.moving !== undefined) continue;
      for (let n = 0; n < items.length; n += OPS_MAX)
        this.#append(leadership, user, items.slice(n, n + OPS_MAX));
      reclaimed += items.length;
    }
    const next = storage.earliestExpiry(o, now + 1);
    if (reclaimed === 0) return this.#tryLater(next);
    this.#onWritten(leadership);
    if (next <= now) this.#context.wakeAt(now);
    else if (next < Infinity) this.#context.alarmAt(next + LINGER_MS);
  }

  /** What it depends on, the user's home and what the items were written after, earlier entries of this log depend on. */
  #append({ log, e }: Leadership, user: string, items: readonly ExpiredItem[]): void {
    const entry: Entry = {
      pv: PROTOCOL_VERSION,
      kind: EntryKind.txn,
      o: log.o,
      e,
      s: log.last.s + 1,
      inc: this.#context.incarnation,
      hlc: this.#context.nextHlc(),
      user,
      principal: "",
      concern: "local",
      deps: [],
      xdeps: [],
      ops: items.map(({ key }) => ({ kind: OpKind.expire, key })),
      status: 0,
    };
    this.#applier.append(log, { e, s: entry.s, bytes: this.#context.codec.encode(entry) }, entry);
  }
}

/** The first of them, at least one, whose values fit. */
function within(items: readonly ExpiredItem[], bytesMax: number): readonly ExpiredItem[] {
  let bytes = 0;
  const over = items.findIndex(({ size }, n) => (bytes += size) > bytesMax && n > 0);
  return over === -1 ? items : items.slice(0, over);
}

function byUser(items: readonly ExpiredItem[]): Map<string, ExpiredItem[]> {
  const users = new Map<string, ExpiredItem[]>();
  for (const item of items) {
    const theirs = users.get(item.user);
    if (theirs === undefined) users.set(item.user, [item]);
    else theirs.push(item);
  }
  return users;
}
