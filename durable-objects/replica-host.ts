/**
 * Runs the core inside a Durable Object: an event goes in, one turn is taken in one transaction, and the effects are
 * performed in the order that effect.ts states. There is not one decision of the protocol in here.
 *
 * A turn that throws may leave memory and storage at odds, so the instance is thrown away: whoever waits is told, and the
 * platform starts a new one from storage. What is sent after a turn needs no waiting here, since the platform holds every
 * outgoing message until the turn's writes are confirmed.
 */
import { assert } from "../src/lib/assert.ts";
import type { Effect, Event, Subscription } from "../src/replication/effect.ts";
import type { Batch, PeerReply, PeerRequest } from "../src/replication/message.ts";
import type { RegionIndex } from "../src/replication/position.ts";
import type { ClientReply, ClientRequest } from "../src/replication/request.ts";
import type { Correspondent } from "./correspondent.ts";
import { reportIncident, type IncidentName } from "./incident.ts";
import type { ObjectClock } from "./object-clock.ts";
import type { SinkCourier } from "./sink-courier.ts";
import { WakeTimer } from "./wake-timer.ts";

/** The core, as far as its host needs to know it. */
export interface Core {
  step(event: Event, now: number): Effect[];
  /** An answer that takes no turn, or null. */
  peek(request: ClientRequest, now: number): ClientReply | null;
}

export type FeedEffect = Extract<Effect, { type: "feed" | "feed-end" }>;

export type BatchDone = Extract<Effect, { type: "batch-done" }>;

export interface ReplicaHostOptions {
  readonly where: string;
  readonly core: Core;
  readonly storage: DurableObjectStorage;
  readonly correspondent: Correspondent;
  readonly courier: SinkCourier;
  readonly clock: ObjectClock;
  /** Requests in flight beyond which clients are turned away: far above what the core admits. */
  readonly pendingMax: number;
  /** The instant of the pending alarm; null: there is none. */
  readonly alarmAt: number | null;
  /** For those who stay to be told of changes. */
  readonly onFeed?: (effect: FeedEffect) => void;
  /** A visit of this replica would be worth its while. */
  readonly onAttention?: () => void;
  /** An alarm was set. */
  readonly onAlarmSet?: () => void;
  /** Throws this instance away. */
  readonly abort: (reason: string) => void;
}

/** The instance was thrown away while the caller waited: what it asked for may have been done. */
export class ReplicaLost extends Error {}

interface Waiting {
  readonly settle: (value: never) => void;
  readonly fail: (error: Error) => void;
}

/** After a failed alarm the next one comes this late: the platform gives up on alarms that keep failing, we do not. */
const ALARM_RETRY_MS = 5_000;

export class ReplicaHost {
  readonly #options: ReplicaHostOptions;
  readonly #wake: WakeTimer;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;
  /** By the host's clock; null: none is pending. */
  #alarmAt: number | null;
  #lost: ReplicaLost | null = null;

  constructor(options: ReplicaHostOptions) {
    this.#options = options;
    this.#alarmAt = options.alarmAt;
    this.#wake = new WakeTimer(options.clock, () => this.#turn({ type: "wake" }));
  }

