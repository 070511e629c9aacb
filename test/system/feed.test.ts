/** The change feed over HTTP: pages, long polls and sockets, across regions, evictions, restarts and expiry. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { changes, Follower, follow, keysOf, pageOf, ticketFor } from "./support/feed.ts";
import { Deployment, freePort, removeFolder, temporaryFolder } from "./support/process.ts";
import { startRuntime, type Runtime } from "./support/runtime.ts";
import { listAll, REGIONS, until, type Store } from "./support/store.ts";

/** Short enough to wait for its end. The log is looked through for what is older once in 256 entries. */
const RETAIN_MS = 5_000;

let runtime: Runtime;
let store: Store;

beforeAll(async () => {
  runtime = await startRuntime({
    // A fault is put on every replica: fewer of them are told sooner.
    PARTITIONS: "3",
    ANCHORS: "weur,enam,apac",
    LOG_RETAIN_MS: String(RETAIN_MS),
  });
  ({ store } = runtime);
});
afterAll(() => runtime.stop());

const sees = async (follower: Follower, keys: readonly string[]) => {
  await until(
    async () => follower.keys.length,
    (told) => told >= keys.length,
  );
  expect(follower.keys).toEqual(keys);
};

test("pages tell every change once and in order, from region to region by one cursor", async () => {
  await store.settle("paged", "weur");
  const keys = ["a", "b", "c", "d", "e"];
  for (const key of keys) await store.put("paged", key, `{"of": "${key}"}`, { concern: "all" });
  await store.delete("paged", "a", { concern: "all" });
  const told: string[] = [];
  let after: string | undefined;
  for (const region of [...REGIONS, ...REGIONS]) {
    const query = { limit: 1, values: "true", waitMs: 5_000, ...(after === undefined ? {} : { after }) };
    const reply = await changes(store, "paged", query, { region });
    expect(reply.servedBy).toBe(region);
    const page = pageOf(reply);
    told.push(...page.changes.map(({ op, key }) => `${op} ${key}`));
    after = page.cursor;
  }
  expect(told).toEqual([...keys.map((key) => `put ${key}`), "delete a"]);
});

test("a long poll is answered by the change, and by nothing when its time is over", async () => {
  await store.settle("polled", "weur");
  await store.put("polled", "first", "1", { concern: "all" });
  const { cursor } = pageOf(await changes(store, "polled", { waitMs: 5_000 }, { region: "apac" }));
  const begun = Date.now();
  const empty = pageOf(await changes(store, "polled", { after: cursor, waitMs: 300 }, { region: "apac" }));
  expect(empty.changes).toEqual([]);
  expect(Date.now() - begun).toBeGreaterThanOrEqual(290);
  const [told] = await Promise.all([
    changes(store, "polled", { after: empty.cursor, waitMs: 20_000 }, { region: "apac" }),
    store.put("polled", "second", "2"),
  ]);
  expect(keysOf(pageOf(told))).toEqual(["second"]);
});

test("a socket is told what there was and what comes, also after its objects were evicted", async () => {
  const partition = await store.settle("followed", "weur");
  await store.put("followed", "a", "1", { concern: "all" });
  const follower = await follow(store, "followed", { region: "apac", values: true });
  await sees(follower, ["a"]);
  for (const region of REGIONS) await runtime.evict(partition, region);
  await store.put("followed", "b", "2");
  await sees(follower, ["a", "b"]);
  follower.say("ping");
  await until(
    async () => follower.texts,
    (texts) => texts.includes("pong"),
  );
  expect(follower.texts).toContain("pong");
  // Another one goes on from its cursor, in another region.
  const next = await follow(store, "followed", { region: "enam", after: follower.cursor });
  await store.put("followed", "c", "3");
  await sees(next, ["c"]);
  await sees(follower, ["a", "b", "c"]);
  follower.close();
  next.close();
});

