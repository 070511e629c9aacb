/**
 * A few replicas on one table: in-memory SQL, a clock that the test turns, and a network that delivers when it is told.
 *
 * `run(ms)` moves the clock and delivers what falls due on the way; `hold` keeps parcels back until `release` or `lose`;
 * `cut` makes calls fail. Nothing here is random: a test reads like the story it tells.
 */
import { createHash } from "node:crypto";
import {
  DEFAULT_LIMITS,
  DEFAULT_TIMING,
  type Limits,
  type ReplicaConfig,
  type SinkConfig,
  type Timing,
} from "../../src/replication/config.ts";
import type { CallFailure, DeliveryEnd, Effect, Event, SinkBatch } from "../../src/replication/effect.ts";
import { EntryKind, OpKind, PROTOCOL_VERSION } from "../../src/replication/entry.ts";
import type { Entry, EntryCodec, RawEntry } from "../../src/replication/entry.ts";
import { HLC_EPOCH_MS, hlcAt } from "../../src/replication/hlc.ts";
import { CHAIN_START } from "../../src/replication/log.ts";
import type {
  Append,
  Batch,
  BatchVerdict,
  EpochStart,
  PeerReply,
  PeerRequest,
  Promise_,
  PullOk,
} from "../../src/replication/message.ts";
import type { Epoch, Position, RegionIndex, Tail } from "../../src/replication/position.ts";
import { Replica } from "../../src/replication/replica.ts";
import type {
  ClientReply,
  ClientRequest,
  LogStatus,
  ReadLevel,
  ReadList,
  ReadManyRequest,
  ReadRequest,
  ReplicaStatus,
  SessionPart,
  WriteRequest,
} from "../../src/replication/request.ts";
import type { Rules } from "../../src/replication/rules.ts";
import { migrate } from "../../src/storage/schema.ts";
import type { SqlDriver } from "../../src/storage/sql-driver.ts";
import { SqlStorage } from "../../src/storage/sql-storage.ts";
import { entryCodec } from "../../src/wire/entry-codec.ts";
import { NodeSqlDriver } from "../support/node-sql-driver.ts";

/** Where every clock begins. */
export const START = HLC_EPOCH_MS + 1_000_000;
export const REGIONS = ["weur", "enam", "apac", "wnam", "oc"] as const;
export const NO_SESSION: SessionPart = { positions: [], others: [], seenAt: 0 };
const UTF8 = new TextEncoder();

export function sha256(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest().subarray(0, 16));
}

export function bytesOf(text: string): Uint8Array {
  return UTF8.encode(text);
}

export function textOf(bytes: Uint8Array | undefined): string {
  return new TextDecoder().decode(bytes);
}

export interface NodeOptions {
  readonly region?: RegionIndex;
  readonly regions?: number;
  readonly anchor?: RegionIndex;
  readonly timing?: Partial<Timing>;
  readonly limits?: Partial<Limits>;
  readonly sinks?: readonly SinkConfig[];
  readonly rules?: Rules;
  readonly codec?: EntryCodec;
}

export function configOf(options: NodeOptions): ReplicaConfig {
  return {
    namespace: "test",
    partition: 0,
    region: options.region ?? 0,
    voters: Array.from({ length: options.regions ?? 3 }, (_, n) => n),
    anchor: options.anchor ?? 0,
    timing: { ...DEFAULT_TIMING, ...options.timing },
    limits: { ...DEFAULT_LIMITS, ...options.limits },
    sinks: options.sinks ?? [],
  };
}

/** One replica and its storage, without a network: effects are handed to the test. */
export class Node {
  readonly config: ReplicaConfig;
  readonly driver = new NodeSqlDriver();
  readonly storage: SqlStorage;
  readonly #options: NodeOptions;
  replica!: Replica;
  now: number = START;
  #ids = 1_000_000;

  constructor(options: NodeOptions = {}) {
    this.#options = options;
    this.config = configOf(options);
    this.migrate();
    this.storage = new SqlStorage(this.driver);
    this.start();
  }

  /** As a host does before every start. */
  migrate(): void {
    this.driver.transaction(() => migrate(this.driver, START));
  }

