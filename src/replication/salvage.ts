/**
 * Bringing what was cut off here into its log, so that its user finds it in every region.
 *
 *   cut here ──▶ the OPEN that took its place is committed: it is lost
 *            ──▶ handed to the log's leader, which logs an entry for it, once
 *            ──▶ that entry is committed and applied here: the own copy goes
 *
 * The own copy is the truth until then, so that crashes, lost answers and further changes of leaders only make it begin again:
 * what was handed over is remembered in memory, for one leader. An entry that was cut off and came back, because the epoch that
 * had cut it off was itself cut off, is not lost.
 *
 * It moves when anybody comes here, as the leader does when this replica returns. After a failure it rests until
 * somebody comes or the alarm rings, which follows the schedule of retries, counted from the last cut, and then is silent.
 */
import type { Applier } from "./apply.ts";
import type { Context } from "./context.ts";
import { EntryKind, PROTOCOL_VERSION, type DivergentMark, type Entry, type ItemBefore } from "./entry.ts";
import type { Erasures } from "./erasure.ts";
import type { Follower } from "./follower.ts";
import type { Leadership } from "./leader.ts";
import type { Leaderships } from "./leaderships.ts";
import { LaterAttempts } from "./later-attempts.ts";
import type { Log } from "./log.ts";
import { fateOf } from "./fate.ts";
import { identityOf, isUsersWrite, itemsBefore } from "./lost-write.ts";
import type { Cut, Cuts, PeerReply } from "./message.ts";
import { understood } from "./newer-code.ts";
import { compareTails, EMPTY_TAIL, type Epoch, type RegionIndex, type Tail } from "./position.ts";
import type { CutPlace } from "./storage.ts";

/** Of one message; of one turn at the leader. */
const CUTS_MAX = 100;
const CUTS_BYTES_MAX = 1_000_000;
/** Own copies that are looked at in one turn. */
const SETTLED_MAX = 500;
/** After a failure, doubling. */
const REST_MS = 100;
const REST_MS_MAX = 5_000;
/** An entry that records another one stays within a row of the storage: the items before it are left out where they do not fit. */
const RECORD_BYTES_MAX = 1_850_000;

/** How far handing over has come with one leader of one log. */
interface Handing {
  readonly e: Epoch;
  /** Last place that the leader was given, and those up to there that it has left. */
  through: Tail;
  left: readonly Tail[];
  calling: boolean;
  failures: number;
  notBefore: number;
  /** Somebody came since the last failure. */
  stirred: boolean;
}

export interface SalvageParts {
  readonly context: Context;
  readonly applier: Applier;
  readonly erasures: Erasures;
  readonly leaderships: Leaderships;
  readonly followers: ReadonlyMap<RegionIndex, Follower>;
  readonly restoring: () => boolean;
  readonly onWritten: (leadership: Leadership) => void;
}

export class Salvage {
  readonly #parts: SalvageParts;
  readonly #handing = new Map<RegionIndex, Handing>();
  #stirred = true;

  constructor(parts: SalvageParts) {
    this.#parts = parts;
  }

  /** Contact from outside, or the alarm: worth trying again. */
  stir(): void {
    this.#stirred = true;
  }

  advance(): void {
    const { context, restoring } = this.#parts;
    const places = context.storage.cutPlaces();
    if (places.length > 0 && !restoring()) {
      this.#adoptOld(places);
      for (const log of context.logs.values()) {
        const here = places.filter(({ o, user }) => o === log.o && user !== null);
        if (here.length > 0) this.#advanceLog(log, here);
      }
    }
    this.#stirred = false;
  }