test("a ticket opens one socket", async () => {
  await store.settle("ticketed", "enam");
  const path = "/v1/users/ticketed/live";
  const ticket = await ticketFor(store, path);
  const first = new Follower(store, `${path}?ticket=${ticket}`);
  expect(await first.opened).toBe(true);
  expect(await new Follower(store, `${path}?ticket=${ticket}`).opened).toBe(false);
  const reply = await changes(store, "ticketed", { ticket });
  expect(reply.status).toBe(401);
  first.close();
});

test("a region that is down loses its sockets; whoever comes back elsewhere with a cursor has missed nothing", async () => {
  await store.settle("cut", "weur");
  await store.put("cut", "a", "1", { concern: "all" });
  const follower = await follow(store, "cut", { region: "apac" });
  await sees(follower, ["a"]);
  const fault = JSON.stringify({ kind: "down", region: "apac", forMs: 60_000 });
  expect((await store.request("PUT", "/v1/faults", { body: fault })).status).toBe(200);
  await until(
    async () => follower.isOpen,
    (isOpen) => !isOpen,
  );
  expect(follower.isOpen).toBe(false);
  await store.put("cut", "b", "2");
  const elsewhere = await follow(store, "cut", { region: "enam", after: follower.cursor });
  await sees(elsewhere, ["b"]);
  elsewhere.close();
  expect((await store.request("DELETE", "/v1/faults")).status).toBe(200);
});

test(
  "below the log there is no going on, and a way back that misses nothing",
  { timeout: 240_000 },
  async () => {
    await store.settle("expired", "weur");
    await store.put("expired", "old", "1", { concern: "all" });
    const { cursor } = pageOf(await changes(store, "expired", { waitMs: 5_000 }));
    const writeMany = async (name: string) => {
      for (let n = 0; n < 5; n++)
        await Promise.all(
          Array.from({ length: 60 }, (_, m) =>
            store.put("expired", `${name}/${n}/${m}`, "1", { concern: "one" }),
          ),
        );
    };
    await new Promise((resolve) => setTimeout(resolve, RETAIN_MS + 500));
    const expired = await until(
      async () => {
        await writeMany("late");
        return changes(store, "expired", { after: cursor });
      },
      ({ status }) => status === 410,
      120_000,
    );
    expect(expired.problemName).toBe("cursor-expired");
    const anew = String(expired.problem["cursor"]);
    await store.put("expired", "new", "1", { concern: "all" });
    const listed = await listAll(store, "expired", {
      region: "apac",
      level: "session",
      session: expired.session,
    });
    expect(listed.map(({ key }) => key)).toEqual(expect.arrayContaining(["old", "late/0/0", "late/4/59"]));
    // Page by page: there it may not all be committed yet.
    const told: string[] = [];
    for (let after = anew; !told.includes("new");) {
      const page = pageOf(await changes(store, "expired", { after, waitMs: 5_000 }, { region: "apac" }));
      told.push(...keysOf(page));
      after = page.cursor;
    }
    expect(new Set(told).size).toBe(told.length);
  },
);

test("a cursor outlives the process", { timeout: 120_000 }, async () => {
  const data = temporaryFolder();
  const start = async () => new Deployment({ data, port: await freePort() });
  let deployment = await start();
  try {
    let own = await deployment.ready();
    await own.settle("kept", "weur");
    await own.put("kept", "a", "1", { concern: "all" });
    const { cursor } = pageOf(await changes(own, "kept", { waitMs: 5_000 }, { region: "apac" }));
    await own.put("kept", "b", "2", { concern: "all" });
    await deployment.killAll();
    deployment = await start();
    own = await deployment.ready();
    for (const region of REGIONS) {
      const page = pageOf(await changes(own, "kept", { after: cursor, waitMs: 10_000 }, { region }));
      expect(keysOf(page)).toEqual(["b"]);
    }
  } finally {
    await deployment.killAll();
    removeFolder(data);
  }
});
