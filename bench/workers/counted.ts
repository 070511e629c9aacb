/**
 * The Worker with a meter on it: the same code, with storage, object calls and queues counted on their way through, and
 * an address for the bench, /bench/….
 *
 * Entries are watched where they are stored, because that is the one way that all of them take, whoever brings them.
 */
import type { State } from "cloudflare:workers";
import worker, { Region as Plain } from "ithaca:worker";
import { DEFAULT_LIMITS, DEFAULT_TIMING } from "../../src/replication/config.ts";
import type { ClientRequest } from "../../src/replication/request.ts";
import { decodePeerRequest } from "../../src/wire/peer-codec.ts";
import { newObjectTally, newTally, type ObjectTally } from "./tally.ts";

const QUEUE_UNIT_BYTES = 64_000;
/** Entries whose lag is still open; more are not watched. */
const WATCHED_MAX = 200_000;

let tally = newTally();
/** When a leader had committed an entry. */
const committedAt = new Map<string, number>();
let queueLateMs = 0;

type Method = (...args: readonly unknown[]) => Promise<unknown>;
interface Namespace {
  getByName(name: string, options?: unknown): Record<string, Method>;
}
interface Queue {
  sendBatch(messages: readonly { readonly body: Uint8Array }[]): Promise<unknown>;
}
interface QueueBatch {
  readonly queue: string;
  readonly messages: readonly {
    readonly body: Uint8Array | ArrayBuffer;
    readonly attempts: number;
    ack(): void;
    retry(options: unknown): void;
  }[];
}

export class Region extends Plain {
  readonly #tally: () => ObjectTally;
  #underWay = 0;
  #activeSince = 0;

  constructor(ctx: State, env: object) {
    const name = ctx.id.name ?? "";
    const mine = (): ObjectTally => (tally.objects[name] ??= newObjectTally());
    meter(name, ctx, mine, !("BENCH_ROWS" in env && env.BENCH_ROWS === "off"));
    super(ctx, metered(env));
    this.#tally = mine;
  }

  override ask(request: unknown): Promise<unknown> {
    return this.#active(super.ask(request));
  }

  override peer(message: Uint8Array): Promise<unknown> {
    return this.#active(super.peer(message));
  }

  override ingest(messages: readonly unknown[]): Promise<unknown> {
    return this.#active(super.ingest(messages));
  }

  override alarm(): Promise<void> {
    this.#tally().requests += 1;
    return this.#active(super.alarm());
  }

