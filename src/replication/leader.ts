/**
 * Leading one log: what each peer has, the commit position, rounds, the lease, and how long it lasts.
 *
 * Intuition: a peer's state is how far its log is known to be ours (match) and how far we have sent (next). Everything
 * else follows from answers: the commit position is the seq that a majority matches, the lease begins at the sending
 * time of the oldest round that a majority has answered, and a peer is settled when it matches the head and knows the
 * commit position. A write that only the leader holds is sent along in a moment (paced, so that many writes share a
 * message); what somebody waits for is sent at once.
 *
 * Left to others: deciding writes (writer), electing (candidate), when a peer is sent something (append-pace), what that is and
 * what its answer says (appends), the durable retry schedule (outbox).
 */
import { appendDueAt } from "./append-pace.ts";
import { Appends } from "./appends.ts";
import { majorityOf } from "./config.ts";
import type { Context } from "./context.ts";
import { Exposure } from "./exposure.ts";
import { wallOf } from "./hlc.ts";
import type { Log } from "./log.ts";
import { newPeer, type Peer } from "./peer.ts";
import type { Epoch, RegionIndex } from "./position.ts";
import type { Standing } from "./rules.ts";
import type { LeadershipRow } from "./storage.ts";

export class Leadership {
  readonly log: Log;
  readonly e: Epoch;
  /** Seq of the OPEN. */
  readonly start: number;
  readonly peers: readonly Peer[];
  readonly appends: Appends;
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
    this.appends = new Appends(context, this);
  }

  peer(region: RegionIndex): Peer | undefined {
    return this.peers.find((peer) => peer.region === region);
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
    const peer = this.peer(region);
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
    const match = this.peer(region)?.match ?? null;
    if (match === null) this.#roundWanted = Math.max(this.#roundWanted, round);
    return match === null ? Infinity : this.log.last.s - match;
  }

  /** Somebody there will wait for the commit position. */
  expectEager(region: RegionIndex): void {
    const peer = this.peer(region);
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
    return this.appends.count + 1;
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
    this.#sendWhatIsDue();
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

  /** This turn writes: whatever is sent from here on shows that the instance was not replaced before it. */
  #prove(): void {
    for (const peer of this.peers) peer.provenStamp = peer.stamp;
  }

  #sendWhatIsDue(): void {
    const { now } = this.#context;
    const agenda = {
      last: this.log.last.s,
      commit: this.log.commit,
      active: this.active,
      urgentThrough: this.#urgentThrough,
      round: this.#roundWanted,
      grant: this.#leaseWanted && this.renewalDue(),
    };
    for (const peer of this.peers) {
      const dueAt = appendDueAt(peer, agenda, now);
      if (dueAt === null) continue;
      if (dueAt <= now) this.appends.send(peer);
      else this.#context.wakeAt(dueAt);
    }
  }

  /** Early enough that a leader under load has most of its lease left at any moment: others wait for it before they take over. */
  renewalDue(): boolean {
    return this.leaseUntil - this.#context.now < (this.#context.config.timing.leaseMs * 2) / 3;
  }

  /** The peer granted what was asked for at `sentAt`. */
  granted(peer: Peer, sentAt: number): void {
    peer.grantedAt = Math.max(peer.grantedAt, sentAt);
    const since = this.#quorumOf(this.peers.map((candidate) => candidate.grantedAt));
    if (since === 0) return;
    const until = this.#context.rules.leaseUntil(since, this.#context.config.timing);
    if (until <= this.leaseUntil) return;
    this.leaseUntil = until;
    this.persist();
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
      this.persist();
      this.#context.changed = true;
    }
  }

  persist(): void {
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
