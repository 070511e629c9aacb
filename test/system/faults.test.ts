/** Faults for drills: each is seen where it should be, does what it says and no more, ends, and leaves nothing behind. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { startRuntime, type Runtime } from "./support/runtime.ts";
import { type Reply } from "./support/http.ts";
import { converge, REGIONS, until, type RegionId, type Store } from "./support/store.ts";

/** Time that requests get which are expected to fail; the others have plenty. */
const SHORT_MS = 1_200;
const PLENTY_MS = 20_000;

let runtime: Runtime;
let store: Store;

beforeAll(async () => {
  runtime = await startRuntime({
    // A fault is put on every replica: fewer of them are told sooner.
    PARTITIONS: "3",
    ANCHORS: "weur,enam,apac",
    // So that a region that was cut off still acknowledges when these tests come to ask it.
    LEASE_MS: "30000",
  });
  ({ store } = runtime);
  await store.settle("wilma", "weur");
  await store.settle("enid", "enam");
  for (const user of ["wilma", "enid"]) await store.put(user, "before", "all is well", { concern: "all" });
  await converge(store, "wilma");
  await converge(store, "enid");
});
afterEach(async () => {
  await store.request("DELETE", "/v1/faults");
});
afterAll(() => runtime.stop());

interface Fault {
  readonly kind: string;
  readonly region: RegionId;
  readonly peer?: RegionId;
  readonly ms?: number;
  readonly probability?: number;
  readonly forMs?: number;
}

interface FaultSeen extends Fault {
  readonly id: string;
  readonly endsAt: number;
}

interface RegionSeen {
  readonly region: RegionId;
  readonly reachable: boolean;
  readonly faults: readonly FaultSeen[];
  readonly logs: readonly { origin: string; leader: string; head: string; committed: string }[];
}

async function faultsSeen(): Promise<readonly FaultSeen[]> {
  const reply = await store.request("GET", "/v1/faults");
  expect(reply.status, reply.text).toBe(200);
  return reply.members["faults"] as readonly FaultSeen[];
}

async function regionsSeen(from?: RegionId): Promise<Map<RegionId, RegionSeen>> {
  const reply = await store.request("GET", "/v1/regions", from === undefined ? {} : { region: from });
  expect(reply.status, reply.text).toBe(200);
  const regions = reply.members["regions"] as RegionSeen[];
  return new Map(regions.map((seen) => [seen.region, seen]));
}

/** Sets a fault; it is listed, and shown at the regions that it befalls. */
async function set(fault: Fault): Promise<FaultSeen> {
  const body = JSON.stringify({ forMs: 120_000, ...fault });
  const reply = await store.request("PUT", "/v1/faults", { body });
  expect(reply.status, reply.text).toBe(200);
  const { forMs: _, ...rest } = { forMs: 0, ...fault };
  const seen = reply.json() as FaultSeen;
  expect(seen).toMatchObject(rest);
  expect(await faultsSeen()).toContainEqual(seen);
  const regions = await regionsSeen(fault.region);
  for (const [region, { faults }] of regions) {
    const befallen = region === fault.region || region === fault.peer;
    const told = `${fault.kind} of ${fault.region} at ${region}`;
    if (befallen) expect(faults, told).toContainEqual(seen);
    else expect(faults, told).not.toContainEqual(seen);
  }
  return seen;
}

/** Ends all faults; after the next write that waits for everybody, all regions show the same. */
async function heal(...users: string[]): Promise<void> {
  const ended = await store.request("DELETE", "/v1/faults");
  expect(ended.status, ended.text).toBe(200);
  expect(await faultsSeen()).toEqual([]);
  await Promise.all(
    users.map(async (user) => {
      const written = await until(
        () => store.put(user, "healed", "all is well again", { concern: "all" }),
        ({ status }) => status === 200 || status === 201,
      );
      expect(written.receipt.durableIn).toHaveLength(3);
      await converge(store, user);
    }),
  );
  for (const { reachable, faults } of (await regionsSeen()).values()) {
    expect(reachable).toBe(true);
    expect(faults).toEqual([]);
  }
}

function expectNotDone(reply: Reply): void {
  expect(reply.status, reply.text).toBe(503);
  expect(["region-unavailable", "no-leader"]).toContain(reply.problemName);
  expect(reply.problem).toMatchObject({ definite: true, retryable: true });
  expect(Number(reply.header("Retry-After"))).toBeGreaterThan(0);
}

