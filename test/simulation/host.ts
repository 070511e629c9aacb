/**
 * One object of one region: it performs a replica's effects in the stated order, and dies at every place where the platform
 * may let it die.
 *
 *   event → [crash: the turn is undone] → commit → [crash] → effect → [crash] → effect → … → [crash]
 *
 * What survives is the database and the alarm. The next event, if the object is not down, makes a new instance, which gets
 * `start` first. Answers to calls of a dead instance are dropped, its wake-ups and syncs never come, and whoever waits for
 * an answer of it is refused or left to time out.
 */
import { createHash } from "node:crypto";
import type { ReplicaConfig } from "../../src/replication/config.ts";
import type { Change } from "../../src/replication/change.ts";
import type { Effect, Event, Subscription } from "../../src/replication/effect.ts";
import type { EntryCodec } from "../../src/replication/entry.ts";
import type { PeerReply } from "../../src/replication/message.ts";
import { Replica } from "../../src/replication/replica.ts";
import type { ClientReply, ClientRequest, FeedPlace } from "../../src/replication/request.ts";
import type { Rules } from "../../src/replication/rules.ts";
import { migrate } from "../../src/storage/schema.ts";
import type { SqlDriver } from "../../src/storage/sql-driver.ts";
import { SqlStorage } from "../../src/storage/sql-storage.ts";
import { NodeSqlDriver } from "../support/node-sql-driver.ts";
import { WatchedSqlDriver } from "./watched-driver.ts";
import { InstanceDriver, replaceRows, Zombie } from "./zombie.ts";
import type { RegionClock } from "./clock.ts";
import { describeEffect, describeEvent } from "./describe.ts";
import type { CrashFaults } from "./faults.ts";
import type { Network } from "./network.ts";
import type { Queue, QueueBytes } from "./queue.ts";
import type { Receiver } from "./receiver.ts";
import type { Random } from "./random.ts";
import type { Tally } from "./tally.ts";
import type { Planned, Timeline } from "./timeline.ts";
import type { Transcript } from "./transcript.ts";
import { envelope, wire } from "./wire.ts";

/** The hash that shells hand to a replica: SHA-256, the first 16 bytes. */
export function sha256(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest().subarray(0, 16));
}

/** What a host needs of the world around it. */
export interface Surroundings {
  readonly timeline: Timeline;
  readonly network: Network;
  readonly random: Random;
  readonly tally: Tally;
  readonly transcript: Transcript;
  readonly codec: EntryCodec;
  queue(region: number): Queue;
  readonly receiver: Receiver;
  host(region: number, partition: number): Endpoint | null;
  /** What the clocks of the regions read now. */
  clockReadings(): readonly number[];
  /** After a committed turn, before its effects are performed. */
  turned(host: Host, event: Event, effects: readonly Effect[], now: number): void;
  /** An instance that was replaced says what only the present one may say. */
  haunted(host: Host, what: string): void;
  /** What it is about to say, right or wrong. */
  toldByReplaced(host: Host, event: Event, effects: readonly Effect[]): void;
  died(host: Host): void;
  /** The replica threw: always a finding. */
  threw(host: Host, event: Event, error: unknown): void;
}

/** What a test breaks where no rule of the core can be overridden. */
export interface Distortion {
  readonly event?: (event: Event) => Event;
  readonly effects?: (effects: readonly Effect[], event: Event) => readonly Effect[];
  /** The database of an instance that just died. */
  readonly crashed?: (driver: SqlDriver) => void;
}

/** Something that answers calls of other regions. */
export interface Endpoint {
  peer(from: number, bytes: Uint8Array, reply: (bytes: Uint8Array) => void, refuse: () => void): void;
}

/** A request without its deadline: that is set on arrival, from the time that is left, by the replica's own clock. */
export type Undated<R = ClientRequest> = R extends ClientRequest ? Omit<R, "deadlineAt"> : never;

class CrashBeforeCommit extends Error {}

