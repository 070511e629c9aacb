/**
 * Leading one log: rounds of appends, what each peer has, the commit position, the lease, and when peers are left alone.
 *
 * Intuition: a peer's state is how far its log is known to be ours (match) and how far we have sent (next). Everything
 * else follows from answers: the commit position is the seq that a majority matches, the lease begins at the sending
 * time of the oldest round that a majority has answered, and a peer is settled when it matches the head and knows the
 * commit position. A write that only the leader holds is sent along in a moment (paced, so that many writes share a
 * message); what somebody waits for is sent at once.
 *
 * Left to others: deciding writes (writer), electing (candidate), the durable retry schedule (outbox).
 */
import { majorityOf } from "./config.ts";
import type { Hearing } from "./acquaintances.ts";
import type { Context } from "./context.ts";
import { divergencePoint, holds } from "./epoch-table.ts";
import { Exposure } from "./exposure.ts";
import { wallOf } from "./hlc.ts";
import type { Log } from "./log.ts";
import type { Append, AppendMismatch, PeerReply, Progress } from "./message.ts";
import { PROTOCOL_VERSION } from "./entry.ts";
import { backOff, forgetWord, newPeer, type Peer } from "./peer.ts";
import { counterOf, type Epoch, type RegionIndex } from "./position.ts";
import type { Standing, Word } from "./rules.ts";
import type { LeadershipRow } from "./storage.ts";

/** Appends to one peer are at least this far apart, so that many writes share a message: entries nobody waits for, */
const PACE_MS = 40;
/** entries, a round or a lease that somebody waits for, while another append is under way, */
const URGENT_PACE_MS = 2;
/** and the commit position alone: the next write usually carries it, unless somebody over there waits for it. */
const NEWS_PACE_MS = 100;
/** A peer that catches up by itself is told this often how far the log goes, while somebody waits for it: it may have restarted. */
const REMIND_MS = 500;
/** Appends under way to one peer: enough to fill a long round trip at that pace. */
const IN_FLIGHT_MAX = 16;
const IN_FLIGHT_BYTES_MAX = 2_000_000;

export class Leadership {
  readonly log: Log;
  readonly e: Epoch;
  /** Seq of the OPEN. */
  readonly start: number;
  readonly peers: Peer[];
  opened: boolean;
  ackAfter: number;
  leaseUntil: number;
  /** The retry schedule knows of it. */
  scheduled: boolean;
  /** Another epoch was promised, here or at a peer: this one is over. */
  deposed = false;

  readonly #context: Context;
  /** Head of the log when this instance began; a restarted leader speaks only when there is something to say. */
  readonly #bornAt: number;
  /** Appends are numbered; a round begun now is answered by those with a greater number. */
  #sends = 0;
  /** Somebody waits for a majority to answer an append with this number or a greater one. Said anew each turn. */
  #roundWanted = 0;
  /** Somebody waits for entries up to this seq to reach the others. Said anew each turn. */
  #urgentThrough = 0;
  #leaseWanted = false;
  /** Head of the log in the last turn in which it grew. */
  #provenAt: number;
  /** From its first turn on: before that there is no reading of the clock. */
  #exposure: Exposure | null = null;

  constructor(context: Context, log: Log, row: LeadershipRow) {
    this.#context = context;
    this.log = log;
    this.e = row.e;
    this.start = log.epochs.find((epoch) => epoch.e === row.e)?.start ?? log.last.s + 1;
    this.opened = row.opened;
    this.scheduled = row.opened;
    this.ackAfter = row.ackAfter;
    this.leaseUntil = row.leaseUntil;
    this.#provenAt = log.last.s;
    this.#bornAt = row.opened ? log.last.s : this.start - 1;
    this.peers = context.peers().map((region) =>
      newPeer(region, {
        // A guess that is usually right: it has all that came before this instance, or before this epoch.
        next: row.opened ? log.last.s + 1 : this.start,
        amnesiac: context.acquaintances.hasForgotten(region),
      }),
    );
  }