  /** A new instance over the same storage. Other code may take over: `options` replace the first ones. */
  start(options: NodeOptions = {}): Effect[] {
    const merged = { ...this.#options, ...options };
    this.replica = new Replica({
      config: configOf(merged),
      storage: this.storage,
      codec: merged.codec ?? entryCodec,
      hash: sha256,
      ...(merged.rules === undefined ? {} : { rules: merged.rules }),
    });
    return this.step({ type: "start" });
  }

  step(event: Event, now: number = this.now): Effect[] {
    this.now = now;
    return this.driver.transaction(() => this.replica.step(event, now));
  }

  /** What it answers a peer at once. */
  peer(from: RegionIndex, message: PeerRequest): PeerReply {
    const id = ++this.#ids;
    const effects = this.step({ type: "peer", id, from, message });
    const reply = effects.find((effect) => effect.type === "reply" && effect.id === id);
    if (reply?.type !== "reply") throw new Error(`${message.type} was not answered`);
    return reply.message;
  }

  batch(...messages: (Batch | null)[]): readonly BatchVerdict[] {
    const effects = this.step({ type: "batch", id: ++this.#ids, messages });
    const done = effects.find((effect) => effect.type === "batch-done");
    if (done?.type !== "batch-done") throw new Error("a batch was not answered");
    return done.verdicts;
  }

  client(request: ClientRequest): { effects: Effect[]; reply: ClientReply | null } {
    const id = ++this.#ids;
    const effects = this.step({ type: "client", id, request });
    const respond = effects.find((effect) => effect.type === "respond" && effect.id === id);
    return { effects, reply: respond?.type === "respond" ? respond.reply : null };
  }

  status(): ReplicaStatus {
    return this.replica.status();
  }

  log(o: RegionIndex): LogStatus {
    return logOf(this.status(), o);
  }

  /** Everything that a client could ever see, in order. */
  state(): unknown {
    return stateOf(this.storage);
  }

  close(): void {
    this.driver.close();
  }
}

export function logOf(status: ReplicaStatus, o: RegionIndex): LogStatus {
  const log = status.logs.find(({ origin }) => origin === o);
  return (
    log ?? {
      origin: o,
      leader: o,
      epoch: 0,
      head: 0,
      applied: 0,
      committed: 0,
      base: 0,
      lagMs: null,
      state: "never opened",
      peers: [],
    }
  );
}

export function stateOf(storage: SqlStorage): unknown {
  const { items, owners, idempotency } = storage.scan(new Uint8Array(0), Number.MAX_SAFE_INTEGER);
  // Digests: a difference is told as well, and large values are compared in no time.
  const live = items.filter(({ tombstone }) => !tombstone);
  return { items: live.map((item) => ({ ...item, value: hex(sha256(item.value)) })), owners, idempotency };
}

/** Every column of every table that holds the text, as text or within bytes: where something of it is left. */
export function tracesOf(driver: SqlDriver, text: string): string[] {
  const within = (bytes: Uint8Array) =>
    Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(text);
  const tables = driver
    .rows(`SELECT name FROM sqlite_master WHERE type = 'table'`)
    .map(([table]) => String(table));
  return tables.flatMap((table) =>
    driver.rows(`SELECT * FROM "${table}"`).flatMap((row) =>
      row.flatMap((value, column) => {
        const found =
          typeof value === "string" ? value.includes(text) : value instanceof Uint8Array && within(value);
        return found ? [`${table}, column ${column}`] : [];
      }),
    ),
  );
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (b) => b.toString(16).padStart(2, "0")).join("");
}

export function callsIn(effects: readonly Effect[]): Extract<Effect, { type: "call" }>[] {
  return effects.filter((effect) => effect.type === "call");
}

/** A log written by hand, for replicas that follow it. */
export class Story {
  readonly o: RegionIndex;
  readonly entries: RawEntry[] = [];
  readonly epochs: EpochStart[] = [];
  readonly #chains: Uint8Array[] = [CHAIN_START];
  #hlc: number;

  constructor(o: RegionIndex, at: number = START) {
    this.o = o;
    this.#hlc = hlcAt(at);
  }

  /** Another history with the same beginning. */
  fork(through: number = this.entries.length): Story {
    const other = new Story(this.o);
    for (const raw of this.entries.slice(0, through)) other.#push(raw);
    other.epochs.push(...this.epochs.filter(({ start }) => start <= through));
    other.#hlc = this.#hlc;
    return other;
  }

  get last(): Tail {
    const raw = this.entries.at(-1);
    return raw === undefined ? { e: 0, s: 0 } : { e: raw.e, s: raw.s };
  }

  /** As a replica that has it answers a pull. */
  pulled(after: number, through: number, fields: Partial<PullOk> = {}): PullOk {
    return {
      type: "pull-ok",
      e: this.last.e,
      prev: this.tailAt(after),
      entries: this.entries.slice(after, through),
      chain: this.chainAt(through),
      commit: 0,
      last: this.last,
      ...fields,
    };
  }

  open(e: Epoch): this {
    this.epochs.push({ e, start: this.entries.length + 1 });
    return this.add({ kind: EntryKind.open, e, open: { leader: e % 16, configVersion: 1 } });
  }

  claim(user: string, home: RegionIndex): this {
    return this.add({ kind: EntryKind.claim, user, claim: { home, version: 1 } });
  }

  put(user: string, key: string, value: string, fields: Partial<Entry> = {}): this {
    const after = { contentType: "text/plain", value: bytesOf(value), expiresAt: 0 };
    return this.add({ user, status: 200, ops: [{ kind: OpKind.put, key, after }], ...fields });
  }

  delete(user: string, key: string, fields: Partial<Entry> = {}): this {
    return this.add({ user, status: 200, ops: [{ kind: OpKind.delete, key }], ...fields });
  }

  add(fields: Partial<Entry>): this {
    const entry: Entry = {
      pv: PROTOCOL_VERSION,
      kind: EntryKind.txn,
      o: this.o,
      e: this.last.e,
      s: this.entries.length + 1,
      inc: 1,
      hlc: ++this.#hlc,
      user: "",
      principal: "somebody",
      concern: "local",
      deps: [],
      xdeps: [],
      ops: [],
      status: 0,
      ...fields,
    };
    this.#hlc = Math.max(this.#hlc, entry.hlc);
    const raw = { e: entry.e, s: entry.s, bytes: entryCodec.encode(entry) };
    // The chain hash of the bytes that it had before: any will do.
    this.#push(entry.kind === EntryKind.redacted ? { ...raw, chain: sha256(raw.bytes) } : raw);
    return this;
  }

  #push(raw: RawEntry): void {
    this.entries.push(raw);
    this.#chains.push(raw.chain ?? sha256(this.#chains.at(-1)!, raw.bytes));
  }

  chainAt(s: number): Uint8Array {
    return this.#chains[s]!;
  }

  tailAt(s: number): Tail {
    return s === 0 ? { e: 0, s: 0 } : { e: this.entries[s - 1]!.e, s };
  }

  position(s: number): Position {
    return { o: this.o, ...this.tailAt(s) };
  }

  /** Entries (after, through] as their leader sends them. */
  append(after = 0, through = this.entries.length, fields: Partial<Append> = {}): Append {
    return {
      type: "append",
      o: this.o,
      e: this.last.e,
      inc: 1,
      prev: this.tailAt(after),
      entries: this.entries.slice(after, through),
      chain: this.chainAt(through),
      commit: 0,
      grant: false,
      pv: PROTOCOL_VERSION,
      sinks: [],
      voters: [],
      ...fields,
    };
  }

  batch(after = 0, through = this.entries.length, fields: Partial<Batch> = {}): Batch {
    return {
      type: "batch",
      o: this.o,
      e: this.last.e,
      inc: 1,
      prev: this.tailAt(after),
      entries: this.entries.slice(after, through),
      chain: this.chainAt(through),
      last: this.last,
      commit: 0,
      pv: PROTOCOL_VERSION,
      ...fields,
    };
  }

  doorbell(): Batch {
    return this.batch(this.entries.length);
  }
}

/** What another leader sends after the entry `after` of a replica's log: the entries of `story`, in their new places. */
export function continued(node: Node, story: Story, after?: number, fields: Partial<Append> = {}): Append {
  const { o } = story;
  const s = after ?? node.storage.head(o)?.s ?? 0;
  const last = s === 0 ? null : node.storage.entry(o, s);
  const entries = story.entries.map(({ e, bytes }, n) => {
    const entry = { ...entryCodec.decode(bytes), s: s + 1 + n, hlc: (last?.hlc ?? 0) + 1 + n };
    return { e, s: entry.s, bytes: entryCodec.encode(entry) };
  });
  const prev = { e: last?.e ?? 0, s };
  return { ...story.append(0), prev, entries, chain: new Uint8Array(0), ...fields };
}

export type Parcel =
  | {
      readonly kind: "request";
      readonly message: PeerRequest;
      readonly call: number;
      readonly timeoutMs: number;
    }
  | { readonly kind: "reply"; readonly message: PeerReply; readonly call: number }
  | { readonly kind: "failed"; readonly reason: CallFailure; readonly call: number }
  | { readonly kind: "batch"; readonly message: Batch }
  | { readonly kind: "progress"; readonly message: PeerRequest }
  | { readonly kind: "enqueued"; readonly ok: boolean; readonly call: number }
  | { readonly kind: "delivered"; readonly end: DeliveryEnd; readonly call: number }
  | { readonly kind: "sync"; readonly sync: number };
export type Sent = Parcel & {
  readonly from: RegionIndex;
  readonly to: RegionIndex;
  readonly generation: number;
  readonly dueAt: number;
  readonly order: number;
};

export interface Ask {
  readonly request: ClientRequest;
  readonly at: RegionIndex;
  reply: ClientReply | null;
  repliedAt: number | null;
}

export interface ClusterOptions extends NodeOptions {
  /** One way. */
  readonly latencyMs?: number;
  readonly syncMs?: number;
  readonly queueMs?: number;
}

interface Host {
  readonly node: Node;
  generation: number;
  up: boolean;
  wakeAt: number;
  alarmAt: number;
  /** By how much its clock is ahead of the table's. */
  skewMs: number;
}

export class Cluster {
  readonly hosts: Host[];
  readonly lines: string[] = [];
  now: number = START;
  /** Parcels under way. */
  flight: Sent[] = [];
  held: Sent[] = [];
  /** Keeps parcels back. */
  hold: (parcel: Sent) => boolean = () => false;
  /** The queues refuse what they are given. */
  queuesRefuse = false;
  readonly enqueued: {
    readonly from: RegionIndex;
    readonly to: RegionIndex;
    readonly messages: readonly Batch[];
  }[] = [];
  readonly delivered: { readonly from: RegionIndex; readonly sink: string; readonly batch: SinkBatch }[] = [];
  /** What a receiver says to a batch; null: nothing. */
  receives: (sink: string, batch: SinkBatch) => DeliveryEnd | null = () => ({ ok: true });
  /** Regions with a retry schedule that ended unsettled. */
  readonly wantingAttention = new Set<RegionIndex>();
  /** Everything that happened: a measure of silence. */
  turns = 0;
  readonly #options: ClusterOptions;
  readonly #cuts = new Map<string, CallFailure>();
  readonly #refused = new Set<string>();
  readonly #asks = new Map<string, Ask>();
  readonly #questions = new Map<number, Sent>();
  /** Batches whose region cannot be reached: their queue keeps them. */
  #queued: Sent[] = [];
  #order = 0;
  #ids = 0;

