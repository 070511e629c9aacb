/**
 * Change sinks in the real runtime: an address on this machine that fails as receivers do, and a queue of the user's with a
 * Worker of the user's behind it.
 */
import { createHmac, randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestHarness } from "wrangler";
import { removeFolder, temporaryFolder } from "./support/process.ts";
import { itemPath, pause, Store, until } from "./support/store.ts";

// Not a line for each queue delivery.
process.env["WRANGLER_LOG"] ??= "warn";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const SECRET = Buffer.from("a secret of thirty-two characters");
const ORDERS = "orders";
const KEPT = "kept";
const PACKED = "packed";

interface SentChange {
  readonly user: string;
  readonly position: string;
  readonly key: string;
  readonly op: string;
  readonly value?: unknown;
  readonly truncated?: boolean;
  readonly href?: string;
}
interface Message {
  readonly id: string;
  readonly sink: string;
  readonly partition: number;
  readonly origin: string;
  readonly position: string;
  readonly changes: readonly SentChange[];
}
interface Delivery {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly message: Message;
  /** What it was answered; null: nothing. */
  readonly status: number | null;
}
interface SinkLog {
  readonly partition: number;
  readonly origin: string;
  readonly state: string;
  readonly delivered: string;
  readonly attempts: number;
  readonly error?: string;
  readonly nextAt?: number;
}

/** By path: /orders and /kept are sinks, /packed is where the user's Worker brings what its queue gave it. */
class Receivers {
  readonly deliveries = new Map<string, Delivery[]>();
  /** What a sink is answered; null: nothing at all. */
  answer: (sink: string, message: Message) => number | null = () => 204;
  readonly #server: Server;
  origin = "";