/** Who waits for an answer of one instance. */
interface Desk {
  readonly peers: Map<number, Caller<PeerReply>>;
  readonly clients: Map<number, Caller<ClientReply>>;
}

interface Caller<T> {
  readonly answer: (answer: T) => void;
  readonly refuse: () => void;
}

/** Short, so that logs of a few dozen entries have many. */
const STRETCH_ENTRIES = 4;

/** A socket of a client, kept beside the object. */
interface Socket {
  subscription: Subscription;
  readonly told: (changes: readonly Change[], cursor: FeedPlace) => void;
  readonly ended: (expired: boolean) => void;
}

/** The platform retries a failed alarm after about this long. */
const ALARM_RETRY_MS = 2_000;

export class Host implements Endpoint {
  readonly config: ReplicaConfig;
  readonly clock: RegionClock;
  readonly driver = new WatchedSqlDriver();
  readonly name: string;
  readonly #world: Surroundings;
  readonly #rules: Rules | undefined;
  readonly #distortion: Distortion;
  #faults: CrashFaults;
  #replica: Replica | null = null;
  /** Counts instances: what belongs to an older one is dropped. */
  generation = 0;
  /** When the object was last known to be away. */
  awayAt = -Infinity;
  #down = false;
  #nextId = 1;
  #desk: Desk = { peers: new Map(), clients: new Map() };
  #instance: InstanceDriver;
  #zombie: { readonly zombie: Zombie; readonly desk: Desk } | null = null;
  #batches = new Map<number, (ok: boolean) => void>();
  readonly #sockets = new Map<number, Socket>();
  #wake: Planned | null = null;
  #alarm: Planned | null = null;
  /** The alarm whose turn this is: it counts as pending until the turn has lived. */
  #ringing: Planned | null = null;

  constructor(
    world: Surroundings,
    config: ReplicaConfig,
    clock: RegionClock,
    faults: CrashFaults,
    rules?: Rules,
    distortion: Distortion = {},
  ) {
    this.#distortion = distortion;
    this.#world = world;
    this.config = config;
    this.clock = clock;
    this.#faults = faults;
    this.#rules = rules;
    this.name = `${config.partition}/${config.region}`;
    this.#instance = new InstanceDriver(this.driver);
    this.driver.transaction(() => migrate(this.driver, this.now()));
  }

  get region(): number {
    return this.config.region;
  }
  get partition(): number {
    return this.config.partition;
  }
  /** It was down, or lost an instance, since then. */
  wasAwaySince(since: number): boolean {
    return this.#down || this.awayAt >= since;
  }
  get isDown(): boolean {
    return this.#down;
  }
  /** An instance is in memory. */
  get isAwake(): boolean {
    return this.#replica !== null;
  }
  /** Requests that this instance took and has not answered. */
  get openClients(): number {
    return this.#desk.clients.size;
  }
  get alarmPending(): boolean {
    return this.#alarm !== null;
  }

  setFaults(faults: CrashFaults): void {
    this.#faults = faults;
  }

