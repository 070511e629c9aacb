import { describe, expect, it } from "vitest";
import type { ClientReply } from "../../src/replication/request.ts";
import { bearer, SECRET } from "./support/bearer.ts";
import { bench, problemOf, type Bench } from "./support/deployment.ts";
import { APAC, ENAM, unavailable, WEUR, type Answerer } from "./support/fake-regions.ts";

const ONE_LOG = { namespaces: ["default"], partitions: 1, anchors: [WEUR] };
const to = (bench: Bench, region: string, headers: Record<string, string> = {}) =>
  bench.send("PUT", "/v1/regions/weur/leader", { body: JSON.stringify({ to: region }), headers });
const handed = (unavailableMs: number, epoch = 33): ClientReply => ({
  kind: "handed-off",
  position: { o: WEUR, e: epoch, s: 7 },
  unavailableMs,
});
const elsewhere = (leader: number, epoch = 16): ClientReply => ({ kind: "not-leader", leader, epoch });

describe("PUT /v1/regions/{origin}/leader", () => {
  it("asks the leader of every log of the origin, and says where each of them begins and the longest pause", async () => {
    const it = bench(({ to: { partition } }) => handed(10 + partition));
    const response = await to(it, "enam");
    expect(response.status).toBe(200);
    const body = (await response.json()) as { unavailableMs: number; positions: unknown[] };
    expect(body.unavailableMs).toBe(13);
    expect(body.positions).toHaveLength(8);
    expect(body.positions[5]).toEqual({
      namespace: "other",
      partition: 1,
      position: "weur.33.7",
      unavailableMs: 11,
    });
    expect(it.regions.asked.every(({ to, request }) => to.region === WEUR && request.op === "hand-off")).toBe(
      true,
    );
    expect(it.regions.asked[0]?.request).toMatchObject({ origin: WEUR, to: ENAM });
  });

  it("goes where the log is led, and knows the way the next time", async () => {
    const answer: Answerer = ({ to: { region } }) => (region === ENAM ? handed(0) : elsewhere(ENAM, 33));
    const it = bench(answer, ONE_LOG);
    expect((await to(it, "enam")).status).toBe(200);
    expect((await to(it, "enam")).status).toBe(200);
    expect(it.regions.route).toBe("hand-off@0 hand-off@1 hand-off@1");
  });

  it("asks somebody else who leads when the one it knows is gone, and accuses nobody", async () => {
    const it = bench(
      ({ to: { region } }) =>
        region === WEUR ? unavailable("timeout", true) : region === APAC ? handed(5, 34) : elsewhere(APAC),
      ONE_LOG,
    );
    expect((await to(it, "apac")).status).toBe(200);
    expect(it.regions.asked.some(({ request }) => "suspects" in request)).toBe(false);
  });

  it("leaves a log whose leader does not answer as it is, and says so", async () => {
    const it = bench(
      ({ to: { region } }) => (region === WEUR ? unavailable("refused", true) : elsewhere(WEUR)),
      ONE_LOG,
    );
    const response = await to(it, "enam");
    expect(response.status).toBe(503);
    expect(response.headers.get("Retry-After")).not.toBeNull();
    expect(await problemOf(response)).toMatchObject({
      type: "/problems/handoff-incomplete",
      definite: false,
      unavailableMs: 0,
      positions: [],
      remaining: [{ namespace: "default", partition: 0, reason: "no-leader" }],
    });
    expect(it.regions.route).toBe("hand-off@0 hand-off@1");
  });

  it("lists what remains beside what is done: nothing of that is undone", async () => {
    const it = bench(
      ({ to: { partition } }) => (partition === 2 ? { kind: "not-handed-off", why: "silent" } : handed(4)),
      { namespaces: ["default"] },
    );
    const problem = await problemOf(await to(it, "enam"));
    expect(problem).toMatchObject({
      definite: false,
      retryable: true,
      unavailableMs: 4,
      remaining: [{ partition: 2, reason: "silent" }],
    });
    expect(problem["positions"]).toHaveLength(3);
  });

  it("is definite where surely nothing was done", async () => {
    const it = bench(() => ({ kind: "not-handed-off", why: "silent" }), ONE_LOG);
    expect(await problemOf(await to(it, "enam"))).toMatchObject({ definite: true });
  });

  it("asks again what may be over in a moment, within the caller's time", async () => {
    const says: ClientReply[] = [
      { kind: "not-handed-off", why: "not-ready" },
      { kind: "refused", reason: "no-leader" },
      { kind: "not-handed-off", why: "taken-back" },
      handed(9),
    ];
    const it = bench(() => says.shift() ?? handed(0), ONE_LOG);
    expect(await (await to(it, "enam")).json()).toMatchObject({ unavailableMs: 9 });
    const never = bench(() => ({ kind: "not-handed-off", why: "behind" }), ONE_LOG);
    const began = Date.now();
    const response = await to(never, "enam", { "Ithaca-Timeout-Ms": "700" });
    expect(await problemOf(response)).toMatchObject({ remaining: [{ reason: "behind" }] });
    expect(Date.now() - began).toBeLessThan(700);
    expect(never.regions.asked.length).toBeGreaterThan(1);
  });

  it("does not go in circles", async () => {
    const it = bench(({ to: { region } }) => elsewhere(region === WEUR ? ENAM : WEUR), ONE_LOG);
    expect((await to(it, "enam")).status).toBe(503);
    expect(it.regions.asked.length).toBeLessThan(8);
  });

  it("refuses what is no region, and who is no administrator", async () => {
    const it = bench(() => handed(0));
    expect((await to(it, "mars")).status).toBe(400);
    expect((await it.send("PUT", "/v1/regions/mars/leader", { body: '{"to":"enam"}' })).status).toBe(404);
    expect((await it.send("PUT", "/v1/regions/weur/leader", { body: '{"too":"enam"}' })).status).toBe(400);
    const guarded = bench(() => handed(0), { authMode: "jwt", authSecret: SECRET });
    expect((await to(guarded, "enam")).status).toBe(401);
    expect((await to(guarded, "enam", bearer({ sub: "alice" }))).status).toBe(403);
    expect((await to(guarded, "enam", bearer({ sub: "root", scope: "admin" }))).status).toBe(200);
    expect(it.regions.asked).toEqual([]);
  });
});