  constructor(options: ClusterOptions = {}) {
    this.#options = options;
    this.hosts = configOf(options).voters.map((region) => ({
      node: new Node({ ...options, region }),
      generation: 0,
      up: true,
      wakeAt: Infinity,
      alarmAt: Infinity,
      skewMs: 0,
    }));
  }

  node(region: RegionIndex): Node {
    return this.hosts[region]!.node;
  }

  log(region: RegionIndex, o: RegionIndex): LogStatus {
    return this.node(region).log(o);
  }

  // ---- faults

  /** Calls between the two fail; queues keep what is for them. */
  cut(a: RegionIndex, b: RegionIndex, reason: CallFailure = "timeout"): void {
    this.#cuts.set(`${a}>${b}`, reason);
    this.#cuts.set(`${b}>${a}`, reason);
    this.#note(`      ${name(a)} and ${name(b)} cannot reach each other`);
  }

  /** Calls from one to the other are refused; calls the other way arrive, and queues deliver. */
  refuseCalls(from: RegionIndex, to: RegionIndex): void {
    this.#refused.add(`${from}>${to}`);
    this.#note(`      calls from ${name(from)} to ${name(to)} are refused`);
  }

  heal(): void {
    this.#cuts.clear();
    this.#refused.clear();
    this.#deliverQueued();
    this.#note(`      every region reaches every other`);
  }

