/**
 * One replica: a partition in a region, the leader of some logs and a follower of the others. `step` takes one event and
 * the clock's reading at it, changes storage, and returns what is to be done (effect.ts says in which order).
 *
 * A turn: the event goes to the part that understands it; requests that waited for something are asked again; then
 * every part does what is due. Nothing here awaits, reads a clock, or draws a random number.
 */
import { Applier } from "./apply.ts";
import { Claims } from "./claim.ts";
import { Compaction } from "./compaction.ts";
import type { ReplicaConfig } from "./config.ts";
import { Context, type Hash } from "./context.ts";
import type { Effect, Event } from "./effect.ts";
import type { EntryCodec } from "./entry.ts";
import { Expiry } from "./expiry.ts";
import { EraseRequests } from "./erase-request.ts";
import { Eraser } from "./eraser.ts";
import { Erasures } from "./erasure.ts";
import { Feed } from "./feed.ts";
import { Follower } from "./follower.ts";
import { HandOffRequests } from "./hand-off-request.ts";
import { Leaderships } from "./leaderships.ts";
import { Levels } from "./level.ts";
import { Log } from "./log.ts";
import { ManyReader } from "./many-reader.ts";
import { Moves } from "./move.ts";
import { Outbox } from "./outbox.ts";
import { PeerDesk } from "./peer-desk.ts";
import type { RegionIndex } from "./position.ts";
import { Reader } from "./reader.ts";
import { Recovery } from "./recovery.ts";
import type { ClientReply, ClientRequest } from "./request.ts";
import { RULES, type Rules } from "./rules.ts";
import { Salvage } from "./salvage.ts";
import { Sinks } from "./sink.ts";
import { SnapshotReceiver } from "./snapshot-receiver.ts";
import { statusOf } from "./status.ts";
import type { Storage } from "./storage.ts";
import { Waiters } from "./waiters.ts";
import { Writer } from "./writer.ts";

const OVERLOADED: ClientReply = { kind: "refused", reason: "overloaded", retryAfterMs: 1_000 };

class ReplicaMisplaced extends Error {}

export interface ReplicaOptions {
  readonly config: ReplicaConfig;
  readonly storage: Storage;
  readonly codec: EntryCodec;
  /** SHA-256 of the parts, truncated to 16 bytes. */
  readonly hash: Hash;
  readonly rules?: Rules;
}

export class Replica {
  readonly #context: Context;
  readonly #applier: Applier;
  readonly #erasures: Erasures;
  readonly #eraser: Eraser;
  readonly #erasing: EraseRequests;
  readonly #handOffs: HandOffRequests;
  readonly #waiters: Waiters;
  readonly #followers = new Map<RegionIndex, Follower>();
  readonly #leaderships: Leaderships;
  readonly #outbox: Outbox;
  readonly #receiver: SnapshotReceiver;
  readonly #sinks: Sinks;
  readonly #compaction: Compaction;
  readonly #expiry: Expiry;
  readonly #salvage: Salvage;
  readonly #recovery: Recovery;
  readonly #peerDesk: PeerDesk;
  readonly #moves: Moves;
  readonly #writer: Writer;
  readonly #claims: Claims;
  readonly #reader: Reader;
  readonly #manyReader: ManyReader;
  readonly #feed: Feed;

