import { describe, expect, it } from "vitest";
import type { SinkSetting } from "../../src/deployment/sink-setting.ts";
import type { LogStatus, SinkReply, SinkStatus } from "../../src/replication/request.ts";
import { bearer, SECRET } from "./support/bearer.ts";
import { bench, problemOf, type Bench } from "./support/deployment.ts";
import { APAC, ENAM, unavailable, WEUR, type Answerer } from "./support/fake-regions.ts";

const ORDERS: SinkSetting = {
  name: "orders",
  namespace: "default",
  prefix: "orders/",
  from: "now",
  values: true,
  retryMs: [1_000],
  timeoutMs: 10_000,
  target: {
    kind: "https",
    url: "https://shop.example/hooks/a-secret-of-the-shop",
    secrets: ["whsec_a-secret-of-ours"],
  },
};
const SEARCH: SinkSetting = {
  ...ORDERS,
  name: "search",
  namespace: "other",
  prefix: "",
  target: { kind: "queue", binding: "CHANGES" },
};

const sink = (s: number, more: Partial<SinkStatus> = {}): SinkStatus => ({
  name: "orders",
  leads: false,
  delivered: { o: WEUR, e: 16, s },
  state: "unknown",
  attempts: 0,
  error: "",
  dueInMs: null,
  ...more,
});
const log = (origin: number, sinks: SinkStatus[]): LogStatus => ({
  origin,
  leader: origin,
  epoch: 16 + origin,
  head: 9,
  applied: 9,
  committed: 8,
  base: 0,
  lagMs: 0,
  state: "leading",
  sinks,
  peers: [],
});

/** The log of weur in partition 1, as each region sees it. */
const standing =
  (at: (region: number) => SinkStatus | null): Answerer =>
  ({ to }) => {
    const seen = to.partition === 1 && to.namespace === "default" ? at(to.region) : null;
    const logs = seen === null ? [] : [log(WEUR, [seen])];
    const about = {
      region: to.region,
      partition: to.partition,
      storeId: "s",
      incarnation: 1,
      restoring: false,
    };
    return { kind: "status", status: { ...about, logs } };
  };

const withSinks = (answer: Answerer): Bench => bench(answer, { sinks: [ORDERS, SEARCH] });
const list = async ({ send }: Bench) => {
  const response = await send("GET", "/v1/sinks");
  expect(response.status).toBe(200);
  const text = await response.text();
  expect(text).not.toContain("secret");
  const { sinks } = JSON.parse(text) as { sinks: { logs: unknown[]; unreachable: unknown[] }[] };
  return sinks;
};

describe("GET /v1/sinks", () => {
  it("shows every sink with every log that has a place for it, as the log's leader says", async () => {
    const retrying = sink(5, {
      leads: true,
      state: "retrying",
      attempts: 2,
      error: "it answered 500",
      dueInMs: 4_000,
    });
    const before = Date.now();
    const [orders, search] = await list(
      withSinks(standing((region) => (region === WEUR ? retrying : sink(7)))),
    );
    expect(orders).toMatchObject({
      name: "orders",
      namespace: "default",
      prefix: "orders/",
      kind: "https",
      to: "https://shop.example",
      unreachable: [],
    });
    expect(orders?.logs).toEqual([
      {
        partition: 1,
        origin: "weur",
        leader: "weur",
        state: "retrying",
        delivered: "weur.16.5",
        committed: "8",
        attempts: 2,
        error: "it answered 500",
        nextAt: expect.any(Number) as number,
      },
    ]);
    const [shown] = (orders?.logs ?? []) as { nextAt: number }[];
    expect(shown?.nextAt).toBeGreaterThanOrEqual(before + 4_000);
    expect(search).toMatchObject({
      name: "search",
      namespace: "other",
      kind: "queue",
      to: "CHANGES",
      logs: [],
    });
  });

  it("shows what a follower was told where the leader does not answer, and who that is", async () => {
    const told = standing((region) => sink(region === ENAM ? 6 : 7));
    const [orders, search] = await list(
      withSinks((asked) => (asked.to.region === WEUR ? unavailable("timeout", true) : told(asked))),
    );
    expect(orders?.logs).toMatchObject([{ state: "unknown", delivered: "weur.16.7", leader: "weur" }]);
    expect(orders?.unreachable).toEqual([0, 1, 2, 3].map((partition) => ({ partition, region: "weur" })));
    expect(search?.unreachable).toHaveLength(4);
  });

  it("reckons with replicas that know nothing of sinks", async () => {
    const { sinks: _, ...older } = log(WEUR, []);
    const about = { storeId: "s", incarnation: 1, restoring: false, logs: [older] };
    const [orders] = await list(
      withSinks(({ to }) => ({
        kind: "status",
        status: { ...about, region: to.region, partition: to.partition },
      })),
    );
    expect(orders?.logs).toEqual([]);
  });

  it("asks nobody where there are no sinks", async () => {
    const { send, regions } = bench(() => unavailable("refused", false));
    expect(await (await send("GET", "/v1/sinks")).json()).toEqual({ sinks: [] });
    expect(regions.asked).toEqual([]);
  });

  it("is for administrators", async () => {
    const guarded = bench(
      standing(() => null),
      { authMode: "jwt", authSecret: SECRET, localDev: false, sinks: [ORDERS] },
    );
    const exp = Math.floor(Date.now() / 1000) + 60;
    const as = (claims: object) => ({ headers: bearer({ exp, ...claims }) });
    for (const path of ["/v1/sinks", "/v1/sinks/orders"]) {
      const method = path === "/v1/sinks" ? "GET" : "POST";
      expect((await guarded.send(method, path)).status).toBe(401);
      expect((await guarded.send(method, path, as({ sub: "alice" }))).status).toBe(403);
    }
    expect((await guarded.send("GET", "/v1/sinks", as({ sub: "alice", scope: "admin" }))).status).toBe(200);
  });
});