  async #active<T>(work: Promise<T>): Promise<T> {
    if (this.#underWay++ === 0) this.#activeSince = Date.now();
    try {
      return await work;
    } finally {
      if (--this.#underWay === 0) this.#tally().activeMs += Date.now() - this.#activeSince;
      this.#tally().databaseBytes = this.ctx.storage.sql.databaseSize;
    }
  }
}

/** Logs that are short, or kept for seconds: the deployment has no setting for either. */
function changeDefaults(env: object): void {
  const logBytesMax = "BENCH_LOG_BYTES_MAX" in env ? Number(env.BENCH_LOG_BYTES_MAX) : 0;
  const retainMs = "BENCH_RETAIN_MS" in env ? Number(env.BENCH_RETAIN_MS) : 0;
  if (logBytesMax > 0) Object.assign(DEFAULT_LIMITS, { logBytesMax });
  if (retainMs > 0) Object.assign(DEFAULT_TIMING, { retainMs });
}

/** `counting`: of rows, which takes a microsecond or two for each statement; without, only arrivals are noted. */
function meter(name: string, { storage }: State, mine: () => ObjectTally, counting: boolean): void {
  const [, partition = "", region = ""] = name.split("/");
  const exec = storage.sql.exec.bind(storage.sql);
  const transactionSync = storage.transactionSync.bind(storage);
  const setAlarm = storage.setAlarm.bind(storage);
  /** A cursor knows what it cost when it has been read: by then the next statement is being run. */
  let last: ReturnType<typeof exec> | null = null;
  let rows = 0;
  let logged: { o: number; s: number }[] = [];
  let applied: { o: number; s: number }[] = [];
  let recent: { rows: number; entries: number } | null = null;

  /** The statement under way drops old log entries. */
  let dropping = false;

  const settle = (): void => {
    if (last === null) return;
    if (dropping) mine().dropped += last.rowsWritten;
    rows += last.rowsWritten;
    mine().rowsWritten += last.rowsWritten;
    mine().rowsRead += last.rowsRead;
    last = null;
  };
  Object.assign(storage.sql, {
    exec: (sql: string, ...params: readonly unknown[]) => {
      settle();
      if (sql.startsWith("INSERT INTO log(place, o, s, e, hlc, commit_s, applied,")) {
        const at = { o: Number(params[1]), s: Number(params[2]) };
        logged.push(at);
        mine().logged += 1;
        if (params[6] === 1) applied.push(at);
      } else if (sql.startsWith("UPDATE log SET applied = 1")) {
        applied.push({ o: Math.floor(Number(params[1]) / 2 ** 48), s: Number(params[1]) % 2 ** 48 });
      } else if (sql.startsWith("DELETE FROM restore") && !sql.includes("WHERE")) {
        tally.snapshotDoneAt = Date.now();
      }
      const cursor = exec(sql, ...params);
      dropping = sql.startsWith("DELETE FROM log WHERE place > ? AND place <= ?");
      if (counting) last = cursor;
      return cursor;
    },
  });
  Object.assign(storage, {
    transactionSync: <T>(body: () => T): T => {
      settle();
      rows = 0;
      logged = [];
      applied = [];
      recent = null;
      const result = transactionSync(body);
      settle();
      const now = Date.now();
      for (const { o, s } of applied) tally.lastAppliedAt = arrived(`${partition}:${o}:${s}`, region, now);
      if (logged.length > 0 && leads(partition, region, logged[0]?.o ?? -1)) {
        recent = { rows, entries: logged.length };
        if (tally.acknowledging.length < WATCHED_MAX) tally.acknowledging.push(recent);
      }
      return result;
    },
    setAlarm: (at: number): Promise<void> => {
      mine().rowsWritten += 1;
      if (recent !== null) recent.rows += 1;
      return setAlarm(at);
    },
  });
}

/** Whose turn logs an entry first leads its log: followers have it from there. */
const leaders = new Map<string, string>();

function leads(partition: string, region: string, o: number): boolean {
  const key = `${partition}:${o}`;
  if (!leaders.has(key)) leaders.set(key, region);
  return leaders.get(key) === region;
}

function arrived(entry: string, region: string, now: number): number {
  const [partition = "", o = ""] = entry.split(":");
  if (leads(partition, region, Number(o))) {
    if (committedAt.size < WATCHED_MAX) committedAt.set(entry, now);
  } else {
    const from = committedAt.get(entry);
    if (from !== undefined && tally.lags.length < WATCHED_MAX)
      tally.lags.push({ from: leaders.get(`${partition}:${o}`) ?? "", to: region, ms: now - from });
  }
  return now;
}

/** One metered environment for each plain one: the Worker keeps what it makes of it. */
const environments = new WeakMap<object, object>();

function metered(env: object): object {
  let metered = environments.get(env);
  if (metered === undefined) {
    changeDefaults(env);
    metered = Object.fromEntries(
      Object.entries(env).map(([binding, value]: [string, unknown]) => {
        if (binding === "REGION") return [binding, meteredNamespace(value as Namespace)];
        if (binding.startsWith("QUEUE_")) return [binding, meteredQueue(value as Queue)];
        return [binding, value];
      }),
    );
    environments.set(env, metered);
  }
  return metered;
}

function meteredNamespace(namespace: Namespace): Namespace {
  return {
    getByName(name, options) {
      const stub = namespace.getByName(name, options);
      const call =
        (method: string): Method =>
        (...args) => {
          (tally.objects[name] ??= newObjectTally()).requests += 1;
          if (method === "ask") tally.asks += 1;
          if (method === "peer") notePeer(args[0] as Uint8Array);
          return stub[method]?.(...args) ?? Promise.reject(new Error(`no method ${method}`));
        };
      return new Proxy({}, { get: (_, method) => call(String(method)) });
    },
  };
}

function notePeer(message: Uint8Array): void {
  tally.peerCalls += 1;
  tally.peerBytes += message.byteLength;
  if (tally.firstPullAt > 0 && tally.firstSnapshotAt > 0) return;
  const type = decodePeerRequest(message).message?.type;
  if (type === "pull" && tally.firstPullAt === 0) tally.firstPullAt = Date.now();
  if (type === "snapshot-begin" && tally.firstSnapshotAt === 0) tally.firstSnapshotAt = Date.now();
}

function meteredQueue(queue: Queue): Queue {
  return {
    sendBatch(messages) {
      for (const { body } of messages) {
        tally.queueMessages += 1;
        tally.queueBytes += body.byteLength;
        tally.queueOperations += unitsOf(body);
      }
      return queue.sendBatch(messages);
    },
  };
}

function unitsOf(body: Uint8Array | ArrayBuffer): number {
  return Math.max(1, Math.ceil(body.byteLength / QUEUE_UNIT_BYTES));
}

export default {
  fetch(request: Request, env: object, ctx: unknown): Promise<Response> | Response {
    const { pathname, searchParams } = new URL(request.url);
    if (!pathname.startsWith("/bench/")) return worker.fetch(request, metered(env), ctx);
    switch (pathname) {
      case "/bench/tally":
        return Response.json(tally);
      case "/bench/reset":
        tally = newTally();
        return Response.json({});
      case "/bench/queue-late":
        queueLateMs = Number(searchParams.get("ms"));
        return Response.json({});
      case "/bench/fill":
        return fill((env as { REGION: Namespace }).REGION, searchParams);
      default:
        return new Response("the bench has nothing here", { status: 404 });
    }
  },

  async queue(batch: QueueBatch, env: object): Promise<void> {
    if (queueLateMs > 0) await new Promise((resolve) => setTimeout(resolve, queueLateMs));
    tally.queueInvocations += 1;
    await worker.queue(
      {
        queue: batch.queue,
        messages: batch.messages.map((message) => {
          tally.queueOperations += unitsOf(message.body);
          return {
            body: message.body,
            attempts: message.attempts,
            ack: () => {
              tally.queueOperations += unitsOf(message.body);
              message.ack();
            },
            retry: (options: unknown) => message.retry(options),
          };
        }),
      },
      metered(env),
    );
  },
};

/** Many writes to one object without HTTP in between, to get a log to a length. The user's home has to be settled. */
async function fill(namespace: Namespace, params: URLSearchParams): Promise<Response> {
  const text = (name: string): string => params.get(name) ?? "";
  const number = (name: string): number => Number(text(name));
  const stub = namespace.getByName(text("object"));
  const value = new Uint8Array(number("bytes")).fill(120);
  const until = number("from") + number("count");
  let next = number("from");
  const failures = new Set<string>();
  await Promise.all(
    Array.from({ length: 64 }, async () => {
      while (next < until) {
        const request: ClientRequest = {
          op: "write",
          user: text("user"),
          principal: text("user"),
          command: { kind: "put", key: `item-${next++}`, value, contentType: "application/octet-stream" },
          conditions: {},
          concern: "local",
          session: { positions: [], others: [], seenAt: 0 },
          from: number("region"),
          deadlineAt: Date.now() + 30_000,
        };
        const reply = (await stub["ask"]?.(request)) as { kind: string; reason?: string };
        if (reply.kind !== "written") failures.add(`${reply.kind} ${reply.reason ?? ""}`);
      }
    }),
  );
  return Response.json({ failures: [...failures] }, { status: failures.size === 0 ? 200 : 500 });
}
