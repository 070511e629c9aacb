/**
 * An administrator hands the logs of weur to enam and back, while two devices of a user at home in weur write and read all the
 * time: no request fails, nothing is lost, and what cannot be handed over stays where it was.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Background } from "./support/background.ts";
import type { Reply } from "./support/http.ts";
import { startRuntime, type Runtime } from "./support/runtime.ts";
import { converge, pause, until, type Asked, type RegionId, type Store } from "./support/store.ts";

const PARTITIONS = 3;

let runtime: Runtime;
let store: Store;

beforeAll(async () => {
  runtime = await startRuntime({ PARTITIONS: String(PARTITIONS), ANCHORS: "weur,enam,apac" });
  ({ store } = runtime);
});
afterEach(async () => {
  await store.request("DELETE", "/v1/faults");
});
afterAll(() => runtime.stop());

interface HandedOff {
  readonly unavailableMs: number;
  readonly positions: readonly {
    readonly partition: number;
    readonly position: string;
    readonly unavailableMs: number;
  }[];
}

const handOver = (to: RegionId, more: { timeoutMs?: number } = {}): Promise<Reply> =>
  store.request("PUT", "/v1/regions/weur/leader", {
    body: JSON.stringify({ to }),
    timeoutMs: 20_000,
    ...more,
  });

async function handed(to: RegionId): Promise<HandedOff> {
  const reply = await handOver(to);
  expect(reply.status, reply.text).toBe(200);
  return JSON.parse(reply.text) as HandedOff;
}

/** Writes and reads without a pause; every answer has to be good. */
class Worker {
  readonly leaders = new Set<string>();
  readonly made: string[] = [];
  readonly #work: Background;

  constructor(user: string, name: string, region: RegionId, concern: "local" | "majority") {
    const asked = { region, concern, timeoutMs: 10_000 };
    this.#work = new Background((isOver) => this.#write(user, name, asked, isOver));
  }

  async #write(user: string, name: string, asked: Asked, isOver: () => boolean): Promise<void> {
    for (let n = 0; !isOver(); n++) {
      const key = `${name}/${n}`;
      const written = await store.put(user, key, key, { ...asked, headers: { "If-None-Match": "*" } });
      expect(written.status, `${key}: ${written.text}`).toBe(201);
      this.made.push(key);
      this.leaders.add(written.receipt.leader);
      const read = await store.get(user, key, asked);
      expect(read.status, `${key}: ${read.text}`).toBe(200);
      expect(read.text).toBe(key);
    }
  }

  stop(): Promise<void> {
    return this.#work.stop();
  }

  async goOn(items: number): Promise<void> {
    const goal = this.made.length + items;
    await until(
      async () => this.made.length >= goal || this.#work.failed,
      (there) => there,
    );
    if (this.#work.failed) await this.stop();
  }
}

test("there and back while somebody writes: no request fails, and each side leads in its turn", async () => {
  const user = "ulysses";
  await store.settle(user, "weur");
  const workers = [new Worker(user, "near", "enam", "majority"), new Worker(user, "home", "weur", "local")];
  await Promise.all(workers.map((worker) => worker.goOn(3)));

  const away = await handed("enam");
  expect(away.positions.map(({ partition }) => partition)).toEqual([0, 1, 2]);
  expect(away.positions.every(({ position }) => position.startsWith("weur."))).toBe(true);
  // Measured, and the measure of the slowest log; how much it may be is for the bench.
  expect(away.unavailableMs).toBe(Math.max(...away.positions.map((each) => each.unavailableMs)));
  expect(away.unavailableMs).toBeGreaterThan(0);
  await Promise.all(workers.map((worker) => worker.goOn(5)));
  const there = await store.put(user, "there", "x", { region: "apac" });
  expect(there.header("Ithaca-Home")).toBe("weur");
  expect(there.header("Ithaca-Leader")).toBe("enam");

  // Again: it is there already.
  const again = await handed("enam");
  expect(again).toEqual({
    unavailableMs: 0,
    positions: away.positions.map((each) => ({ ...each, unavailableMs: 0 })),
  });

  // A log that nobody had written to was opened there.
  const [first] = (await store.request("GET", "/v1/regions?region=enam")).members["regions"] as {
    logs: { origin: string; partition: number; leader: string; state: string }[];
  }[];
  const led = first?.logs.filter(({ origin, leader }) => origin === "weur" && leader === "enam") ?? [];
  expect(led.map(({ partition, state }) => `${partition} ${state}`).toSorted()).toEqual([
    "0 leading",
    "1 leading",
    "2 leading",
  ]);

  await handed("weur");
  await Promise.all(workers.map((worker) => worker.goOn(5)));
  await Promise.all(workers.map((worker) => worker.stop()));
  for (const worker of workers) expect([...worker.leaders].toSorted()).toEqual(["enam", "weur"]);
  expect((await store.put(user, "back", "x", { region: "apac" })).header("Ithaca-Leader")).toBe("weur");
  const items = await converge(store, user);
  expect(items.length).toBe(workers.reduce((sum, { made }) => sum + made.length, 0) + 2);
});

test("to a region that is down: 503 lists the logs, and weur leads them as before", async () => {
  const user = "penelope";
  await store.settle(user, "weur");
  await store.put(user, "before", "x", { region: "weur", concern: "all" });
  const body = JSON.stringify({ kind: "down", region: "apac", forMs: 60_000 });
  expect((await store.request("PUT", "/v1/faults", { body })).status).toBe(200);
  const reply = await handOver("apac");
  expect(reply.status, reply.text).toBe(503);
  expect(reply.problemName).toBe("handoff-incomplete");
  expect(reply.header("Retry-After")).not.toBeNull();
  expect(reply.problem).toMatchObject({ positions: [], definite: true, retryable: true });
  const remaining = reply.problem["remaining"] as { partition: number; reason: string }[];
  expect(remaining.map(({ partition }) => partition)).toEqual([0, 1, 2]);
  expect(new Set(remaining.map(({ reason }) => reason))).toEqual(new Set(["silent"]));
  const written = await store.put(user, "after", "x", { region: "enam", concern: "majority" });
  expect(written.status, written.text).toBe(201);
  expect(written.receipt.leader).toBe("weur");

  // It is back: repeating the request goes on.
  await store.request("DELETE", "/v1/faults");
  await pause(200);
  await until(
    () => handOver("apac"),
    ({ status }) => status === 200,
  );
  expect((await store.put(user, "there", "x", { region: "weur" })).receipt.leader).toBe("apac");
  await handed("weur");
});
