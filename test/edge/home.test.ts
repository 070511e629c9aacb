import { describe, expect, it } from "vitest";
import { bench, problemOf } from "./support/deployment.ts";
import type { Position } from "../../src/replication/position.ts";
import type { ClientReply } from "../../src/replication/request.ts";
import { APAC, ENAM, homeReply, WEUR, type Answerer } from "./support/fake-regions.ts";

const PATH = "/v1/users/alice/home";
const inApac = { "Ithaca-Region": "apac" };

describe("GET home", () => {
  it("is confirmed by the leader of the home's log", async () => {
    const { send, regions } = bench(({ to }) => homeReply(ENAM, { version: to.region === ENAM ? 2 : 1 }));
    const response = await send("GET", PATH, { headers: inApac });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      user: "alice",
      home: "enam",
      leader: "enam",
      epoch: "17",
      partition: expect.any(Number),
    });
    expect(regions.route).toBe("home@2 home@1");
  });

  it("is the near replica's word at weaker levels", async () => {
    const { send, regions } = bench(() => homeReply(ENAM));
    await send("GET", PATH, { headers: { ...inApac, "Ithaca-Consistency": "eventual" } });
    expect(regions.route).toBe("home@2");
  });

  it("is not there before the first write, which only the anchor can say", async () => {
    const { send, regions } = bench(() => ({ kind: "unknown-user" }));
    const response = await send("GET", PATH, { headers: inApac });
    expect(response.status).toBe(404);
    expect(
      regions.asked.map(({ to, request }) => [to.region, request.op === "home" && request.certain]),
    ).toEqual([
      [APAC, false],
      [WEUR, true],
    ]);
  });
});

describe("PUT home", () => {
  /** At home nowhere at first; whoever leads the home's log says that the user is there. */
  const claimed: Answerer = ({ request }) => {
    if (request.op === "claim") return homeReply(request.home);
    return request.op === "move" && request.claim !== undefined
      ? homeReply(request.to)
      : { kind: "unknown-user" };
  };
  const put = (answer: Answerer, body: string, headers: Record<string, string> = {}) => {
    const { send, regions } = bench(answer);
    return send("PUT", PATH, { body, headers: { ...inApac, ...headers } }).then((response) => ({
      response,
      regions,
    }));
  };
  const moved = (home: number, claim?: Position): ClientReply => ({
    kind: "moved",
    home,
    version: 2,
    ...(claim === undefined ? {} : { claim }),
  });

  it("chooses it before the first write, and not the nearest one", async () => {
    const { response, regions } = await put(claimed, '{"region":"enam"}');
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ user: "alice", home: "enam", epoch: "17" });
    expect(regions.route).toBe("move@2 claim@0 move@1");
    // What the anchor's leader answers, a majority holds.
    expect(regions.asked.at(-1)?.request).toMatchObject({ op: "move", claim: { o: WEUR, committed: true } });
  });

  it("asks the leader of the user's log, wherever that is, and answers what it says", async () => {
    const { response, regions } = await put(
      ({ to }) => (to.region === WEUR ? homeReply(APAC, { version: 2 }) : moved(WEUR)),
      '{"region":"apac"}',
    );
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ home: "apac", leader: "apac" });
    expect(regions.route).toBe("move@2 move@0");
    expect(regions.asked.at(-1)?.request).toMatchObject({ op: "move", user: "alice", to: APAC });
  });

  it("brings along the entry by which the user is said to be elsewhere, for a replica that is behind", async () => {
    const claim = { o: APAC, e: 18, s: 7 };
    const { response, regions } = await put(
      ({ to }) => (to.region === ENAM ? homeReply(ENAM) : moved(ENAM, claim)),
      '{"region":"enam"}',
    );
    expect(response.status).toBe(200);
    expect(regions.asked.at(-1)?.request).toMatchObject({ op: "move", claim });
  });

  it("says that the region is not to be had, and that nothing was done", async () => {
    const { response } = await put(() => ({ kind: "refused", reason: "not-there" }), '{"region":"apac"}');
    expect(response.status).toBe(503);
    expect(response.headers.get("Retry-After")).toBe("1");
    expect(await problemOf(response)).toMatchObject({
      type: "/problems/region-unavailable",
      definite: true,
      retryable: true,
    });
  });

  it("asks again whether the region is there, as long as there is time", async () => {
    let asked = 0;
    const { response, regions } = await put(
      () => (++asked < 3 ? { kind: "refused", reason: "not-there", soon: true } : homeReply(APAC)),
      '{"region":"apac"}',
    );
    expect(response.status).toBe(200);
    expect(regions.route).toBe("move@2 move@2 move@2");
    const late = await put(
      () => ({ kind: "refused", reason: "not-there", soon: true }),
      '{"region":"apac"}',
      { "Ithaca-Timeout-Ms": "120" },
    );
    expect(late.response.status).toBe(503);
    expect(await problemOf(late.response)).toMatchObject({ type: "/problems/region-unavailable" });
  });

  it("does not know the outcome of a move that it saw begin and not end", async () => {
    const { response } = await put(
      () => ({ kind: "refused", reason: "no-leader", underWay: true }),
      '{"region":"apac"}',
      { "Ithaca-Timeout-Ms": "120" },
    );
    expect(response.status).toBe(504);
    expect(await problemOf(response)).toMatchObject({ type: "/problems/outcome-unknown", definite: false });
  });

  it("refuses whoever has moved as often as anybody may", async () => {
    const { response } = await put(
      () => ({ kind: "refused", reason: "moved-too-often" }),
      '{"region":"apac"}',
    );
    expect(response.status).toBe(400);
  });

  it.each([
    "",
    "{",
    "[]",
    "null",
    "{}",
    '{"region":7}',
    '{"region":"mars"}',
    '{"region":"apac","x":1}',
    `"${"x".repeat(5_000)}"`,
  ])("refuses %j", async (body) => {
    const { response, regions } = await put(claimed, body);
    expect(response.status).toBe(400);
    expect(regions.asked).toHaveLength(0);
  });
});
