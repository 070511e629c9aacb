/**
 * Following one log: accepting entries in order from wherever they come (R2, R7), and fetching what is missing.
 *
 * Three carriers bring entries: the leader's appends, queue batches, and answers to our own pulls. One rule accepts them
 * all: nothing of an epoch below the promise; entries continue a log that has the entry before them; an entry of another
 * epoch in the same place replaces ours; a message that is shorter than our log cuts nothing. What comes too early waits
 * in the inbox. A gap that lasts is closed by a pull, from the leader first and then from any other region.
 *
 * Fetching goes on while there is a reason: somebody waits (`want`), or the log is known to reach further than ours.
 * Without either it stops, so that an idle replica is silent.
 */
import { assert } from "../lib/assert.ts";
import { sameBytes } from "../lib/bytes.ts";
import type { Applier } from "./apply.ts";
import type { Context } from "./context.ts";
import type { RawEntry } from "./entry.ts";
import { Inbox } from "./inbox.ts";
import type { Log } from "./log.ts";
import type {
  Append,
  AppendMismatch,
  AppendOk,
  AppendStale,
  Batch,
  BatchVerdict,
  Closed,
  PeerReply,
} from "./message.ts";
import { holds } from "./epoch-table.ts";
import { compareTails, EMPTY_TAIL, leaderOf, type Epoch, type RegionIndex, type Tail } from "./position.ts";

const PULL_BYTES = 1_000_000;
/** Between two questions that brought nothing new, doubling, while somebody still waits. */
const AGAIN_MS = 20;
const AGAIN_MS_MAX = 500;
/** Pulls in a row that fail or bring nothing before a log that is only known to be longer is left to its leader. */
const FRUITLESS_MAX = 8;
/** As many before somebody who waits counts as one who misses the leader. */
const FRUITLESS_MISSED = 3;

/** One run of entries, whoever brought it. */
interface Run {
  readonly e: Epoch;
  readonly prev: Tail;
  readonly entries: readonly RawEntry[];
  readonly chain: Uint8Array;
  readonly commit: number;
}
type RunResult =
  | { readonly kind: "ok"; readonly match: number }
  | { readonly kind: "gap" }
  | { readonly kind: "mismatch" };

export interface FollowerEvents {
  readonly onNeedSnapshot: (from: RegionIndex) => void;
  /** Does somebody here wait for the commit position? */
  readonly isWatched: () => boolean;
  /** Somebody waits for what nobody could give. */
  readonly onMissed: () => void;
}

export class Follower {
  readonly log: Log;
  readonly inbox: Inbox;
  readonly #context: Context;
  readonly #applier: Applier;
  readonly #events: FollowerEvents;

  /** The furthest tail of this log that was ever heard of. */
  known: Tail = EMPTY_TAIL;
  /** By our own clock: everything acknowledged before this instant is in the log that has this entry, up to it. */
  #freshAt = -Infinity;
  #freshThrough: Tail = EMPTY_TAIL;

  #pulling = false;
  #closing = false;
  #closesFailed = 0;
  #closeNotBefore = 0;
  #wanted = false;
  #wantsCommit = false;
  #needsCommit = false;
  #commitNeededSince: number | null = null;
  /** Somebody needs the log to be known as of this instant (bounded staleness). */
  #wantsFreshAt = -Infinity;
  #gapSince: number | null = null;
  #fruitless = 0;
  #notBefore = 0;

  constructor(context: Context, log: Log, applier: Applier, events: FollowerEvents) {
    this.#context = context;
    this.log = log;
    this.#applier = applier;
    this.#events = events;
    this.inbox = new Inbox(context.config.limits);
  }

