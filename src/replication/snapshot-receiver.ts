/**
 * Taking a snapshot over, and going on with it after a restart of either side.
 *
 *   begin -> the source pins its logs and names the bases -> our state is emptied, our logs begin at the bases
 *         -> pages of rows, the cursor is durable -> scanned
 *         -> replay: the image may show anything up to `until`, so it is whole, and may be read, when all of that is
 *            committed here and of the same lineage -> the held entries are applied, done.
 *
 * What this replica holds of a log beyond the base is kept: it may have been counted towards a majority. Entries are
 * stored and acknowledged meanwhile, and not applied.
 */
import type { Applier } from "./apply.ts";
import type { Context } from "./context.ts";
import type { Erasures } from "./erasure.ts";
import { divergencePoint } from "./epoch-table.ts";
import type { Follower } from "./follower.ts";
import type { Log } from "./log.ts";
import { EMPTY_TAIL, type Position, type RegionIndex } from "./position.ts";
import type { PeerReply, SnapshotBase, SnapshotBegun, SnapshotRow, SnapshotRows } from "./message.ts";
import type { RestoreRow } from "./storage.ts";

const CHUNK_BYTES = 1_000_000;
const RETRY_MS = 250;
const RETRY_MS_MAX = 5_000;
/** Failures in a row before the replica waits to be asked again; the alarm asks once more later. */
const FAILURES_MAX = 8;
const ALARM_MS = 30_000;
const ALARMS_MAX = 4;

export class SnapshotReceiver {
  readonly #context: Context;
  readonly #applier: Applier;
  readonly #erasures: Erasures;
  readonly #followers: ReadonlyMap<RegionIndex, Follower>;
  /** Has a log committed to its end where this region leads it, or is the one that has to. */
  readonly #commit: (o: RegionIndex) => void;
  #row: RestoreRow | null;
  /** A source that was asked to begin; null: none. */
  #wantedFrom: RegionIndex | null = null;
  #calling = false;
  #failures = 0;
  /** Alarms since somebody came. */
  #alarms = 0;
  #notBefore = 0;

