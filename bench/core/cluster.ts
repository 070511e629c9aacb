/**
 * Three replicas of one partition in this process: the real core on `node:sqlite`, its messages as bytes, and in between
 * a network that takes no time. What is left is what the code itself costs, which a profile can then be taken of.
 *
 * Time is virtual: it stands still while anything is under way and leaps to the next wake when nothing is.
 */
import { createHash } from "node:crypto";
import type { Effect, Event } from "../../src/replication/effect.ts";
import { DEFAULT_LIMITS, DEFAULT_TIMING } from "../../src/replication/config.ts";
import type { Batch, PeerRequest } from "../../src/replication/message.ts";
import { Replica } from "../../src/replication/replica.ts";
import type { ClientReply, ClientRequest } from "../../src/replication/request.ts";
import { migrate } from "../../src/storage/schema.ts";
import { SqlStorage } from "../../src/storage/sql-storage.ts";
import type { Envelope } from "../../src/wire/envelope.ts";
import { entryCodec } from "../../src/wire/entry-codec.ts";
import {
  decodePeerReply,
  decodePeerRequest,
  encodePeerReply,
  encodePeerRequest,
} from "../../src/wire/peer-codec.ts";
import { NodeSqlDriver } from "../../test/support/node-sql-driver.ts";
import type { Stopwatch } from "./stopwatch.ts";

const NAMESPACE = "default";
const PARTITION = 0;
const REGIONS = [0, 1, 2] as const;
/** Region 0 is the anchor and everybody's home. */
export const LEADER = 0;
const STARTS_AT = 1_772_323_200_000;

export class Cluster {
  now = STARTS_AT;
  readonly #stopwatch: Stopwatch;
  readonly #nodes: readonly Node[];
  #due: (() => void)[] = [];
  readonly #cut = new Set<number>();
  /** What the queues of regions that are cut off hold. */
  readonly #queued = new Map<number, Batch[]>();