  now(): number {
    return this.clock.read(this.#world.timeline.now);
  }

  peer(from: number, bytes: Uint8Array, reply: (bytes: Uint8Array) => void, refuse: () => void): void {
    const caller = {
      answer: (message: PeerReply) =>
        reply(wire.encodeReply(envelope(this.partition, this.region, from), message)),
      refuse,
    };
    const haunted = this.#strays();
    if (haunted === null && (this.#refuses(refuse) || !this.#awaken(refuse))) return;
    const id = this.#nextId++;
    const event = { type: "peer", id, from, message: wire.decodeRequest(bytes) } as const;
    (haunted?.desk ?? this.#desk).peers.set(id, caller);
    if (haunted === null) this.#step(event);
    else haunted.zombie.step(event);
  }

  /** `taken`: the request got this number at a new turn, which follows. */
  client(
    request: Undated,
    leftMs: number,
    answer: (reply: ClientReply) => void,
    refuse: () => void,
    taken: (id: number) => void,
  ): void {
    const haunted = this.#strays();
    if (haunted === null && (this.#refuses(refuse) || !this.#awaken(refuse))) return;
    const id = this.#nextId++;
    (haunted?.desk ?? this.#desk).clients.set(id, { answer, refuse });
    const dated = { ...structuredClone(request), deadlineAt: this.now() + leftMs } as ClientRequest;
    if (haunted !== null) return haunted.zombie.step({ type: "client", id, request: dated });
    taken(id);
    this.#step({ type: "client", id, request: dated });
  }

  /** The instance that was replaced, when a request comes to it; null: it comes to the present one. */
  #strays(): { readonly zombie: Zombie; readonly desk: Desk } | null {
    return this.#zombie !== null && this.#world.random.chance(0.3) ? this.#zombie : null;
  }

  batch(messages: readonly QueueBytes[], settled: (ok: boolean) => void): void {
    if (this.#down) {
      settled(false);
      return;
    }
    const id = this.#nextId++;
    this.#batches.set(id, settled);
    this.#step({
      type: "batch",
      id,
      messages: messages.map((bytes) => (bytes === null ? null : wire.decodeBatch(bytes))),
    });
  }

  /** A client stays to be told of changes: what a shell does for a socket. Null: the object did not take it. */
  openSocket(subscription: Subscription, hears: Omit<Socket, "subscription">): number | null {
    if (this.#down || !this.#awaken(() => {})) return null;
    const id = this.#nextId++;
    this.#sockets.set(id, { subscription, ...hears });
    this.#step({ type: "subscribe", id, subscription });
    return id;
  }

  hasSocket(id: number): boolean {
    return this.#sockets.has(id);
  }

  closeSocket(id: number): void {
    this.#sockets.delete(id);
    if (this.#replica !== null) this.#step({ type: "unsubscribe", id });
  }

  #endSocket(id: number, expired: boolean): void {
    const socket = this.#sockets.get(id);
    this.#sockets.delete(id);
    socket?.ended(expired);
  }

  /** Loses the instance. The object is down for so long; 0: the next event finds a new instance. */
  crash(why: string, downMs: number): void {
    const { timeline, transcript, tally, random } = this.#world;
    transcript.line(timeline.now, `${this.name} crashes ${why}, down ${downMs} ms`);
    tally.add("crashes");
    if (this.isAwake) this.#world.died(this);
    this.generation++;
    this.awayAt = timeline.now + downMs;
    // Replaced while it works: it is not told.
    const { lingers } = this.#faults;
    if (downMs === 0 && lingers > 0 && random.chance(lingers)) this.#linger();
    this.#distortion.crashed?.(this.driver);
    this.#replica = null;
    timeline.cancel(this.#wake);
    this.#wake = null;
    const callers = [...this.#desk.peers.values(), ...this.#desk.clients.values()];
    this.#desk = { peers: new Map(), clients: new Map() };
    for (const caller of callers) if (random.chance(0.5)) caller.refuse();
    const batches = [...this.#batches.values()];
    this.#batches = new Map();
    for (const settled of batches) settled(false);
    // Hibernation keeps sockets, and so may a restart; a crash of the machine does not.
    if (downMs > 0 && this.#sockets.size > 0 && random.chance(0.5))
      for (const id of this.#sockets.keys()) this.#endSocket(id, false);
    if (downMs > 0) {
      this.#down = true;
      const generation = this.generation;
      timeline.after(downMs, () => {
        if (this.generation === generation) this.#down = false;
      });
    }
  }

  #linger(): void {
    const { timeline, transcript, tally, random } = this.#world;
    this.#zombie?.zombie.end("another one was replaced");
    if (this.#replica === null) return;
    const desk = this.#desk;
    const generation = this.generation - 1;
    const readings = this.#world.clockReadings();
    const { timing } = this.config;
    const zombie = new Zombie(generation, this.#replica, this.#instance, {
      perform: (effect) => this.#performFor(effect, desk, generation),
      turned: (event, wrong, effects) => {
        tally.add("turns of replaced instances");
        transcript.line(timeline.now, `${this.name} (replaced) ${describeEvent(event)}`);
        if (wrong !== null) this.#world.haunted(this, wrong);
        this.#world.toldByReplaced(this, event, effects);
      },
      over: (why) => {
        transcript.line(timeline.now, `${this.name} (replaced) ends: ${why}`);
        tally.add(`replaced instances: ${why}`);
        this.#zombie = null;
        for (const { refuse } of [...desk.peers.values(), ...desk.clients.values()]) refuse();
      },
      now: () => this.now(),
      leaseAgeMs: timing.leaseMs + timing.clockBoundMs,
      leases: timing.leaseMs > 0,
      // A clock may have gone back since it was read.
      replacedAt: (region) => (readings[region] ?? Infinity) + timing.clockBoundMs,
    });
    this.#desk = { peers: new Map(), clients: new Map() };
    this.#zombie = { zombie, desk };
    timeline.after(random.between(500, 6_000), () => zombie.end("it noticed"));
  }

  /** What of a replaced instance gets out: answers and calls. Sockets, queues and the alarm are the present one's. */
  #performFor(effect: Effect, desk: Desk, generation: number): void {
    const { timeline, tally } = this.#world;
    this.#world.transcript.line(timeline.now, `${this.name} (replaced)   → ${describeEffect(effect)}`);
    if (effect.type === "reply" || effect.type === "respond") tally.add("answers of replaced instances");
    if (effect.type === "wake")
      timeline.after(this.clock.realUntil(effect.at, timeline.now), () =>
        this.#tell(generation, { type: "wake" }),
      );
    else if (["reply", "respond", "call", "sync"].includes(effect.type))
      this.#perform(effect, this.now(), desk, generation);
  }

  /** To the instance that asked, if it lives, replaced or not. */
  #tell(generation: number, event: Event): void {
    if (this.generation === generation) this.#step(event);
    else if (this.#zombie?.zombie.generation === generation) this.#zombie.zombie.step(event);
  }

  /** Is up again whatever it was. */
  revive(): void {
    this.#down = false;
    this.#zombie?.zombie.end("the faults are over");
  }

  /** Its storage is set back to a copy, or to nothing: what no platform should do. */
  rewind(copy: SqlDriver | null): void {
    this.crash("and loses its memory", 0);
    this.#zombie?.zombie.end("its storage is another one");
    const empty = new NodeSqlDriver();
    empty.transaction(() => migrate(empty, this.now()));
    this.driver.transaction(() => replaceRows(this.driver, copy ?? empty));
    empty.close();
  }

  #refuses(refuse: () => void): boolean {
    if (!this.#down) return false;
    if (this.#world.random.chance(0.5)) refuse();
    return true;
  }

  /** Makes an instance where there is none; false when it died at once. */
  #awaken(refuse: () => void): boolean {
    if (this.#replica !== null || this.#start()) return true;
    refuse();
    return false;
  }

  /** A new instance, told of the sockets that outlived the one before. */
  #start(): boolean {
    if (!this.#step({ type: "start" })) return false;
    const { generation } = this;
    for (const [id, { subscription }] of this.#sockets) {
      if (!this.#step({ type: "subscribe", id, subscription }) || this.generation !== generation)
        return false;
    }
    return true;
  }

  #downMs(): number {
    const { long, longMs, downMs } = this.#faults;
    return this.#world.random.between(...(this.#world.random.chance(long) ? longMs : downMs));
  }

  /** Runs one turn and performs what it wants done. False when the object did not live through it. */
  #step(said: Event): boolean {
    if (this.#down) return false;
    if (this.#replica === null && said.type !== "start" && !this.#start()) return false;
    const event = this.#distortion.event?.(said) ?? said;
    const { timeline, transcript, random, tally } = this.#world;
    const now = this.now();
    const dies = random.chance(this.#faults.beforeCommit);
    let effects: readonly Effect[] = [];
    try {
      this.driver.transaction(() => {
        const replica = event.type === "start" ? this.#construct() : this.#replica;
        if (replica === null) throw new Error("no instance");
        this.#replica = replica;
        effects = replica.step(event, now);
        effects = this.#distortion.effects?.(effects, event) ?? effects;
        if (dies) throw new CrashBeforeCommit();
      });
    } catch (error) {
      if (error instanceof CrashBeforeCommit) {
        tally.add("crashes before commit");
        this.crash(`before the commit of ${describeEvent(event)}`, this.#downMs());
      } else {
        transcript.line(timeline.now, `${this.name} THREW at ${describeEvent(event)}: ${String(error)}`);
        this.#world.threw(this, event, error);
        this.crash("of an error", this.#downMs());
      }
      return false;
    }
    tally.add("turns");
    transcript.line(timeline.now, `${this.name} ${describeEvent(event)}`);
    this.#world.turned(this, said, effects, now);
    const ordered = effects.some(isAlarm)
      ? [...effects.filter(isAlarm), ...effects.filter((effect) => !isAlarm(effect))]
      : effects;
    const crashAt = this.#crashPoint(event, ordered);
    for (const [n, effect] of ordered.entries()) {
      if (n === crashAt) break;
      transcript.line(timeline.now, `${this.name}   → ${describeEffect(effect)}`);
      this.#perform(effect, now);
    }
    if (crashAt === -1) return true;
    tally.add("crashes between effects");
    this.crash(`at effect ${crashAt} of ${ordered.length}`, this.#downMs());
    return false;
  }

  #construct(): Replica {
    this.#world.tally.add("starts");
    return new Replica({
      config: this.config,
      storage: new SqlStorage((this.#instance = new InstanceDriver(this.driver)), STRETCH_ENTRIES),
      codec: this.#world.codec,
      hash: sha256,
      ...(this.#rules === undefined ? {} : { rules: this.#rules }),
    });
  }

  /** Before which effect this turn dies (their number: after the last); -1 for not at all. */
  #crashPoint(event: Event, effects: readonly Effect[]): number {
    const { betweenEffects, delicate } = this.#faults;
    if (betweenEffects === 0) return -1;
    const probability = betweenEffects * (isDelicate(event, effects) ? delicate : 1);
    return this.#world.random.chance(probability) ? this.#world.random.below(effects.length + 1) : -1;
  }

  #perform(effect: Effect, now: number, desk = this.#desk, generation = this.generation): void {
    const { timeline, random, tally } = this.#world;
    const alive = (event: Event): void => this.#tell(generation, event);
    switch (effect.type) {
      case "alarm":
        this.#setAlarm(effect.at, now);
        return;
      case "attention":
        tally.add("schedules that ended unsettled");
        return;
      case "reply":
        desk.peers.get(effect.id)?.answer(effect.message);
        desk.peers.delete(effect.id);
        return;
      case "respond":
        desk.clients.get(effect.id)?.answer(structuredClone(effect.reply));
        desk.clients.delete(effect.id);
        return;
      case "call": {
        tally.add(`calls: ${effect.message.type}`);
        this.#call(effect, alive);
        return;
      }
      case "enqueue":
        this.#world.queue(effect.to).send(
          this.partition,
          effect.messages.map((message) =>
            wire.encodeBatch(envelope(this.partition, this.region, effect.to), message),
          ),
          (ok) => {
            alive({ type: "enqueued", call: effect.call, ok });
          },
        );
        return;
      case "batch-done": {
        this.#batches.get(effect.id)?.(true);
        this.#batches.delete(effect.id);
        for (const verdict of effect.verdicts) tally.add(`batches ${verdict}`);
        // The queue's consumer sends these, so that they outlive the instance.
        for (const { to, message } of effect.progress)
          this.#pass(to, wire.encodeRequest(envelope(this.partition, this.region, to), message));
        return;
      }
      case "feed": {
        const socket = this.#sockets.get(effect.id);
        if (socket === undefined) return;
        // What a shell keeps beside the socket, so that it survives the instance.
        socket.subscription = { ...socket.subscription, after: effect.cursor };
        socket.told(structuredClone(effect.changes), effect.cursor);
        return;
      }
      case "feed-end":
        this.#endSocket(effect.id, true);
        return;
      case "sync": {
        const { syncMs, syncStall, syncStallMs } = this.#faults;
        const ms = random.between(...(random.chance(syncStall) ? syncStallMs : syncMs));
        timeline.after(ms, () => alive({ type: "synced", sync: effect.sync }));
        return;
      }
      case "deliver":
        this.#world.receiver.take(this.partition, effect, (end) =>
          alive({ type: "delivered", call: effect.call, end }),
        );
        return;
      case "wake": {
        timeline.cancel(this.#wake);
        this.#wake = timeline.after(this.clock.realUntil(effect.at, timeline.now), () => {
          this.#wake = null;
          alive({ type: "wake" });
        });
      }
    }
  }

  #call(effect: Extract<Effect, { type: "call" }>, alive: (event: Event) => void): void {
    const bytes = wire.encodeRequest(envelope(this.partition, this.region, effect.to), effect.message);
    const { call, to } = effect;
    this.#world.network.call<Uint8Array>({
      from: this.region,
      to,
      timeoutMs: effect.timeoutMs,
      replication: effect.message.type === "append",
      deliver: (reply, refuse) => {
        const target = this.#world.host(to, this.partition);
        if (target === null) refuse();
        else target.peer(this.region, bytes, reply, refuse);
      },
      done: (end) => {
        if (end.end === "answer")
          alive({ type: "answer", call, from: to, message: wire.decodeReply(end.answer) });
        else alive({ type: "failed", call, from: to, reason: end.reason });
      },
    });
  }

  #pass(to: number, bytes: Uint8Array): void {
    this.#world.network.call<Uint8Array>({
      from: this.region,
      to,
      timeoutMs: 2_500,
      replication: false,
      deliver: (reply, refuse) => {
        const target = this.#world.host(to, this.partition);
        if (target === null) refuse();
        else target.peer(this.region, bytes, reply, refuse);
      },
      done: () => {},
    });
  }

  #setAlarm(at: number, now: number): void {
    const { timeline } = this.#world;
    const dueAt = timeline.now + this.clock.realUntil(at, timeline.now) + (at > now ? 0 : 1);
    if (this.#alarm !== null && this.#alarm.at <= dueAt && this.#alarm !== this.#ringing) return;
    timeline.cancel(this.#alarm);
    this.#alarm = timeline.at(dueAt, () => this.#ring());
  }

  /** At least once: an alarm whose turn failed, or whose instance died, rings again. */
  #ring(): void {
    const { timeline, random, tally } = this.#world;
    tally.add("alarms");
    const ringing = this.#alarm;
    this.#ringing = ringing;
    const lived = this.#step({ type: "alarm" });
    this.#ringing = null;
    // The turn may have set a new alarm, which replaces this one.
    if (this.#alarm !== ringing) return;
    const again = !lived || random.chance(this.#faults.betweenEffects);
    this.#alarm = again ? timeline.after(ALARM_RETRY_MS, () => this.#ring()) : null;
  }
}

function isAlarm(effect: Effect): boolean {
  return effect.type === "alarm";
}

/** Turns around a promise, a hand-off or an OPEN: where a crash has found bugs before. */
function isDelicate(event: Event, effects: readonly Effect[]): boolean {
  if (event.type === "answer" && event.message.type === "promise") return true;
  if (event.type === "peer" && event.message.type === "transfer") return true;
  return effects.some(
    (effect) =>
      (effect.type === "reply" && effect.message.type === "promise") ||
      (effect.type === "call" && (effect.message.type === "prepare" || effect.message.type === "transfer")),
  );
}