  constructor(
    context: Context,
    applier: Applier,
    followers: ReadonlyMap<RegionIndex, Follower>,
    commit: (o: RegionIndex) => void,
    erasures: Erasures,
  ) {
    this.#erasures = erasures;
    this.#commit = commit;
    this.#context = context;
    this.#applier = applier;
    this.#followers = followers;
    this.#row = context.storage.restore();
    if (this.#row !== null) this.#hold();
  }

  /** While true nothing may be read here, or judged for a write. */
  get restoring(): boolean {
    return this.#row !== null;
  }

  /** A replica said that its log no longer reaches back to where ours ends. */
  want(from: RegionIndex): void {
    if (this.#row === null) this.#wantedFrom = from;
    // What was to be replayed is gone (its pin ended, or only others have the log): the image can never become whole.
    else if (this.#row.scanned && !this.#calling && this.#context.now >= this.#notBefore)
      this.#again(this.#row);
  }

  /** Contact from outside: worth trying again. */
  stir(): void {
    this.#alarms = 0;
    if (this.#failures >= FAILURES_MAX) this.#failures = 0;
  }

  /** The alarm asks again too, a few times: then there is silence until somebody comes. */
  onAlarm(): void {
    if (this.#failures < FAILURES_MAX || this.#alarms >= ALARMS_MAX) return;
    this.#alarms += 1;
    this.#failures = 0;
  }

  advance(): void {
    const { now } = this.#context;
    if (this.#row?.scanned === true) this.#finish(this.#row);
    if (this.#calling || (this.#row === null && this.#wantedFrom === null) || this.#row?.scanned === true)
      return;
    if (this.#failures >= FAILURES_MAX) return;
    if (now < this.#notBefore) return this.#context.wakeAt(this.#notBefore);
    this.#context.alarmAt(now + ALARM_MS);
    if (this.#row === null) this.#begin(this.#wantedFrom!);
    else this.#chunk(this.#row);
  }

  #begin(source: RegionIndex): void {
    const { config, incarnation, now } = this.#context;
    const id = `${config.region}-${incarnation}-${now}`;
    this.#call(source, { type: "snapshot-begin", id }, (reply) => {
      if (reply.type !== "snapshot-begun" || !this.#usable(reply)) return false;
      this.#wantedFrom = null;
      this.#start(source, reply);
      return true;
    });
  }

  #chunk(row: RestoreRow): void {
    this.#call(
      row.source,
      { type: "snapshot-chunk", id: row.id, cursor: row.cursor, bytesMax: CHUNK_BYTES },
      (reply) => {
        if (this.#row?.id !== row.id) return true;
        if (reply.type === "snapshot-unknown") {
          // The source gave up waiting for us, or lost its memory: begin again, from whoever answers.
          this.#again(row);
          return false;
        }
        if (reply.type !== "snapshot-rows") return false;
        this.#take(row, reply);
        return true;
      },
    );
  }

  #take(row: RestoreRow, page: SnapshotRows): void {
    const { storage } = this.#context;
    for (const one of page.rows) this.#store(one);
    const until = joined(row.until, page.until);
    this.#row = { ...row, cursor: page.cursor, scanned: page.cursor.length === 0, until };
    storage.putRestore(this.#row);
    if (!this.#row.scanned) return;
    for (const { o, e, s } of until) this.#followers.get(o)?.heardOf({ e, s });
  }

  #store(row: SnapshotRow): void {
    const { storage } = this.#context;
    if (row.kind === "item") storage.putItem(row.item);
    else if (row.kind === "owner") storage.putOwner(row.owner);
    else if (row.kind === "idempotency") storage.putIdempotency(row.row);
    else if (row.kind === "lost") storage.putLost(row.lost);
    else this.#erasures.add(row.erasure);
  }

  /** Whole when all that the image may show is committed here. Nothing becomes whole of what shows something that was cut off since. */
  #finish(row: RestoreRow): void {
    const { rules, logs, storage } = this.#context;
    if (row.until.some((place) => this.#isCut(place))) return this.#again(row);
    if (!rules.imageWhole(row.until, (o) => logs.get(o)?.commit ?? 0)) {
      if (this.#failures >= FAILURES_MAX) return;
      for (const { o, s } of row.until) {
        if (this.#context.log(o).commit >= s) continue;
        this.#followers.get(o)?.want(true);
        // What nobody else leads waits for nobody else.
        this.#commit(o);
      }
      return;
    }
    storage.deleteRestore();
    this.#row = null;
    this.#failures = 0;
    this.#applier.hold(new Map());
    this.#applier.applyWaiting();
    this.#context.changed = true;
  }

  /** Surely not in this log. */
  #isCut({ o, e, s }: Position): boolean {
    const log = this.#context.log(o);
    if (s <= log.base.s) return false;
    if (s <= log.commit && log.epochAt(s) !== e) return true;
    return log.judge(this.#context.rules, e, s) === "lost";
  }

  /** No base may lie below ours: what is between is nowhere in our log any more. */
  #usable(begun: SnapshotBegun): boolean {
    return [...this.#context.logs.values()].every(
      (log) => (begun.from.find(({ o }) => o === log.o)?.s ?? 0) >= log.base.s,
    );
  }

  #start(source: RegionIndex, begun: SnapshotBegun): void {
    const { storage } = this.#context;
    for (const base of begun.from) {
      const log = this.#context.log(base.o);
      // Taking over a later epoch's history promises it: the epoch before may count on us no more, nor may we lead it.
      if (base.e > log.promised) log.promise({ promised: base.e });
      this.#cutStray(log, base);
    }
    storage.clearState();
    for (const base of begun.from) this.#rebase(this.#context.log(base.o), base);
    this.#row = {
      id: begun.id,
      source,
      cursor: new Uint8Array(0),
      scanned: false,
      bases: begun.from,
      until: [],
    };
    storage.putRestore(this.#row);
    this.#hold();
    this.#context.changed = true;
  }

  /** The base is committed: what we hold of another history is cut while its undo images still mean something. */
  #cutStray(log: Log, base: SnapshotBase): void {
    const agree = divergencePoint(log.epochs, log.last.s, log.base.s, base.epochs, base.s, log.base.s);
    if (agree < Math.min(log.last.s, base.s)) this.#applier.truncate(log, Math.max(agree, log.commit) + 1);
  }

  #rebase(log: Log, base: SnapshotBase): void {
    const { storage } = this.#context;
    if (log.last.s >= base.s) {
      storage.markUnapplied(log.o, base.s);
      log.applied = base.s;
      log.advanceCommit(base.s);
      return;
    }
    storage.clearLog(log.o);
    for (const { e, start } of base.epochs.filter(({ start }) => start <= base.s))
      storage.putEpoch({ o: log.o, e, start });
    log.epochs = base.epochs.filter(({ start }) => start <= base.s);
    log.base = {
      o: log.o,
      e: base.e,
      s: base.s,
      chain: base.chain,
      hlc: base.hlc,
      reclaimed: { e: base.e, s: base.s },
    };
    if (base.s === 0) log.base = { ...log.base, reclaimed: EMPTY_TAIL };
    storage.putBase(log.base);
    log.endAt({ ...base, commit: base.s });
    this.#context.hlc = Math.max(this.#context.hlc, base.hlc);
    log.applied = base.s;
    log.commit = base.s;
    log.parkedAt = null;
  }

  #again(row: RestoreRow): void {
    const sources = this.#context.peers();
    const next = sources[(sources.indexOf(row.source) + 1) % sources.length] ?? row.source;
    // The row stays until the next snapshot begins: meanwhile nothing may be read.
    this.#row = { ...row, scanned: false, source: next };
    this.#wantedFrom = next;
    this.#calling = true;
    const id = `${row.id}+`;
    this.#context.call(next, { type: "snapshot-begin", id }, (reply) => {
      this.#calling = false;
      this.#context.changed = true;
      if (reply?.type === "snapshot-begun" && this.#usable(reply)) {
        this.#wantedFrom = null;
        this.#start(next, reply);
      } else this.#failed();
    });
  }

  #hold(): void {
    this.#applier.hold(new Map([...this.#context.logs.keys()].map((o) => [o, Infinity])));
  }

  #call(to: RegionIndex, message: Parameters<Context["call"]>[1], end: (reply: PeerReply) => boolean): void {
    this.#calling = true;
    this.#context.call(to, message, (reply) => {
      this.#calling = false;
      this.#context.changed = true;
      if (reply !== null && end(reply)) this.#failures = 0;
      else this.#failed();
    });
  }

  #failed(): void {
    this.#failures += 1;
    this.#notBefore = this.#context.now + Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** this.#failures);
  }
}

/**
 * How far the pages of one image reach: the furthest place of each epoch that any of them may show. The source may have cut off what an
 * earlier page shows before it gave the last one.
 */
function joined(before: readonly Position[], page: readonly Position[]): Position[] {
  const furthest = new Map<string, Position>();
  for (const place of [...before, ...page]) {
    const key = `${place.o}:${place.e}`;
    if ((furthest.get(key)?.s ?? 0) < place.s) furthest.set(key, place);
  }
  return [...furthest.values()];
}
