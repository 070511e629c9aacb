/**
 * A region is lost, and another one takes over what it led: whatever the region's own replicas do (nothing, hang, or go on for
 * clients of their own), nobody is needed for it, nothing is lost that a majority held, and who saw what was lost is told once.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Background } from "./support/background.ts";
import { Device, progress, settleAccounts } from "./support/load.ts";
import { startRuntime, type Runtime } from "./support/runtime.ts";
import { converge, pause, until, type RegionId, type Store } from "./support/store.ts";

let runtime: Runtime;
let store: Store;

beforeAll(async () => {
  runtime = await startRuntime({
    // A fault is put on every replica: fewer of them are told sooner.
    PARTITIONS: "3",
    ANCHORS: "weur,enam,apac",
    // One takeover after the other.
    COOLDOWN_MS: "0",
  });
  ({ store } = runtime);
});
afterEach(async () => {
  await store.request("DELETE", "/v1/faults");
});
afterAll(() => runtime.stop());

async function fault(kind: string, region: RegionId): Promise<string> {
  const body = JSON.stringify({ kind, region, forMs: 120_000 });
  const reply = await store.request("PUT", "/v1/faults", { body });
  expect(reply.status, reply.text).toBe(200);
  return String(reply.members["id"]);
}

interface LogSeen {
  readonly origin: string;
  readonly leader: string;
  readonly head: string;
  readonly state: string;
}

/** A region's own view of the log of weur in a partition. */
async function logAt(region: RegionId, partition: number): Promise<LogSeen | undefined> {
  const query = `?region=${region}&partition=${partition}`;
  const reply = await store.request("GET", `/v1/regions${query}`, { region });
  const [seen] = reply.members["regions"] as { logs: LogSeen[] }[];
  return seen?.logs.find(({ origin }) => origin === "weur");
}

/**
 * A write that weur acknowledged and nobody else ever saw, and the session of who wrote it. On a slow machine its lease may be over by then: it
 * is written where everything is well again.
 */
async function writeAlone(user: string): Promise<{ session: string; position: string; cut: string }> {
  const { alone, cut } = await until(
    async () => {
      await store.request("DELETE", "/v1/faults");
      const before = await store.put(user, "kept", "a majority has it", { region: "weur", concern: "all" });
      const cut = await fault("isolate", "weur");
      const { session } = before;
      return {
        cut,
        alone: await store.put(user, "alone", "nobody else has it", { region: "weur", session }),
      };
    },
    ({ alone }) => alone.status === 201,
  );
  expect(alone.receipt).toMatchObject({ durableIn: ["weur"], committed: false, leader: "weur" });
  return { session: alone.session, position: alone.receipt.position, cut };
}

/** A user at home in weur, in this partition: weur's log there has not been taken over by an earlier test. */
async function userIn(partition: number): Promise<string> {
  for (let n = 0; ; n++) {
    const user = `user${partition}-${n}`;
    if ((await store.settle(user, "weur")) === partition) return user;
  }
}

test.each([
  ["down", 0],
  ["stall", 1],
  ["isolate", 2],
])("weur is lost (%s) while somebody at home there writes from two devices", async (kind, partition) => {
  const user = await userIn(partition);
  const devices = [
    new Device({ store, user, name: "near", region: "enam", concern: "majority" }),
    new Device({ store, user, name: "far", region: "apac", concern: "majority" }),
  ];
  await progress(devices, 3);
  const { session, position, cut } = await writeAlone(user);
  if (kind !== "isolate") {
    await fault(kind, "weur");
    await store.request("DELETE", `/v1/faults/${cut}`);
  }

  // Both go on, through whoever has taken over; a new device too, and readers never noticed.
  const readers = (["enam", "apac"] as const).map(
    (region) =>
      new Background(async (isOver) => {
        while (!isOver()) {
          for (const level of ["prefix", "eventual"] as const) {
            const read = await store.get(user, "kept", { region, level });
            expect(read.status, read.text).toBe(200);
            expect(read.text).toBe("a majority has it");
          }
          await pause(200);
        }
      }),
  );
  await progress(devices, 5);
  await Promise.all(readers.map((reader) => reader.stop()));
  const written = await store.put(user, "later", "by the new leader", {
    region: "apac",
    concern: "majority",
  });
  expect([200, 201], written.text).toContain(written.status);
  const leader = written.receipt.leader as RegionId;
  expect(["enam", "apac"]).toContain(leader);
  expect(written.header("Ithaca-Home")).toBe("weur");
  expect(written.header("Ithaca-Leader")).toBe(leader);
  const read = await store.get(user, "later", { region: "enam" });
  expect(read.text).toBe("by the new leader");
  expect(await logAt(leader, partition)).toMatchObject({ leader, state: "leading" });

  await Promise.all(devices.map((device) => device.stop()));

  // It is back: fenced, and it follows. Its own clients are served by who leads now.
  await store.request("DELETE", "/v1/faults");
  const back = await until(
    () => store.put(user, "back", "from weur", { region: "weur", concern: "all", timeoutMs: 10_000 }),
    ({ status }) => status === 200 || status === 201,
  );
  expect(back.receipt.leader).toBe(leader);
  expect(back.receipt.durableIn).toHaveLength(3);
  await converge(store, user);
  const own = await until(
    () => logAt("weur", partition),
    (log) => log?.leader === leader && log.state === "following",
  );
  expect(own).toMatchObject({ leader, state: "following" });

  // Who saw the write that only weur had is told so, once, and nobody else.
  const told = await store.get(user, "kept", { region: "weur", session, timeoutMs: 10_000 });
  expect(told.status, told.text).toBe(409);
  expect(told.problemName).toBe("session-lost");
  const [lost] = told.problem["lost"] as { from: string; to: string }[];
  expect(lost?.to).toBe(position);
  const again = await store.get(user, "alone", { region: "weur", session: told.session });
  expect(again.status).toBe(404);
  const other = await store.get(user, "kept", { region: "apac", session: written.session, level: "session" });
  expect(other.text).toBe("a majority has it");

  await Promise.all(["kept", "later", "back"].map((key) => store.delete(user, key)));
  await settleAccounts(store, devices);
});