  isolate(region: RegionIndex, reason: CallFailure = "timeout"): void {
    for (const other of this.hosts.keys()) if (other !== region) this.cut(region, other, reason);
  }

  /** Its clock is ahead of the others' from now on, or behind them. */
  skew(region: RegionIndex, ms: number): void {
    this.hosts[region]!.skewMs = ms;
  }

  /** What a region's clock reads. */
  clock(region: RegionIndex): number {
    return this.now + this.hosts[region]!.skewMs;
  }

  /** The instance is gone, its storage stays. */
  crash(region: RegionIndex): void {
    const host = this.hosts[region]!;
    host.generation += 1;
    host.up = false;
    host.wakeAt = Infinity;
    this.#note(`      ${name(region)} crashes`);
  }

  restart(region: RegionIndex, options: NodeOptions = {}): void {
    if (this.hosts[region]!.up) this.crash(region);
    const host = this.hosts[region]!;
    host.up = true;
    host.node.now = this.clock(region);
    this.#note(`      ${name(region)} starts`);
    this.#perform(region, host.node.start(options));
    this.#deliverQueued();
  }

  #deliverQueued(): void {
    for (const parcel of this.#queued.splice(0)) this.flight.push({ ...parcel, dueAt: this.now + 5_000 });
  }

  /** Parcels that were kept back go on their way, in the order of `held` or of the argument. */
  release(which: (parcel: Sent) => boolean = () => true): void {
    const going = this.held.filter(which);
    this.held = this.held.filter((parcel) => !going.includes(parcel));
    for (const parcel of going) this.#deliver(parcel);
  }

  lose(which: (parcel: Sent) => boolean = () => true): void {
    this.held = this.held.filter((parcel) => !which(parcel));
  }

  // ---- time

  /** Moves the clock by `ms` and delivers what falls due. Throws when things never come to rest within one instant. */
  run(ms: number): void {
    const until = this.now + ms;
    for (let at = -1, steps = 0; ;) {
      const due = this.#next();
      if (due === null || due.at > until) break;
      steps = due.at === at ? steps + 1 : 0;
      if (steps > 5_000) throw new Error(`never at rest: ${describe(this.flight[0])}`);
      at = due.at;
      this.now = Math.max(this.now, due.at);
      due.happen();
    }
    this.now = until;
  }

  runUntil(done: () => boolean, withinMs = 10_000): void {
    const until = this.now + withinMs;
    while (!done()) {
      const due = this.#next();
      if (due === null || due.at > until) throw new Error(`it did not happen within ${withinMs} ms`);
      this.now = Math.max(this.now, due.at);
      due.happen();
    }
  }

  /** How long until nothing at all is going on any more; null: it is still not quiet after `ms`. */
  quietAfter(ms: number): number | null {
    const begun = this.now;
    let last = begun;
    for (;;) {
      const due = this.#next();
      if (due === null) return last - begun;
      if (due.at > begun + ms) return null;
      this.now = Math.max(this.now, due.at);
      last = this.now;
      due.happen();
    }
  }

  #next(): { at: number; happen: () => void } | null {
    let best: { at: number; order: number; happen: () => void } | null = null;
    const consider = (at: number, order: number, happen: () => void): void => {
      if (at < Infinity && (best === null || at < best.at || (at === best.at && order < best.order)))
        best = { at, order, happen };
    };
    for (const parcel of this.flight) consider(parcel.dueAt, parcel.order, () => this.#arrive(parcel));
    for (const [region, host] of this.hosts.entries()) {
      if (!host.up) continue;
      consider(host.wakeAt, Number.MAX_SAFE_INTEGER, () => {
        host.wakeAt = Infinity;
        this.step(region, { type: "wake" });
      });
      consider(host.alarmAt, Number.MAX_SAFE_INTEGER, () => {
        host.alarmAt = Infinity;
        this.#note(`${name(region)} alarm`);
        this.step(region, { type: "alarm" });
      });
    }
    return best;
  }

  // ---- events

