/** Who may do what, in a deployment that asks: tokens, namespaces, and modes that a deployment refuses. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startRuntime, type Runtime } from "./support/runtime.ts";
import { type Reply } from "./support/http.ts";
import { itemPath, type Store, type Asked } from "./support/store.ts";

const SECRET = "a secret of the identity tests, long enough for HS256";
const DEPLOYED = {
  AUTH_MODE: "jwt",
  AUTH_SECRET: SECRET,
  SESSION_SECRET: "another secret of the identity tests, for sessions",
  NAMESPACES: "default,billing",
  CORS_ORIGINS: "https://app.example",
  LOCAL_DEV: "",
  DRILLS: "off",
};

let runtime: Runtime;
let store: Store;
let alice: string;
let bob: string;
let admin: string;

beforeAll(async () => {
  runtime = await startRuntime(DEPLOYED);
  ({ store } = runtime);
  alice = await tokenOf({ sub: "alice" });
  bob = await tokenOf({ sub: "bob" });
  admin = await tokenOf({ sub: "root", scope: "admin" });
  for (const key of ["public/card", "private", "shared/with/alice", "shared-not"]) {
    expect((await store.put("bob", key, `bob's ${key}`, { token: bob })).status).toBe(201);
  }
});
afterAll(() => runtime.stop());

interface Times {
  readonly expiresInS?: number;
  readonly notBeforeInS?: number;
  readonly secret?: string;
}

function tokenOf(
  claims: Record<string, unknown>,
  { expiresInS = 600, notBeforeInS, secret = SECRET }: Times = {},
): Promise<string> {
  const now = Math.floor(Date.now() / 1_000);
  const jwt = new SignJWT(claims).setProtectedHeader({ alg: "HS256" }).setExpirationTime(now + expiresInS);
  if (notBeforeInS !== undefined) jwt.setNotBefore(now + notBeforeInS);
  return jwt.sign(new TextEncoder().encode(secret));
}

function expectForbidden(reply: Reply): void {
  expect(reply.status, reply.text).toBe(403);
  expect(reply.problem).toMatchObject({ type: "/problems/forbidden", definite: true, retryable: false });
  expect(reply.text).not.toContain("bob's");
}

describe("who is asking", () => {
  const path = itemPath("alice", "mine");

  test("without a token, or with a bad one: 401 and a challenge", async () => {
    const none = await store.request("GET", path);
    expect(none.status).toBe(401);
    expect(none.problem).toMatchObject({ type: "/problems/unauthenticated", definite: true });
    expect(none.header("WWW-Authenticate")).toMatch(/^Bearer realm=/);
    expect(none.header("WWW-Authenticate")).not.toContain("error=");

    const [head = "", payload = ""] = alice.split(".");
    const other = (await tokenOf({ sub: "alice", scope: "admin" })).split(".")[1];
    const encoded = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const bad: Record<string, string> = {
      "of another signer": await tokenOf(
        { sub: "alice" },
        { secret: "somebody else's secret, as long as ours" },
      ),
      expired: await tokenOf({ sub: "alice" }, { expiresInS: -120 }),
      "not valid yet": await tokenOf({ sub: "alice" }, { notBeforeInS: 300 }),
      "without sub": await tokenOf({}),
      "with an empty sub": await tokenOf({ sub: "" }),
      "with other claims": `${head}.${other}.${alice.split(".")[2]}`,
      unsigned: `${encoded({ alg: "none" })}.${payload}.`,
      "not a token": "alice",
      cut: alice.slice(0, -3),
    };
    for (const [what, token] of Object.entries(bad)) {
      for (const method of ["GET", "PUT", "DELETE"]) {
        const reply = await store.request(method, path, { token });
        expect(reply.status, `${what}: ${method}`).toBe(401);
        expect(reply.problemName).toBe("unauthenticated");
        expect(reply.header("WWW-Authenticate"), what).toContain('error="invalid_token"');
      }
    }
    const basic = await store.request("GET", path, { headers: { Authorization: "Basic YWxpY2U6eA==" } });
    expect(basic.status).toBe(401);
  });

  test("every path that tells of data or regions asks; what speaks of the service does not", async () => {
    const paths = [
      "/v1/users/alice/items",
      "/v1/users/alice/home",
      "/v1/users/alice/receipts/weur.16.1",
      "/v1/me/items",
      "/v1/ns/billing/users/alice/items",
      "/v1/regions",
    ];
    for (const each of paths) expect((await store.request("GET", each)).status, each).toBe(401);
    for (const each of ["/v1/health", "/metrics", "/openapi.json", "/problems", "/problems/forbidden"]) {
      expect((await store.request("GET", each)).status, each).toBe(200);
    }
    expect((await store.request("GET", "/v1/regions", { token: alice })).status).toBe(200);
  });

  test("tokens that `ithaca token` makes are good", async () => {
    const bin = fileURLToPath(new URL("../../bin/ithaca.mjs", import.meta.url));
    const env = { ...process.env, AUTH_SECRET: SECRET };
    const { stdout } = await promisify(execFile)(process.execPath, [bin, "token", "--sub", "carol"], { env });
    const token = stdout.trim();
    expect((await store.put("carol", "own", "x", { token })).status).toBe(201);
    expectForbidden(await store.get("bob", "private", { token }));
  });
});

describe("one's own", () => {
  test("data is one's own to write, read, list and delete, by name and as me", async () => {
    expect((await store.put("alice", "mine", "of alice", { token: alice })).status).toBe(201);
    const me = await store.request("GET", "/v1/me/items/mine", { token: alice });
    expect(me.text).toBe("of alice");
    const put = await store.request("PUT", "/v1/me/items/mine", { token: alice, body: "again" });
    expect(put.receipt.user).toBe("alice");
    expect((await store.get("alice", "mine", { token: alice })).text).toBe("again");
    const listed = await store.request("GET", "/v1/me/items?prefix=mine", { token: alice });
    expect(listed.page.items.map(({ key }) => key)).toEqual(["mine"]);
    const home = await store.request("GET", "/v1/me/home", { token: alice });
    expect(home.home.user).toBe("alice");
    const receipt = await store.request("GET", `/v1/me/receipts/${put.receipt.position}`, { token: alice });
    expect(receipt.receipt.key).toBe("mine");
    expect((await store.request("DELETE", "/v1/me/items/mine", { token: alice })).status).toBe(200);
  });

  test("a sub that is no user has no data", async () => {
    for (const sub of ["x".repeat(129), "a\u0000b", "..", "a/../b"]) {
      const token = await tokenOf({ sub });
      const reply = await store.request("PUT", "/v1/me/items/k", { token, body: "x" });
      expect(reply.status, JSON.stringify(sub)).toBeGreaterThanOrEqual(400);
      expect(reply.status, JSON.stringify(sub)).toBeLessThan(500);
    }
  });
});

describe("somebody else's", () => {
  test("data is not to be read, listed, written, deleted or settled; public/ is to be read", async () => {
    const asked: Asked = { token: alice };
    expectForbidden(await store.get("bob", "private", asked));
    expectForbidden(await store.list("bob", "", asked));
    expectForbidden(await store.put("bob", "private", "mine now", asked));
    expectForbidden(await store.put("bob", "public/card", "mine now", asked));
    expectForbidden(await store.delete("bob", "public/card", asked));
    expectForbidden(await store.request("GET", "/v1/users/bob/home", asked));
    const move = { ...asked, body: JSON.stringify({ region: "apac" }) };
    expectForbidden(await store.request("PUT", "/v1/users/bob/home", move));
    expectForbidden(await store.request("GET", "/v1/users/bob/receipts/weur.16.1", asked));
    // Not even whether it exists.
    expectForbidden(await store.get("bob", "never-written", asked));
    expectForbidden(await store.get("nobody", "x", asked));

    expect((await store.get("bob", "public/card", asked)).text).toBe("bob's public/card");
    const listed = await store.list("bob", "?prefix=public/", asked);
    expect(listed.page.items.map(({ key }) => key)).toEqual(["public/card"]);
    expectForbidden(await store.list("bob", "?prefix=public", asked));
    expectForbidden(await store.get("bob", "publicity", asked));
    expect((await store.get("bob", "private", { token: bob })).text).toBe("bob's private");
  });

  test("nor by encoding the path otherwise", async () => {
    for (const path of [
      "/v1/users/bob/items/public%2Fcard",
      "/v1/users/%62ob/items/private",
      "/v1/users/bob/items/public%2F..%2Fprivate",
      "/v1/users/alice%2F..%2Fbob/items/private",
      "/v1/users/alice/../bob/items/private",
    ]) {
      const reply = await store.request("GET", path, { token: alice });
      expect(reply.text, path).not.toContain("bob's private");
    }
  });

  test("what the claim `read` lists may be read, and nothing beside it", async () => {
    const token = await tokenOf({ sub: "alice", read: ["users/bob/shared/*", "users/*/motto"] });
    expect((await store.get("bob", "shared/with/alice", { token })).status).toBe(200);
    expect((await store.list("bob", "?prefix=shared/", { token })).status).toBe(200);
    expectForbidden(await store.list("bob", "?prefix=shared", { token }));
    expectForbidden(await store.get("bob", "shared-not", { token }));
    expectForbidden(await store.get("bob", "private", { token }));
    expectForbidden(await store.put("bob", "shared/with/alice", "x", { token }));
    expect((await store.get("anybody", "motto", { token })).status).toBe(404);
    expectForbidden(await store.get("carol", "shared/with/alice", { token }));
    for (const read of ["users/bo*/private", "*", "users/bob", 7, { users: "bob" }]) {
      expectForbidden(await store.get("bob", "private", { token: await tokenOf({ sub: "alice", read }) }));
    }
  });

  test("scopes: read:any, write:any, admin", async () => {
    const reader = await tokenOf({ sub: "r", scope: "openid read:any" });
    expect((await store.get("bob", "private", { token: reader })).status).toBe(200);
    expect((await store.list("bob", "", { token: reader })).status).toBe(200);
    expectForbidden(await store.put("bob", "private", "x", { token: reader }));

    const writer = await tokenOf({ sub: "w", scope: ["write:any"] });
    expect((await store.put("bob", "inbox", "x", { token: writer })).status).toBe(201);
    expectForbidden(await store.get("bob", "private", { token: writer }));

    expect((await store.get("bob", "private", { token: admin })).status).toBe(200);
    expect((await store.put("bob", "inbox", "y", { token: admin })).status).toBe(200);
    for (const scope of ["administrator", "read", "READ:ANY", "read:anything"]) {
      expectForbidden(await store.get("bob", "private", { token: await tokenOf({ sub: "r", scope }) }));
    }
  });

  test("an idempotency key is the caller's own", async () => {
    const asked = { idempotencyKey: "same" };
    const byBob = await store.put("bob", "box", "x", { ...asked, token: bob });
    const byAdmin = await store.put("bob", "box", "y", { ...asked, token: admin });
    expect(byAdmin.status).toBe(200);
    expect(byAdmin.receipt.position).not.toBe(byBob.receipt.position);
  });
});