  /** Upper bound on the age of the applied log in ms; null: unknown. */
  stalenessMs(): number | null {
    // A reading that lies ahead was taken before the clock went back: it says nothing of now.
    if (this.#freshAt > this.#context.now) this.#freshAt = -Infinity;
    if (this.#freshAt === -Infinity || !this.#reaches(this.#freshThrough)) return null;
    return this.#context.now - this.#freshAt;
  }

  /** Is the applied log known to be complete as of an instant at or after `at`? */
  freshSince(at: number): boolean {
    return this.#freshAt >= at && this.#freshAt <= this.#context.now && this.#reaches(this.#freshThrough);
  }

  /** A takeover may have put other entries in the places of those that were spoken of. */
  #reaches(tail: Tail): boolean {
    return this.log.applied >= tail.s && holds(this.log, tail);
  }

  /** Somebody waits for more of this log (and, with `commit`, for its commit position to move). Said anew each turn. */
  want(commit = false): void {
    this.#wanted = true;
    if (commit) this.#wantsCommit = true;
  }

  /** Something here stands still until the commit position moves. Said anew each turn; asked a few times, and not for ever. */
  needCommit(): void {
    this.#needsCommit = true;
    this.#commitNeededSince ??= this.#context.now;
  }

  wantFresh(at: number): void {
    this.#wantsFreshAt = Math.max(this.#wantsFreshAt, at);
  }

  heardOf(tail: Tail): void {
    if (compareTails(tail, this.known) <= 0) return;
    this.known = tail;
    this.#fruitless = 0;
  }

  onAppend(from: RegionIndex, message: Append): AppendOk | AppendStale | AppendMismatch {
    const { log } = this;
    const { now, rules } = this.#context;
    const { timing } = this.#context.config;
    if (leaderOf(message.e) !== from || !this.#accepts(message.e, message.inc))
      return {
        type: "append-stale",
        promised: log.promised,
        ...(message.e === log.promised && leaderOf(message.e) === from ? { forgotten: true } : {}),
      };
    log.promise({ promised: message.e, leaderE: message.e, leaderInc: message.inc });
    log.sinks.heard(message.sinks);
    this.#context.hear(message.forgotten);
    this.#context.acquaintances.introduced(
      message.voters.filter(({ region }) => region !== this.#context.config.region),
    );
    const result = this.#accept(message);
    if (result.kind !== "ok") {
      this.heardOf({ e: message.e, s: message.prev.s + message.entries.length });
      return {
        type: "append-mismatch",
        epochs: log.epochs,
        last: log.last,
        base: { e: log.base.e, s: log.base.s },
        stamp: now,
      };
    }
    if (message.grant && !this.#context.hasForgotten) {
      this.#context.storage.putGrant({
        o: log.o,
        grantee: from,
        until: rules.grantUntil(now, timing),
      });
    }
    if (message.closed !== undefined) this.#closed(message.e, message.closed);
    // A replaced instance could say so out of its memory, while the one that lives has promised somebody more.
    if (timing.leaseMs === 0 && rules.votersFence()) this.#context.fence();
    return {
      type: "append-ok",
      e: message.e,
      match: result.match,
      stamp: now,
      storeId: this.#context.identity,
      inc: this.#context.incarnation,
      ...(this.#events.isWatched() ? { eager: true } : {}),
    };
  }

  onBatch(message: Batch): BatchVerdict {
    const { log } = this;
    this.heardOf(message.last);
    if (!this.#accepts(message.e, message.inc)) return "stale";
    log.promise({
      promised: message.e,
      leaderE: message.e,
      leaderInc: Math.max(message.inc, log.acceptor.leaderE === message.e ? log.acceptor.leaderInc : 0),
    });
    if (message.entries.length === 0)
      return compareTails(message.last, log.last) <= 0 ? "duplicate" : "accepted";
    const before = log.last;
    const result = this.#accept(message);
    if (result.kind === "ok") return compareTails(log.last, before) === 0 ? "duplicate" : "accepted";
    if (result.kind === "mismatch") return "accepted";
    let prevE = message.prev.e;
    for (const raw of message.entries) {
      if (raw.s > log.last.s && !this.inbox.put({ e: message.e, inc: message.inc, prevE, raw }))
        return "dropped";
      prevE = raw.e;
    }
    return "buffered";
  }

  /** Sends what is due; asks for a turn when something will be. */
  advance(): void {
    const { now, config } = this.#context;
    const behind = compareTails(this.known, this.log.last) > 0;
    if (!behind) this.#gapSince = null;
    else this.#gapSince ??= now;
    const gapDue = this.#gapSince !== null && this.#fruitless < FRUITLESS_MAX;
    if (this.#wanted && this.#fruitless >= FRUITLESS_MISSED) this.#events.onMissed();
    if (this.#wantsFreshAt > this.#freshAt && !this.#closing) {
      if (now >= this.#closeNotBefore) this.#closeNow();
      else this.#context.wakeAt(this.#closeNotBefore);
    }
    if (!this.#needsCommit) this.#commitNeededSince = null;
    const since = this.#commitNeededSince;
    if (!this.#pulling && since !== null && this.#fruitless < FRUITLESS_MAX) {
      // The leader tells it by itself, as a rule.
      if (now >= since + config.timing.gapMs) this.want(true);
      else this.#context.wakeAt(since + config.timing.gapMs);
    }
    if (!this.#pulling && (this.#wanted || gapDue)) {
      // Reordering usually closes a gap by itself; a log that is merely longer elsewhere does not.
      const patience = this.#wanted || this.inbox.size === 0 ? 0 : config.timing.gapMs;
      const due = Math.max(this.#notBefore, (this.#gapSince ?? now) + patience);
      if (now >= due) this.#pull();
      else this.#context.wakeAt(due);
    }
    this.#forgetWants();
  }

  #forgetWants(): void {
    this.#wanted = false;
    this.#wantsCommit = false;
    this.#needsCommit = false;
    this.#wantsFreshAt = -Infinity;
  }

  #accepts(e: Epoch, inc: number): boolean {
    const { acceptor, promised } = this.log;
    if (!this.#context.rules.acceptsAppend(e, promised)) return false;
    return e !== acceptor.leaderE || this.#context.rules.acceptsIncarnation(inc, acceptor.leaderInc);
  }

  #accept(run: Run): RunResult {
    const { log } = this;
    // What lies at or below our base is committed: ours by definition.
    const skip = Math.max(0, log.base.s - run.prev.s);
    const prevS = run.prev.s + Math.min(skip, run.entries.length);
    if (prevS < log.base.s) return { kind: "ok", match: prevS };
    if (prevS > log.last.s) return { kind: "gap" };
    if (skip === 0 && log.epochAt(run.prev.s) !== run.prev.e) return { kind: "mismatch" };
    const match = run.prev.s + run.entries.length;
    // The whole run is verified by now: what it says is committed is so as soon as it is here.
    const committed = this.#context.rules.followerCommit(run.commit, match, log.commit);
    for (const raw of run.entries) {
      if (raw.s <= log.base.s) continue;
      if (raw.s <= log.last.s) {
        if (log.epochAt(raw.s) === raw.e) continue;
        this.#applier.truncate(log, raw.s);
      }
      this.#applier.receive(log, raw, committed);
    }
    if (run.chain.length > 0 && match === log.last.s) {
      assert(
        sameBytes(run.chain, log.chain),
        `log ${log.o}: same place ${log.last.e}:${match}, another history`,
      );
    }
    this.#commit(run.commit, match);
    this.#drain();
    this.#applier.applyWaiting();
    return { kind: "ok", match };
  }

  #commit(said: number, verified: number): void {
    const commit = this.#context.rules.followerCommit(
      said,
      Math.min(verified, this.log.last.s),
      this.log.commit,
    );
    if (this.log.advanceCommit(commit)) this.#context.changed = true;
  }

  /** What waited for the entries that just came. */
  #drain(): void {
    const { log, inbox } = this;
    if (inbox.size === 0) return;
    inbox.dropThrough(log.last.s);
    for (let next = inbox.take(log.last.s + 1); next !== null; next = inbox.take(log.last.s + 1)) {
      if (!this.#accepts(next.e, next.inc) || next.prevE !== log.last.e || next.raw.e < log.last.e) break;
      this.#applier.receive(log, next.raw);
    }
  }

  /** Whoever may say so leads: the last entry of its log is of its own epoch. */
  #closed(e: Epoch, closed: Closed): void {
    if (closed.echo > 0) this.#fresh(closed.echo, { e, s: closed.s });
  }

  #fresh(at: number, through: Tail): void {
    if (at <= this.#freshAt || at > this.#context.now) return;
    this.#freshAt = at;
    this.#freshThrough = through;
    this.#context.changed = true;
  }

  /** One round trip that makes the replica know how far the log reached when it was sent. */
  #closeNow(): void {
    const { log } = this;
    const sentAt = this.#context.now;
    this.#closing = true;
    this.#context.call(log.leader, { type: "close-now", o: log.o }, (reply) => {
      this.#closing = false;
      this.#context.changed = true;
      if (reply?.type === "close-reply") {
        this.#closesFailed = 0;
        this.#fresh(sentAt, reply.last);
        this.heardOf(reply.last);
        return;
      }
      this.#closeNotBefore = this.#context.now + pauseMs(this.#closesFailed);
      this.#closesFailed += 1;
    });
  }

  #pull(): void {
    const { log } = this;
    this.#pulling = true;
    const target = this.#target();
    const message = {
      type: "pull",
      o: log.o,
      last: log.last,
      base: { e: log.base.e, s: log.base.s },
      epochs: log.epochs,
      bytesMax: PULL_BYTES,
      wantCommit: this.#wantsCommit,
    } as const;
    this.#context.call(target, message, (reply) => {
      this.#pulling = false;
      this.#context.changed = true;
      this.#onPulled(target, reply);
    });
  }

  /** The leader first; after a fruitless try the others in turn. */
  #target(): RegionIndex {
    const { config } = this.#context;
    const others = config.voters.filter((voter) => voter !== config.region);
    const first = this.log.leader === config.region ? others[0]! : this.log.leader;
    const order = [first, ...others.filter((voter) => voter !== first)];
    return order[this.#fruitless % order.length]!;
  }

  #onPulled(from: RegionIndex, reply: PeerReply | null): void {
    const { log } = this;
    // Counted as fruitless below: until the snapshot has begun, asking on would only be told the same.
    if (reply?.type === "need-snapshot") this.#events.onNeedSnapshot(from);
    if (reply?.type === "pull-ok" && this.#context.rules.acceptsAppend(reply.e, log.promised)) {
      const before = { last: log.last, commit: log.commit };
      if (reply.e > log.promised) log.promise({ promised: reply.e });
      const result = this.#accept(reply);
      this.heardOf(reply.last);
      const moved = compareTails(log.last, before.last) !== 0 || log.commit !== before.commit;
      if (result.kind === "ok" && moved) {
        this.#fruitless = 0;
        this.#notBefore = 0;
        if (compareTails(log.last, reply.last) >= 0) this.#reportProgress();
        return;
      }
      // The leader's own word that there is no more settles what a stray message may have claimed.
      if (
        result.kind === "ok" &&
        from === log.leader &&
        compareTails(reply.last, this.known) < 0 &&
        reply.e >= this.known.e
      )
        this.known = reply.last;
    }
    this.#notBefore = this.#context.now + pauseMs(this.#fruitless);
    this.#fruitless += 1;
  }

  /** Tells the leader that a long catch-up is over, so that it feeds this replica again. */
  #reportProgress(): void {
    const { log } = this;
    if (log.leader === this.#context.config.region) return;
    this.#context.call(log.leader, this.progress(), () => {});
  }

  progress(): { type: "progress"; o: RegionIndex; e: Epoch; match: number; storeId: string; inc: number } {
    const { log } = this;
    // Our log is the leader's only as far as an entry of its epoch verifies it.
    const e = log.last.e;
    return {
      type: "progress",
      o: log.o,
      e,
      match: log.last.s,
      storeId: this.#context.identity,
      inc: this.#context.incarnation,
    };
  }
}

function pauseMs(failures: number): number {
  return Math.min(AGAIN_MS_MAX, AGAIN_MS * 2 ** Math.min(failures, 6));
}