function expectUnknown(reply: Reply): void {
  expect(reply.status, reply.text).toBe(504);
  expect(reply.problem).toMatchObject({
    type: "/problems/outcome-unknown",
    definite: false,
    retryable: true,
  });
}

/** A read that found no leader: whichever way it says so, nothing was done, and it may be repeated. */
function expectUnread(reply: Reply): void {
  expect([503, 504], reply.text).toContain(reply.status);
  expect(reply.problem).toMatchObject({ definite: true, retryable: true });
}

function write(user: string, key: string, region: RegionId, more: object = {}): Promise<Reply> {
  return store.put(user, key, `${key} of ${user}`, {
    region,
    timeoutMs: SHORT_MS,
    idempotencyKey: key,
    ...more,
  });
}

describe("a region", () => {
  test("down: writes of its users are refused for certain, reads go elsewhere, others go on", async () => {
    const { session } = await store.get("wilma", "before", { region: "weur" });
    await set({ kind: "down", region: "weur" });
    const [refused, unread] = await Promise.all([
      Promise.all([
        ...REGIONS.map((region) => write("wilma", `down-${region}`, region)),
        store.delete("wilma", "before", { region: "apac", timeoutMs: SHORT_MS }),
      ]),
      Promise.all([
        store.get("wilma", "before", { region: "weur", timeoutMs: SHORT_MS }),
        store.get("wilma", "before", { region: "apac", level: "strong", timeoutMs: SHORT_MS }),
      ]),
    ]);
    refused.forEach(expectNotDone);
    unread.forEach(expectUnread);

    for (const asked of [
      { level: "eventual" },
      { level: "prefix" },
      { level: "session", session },
    ] as const) {
      const near = await store.get("wilma", "before", { region: "weur", ...asked });
      expect(near.text, asked.level).toBe("all is well");
      expect(["enam", "apac"]).toContain(near.servedBy);
      expect(near.header("Ithaca-Anchored")).toBe("");
    }
    const reachable = [...(await regionsSeen()).values()].map((seen) => [seen.region, seen.reachable]);
    expect(reachable).toEqual([
      ["weur", false],
      ["enam", true],
      ["apac", true],
    ]);

    const headers = { "Ithaca-On-Unreachable": "stale" };
    const [stale, during, all, ...newcomers] = await Promise.all([
      store.get("wilma", "before", { region: "weur", timeoutMs: 2 * SHORT_MS, headers }),
      write("enid", "during", "weur", { concern: "majority", timeoutMs: PLENTY_MS }),
      write("enid", "for-all", "enam", { concern: "all" }),
      ...Array.from({ length: 8 }, (_, at) => write(`newcomer-${at}`, "k", "weur", { timeoutMs: 2_500 })),
    ]);
    expect(stale.status, stale.text).toBe(200);
    expect(stale.text).toBe("all is well");
    expect(stale.header("Ithaca-Anchored")).toBe("no");
    expect(during.status, during.text).toBe(201);
    expect(all.status).toBe(504);
    expect(all.problem).toMatchObject({ type: "/problems/write-concern-timeout", definite: false });
    expect(all.problem["receipt"]).toMatchObject({ leader: "enam", key: "for-all" });
    // Who comes now settles elsewhere, unless nobody is there to arbitrate.
    const settled = newcomers.filter(({ status }) => status === 201);
    expect(settled.length).toBeGreaterThan(0);
    for (const { receipt } of settled) expect(["enam", "apac"]).toContain(receipt.leader);

    await heal("wilma", "enid");
    expect((await store.get("wilma", "down-weur")).status).toBe(404);
    const late = await write("enid", "for-all", "enam", { concern: "all", timeoutMs: PLENTY_MS });
    expect(late.status).toBe(201);
    expect(late.receipt).toMatchObject({
      position: (all.problem["receipt"] as { position: string }).position,
    });
  });

  test("stall: nobody hangs; a write is unknown, and the same key settles it", async () => {
    await set({ kind: "stall", region: "weur" });
    const near = ["weur", "apac"] as const;
    const [unknown, unread] = await Promise.all([
      Promise.all(near.map((region) => write("wilma", `stall-${region}`, region))),
      Promise.all(near.map((region) => store.get("wilma", "before", { region, timeoutMs: SHORT_MS }))),
    ]);
    unknown.forEach(expectUnknown);
    unread.forEach(expectUnread);
    const other = await store.get("wilma", "before", { region: "weur", level: "eventual" });
    expect(other.text).toBe("all is well");
    expect(["enam", "apac"]).toContain(other.servedBy);
    expect((await regionsSeen()).get("weur")?.reachable).toBe(false);

    await heal("wilma");
    const again = await write("wilma", "stall-apac", "apac", { timeoutMs: PLENTY_MS });
    expect(again.status).toBe(201);
    const repeated = await write("wilma", "stall-apac", "enam", { timeoutMs: PLENTY_MS });
    expect(repeated.receipt.position).toBe(again.receipt.position);
  });

  test("isolate: only its own clients reach it, and it reaches nobody", async () => {
    await store.put("wilma", "isolate", "before", { region: "weur", concern: "majority" });
    await set({ kind: "isolate", region: "weur" });
    const local = await write("wilma", "isolate", "weur", {
      idempotencyKey: "i-1",
      timeoutMs: PLENTY_MS,
    });
    expect(local.status, local.text).toBe(200);
    expect(local.receipt).toMatchObject({ durableIn: ["weur"], committed: false });
    const [majority, unknown, unread] = await Promise.all([
      write("wilma", "isolate-majority", "weur", { concern: "majority" }),
      write("wilma", "isolate-away", "enam"),
      store.get("enid", "before", { region: "weur", timeoutMs: SHORT_MS }),
    ]);
    expect(majority.status).toBe(504);
    expect(majority.problem).toMatchObject({
      type: "/problems/write-concern-timeout",
      receipt: { durableIn: ["weur"], committed: false, key: "isolate-majority" },
    });
    expectUnknown(unknown);
    expectUnread(unread);
    expect(
      (await write("enid", "isolate-other", "apac", { concern: "majority", timeoutMs: PLENTY_MS })).status,
    ).toBe(201);
    const away = await store.get("wilma", "isolate", { region: "enam", level: "eventual" });
    expect(away.text).toBe("before");
    expect(away.servedBy).toBe("enam");
    const at = async (from: RegionId) =>
      [...(await regionsSeen(from)).values()]
        .filter(({ reachable }) => reachable)
        .map(({ region }) => region);
    expect(await at("weur")).toEqual(["weur"]);
    expect(await at("enam")).toEqual(["enam", "apac"]);

    await heal("wilma", "enid");
    expect((await store.get("wilma", "isolate", { region: "apac" })).text).toBe("isolate of wilma");
    const later = await write("wilma", "isolate-majority", "weur", {
      concern: "majority",
      timeoutMs: PLENTY_MS,
    });
    expect(later.status).toBe(201);
    expect(later.receipt.committed).toBe(true);
    expect((await write("wilma", "isolate-away", "enam", { timeoutMs: PLENTY_MS })).status).toBe(201);
  });

  test("skew: its clock is off, and what it promised holds", async () => {
    const { receipt: before } = await write("enid", "skew-0", "enam", { timeoutMs: PLENTY_MS });
    expect(Math.abs(before.at - Date.now())).toBeLessThan(15_000);
    await set({ kind: "skew", region: "enam", ms: 40_000 });
    const { receipt: during } = await write("enid", "skew-1", "weur", { timeoutMs: PLENTY_MS });
    expect(during.at - Date.now()).toBeGreaterThan(25_000);
    expect((await store.get("enid", "skew-1", { region: "apac" })).text).toBe("skew-1 of enid");
    expect((await store.get("enid", "skew-1", { region: "apac", level: "strong" })).status).toBe(200);
    const level = "bounded; max-staleness-ms=2000";
    const bounded = await store.get("enid", "skew-1", { region: "apac", level });
    expect(bounded.status).toBe(200);
    expect(Number(bounded.header("Ithaca-Staleness-Ms"))).toBeLessThanOrEqual(2_000);
    await heal("enid");
    // Time does not go back for those who have seen it.
    const { receipt: after } = await write("enid", "skew-2", "enam", { timeoutMs: PLENTY_MS });
    expect(after.at).toBeGreaterThanOrEqual(during.at);
  });

  test("restart: its objects begin anew with what they had", async () => {
    await set({ kind: "restart", region: "weur" });
    const read = await until(
      () => store.get("wilma", "before", { region: "apac" }),
      ({ status }) => status === 200,
    );
    expect(read.text).toBe("all is well");
    await heal("wilma");
  });
});

