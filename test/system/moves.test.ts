/**
 * A user is moved from weur to apac and back while two of their devices write, one reads along, and two follow the feed: nothing is
 * lost, done twice, or told out of order, and nobody is refused.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Background } from "./support/background.ts";
import type { Receipt } from "./support/http.ts";
import { changes, follow, pageOf } from "./support/feed.ts";
import { startRuntime, type Runtime } from "./support/runtime.ts";
import { converge, pause, until, type RegionId, type Store } from "./support/store.ts";

let runtime: Runtime;
let store: Store;

beforeAll(async () => {
  runtime = await startRuntime({ PARTITIONS: "2", ANCHORS: "weur,enam" });
  ({ store } = runtime);
});
afterAll(() => runtime.stop());

const USER = "traveller";
const HOME = `/v1/users/${USER}/home`;

interface Made {
  readonly key: string;
  readonly text: string;
  readonly receipt: Receipt;
  readonly askedAt: number;
  readonly answeredAt: number;
}

/** Makes one item after the other; every answer has to be good, and its session goes on from region to region. */
class Writer {
  readonly made: Made[] = [];
  session: string | null = null;
  readonly #life: Background;

  constructor(name: string, region: RegionId) {
    this.#life = new Background((isOver) => this.#live(name, region, isOver));
  }

  stop(): Promise<void> {
    return this.#life.stop();
  }

  async #live(name: string, region: RegionId, isOver: () => boolean): Promise<void> {
    for (let n = 1; !isOver(); n++) {
      const key = `${name}/${String(n).padStart(5, "0")}`;
      const text = `${name} made ${n}`;
      const askedAt = Date.now();
      const reply = await put(key, text, { region, session: this.session });
      expect(reply.status, reply.text).toBe(201);
      this.session = reply.session;
      this.made.push({ key, text, receipt: reply.receipt, askedAt, answeredAt: Date.now() });
      await pause(10);
    }
  }
}

function put(key: string, text: string, asked: { region: RegionId; session?: string | null }) {
  return store.put(USER, key, text, {
    ...asked,
    idempotencyKey: `${key}: ${text}`,
    headers: { "If-None-Match": "*" },
    timeoutMs: 20_000,
  });
}

async function moveTo(region: RegionId): Promise<number> {
  const begun = Date.now();
  const reply = await store.request("PUT", HOME, { body: JSON.stringify({ region }), timeoutMs: 20_000 });
  expect(reply.status, reply.text).toBe(200);
  expect(reply.home).toMatchObject({ home: region, leader: region });
  return Date.now() - begun;
}

test("weur to apac and back, while everything goes on", { timeout: 180_000 }, async () => {
  await store.settle(USER, "weur");
  const first = await put("first", "before anything", { region: "weur" });
  const socket = await follow(store, USER, { region: "enam" });
  const paged: string[] = [];
  const pages = new Background(async (isOver) => {
    let after: string | undefined;
    for (let last = false; ; last = isOver()) {
      const query = { waitMs: 200, limit: 5, ...(after === undefined ? {} : { after }) };
      const page = pageOf(await changes(store, USER, query, { region: "apac" }));
      paged.push(...page.changes.map(({ key }) => key));
      after = page.cursor;
      if (last && page.changes.length === 0) return;
    }
  });
  const sessions = new Background(async (isOver) => {
    let session: string | null = first.session;
    while (!isOver()) {
      const read = await store.get(USER, "first", { region: "enam", level: "session", session });
      expect(read.status, read.text).toBe(200);
      expect(read.text).toBe("before anything");
      ({ session } = read);
      await pause(20);
    }
  });

  const writers = [new Writer("near", "weur"), new Writer("far", "apac")];
  const progress = async (more: number): Promise<void> => {
    const goals = writers.map(({ made }) => made.length + more);
    await until(
      async () => writers.every(({ made }, n) => made.length >= goals[n]!),
      (there) => there,
    );
  };
  const tooks: number[] = [];
  for (const region of ["apac", "weur"] as const) {
    await progress(10);
    tooks.push(await moveTo(region));
  }
  await progress(10);
  for (const writer of writers) await writer.stop();

  const made = writers.flatMap((writer) => writer.made);
  const origins = new Set(made.map(({ receipt }) => receipt.position.split(".")[0]));
  expect(origins).toEqual(new Set(["weur", "apac"]));
  // Whatever waited was answered as if nothing had been: how long, is for the bench to judge.
  const slowest = Math.max(...made.map(({ askedAt, answeredAt }) => answeredAt - askedAt));
  console.log(
    `moves took ${tooks.join(" and ")} ms; of ${made.length} writes the slowest took ${slowest} ms`,
  );

  // Where they were moved on the way, a request of before is still the same request.
  await moveTo("apac");
  for (const { key, text, receipt } of [made[0]!, made.at(-1)!]) {
    const again = await put(key, text, { region: "apac" });
    expect(again.status).toBe(201);
    expect(again.receipt.position).toBe(receipt.position);
  }
  const receipt = await store.request("GET", `/v1/users/${USER}/receipts/${made[0]!.receipt.position}`);
  expect(receipt.members).toMatchObject({ state: "committed", position: made[0]!.receipt.position });

  const items = await converge(store, USER);
  expect(items.map(({ key }) => key)).toEqual(["first", ...made.map(({ key }) => key)].toSorted());
  for (const { session } of writers)
    expect((await store.get(USER, "first", { region: "enam", level: "session", session })).status).toBe(200);

  await Promise.all([pages.stop(), sessions.stop()]);
  const count = made.length + 1;
  await until(
    async () => socket.keys.length,
    (told) => told >= count,
  );
  // Every change once, and each device's in the order in which it made them.
  for (const told of [paged, socket.keys]) {
    expect(told.toSorted()).toEqual(["first", ...made.map(({ key }) => key)].toSorted());
    for (const writer of writers) {
      const own = writer.made.map(({ key }) => key);
      expect(told.filter((key) => own.includes(key))).toEqual(own);
    }
  }
  expect(paged).toEqual(socket.keys);
  socket.close();
});

test("whoever has a home is not moved by asking for it, and nobody goes to a region that is lost", async () => {
  await store.settle("settled", "weur");
  await store.put("settled", "a", "1");
  const there = await store.request("PUT", "/v1/users/settled/home", { body: '{"region":"weur"}' });
  expect(there.status).toBe(200);
  const fault = JSON.stringify({ kind: "down", region: "apac", forMs: 60_000 });
  expect((await store.request("PUT", "/v1/faults", { body: fault })).status).toBe(200);
  const lost = await store.request("PUT", "/v1/users/settled/home", {
    body: '{"region":"apac"}',
    timeoutMs: 2_000,
  });
  expect(lost.status, lost.text).toBe(503);
  expect(lost.members).toMatchObject({ type: "/problems/region-unavailable", definite: true });
  expect((await store.put("settled", "a", "2")).status).toBe(200);
  await store.request("DELETE", "/v1/faults");
});
