import { describe, expect, it } from "vitest";
import { bench, problemOf } from "./support/deployment.ts";
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
  const claimed: Answerer = ({ request }) => homeReply(request.op === "claim" ? request.home : WEUR);
  const put = (answer: Answerer, body: string) => {
    const { send, regions } = bench(answer);
    return send("PUT", PATH, { body, headers: inApac }).then((response) => ({ response, regions }));
  };

  it("chooses it before the first write", async () => {
    const { response, regions } = await put(claimed, '{"region":"apac"}');
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ user: "alice", home: "apac", epoch: "18" });
    expect(regions.route).toBe("claim@0");
  });

  it("does not move it yet", async () => {
    const { response } = await put(() => homeReply(WEUR), '{"region":"apac"}');
    expect(response.status).toBe(501);
    expect(await problemOf(response)).toMatchObject({ type: "/problems/not-implemented", definite: true });
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