describe("a fault", () => {
  test("ends at its own time; what waited for that goes on", async () => {
    const { id, endsAt } = await set({ kind: "stall", region: "weur", forMs: 5_000 });
    expect(Math.abs(endsAt - Date.now())).toBeLessThan(60_000);
    const written = await write("wilma", "patient", "apac", { timeoutMs: 30_000 });
    expect(written.status, written.text).toBe(201);
    const left = await until(faultsSeen, (faults) => faults.length === 0);
    expect(left.map((fault) => fault.id)).not.toContain(id);
    await heal("wilma");
  });

  test("is ended by its id, alone", async () => {
    const down = await set({ kind: "down", region: "apac" });
    const delay = await set({ kind: "delay", region: "weur", peer: "enam", ms: 5 });
    const ended = await store.request("DELETE", `/v1/faults/${down.id}`);
    expect(ended.members).toEqual({ ended: [down.id] });
    expect(await faultsSeen()).toEqual([delay]);
    expect((await regionsSeen()).get("apac")?.reachable).toBe(true);
    expect((await store.request("DELETE", `/v1/faults/${down.id}`)).problemName).toBe("not-found");
    const rest = await store.request("DELETE", "/v1/faults");
    expect(rest.members).toEqual({ ended: [delay.id] });
    expect((await store.request("DELETE", "/v1/faults")).members).toEqual({ ended: [] });
  });
});