  /** Reads storage; throws ReplicaMisplaced when it belongs to another region (decision 6). */
  constructor(options: ReplicaOptions) {
    const { config, storage } = options;
    const context = new Context({ ...options, rules: options.rules ?? RULES });
    this.#context = context;
    const region = storage.meta("region");
    if (region !== null && region !== config.region) {
      throw new ReplicaMisplaced(
        `this storage belongs to region ${region}, and configuration says ${config.region}`,
      );
    }
    const bases = storage.bases();
    const epochs = storage.epochs();
    const acceptors = storage.acceptors();
    const sinks = storage.sinks();
    for (const o of config.voters) {
      const log = new Log(o, storage, {
        base: bases.find((row) => row.o === o),
        epochs: epochs.filter((row) => row.o === o).map(({ e, start }) => ({ e, start })),
        acceptor: acceptors.find((row) => row.o === o),
        sinks: sinks.filter((row) => row.o === o),
      });
      context.logs.set(o, log);
      context.hlc = Math.max(context.hlc, log.hlc);
    }
    this.#erasures = new Erasures(context);
    this.#applier = new Applier(context, this.#erasures);
    this.#waiters = new Waiters(context, () => this.#receiver.restoring);
    for (const log of context.logs.values()) {
      this.#followers.set(
        log.o,
        new Follower(context, log, this.#applier, {
          isWatched: () => this.#feed.watches(log.o) || this.#moves.watches(log.o),
          onNeedSnapshot: (from) => this.#receiver.want(from),
          // Half an image can lead nothing: somebody else has to find out.
          onMissed: () => this.#receiver.restoring || this.#leaderships.miss(log.o),
        }),
      );
    }
    this.#leaderships = new Leaderships(context, this.#applier, {
      onNeedSnapshot: (from) => this.#receiver.want(from),
      onBlocked: (o) => this.#follower(o).want(),
      onHeard: (log) => this.#follower(log.o).heardOf({ e: log.leaderEpoch, s: 0 }),
    });
    this.#outbox = new Outbox(context, this.#leaderships);
    this.#receiver = new SnapshotReceiver(
      context,
      this.#applier,
      this.#followers,
      (o) => {
        const way = this.#leaderships.way(o, { since: context.now });
        if (way.kind === "here") way.leadership.hurry(context.log(o).last.s);
      },
      this.#erasures,
    );
    this.#eraser = new Eraser(context, this.#erasures, this.#applier, () => this.#receiver.restoring);
    this.#sinks = new Sinks(context, this.#leaderships);
    this.#compaction = new Compaction(context, this.#leaderships, this.#sinks);
    this.#expiry = new Expiry(
      context,
      this.#applier,
      this.#leaderships,
      () => this.#receiver.restoring,
      (leadership) => this.#outbox.onWritten(leadership),
    );
    this.#salvage = new Salvage({
      context,
      applier: this.#applier,
      erasures: this.#erasures,
      leaderships: this.#leaderships,
      followers: this.#followers,
      restoring: () => this.#receiver.restoring,
      onWritten: (leadership) => this.#outbox.onWritten(leadership),
    });
    this.#recovery = new Recovery({
      context,
      applier: this.#applier,
      followers: this.#followers,
      restoring: () => this.#receiver.restoring,
    });
    this.#peerDesk = new PeerDesk({
      context,
      waiters: this.#waiters,
      leaderships: this.#leaderships,
      followers: this.#followers,
      receiver: this.#receiver,
      salvage: this.#salvage,
    });
    this.#moves = new Moves({
      context,
      applier: this.#applier,
      leaderships: this.#leaderships,
      followers: this.#followers,
      onWritten: (leadership) => this.#outbox.onWritten(leadership),
      paused: () => this.#receiver.restoring,
    });
    this.#writer = new Writer({
      context,
      applier: this.#applier,
      leaderships: this.#leaderships,
      followers: this.#followers,
      onWritten: (leadership) => this.#outbox.onWritten(leadership),
      moves: this.#moves,
    });
    this.#claims = new Claims({
      context,
      applier: this.#applier,
      leaderships: this.#leaderships,
      erasures: this.#erasures,
      onWritten: (leadership) => this.#outbox.onWritten(leadership),
    });
    this.#erasing = new EraseRequests({
      context,
      erasures: this.#erasures,
      applier: this.#applier,
      leaderships: this.#leaderships,
      followers: this.#followers,
      onWritten: (leadership) => this.#outbox.onWritten(leadership),
      moves: this.#moves,
    });
    this.#handOffs = new HandOffRequests(context, this.#leaderships);
    const levels = new Levels(context, this.#leaderships, this.#followers);
    this.#reader = new Reader(context, this.#leaderships, levels, this.#moves);
    this.#manyReader = new ManyReader(context, levels, this.#moves);
    this.#feed = new Feed(context, this.#leaderships, this.#followers);
  }

  /**
   * The answer to a request that can be had without a turn: a read of what is applied here. Null: take a turn. It changes
   * nothing, sends nothing, and needs no transaction; a host may always take a turn instead.
   */
  peek(request: ClientRequest, now: number): ClientReply | null {
    if (this.#receiver.restoring || this.#context.hasForgotten) return null;
    this.#context.now = now;
    if (request.op === "read") return this.#reader.atOnce(request);
    return request.op === "read-many" ? this.#manyReader.atOnce(request) : null;
  }

  step(event: Event, now: number): Effect[] {
    const context = this.#context;
    context.begin(now);
    this.#feed.beginTurn();
    this.#leaderships.beginTurn();
    this.#recovery.beginTurn();
    this.#handle(event);
    // Requests say what they need while they are asked, so they are asked in every turn.
    this.#waiters.poll();
    this.#advance();
    for (let rounds = 0; context.changed && rounds < 4; rounds++) {
      context.changed = false;
      this.#waiters.poll();
      this.#advance();
    }
    return context.end();
  }

  #handle(event: Event): void {
    const context = this.#context;
    switch (event.type) {
      case "start":
        return this.#start();
      case "peer":
        // Two that have forgotten would take each other's questions for visits, and ask for ever.
        if (event.message.type !== "return") this.#stir();
        return this.#peerDesk.ask(event.id, event.from, event.message);
      case "answer":
        return context.endCall(event.call, event.message, null);
      case "failed":
        return context.endCall(event.call, null, event.reason);
      case "batch":
        this.#stir();
        return this.#peerDesk.batch(event.id, event.messages);
      case "enqueued":
        return context.endEnqueue(event.call, event.ok);
      case "delivered":
        return context.endDelivery(event.call, event.end);
      case "client":
        return this.#onClient(event.id, event.request);
      case "subscribe":
        return this.#feed.subscribe(event.id, event.subscription);
      case "unsubscribe":
        return this.#feed.unsubscribe(event.id);
      case "synced":
        return context.synced(event.sync);
      case "alarm":
        context.alarmFired();
        this.#receiver.onAlarm();
        this.#expiry.onAlarm();
        this.#salvage.stir();
        this.#recovery.stir();
        return this.#outbox.onAlarm();
      case "wake":
        this.#expiry.onWake();
        return context.woken();
      case "visit":
        return this.#outbox.onVisit();
    }
  }

  /** R7: every instance has a number of its own, durable before it says anything. */
  #start(): void {
    const { storage, config } = this.#context;
    const incarnation = storage.meta("incarnation");
    this.#context.incarnation = (typeof incarnation === "number" ? incarnation : 0) + 1;
    storage.setMeta("incarnation", this.#context.incarnation);
    const storeId = storage.meta("storeId");
    if (typeof storeId === "string") this.#context.storeId = storeId;
    else {
      this.#context.storeId = this.#context.newStoreId();
      storage.setMeta("storeId", this.#context.storeId);
      storage.setMeta("region", config.region);
    }
    this.#applier.applyWaiting();
    this.#outbox.start();
    this.#sinks.start();
  }

  #advance(): void {
    // A commit may have settled what an entry of another log waited for: that its dependency is lost.
    this.#applier.applyWaiting();
    for (const log of this.#context.logs.values()) {
      const blocked = this.#applier.blockedOn(log);
      if (blocked !== null) this.#followers.get(blocked.o)?.heardOf({ e: blocked.e, s: blocked.s });
    }
    this.#eraser.advance();
    // An erasure that is here and not known to be committed: the others may have said so while this replica was away.
    for (const o of this.#applier.erasing())
      if (this.#leaderships.of(o) === null) this.#followers.get(o)?.needCommit();
    if (!this.#receiver.restoring) this.#feed.advance();
    this.#receiver.advance();
    this.#moves.advance();
    this.#expiry.advance();
    this.#salvage.advance();
    this.#leaderships.advance();
    this.#recovery.advance();
    this.#outbox.advance();
    for (const follower of this.#followers.values()) {
      if (this.#leaderships.of(follower.log.o) === null) follower.advance();
    }
    this.#compaction.advance();
    this.#sinks.advance();
  }

  #onClient(id: number, request: ClientRequest): void {
    const refuse = (reply: ClientReply): void => this.#context.emit({ type: "respond", id, reply });
    if (request.op === "status") return refuse({ kind: "status", status: this.status(request.endOf) });
    if (request.op === "sink") return refuse(this.#sinks.control(request));
    this.#stir();
    // Who has lost its memory leads nothing until it is taken in again: whoever asked is to look elsewhere, and to say whom it missed.
    if (this.#receiver.restoring || this.#context.hasForgotten)
      return refuse({ kind: "refused", reason: "not-ready" });
    const { pendingRequestsMax, pendingBytesMax } = this.#context.config.limits;
    if (
      this.#waiters.size >= pendingRequestsMax ||
      ((request.op === "write" || request.op === "read-many") && this.#waiters.bytes >= pendingBytesMax)
    ) {
      return refuse(OVERLOADED);
    }
    switch (request.op) {
      case "write":
        return this.#waiters.add(this.#writer.write(id, request));
      case "read":
      case "divergent":
        return this.#waiters.add(this.#reader.read(id, request));
      case "read-many":
        return this.#waiters.add(this.#manyReader.read(id, request));
      case "receipt":
        return this.#waiters.add(this.#reader.receipt(id, request));
      case "changes":
        return this.#waiters.add(this.#feed.changes(id, request));
      case "home":
        return this.#waiters.add(this.#reader.home(id, request));
      case "claim":
        return this.#waiters.add(this.#claims.claim(id, request));
      case "move":
        return this.#waiters.add(this.#moves.move(id, request));
      case "erase":
        return this.#waiters.add(this.#erasing.erase(id, request));
      case "hand-off":
        return this.#waiters.add(this.#handOffs.handOff(id, request));
      case "erasure":
        return this.#waiters.add(this.#erasing.erasure(id, request));
    }
  }

  status(endOf?: RegionIndex) {
    return statusOf(this.#context, {
      endOf,
      leaderships: this.#leaderships,
      followers: this.#followers,
      sinks: this.#sinks,
      restoring: this.#receiver.restoring,
    });
  }

  /** Somebody came: what was given up for now is worth trying again. */
  #stir(): void {
    this.#receiver.stir();
    this.#salvage.stir();
    this.#recovery.stir();
  }

  #follower(o: RegionIndex): Follower {
    const follower = this.#followers.get(o);
    if (follower === undefined) throw new Error(`no log of origin ${o} in this configuration`);
    return follower;
  }
}