  standing(): Standing {
    return {
      leads: this.opened && !this.deposed && this.log.promised === this.e,
      ackAfter: this.ackAfter,
      leaseUntil: this.leaseUntil,
    };
  }

  leaseValid(): boolean {
    return this.#context.rules.leaseValid(this.standing(), this.#context.now);
  }

  /** It could acknowledge now. */
  mayAct(): boolean {
    if (this.#context.config.timing.leaseMs > 0) return this.leaseValid();
    return this.standing().leads && this.#context.now >= this.ackAfter;
  }

  /** Age of the oldest entry that no majority is known to hold; 0: there is none. */
  exposedMs(): number {
    this.#exposure ??= this.#exposureAtFirst();
    return this.#exposure.ms(this.#context.now, this.log.commit);
  }

  #exposureAtFirst(): Exposure {
    const { now, storage } = this.#context;
    const { log } = this;
    // Before the OPEN is on a majority nothing is acknowledged, and then all that came before it is there too.
    const oldest = this.opened && log.commit < log.last.s ? storage.entry(log.o, log.commit + 1) : null;
    return new Exposure(now, log.last.s, oldest === null ? now : wallOf(oldest.hlc));
  }

  /** Each peer has said what it has, or failed to, since this instance began. */
  heardOut(): boolean {
    return this.peers.every((peer) => peer.match !== null || peer.failures > 0);
  }

  /** Is the region known to hold the log up to `s`? */
  holds(region: RegionIndex, s: number): boolean {
    const peer = this.peers.find((candidate) => candidate.region === region);
    return peer !== undefined && !peer.amnesiac && peer.match !== null && peer.match >= s;
  }

  matches(): number[] {
    return this.peers.map((peer) => (peer.amnesiac ? 0 : (peer.match ?? 0)));
  }

  /** Regions that are known to hold the entry. */
  durableIn(s: number): RegionIndex[] {
    return [
      this.#context.config.region,
      ...this.peers.filter((peer) => !peer.amnesiac && (peer.match ?? 0) >= s).map(({ region }) => region),
    ];
  }

  /** How many entries a peer lacks as far as is known; asks it where nothing is, in a round of `readIndex`. */
  behindOf(region: RegionIndex, round: number): number {
    const match = this.peers.find((peer) => peer.region === region)?.match ?? null;
    if (match === null) this.#roundWanted = Math.max(this.#roundWanted, round);
    return match === null ? Infinity : this.log.last.s - match;
  }

  /** Somebody there will wait for the commit position. */
  expectEager(region: RegionIndex): void {
    const peer = this.peers.find((candidate) => candidate.region === region);
    if (peer !== undefined) peer.eager = true;
  }

  /** Somebody waits for entries up to `s` to reach the others. */
  hurry(s: number): void {
    this.#urgentThrough = Math.max(this.#urgentThrough, s);
  }

  /** This instance has added to the log. */
  get active(): boolean {
    return this.log.last.s > this.#bornAt;
  }

  /** A round to wait for: a majority has answered an append that was sent after this moment. */
  readIndex(): number {
    return this.#sends + 1;
  }

  /** Is the round over? Otherwise it is wanted. */
  confirmed(round: number): boolean {
    this.#roundWanted = Math.max(this.#roundWanted, round);
    return (
      this.standing().leads &&
      this.#context.now >= this.ackAfter &&
      this.#quorumOf(this.peers.map((peer) => peer.answered)) >= round
    );
  }