  constructor(stopwatch: Stopwatch) {
    this.#stopwatch = stopwatch;
    this.#nodes = REGIONS.map((region) => new Node(this, region));
    for (const node of this.#nodes) node.take({ type: "start" });
  }

  /** A region that nobody reaches and that reaches nobody. */
  cut(region: number): void {
    this.#cut.add(region);
  }

  heal(): void {
    this.#cut.clear();
    for (const [region, messages] of this.#queued) this.soon(() => this.node(region).batch(messages));
    this.#queued.clear();
  }

  queue(region: number, messages: readonly Batch[]): void {
    if (!this.#cut.has(region)) return this.soon(() => this.node(region).batch(messages));
    this.#queued.set(region, [...(this.#queued.get(region) ?? []), ...messages]);
  }

  node(region: number): Node {
    const node = this.#nodes[region];
    if (node === undefined) throw new Error(`there is no region ${region}`);
    return node;
  }

  /** A message under way: `undelivered` when either end is cut off. */
  send(from: number, to: number, deliver: () => void, undelivered: () => void): void {
    this.#due.push(() => (this.#cut.has(from) || this.#cut.has(to) ? undelivered() : deliver()));
  }

  soon(task: () => void): void {
    this.#due.push(task);
  }

  timed<T>(what: string, body: () => T): T {
    return this.#stopwatch.time(what, body);
  }

  /** Until nothing is under way. */
  settle(): void {
    while (this.#due.length > 0) {
      const due = this.#due;
      this.#due = [];
      for (const task of due) task();
    }
  }

  /** Goes on, through wakes, until `done`. */
  runUntil(done: () => boolean): void {
    for (let leaps = 0; ; leaps++) {
      this.settle();
      if (done()) return;
      const next = Math.min(...this.#nodes.map((node) => Math.min(node.wakeAt, node.alarmAt)));
      if (next === Infinity || leaps > 1_000_000) throw new Error("nothing more will happen");
      this.now = Math.max(this.now + 1, next);
      for (const node of this.#nodes) node.wakeIfDue();
    }
  }

  /** Asks the leader; answers when all have been answered. */
  ask(region: number, requests: readonly ClientRequest[]): ClientReply[] {
    const replies: (ClientReply | null)[] = requests.map(() => null);
    let left = requests.length;
    requests.forEach((request, n) => {
      this.node(region).client(request, (reply) => {
        replies[n] = reply;
        left -= 1;
      });
    });
    this.runUntil(() => left === 0);
    return replies.filter((reply) => reply !== null);
  }
}

class Node {
  readonly region: number;
  readonly driver = new NodeSqlDriver();
  readonly replica: Replica;
  wakeAt = Infinity;
  alarmAt = Infinity;
  readonly #cluster: Cluster;
  readonly #clients = new Map<number, (reply: ClientReply) => void>();
  readonly #peers = new Map<number, (reply: Uint8Array) => void>();
  readonly #callers = new Map<number, number>();
  #lastId = 0;

  constructor(cluster: Cluster, region: number) {
    this.#cluster = cluster;
    this.region = region;
    this.driver.transaction(() => migrate(this.driver, STARTS_AT));
    this.replica = new Replica({
      config: {
        namespace: NAMESPACE,
        partition: PARTITION,
        region,
        voters: REGIONS,
        anchor: LEADER,
        timing: DEFAULT_TIMING,
        limits: DEFAULT_LIMITS,
        sinks: [],
      },
      storage: new SqlStorage(this.driver),
      codec: entryCodec,
      hash: sha256,
    });
  }

  client(request: ClientRequest, answer: (reply: ClientReply) => void): void {
    const id = ++this.#lastId;
    this.#clients.set(id, answer);
    this.take({ type: "client", id, request });
  }

  wakeIfDue(): void {
    const { now } = this.#cluster;
    if (this.alarmAt <= now) {
      this.alarmAt = Infinity;
      this.take({ type: "alarm" });
    }
    if (this.wakeAt <= now) {
      this.wakeAt = Infinity;
      this.take({ type: "wake" });
    }
  }

  batch(messages: readonly Batch[]): void {
    this.take({ type: "batch", id: ++this.#lastId, messages });
  }

  /** A message whose answer nobody waits for. */
  tell(from: number, message: PeerRequest): void {
    this.take({ type: "peer", id: ++this.#lastId, from, message });
  }

  take(event: Event): void {
    const what = `${this.region} ${"message" in event ? `${event.type} ${event.message.type}` : event.type}`;
    const effects = this.#cluster.timed(what, () =>
      this.driver.transaction(() => this.replica.step(event, this.#cluster.now)),
    );
    for (const effect of effects) this.#perform(effect);
  }

  /** How its copy of the leader's log stands. */
  log(): { readonly head: number; readonly applied: number } {
    return (
      this.replica.status().logs.find((log) => log.origin === LEADER) ?? {
        head: 0,
        applied: 0,
      }
    );
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case "respond":
        this.#clients.get(effect.id)?.(effect.reply);
        this.#clients.delete(effect.id);
        return;
      case "reply": {
        const bytes = this.#cluster.timed(`${this.region} encode reply`, () =>
          encodePeerReply(this.#envelope(this.#callers.get(effect.id) ?? 0), effect.message),
        );
        this.#peers.get(effect.id)?.(bytes);
        this.#peers.delete(effect.id);
        return;
      }
      case "call":
        return this.#call(effect);
      case "feed":
      case "feed-end":
      case "attention":
        return;
      case "sync":
        return this.#cluster.soon(() => this.take({ type: "synced", sync: effect.sync }));
      case "wake":
        this.wakeAt = effect.at;
        return;
      case "enqueue":
        this.#cluster.soon(() => this.take({ type: "enqueued", call: effect.call, ok: true }));
        return this.#cluster.queue(effect.to, effect.messages);
      case "alarm":
        this.alarmAt = effect.at;
        return;
      case "deliver":
        throw new Error("there are no sinks here");
      case "batch-done":
        for (const { to, message } of effect.progress) {
          this.#cluster.soon(() => this.#cluster.node(to).tell(this.region, message));
        }
        return;
    }
  }

  #call(effect: Extract<Effect, { type: "call" }>): void {
    const { call, to } = effect;
    const bytes = this.#cluster.timed(`${this.region} encode call`, () =>
      encodePeerRequest(this.#envelope(to), effect.message),
    );
    const fail = (): void => this.take({ type: "failed", call, from: to, reason: "refused" });
    this.#cluster.send(
      this.region,
      to,
      () =>
        this.#cluster.node(to).#answer(this.region, bytes, (reply) => {
          this.#cluster.send(
            to,
            this.region,
            () => {
              const { message } = this.#cluster.timed(`${this.region} decode reply`, () =>
                decodePeerReply(reply),
              );
              this.take({ type: "answer", call, from: to, message });
            },
            fail,
          );
        }),
      fail,
    );
  }

  #answer(from: number, bytes: Uint8Array, answer: (reply: Uint8Array) => void): void {
    const { message } = this.#cluster.timed(`${this.region} decode call`, () => decodePeerRequest(bytes));
    if (message === null) throw new Error("a message of this very code was not understood");
    const id = ++this.#lastId;
    this.#peers.set(id, answer);
    this.#callers.set(id, from);
    this.take({ type: "peer", id, from, message });
  }

  #envelope(to: number): Envelope {
    return { namespace: NAMESPACE, partition: PARTITION, from: this.region, to, pv: 1 };
  }
}

function sha256(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  const digest = hash.digest();
  return new Uint8Array(digest.buffer, digest.byteOffset, 16);
}