describe("two regions", () => {
  test("partition: they do not reach each other; the third reaches both", async () => {
    await set({ kind: "partition", region: "weur", peer: "enam" });
    const [unread, ...unknown] = await Promise.all([
      store.get("wilma", "before", { region: "enam", timeoutMs: SHORT_MS }),
      write("wilma", "parted-enam", "enam"),
      write("enid", "parted-weur", "weur"),
    ]);
    unknown.forEach(expectUnknown);
    expectUnread(unread);
    for (const user of ["wilma", "enid"]) {
      const far = await write(user, "parted-apac", "apac", { concern: "majority", timeoutMs: PLENTY_MS });
      expect(far.status, far.text).toBe(201);
      expect(far.receipt.durableIn).toContain("apac");
    }
    const all = await write("wilma", "parted-all", "weur", { concern: "all" });
    expect(all.status).toBe(504);
    const { receipt } = all.problem as unknown as { receipt: { durableIn: string[]; position: string } };
    expect(receipt.durableIn).not.toContain("enam");

    await heal("wilma", "enid");
    const later = await write("wilma", "parted-all", "apac", { concern: "all", timeoutMs: PLENTY_MS });
    expect(later.receipt.position).toBe(receipt.position);
    expect(later.receipt.durableIn).toHaveLength(3);
    expect((await write("wilma", "parted-enam", "enam", { timeoutMs: PLENTY_MS })).status).toBe(201);
  });

  test("one-way: what goes with it is lost, answers too; what goes against it arrives", async () => {
    await set({ kind: "one-way", region: "weur", peer: "enam" });
    const unknown = await Promise.all([write("wilma", "against", "enam"), write("enid", "along", "weur")]);
    unknown.forEach(expectUnknown);
    // Asked by enam, done in weur, and the answer was lost: nobody might say that it was not done.
    const done = await store.get("wilma", "against", { region: "apac" });
    expect(done.text).toBe("against of wilma");
    // Asked by weur, never arrived in enam.
    expect((await store.get("enid", "along", { region: "apac" })).status).toBe(404);

    await heal("wilma", "enid");
    const again = await write("wilma", "against", "enam", { timeoutMs: PLENTY_MS });
    expect(again.status).toBe(201);
    expect(`"${again.receipt.version}"`).toBe(done.header("ETag"));
    expect((await write("enid", "along", "weur", { timeoutMs: PLENTY_MS })).status).toBe(201);
  });

  test("delay: what goes between them takes longer, each way", async () => {
    await set({ kind: "delay", region: "enam", peer: "weur", ms: 250 });
    const begun = Date.now();
    const slow = await store.get("wilma", "before", { region: "enam" });
    expect(slow.status).toBe(200);
    // Timers may be early by a little.
    expect(Date.now() - begun).toBeGreaterThanOrEqual(480);
    const near = await store.get("wilma", "before", { region: "enam", level: "eventual" });
    expect(near.servedBy).toBe("enam");
    const all = await write("wilma", "delayed", "weur", { concern: "all", timeoutMs: PLENTY_MS });
    expect(all.receipt.durableIn).toHaveLength(3);
    await heal("wilma");
  });
});

