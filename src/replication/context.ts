/**
 * What the parts of a replica share during one turn: configuration, storage, the logs, the clock reading of the event,
 * and the list of effects. It decides nothing.
 */
import { assert } from "../lib/assert.ts";
import { Acquaintances } from "./acquaintances.ts";
import type { ReplicaConfig } from "./config.ts";
import type { CallFailure, DeliveryEnd, Effect, SinkBatch } from "./effect.ts";
import type { Entry, EntryCodec } from "./entry.ts";
import { tick, type Hlc } from "./hlc.ts";
import type { Log } from "./log.ts";
import type { PeerReply, PeerRequest } from "./message.ts";
import type { Position, RegionIndex } from "./position.ts";
import type { Rules } from "./rules.ts";
import type { Storage } from "./storage.ts";

export type Hash = (...parts: Uint8Array[]) => Uint8Array;

/** How a call ended: an answer, or null with the reason. */
export type CallEnd = (reply: PeerReply | null, reason: CallFailure | null) => void;

interface Sync {
  /** Numbers of the last sync asked for and the last one done. */
  asked: number;
  done: number;
  /** Somebody waits for a sync that has not been asked for. */
  wanted: boolean;
  /** The next sync also has to prove that this instance is the live one. */
  fence: boolean;
}

export class Context {
  readonly config: ReplicaConfig;
  readonly storage: Storage;
  readonly codec: EntryCodec;
  readonly hash: Hash;
  readonly rules: Rules;
  readonly logs = new Map<RegionIndex, Log>();
  /** What is known of the other voters. */
  readonly acquaintances: Acquaintances;

  incarnation = 0;
  storeId = "";
  /** Greatest hybrid clock reading seen in any log. */
  hlc: Hlc = 0;
  /** The host's clock at this event. */
  now = 0;
  /** Something that a waiting request may have waited for has changed. */
  changed = false;
  effects: Effect[] = [];

  readonly #calls = new Map<number, CallEnd>();
  readonly #deliveries = new Map<number, (end: DeliveryEnd) => void>();
  readonly #enqueues = new Map<number, (ok: boolean) => void>();
  #lastCall = 0;
  #forgot: boolean | null = null;
  #wakeAt = Infinity;
  #wakeEmitted = Infinity;
  /** When the durable alarm fires as far as this instance knows; null: not set by it. */
  #alarmAt: number | null = null;
  readonly #sync: Sync = { asked: 0, done: 0, wanted: false, fence: false };