  /** The leader's part. Whatever was handed over before is passed over. */
  take(from: RegionIndex, { o, cuts }: Cuts): PeerReply {
    const { context, leaderships, restoring } = this.#parts;
    const log = context.log(o);
    const leadership = leaderships.of(o);
    if (leadership === null || !isAbleToRecord(leadership) || restoring())
      return { type: "not-leader", leader: log.leader, promised: log.promised };
    return { type: "cuts-taken", left: this.#recordAll(leadership, from, cuts) };
  }

  #advanceLog(log: Log, places: readonly CutPlace[]): void {
    const { context, leaderships, followers } = this.#parts;
    const retryAt = this.#nextRetry(places);
    if (retryAt !== null) context.alarmAt(retryAt);
    if (!isCurrent(log)) {
      // Whether they are lost only the present leader's log tells, and its commit position.
      if (this.#stirred && leaderships.of(log.o) === null) followers.get(log.o)?.needCommit();
      return;
    }
    const left = this.#withoutSettled(log, places);
    if (left.length === 0) return;
    const leadership = leaderships.of(log.o);
    if (leadership === null) return this.#handOver(log, left);
    if (!isAbleToRecord(leadership)) return;
    const handing = this.#handingTo(log);
    const page = this.#nextPage(log, handing, left);
    if (page === null) return;
    this.#given(handing, page, this.#recordAll(leadership, context.config.region, page));
    if (handing.failures === 0) context.wakeAt(context.now);
  }

  /** Drops own copies of what is recorded for good, and of what was not lost after all. */
  #withoutSettled(log: Log, places: readonly CutPlace[]): readonly CutPlace[] {
    const { context } = this.#parts;
    const { rules, storage } = context;
    let settled = 0;
    for (const place of places) {
      if (settled === SETTLED_MAX) {
        context.wakeAt(context.now);
        break;
      }
      const recorded = storage.lostAt(place.user!, place)?.recorded ?? null;
      const cameBack = place.s <= log.commit && log.judge(rules, place.e, place.s) === "contained";
      if (!cameBack && !rules.mayForgetCut(recorded, log.commit)) break;
      storage.deleteDivergent(place);
      settled += 1;
    }
    return places.slice(settled);
  }

