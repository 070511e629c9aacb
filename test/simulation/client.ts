/**
 * Simulated clients: devices of users, with and without tokens, in regions that they change, at every level and concern.
 *
 * Each device does one thing at a time and records it. An unknown outcome is retried with the same idempotency key, under a new
 * process number, as a real client would after a reconnect.
 */
import type { History } from "../../src/checker/history.ts";
import type { Question } from "../../src/checker/cuts.ts";
import type { Invocation, Json, Level, ShownItem } from "../../src/checker/operation.ts";
import type { Version } from "../../src/checker/version.ts";
import type { Concern } from "../../src/replication/entry.ts";
import type { Position } from "../../src/replication/position.ts";
import type {
  ClientReply,
  Command,
  Conditions,
  ItemCommand,
  LostPosition,
  ReadLevel,
} from "../../src/replication/request.ts";
import { Bookkeeping, isBookkeeping, type Bookkept, type Hands, type Submission } from "./bookkeeping.ts";
import type { Cluster } from "./cluster.ts";
import { position, positionOf } from "./describe.ts";
import type { Edge, EdgeAnswer } from "./edge.ts";
import type { Random } from "./random.ts";
import { CutReader, seenIn, type CutAnswer, type CutOutcome } from "./edge-cut.ts";
import { Session } from "./session.ts";
import { settlementOf } from "./settler.ts";
import { sleep, type Task } from "./task.ts";

export interface Workload {
  readonly users: number;
  readonly devicesPerUser: number;
  /** Readers of change feeds beside the devices: every other one keeps a socket open. */
  readonly readers: number;
  readonly opsPerDevice: number;
  readonly thinkMs: readonly [low: number, high: number];
  readonly keys: number;
  readonly concerns: Readonly<Partial<Record<Concern, number>>>;
  readonly levels: Readonly<Partial<Record<ReadLevel, number>>>;
  readonly actions: Readonly<Partial<Record<Action, number>>>;
  /** Per read: of somebody else's item. */
  readonly curious: number;
  /** Per operation: the device moves to another region first. */
  readonly roam: number;
  /** Per write: the client sends no idempotency key, and the edge's is remembered only as long as the log is kept. */
  readonly keyless: number;
  /** Per device: it keeps no token. */
  readonly tokenless: number;
  readonly budgetMs: readonly [low: number, high: number];
  /** Users beside these, who are imported, write, and are erased. */
  readonly leavers: number;
}

export type Action =
  | "put"
  | "cas"
  | "delete"
  | "read"
  | "list"
  | "receipt"
  | "expiring"
  /** The user's home goes to another region. */
  | "move"
  /** Asks a question; reads somebody's question and answers it; reads all questions and answers in one cut. */
  | "ask"
  | "answer"
  | "cut"
  /** Decides about a lost write of its user. */
  | "settle"
  | Bookkept;

/** What every attempt at one write has in common beside that. */
interface Sending {
  readonly budgetMs: number;
  readonly idempotencyKey: string | undefined;
}

export const WORKLOAD: Workload = {
  users: 4,
  devicesPerUser: 2,
  readers: 3,
  opsPerDevice: 14,
  thinkMs: [10, 900],
  keys: 3,
  concerns: { local: 4, one: 2, majority: 3, all: 1 },
  levels: { leader: 4, strong: 2, bounded: 1, session: 4, prefix: 1, eventual: 1 },
  actions: { put: 9, cas: 2, delete: 1, read: 9, list: 2, receipt: 2, expiring: 1 },
  curious: 0.2,
  roam: 0.15,
  keyless: 0.2,
  tokenless: 0.3,
  budgetMs: [800, 5_000],
  leavers: 0,
};

/** Keys whose items expire, most of them; no checker follows these. */
const EXPIRING_PREFIX = "x";
const EXPIRING_KEYS = 2;
/** Where questions and their answers stand. */
const QUESTION_KEY = "q";
const ANSWER_KEY = "a";
const RETRIES_MAX = 3;

export class Shared {
  processes = 0;
  values = 0;
  keys = 0;
}

