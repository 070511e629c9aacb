import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterEach, describe, expect, it, vi } from "vitest";
import { bench, problemOf } from "./support/deployment.ts";
import { bearer, jwt, SECRET } from "./support/bearer.ts";
import { homeReply, item, receipt, facts, written, type Answerer } from "./support/fake-regions.ts";

const answer: Answerer = ({ request }) => {
  if (request.op === "write") return written();
  if (request.op === "home" || request.op === "claim" || request.op === "move") return homeReply(0);
  if (request.op === "receipt")
    return { kind: "receipt", receipt: receipt(), state: "pending", met: true, facts: facts() };
  if (request.op !== "read") throw new Error("not asked for");
  return request.what.kind === "item" ? item() : { kind: "list", items: [], facts: facts() };
};
const guarded = () => bench(answer, { authMode: "jwt", authSecret: SECRET, localDev: false });
const now = () => Math.floor(Date.now() / 1_000);

describe("a bearer token", () => {
  const get = (authorization?: string) =>
    guarded().send(
      "GET",
      "/v1/users/alice/items/k",
      authorization === undefined ? {} : { headers: { Authorization: authorization } },
    );

  it.each([
    ["plain", {}, 200],
    ["not expired", { exp: now() + 60 }, 200],
    ["expired within the leeway", { exp: now() - 20 }, 200],
    ["expired", { exp: now() - 40 }, 401],
    ["not valid yet", { nbf: now() + 60 }, 401],
    ["valid soon, within the leeway", { nbf: now() + 20 }, 200],
    ["with an expiry that is no number", { exp: "tomorrow" }, 401],
    ["of nobody", { sub: "" }, 401],
    ["of a number", { sub: 7 }, 401],
  ])("%s", async (_, claims, status) => {
    const response = await get(`Bearer ${jwt({ sub: "alice", ...claims })}`);
    expect(response.status).toBe(status);
    if (status === 401) {
      expect(response.headers.get("WWW-Authenticate")).toMatch(
        /^Bearer realm="ithaca", error="invalid_token"/,
      );
      expect(await problemOf(response)).toMatchObject({ type: "/problems/unauthenticated", definite: true });
    }
  });

  it.each([
    ["nothing", undefined],
    ["nothing at all", ""],
    ["another scheme", "Basic YTpi"],
    ["no token", "Bearer "],
    ["no JWT", "Bearer abc"],
    ["no JSON", "Bearer e30.e30.AAAA"],
    ["another secret", `Bearer ${jwt({ sub: "alice" }, { secret: "another" })}`],
    ["no signature", `Bearer ${jwt({ sub: "alice" }).replace(/[^.]*$/, "")}`],
    ["alg none", `Bearer ${jwt({ sub: "alice" }, { alg: "none" })}`],
    ["alg none without signature", `Bearer ${jwt({ sub: "alice" }, { alg: "none" }).replace(/[^.]*$/, "")}`],
    ["another algorithm", `Bearer ${jwt({ sub: "alice" }, { alg: "HS512" })}`],
    ["critical headers", `Bearer ${jwt({ sub: "alice" }, { head: { crit: ["exp"] } })}`],
    ["four parts", `Bearer ${jwt({ sub: "alice" })}.x`],
    ["something far too long", `Bearer ${"a".repeat(9_000)}`],
  ])("is refused when it is %s", async (_, authorization) => {
    const response = await get(authorization);
    expect(response.status).toBe(401);
    expect(response.headers.get("WWW-Authenticate")).toMatch(/^Bearer realm="ithaca"/);
  });

  it("stops being good when it expires, although it was good before", async () => {
    vi.useFakeTimers();
    const { send } = guarded();
    const headers = bearer({ sub: "alice", exp: now() + 60 });
    expect((await send("GET", "/v1/users/alice/items/k", { headers })).status).toBe(200);
    vi.advanceTimersByTime(100_000);
    expect((await send("GET", "/v1/users/alice/items/k", { headers })).status).toBe(401);
  });

  afterEach(() => {
    vi.useRealTimers();
    vi.unstubAllGlobals();
  });

  it("may be signed with a key out of a JWKS", async () => {
    const { publicKey, privateKey } = await generateKeyPair("ES256");
    const keys = { keys: [{ ...(await exportJWK(publicKey)), kid: "one", alg: "ES256" }] };
    vi.stubGlobal("fetch", async () => Response.json(keys));
    const { send } = bench(answer, { authMode: "jwt", jwksUrl: "https://issuer.test/jwks", localDev: false });
    const token = await new SignJWT({ sub: "alice" })
      .setProtectedHeader({ alg: "ES256", kid: "one" })
      .sign(privateKey);
    const ask = (authorization: string) =>
      send("GET", "/v1/me/items/k", { headers: { Authorization: authorization } });
    expect((await ask(`Bearer ${token}`)).status).toBe(200);
    expect((await ask(`Bearer ${token}`)).status).toBe(200);
    expect((await ask(`Bearer ${token.slice(0, -4)}AAAA`)).status).toBe(401);
    // Without a secret HS256 is nothing, whatever it was signed with.
    expect((await ask(`Bearer ${jwt({ sub: "alice" })}`)).status).toBe(401);
  });
});

