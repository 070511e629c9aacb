import { describe, expect, it, vi } from "vitest";
import type { ReplicaName } from "../../durable-objects/replica-name.ts";
import type { LogStatus, ReplicaStatus } from "../../src/replication/request.ts";
import { bench, problemOf } from "./support/deployment.ts";
import { APAC, item, unavailable, WEUR, type Answerer } from "./support/fake-regions.ts";

const log = (origin: number, more: Partial<LogStatus> = {}): LogStatus => ({
  origin,
  leader: origin,
  epoch: 16 + origin,
  head: Number.MAX_SAFE_INTEGER,
  applied: 5,
  committed: 4,
  base: 0,
  lagMs: null,
  state: "following",
  peers: [],
  ...more,
});

const told = ({ region, partition }: ReplicaName): ReplicaStatus => ({
  region,
  partition,
  storeId: "s",
  incarnation: 1,
  restoring: false,
  logs: [log(0), log(1, { epoch: 0 })],
});
const status: Answerer = ({ to }) => ({ kind: "status", status: told(to) });

interface Overview {
  readonly regions: readonly {
    readonly region: string;
    readonly reachable: boolean;
    readonly faults: unknown[];
    readonly logs: unknown[];
  }[];
}

describe("GET /v1/regions", () => {
  it("asks every replica, and lists the logs that were ever opened", async () => {
    const { send, regions } = bench(status);
    const { regions: list } = (await (await send("GET", "/v1/regions")).json()) as Overview;
    expect(list.map(({ region, reachable, logs }) => [region, reachable, logs.length])).toEqual([
      ["weur", true, 8],
      ["enam", true, 8],
      ["apac", true, 8],
    ]);
    expect(list[0]?.logs[0]).toEqual({
      namespace: "default",
      origin: "weur",
      partition: 0,
      leader: "weur",
      epoch: "16",
      head: "9007199254740991",
      applied: "5",
      committed: "4",
      lagMs: null,
      state: "following",
    });
    expect(regions.asked).toHaveLength(24);
    expect(regions.asked.every(({ timeoutMs }) => timeoutMs <= 1_500)).toBe(true);
  });

  it("tells checksums where replicas do, and what they cost where they count it", async () => {
    const cost = { since: 5, requests: 4, rowsRead: 3, rowsWritten: 2, queueOperations: 1 };
    const { send } = bench(({ to }) => ({
      kind: "status",
      status: { ...told(to), cost, logs: [log(0, { checksum: "ab" })] },
    }));
    const { regions: list } = (await (await send("GET", "/v1/regions?partition=3")).json()) as Overview;
    expect(list[0]).toMatchObject({
      logs: [{ checksum: "ab" }, { checksum: "ab" }],
      costs: [
        { namespace: "default", partition: 3, ...cost },
        { namespace: "other", partition: 3, ...cost },
      ],
    });
  });

  it("shows who has lost its memory, also when only another region has noticed", async () => {
    const noticed: Answerer = async (asked) => {
      const reply = await status(asked);
      return reply.kind === "status" && asked.to.region === 0
        ? { kind: "status", status: { ...reply.status, forgetful: [2] } }
        : reply;
    };
    const { send } = bench(noticed);
    const { regions: list } = (await (await send("GET", "/v1/regions")).json()) as Overview;
    expect(list.map(({ logs }) => (logs[0] as { state: string }).state)).toEqual([
      "following",
      "following",
      "amnesiac",
    ]);
  });

  it("tells how far apart the deployment itself keeps its regions, and nothing where it does not", async () => {
    const distances = [{ between: ["weur", "enam"] as const, roundTripMs: 76 }];
    const far = (await (await bench(status, { distances }).send("GET", "/v1/regions")).json()) as object;
    expect(far).toMatchObject({ distances });
    const near = (await (await bench(status).send("GET", "/v1/regions")).json()) as object;
    expect(Object.keys(near)).toStrictEqual(["regions"]);
  });

  it("is kept for a second, by what was asked for", async () => {
    vi.useFakeTimers();
    const { send, regions } = bench(status);
    const ask = () => send("GET", "/v1/regions?region=apac&partition=3");
    await ask();
    await ask();
    expect(regions.asked.map(({ to }) => `${to.namespace}/${to.partition}/${to.region}`)).toEqual([
      "default/3/2",
      "other/3/2",
    ]);
    await send("GET", "/v1/regions?region=apac&partition=2");
    expect(regions.asked).toHaveLength(4);
    vi.advanceTimersByTime(1_000);
    await ask();
    expect(regions.asked).toHaveLength(6);
    vi.useRealTimers();
  });

  it("says who does not answer", async () => {
    const { send } = bench((asked) =>
      asked.to.region === APAC ? unavailable("timeout", true) : status(asked),
    );
    const { regions: list } = (await (await send("GET", "/v1/regions")).json()) as Overview;
    expect(list.map(({ reachable }) => reachable)).toEqual([true, true, false]);
  });

  it("lists the faults of a region", async () => {
    const { send } = bench(status);
    await send("PUT", "/v1/faults", {
      body: '{"kind":"partition","region":"weur","peer":"apac","forMs":1000}',
    });
    const { regions: list } = (await (await send("GET", "/v1/regions")).json()) as Overview;
    expect(list.map(({ faults }) => faults.length)).toEqual([1, 0, 1]);
  });
});