export class Device implements Hands {
  readonly name: string;
  readonly user: string;
  readonly #userIndex: number;
  readonly #cluster: Cluster;
  readonly #edges: readonly Edge[];
  readonly #random: Random;
  readonly #history: History;
  readonly #workload: Workload;
  readonly #shared: Shared;
  readonly #session: Session | null;
  readonly #bookkeeping: Bookkeeping;
  #process: number;
  #edge: Edge;
  /** Positions of own writes, for receipts. */
  readonly #written: Position[] = [];
  readonly #versions = new Map<string, string | null>();

  constructor(options: {
    name: string;
    userIndex: number;
    region: number;
    cluster: Cluster;
    edges: readonly Edge[];
    random: Random;
    history: History;
    workload: Workload;
    shared: Shared;
  }) {
    this.name = options.name;
    this.#userIndex = options.userIndex;
    this.user = userName(options.userIndex);
    this.#cluster = options.cluster;
    this.#edges = options.edges;
    this.#random = options.random;
    this.#history = options.history;
    this.#workload = options.workload;
    this.#shared = options.shared;
    this.#session = this.#random.chance(options.workload.tokenless) ? null : new Session();
    this.#process = options.shared.processes++;
    this.#edge = options.edges[options.region] as Edge;
    this.#bookkeeping = new Bookkeeping(this, {
      random: options.random.fork("bookkeeping"),
      concerns: options.workload.concerns,
      keys: options.workload.keys,
      newValue: () => ++options.shared.values,
    });
  }

  *live(): Task<void> {
    for (let n = 0; n < this.#workload.opsPerDevice; n++) {
      yield* sleep(this.#cluster.timeline, this.#random.between(...this.#workload.thinkMs));
      if (this.#random.chance(this.#workload.roam)) this.#edge = this.#random.pick(this.#edges);
      yield* this.act(this.#random.weighted(this.#workload.actions));
    }
  }

  *act(action: Action): Task<void> {
    const key = `k${this.#random.below(this.#workload.keys)}`;
    if (action === "read") return yield* this.#read(key);
    if (action === "list") return yield* this.#list();
    if (action === "receipt") return yield* this.#receipt();
    if (action === "move") return yield* this.#move();
    if (isBookkeeping(action)) return yield* this.#bookkeeping.act(action);
    if (action === "expiring")
      return yield* this.#expiring(`${EXPIRING_PREFIX}${this.#random.below(EXPIRING_KEYS)}`);
    if (action === "cut") return yield* this.#cut();
    if (action === "answer") return yield* this.#answer();
    if (action === "settle") return yield* this.#settle();
    const concern = this.#random.weighted(this.#workload.concerns);
    if (action === "ask") {
      yield* this.write("put", QUESTION_KEY, concern);
      return;
    }
    yield* this.write(action, key, concern);
  }

  *write(action: "put" | "cas" | "delete", key: string, concern: Concern, answers?: Question): Task<boolean> {
    const sending = this.#sending();
    const number = ++this.#shared.values;
    const value = answers === undefined ? number : { number, answers: { ...answers } };
    const seen = this.#versions.get(key);
    const expected =
      action === "cas"
        ? this.#random.chance(0.5) && seen !== undefined
          ? seen
          : this.#random.pick([null, "*"] as const)
        : undefined;
    const command =
      action === "delete"
        ? ({ kind: "delete", key } as const)
        : ({ kind: "put", key, value: encode(value), contentType: "application/json" } as const);
    const submission = {
      asked: {
        op: action === "cas" ? "cas" : action === "delete" ? "delete" : "write",
        key,
        ...(action === "delete" ? {} : { value }),
        ...(expected === undefined ? {} : { expected }),
      },
      command,
      conditions: conditions(expected),
      concern,
      fingerprint: encode([command.kind, key, expected ?? 0, value]),
    } as const;
    return yield* this.submit(submission, sending);
  }

  #sending(): Sending {
    const budgetMs = this.#random.between(...this.#workload.budgetMs);
    const idempotencyKey = this.#random.chance(this.#workload.keyless)
      ? undefined
      : `i${++this.#shared.keys}`;
    return { budgetMs, idempotencyKey };
  }

  /** Sends it until the outcome is known, or patience ends. True: done. */
  *submit(
    { asked, command, concern, conditions = {}, fingerprint }: Submission,
    { budgetMs, idempotencyKey } = this.#sending(),
  ): Task<boolean> {
    const invocation: Omit<Invocation, "process" | "token"> = {
      ...asked,
      user: this.user,
      concern,
      region: String(this.#edge.region),
      ...(this.#session === null ? {} : { session: this.name }),
      ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
      principal: this.user,
    };
    for (let attempt = 0; ; attempt++) {
      const partition = this.#partition();
      const id = this.#invoke(invocation);
      const answer = yield* this.#edge.write(
        partition,
        {
          user: this.user,
          principal: this.user,
          command,
          conditions,
          ...(idempotencyKey === undefined
            ? {}
            : { idempotency: { key: idempotencyKey, fingerprint, by: "client" } }),
          concern,
          session: this.#part(partition),
        },
        budgetMs,
      );
      const known = this.#wrote(id, command, partition, answer);
      if (known !== "unknown") return known === "done";
      this.#process = this.#shared.processes++;
      if (idempotencyKey === undefined || attempt >= RETRIES_MAX || !this.#random.chance(0.8)) return false;
      this.#cluster.tally.add("retries of unknown outcomes");
      yield* sleep(this.#cluster.timeline, this.#random.between(50, 1_500));
    }
  }

  #wrote(
    id: number,
    command: Command,
    partition: number,
    { reply, unsure }: EdgeAnswer,
  ): "done" | "refused" | "unknown" {
    const { tally, timeline } = this.#cluster;
    const time = timeline.now;
    if (reply === null) {
      tally.add("writes unknown");
      this.#history.info(id, time);
      return "unknown";
    }
    if (reply.kind === "written") {
      const version = position(reply.receipt.position);
      tally.add(`writes acknowledged: ${reply.receipt.concern}`);
      if (command.kind === "transaction") tally.add("transactions acknowledged");
      if (command.kind === "settle") {
        tally.add(`lost writes settled: ${command.action}`);
        // By an earlier attempt, or by somebody else, whose record it is: the log knows.
        if (reply.replayed) {
          this.#history.info(id, time);
          return "done";
        }
      }
      if (reply.replayed) tally.add("replays by idempotency key");
      this.#session?.saw(partition, reply.facts, true);
      this.#written.push(reply.receipt.position);
      for (const { key, kind } of writesOf(command))
        this.#versions.set(key, kind === "delete" ? null : version);
      const items = resultsIn(command, reply);
      this.#history.ok(
        id,
        {
          version,
          servedBy: String(reply.facts.servedBy),
          committed: reply.receipt.committed,
          applied: true,
          ...(items.length === 0 ? {} : { items }),
        },
        time,
      );
      return "done";
    }
    if (reply.kind === "concern-timeout") {
      tally.add("writes with their concern not met in time");
      this.#session?.saw(partition, reply.facts, true);
      // Of a settlement it may be the entry of who was first.
      const version = command.kind === "settle" ? {} : { version: position(reply.receipt.position) };
      this.#history.info(id, time, version);
      return "unknown";
    }
    if (reply.kind === "refused" && "facts" in reply && reply.reason !== "session-lost") {
      tally.add(`writes refused: ${reply.reason}`);
      this.#session?.saw(partition, reply.facts, true);
      if (reply.reason === "check-failed")
        for (const { key, version } of reply.failed)
          this.#versions.set(key, version === null ? null : position(version));
      if (unsure) this.#history.info(id, time);
      else this.#history.ok(id, { applied: false, servedBy: String(reply.facts.servedBy) }, time);
      return unsure ? "unknown" : "refused";
    }
    tally.add(`writes refused: ${reply.kind === "refused" ? reply.reason : reply.kind}`);
    const lostReported = this.#takeLost(partition, reply);
    if (unsure) this.#history.info(id, time, { lostReported });
    else this.#history.fail(id, time, { lostReported });
    return unsure ? "unknown" : "refused";
  }

  /** The version of an own item that this device saw or wrote last; undefined: none. */
  seen(key: string): Version | undefined {
    return this.#versions.get(key);
  }

  /** All own items whose keys begin with `prefix`, in one answer; null: there was none. */
  *listWhole(prefix: string): Task<readonly ShownItem[] | null> {
    const level = this.#random.weighted(this.#workload.levels);
    const partition = this.#partition();
    const id = this.#invoke({
      op: "list",
      user: this.user,
      prefix,
      level: levelName(level),
      readConcern: "latest",
      region: String(this.#edge.region),
      ...this.#sessionName(),
    });
    const what = {
      kind: "list",
      prefix,
      limit: 100,
      reverse: false,
      values: true,
      bytesMax: 4_000_000,
    } as const;
    const { reply } = yield* this.#ask(partition, this.user, what, level, false);
    if (reply?.kind === "list") return this.#listed(id, partition, level, reply);
    if (reply?.kind !== "unknown-user" && !(reply?.kind === "refused" && reply.reason === "no-user")) {
      this.#failed(id, partition, reply, level);
      return null;
    }
    this.#history.ok(id, { items: [] }, this.#cluster.timeline.now);
    return [];
  }

  #listed(
    id: number,
    partition: number,
    level: ReadLevel,
    reply: Extract<ClientReply, { kind: "list" }>,
  ): ShownItem[] {
    this.#session?.saw(partition, reply.facts, covers(level));
    this.#cluster.tally.add(`lists: ${level}`);
    const items = reply.items.map((item) => ({
      key: item.key,
      version: position(item.version),
      value: decode(item.value),
    }));
    this.#history.ok(
      id,
      { items, servedBy: String(reply.facts.servedBy), lostReported: this.#takeLost(partition, reply) },
      this.#cluster.timeline.now,
    );
    return items;
  }

  *#read(key: string): Task<void> {
    const level = this.#random.weighted(this.#workload.levels);
    // Mostly the own user; sometimes somebody else's item, which is how sessions cross partitions.
    const index = this.#random.chance(this.#workload.curious)
      ? this.#random.below(this.#workload.users)
      : this.#userIndex;
    yield* this.#readOf(index, key, level);
  }

  /** Answers the version shown. */
  *#readOf(index: number, key: string, level: ReadLevel): Task<string | null> {
    const user = userName(index);
    const committed = this.#random.chance(0.15);
    const partition = this.#partition(index);
    const id = this.#invoke({
      op: "read",
      user,
      key,
      level: levelName(level),
      readConcern: committed ? "committed" : "latest",
      region: String(this.#edge.region),
      ...this.#sessionName(),
    });
    const answer = yield* this.#ask(partition, user, { kind: "item", key, head: false }, level, committed);
    const { reply } = answer;
    let shown: string | null = null;
    if (reply?.kind === "refused" && (reply.reason === "no-user" || reply.reason === "not-found"))
      this.#history.ok(id, { version: null }, this.#cluster.timeline.now);
    else if (reply?.kind === "unknown-user")
      this.#history.ok(id, { version: null }, this.#cluster.timeline.now);
    else if (reply?.kind === "item") {
      const version = reply.item === null ? null : position(reply.item.version);
      shown = version;
      if (user === this.user) this.#versions.set(key, version);
      this.#session?.saw(partition, reply.facts, covers(level));
      this.#cluster.tally.add(`reads: ${level} (${reply.facts.why})`);
      this.#history.ok(
        id,
        {
          version,
          ...(reply.item === null ? {} : { value: decode(reply.item.value) }),
          position: position(reply.facts.position),
          servedBy: String(reply.facts.servedBy),
          lostReported: this.#takeLost(partition, reply),
        },
        this.#cluster.timeline.now,
      );
    } else this.#failed(id, partition, reply, level);
    return shown;
  }

  /** Only who carries a token leaves a trace of what they had seen. */
  *#answer(): Task<void> {
    const index = this.#random.below(this.#workload.users);
    const version = yield* this.#readOf(index, QUESTION_KEY, this.#random.weighted(this.#workload.levels));
    if (version === null || this.#session === null) return;
    const question = { user: userName(index), key: QUESTION_KEY, version };
    // What was lost meanwhile is no longer in the token.
    if (!this.#session.knows(this.#partition(index), version)) return;
    yield* this.write("put", ANSWER_KEY, this.#random.weighted(this.#workload.concerns), question);
    this.#cluster.tally.add("questions answered");
  }

  *#cut(): Task<void> {
    const level = this.#random.weighted(this.#workload.levels);
    const committed = this.#random.chance(0.1);
    const reads = Array.from({ length: this.#workload.users }, (_, index) =>
      [QUESTION_KEY, ANSWER_KEY, `k${this.#random.below(this.#workload.keys)}`].map((key) => ({
        user: userName(index),
        key,
        partition: this.#partition(index),
      })),
    ).flat();
    const id = this.#invoke({
      op: "read-many",
      user: this.user,
      level: levelName(level),
      readConcern: committed ? "committed" : "latest",
      region: String(this.#edge.region),
      ...this.#sessionName(),
    });
    const question = {
      reads,
      level,
      committed,
      session: (partition: number) => this.#part(partition),
      hasToken: this.#session !== null && !this.#session.isEmpty,
      ...(level === "bounded" ? { stalenessMsMax: this.#random.pick([50, 500, 5_000]) } : {}),
      ...(this.#random.chance(0.3) ? { reportLost: true } : {}),
    };
    const budgetMs = this.#random.between(...this.#workload.budgetMs);
    const reader = new CutReader(this.#cluster, this.#edge, question, budgetMs);
    this.#tookCut(id, level, yield* reader.read());
  }

  #tookCut(id: number, level: ReadLevel, outcome: CutOutcome): void {
    const { timeline, tally } = this.#cluster;
    if (outcome.kind !== "cut") {
      tally.add(`cuts failed: ${level}: ${outcome.kind === "lost" ? "session-lost" : outcome.reason}`);
      const lostReported = outcome.kind === "lost" ? this.#dropLost(outcome.partition, outcome.lost) : [];
      this.#history.fail(id, timeline.now, { lostReported });
      return;
    }
    const { answers, rounds } = outcome;
    tally.add(`cuts: ${level}`);
    tally.add(rounds === 1 ? "cuts in one round" : "cuts in several rounds");
    for (const answer of answers)
      this.#session?.saw(answer.partition, seenIn(answer, answers), covers(level));
    const lostReported = answers.flatMap(({ partition, reply }) =>
      this.#dropLost(partition, reply.lost ?? []),
    );
    this.#history.ok(id, { items: answers.flatMap(itemsOf), lostReported }, timeline.now);
  }

  *#settle(): Task<void> {
    const partition = this.#partition();
    const page = { user: this.user, session: this.#part(partition), limit: 100, bytesMax: 4_000_000 };
    const reply = yield* this.#edge.divergent(partition, page, 2_000);
    if (reply?.kind !== "divergent") {
      if (reply !== null) this.#toldOfLoss(this.#takeLost(partition, reply));
      return;
    }
    this.#session?.saw(partition, reply.facts, false);
    const concern = this.#random.weighted(this.#workload.concerns);
    const settlement = settlementOf(reply.entries, this.#random, concern);
    if (settlement !== null) yield* this.submit(settlement);
  }

  /** By what is no operation in the history: it is one that failed. */
  #toldOfLoss(lostReported: string[]): void {
    if (lostReported.length === 0) return;
    const region = String(this.#edge.region);
    const id = this.#invoke({ op: "list", user: this.user, region, ...this.#sessionName() });
    this.#history.fail(id, this.#cluster.timeline.now, { lostReported });
  }

  *#list(): Task<void> {
    const level = this.#random.weighted(this.#workload.levels);
    const partition = this.#partition();
    const reverse = this.#random.chance(0.3);
    let after: string | undefined;
    // Pages are separate answers: each is judged for itself.
    for (let page = 0; page < 3; page++) {
      const id = this.#invoke({
        op: "list",
        user: this.user,
        level: levelName(level),
        readConcern: "latest",
        region: String(this.#edge.region),
        ...this.#sessionName(),
      });
      const limit = this.#random.between(1, 4);
      const what = {
        kind: "list",
        prefix: "k",
        limit,
        reverse,
        values: true,
        bytesMax: 4_000_000,
        ...(after === undefined ? {} : { after }),
      } as const;
      const { reply } = yield* this.#ask(partition, this.user, what, level, false);
      if (reply?.kind !== "list") {
        if (reply?.kind === "unknown-user" || (reply?.kind === "refused" && reply.reason === "no-user"))
          this.#history.ok(id, { items: [] }, this.#cluster.timeline.now);
        else this.#failed(id, partition, reply, level);
        return;
      }
      this.#listed(id, partition, level, reply);
      if (reply.next === undefined) return;
      after = reply.next;
    }
  }

  *#ask(
    partition: number,
    user: string,
    what: Parameters<Edge["read"]>[1]["what"],
    level: ReadLevel,
    committed: boolean,
  ): Task<EdgeAnswer> {
    const session = this.#part(partition);
    const hasToken = this.#session !== null && !this.#session.isEmpty;
    const bound = level === "bounded" ? { stalenessMsMax: this.#random.pick([50, 500, 5_000]) } : {};
    const reportLost = this.#random.chance(0.3) ? { reportLost: true } : {};
    return yield* this.#edge.read(
      partition,
      { user, what, level, committed, session, ...bound, ...reportLost },
      hasToken,
      this.#random.between(...this.#workload.budgetMs),
    );
  }

  #failed(id: number, partition: number, reply: ClientReply | null, level: ReadLevel): void {
    const reason = reply === null ? "no answer" : reply.kind === "refused" ? reply.reason : reply.kind;
    this.#cluster.tally.add(`reads failed: ${level}: ${reason}`);
    this.#history.fail(
      id,
      this.#cluster.timeline.now,
      reply === null ? {} : { lostReported: this.#takeLost(partition, reply) },
    );
  }

  /** The receipt of an earlier write, at its log's home. What it says is judged where it is said. */
  *#receipt(): Task<void> {
    if (this.#written.length === 0) return;
    const at = this.#random.pick(this.#written);
    const concern = this.#random.chance(0.5)
      ? { concern: this.#random.weighted(this.#workload.concerns) }
      : {};
    const { reply } = yield* this.#edge.receipt(
      this.#partition(),
      { user: this.user, position: at, ...concern },
      this.#random.between(500, 3_000),
    );
    if (reply?.kind === "receipt") this.#cluster.tally.add(`receipts: ${reply.state}`);
  }

  *#move(): Task<void> {
    const { tally, regions } = this.#cluster;
    const to = this.#random.below(regions);
    const budgetMs = this.#random.between(...this.#workload.budgetMs);
    const { reply } = yield* this.#edge.move(this.#partition(), this.user, to, budgetMs);
    if (reply?.kind === "home") tally.add(reply.home === to ? "users moved" : "users moved on by others");
    else tally.add(`users not moved: ${reply?.kind === "refused" ? reply.reason : "no answer"}`);
  }

  *#expiring(key: string): Task<void> {
    return yield* this.#random.chance(0.5) ? this.#putExpiring(key) : this.#readExpiring(key);
  }

  *#putExpiring(key: string): Task<void> {
    const partition = this.#partition();
    // Often written again before its time, for a later one, an earlier one, or for ever.
    const expiresInS = this.#random.chance(0.85) ? { expiresInS: this.#random.between(1, 4) } : {};
    const command = {
      kind: "put",
      key,
      value: encode("soon gone"),
      contentType: "application/json",
      ...expiresInS,
    } as const;
    const idempotencyKey = `i${++this.#shared.keys}`;
    const { reply } = yield* this.#edge.write(
      partition,
      {
        user: this.user,
        principal: this.user,
        command,
        conditions: {},
        idempotency: { key: idempotencyKey, fingerprint: encode(idempotencyKey), by: "client" },
        concern: "local",
        session: this.#part(partition),
      },
      2_000,
    );
    if (reply?.kind === "written") this.#session?.saw(partition, reply.facts, true);
    else if (reply !== null) this.#toldOfLoss(this.#takeLost(partition, reply));
  }

  *#readExpiring(key: string): Task<void> {
    const level = this.#random.weighted(this.#workload.levels);
    const partition = this.#partition();
    const seenAt = this.#part(partition).seenAt;
    const what = this.#random.chance(0.7)
      ? ({ kind: "item", key, head: false } as const)
      : ({
          kind: "list",
          prefix: EXPIRING_PREFIX,
          limit: 5,
          reverse: false,
          values: false,
          bytesMax: 1,
        } as const);
    const { reply } = yield* this.#ask(partition, this.user, what, level, false);
    if (reply?.kind !== "item" && reply?.kind !== "list") {
      if (reply !== null) this.#toldOfLoss(this.#takeLost(partition, reply));
      return;
    }
    this.#session?.saw(partition, reply.facts, covers(level));
    this.#toldOfLoss(this.#takeLost(partition, reply));
    const items = reply.kind === "list" ? reply.items : reply.item === null ? [] : [reply.item];
    for (const item of items)
      if (item.expiresAt !== 0 && item.expiresAt <= seenAt)
        this.expiredCameBack.push(
          `${this.name} saw ${item.key} again, which expired at ${item.expiresAt}, after ${seenAt}`,
        );
    this.#cluster.tally.add(items.length === 0 ? "expiring items gone" : "expiring items there");
  }

  /** What is wrong about expiry, in words. */
  readonly expiredCameBack: string[] = [];

  #invoke(invocation: Omit<Invocation, "process" | "token">): number {
    const token = this.#session !== null && !this.#session.isEmpty;
    return this.#history.invoke(
      { ...invocation, process: this.#process, ...(invocation.session === undefined ? {} : { token }) },
      this.#cluster.timeline.now,
    );
  }

  #sessionName(): { session?: string } {
    return this.#session === null ? {} : { session: this.name };
  }

  #part(partition: number): ReturnType<Session["part"]> {
    return this.#session?.part(partition) ?? { positions: [], others: [], seenAt: 0 };
  }

  #partition(userIndex: number = this.#userIndex): number {
    return userIndex % this.#cluster.partitions;
  }

  /** Drops what the answer says is lost from the token, as the edge would, and passes it on for the record. */
  #takeLost(partition: number, reply: ClientReply): string[] {
    const lost =
      reply.kind === "refused" && reply.reason === "session-lost"
        ? reply.lost
        : reply.kind === "item" || reply.kind === "list"
          ? (reply.lost ?? [])
          : [];
    return this.#dropLost(partition, lost);
  }

  #dropLost(partition: number, lost: readonly LostPosition[]): string[] {
    if (lost.length === 0) return [];
    this.#session?.lost(partition, lost);
    this.#cluster.tally.add("positions reported lost", lost.length);
    // A token holds the latest place of an epoch: with it goes whatever of that epoch came before and was cut off too.
    return lost.map(({ o, e, s, from = 1 }) => `${o}.${e}.${from}-${s}`);
  }
}