describe("what a caller may do", () => {
  const claims = {
    owner: { sub: "alice" },
    other: { sub: "bob" },
    patterned: { sub: "bob", read: ["users/alice/shared/*", "users/alice/one", "users/*/open/*"] },
    reader: { sub: "bob", scope: "read:any" },
    writer: { sub: "bob", scope: "write:any" },
    admin: { sub: "bob", scope: "read:nothing admin" },
    wrongPattern: { sub: "bob", read: ["users/al*/shared/*", "alice/*", "users/alice/a*b", 7] },
  };
  type Who = keyof typeof claims;
  const everybody = Object.keys(claims) as Who[];

  it.each<[string, string, readonly Who[]]>([
    ["GET", "/v1/users/alice/items/k", ["owner", "reader", "admin"]],
    ["HEAD", "/v1/users/alice/items/k", ["owner", "reader", "admin"]],
    ["GET", "/v1/users/alice/items/public/k", everybody],
    ["GET", "/v1/users/alice/items/publicity", ["owner", "reader", "admin"]],
    ["GET", "/v1/users/alice/items/shared/k", ["owner", "patterned", "reader", "admin"]],
    ["GET", "/v1/users/alice/items/shared/k/l", ["owner", "patterned", "reader", "admin"]],
    ["GET", "/v1/users/alice/items/shared2", ["owner", "reader", "admin"]],
    ["GET", "/v1/users/alice/items/one", ["owner", "patterned", "reader", "admin"]],
    ["GET", "/v1/users/alice/items/one2", ["owner", "reader", "admin"]],
    ["GET", "/v1/users/alice/items/open/k", ["owner", "patterned", "reader", "admin"]],
    ["PUT", "/v1/users/alice/items/k", ["owner", "writer", "admin"]],
    ["PUT", "/v1/users/alice/items/public/k", ["owner", "writer", "admin"]],
    ["DELETE", "/v1/users/alice/items/k", ["owner", "writer", "admin"]],
    ["GET", "/v1/users/alice/items", ["owner", "reader", "admin"]],
    ["GET", "/v1/users/alice/items?prefix=public/", everybody],
    ["GET", "/v1/users/alice/items?prefix=public", ["owner", "reader", "admin"]],
    ["GET", "/v1/users/alice/items?prefix=shared/a", ["owner", "patterned", "reader", "admin"]],
    ["GET", "/v1/users/alice/items?prefix=one", ["owner", "reader", "admin"]],
    ["GET", "/v1/users/alice/home", ["owner", "reader", "admin"]],
    ["GET", "/v1/users/alice/receipts/weur.16.1", ["owner", "reader", "writer", "admin"]],
    ["PUT", "/v1/users/alice/home", ["owner", "writer", "admin"]],
    ["GET", "/v1/faults", ["admin"]],
    ["PUT", "/v1/faults", ["admin"]],
    ["DELETE", "/v1/faults", ["admin"]],
  ])("%s %s", async (method, path, allowed) => {
    const { send } = guarded();
    const body = path.endsWith("home") ? '{"region":"weur"}' : '{"kind":"down","region":"weur","forMs":1}';
    for (const who of everybody) {
      const init = { headers: bearer(claims[who]), ...(method === "PUT" ? { body } : {}) };
      const response = await send(method, path, init);
      expect(response.status === 403, who).toBe(!allowed.includes(who));
      expect([200, 201, 403], who).toContain(response.status);
    }
    expect((await send(method, path, method === "PUT" ? { body } : {})).status).toBe(401);
  });

  it("is bounded by namespaces", async () => {
    const { send } = guarded();
    const get = (claim: object, ns: string) =>
      send("GET", `/v1/ns/${ns}/users/alice/items/k`, { headers: bearer({ sub: "alice", ...claim }) });
    expect((await get({}, "default")).status).toBe(200);
    expect((await get({}, "other")).status).toBe(403);
    expect((await get({ scope: "read:any" }, "other")).status).toBe(403);
    expect((await get({ ns: ["other"] }, "other")).status).toBe(200);
    expect((await get({ ns: ["other"] }, "default")).status).toBe(403);
    expect((await get({ scope: "admin" }, "other")).status).toBe(200);
    expect((await get({ scope: "admin" }, "none")).status).toBe(404);
    expect((await get({}, "constructor")).status).toBe(404);
  });

  it("is their own under /v1/me", async () => {
    const { send, regions } = guarded();
    expect(
      (await send("PUT", "/v1/me/items/a/b", { headers: bearer({ sub: "zoë/1" }), body: "" })).status,
    ).toBe(201);
    expect(
      (await send("GET", "/v1/ns/other/me/items/k", { headers: bearer({ sub: "alice", ns: "other" }) }))
        .status,
    ).toBe(200);
    expect(regions.asked[0]?.request).toMatchObject({
      user: "zoë/1",
      principal: "zoë/1",
      command: { key: "a/b" },
    });
    expect(regions.asked[1]?.to.namespace).toBe("other");
  });

  it("sees no fault where drills are off", async () => {
    const { send } = bench(answer, { authMode: "jwt", authSecret: SECRET, drills: false, localDev: false });
    expect((await send("GET", "/v1/faults", { headers: bearer({ sub: "a", scope: "admin" }) })).status).toBe(
      404,
    );
    expect((await send("GET", "/v1/faults")).status).toBe(404);
  });
});

describe("open mode", () => {
  it("is for local development only", async () => {
    const { send, regions } = bench(answer, { localDev: false });
    for (const path of ["/v1/users/alice/items/k", "/v1/regions", "/v1/health", "/v1/nothing"]) {
      const response = await send("GET", path);
      expect(response.status, path).toBe(500);
      expect(await problemOf(response)).toMatchObject({ type: "/problems/misconfigured", definite: true });
    }
    expect(regions.asked).toHaveLength(0);
    expect((await send("GET", "/problems/misconfigured")).status).toBe(200);
  });

  it("knows nobody by the name of me", async () => {
    const { send } = bench(answer);
    expect((await send("GET", "/v1/me/items/k")).status).toBe(401);
  });
});