  /** Somebody can only be answered under a lease. */
  wantLease(): void {
    if (this.#context.config.timing.leaseMs > 0) this.#leaseWanted = true;
    if (this.ackAfter > this.#context.now) this.#context.wakeAt(this.ackAfter);
  }

  /** Sends what is due; asks for a turn when something will be. */
  advance(): void {
    if (this.deposed) return;
    if (this.log.last.s > this.#provenAt) {
      this.#provenAt = this.log.last.s;
      this.#prove();
    }
    this.#advanceCommit();
    this.#exposure ??= this.#exposureAtFirst();
    this.#exposure.note(this.#context.now, this.log.last.s, this.log.commit);
    for (const peer of this.peers) this.#advancePeer(peer);
    this.#roundWanted = 0;
    this.#leaseWanted = false;
    this.#urgentThrough = 0;
  }

  /** Durable, so that a restart does not go on with this epoch. */
  depose(): void {
    this.deposed = true;
    this.#context.storage.putLeadership({ o: this.log.o, e: 0, opened: false, ackAfter: 0, leaseUntil: 0 });
    this.#context.changed = true;
  }

  /** A probe or a retry by the schedule: sends now, whatever the backoff says. */
  probe(region: RegionIndex): void {
    const peer = this.peers.find((candidate) => candidate.region === region);
    if (peer === undefined || peer.inFlight > 0) return;
    this.#send(peer);
  }

  /** Sends a peer what it was not sent yet, as far as one message takes it. */
  flush(region: RegionIndex): void {
    const peer = this.peers.find((candidate) => candidate.region === region);
    if (peer !== undefined && !peer.distant && peer.next <= this.log.last.s) this.#send(peer);
  }

  /** What it said before it lost its memory is void. */
  meetAnew(region: RegionIndex): void {
    const peer = this.peers.find((candidate) => candidate.region === region);
    if (peer === undefined) return;
    forgetWord(peer, this.log.last.s + 1);
    this.#context.changed = true;
  }

  /** A peer says by itself how far it is (after a queue batch, or when it has caught up). */
  onProgress(from: RegionIndex, message: Progress): void {
    const peer = this.peers.find((candidate) => candidate.region === from);
    if (peer === undefined || message.e !== this.e) return;
    const tail = { e: this.e, s: message.match };
    const word = { storeId: message.storeId, inc: message.inc, tail };
    // It is there after all, whatever became of the calls before.
    peer.retryAt = 0;
    if (this.#counts(peer, word, { asked: 0, wrote: false }) || peer.amnesiac)
      this.#matched(peer, message.match);
  }

  #advancePeer(peer: Peer): void {
    const { now } = this.#context;
    // After a restart, what a peer has is asked when something was written since, or when somebody waits for a commit
    // position that only the peers' answers can tell.
    const unknownDue = this.active || this.#urgentThrough > this.log.commit;
    const entriesDue = peer.match === null ? unknownDue : !peer.distant && peer.next <= this.log.last.s;
    const newsDue = peer.match !== null && !peer.distant && peer.toldCommit < this.log.commit;
    const roundDue =
      this.#roundWanted > peer.sent || (this.#roundWanted > peer.answered && peer.inFlight === 0);
    const grantDue = this.#leaseWanted && this.#renewalDue() && peer.inFlight === 0;
    const reminderDue = peer.distant && (peer.match ?? 0) < this.#urgentThrough && peer.inFlight === 0;
    if (!entriesDue && !newsDue && !roundDue && !grantDue) {
      if (!reminderDue) return;
      const due = Math.max(peer.retryAt, peer.lastSentAt + REMIND_MS);
      return now >= due ? this.#send(peer) : this.#context.wakeAt(due);
    }
    const awaited = peer.match === null ? this.#urgentThrough > 0 : peer.next <= this.#urgentThrough;
    const urgent = roundDue || grantDue || (entriesDue && awaited) || (newsDue && peer.eager);
    if (now < peer.retryAt) {
      // Only what somebody waits for is worth a turn of its own; the rest goes with the next write or the schedule.
      if (urgent) this.#context.wakeAt(peer.retryAt);
      return;
    }
    if (peer.inFlight >= IN_FLIGHT_MAX || peer.inFlightBytes >= IN_FLIGHT_BYTES_MAX) return;
    if (peer.match === null && peer.inFlight > 0) return;
    if (urgent && peer.inFlight === 0) return this.#send(peer);
    const due = peer.lastSentAt + (urgent ? URGENT_PACE_MS : entriesDue ? PACE_MS : NEWS_PACE_MS);
    if (now >= due) return this.#send(peer);
    this.#context.wakeAt(due);
  }

  #echo(peer: Peer): number {
    return this.#context.rules.echo(peer.stamp, peer.provenStamp);
  }

  /** This turn writes: whatever is sent from here on shows that the instance was not replaced before it. */
  #prove(): void {
    for (const peer of this.peers) peer.provenStamp = peer.stamp;
  }