function itemsOf({ reads, reply }: CutAnswer) {
  return reads.map(({ user, key }, n) => {
    const outcome = reply.items[n];
    const item = outcome?.kind === "item" ? outcome.item : null;
    if (item === null) return { user, key, version: null };
    return { user, key, version: position(item.version), value: decode(item.value) };
  });
}

export function userName(index: number): string {
  return `user${index}`;
}

function covers(level: ReadLevel): boolean {
  return level === "session" || level === "leader" || level === "strong";
}

function levelName(level: ReadLevel): Level {
  return level === "leader" ? "user" : level;
}

function conditions(expected: string | null | undefined): Conditions {
  if (expected === undefined) return {};
  if (expected === null) return { ifNoneMatch: "any" };
  if (expected === "*") return { ifMatch: "any" };
  return { ifMatch: [positionOf(expected)] };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

function encode(value: unknown): Uint8Array {
  return encoder.encode(JSON.stringify(value));
}

function decode(value: Uint8Array | undefined): Json {
  return JSON.parse(decoder.decode(value)) as Json;
}

function writesOf(command: Command): readonly ItemCommand[] {
  // Devices do not import: that is for those who leave.
  if (command.kind === "import" || command.kind === "settle") return [];
  return command.kind === "transaction" ? command.writes : [command];
}

/** What the answer says that merges and adds came to. */
function resultsIn(
  command: Command,
  { results = [] }: Extract<ClientReply, { kind: "written" }>,
): ShownItem[] {
  return results.flatMap(({ value }, n) => {
    const write = writesOf(command)[n];
    return write === undefined || value === undefined ? [] : [{ key: write.key, value: decode(value) }];
  });
}
