import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { ClientReply, ReadRequest, WriteRequest } from "../../src/replication/request.ts";
import { bench, problemOf, type Send } from "./support/deployment.ts";
import {
  APAC,
  ENAM,
  WEUR,
  facts,
  homeReply,
  item,
  unavailable,
  written,
  type Asked,
} from "./support/fake-regions.ts";

const PATH = "/v1/users/alice/items/k";
const inApac = { "Ithaca-Region": "apac" };
const put = (send: Send, headers: Record<string, string> = {}) => send("PUT", PATH, { body: "x", headers });

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Lets time pass until the answer is there. */
async function settled<T>(answer: Promise<T>): Promise<T> {
  const state = { done: false };
  const watched = answer.finally(() => {
    state.done = true;
  });
  while (!state.done) await vi.advanceTimersByTimeAsync(10);
  return watched;
}

/** A call that nobody answers. */
async function silence({ timeoutMs }: Asked): Promise<never> {
  await new Promise((resolve) => {
    setTimeout(resolve, timeoutMs);
  });
  return unavailable("timeout", true);
}

describe("a write", () => {
  it("goes to the near replica while nothing is known, and straight to the home after that", async () => {
    const { send, regions } = bench(({ to }) =>
      to.region === WEUR ? written() : { kind: "moved", home: WEUR, version: 1 },
    );
    expect((await put(send, inApac)).status).toBe(201);
    expect((await put(send, inApac)).status).toBe(201);
    expect(regions.route).toBe("write@2 write@0 write@0");
  });

  it("follows ask without remembering it", async () => {
    const { send, regions } = bench(({ to, request }) => {
      if (to.region === WEUR) return { kind: "ask", to: APAC };
      return (request as WriteRequest).asking === true
        ? written()
        : { kind: "moved", home: WEUR, version: 1 };
    });
    expect((await put(send)).status).toBe(201);
    expect(regions.route).toBe("write@0 write@2");
    expect(regions.asked[1]?.request).toMatchObject({ asking: true });
  });

  it("follows not-leader, and remembers who leads for everybody at home there", async () => {
    const { send, regions } = bench(({ to }) =>
      to.region === ENAM
        ? written({ facts: { leader: ENAM, epoch: 33 } })
        : { kind: "not-leader", leader: ENAM },
    );
    await put(send);
    await put(send);
    expect(regions.route).toBe("write@0 write@1 write@1");
  });

  it("gives up after three hops", async () => {
    let version = 0;
    const { send, regions } = bench(({ to }) => ({
      kind: "moved",
      home: (to.region + 1) % 3,
      version: ++version,
    }));
    const response = await put(send);
    expect(response.status).toBe(503);
    expect(response.headers.get("Retry-After")).toBe("1");
    expect(await problemOf(response)).toMatchObject({
      type: "/problems/no-leader",
      definite: true,
      retryable: true,
    });
    expect(regions.asked).toHaveLength(4);
  });

  it("claims a home in the nearest region that answers, and writes with the claim", async () => {
    const { send, regions } = bench(({ to, request }) => {
      if (request.op === "claim") return homeReply(request.home);
      if (to.region === APAC) unavailable("refused", false);
      return (request as WriteRequest).claim === undefined ? { kind: "unknown-user" } : written();
    });
    expect((await put(send, inApac)).status).toBe(201);
    // apac does not answer; enam is next for it.
    expect(regions.route).toBe("write@2 write@2 write@1 claim@0 write@1");
    expect(regions.asked[3]?.request).toMatchObject({ op: "claim", user: "alice", home: ENAM });
    expect(regions.asked[4]?.request).toMatchObject({ claim: { o: WEUR, e: 16, s: 3 } });
  });

  it("takes the home that somebody else claimed first", async () => {
    const { send, regions } = bench(({ to, request }) => {
      if (request.op === "claim") return homeReply(ENAM, { leader: ENAM });
      return to.region === ENAM ? written() : { kind: "unknown-user" };
    });
    expect((await put(send)).status).toBe(201);
    expect(regions.route).toBe("write@0 claim@0 write@1");
  });

  it("is sent again with the same key when an attempt was not answered", async () => {
    const { send, regions } = bench((asked) => (regions.asked.length === 1 ? silence(asked) : written()));
    const response = await settled(put(send));
    expect(response.status).toBe(201);
    const keys = regions.asked.map(({ request }) => (request as WriteRequest).idempotency);
    expect(keys).toHaveLength(2);
    expect(keys[0]).toEqual(keys[1]);
    expect(keys[0]).toMatchObject({ by: "edge" });
  });

  it("ends in doubt when no attempt was answered", async () => {
    const { send, regions } = bench(silence);
    const response = await settled(put(send, { "Ithaca-Timeout-Ms": "2000" }));
    expect(response.status).toBe(504);
    expect(await problemOf(response)).toMatchObject({
      type: "/problems/outcome-unknown",
      definite: false,
      retryable: true,
    });
    expect(regions.asked.every(({ timeoutMs }) => timeoutMs <= 2_000)).toBe(true);
  });

  it("is surely not done when nothing was delivered", async () => {
    const { send } = bench(() => unavailable("refused", false));
    const response = await put(send);
    expect(response.status).toBe(503);
    expect(await problemOf(response)).toMatchObject({ type: "/problems/region-unavailable", definite: true });
  });

  it("says that a later refusal is not definite when an attempt before it was not answered", async () => {
    const refused: ClientReply = {
      kind: "refused",
      reason: "precondition-failed",
      current: null,
      facts: facts(),
    };
    const { send, regions } = bench((asked) => (regions.asked.length === 1 ? silence(asked) : refused));
    const response = await settled(put(send, { "If-Match": '"weur.16.1"' }));
    expect(response.status).toBe(412);
    expect(await problemOf(response)).toMatchObject({ definite: false, version: null });
  });

  it("is not retried at a replica that is busy", async () => {
    const { send, regions } = bench(() => unavailable("overloaded", false));
    const response = await put(send);
    expect(response.status).toBe(503);
    expect(response.headers.get("Retry-After")).toBe("1");
    expect(await problemOf(response)).toMatchObject({ type: "/problems/overloaded", definite: true });
    expect(regions.asked).toHaveLength(1);
  });

  it("waits for a takeover, telling another replica whom it suspects", async () => {
    let asked = 0;
    const { send, regions } = bench(({ to }) => {
      if (regions.asked.length === 1) return written();
      if (to.region === WEUR) unavailable("refused", true);
      return ++asked < 3
        ? { kind: "not-leader", leader: WEUR }
        : written({ facts: { leader: ENAM, epoch: 33 } });
    });
    await put(send);
    const response = await settled(put(send));
    expect(response.status).toBe(201);
    expect(regions.route).toBe("write@0 write@0 write@0 write@1 write@1 write@1");
    expect(regions.asked[3]?.request).toMatchObject({ suspects: WEUR });
  });

  it("asks another replica as soon as the leader is silent, and goes back when that one finds it there", async () => {
    const { send, regions } = bench((asked) => {
      if (asked.to.region === WEUR) return regions.asked.length === 2 ? silence(asked) : written();
      return { kind: "moved", home: WEUR, version: 1, leader: WEUR, epoch: 16 };
    });
    await put(send);
    const response = await settled(put(send));
    expect(response.status).toBe(201);
    expect(regions.route).toBe("write@0 write@0 write@1 write@0");
    expect(regions.asked[2]?.request).toMatchObject({ suspects: WEUR });
    expect(await problemOf(response)).not.toHaveProperty("type");
  });

  it("learns the new leader from whoever knows it, with its epoch, and stays with it", async () => {
    const { send, regions } = bench(({ to }) => {
      if (regions.asked.length === 1) return written();
      if (to.region === WEUR) return unavailable("refused", false);
      if (to.region === ENAM) return { kind: "moved", home: WEUR, version: 1, leader: APAC, epoch: 34 };
      return written({ facts: { leader: APAC, epoch: 34 } });
    });
    await put(send);
    await put(send);
    await put(send);
    expect(regions.route).toBe("write@0 write@0 write@0 write@1 write@2 write@2");
  });

  it("does not follow a replica that has missed the takeover", async () => {
    const { send, regions } = bench(({ to }) => {
      if (to.region === APAC && regions.asked.length < 3)
        return written({ facts: { leader: APAC, epoch: 34 } });
      if (to.region === WEUR) return { kind: "not-leader", leader: APAC, epoch: 34 };
      if (to.region === APAC) return regions.asked.length < 6 ? unavailable("timeout", false) : written();
      return { kind: "moved", home: WEUR, version: 1, leader: WEUR, epoch: 16 };
    });
    await put(send);
    expect(regions.route).toBe("write@0 write@2");
    const response = await settled(put(send));
    expect(response.status).toBe(201);
    // enam still takes weur for the leader; this isolate knows better, and waits for apac or whoever follows it.
    expect(regions.asked.some(({ request }) => request.suspects === APAC)).toBe(true);
  });

  it("is not for certain refused by a new leader when the old one had logged it", async () => {
    const reply = written() as Extract<ClientReply, { kind: "written" }>;
    const lost = { o: WEUR, e: 16, s: 10, from: 8 };
    const { send, regions } = bench(() =>
      regions.asked.length === 1
        ? { ...reply, kind: "concern-timeout" }
        : { kind: "refused", reason: "session-lost", lost: [lost], facts: facts() },
    );
    const response = await settled(put(send, { "Ithaca-Write-Concern": "majority" }));
    expect(response.status).toBe(409);
    expect(await problemOf(response)).toMatchObject({
      type: "/problems/session-lost",
      definite: false,
      lost: [{ from: "weur.16.8", to: "weur.16.10" }],
    });
  });

  it("ends in doubt when the leader was deposed under it and none follows", async () => {
    const { send } = bench(() => ({ kind: "outcome-unknown" }));
    const response = await settled(put(send));
    expect(response.status).toBe(504);
    expect(await problemOf(response)).toMatchObject({ type: "/problems/outcome-unknown", definite: false });
  });

  it("passes on a deadline for each attempt, a little before its own patience ends", async () => {
    const { send, regions } = bench(() => written());
    const now = Date.now();
    await put(send);
    await put(send, { "Ithaca-Timeout-Ms": "100" });
    await put(send, { "Ithaca-Timeout-Ms": "1" });
    const told = regions.asked.map(({ request, timeoutMs }) => [
      (request as WriteRequest).deadlineAt - now,
      timeoutMs,
    ]);
    expect(told).toEqual([
      [1_000, 1_250],
      [80, 100],
      [1, 1],
    ]);
  });

  it("is asked for again while its leader says not yet", async () => {
    const reply = written() as Extract<ClientReply, { kind: "written" }>;
    const { send, regions } = bench(() => {
      if (regions.asked.length === 1) return { kind: "refused", reason: "no-leader" };
      return regions.asked.length < 4 ? { ...reply, kind: "concern-timeout" } : reply;
    });
    const response = await settled(put(send, { "Ithaca-Write-Concern": "majority" }));
    expect(response.status).toBe(201);
    expect(regions.route).toBe("write@0 write@0 write@0 write@0");
  });

  it("that is known to be durable stays known when the leader falls silent", async () => {
    const reply = written() as Extract<ClientReply, { kind: "written" }>;
    const { send, regions } = bench((asked) =>
      regions.asked.length === 1 ? { ...reply, kind: "concern-timeout" } : silence(asked),
    );
    const response = await settled(put(send, { "Ithaca-Write-Concern": "majority" }));
    expect(response.status).toBe(504);
    expect(await problemOf(response)).toMatchObject({ type: "/problems/write-concern-timeout" });
  });

  it("is not sent in circles by a replica that only knows the silent home", async () => {
    const { send, regions } = bench(({ to }) => {
      if (regions.asked.length === 1) return written();
      return to.region === WEUR ? unavailable("refused", false) : { kind: "moved", home: WEUR, version: 1 };
    });
    await put(send);
    const response = await settled(put(send));
    expect(response.status).toBe(503);
    expect(await problemOf(response)).toMatchObject({ type: "/problems/no-leader", definite: true });
    expect(regions.asked[3]).toMatchObject({ to: { region: ENAM }, request: { suspects: WEUR } });
  });

  it("has the namespace's concern, or its own", async () => {
    const { send, regions } = bench(() => written());
    await send("PUT", "/v1/ns/other/users/alice/items/k", { body: "" });
    await send("PUT", "/v1/ns/other/users/alice/items/k", {
      body: "",
      headers: { "Ithaca-Write-Concern": "all" },
    });
    await put(send);
    expect(regions.asked.map(({ request }) => (request as WriteRequest).concern)).toEqual([
      "majority",
      "all",
      "local",
    ]);
  });

  it("carries the receipt when its concern was not met in time", async () => {
    const reply = written() as Extract<ClientReply, { kind: "written" }>;
    const { send } = bench(() => ({ ...reply, kind: "concern-timeout" }));
    const response = await settled(put(send));
    expect(response.status).toBe(504);
    expect(response.headers.get("Ithaca-Session")).toMatch(/^s1/);
    expect(await problemOf(response)).toMatchObject({
      type: "/problems/write-concern-timeout",
      definite: false,
      receipt: { position: "weur.16.10" },
    });
  });
});