describe("namespaces", () => {
  test("are worlds of their own, and a token is good for those it names", async () => {
    const path = "/v1/ns/billing/users/alice/items/bill";
    expectForbidden(await store.request("GET", path, { token: alice }));
    const token = await tokenOf({ sub: "alice", ns: ["billing"] });
    expect((await store.request("PUT", path, { token, body: "due" })).status).toBe(201);
    const own = await store.request("GET", "/v1/ns/billing/me/items/bill", {
      token,
      region: "apac",
    });
    expect(own.text).toBe("due");
    expectForbidden(await store.get("alice", "bill", { token }));
    const both = await tokenOf({ sub: "alice", ns: "default billing" });
    expect((await store.get("alice", "bill", { token: both })).status).toBe(404);
    expect((await store.request("GET", path, { token: both })).text).toBe("due");
    const same = await store.request("GET", "/v1/ns/default/users/alice/items/bill", { token: both });
    expect(same.status).toBe(404);
    expect((await store.request("GET", path, { token: admin })).status).toBe(200);
    const unknown = await store.request("GET", "/v1/ns/nowhere/users/alice/items/x", { token: admin });
    expect(unknown.problem).toMatchObject({ type: "/problems/not-found" });
  });

  test("a session of one namespace is none in another", async () => {
    const token = await tokenOf({ sub: "alice", ns: ["default", "billing"] });
    const { session } = await store.put("alice", "s", "x", { token });
    const path = "/v1/ns/billing/users/alice/items/bill";
    const reply = await store.request("GET", path, { token, session });
    expect(reply.status).toBe(400);
    expect(reply.problemName).toBe("invalid-session");
  });
});