  constructor(options: {
    config: ReplicaConfig;
    storage: Storage;
    codec: EntryCodec;
    hash: Hash;
    rules: Rules;
  }) {
    this.config = options.config;
    this.storage = options.storage;
    this.codec = options.codec;
    this.hash = options.hash;
    this.rules = options.rules;
    this.acquaintances = new Acquaintances(options.storage, options.rules, () => this.#lastCall);
  }

  /** Somebody knew this replica before, and it does not know itself: it promises, grants and leads nothing (R8). */
  get hasForgotten(): boolean {
    return (this.#forgot ??= typeof this.storage.meta("forgot") === "number");
  }

  forget(): void {
    if (this.hasForgotten) return;
    this.#forgot = true;
    this.storage.setMeta("forgot", this.now);
    this.changed = true;
  }

  /** Somebody says that whoever calls its storage so has forgotten. */
  hear(forgotten: string | undefined): void {
    if (forgotten !== undefined && forgotten === this.identity) this.forget();
  }

  /** It knows again what it must know, and is known under another name. */
  remember(storeId: string): void {
    this.#forgot = false;
    this.storage.setMeta("forgot", "");
    this.storage.setMeta("storeId", storeId);
    this.storeId = storeId;
    this.changed = true;
  }

  /** A name for this storage that no other has or had. */
  newStoreId(): string {
    const { namespace, partition, region } = this.config;
    const place = `${namespace}/${partition}/${region}/${this.now}/${this.storeId}/${this.incarnation}`;
    const hash = this.hash(Uint8Array.from(place, (c) => c.codePointAt(0)! & 0xff));
    return Array.from(hash.subarray(0, 8), (b) => b.toString(16).padStart(2, "0")).join("");
  }

  /** What this replica says of its storage to others. */
  get identity(): string {
    return this.hasForgotten ? "" : this.storeId;
  }

  /** Number of the last call. */
  get calls(): number {
    return this.#lastCall;
  }

  log(o: RegionIndex): Log {
    const log = this.logs.get(o);
    assert(log !== undefined, `no log of origin ${o} in this configuration`);
    return log;
  }

  /** Null where the log no longer has it. */
  entryAt({ o, e, s }: Position): Entry | null {
    const row = this.storage.entry(o, s);
    return row === null || row.e !== e ? null : this.codec.decode(row.bytes);
  }

  peers(): RegionIndex[] {
    return this.config.voters.filter((voter) => voter !== this.config.region);
  }

  nextHlc(): Hlc {
    this.hlc = tick(this.hlc, this.now);
    return this.hlc;
  }

  begin(now: number): void {
    this.now = now;
    this.effects = [];
    this.#wakeAt = Infinity;
  }

  /** Emits what the turn asked for beside its messages, and hands the effects over. */
  end(): Effect[] {
    this.#emitSync();
    if (this.#wakeAt < Infinity && (this.#wakeAt !== this.#wakeEmitted || this.#wakeEmitted <= this.now)) {
      this.#wakeEmitted = Math.max(this.#wakeAt, this.now);
      this.effects.push({ type: "wake", at: this.#wakeEmitted });
    }
    const effects = this.effects;
    this.effects = [];
    return effects;
  }

  emit(effect: Effect): void {
    this.effects.push(effect);
  }

  call(
    to: RegionIndex,
    message: PeerRequest,
    end: CallEnd,
    timeoutMs = this.config.timing.callTimeoutMs,
  ): void {
    const call = ++this.#lastCall;
    this.#calls.set(call, end);
    this.emit({ type: "call", call, to, message, timeoutMs });
  }

  endCall(call: number, reply: PeerReply | null, reason: CallFailure | null): void {
    const end = this.#calls.get(call);
    // Unknown: an answer to a call of an instance before this one.
    if (end === undefined) return;
    this.#calls.delete(call);
    end(reply, reason);
  }

  enqueue(
    to: RegionIndex,
    messages: Extract<Effect, { type: "enqueue" }>["messages"],
    end: (ok: boolean) => void,
  ): void {
    const call = ++this.#lastCall;
    this.#enqueues.set(call, end);
    this.emit({ type: "enqueue", call, to, messages });
  }

  endEnqueue(call: number, ok: boolean): void {
    const end = this.#enqueues.get(call);
    if (end === undefined) return;
    this.#enqueues.delete(call);
    end(ok);
  }

  deliver(sink: string, batch: SinkBatch, timeoutMs: number, end: (end: DeliveryEnd) => void): void {
    const call = ++this.#lastCall;
    this.#deliveries.set(call, end);
    this.emit({ type: "deliver", call, sink, batch, timeoutMs });
  }

  endDelivery(call: number, ended: DeliveryEnd): void {
    const end = this.#deliveries.get(call);
    if (end === undefined) return;
    this.#deliveries.delete(call);
    end(ended);
  }

  /** Asks for a turn at `at`, or soon after. */
  wakeAt(at: number): void {
    this.#wakeAt = Math.min(this.#wakeAt, at);
  }

  woken(): void {
    this.#wakeEmitted = Infinity;
  }

  /** Asks for the durable alarm at `at` or earlier. */
  alarmAt(at: number): void {
    if (this.#alarmAt !== null && this.#alarmAt <= at && this.#alarmAt > this.now) return;
    this.#alarmAt = at;
    this.emit({ type: "alarm", at });
  }

  alarmFired(): void {
    this.#alarmAt = null;
  }

  /**
   * A ticket for the next confirmation of storage; `synced(ticket)` is true once everything that this turn wrote is
   * confirmed. With `fence` a row is written too, which a replaced instance of the object cannot get confirmed.
   */
  syncTicket(fence: boolean): number {
    this.#sync.wanted = true;
    if (fence) this.#sync.fence = true;
    return this.#sync.asked + 1;
  }

  /** Writes a row that says nothing: what this turn sends does not leave an instance that was replaced. */
  fence(): void {
    this.storage.setMeta("fence", this.hlc);
  }

  isSynced(ticket: number): boolean {
    return ticket <= this.#sync.done;
  }

  synced(sync: number): void {
    this.#sync.done = Math.max(this.#sync.done, sync);
    this.changed = true;
  }

  /** One at a time: requests that come while the storage confirms share the next one. */
  #emitSync(): void {
    if (!this.#sync.wanted || this.#sync.asked > this.#sync.done) return;
    if (this.#sync.fence) this.fence();
    this.#sync.wanted = false;
    this.#sync.fence = false;
    this.#sync.asked += 1;
    this.emit({ type: "sync", sync: this.#sync.asked });
  }
}
