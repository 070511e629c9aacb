/**
 * Becoming the leader of a log (R1, R3): collect promises from a majority, adopt the greatest log among them, append
 * an OPEN under the new epoch. From there on the Leadership does the rest: it may acknowledge once its OPEN is on a
 * majority and every lease that a promise reported has ended (R6).
 *
 * Who is handed a log has the promise of its leader already, and asks the others only where those two are no majority.
 *
 * Any voter may campaign for any log. Whether it should is the inquiry's to find out; nothing below relies on that.
 */
import { promiseOf } from "./acceptor.ts";
import type { Applier } from "./apply.ts";
import type { Context } from "./context.ts";
import { EntryKind, PROTOCOL_VERSION, type Entry } from "./entry.ts";
import { divergencePoint } from "./epoch-table.ts";
import type { Log } from "./log.ts";
import type { PeerReply, Prepare, Promise_ } from "./message.ts";
import { compareTails, counterOf, epochOf, leaderOf, type Epoch, type RegionIndex } from "./position.ts";
import type { LeadershipRow, Storage } from "./storage.ts";

/** After a failed campaign the next one waits this long, doubling, while somebody asks for the log. */
const RETRY_MS = 150;
const RETRY_MS_MAX = 2_000;
/** A majority has promised: how long the other voters may still add theirs, which can only rescue entries. */
const GRACE_MS = 50;
const ADOPT_BYTES = 1_000_000;

interface Promised {
  readonly from: RegionIndex;
  readonly receivedAt: number;
  readonly promise: Promise_;
  /** What bestPromise compares. */
  readonly last: Promise_["last"];
}

/** A log that its leader hands over. */
interface Legacy {
  readonly from: RegionIndex;
  /** 0: the log was never opened. */
  readonly gaveUp: Epoch;
  readonly promise: Promise_;
}

export class Candidate {
  readonly log: Log;
  readonly #context: Context;
  readonly #applier: Applier;
  readonly #onOpened: (row: LeadershipRow) => void;
  readonly #onNeedSnapshot: (from: RegionIndex) => void;

  /** The ballot of the campaign under way; 0: none. */
  #ballot: Epoch = 0;
  #promises: Promised[] = [];
  #unanswered = 0;
  #graceUntil = Infinity;
  #adopting = false;
  #attempts = 0;
  #notBefore = 0;
  #wanted = false;
  /** What the campaign under way was given. */
  #legacy: Legacy | null = null;

  constructor(
    context: Context,
    log: Log,
    applier: Applier,
    onOpened: (row: LeadershipRow) => void,
    onNeedSnapshot: (from: RegionIndex) => void,
  ) {
    this.#context = context;
    this.log = log;
    this.#applier = applier;
    this.#onOpened = onOpened;
    this.#onNeedSnapshot = onNeedSnapshot;
  }

  get campaigning(): boolean {
    return this.#ballot !== 0;
  }

  /** After a failed campaign: when the next one may begin. */
  get notBefore(): number {
    return this.#notBefore;
  }

  /** Somebody waits, and this region may go on leading without asking anybody. */
  want(): void {
    this.#wanted = true;
  }

  /** A majority of the voters is willing. */
  begin(): void {
    if (!this.campaigning) this.#campaign();
  }