describe("a deployment", () => {
  test("without drills has no faults, whoever asks", async () => {
    const body = JSON.stringify({ kind: "down", region: "weur", forMs: 1_000 });
    for (const token of [admin, alice]) {
      expect((await store.request("PUT", "/v1/faults", { token, body })).problemName).toBe("not-found");
      expect((await store.request("GET", "/v1/faults", { token })).status).toBe(404);
      expect((await store.request("DELETE", "/v1/faults", { token })).status).toBe(404);
      expect((await store.request("DELETE", "/v1/faults/abc", { token })).status).toBe(404);
    }
    const { regions } = (await store.request("GET", "/v1/regions", { token: admin })).members as {
      regions: { faults: unknown[] }[];
    };
    expect(regions.map(({ faults }) => faults)).toEqual([[], [], []]);
  });

  test("lets in scripts of the origins it names, and no others", async () => {
    const preflight = (origin: string) =>
      store.request("OPTIONS", "/v1/users/alice/items/x", {
        headers: { Origin: origin, "Access-Control-Request-Method": "PUT" },
      });
    const known = await preflight("https://app.example");
    expect(known.header("Access-Control-Allow-Origin")).toBe("https://app.example");
    expect((await preflight("https://evil.example")).header("Access-Control-Allow-Origin")).toBe("");
    const answer = await store.get("alice", "x", {
      token: alice,
      headers: { Origin: "https://app.example" },
    });
    expect(answer.header("Access-Control-Allow-Origin")).toBe("https://app.example");
    expect(answer.header("Vary")).toContain("Origin");
    const refused = await store.get("alice", "x", { headers: { Origin: "https://app.example" } });
    expect(refused.status).toBe(401);
    expect(refused.header("Access-Control-Allow-Origin"), "a script has to see why").toBe(
      "https://app.example",
    );
  });

  test("that is not local refuses to be open", async () => {
    const open = await startRuntime({ ...DEPLOYED, AUTH_MODE: "open" });
    try {
      for (const method of ["GET", "PUT"]) {
        const reply = await open.store.request(method, itemPath("alice", "mine"), { token: alice });
        expect(reply.status).toBe(500);
        expect(reply.problem).toMatchObject({ type: "/problems/misconfigured", retryable: false });
        expect(reply.problem.detail).toContain("AUTH_MODE");
      }
      expect((await open.store.request("GET", "/v1/health")).status).toBe(500);
    } finally {
      await open.stop();
    }
  });
});