  start(): void {
    this.#turn({ type: "start" });
    if (this.#lost !== null) throw this.#lost;
  }

  client(request: ClientRequest): Promise<ClientReply> {
    if (this.#waiting.size >= this.#options.pendingMax) {
      reportIncident(
        "pending-overflow",
        this.#options.where,
        new Error(`${this.#waiting.size} requests in flight`),
      );
      return Promise.resolve({ kind: "refused", reason: "overloaded", retryAfterMs: 1_000 });
    }
    if (this.#lost === null) {
      const reply = this.#options.core.peek(request, this.#options.clock.now());
      if (reply !== null) return Promise.resolve(reply);
    }
    return this.#ask((id) => ({ type: "client", id, request }));
  }

  peer(from: RegionIndex, message: PeerRequest): Promise<PeerReply> {
    return this.#ask((id) => ({ type: "peer", id, from, message }));
  }

  batch(messages: readonly (Batch | null)[]): Promise<BatchDone> {
    return this.#ask((id) => ({ type: "batch", id, messages }));
  }

  /** Somebody stays to be told of changes, through `onFeed`. */
  subscribe(id: number, subscription: Subscription): void {
    this.#turn({ type: "subscribe", id, subscription });
  }

  unsubscribe(id: number): void {
    this.#turn({ type: "unsubscribe", id });
  }

  /** The platform retries an alarm that throws six times, and then forgets it: so a failed one is set anew. */
  async alarm(): Promise<void> {
    this.#alarmAt = null;
    if (this.#lost !== null) return;
    try {
      this.#take({ type: "alarm" });
    } catch (error) {
      // Before the instance goes, because nothing that is not confirmed survives it.
      this.#lost ??= new ReplicaLost("the alarm failed");
      await this.#options.storage.setAlarm(Date.now() + ALARM_RETRY_MS);
      await this.#options.storage.sync();
      this.#lose("alarm-failed", error);
    }
  }

  /** Somebody looks after what needs attention here. */
  visit(): void {
    this.#turn({ type: "visit" });
  }

  /** The replica's clock has jumped: whatever the core has planned, it has to plan again. */
  clockMoved(): void {
    this.#turn({ type: "alarm" });
    this.#turn({ type: "wake" });
  }

  #ask<T>(event: (id: number) => Event): Promise<T> {
    return new Promise<T>((settle, fail) => {
      const id = ++this.#lastId;
      this.#waiting.set(id, { settle, fail });
      this.#turn(event(id));
    });
  }

  #turn(event: Event): void {
    if (this.#lost !== null) {
      this.#failWaiting(this.#lost);
      return;
    }
    try {
      this.#take(event);
    } catch (error) {
      this.#lose("turn-failed", error);
    }
  }

  #take(event: Event): void {
    const { core, clock, storage } = this.#options;
    const effects = storage.transactionSync(() => core.step(event, clock.now()));
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "alarm":
        this.#setAlarm(this.#options.clock.toHost(effect.at));
        return;
      case "reply":
        this.#settle(effect.id, effect.message);
        return;
      case "respond":
        this.#settle(effect.id, effect.reply);
        return;
      case "batch-done":
        this.#settle(effect.id, effect);
        return;
      case "call":
        void this.#correspond(
          this.#options.correspondent.call(effect.call, effect.to, effect.message, effect.timeoutMs),
        );
        return;
      case "enqueue":
        void this.#correspond(this.#options.correspondent.enqueue(effect.call, effect.to, effect.messages));
        return;
      case "feed":
      case "feed-end":
        this.#options.onFeed?.(effect);
        return;
      case "deliver":
        void this.#correspond(
          this.#options.courier.deliver(effect.call, effect.sink, effect.batch, effect.timeoutMs),
        );
        return;
      case "sync":
        void this.#sync(effect.sync);
        return;
      case "attention":
        this.#options.onAttention?.();
        return;
      case "wake":
        this.#wake.set(effect.at);
        return;
    }
  }

  #settle(id: number, value: unknown): void {
    const waiting = this.#waiting.get(id);
    assert(waiting !== undefined, `nobody waits for ${id}`);
    this.#waiting.delete(id);
    waiting.settle(value as never);
  }

  async #correspond(end: Promise<Event>): Promise<void> {
    this.#turn(await end);
  }

  async #sync(sync: number): Promise<void> {
    try {
      await this.#options.storage.sync();
    } catch (error) {
      this.#lose("storage-failed", error);
      return;
    }
    this.#turn({ type: "synced", sync });
  }

  /** Never later than one that is pending: the core sets the next one when it has seen this one. */
  #setAlarm(at: number): void {
    if (this.#alarmAt !== null && this.#alarmAt <= at) return;
    this.#alarmAt = at;
    this.#options.onAlarmSet?.();
    this.#options.storage.setAlarm(at).catch((error: unknown) => this.#lose("storage-failed", error));
  }

  #lose(incident: IncidentName, error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    reportIncident(incident, this.#options.where, error);
    this.#lost ??= new ReplicaLost(reason);
    this.#failWaiting(this.#lost);
    this.#options.abort(reason);
  }

  #failWaiting(lost: ReplicaLost): void {
    for (const { fail } of this.#waiting.values()) fail(lost);
    this.#waiting.clear();
  }
}