describe("POST /v1/sinks/{name}", () => {
  const done = (s: number): SinkReply => ({
    kind: "sink",
    outcome: "done",
    logs: [{ origin: WEUR, position: { o: WEUR, e: 16, s } }],
  });
  const outcome = (kind: SinkReply["outcome"]): SinkReply => ({ kind: "sink", outcome: kind, logs: [] });
  const post = ({ send }: Bench, body: unknown, name = "orders") =>
    send("POST", `/v1/sinks/${name}`, { body: typeof body === "string" ? body : JSON.stringify(body) });
  const REPLAY = { action: "replay", partition: 1, position: "weur.16.4" };

  it("resumes at every leader, and says where that could not be told", async () => {
    const it = withSinks(({ to }) => {
      if (to.region === APAC) return unavailable("timeout", true);
      return to.region === WEUR && to.partition === 1 ? done(5) : { kind: "sink", outcome: "done", logs: [] };
    });
    const response = await post(it, { action: "resume" });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      sink: "orders",
      logs: [{ partition: 1, origin: "weur", position: "weur.16.5" }],
      unreachable: [0, 1, 2, 3].map((partition) => ({ partition, region: "apac" })),
    });
    expect(it.regions.asked.every(({ to }) => to.namespace === "default")).toBe(true);
    expect(it.regions.asked[0]?.request).toMatchObject({
      op: "sink",
      name: "orders",
      action: { kind: "resume" },
    });
  });

  it("replays one log from a position", async () => {
    const it = withSinks(({ to }) => (to.region === WEUR ? done(4) : outcome("not-leader")));
    const response = await post(it, REPLAY);
    expect(await response.json()).toMatchObject({
      logs: [{ partition: 1, origin: "weur", position: "weur.16.4" }],
      unreachable: [],
    });
    expect(it.regions.asked.map(({ to }) => to.partition)).toEqual([1, 1, 1]);
    expect(it.regions.asked[0]?.request).toMatchObject({
      action: { kind: "replay", position: { o: WEUR, e: 16, s: 4 } },
    });
  });

  it.each<[string, Answerer, number, string]>([
    ["is gone", () => ({ ...outcome("gone"), logs: done(6).logs }), 410, "cursor-expired"],
    ["is none", () => outcome("no-position"), 404, "not-found"],
    ["nobody leads", () => outcome("not-leader"), 503, "no-leader"],
    ["cannot be reached", () => unavailable("timeout", true), 503, "region-unavailable"],
  ])("refuses a position that %s", async (_, answer, status, name) => {
    const response = await post(withSinks(answer), REPLAY);
    expect(response.status).toBe(status);
    const problem = await problemOf(response);
    expect(problem["type"]).toBe(`/problems/${name}`);
    if (status === 410) expect(problem["cursor"]).toBe("weur.16.6");
  });

  it.each<[unknown, number]>([
    ["{", 400],
    [{}, 400],
    [{ action: "stop" }, 400],
    [{ action: "resume", partition: 1 }, 400],
    [{ action: "replay" }, 400],
    [{ ...REPLAY, partition: 4 }, 400],
    [{ ...REPLAY, partition: -1 }, 400],
    [{ ...REPLAY, position: "weur.16" }, 400],
    [{ ...REPLAY, position: "oc.16.4" }, 400],
  ])("refuses %j", async (body, status) => {
    const it = withSinks(() => unavailable("refused", false));
    expect((await post(it, body)).status).toBe(status);
    expect(it.regions.asked).toEqual([]);
  });

  it("knows no other sinks", async () => {
    const it = withSinks(() => unavailable("refused", false));
    expect((await post(it, { action: "resume" }, "nobody")).status).toBe(404);
    expect((await post(it, { action: "resume" }, "orders/x")).status).toBe(404);
  });
});