describe("the queues", () => {
  test("carry what the direct way does not: doubled, out of order, and not what they drop", async () => {
    const items = Array.from({ length: 12 }, (_, at) => `queued-${at}`);
    const shown = async (region: RegionId) => {
      const reply = await store.list("wilma", "?prefix=queued-&limit=1000", { region, level: "eventual" });
      expect(reply.servedBy).toBe(region);
      return reply.page.items.length;
    };
    await set({ kind: "duplicate", region: "apac", probability: 1 });
    await set({ kind: "drop", region: "enam", probability: 1 });
    await set({ kind: "reorder", region: "weur", probability: 0.5 });
    await store.put("wilma", "warm", "the lease is fresh", { region: "weur", concern: "majority" });
    // Direct calls take longer than this test may. A queue's delivery is never held up for more than 5 s.
    await set({ kind: "delay", region: "weur", ms: 600_000 });
    for (const key of items) {
      const written = await write("wilma", key, "weur", { timeoutMs: PLENTY_MS });
      expect(written.status, written.text).toBe(201);
      expect(written.receipt.durableIn).toEqual(["weur"]);
    }
    // Meanwhile the others go on, without the region that is far away now.
    const other = await write("enid", "queued-meanwhile", "apac", {
      concern: "majority",
      timeoutMs: PLENTY_MS,
    });
    expect(other.status, other.text).toBe(201);

    expect(
      await until(
        () => shown("apac"),
        (count) => count === items.length,
        60_000,
      ),
      "by queue, and not by a call",
    ).toBe(items.length);
    expect(await shown("enam")).toBe(0);
    await heal("wilma", "enid");
    expect(await shown("enam")).toBe(items.length);
  });

  test("doubling, dropping and reordering at once, beside calls that are slower than the queue, harm nothing", async () => {
    for (const region of REGIONS) {
      await set({ kind: "duplicate", region, probability: 0.5 });
      await set({ kind: "drop", region, probability: 0.3 });
      await set({ kind: "reorder", region, probability: 0.5 });
    }
    // Longer than the 400 ms after which an entry that is not acknowledged goes to the queue as well.
    await set({ kind: "delay", region: "weur", ms: 450 });
    for (let round = 0; round < 15; round++) {
      const key = `storm-${round % 5}`;
      const more = { idempotencyKey: `storm ${round}`, timeoutMs: PLENTY_MS };
      const replies = await Promise.all([
        write("wilma", key, "weur", more),
        write("enid", key, round % 2 === 0 ? "enam" : "apac", more),
      ]);
      for (const { status, text } of replies) expect([200, 201], text).toContain(status);
    }
    const far = await write("wilma", "storm-end", "weur", { concern: "all", timeoutMs: PLENTY_MS });
    expect(far.status, far.text).toBe(201);
    await heal("wilma", "enid");
  });
});

test("the regions tell how far each log is, the same everywhere once all is quiet", async () => {
  await heal("wilma", "enid");
  const headsOf = ({ logs }: RegionSeen) =>
    logs.map((log) => `${log.origin} led by ${log.leader}: ${log.head}`);
  const quiet = await until(
    async () => [...(await regionsSeen()).values()],
    (regions) => new Set(regions.map((seen) => headsOf(seen).join())).size === 1,
  );
  const [first, ...others] = quiet.map(headsOf);
  for (const other of others) expect(other).toEqual(first);
  expect(first?.some((log) => log.startsWith("weur led by weur"))).toBe(true);
  expect(first?.some((log) => log.startsWith("enam led by enam"))).toBe(true);
  for (const { logs } of quiet) {
    for (const { committed, head } of logs) expect(BigInt(committed)).toBeLessThanOrEqual(BigInt(head));
  }
});