  /** Early enough that a leader under load has most of its lease left at any moment: others wait for it before they take over. */
  #renewalDue(): boolean {
    return this.leaseUntil - this.#context.now < (this.#context.config.timing.leaseMs * 2) / 3;
  }

  #send(peer: Peer): void {
    const { config, now, storage } = this.#context;
    const { log } = this;
    const behind = log.last.s - peer.next + 1;
    const inline =
      !peer.distant && behind > 0 && behind <= config.limits.inlineEntriesMax && peer.next > log.base.s;
    const page = inline
      ? storage.entries(log.o, peer.next - 1, config.limits.batchBytesMax, config.limits.batchEntriesMax)
      : null;
    const prev = inline ? peer.next - 1 : log.last.s;
    const grant = config.timing.leaseMs > 0 && this.#renewalDue();
    const number = ++this.#sends;
    const commit = log.commit;
    const sinks = log.sinks.version;
    const message: Append = {
      type: "append",
      o: log.o,
      e: this.e,
      inc: this.#context.incarnation,
      prev: { e: log.epochAt(prev), s: prev },
      entries: page?.entries ?? [],
      chain: page !== null && page.entries.length > 0 ? page.chain : inline ? new Uint8Array(0) : log.chain,
      commit,
      ...(this.leaseValid() ? { closed: { s: log.last.s, hlc: log.hlc, echo: this.#echo(peer) } } : {}),
      grant,
      pv: PROTOCOL_VERSION,
      sinks: peer.toldSinks < sinks ? log.sinks.marks() : [],
      ...this.#context.acquaintances.reminder(peer.region),
    };
    const through = page?.entries.at(-1)?.s ?? prev;
    if (inline) peer.next = through + 1;
    const bytes = message.entries.reduce((sum, raw) => sum + raw.bytes.length, 0);
    peer.inFlight += 1;
    peer.inFlightBytes += bytes;
    peer.sent = number;
    peer.lastSentAt = now;
    const call = this.#context.calls + 1;
    this.#context.call(peer.region, message, (reply) => {
      peer.inFlight -= 1;
      peer.inFlightBytes -= bytes;
      this.#onAnswer(peer, { number, call, sentAt: now, grant, commit, sinks }, reply);
    });
  }

  #onAnswer(
    peer: Peer,
    sent: {
      readonly number: number;
      readonly call: number;
      readonly sentAt: number;
      readonly grant: boolean;
      readonly commit: number;
      readonly sinks: number;
    },
    reply: PeerReply | null,
  ): void {
    const { log } = this;
    this.#context.changed = true;
    if (this.deposed || log.promised !== this.e) return;
    if (reply?.type === "append-ok" && reply.e === this.e) {
      // Its log ends in the epoch of the entry there, which may be an older one than this: the OPEN may be still to come.
      const at = Math.max(log.base.s, Math.min(reply.match, log.last.s));
      const word = {
        storeId: reply.storeId,
        inc: reply.inc,
        tail: { e: log.epochAt(at), s: reply.match },
      };
      const wrote = sent.grant || this.#context.config.timing.leaseMs === 0;
      const counts = this.#counts(peer, word, { asked: sent.call, wrote });
      // An instance that was replaced, and does not know it.
      if (!counts && !peer.amnesiac) return;
      peer.failures = 0;
      peer.retryAt = 0;
      if (counts) peer.answered = Math.max(peer.answered, sent.number);
      peer.stamp = reply.stamp;
      peer.eager = reply.eager === true;
      this.#matched(peer, reply.match);
      if (reply.match >= sent.commit) peer.toldCommit = Math.max(peer.toldCommit, sent.commit);
      peer.toldSinks = Math.max(peer.toldSinks, sent.sinks);
      if (sent.grant && counts) this.#granted(peer, sent.sentAt);
      return;
    }
    if (reply?.type === "append-stale") {
      // Somebody else was promised: this epoch is over for this replica.
      log.promise({ maxCounter: Math.max(log.acceptor.maxCounter, counterOf(reply.promised)) });
      if (reply.forgotten === true) this.#context.forget();
      if (reply.promised > this.e) this.depose();
      return;
    }
    if (reply?.type === "append-mismatch") return this.#onMismatch(peer, reply);
    // Overloaded, refused, timed out, or an answer that makes no sense: wait a little. Overload is never more than that.
    peer.next = (peer.match ?? log.last.s) + 1;
    // What was sent later has been answered: this one says nothing of now.
    if (sent.number <= peer.failedThrough || sent.number < peer.answered) return;
    peer.failedThrough = this.#sends;
    backOff(peer, this.#context.now);
  }

  #onMismatch(peer: Peer, reply: AppendMismatch): void {
    const { log } = this;
    peer.failures = 0;
    const { inlineEntriesMax } = this.#context.config.limits;
    const agree = divergencePoint(
      log.epochs,
      log.last.s,
      log.base.s,
      reply.epochs,
      reply.last.s,
      reply.base.s,
    );
    peer.match ??= 0;
    if (!holds(reply, log.base) || log.last.s - agree > inlineEntriesMax) {
      // Too far behind to be fed: it pulls (or takes a snapshot) by itself and reports progress when it is there.
      peer.distant = true;
      return;
    }
    peer.distant = false;
    peer.next = Math.max(agree, peer.match) + 1;
    peer.retryAt = 0;
  }

  #matched(peer: Peer, match: number): void {
    const held = Math.min(match, this.log.last.s);
    peer.match = Math.max(peer.match ?? 0, held);
    peer.next = Math.max(peer.next, peer.match + 1);
    if (this.log.last.s - peer.match <= this.#context.config.limits.inlineEntriesMax) peer.distant = false;
    this.#context.changed = true;
  }

  /** R8: may the voter's word be counted? A new incarnation is written at once: a later one that is lower says that it went back. */
  #counts(peer: Peer, word: Word, hearing: Pick<Hearing, "asked" | "wrote">): boolean {
    const { acquaintances } = this.#context;
    const counts = acquaintances.counts(peer.region, word, { ...hearing, o: this.log.o, whole: false });
    const isBack = peer.amnesiac && counts;
    peer.amnesiac = acquaintances.hasForgotten(peer.region);
    if (isBack) this.meetAnew(peer.region);
    if (counts && word.inc > peer.inc) {
      // It may have forgotten what it was told last, or have become code that understands it.
      peer.toldSinks = 0;
      peer.inc = word.inc;
      this.#persist();
    }
    return counts;
  }

  #granted(peer: Peer, sentAt: number): void {
    peer.grantedAt = Math.max(peer.grantedAt, sentAt);
    const since = this.#quorumOf(this.peers.map((candidate) => candidate.grantedAt));
    if (since === 0) return;
    const until = this.#context.rules.leaseUntil(since, this.#context.config.timing);
    if (until <= this.leaseUntil) return;
    this.leaseUntil = until;
    this.#persist();
  }

  /** The greatest number that a majority (this replica included) has reached. */
  #quorumOf(numbers: readonly number[]): number {
    return [Infinity, ...numbers].toSorted((a, b) => b - a)[majorityOf(this.#context.config) - 1] ?? 0;
  }

  #advanceCommit(): void {
    const { log } = this;
    if (log.promised !== this.e) return;
    const commit = this.#context.rules.commitPosition(
      [log.last.s, ...this.matches()],
      majorityOf(this.#context.config),
      this.start,
      log.commit,
    );
    if (log.advanceCommit(commit)) this.#context.changed = true;
    if (!this.opened && log.commit >= this.start) {
      this.opened = true;
      this.#persist();
      this.#context.changed = true;
    }
  }

  #persist(): void {
    this.#prove();
    this.#context.storage.putLeadership({
      o: this.log.o,
      e: this.e,
      opened: this.opened,
      ackAfter: this.ackAfter,
      leaseUntil: this.leaseUntil,
      voters: this.#context.acquaintances.rows(this.log.o),
    });
  }
}