  constructor() {
    this.#server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const sink = (request.url ?? "").slice(1);
        const body = Buffer.concat(parts).toString();
        const message = JSON.parse(body) as Message;
        const status = this.answer(sink, message);
        const list = this.deliveries.get(sink) ?? [];
        list.push({ headers: request.headers, body, message, status });
        this.deliveries.set(sink, list);
        if (status !== null) response.writeHead(status).end("nobody reads this");
      });
    });
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, "127.0.0.1", resolve));
    const address = this.#server.address();
    this.origin = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`;
  }

  of(sink: string, user: string): Delivery[] {
    return (this.deliveries.get(sink) ?? []).filter(({ message }) =>
      message.changes.some((change) => change.user === user),
    );
  }

  /** Changes of a user that were taken, in order, repeats included. */
  taken(sink: string, user: string): SentChange[] {
    return this.of(sink, user)
      .filter(({ status }) => status !== null && status < 300)
      .flatMap(({ message }) => message.changes.filter((change) => change.user === user));
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

const receivers = new Receivers();
const folder = temporaryFolder();
let server: ReturnType<typeof createTestHarness>;
let store: Store;

beforeAll(async () => {
  await receivers.listen();
  const sink = { namespace: "default", timeoutMs: 1_500 };
  const sinks = [
    {
      ...sink,
      name: ORDERS,
      prefix: "orders/",
      url: `${receivers.origin}/orders`,
      retryMs: [100, 100, 100, 100],
    },
    // Ends after the first attempt.
    { ...sink, name: KEPT, prefix: "kept/", url: `${receivers.origin}/kept`, retryMs: [] },
    { ...sink, name: PACKED, prefix: "packed/", queue: "CHANGES" },
  ];
  const vars = {
    AUTH_MODE: "open",
    DRILLS: "on",
    LOCAL_DEV: "1",
    SINKS: JSON.stringify(sinks),
    SINK_SECRET_ORDERS: `whsec_${SECRET.toString("base64")}`,
    SINK_SECRET_KEPT: "another",
  };
  writeWorkers();
  server = createTestHarness({
    root: folder,
    workers: [{ configPath: "./store/wrangler.toml", vars }, { configPath: "./consumer/wrangler.toml" }],
  });
  const { url } = await server.listen();
  store = new Store(url.origin);
});

afterAll(async () => {
  await server.close();
  receivers.close();
  removeFolder(folder);
});

/** Ours, with one more queue; and the user's, which does something with every message. */
function writeWorkers(): void {
  for (const name of ["store", "consumer"]) mkdirSync(join(folder, name));
  const ours = readFileSync(join(ROOT, "wrangler.toml"), "utf8")
    .replace(/^main = .*$/m, `main = ${JSON.stringify(join(ROOT, "src/worker.ts"))}`)
    .replace("[vars]", `[[queues.producers]]\nbinding = "CHANGES"\nqueue = "changes"\n\n[vars]`);
  writeFileSync(join(folder, "store/wrangler.toml"), ours);
  writeFileSync(
    join(folder, "consumer/wrangler.toml"),
    `name = "consumer"\nmain = "./consumer.js"\ncompatibility_date = "2026-10-20"\n\n[[queues.consumers]]\nqueue = "changes"\nmax_batch_timeout = 0\n`,
  );
  writeFileSync(
    join(folder, "consumer/consumer.js"),
    `export default { async queue(batch) {
       for (const { body } of batch.messages) await fetch("${receivers.origin}/packed", { method: "POST", body });
     } };`,
  );
}

const put = async (user: string, key: string, value: unknown): Promise<string> => {
  const reply = await store.request("PUT", itemPath(user, key), {
    body: JSON.stringify(value),
    headers: { "Content-Type": "application/json" },
  });
  expect(reply.status).toBeLessThan(300);
  return reply.receipt.position;
};
const logOf = async (sink: string, partition: number, origin: string): Promise<SinkLog | undefined> => {
  const response = await fetch(`${store.url}/v1/sinks`);
  const { sinks } = (await response.json()) as { sinks: { name: string; logs: SinkLog[] }[] };
  return sinks
    .find(({ name }) => name === sink)
    ?.logs.find((log) => log.partition === partition && log.origin === origin);
};
const control = (sink: string, body: unknown): Promise<Response> =>
  fetch(`${store.url}/v1/sinks/${sink}`, { method: "POST", body: JSON.stringify(body) });
const user = (): string => `user-${randomUUID()}`;
const orderOf = (changes: readonly SentChange[]): unknown[] => changes.map(({ value }) => value);

describe("an address", () => {
  test("gets what is committed, signed, in order, once where all goes well", async () => {
    const alice = user();
    await store.settle(alice, "enam");
    for (let n = 1; n <= 12; n++) {
      await put(alice, `orders/${n % 3}`, { n });
      await put(alice, `other/${n}`, { n });
    }
    await store.request("DELETE", itemPath(alice, "orders/0"));
    const taken = await until(
      async () => receivers.taken(ORDERS, alice),
      (changes) => changes.length >= 13,
    );
    expect(taken.map(({ op, value }) => (op === "put" ? (value as { n: number }).n : op))).toEqual([
      ...Array.from({ length: 12 }, (_, n) => n + 1),
      "delete",
    ]);
    const deliveries = receivers.of(ORDERS, alice);
    expect(new Set(deliveries.map(({ headers }) => headers["webhook-id"])).size).toBe(deliveries.length);
    for (const { headers, body, message } of deliveries) {
      const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signature } = headers;
      const hmac = createHmac("sha256", SECRET)
        .update(`${String(id)}.${String(timestamp)}.${body}`)
        .digest("base64");
      expect(signature).toBe(`v1,${hmac}`);
      expect(Math.abs(Number(timestamp) - Date.now() / 1000)).toBeLessThan(300);
      expect(message).toMatchObject({ id, sink: ORDERS, origin: "enam" });
    }
  });

  test("that fails is asked again, with the same id and nothing else in between", async () => {
    const alice = user();
    const partition = await store.settle(alice, "weur");
    let failures = 3;
    receivers.answer = (_, { changes }) =>
      changes.some((change) => change.user === alice) && failures-- > 0 ? 500 : 200;
    for (let n = 1; n <= 5; n++) await put(alice, `orders/${n}`, n);
    await until(
      async () => receivers.taken(ORDERS, alice),
      (changes) => changes.length >= 5,
    );
    expect(orderOf(receivers.taken(ORDERS, alice))).toEqual([1, 2, 3, 4, 5]);
    const ids = receivers.of(ORDERS, alice).map(({ message, status }) => [message.id, status]);
    expect(ids.slice(0, 4)).toEqual([500, 500, 500, 200].map((status) => [ids[0]?.[0], status]));
    const log = await until(
      () => logOf(ORDERS, partition, "weur"),
      (each) => each?.state === "idle",
    );
    expect(log).toMatchObject({ attempts: 0, state: "idle" });
    expect(log).not.toHaveProperty("error");
  });

  test("that keeps failing is parked, visibly, while writes go on; and gets all of it when it is resumed", async () => {
    const alice = user();
    const partition = await store.settle(alice, "weur");
    receivers.answer = (sink) => (sink === KEPT ? 503 : 200);
    for (let n = 1; n <= 3; n++) await put(alice, `kept/${n}`, n);
    const parked = await until(
      () => logOf(KEPT, partition, "weur"),
      (log) => log?.state === "parked",
    );
    expect(parked).toMatchObject({ state: "parked", attempts: 1, error: "it answered 503" });
    await put(alice, "kept/4", 4);
    await put(alice, "orders/1", "of another sink");
    await until(
      async () => receivers.taken(ORDERS, alice),
      (changes) => changes.length > 0,
    );
    expect(receivers.of(KEPT, alice)).toHaveLength(1);
    receivers.answer = () => 200;
    const answer = await control(KEPT, { action: "resume" });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({
      sink: KEPT,
      logs: [{ partition, origin: "weur", position: parked?.delivered }],
      unreachable: [],
    });
    await until(
      async () => receivers.taken(KEPT, alice),
      (changes) => changes.length >= 4,
    );
    expect(orderOf(receivers.taken(KEPT, alice))).toEqual([1, 2, 3, 4]);
  });

  test("is sent again what follows a position", async () => {
    const alice = user();
    const partition = await store.settle(alice, "apac");
    const positions: string[] = [];
    for (let n = 1; n <= 4; n++) positions.push(await put(alice, `orders/${n}`, n));
    await until(
      async () => receivers.taken(ORDERS, alice),
      (changes) => changes.length >= 4,
    );
    const answer = await control(ORDERS, { action: "replay", partition, position: positions[1] });
    expect(await answer.json()).toMatchObject({
      logs: [{ partition, origin: "apac", position: positions[1] }],
    });
    await until(
      async () => receivers.taken(ORDERS, alice),
      (changes) => changes.length >= 6,
    );
    expect(orderOf(receivers.taken(ORDERS, alice))).toEqual([1, 2, 3, 4, 3, 4]);
    const nowhere = { action: "replay", partition, position: "apac.18.999999" };
    expect((await control(ORDERS, nowhere)).status).toBe(404);
    expect((await control("nobody", { action: "resume" })).status).toBe(404);
  });

  test("gets what an object had under way when it was lost", async () => {
    const alice = user();
    await store.settle(alice, "weur");
    // Taken, and no answer: the object dies before it knows.
    receivers.answer = (sink) => (sink === ORDERS ? null : 200);
    await put(alice, "orders/1", 1);
    await put(alice, "orders/2", 2);
    await until(
      async () => receivers.of(ORDERS, alice),
      (deliveries) => deliveries.length > 0,
    );
    const restart = { kind: "restart", region: "weur", forMs: 1_000 };
    const fault = await fetch(`${store.url}/v1/faults`, { method: "PUT", body: JSON.stringify(restart) });
    expect(fault.status).toBe(200);
    receivers.answer = () => 200;
    // Nobody asks anything: its alarm wakes it.
    const taken = await until(
      async () => receivers.taken(ORDERS, alice),
      (changes) => changes.length >= 2,
    );
    expect(orderOf(taken)).toEqual([1, 2]);
  });
});

test("a queue brings the same to a Worker of the user's, and large values are left out", async () => {
  const alice = user();
  await store.settle(alice, "weur");
  for (let n = 1; n <= 5; n++) await put(alice, `packed/${n}`, { n });
  const large = "x".repeat(70_000);
  await put(alice, "packed/large", large);
  const taken = await until(
    async () => receivers.taken(PACKED, alice),
    (changes) => changes.length >= 6,
  );
  // The queue does not keep order: a consumer goes by position.
  const seqOf = ({ position }: SentChange): number => Number(position.split(".")[2]);
  const sorted = taken.toSorted((a, b) => seqOf(a) - seqOf(b));
  expect(sorted.slice(0, 5).map(({ value }) => value)).toEqual([1, 2, 3, 4, 5].map((n) => ({ n })));
  expect(sorted[5]).toMatchObject({ truncated: true, href: itemPath(alice, "packed/large") });
  expect(await (await fetch(`${store.url}${sorted[5]?.href}`)).json()).toBe(large);
});

test("an idle deployment sends nothing", async () => {
  await pause(500);
  const count = (): number => [...receivers.deliveries.values()].flat().length;
  const before = count();
  await pause(2_500);
  expect(count()).toBe(before);
});
