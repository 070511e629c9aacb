/**
 * Writes that a region acknowledged alone, and another region took its log over: its user finds them in every region, has some run
 * again and gives one up; receipts, sessions and the feed say the same.
 */
import { afterAll, beforeAll, expect, test } from "vitest";
import { ALONE, divergentOf, healed, listed, loseIn, settle } from "./support/loss.ts";
import { startRuntime, type Runtime } from "./support/runtime.ts";
import { converge, REGIONS, until, type Store } from "./support/store.ts";

let runtime: Runtime;
let store: Store;

beforeAll(async () => {
  runtime = await startRuntime({ PARTITIONS: "1", ANCHORS: "enam", LEASE_MS: "6000", COOLDOWN_MS: "0" });
  ({ store } = runtime);
});
afterAll(() => runtime.stop());

const USER = "wilma";
const AS_JSON = { "Content-Type": "application/json" } as const;

function transact(...writes: readonly object[]) {
  const body = JSON.stringify({ writes });
  return store.request("POST", `/v1/users/${USER}/transactions`, { ...ALONE, body });
}

test("what was lost is found everywhere, run again, or given up", async () => {
  await store.settle(USER, "weur");
  await store.put(USER, "note", '{"text":"before"}', { headers: AS_JSON, region: "weur", concern: "all" });
  await store.put(USER, "old", "1", { region: "weur", concern: "all" });

  let session = "";
  const positions: Record<string, string> = {};
  await loseIn(store, USER, async () => {
    // One after the other would outlast the lease on a slow machine; each is a write of its own all the same.
    const [put, removed, added, again] = await Promise.all([
      store.put(USER, "note", '{"text":"alone"}', { ...ALONE, headers: AS_JSON }),
      store.delete(USER, "old", ALONE),
      transact({ op: "add", key: "visits", by: 3 }, { op: "put", key: "beside", value: [1] }),
      store.put(USER, "again", "sent twice", { ...ALONE, idempotencyKey: "sent-twice" }),
    ]);
    for (const reply of [put, removed, added, again])
      expect(reply.receipt).toMatchObject({ leader: "weur", durableIn: ["weur"], committed: false });
    session = put.session;
    Object.assign(positions, {
      note: put.receipt.position,
      old: removed.receipt.position,
      visits: added.receipt.position,
      again: again.receipt.position,
    });
  });
  // Nobody knows of them while weur is away; who sends one again has it done.
  expect((await divergentOf(store, USER, { region: "apac" })).members["entries"]).toEqual([]);
  const retried = await store.put(USER, "again", "sent twice", {
    region: "apac",
    idempotencyKey: "sent-twice",
  });
  expect(retried.status, retried.text).toBe(201);
  const counted = await store.request("POST", `/v1/users/${USER}/transactions`, {
    region: "apac",
    body: JSON.stringify({ writes: [{ op: "add", key: "visits", by: 10 }] }),
  });
  expect(counted.status, counted.text).toBe(200);
  await healed(store);

  // The same in every region, out of its own replica, and from the leader.
  const [first, ...others] = await Promise.all(
    REGIONS.map(async (region) => {
      const entries = await until(
        () => listed(store, USER, 5, { region, level: "eventual" }),
        (found) => found.every(({ current }) => current !== undefined),
      );
      return entries.map(({ current: _current, ...rest }) => rest);
    }),
  );
  for (const other of others) expect(other).toEqual(first);
  const entries = await listed(store, USER, 5);
  const of = (key: string) => entries.find((entry) => entry.key === key)!;
  expect(of("note")).toMatchObject({
    op: "put",
    position: positions["note"],
    value: { text: "alone" },
    base: { found: true, value: { text: "before" } },
    current: { found: true, value: { text: "before" } },
    cause: { cutIn: "weur" },
    state: "open",
  });
  expect(of("old")).toMatchObject({ op: "delete", base: { found: true }, current: { found: true } });
  expect(of("visits")).toMatchObject({
    op: "add",
    by: "3",
    base: { found: false },
    current: { found: true },
  });
  expect(of("visits").id).toBe(of("beside").id);
  expect(of("again")).toMatchObject({ state: "replayed", settledBy: retried.receipt.position });
  for (const region of REGIONS) {
    const receipt = await store.request("GET", `/v1/users/${USER}/receipts/${positions["old"]}`, { region });
    expect(receipt.status, receipt.text).toBe(200);
    expect(receipt.members).toMatchObject({ state: "lost", divergent: of("old").id, durableIn: [] });
  }

  // Who saw it is told once.
  const told = await store.get(USER, "note", { region: "weur", session, timeoutMs: 10_000 });
  expect(told.problemName, told.text).toBe("session-lost");
  expect((await store.get(USER, "note", { session: told.session })).text).toBe('{"text":"before"}');

  // A put puts, an add adds to what came since, and what is beside it goes with it.
  const replayed = await settle(store, USER, of("note").id, "replay", {
    region: "apac",
    concern: "majority",
  });
  expect(replayed.status, replayed.text).toBe(200);
  expect(replayed.members).toMatchObject({ id: of("note").id, state: "replayed", committed: true });
  expect((await store.get(USER, "note", { region: "enam" })).text).toBe('{"text":"alone"}');
  expect((await settle(store, USER, of("visits").id, "replay")).status).toBe(200);
  expect((await store.get(USER, "visits")).text).toBe("13");
  expect((await store.get(USER, "beside")).text).toBe("[1]");
  expect((await settle(store, USER, of("old").id, "discard")).status).toBe(200);
  expect((await store.get(USER, "old")).text).toBe("1");

  // Once: the same again is answered as before, the other is refused, and what never was is not found.
  const twice = await settle(store, USER, of("note").id, "replay", { region: "weur" });
  expect(twice.members["position"], twice.text).toBe(replayed.members["position"]);
  expect((await settle(store, USER, of("visits").id, "replay")).status).toBe(200);
  expect((await store.get(USER, "visits")).text).toBe("13");
  expect((await settle(store, USER, of("old").id, "replay")).problemName).toBe("divergent-settled");
  expect((await settle(store, USER, "weur.16.999999", "replay")).status).toBe(404);
  await converge(store, USER);
  const states = await Promise.all(
    REGIONS.map((region) =>
      until(
        async () => (await listed(store, USER, 5, { region, level: "eventual" })).map(({ state }) => state),
        (found) => !found.includes("open"),
      ),
    ),
  );
  const settled = entries.map(({ key }) => (key === "old" ? "discarded" : "replayed"));
  for (const region of states) expect(region).toEqual(settled);

  // The feed has the replays as changes like others, and never had what was lost.
  const feed = await store.request("GET", `/v1/users/${USER}/changes?limit=100&waitMs=2000`);
  const changes = feed.members["changes"] as { position: string; key: string; op: string }[];
  const seen = changes.map(({ position }) => position);
  expect(seen).toContain(replayed.members["position"]);
  for (const position of Object.values(positions)) expect(seen).not.toContain(position);
  expect(changes.filter(({ op }) => op === "add")).toHaveLength(2);
});