describe("faults", () => {
  const put = (body: unknown) => {
    const { send, regions } = bench(() => item());
    return send("PUT", "/v1/faults", { body: typeof body === "string" ? body : JSON.stringify(body) }).then(
      (response) => ({
        response,
        regions,
        send,
      }),
    );
  };

  it.each([
    { kind: "down", region: "weur", forMs: 1 },
    { kind: "stall", region: "weur", forMs: 600_000 },
    { kind: "isolate", region: "weur", forMs: 10, peer: null, ms: null },
    { kind: "partition", region: "weur", peer: "enam", forMs: 10 },
    { kind: "one-way", region: "weur", peer: "enam", forMs: 10 },
    { kind: "delay", region: "weur", ms: 50, forMs: 10 },
    { kind: "delay", region: "weur", peer: "apac", ms: 50, forMs: 10 },
    { kind: "drop", region: "weur", probability: 1, forMs: 10 },
    { kind: "duplicate", region: "weur", probability: 0.01, forMs: 10 },
    { kind: "reorder", region: "weur", probability: 0.5, forMs: 10 },
    { kind: "skew", region: "weur", ms: -5_000, forMs: 10 },
  ])("$kind is put on every replica", async (body) => {
    const { response, regions } = await put(body);
    expect(response.status).toBe(200);
    const fault = (await response.json()) as Record<string, unknown>;
    expect(fault).toMatchObject({
      kind: body.kind,
      region: "weur",
      id: expect.stringMatching(/^[0-9a-f]{16}$/),
    });
    expect(fault["endsAt"]).toBeGreaterThan(Date.now() - 1_000);
    expect(regions.faults.size).toBe(24);
    expect(regions.faultsAt({ namespace: "other", partition: 3, region: APAC })).toMatchObject([
      { kind: body.kind, region: WEUR },
    ]);
  });

  it("restart is a matter of the region's own replicas", async () => {
    const { regions } = await put({ kind: "restart", region: "apac", forMs: 1 });
    expect([...regions.faults.keys()].every((name) => name.endsWith(`/${APAC}`))).toBe(true);
    expect(regions.faults.size).toBe(8);
  });

  it.each([
    "",
    "{",
    {},
    { kind: "down", region: "weur" },
    { kind: "down", region: "weur", forMs: 0 },
    { kind: "down", region: "weur", forMs: 600_001 },
    { kind: "down", region: "weur", forMs: 1.5 },
    { kind: "down", region: "mars", forMs: 1 },
    { kind: "flood", region: "weur", forMs: 1 },
    { kind: "down", region: "weur", peer: "enam", forMs: 1 },
    { kind: "down", region: "weur", ms: 5, forMs: 1 },
    { kind: "down", region: "weur", until: 5, forMs: 1 },
    { kind: "partition", region: "weur", forMs: 1 },
    { kind: "partition", region: "weur", peer: "weur", forMs: 1 },
    { kind: "partition", region: "weur", peer: "mars", forMs: 1 },
    { kind: "one-way", region: "weur", forMs: 1 },
    { kind: "delay", region: "weur", forMs: 1 },
    { kind: "delay", region: "weur", ms: 0, forMs: 1 },
    { kind: "delay", region: "weur", ms: 600_001, forMs: 1 },
    { kind: "drop", region: "weur", forMs: 1 },
    { kind: "drop", region: "weur", probability: 0, forMs: 1 },
    { kind: "drop", region: "weur", probability: 1.01, forMs: 1 },
    { kind: "skew", region: "weur", forMs: 1 },
  ])("%j is refused", async (body) => {
    const { response, regions } = await put(body);
    expect(response.status).toBe(400);
    expect(await problemOf(response)).toMatchObject({ type: "/problems/invalid-request" });
    expect(regions.faults.size).toBe(0);
  });

  it("are listed once, and ended one by one or all together", async () => {
    const { send, regions } = bench(() => item());
    const set = async (region: string) => {
      const response = await send("PUT", "/v1/faults", {
        body: JSON.stringify({ kind: "down", region, forMs: 60_000 }),
      });
      return ((await response.json()) as { id: string }).id;
    };
    const ids = [await set("weur"), await set("enam"), await set("apac")];
    const listed = async () =>
      ((await (await send("GET", "/v1/faults")).json()) as { faults: { id: string }[] }).faults.map(
        ({ id }) => id,
      );
    expect(await listed()).toEqual(ids);
    expect(await (await send("DELETE", `/v1/faults/${ids[1]}`)).json()).toEqual({ ended: [ids[1]] });
    expect(await listed()).toEqual([ids[0], ids[2]]);
    expect((await send("DELETE", `/v1/faults/${ids[1]}`)).status).toBe(404);
    expect(await (await send("DELETE", "/v1/faults")).json()).toEqual({ ended: [ids[0], ids[2]] });
    expect([...regions.faults.values()].flat()).toEqual([]);
  });
});