  step(region: RegionIndex, event: Event): readonly Effect[] {
    const host = this.hosts[region]!;
    if (!host.up) throw new Error(`${name(region)} is down`);
    this.turns += 1;
    const effects = host.node.step(event, this.clock(region));
    this.#perform(region, effects);
    return effects;
  }

  /** A message that nobody here sent: what the replica answers at once. */
  peer(region: RegionIndex, from: RegionIndex, message: PeerRequest): PeerReply {
    const id = ++this.#ids;
    const reply = this.step(region, { type: "peer", id, from, message }).find(({ type }) => type === "reply");
    if (reply?.type !== "reply") throw new Error(`${message.type} was not answered`);
    return reply.message;
  }

  client(region: RegionIndex, request: ClientRequest): Ask {
    const id = ++this.#ids;
    const ask: Ask = { request, at: region, reply: null, repliedAt: null };
    this.#asks.set(`${region}:${id}`, ask);
    this.#note(`${name(region)} ← client: ${describeRequest(request)}`);
    this.step(region, { type: "client", id, request });
    return ask;
  }

  write(
    region: RegionIndex,
    user: string,
    key: string,
    value: string,
    fields: Partial<WriteRequest> = {},
  ): Ask {
    return this.client(region, writeOf(this.clock(region), user, key, value, fields));
  }

  read(
    region: RegionIndex,
    user: string,
    key: string,
    level: ReadLevel,
    fields: Partial<ReadRequest> = {},
  ): Ask {
    return this.client(region, readOf(this.clock(region), user, key, level, fields));
  }

  readMany(
    region: RegionIndex,
    reads: readonly string[],
    level: ReadLevel,
    fields?: Partial<ReadManyRequest>,
  ): Ask {
    return this.client(region, readManyOf(this.now, reads, level, fields));
  }

  /** Claims a home and waits for the answer. */
  home(user: string, home: RegionIndex): Position {
    const { anchor } = this.node(0).config;
    const ask = this.client(anchor, {
      op: "claim",
      user,
      home,
      principal: user,
      from: anchor,
      deadlineAt: this.now + 5_000,
    });
    this.runUntil(() => ask.reply !== null);
    if (ask.reply?.kind !== "home") throw new Error(`no home for ${user}: ${JSON.stringify(ask.reply)}`);
    return ask.reply.position;
  }

  /** Writes and waits for the acknowledgement. */
  wrote(region: RegionIndex, user: string, key: string, value: string, fields: Partial<WriteRequest> = {}) {
    const ask = this.write(region, user, key, value, fields);
    this.runUntil(() => ask.reply !== null);
    if (ask.reply?.kind !== "written") throw new Error(`not written: ${JSON.stringify(ask.reply)}`);
    return ask.reply;
  }