  /** The leader hands the log over: false where that comes too late. */
  inherit(legacy: Legacy): boolean {
    const { b } = legacy.promise;
    const { rules, config } = this.#context;
    if (!this.#counts(legacy.from, legacy.promise, 0)) return false;
    if (leaderOf(b) !== config.region || !rules.acceptsPrepare(b, this.log.promised)) return false;
    this.#campaign(legacy);
    return true;
  }

  advance(): void {
    const { now } = this.#context;
    if (this.campaigning && (this.log.promised !== this.#ballot || this.#context.hasForgotten)) this.#fail();
    if (this.campaigning) {
      if (this.#graceUntil < Infinity && !this.#adopting) {
        if (now >= this.#graceUntil || this.#unanswered === 0) this.#adopt();
        else this.#context.wakeAt(this.#graceUntil);
      }
    } else if (this.#wanted) {
      if (now >= this.#notBefore) this.#campaign();
      else this.#context.wakeAt(this.#notBefore);
    }
    this.#wanted = false;
  }

  #campaign(legacy: Legacy | null = null): void {
    const { config, now, rules } = this.#context;
    const { log } = this;
    // A voter that has lost its memory is not counted, by itself neither.
    if (this.#context.hasForgotten) return;
    const counter = Math.max(log.acceptor.maxCounter, counterOf(log.promised)) + 1;
    const ballot = legacy?.promise.b ?? epochOf(counter, config.region);
    log.promise({ promised: ballot, maxCounter: Math.max(log.acceptor.maxCounter, counterOf(ballot)) });
    log.promisedAt = now;
    this.#ballot = ballot;
    this.#legacy = legacy;
    this.#graceUntil = Infinity;
    this.#adopting = false;
    const own = promiseOf(this.#context, log, ballot, legacy?.gaveUp);
    this.#promises = [{ from: config.region, receivedAt: now, promise: own, last: own.last }];
    if (legacy !== null) {
      const { from, promise } = legacy;
      this.#promises.push({ from, receivedAt: now, promise, last: promise.last });
      this.#context.hlc = Math.max(this.#context.hlc, promise.hlc);
    }
    const peers = this.#context.peers().filter((peer) => peer !== legacy?.from);
    this.#unanswered = peers.length;
    if (this.#promises.length >= rules.majority(config.voters.length)) {
      // The leader itself said where its log ends: no further promise can rescue anything.
      this.#graceUntil = now;
      return;
    }
    const prepare: Omit<Prepare, "forgotten"> = {
      type: "prepare",
      o: log.o,
      b: ballot,
      transfer: legacy !== null,
      storeId: this.#context.identity,
      ...(legacy === null || legacy.gaveUp === 0 ? {} : { gaveUp: legacy.gaveUp }),
    };
    for (const peer of peers) {
      const asked = this.#context.calls + 1;
      const message: Prepare = { ...prepare, ...this.#context.acquaintances.reminder(peer) };
      this.#context.call(peer, message, (reply) => {
        if (this.#ballot !== ballot) return;
        this.#unanswered -= 1;
        this.#onPromise(peer, reply, asked);
      });
    }
  }

  #onPromise(from: RegionIndex, reply: PeerReply | null, asked: number): void {
    const { now } = this.#context;
    if (reply?.type === "nack")
      this.log.promise({ maxCounter: Math.max(this.log.acceptor.maxCounter, counterOf(reply.promised)) });
    if (reply?.type === "nack" && reply.forgotten === true) this.#context.forget();
    if (reply?.type === "promise" && reply.b === this.#ballot && this.#counts(from, reply, asked)) {
      this.#promises.push({ from, receivedAt: now, promise: reply, last: reply.last });
      this.#context.hlc = Math.max(this.#context.hlc, reply.hlc);
    }
    const majority = this.#context.rules.majority(this.#context.config.voters.length);
    if (this.#promises.length >= majority) {
      if (this.#graceUntil === Infinity) this.#graceUntil = this.#legacy === null ? now + GRACE_MS : now;
    } else if (this.#promises.length + this.#unanswered < majority) this.#fail();
  }

  /** R8: whoever has lost its memory has lost its promises too. */
  #counts(from: RegionIndex, { storeId, inc, last }: Promise_, asked: number): boolean {
    const hearing = { o: this.log.o, asked, wrote: true, whole: true };
    return this.#context.acquaintances.counts(from, { storeId, inc, tail: last }, hearing);
  }

  /** R3. The best log must be had whole: an entry that only one promiser holds may be committed, so there is no second best. */
  #adopt(): void {
    const best = this.#context.rules.bestPromise(this.#promises);
    if (best.from === this.#context.config.region || compareTails(best.last, this.log.last) === 0)
      return this.#open();
    this.#adopting = true;
    this.#fetch(best);
  }

  #fetch(best: Promised): void {
    const { log } = this;
    const ballot = this.#ballot;
    const pull = {
      type: "pull",
      o: log.o,
      last: log.last,
      base: { e: log.base.e, s: log.base.s },
      epochs: log.epochs,
      bytesMax: ADOPT_BYTES,
      wantCommit: false,
    } as const;
    this.#context.call(best.from, pull, (reply) => {
      if (this.#ballot !== ballot || log.promised !== ballot) return;
      // Its beginning is gone everywhere: this region has lost the log, and can lead it only from a snapshot.
      if (reply?.type === "need-snapshot") this.#onNeedSnapshot(best.from);
      // Anything else than the promised log, or a part of it, starts the campaign again.
      if (reply?.type !== "pull-ok" || reply.e !== best.last.e) return this.#fail();
      const agree = divergencePoint(
        log.epochs,
        log.last.s,
        log.base.s,
        best.promise.epochs,
        best.last.s,
        best.promise.base.s,
      );
      if (reply.prev.s > log.last.s || reply.prev.s < Math.min(agree, log.last.s)) return this.#fail();
      if (reply.prev.s < log.last.s) this.#applier.truncate(log, reply.prev.s + 1);
      for (const raw of reply.entries) {
        if (raw.s <= best.last.s) this.#applier.receive(log, raw);
      }
      if (compareTails(log.last, best.last) === 0) this.#open();
      else if (reply.entries.length > 0) this.#fetch(best);
      else this.#fail();
    });
  }

  #open(): void {
    const { config, codec, rules, storage, incarnation } = this.#context;
    const { log } = this;
    const e = this.#ballot;
    // Who goes on after an interruption stays for the reason for which it came.
    const stays = this.#legacy !== null || (log.leader === config.region && staysWith(storage, log));
    const s = log.last.s + 1;
    const entry: Entry = {
      pv: PROTOCOL_VERSION,
      kind: EntryKind.open,
      o: log.o,
      e,
      s,
      inc: incarnation,
      hlc: this.#context.nextHlc(),
      user: "",
      principal: "",
      concern: "majority",
      deps: [],
      xdeps: [],
      ops: [],
      status: 0,
      open: {
        leader: config.region,
        configVersion: 1,
        ...(this.#legacy === null ? {} : { gaveUp: this.#legacy.gaveUp }),
      },
    };
    this.#applier.append(log, { e, s, bytes: codec.encode(entry) }, entry);
    log.promise({ leaderE: e, leaderInc: incarnation });
    const row: LeadershipRow = {
      o: log.o,
      e,
      opened: false,
      ackAfter: rules.ackAfter(this.#promises, config.timing),
      leaseUntil: 0,
    };
    storage.putLeadership(row);
    if (stays) storage.setMeta(staysKey(log.o), e);
    this.#end();
    this.#attempts = 0;
    this.#onOpened(row);
  }

  /** Pauses differ by region, so that two candidates do not meet again and again. */
  #fail(): void {
    const { region, voters } = this.#context.config;
    const spread = 1 + voters.indexOf(region) / voters.length;
    const pauseMs = Math.min(RETRY_MS_MAX, RETRY_MS * 2 ** Math.min(this.#attempts, 10)) * spread;
    this.#end();
    this.#notBefore = this.#context.now + Math.ceil(pauseMs);
    this.#attempts += 1;
    this.#context.changed = true;
  }

  /** Nothing of a campaign that is over is kept. */
  #end(): void {
    this.#ballot = 0;
    this.#legacy = null;
    this.#promises = [];
    this.#unanswered = 0;
    this.#adopting = false;
    this.#graceUntil = Infinity;
  }
}

/** Whether the log was handed to its present leader, this region, on purpose, and so stays there. */
export function staysWith(storage: Storage, log: Log): boolean {
  return log.leaderEpoch > 0 && storage.meta(staysKey(log.o)) === log.leaderEpoch;
}

function staysKey(o: RegionIndex): string {
  return `handed:${o}`;
}