describe("the service", () => {
  it("is healthy without touching an object", async () => {
    const { send, regions } = bench(() => item());
    const response = await send("GET", "/v1/health");
    expect([response.status, await response.json()]).toEqual([200, { status: "ok" }]);
    await send("GET", "/metrics");
    await send("GET", "/openapi.json");
    expect(regions.asked).toHaveLength(0);
  });

  it("counts what it did, as OpenMetrics text", async () => {
    const { send } = bench(() => item());
    await send("GET", "/v1/users/alice/items/k");
    await send("GET", "/nothing");
    const response = await send("GET", "/metrics");
    expect(response.headers.get("Content-Type")).toBe(
      "application/openmetrics-text; version=1.0.0; charset=utf-8",
    );
    const text = await response.text();
    expect(text).toContain('ithaca_requests_total{route="getItem",status="200"} 1');
    expect(text).toContain('ithaca_requests_total{route="unknown",status="404"} 1');
    expect(text).toContain('ithaca_attempts_total{region="weur",op="read",outcome="item"} 1');
    expect(text).toContain('ithaca_request_seconds_bucket{route="getItem",le="+Inf"} 1');
    expect(text).toMatch(/# EOF\n$/);
  });

  it("has a page for every problem", async () => {
    const { send } = bench(() => item());
    const index = await (await send("GET", "/problems")).text();
    expect(index).toContain('href="/problems/session-lost"');
    const page = await send("GET", "/problems/session-lost");
    expect(page.headers.get("Content-Type")).toBe("text/html; charset=utf-8");
    expect(await page.text()).toContain("409");
    expect((await send("GET", "/problems/none")).status).toBe(404);
    expect((await send("GET", "/problems/constructor")).status).toBe(404);
  });
});