  #handOver(log: Log, places: readonly CutPlace[]): void {
    const { context } = this.#parts;
    const handing = this.#handingTo(log);
    const page = this.#nextPage(log, handing, places);
    if (page === null) return;
    handing.calling = true;
    context.call(log.leader, { type: "cuts", o: log.o, cuts: page }, (reply) => {
      handing.calling = false;
      context.changed = true;
      if (reply?.type === "cuts-taken") this.#given(handing, page, reply.left);
      else this.#rest(handing);
    });
  }

  /** What is to be handed over next; null: nothing now. */
  #nextPage(log: Log, handing: Handing, places: readonly CutPlace[]): (Cut & Tail)[] | null {
    const { context } = this.#parts;
    const { now, rules } = context;
    if (this.#stirred) handing.stirred = true;
    if (handing.calling || (handing.failures > 0 && !handing.stirred)) return null;
    const isLeft = (place: Tail) => handing.left.some((each) => compareTails(each, place) === 0);
    const rest = places.filter((place) => compareTails(place, handing.through) > 0 || isLeft(place));
    const page = this.#page(rest.filter(({ e, s }) => log.judge(rules, e, s) === "lost"));
    if (page.length === 0) return null;
    if (now >= handing.notBefore) return page;
    context.wakeAt(handing.notBefore);
    return null;
  }

  /** Goes on at once as long as the leader takes anything. */
  #given(handing: Handing, page: readonly Tail[], left: readonly Tail[]): void {
    const given = new Set(page.map(({ e, s }) => `${e}.${s}`));
    const kept = handing.left.filter(({ e, s }) => !given.has(`${e}.${s}`));
    const last = page.at(-1)!;
    if (compareTails(last, handing.through) > 0) handing.through = last;
    handing.left = [...kept, ...left];
    if (left.length < page.length) handing.failures = 0;
    else this.#rest(handing);
  }

  #rest(handing: Handing): void {
    const { now } = this.#parts.context;
    handing.notBefore = now + Math.min(REST_MS_MAX, REST_MS * 2 ** Math.min(handing.failures, 10));
    handing.failures += 1;
    handing.stirred = false;
  }

  /** What one leader was given another knows nothing of, unless it was committed. */
  #handingTo(log: Log): Handing {
    const present = this.#handing.get(log.o);
    if (present?.e === log.leaderEpoch) return present;
    const handing: Handing = {
      e: log.leaderEpoch,
      through: EMPTY_TAIL,
      left: [],
      calling: false,
      failures: 0,
      notBefore: 0,
      stirred: true,
    };
    this.#handing.set(log.o, handing);
    return handing;
  }

  #page(places: readonly CutPlace[]): (Cut & Tail)[] {
    const { codec, storage } = this.#parts.context;
    const page: (Cut & Tail)[] = [];
    let bytes = 0;
    for (const place of places) {
      const row = storage.divergentAt(place);
      if (row === null || page.length === CUTS_MAX) break;
      const entry = understood(codec, row.entry);
      if (entry === null) continue;
      const known = row.applied ? itemsBefore(entry, row.undo) : [];
      const room = RECORD_BYTES_MAX - row.entry.length;
      const before = bytesOf(known) <= room ? known : [];
      bytes += row.entry.length + bytesOf(before);
      if (page.length > 0 && bytes > CUTS_BYTES_MAX) break;
      page.push({ e: place.e, s: place.s, entry: row.entry, cutAt: row.foundAt, before });
    }
    return page;
  }

  /** Answers the places of those that it could not record yet. */
  #recordAll(leadership: Leadership, from: RegionIndex, cuts: readonly Cut[]): Tail[] {
    const { context } = this.#parts;
    const attempts = new LaterAttempts(context);
    const left: Tail[] = [];
    for (const cut of cuts) {
      const lost = understood(context.codec, cut.entry);
      // Of newer code: it stays where it is until a leader understands it.
      if (lost !== null && !this.#record(leadership, from, cut, lost, attempts))
        left.push({ e: lost.e, s: lost.s });
    }
    return left;
  }

  /** False: not yet. */
  #record(
    leadership: Leadership,
    from: RegionIndex,
    cut: Cut,
    lost: Entry,
    attempts: LaterAttempts,
  ): boolean {
    const { context, applier, erasures, onWritten } = this.#parts;
    const { codec, hash, rules, storage } = context;
    const { log } = leadership;
    if (lost.o !== log.o || !isUsersWrite(lost) || erasures.covers(lost, true)) return true;
    if (log.judge(rules, lost.e, lost.s) !== "lost") return true;
    if (!rules.recordsCut(storage.lostAt(lost.user, lost) !== null)) return true;
    const fate = fateOf(context, attempts, lost, identityOf(hash, lost.principal, lost.idempotency));
    if (fate === "later") return false;
    if (fate === "waits") {
      this.#askForCommits(log);
      return false;
    }
    const { restsOn, ...said } = fate;
    const mark: DivergentMark = {
      e: lost.e,
      s: lost.s,
      entry: cut.entry,
      supersededBy: log.epochs.find((epoch) => epoch.e > lost.e && epoch.start <= lost.s)?.e ?? leadership.e,
      cutIn: from,
      cutAt: cut.cutAt,
      before: cut.before,
      ...said,
    };
    const entry: Entry = {
      pv: PROTOCOL_VERSION,
      kind: EntryKind.divergent,
      o: log.o,
      e: leadership.e,
      s: log.last.s + 1,
      inc: context.incarnation,
      hlc: context.nextHlc(),
      user: lost.user,
      principal: "",
      concern: "local",
      deps: restsOn === undefined ? [] : [restsOn],
      xdeps: [],
      ops: [],
      status: 0,
      divergent: mark,
    };
    applier.append(log, { e: entry.e, s: entry.s, bytes: codec.encode(entry) }, entry);
    onWritten(leadership);
    return true;
  }

  /** What is awaited is in one of the others. */
  #askForCommits({ o }: Log): void {
    const { context, followers, leaderships } = this.#parts;
    for (const other of context.logs.values()) {
      if (other.o === o || other.commit >= other.last.s) continue;
      const leadership = leaderships.of(other.o);
      if (leadership === null) followers.get(other.o)?.needCommit();
      else leadership.hurry(other.last.s);
    }
  }

  /** An older version kept everything that was cut off, and did not say whose it was. */
  #adoptOld(places: readonly CutPlace[]): void {
    const { codec, storage } = this.#parts.context;
    for (const place of places) {
      if (place.user !== null) continue;
      const row = storage.divergentAt(place);
      const entry = row === null ? null : understood(codec, row.entry);
      // Of newer code: it waits for that.
      if (row === null || entry === null) continue;
      if (isUsersWrite(entry)) storage.putDivergent({ ...row, user: entry.user });
      else storage.deleteDivergent(place);
    }
  }

  /** The next instant of the schedule; null when it is over. */
  #nextRetry(places: readonly CutPlace[]): number | null {
    const { now, config } = this.#parts.context;
    let at = places.reduce((latest, { foundAt }) => Math.max(latest, foundAt), 0);
    for (const delay of config.timing.retryMs) {
      at += delay;
      if (at > now) return at;
    }
    return null;
  }
}

/** All of the log's history is known here, the last OPEN is committed: what is not in it is lost. */
function isCurrent(log: Log): boolean {
  const last = log.epochs.at(-1);
  return last !== undefined && last.e === log.leaderEpoch && last.start <= log.commit;
}

/** It knows all that was recorded before. */
function isAbleToRecord({ opened, log }: Leadership): boolean {
  return opened && log.applied === log.last.s;
}

function bytesOf(items: readonly ItemBefore[]): number {
  return items.reduce((sum, { key, item }) => sum + key.length * 3 + (item?.value.length ?? 0) + 100, 0);
}