  #perform(region: RegionIndex, effects: readonly Effect[]): void {
    const host = this.hosts[region]!;
    for (const effect of effects) {
      switch (effect.type) {
        case "alarm":
          host.alarmAt = Math.min(host.alarmAt, effect.at - host.skewMs);
          break;
        case "attention":
          this.wantingAttention.add(region);
          break;
        case "wake":
          host.wakeAt = effect.at - host.skewMs;
          break;
        case "call":
          this.#send(region, effect.to, {
            kind: "request",
            message: effect.message,
            call: effect.call,
            timeoutMs: effect.timeoutMs,
          });
          break;
        case "enqueue":
          this.#enqueue(region, effect);
          break;
        case "deliver":
          this.#toSink(region, effect);
          break;
        case "sync":
          this.#send(region, region, { kind: "sync", sync: effect.sync }, this.#options.syncMs ?? 1);
          break;
        case "reply": {
          const question = this.#questions.get(effect.id);
          this.#questions.delete(effect.id);
          if (question?.kind === "request")
            this.#post({
              kind: "reply",
              message: effect.message,
              call: question.call,
              from: region,
              to: question.from,
              generation: question.generation,
            });
          break;
        }
        case "respond": {
          const ask = this.#asks.get(`${region}:${effect.id}`);
          this.#asks.delete(`${region}:${effect.id}`);
          if (ask === undefined) break;
          ask.reply = effect.reply;
          ask.repliedAt = this.now;
          this.#note(`${name(region)} → client: ${describeReply(effect.reply)}`);
          break;
        }
        case "feed":
        case "feed-end":
          break;
        case "batch-done":
          this.#note(`${name(region)} took from its queue: ${effect.verdicts.join(", ")}`);
          for (const { to, message } of effect.progress)
            this.#send(region, to, { kind: "progress", message });
          break;
      }
    }
  }

  /** Into the receiver's hands; what it says to that is on its way at once. */
  #toSink(region: RegionIndex, effect: Extract<Effect, { type: "deliver" }>): void {
    const { call, sink, batch } = effect;
    this.delivered.push({ from: region, sink, batch });
    const end = this.receives(sink, batch);
    if (end !== null) this.#send(region, region, { kind: "delivered", end, call }, 5);
  }

  #enqueue(region: RegionIndex, effect: Extract<Effect, { type: "enqueue" }>): void {
    const ok = !this.queuesRefuse;
    this.#send(region, region, { kind: "enqueued", ok, call: effect.call }, 1);
    if (!ok) return;
    this.enqueued.push({ from: region, to: effect.to, messages: effect.messages });
    for (const message of effect.messages)
      this.#send(region, effect.to, { kind: "batch", message }, this.#options.queueMs ?? 500);
  }

  #send(from: RegionIndex, to: RegionIndex, parcel: Parcel, delayMs?: number): void {
    this.#post({ ...parcel, from, to, generation: this.hosts[from]!.generation }, delayMs);
  }

  #post(parcel: Parcel & { from: RegionIndex; to: RegionIndex; generation: number }, delayMs?: number): void {
    const cut = parcel.kind === "request" || parcel.kind === "reply" ? this.#refusal(parcel) : undefined;
    if (cut !== undefined && (parcel.kind === "request" || parcel.kind === "reply")) {
      const caller = parcel.kind === "request" ? parcel.from : parcel.to;
      const timeoutMs =
        parcel.kind === "request" ? parcel.timeoutMs : this.node(0).config.timing.callTimeoutMs;
      const late = cut === "timeout" ? timeoutMs : (this.#options.latencyMs ?? 10);
      const failed = { kind: "failed", reason: cut, call: parcel.call, from: parcel.to, to: caller } as const;
      this.flight.push(this.#stamped({ ...failed, generation: parcel.generation }, late));
      return;
    }
    const sent = this.#stamped(parcel, delayMs ?? this.#options.latencyMs ?? 10);
    if (this.hold(sent)) this.held.push(sent);
    else this.flight.push(sent);
  }

  #stamped(
    parcel: Parcel & { from: RegionIndex; to: RegionIndex; generation: number },
    delayMs: number,
  ): Sent {
    return { ...parcel, dueAt: this.now + delayMs, order: ++this.#order };
  }

  #refusal(parcel: Parcel & { from: RegionIndex; to: RegionIndex }): CallFailure | undefined {
    const refused = parcel.kind === "request" && this.#refused.has(`${parcel.from}>${parcel.to}`);
    return refused ? "refused" : this.#obstacle(parcel);
  }

  #obstacle(parcel: { from: RegionIndex; to: RegionIndex }): CallFailure | undefined {
    return this.#cuts.get(`${parcel.from}>${parcel.to}`);
  }

  #arrive(parcel: Sent): void {
    this.flight = this.flight.filter((other) => other !== parcel);
    this.#deliver(parcel);
  }

  #deliver(parcel: Sent): void {
    const { from, to } = parcel;
    const host = this.hosts[to]!;
    const mine = parcel.generation === host.generation;
    switch (parcel.kind) {
      case "request": {
        if (!host.up) {
          const failed = { kind: "failed", reason: "refused", call: parcel.call } as const;
          return this.#post({ ...failed, from: to, to: from, generation: parcel.generation });
        }
        const id = ++this.#ids;
        this.#questions.set(id, parcel);
        this.#note(`${name(from)} → ${name(to)}: ${describeMessage(parcel.message)}`);
        return void this.step(to, { type: "peer", id, from, message: parcel.message });
      }
      case "progress":
        if (!host.up) return;
        this.#note(`${name(from)} → ${name(to)}: ${describeMessage(parcel.message)}`);
        return void this.step(to, { type: "peer", id: ++this.#ids, from, message: parcel.message });
      case "batch":
        if (!host.up || this.#obstacle(parcel) !== undefined) {
          this.#queued.push(parcel);
          return;
        }
        this.#note(`${name(from)} → queue of ${name(to)}: ${describeMessage(parcel.message)}`);
        return void this.step(to, { type: "batch", id: ++this.#ids, messages: [parcel.message] });
      case "reply":
        if (!host.up || !mine) return;
        this.#note(`${name(to)} ← ${name(from)}: ${describeMessage(parcel.message)}`);
        return void this.step(to, { type: "answer", call: parcel.call, from, message: parcel.message });
      case "failed":
        if (!host.up || !mine) return;
        this.#note(`${name(to)} ← ${name(from)}: ${parcel.reason}`);
        return void this.step(to, { type: "failed", call: parcel.call, from, reason: parcel.reason });
      case "enqueued":
        if (host.up && mine) this.step(to, { type: "enqueued", call: parcel.call, ok: parcel.ok });
        return;
      case "delivered":
        if (host.up && mine) this.step(to, { type: "delivered", call: parcel.call, end: parcel.end });
        return;
      case "sync":
        if (host.up && mine) this.step(to, { type: "synced", sync: parcel.sync });
    }
  }

  #note(line: string): void {
    this.lines.push(`${String(this.now - START).padStart(6)} ms  ${line}`);
  }

  /** A title within the transcript. */
  chapter(title: string): void {
    this.lines.push("", `== ${title}`, "");
  }

  transcript(): string {
    const logs = this.hosts.flatMap(({ node }, region) =>
      node
        .status()
        .logs.map(
          (log) =>
            `${name(region)}: log of ${name(log.origin)}, epoch ${epoch(log.epoch)}, ${log.base === 0 ? "" : `base ${log.base}, `}head ${log.head}, applied ${log.applied}, committed ${log.committed}, ${log.state}`,
        ),
    );
    return `${[...this.lines, "", "== In the end", "", ...logs].join("\n").replace(/^\n/, "")}\n`;
  }

  close(): void {
    for (const { node } of this.hosts) node.close();
  }
}

export function writeOf(
  now: number,
  user: string,
  key: string,
  value: string,
  fields: Partial<WriteRequest> = {},
): WriteRequest {
  return {
    op: "write",
    user,
    principal: user,
    command: { kind: "put", key, value: bytesOf(value), contentType: "text/plain" },
    conditions: {},
    concern: "local",
    session: NO_SESSION,
    from: 0,
    deadlineAt: now + 5_000,
    ...fields,
  };
}

/** Of a voter that has nothing. */
export function promiseOf(fields: Partial<Promise_> = {}): Promise_ {
  const nothing = { e: 0, s: 0 };
  return {
    type: "promise",
    b: 0,
    last: nothing,
    base: nothing,
    epochs: [],
    commit: 0,
    leaseRemainingMs: 0,
    hlc: 0,
    storeId: "store0",
    inc: 1,
    ...fields,
  };
}

export function readOf(
  now: number,
  user: string,
  key: string,
  level: ReadLevel,
  fields: Partial<ReadRequest> = {},
): ReadRequest {
  return {
    op: "read",
    user,
    what: { kind: "item", key, head: false },
    level,
    committed: false,
    session: NO_SESSION,
    waitMs: 400,
    from: 0,
    deadlineAt: now + 5_000,
    ...fields,
  };
}

/** `reads`: each as "user/key". */
export function readManyOf(
  now: number,
  reads: readonly string[],
  level: ReadLevel,
  fields: Partial<ReadManyRequest> = {},
): ReadManyRequest {
  return {
    op: "read-many",
    reads: reads.map((read) => {
      const [user = "", key = ""] = read.split("/");
      return { user, key };
    }),
    level,
    committed: false,
    session: NO_SESSION,
    waitMs: 400,
    bytesMax: 1_000_000,
    from: 0,
    deadlineAt: now + 5_000,
    ...fields,
  };
}

export function listOf(fields: Partial<ReadList> = {}): ReadList {
  return {
    kind: "list",
    prefix: "",
    limit: 100,
    reverse: false,
    values: false,
    bytesMax: 1_000_000,
    ...fields,
  };
}

/** The value that a read answered, null for no item, undefined for any other answer. */
export function valueIn(reply: ClientReply | null): string | null | undefined {
  if (reply?.kind !== "item") return undefined;
  return reply.item === null ? null : textOf(reply.item.value);
}

/** The position as a session holds it. */
export function seen(position: Position, durable = false): SessionPart {
  const { o, e, s } = position;
  return { ...NO_SESSION, positions: [{ o, e, s, durable }] };
}

// ---- words for transcripts

function name(region: RegionIndex): string {
  return REGIONS[region] ?? `region ${region}`;
}

function epoch(e: Epoch): string {
  return e === 0 ? "0" : `${Math.floor(e / 16)}.${name(e % 16)}`;
}

function place(tail: Tail): string {
  return tail.s === 0 ? "nothing" : `${tail.s} (${epoch(tail.e)})`;
}

function span(prev: Tail, entries: readonly RawEntry[]): string {
  if (entries.length === 0) return `nothing new after ${place(prev)}`;
  const words = entries.map(({ bytes }) => describeEntry(entryCodec.decode(bytes)));
  return `${words.join(", ")} after ${place(prev)}`;
}

function describeEntry(entry: Entry): string {
  const at = `${entry.s}:`;
  if (entry.kind === EntryKind.open) return `${at} OPEN ${epoch(entry.e)}`;
  if (entry.kind === EntryKind.claim) return `${at} CLAIM ${entry.user} at ${name(entry.claim!.home)}`;
  const deps = entry.deps.map((dep) => ` needs ${name(dep.o)} ${place(dep)}`).join("");
  if (entry.kind === EntryKind.erase) return `${at} ERASE${deps}`;
  if (entry.kind === EntryKind.redacted) return `${at} redacted${deps}`;
  if (entry.divergent !== undefined)
    return `${at} DIVERGENT ${place(entry.divergent)} of ${entry.user}${deps}`;
  return `${at} ${entry.ops.map((op) => `${op.after === undefined ? "delete" : "put"} ${entry.user}/${op.key}`).join(" ")}${deps}`;
}

export function describeMessage(message: PeerRequest | PeerReply | Batch): string {
  switch (message.type) {
    case "append":
      return `append to log of ${name(message.o)} by ${epoch(message.e)}: ${span(message.prev, message.entries)}; committed ${message.commit}${message.grant ? "; grant me a lease" : ""}`;
    case "append-ok":
      return `has it up to ${message.match}`;
    case "append-stale":
      return `stale, promised ${epoch(message.promised)}`;
    case "append-mismatch":
      return `does not fit, my log ends at ${place(message.last)}`;
    case "batch":
      return message.entries.length === 0
        ? `doorbell for log of ${name(message.o)}: it reaches ${place(message.last)}`
        : `log of ${name(message.o)}: ${span(message.prev, message.entries)}; committed ${message.commit}`;
    case "pull":
      return `what follows ${place(message.last)} in log of ${name(message.o)}?`;
    case "pull-ok":
      return `${span(message.prev, message.entries)}; committed ${message.commit}, log ends at ${place(message.last)}`;
    case "need-snapshot":
      return `gone: my log begins after ${place(message.base)}`;
    case "probe":
      return `are you there?`;
    case "probe-ok":
      return message.restoring ? "restoring" : "here";
    case "pre-vote":
      return `would you promise ${epoch(message.b)}?`;
    case "pre-vote-reply":
      return message.willing ? "willing" : "not willing";
    case "prepare":
      return `prepare log of ${name(message.o)} for ${epoch(message.b)}`;
    case "promise":
      return `promised ${epoch(message.b)}, my log ends at ${place(message.last)}, leases of others end in ${message.leaseRemainingMs} ms`;
    case "transfer":
      return message.promise === undefined
        ? `could you lead log of ${name(message.o)}?`
        : `lead log of ${name(message.o)} under ${epoch(message.promise.b)}, it ends at ${place(message.promise.last)}`;
    case "transfer-reply":
      return message.open.s === 0
        ? message.ready
          ? "could"
          : "not ready"
        : `leads since ${place(message.open)}`;
    case "nack":
      return `no, promised ${epoch(message.promised)}`;
    case "close-now":
      return `how far is log of ${name(message.o)} now?`;
    case "close-reply":
      return `it ends at ${place(message.last)}, committed ${message.commit}`;
    case "not-leader":
      return `not mine, ask ${name(message.leader)}`;
    case "progress":
      return `I have log of ${name(message.o)} up to ${message.match} (${epoch(message.e)})`;
    case "progress-ok":
      return "noted";
    case "cuts":
      return `was cut off log of ${name(message.o)} here: ${message.cuts.map(({ entry }) => describeEntry(entryCodec.decode(entry))).join(", ")}`;
    case "cuts-taken":
      return "taken";
    case "return":
      return "I have lost my memory: what must I know?";
    case "vouched":
      return message.logs
        .map(
          ({ o, promised, last }) => `log of ${name(o)} promised ${epoch(promised)}, ends at ${place(last)}`,
        )
        .join("; ");
    case "snapshot-begin":
      return "begin a snapshot";
    case "snapshot-begun":
      return `replay from ${message.from.map((base) => `${name(base.o)} ${place(base)}`).join(", ")}`;
    case "snapshot-chunk":
      return message.cursor.length === 0 ? "first page" : "next page";
    case "snapshot-rows":
      return `${message.rows.length} rows${message.cursor.length === 0 ? ", the last ones" : ""}; whole at ${message.until.map((position) => `${name(position.o)} ${place(position)}`).join(", ")}`;
    case "snapshot-unknown":
      return "no such snapshot";
    case "unsupported":
      return "does not know the message";
  }
}

function keysOf(command: WriteRequest["command"]): string {
  if (command.kind === "settle") return `${command.action} ${place(command.lost)}`;
  if (command.kind === "import") return command.items.map(({ key }) => key).join(",");
  return command.kind === "transaction" ? command.writes.map(({ key }) => key).join(",") : command.key;
}

function describeRequest(request: ClientRequest): string {
  switch (request.op) {
    case "write":
      return `${request.command.kind} ${request.user}/${keysOf(request.command)} (${request.concern})`;
    case "read":
      return request.what.kind === "item"
        ? `read ${request.user}/${request.what.key} (${request.level})`
        : `list ${request.user} (${request.level})`;
    case "divergent":
      return `lost writes of ${request.user} (${request.level})`;
    case "read-many":
      return `read ${request.reads.map(({ user, key }) => `${user}/${key}`).join(", ")} (${request.level})`;
    case "claim":
      return `claim ${request.user} at ${name(request.home)}`;
    case "home":
      return `where is ${request.user}?`;
    case "changes":
      return `changes of ${request.user}`;
    case "receipt":
      return `receipt of ${place(request.position)}`;
    case "erase":
      return `erase ${request.user}`;
    case "erasure":
      return `how far is the erasure at ${place(request.position)}?`;
    case "move":
      return `move ${request.user} to ${name(request.to)}`;
    case "status":
      return "status";
    case "hand-off":
      return `hand log of ${name(request.origin)} to ${name(request.to)}`;
    case "sink":
      return `${request.action.kind} ${request.name}`;
  }
}

function describeReply(reply: ClientReply): string {
  switch (reply.kind) {
    case "written":
      return `${reply.status}, at ${place(reply.receipt.position)}, durable in ${reply.receipt.durableIn.map(name).join(", ")}${reply.receipt.committed ? ", committed" : ""}`;
    case "item":
      return reply.item === null
        ? "no such item"
        : `${JSON.stringify(textOf(reply.item.value))} of ${place(reply.item.version)}`;
    case "home":
      return `at home in ${name(reply.home)}`;
    case "refused":
      return `refused: ${reply.reason}`;
    default:
      return reply.kind;
  }
}

function describe(parcel: Sent | undefined): string {
  if (parcel === undefined) return "nothing";
  const what = "message" in parcel ? describeMessage(parcel.message) : parcel.kind;
  return `${name(parcel.from)} → ${name(parcel.to)}: ${what}`;
}

/** Region 0 leads its log, where anna is at home, and holds a lease; everybody has everything. */
export function settledCluster(options: ClusterOptions = {}): Cluster {
  const cluster = new Cluster(options);
  cluster.home("anna", 0);
  cluster.run(500);
  cluster.wrote(0, "anna", "a", "before", { concern: "all" });
  cluster.run(200);
  return cluster;
}
