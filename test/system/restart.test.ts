/** Objects are taken out of memory all the time: by the platform, and by drills. Nobody's work may depend on that. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { Device, progress, settleAccounts } from "./support/load.ts";
import { startRuntime, type Runtime } from "./support/runtime.ts";
import { pause, REGIONS, type RegionId, type Store } from "./support/store.ts";

let runtime: Runtime;
let store: Store;

beforeAll(async () => {
  // A restart is told to every replica: fewer of them are told sooner.
  runtime = await startRuntime({ PARTITIONS: "3", ANCHORS: "weur,enam,apac" });
  ({ store } = runtime);
});
afterAll(() => runtime.stop());

/** Two devices of one user: one at home, one away. */
function devicesOf(user: string, home: RegionId, away: RegionId): Device[] {
  return [
    new Device({ store, user, name: "home", region: home, concern: "local" }),
    new Device({ store, user, name: "away", region: away, concern: "majority" }),
  ];
}

async function restart(region: RegionId): Promise<void> {
  const body = JSON.stringify({ kind: "restart", region, forMs: 1 });
  const reply = await store.request("PUT", "/v1/faults", { body });
  expect(reply.status, reply.text).toBe(200);
}

test("evicting the leader's object, and a follower's, in the middle of writes", async () => {
  const partition = await store.settle("evicted", "weur");
  const devices = devicesOf("evicted", "weur", "apac");
  await progress(devices, 5);
  for (let round = 0; round < 3; round++) {
    for (const region of REGIONS) {
      await runtime.evict(partition, region);
      await progress(devices, 3);
    }
  }
  await Promise.all(REGIONS.map((region) => runtime.evict(partition, region)));
  await progress(devices, 5);
  await settleAccounts(store, devices);
});

test("restarting all of a region's objects, under load in all regions", async () => {
  const users = [
    ["of-weur", "weur", "enam"],
    ["of-enam", "enam", "apac"],
    ["of-apac", "apac", "weur"],
  ] as const;
  for (const [user, home] of users) await store.settle(user, home);
  const devices = users.flatMap(([user, home, away]) => devicesOf(user, home, away));
  await progress(devices, 3);
  for (const region of [...REGIONS, ...REGIONS]) {
    await restart(region);
    await progress(devices, 3);
  }
  // One after the other, without a pause in which anybody could recover.
  await Promise.all(REGIONS.map(restart));
  await progress(devices, 5);
  await settleAccounts(store, devices);
});

test("an evicted deployment remembers everything: data, homes, sessions, idempotency keys, receipts", async () => {
  const partition = await store.settle("rememberer", "enam");
  const asked = { region: "apac", concern: "all", idempotencyKey: "once" } as const;
  const written = await store.put("rememberer", "k", "kept", asked);
  const { position } = written.receipt;
  await pause(50);
  for (const region of REGIONS) await runtime.evict(partition, region);
  const { session } = written;
  const read = await store.get("rememberer", "k", { region: "weur", level: "session", session });
  expect(read.text).toBe("kept");
  const home = await store.request("GET", "/v1/users/rememberer/home", { region: "weur" });
  expect(home.home).toMatchObject({ home: "enam", partition });
  const again = await store.put("rememberer", "k", "kept", asked);
  expect(again.status).toBe(201);
  expect(again.receipt.position).toBe(position);
  const receipt = await store.request(
    "GET",
    `/v1/users/rememberer/receipts/${position}?concern=all&waitMs=20000`,
  );
  expect(receipt.members).toMatchObject({ state: "committed", position });
  expect(receipt.receipt.durableIn).toHaveLength(3);
});

test("a fault outlives the memory of the objects that it befalls", async () => {
  const partition = await store.settle("delayed", "weur");
  expect((await store.put("delayed", "k", "v", { concern: "all" })).status).toBe(201);
  const fault = JSON.stringify({ kind: "delay", region: "weur", peer: "enam", ms: 200, forMs: 60_000 });
  const { id } = (await store.request("PUT", "/v1/faults", { body: fault })).members;
  // The objects that are asked for the list, and those of a user at home there.
  for (const region of REGIONS) {
    expect((await store.request("GET", "/v1/faults")).status).toBe(200);
    expect((await store.get("delayed", "k", { region, level: "eventual" })).status).toBe(200);
    for (const each of new Set([0, partition])) await runtime.evict(each, region);
  }
  expect((await store.request("GET", "/v1/faults")).members["faults"]).toMatchObject([{ id, kind: "delay" }]);
  const begun = Date.now();
  expect((await store.get("delayed", "k", { region: "enam" })).text).toBe("v");
  // There and back. Timers may be early by a little.
  expect(Date.now() - begun).toBeGreaterThanOrEqual(380);
  const ended = await store.request("DELETE", "/v1/faults");
  expect(ended.members).toEqual({ ended: [id] });
});