describe("a read", () => {
  const get = (send: Send, headers: Record<string, string> = {}) => send("GET", PATH, { headers });
  const levels = ({ asked }: { readonly asked: readonly Asked[] }) =>
    asked.map(({ request, to }) => `${(request as ReadRequest).level}@${to.region}`).join(" ");

  it.each(["user", "session"])("at %s without a token is the leader's", async (level) => {
    const { send, regions } = bench(({ to }) =>
      to.region === WEUR ? item() : { kind: "moved", home: WEUR, version: 1 },
    );
    await get(send, { ...inApac, "Ithaca-Consistency": level });
    await get(send, { ...inApac, "Ithaca-Consistency": level });
    expect(levels(regions)).toBe("leader@2 leader@0 leader@0");
  });

  it("at session with a token is the near replica's, and the leader's when that one is behind", async () => {
    let behind = false;
    const { send, regions } = bench(({ to }) => {
      if (to.region === WEUR || !behind) return item("{}", { servedBy: to.region });
      return { kind: "behind", waitedMs: 400, needed: { o: 0, e: 16, s: 7 }, found: { o: 0, e: 16, s: 5 } };
    });
    const first = await get(send);
    const headers = {
      ...inApac,
      "Ithaca-Consistency": "session",
      "Ithaca-Session": first.headers.get("Ithaca-Session") ?? "",
    };
    const near = await get(send, headers);
    expect(near.headers.get("Ithaca-Served-By")).toBe("apac");
    behind = true;
    const far = await get(send, headers);
    expect(far.headers.get("Ithaca-Served-By")).toBe("weur");
    expect(levels(regions)).toBe("leader@0 session@2 session@2 leader@0");
    expect(regions.asked[3]?.request).toMatchObject({
      session: { positions: [{ o: 0, e: 16, s: 7, durable: true }] },
    });
    expect(regions.asked[1]?.request).toMatchObject({ waitMs: 400 });
  });

  it("never waits longer near than half of its time", async () => {
    const { send, regions } = bench(() => item());
    const token = (await get(send)).headers.get("Ithaca-Session") ?? "";
    await get(send, { "Ithaca-Consistency": "session", "Ithaca-Session": token, "Ithaca-Timeout-Ms": "100" });
    expect(regions.asked[1]?.request).toMatchObject({ waitMs: 50 });
  });

  it.each(["prefix", "eventual"])("at %s takes the replica at hand", async (level) => {
    const { send, regions } = bench(() => ({ kind: "unknown-user" }));
    const response = await get(send, { ...inApac, "Ithaca-Consistency": level });
    expect(response.status).toBe(404);
    expect(levels(regions)).toBe(`${level}@2`);
  });

  it("takes the next region when the nearest does not answer, and remembers for a while", async () => {
    const { send, regions } = bench(({ to }) =>
      to.region === APAC ? unavailable("refused", false) : item(),
    );
    const headers = { ...inApac, "Ithaca-Consistency": "eventual" };
    for (let n = 0; n < 3; n++) expect((await get(send, headers)).status).toBe(200);
    expect(levels(regions)).toBe("eventual@2 eventual@1 eventual@2 eventual@1 eventual@1");
    vi.advanceTimersByTime(3_001);
    await get(send, headers);
    expect(regions.asked[5]?.to.region).toBe(APAC);
  });

  it("of an unknown user asks where the answer is certain", async () => {
    const { send, regions } = bench(() => ({ kind: "unknown-user" }));
    const response = await get(send, inApac);
    expect(response.status).toBe(404);
    expect(regions.route).toBe("read@2 home@0");
    expect(regions.asked[1]?.request).toMatchObject({ op: "home", certain: true });
    // Absence is not remembered.
    await get(send, inApac);
    expect(regions.asked).toHaveLength(4);
  });

  it("goes to the home that only the anchor knew", async () => {
    const { send, regions } = bench(({ request }) => {
      if (request.op === "home") return homeReply(ENAM);
      return (request as ReadRequest).claim === undefined ? { kind: "unknown-user" } : item();
    });
    expect((await get(send, inApac)).status).toBe(200);
    expect(regions.route).toBe("read@2 home@0 read@1");
  });

  it("bounded stays near, and says how old it may be", async () => {
    const { send, regions } = bench(() => item("{}", { stalenessMs: 41.2, servedBy: APAC }));
    const response = await get(send, { ...inApac, "Ithaca-Consistency": "bounded; max-staleness-ms=1500" });
    expect(response.headers.get("Ithaca-Staleness-Ms")).toBe("42");
    expect(regions.asked[0]).toMatchObject({
      to: { region: APAC },
      request: { level: "bounded", stalenessMsMax: 1_500 },
    });
  });

  it("is served stale on request only, and says so", async () => {
    const { send } = bench(({ request }) => {
      if ((request as ReadRequest).stale === true)
        return item("{}", { stalenessMs: null, servedBy: APAC, why: "stale" });
      return { kind: "refused", reason: "no-leader" };
    });
    const refused = await settled(get(send, inApac));
    expect(refused.status).toBe(503);
    expect(await problemOf(refused)).toMatchObject({ type: "/problems/no-leader", definite: true });
    const stale = await settled(get(send, { ...inApac, "Ithaca-On-Unreachable": "stale" }));
    expect(stale.status).toBe(200);
    expect(stale.headers.get("Ithaca-Anchored")).toBe("no");
    expect(stale.headers.get("Ithaca-Staleness-Ms")).toBe("unknown");
  });

  it("is definite even when attempts were not answered", async () => {
    const { send } = bench(silence);
    const response = await settled(get(send, { "Ithaca-Timeout-Ms": "1000" }));
    expect(response.status).toBe(503);
    expect(await problemOf(response)).toMatchObject({ type: "/problems/region-unavailable", definite: true });
  });

  it("times out with a problem of its own", async () => {
    const { send } = bench(() => ({ kind: "refused", reason: "read-timeout" }));
    const response = await settled(get(send, { "Ithaca-Read-Concern": "committed" }));
    expect(response.status).toBe(504);
    expect(await problemOf(response)).toMatchObject({
      type: "/problems/read-timeout",
      definite: true,
      retryable: true,
    });
  });

  it("explains itself", async () => {
    const { send } = bench(() => item());
    const response = await get(send, { "Ithaca-Explain": "1" });
    const trace = JSON.parse(response.headers.get("Ithaca-Trace") ?? "null") as Record<string, unknown>;
    expect(trace).toMatchObject({
      placedIn: "weur",
      replica: "weur",
      why: "leader",
      found: "weur.16.9",
      forwarded: false,
      epoch: "16",
      leaseLeftMs: 2_000,
    });
    expect(response.headers.get("Server-Timing")).toMatch(
      /^route;dur=\d+, wait;dur=0, replica;dur=\d+, total;dur=\d+$/,
    );
    expect((await get(send)).headers.get("Ithaca-Trace")).toBeNull();
  });
});
