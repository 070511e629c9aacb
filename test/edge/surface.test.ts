import { describe, expect, it } from "vitest";
import { EXPOSED_HEADERS, REQUEST_HEADERS } from "../../src/api/header.ts";
import type { ClientReply, ReadRequest, WriteRequest } from "../../src/replication/request.ts";
import { createApp, createMisconfiguredApp } from "../../src/edge/app.ts";
import { bench, deployment, problemOf } from "./support/deployment.ts";
import { facts, FakeRegions, item, written } from "./support/fake-regions.ts";

const PATH = "/v1/users/alice/items/k";
const both = () => bench(({ request }) => (request.op === "write" ? written() : item('{"a":1}')));

describe("requests that do not parse", () => {
  it.each<[string, string, Record<string, string>]>([
    ["GET", PATH, { "Ithaca-Region": "mars" }],
    ["GET", PATH, { "Ithaca-Consistency": "linearizable" }],
    ["GET", PATH, { "Ithaca-Read-Concern": "majority" }],
    ["GET", PATH, { "Ithaca-Timeout-Ms": "0" }],
    ["GET", PATH, { "Ithaca-On-Lost": "ignore" }],
    ["GET", PATH, { "Ithaca-On-Unreachable": "fail" }],
    ["GET", PATH, { "Ithaca-Explain": "yes" }],
    ["GET", PATH, { "If-None-Match": "weur.16.7" }],
    ["GET", PATH, { "If-Match": "" }],
    ["PUT", PATH, { "Ithaca-Write-Concern": "two" }],
    ["PUT", PATH, { "Idempotency-Key": '""' }],
    ["PUT", PATH, { "Ithaca-Expires-In": "0" }],
    ["PUT", PATH, { "If-Match": "a" }],
    ["PUT", PATH, { "Content-Range": "bytes 0-1/2" }],
    ["DELETE", PATH, { "If-None-Match": '"a' }],
    ["DELETE", PATH, { "Ithaca-Write-Concern": "" }],
    ["GET", "/v1/users/alice/items", { "Ithaca-Consistency": "bounded" }],
    ["GET", "/v1/users/alice/home", { "Ithaca-Region": "mars" }],
  ])("%s %s with %j", async (method, path, headers) => {
    const { send, regions } = both();
    const response = await send(method, path, { headers });
    expect(response.status).toBe(400);
    const problem = await problemOf(response);
    expect(problem).toMatchObject({
      type: "/problems/invalid-request",
      status: 400,
      definite: true,
      retryable: false,
    });
    expect(problem["detail"]).toContain(Object.keys(headers)[0]);
    expect(response.headers.get("Content-Type")).toBe("application/problem+json");
    expect(regions.asked).toHaveLength(0);
  });

  it.each([
    "/v1/users/alice/items/",
    "/v1/users/alice/items//a",
    "/v1/users/alice/items/a/",
    "/v1/users/alice/items/a%2F..%2Fb",
    "/v1/users/alice/items/%FF",
    "/v1/users/alice/items/a%0Ab",
    `/v1/users/alice/items/${"k".repeat(513)}`,
    `/v1/users/${"u".repeat(129)}/items/k`,
    "/v1/users/%00/items/k",
    "/v1/users//items/k",
    "/v1/users/alice//items/k",
    "/v1/users/a%2F%2E%2E/items/k",
    "/v1/users/alice/items?limit=0",
    "/v1/users/alice/items?limit=1001",
    "/v1/users/alice/items?limit=ten",
    "/v1/users/alice/items?limit=1&limit=2",
    "/v1/users/alice/items?prefix=%FF",
    `/v1/users/alice/items?prefix=${"k".repeat(513)}`,
    "/v1/users/alice/items?reverse=yes",
    "/v1/users/alice/items?values=1",
    "/v1/users/alice/items?cursor=nonsense",
    "/v1/users/alice/receipts/weur.16",
    "/v1/users/alice/receipts/weur.16.1?waitMs=25001",
    "/v1/users/alice/receipts/weur.16.1?concern=two",
    "/v1/regions?region=mars",
    "/v1/regions?partition=4",
  ])("GET %s", async (path) => {
    const { send, regions } = both();
    const response = await send("GET", path);
    expect(response.status).toBe(400);
    expect(await problemOf(response)).toMatchObject({ type: "/problems/invalid-request" });
    expect(regions.asked).toHaveLength(0);
  });

  it("shows dot segments when no URL parser was before it", async () => {
    const app = createApp({ deployment: deployment(), transport: new FakeRegions(() => item()) });
    for (const path of [
      "/v1/users/alice/items/a/../b",
      "/v1/users/alice/items/%2e%2E",
      "/v1/users/./items/k",
    ]) {
      // As the runtime may hand over what came over the wire; new Request() would have resolved it.
      const request = new Proxy(new Request("https://ithaca.test/"), {
        get: (target, name) =>
          name === "url" ? `https://ithaca.test${path}` : Reflect.get(target, name, target),
      });
      expect((await app.fetch(request)).status, path).toBe(400);
    }
  });
});

describe("methods", () => {
  it.each([
    ["POST", PATH, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS"],
    ["GET", "/v1/users/alice/transactions", "POST, OPTIONS"],
    ["POST", "/v1/users/alice/items", "GET, HEAD, OPTIONS"],
    ["DELETE", "/v1/ns/default/users/alice/home", "GET, HEAD, PUT, OPTIONS"],
    ["PUT", "/v1/me/receipts/weur.16.1", "GET, HEAD, OPTIONS"],
    ["POST", "/v1/health", "GET, HEAD, OPTIONS"],
    ["GET", "/v1/faults/x", "DELETE, OPTIONS"],
  ])("%s %s is not allowed", async (method, path, allow) => {
    const response = await both().send(method, path);
    expect(response.status).toBe(405);
    expect(response.headers.get("Allow")).toBe(allow);
    expect(await problemOf(response)).toMatchObject({ type: "/problems/method-not-allowed", definite: true });
  });

  it.each(["GET", "HEAD"])("%s / leads to the documentation", async (method) => {
    const response = await both().send(method, "/");
    expect(response.status).toBe(302);
    expect(response.headers.get("Location")).toBe("/docs");
    expect(await response.text()).toBe("");
  });

  it.each([
    ["GET", "/nothing"],
    ["POST", "/"],
  ])("%s %s is not here", async (method, path) => {
    const response = await both().send(method, path);
    expect(response.status).toBe(404);
    expect(await problemOf(response)).toMatchObject({ type: "/problems/not-found", definite: true });
  });

  it("HEAD is GET without the body", async () => {
    const { send, regions } = both();
    const head = await send("HEAD", PATH);
    const get = await send("GET", PATH);
    expect(await head.text()).toBe("");
    for (const name of [
      "content-length",
      "content-type",
      "etag",
      "ithaca-position",
      "cache-control",
      "vary",
    ]) {
      expect(head.headers.get(name), name).toBe(get.headers.get(name));
    }
    expect(head.headers.get("Content-Length")).toBe("7");
    expect(regions.asked.map(({ request }) => (request as ReadRequest).what)).toEqual([
      { kind: "item", key: "k", head: true },
      { kind: "item", key: "k", head: false },
    ]);
  });
});

describe("conditions", () => {
  it.each<[Record<string, string>, number]>([
    [{ "If-None-Match": '"weur.16.7"' }, 304],
    [{ "If-None-Match": 'W/"weur.16.7"' }, 304],
    [{ "If-None-Match": '"x", "weur.16.7"' }, 304],
    [{ "If-None-Match": "*" }, 304],
    [{ "If-None-Match": '"weur.16.6"' }, 200],
    [{ "If-Match": '"weur.16.7"' }, 200],
    [{ "If-Match": 'W/"weur.16.7"' }, 200],
    [{ "If-Match": "*" }, 200],
    [{ "If-Match": '"weur.16.6"' }, 412],
    [{ "If-Match": '"weur.16.6"', "If-None-Match": '"weur.16.7"' }, 412],
  ])("of a GET: %j answers %i", async (headers, status) => {
    const response = await both().send("GET", PATH, { headers });
    expect(response.status).toBe(status);
    expect(response.headers.get("ETag")).toBe('"weur.16.7"');
    expect(response.headers.get("Ithaca-Session")).toMatch(/^s1/);
    if (status === 304) expect(await response.text()).toBe("");
  });

  it("of a write are the leader's to judge", async () => {
    const { send, regions } = both();
    await send("PUT", PATH, { body: "", headers: { "If-Match": 'W/"weur.16.7", "x"' } });
    await send("PUT", PATH, { body: "", headers: { "If-None-Match": "*" } });
    await send("DELETE", PATH, { headers: { "If-Match": '"x"' } });
    expect(regions.asked.map(({ request }) => (request as WriteRequest).conditions)).toEqual([
      { ifMatch: [{ o: 0, e: 16, s: 7 }] },
      { ifNoneMatch: "any" },
      { ifMatch: [] },
    ]);
  });

  it("that fail say what is there", async () => {
    const reply: ClientReply = {
      kind: "refused",
      reason: "precondition-failed",
      current: { o: 0, e: 16, s: 8 },
      facts: facts(),
    };
    const response = await bench(() => reply).send("PUT", PATH, { body: "", headers: { "If-Match": "*" } });
    expect(response.status).toBe(412);
    expect(response.headers.get("ETag")).toBe('"weur.16.8"');
    expect(await problemOf(response)).toMatchObject({ version: "weur.16.8", definite: true });
  });
});

describe("values", () => {
  const MAX = 1_048_576;

  it("may be empty, and up to 1 MiB", async () => {
    const { send, regions } = both();
    for (const size of [0, 1, MAX])
      expect((await send("PUT", PATH, { body: new Uint8Array(size) })).status).toBe(201);
    const values = regions.asked.map(({ request }) => (request as WriteRequest).command);
    expect(values.map((command) => (command.kind === "put" ? command.value.byteLength : -1))).toEqual([
      0,
      1,
      MAX,
    ]);
    expect(values[0]).toMatchObject({ contentType: "application/octet-stream" });
  });

  it("may not be larger, declared or not", async () => {
    const { send, regions } = both();
    const declared = await send("PUT", PATH, { body: "x", headers: { "Content-Length": String(MAX + 1) } });
    const streamed = await send("PUT", PATH, { body: new Uint8Array(MAX + 1) });
    for (const response of [declared, streamed]) {
      expect(response.status).toBe(413);
      expect(await problemOf(response)).toMatchObject({ type: "/problems/value-too-large", definite: true });
    }
    expect(regions.asked).toHaveLength(0);
  });

  it("stops reading a stream that is too long", async () => {
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled++;
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    const response = await both().send("PUT", PATH, { body, duplex: "half" });
    expect(response.status).toBe(413);
    expect(pulled).toBeLessThan(24);
  });

  it("never run as a page of this origin", async () => {
    const { headers } = await both().send("GET", PATH);
    expect(headers.get("X-Content-Type-Options")).toBe("nosniff");
    expect(headers.get("Content-Security-Policy")).toBe("sandbox");
  });
});

describe("idempotency", () => {
  const marks = async (...inits: RequestInit[]) => {
    const { send, regions } = both();
    for (const init of inits) await send(init.method ?? "PUT", PATH, init);
    return regions.asked.map(({ request }) => (request as WriteRequest).idempotency);
  };
  const key = { "Idempotency-Key": "one" };

  it("keys are the client's, bare or quoted", async () => {
    const [bare, quoted] = await marks(
      { body: "x", headers: key },
      { body: "x", headers: { "Idempotency-Key": '"one"' } },
    );
    expect(bare).toMatchObject({ key: "one", by: "client" });
    expect(bare?.fingerprint).toHaveLength(32);
    expect(quoted).toEqual(bare);
  });

  it("keys of the edge are new for each request", async () => {
    const [first, second] = await marks({ body: "x" }, { body: "x" });
    expect(first).toMatchObject({ by: "edge" });
    expect(first?.key).not.toBe(second?.key);
  });

  it("another body, method, condition, type or expiry is another request; another concern is not", async () => {
    const [first, ...others] = await marks(
      { body: "x", headers: key },
      { body: "y", headers: key },
      { body: "x", headers: { ...key, "If-None-Match": "*" } },
      { body: "x", headers: { ...key, "Content-Type": "text/css" } },
      { body: "x", headers: { ...key, "Ithaca-Expires-In": "9" } },
      { method: "DELETE", headers: key },
      { body: "x", headers: { ...key, "Ithaca-Write-Concern": "all" } },
    );
    const same = others.map((mark) => Buffer.compare(mark!.fingerprint, first!.fingerprint) === 0);
    expect(same).toEqual([false, false, false, false, false, true]);
  });

  it("a key that was used for another request is refused", async () => {
    const response = await bench(() => ({ kind: "refused", reason: "idempotency-key-reused" })).send(
      "PUT",
      PATH,
      { body: "x" },
    );
    expect(response.status).toBe(422);
    expect(await problemOf(response)).toMatchObject({
      type: "/problems/idempotency-key-reused",
      definite: true,
    });
  });
});

describe("waiting", () => {
  it.each([
    ["rpo-bound", 429, "3"],
    ["overloaded", 503, "3"],
  ] as const)("%s says for how long", async (reason, status, seconds) => {
    const response = await bench(() => ({ kind: "refused", reason, retryAfterMs: 2_001 })).send("PUT", PATH, {
      body: "x",
    });
    expect(response.status).toBe(status);
    expect(response.headers.get("Retry-After")).toBe(seconds);
    expect(await problemOf(response)).toMatchObject({
      type: `/problems/${reason}`,
      definite: true,
      retryable: true,
    });
  });
});

describe("browsers", () => {
  const preflight = { Origin: "https://app.test", "Access-Control-Request-Method": "PUT" };

  it("may ask from anywhere in local open mode", async () => {
    const { send } = both();
    const response = await send("OPTIONS", PATH, { headers: preflight });
    expect(response.status).toBe(204);
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(response.headers.get("Access-Control-Allow-Methods")).toBe(
      "GET, HEAD, PUT, PATCH, DELETE, OPTIONS",
    );
    expect(response.headers.get("Access-Control-Max-Age")).toBe("7200");
    expect(response.headers.get("Access-Control-Allow-Headers")?.split(", ")).toEqual(REQUEST_HEADERS);
    const get = await send("GET", PATH, { headers: { Origin: "https://app.test" } });
    expect(get.headers.get("Access-Control-Allow-Origin")).toBe("*");
    expect(get.headers.get("Access-Control-Expose-Headers")?.split(", ")).toEqual(EXPOSED_HEADERS);
  });

  it("may ask from the origins that are listed, and no others", async () => {
    const { send } = bench(() => item(), { corsOrigins: ["https://app.test"] });
    const allowed = await send("GET", PATH, { headers: { Origin: "https://app.test" } });
    expect(allowed.headers.get("Access-Control-Allow-Origin")).toBe("https://app.test");
    expect(allowed.headers.get("Vary")).toMatch(/, Origin$/);
    const other = await send("GET", PATH, { headers: { Origin: "https://evil.test" } });
    expect(other.headers.get("Access-Control-Allow-Origin")).toBeNull();
    const refused = await send("OPTIONS", PATH, { headers: { ...preflight, Origin: "https://evil.test" } });
    expect(refused.status).toBe(204);
    expect(refused.headers.get("Access-Control-Allow-Methods")).toBeNull();
  });

  it("are told of problems too", async () => {
    const response = await both().send("GET", "/v1/users/alice/items/", {
      headers: { Origin: "https://app.test" },
    });
    expect(response.headers.get("Access-Control-Allow-Origin")).toBe("*");
  });
});

it("every answer has an id of its own", async () => {
  const { send } = both();
  const ids = await Promise.all(
    [PATH, PATH, "/nothing", "/v1/health"].map(async (path) =>
      (await send("GET", path)).headers.get("X-Request-Id"),
    ),
  );
  expect(new Set(ids).size).toBe(4);
  expect(ids).not.toContain(null);
});

it("an unexpected error is a problem, and indefinite for a write", async () => {
  const { send } = bench(() => {
    throw new Error("boom");
  });
  const response = await send("PUT", PATH, { body: "x", headers: { "Ithaca-Timeout-Ms": "500" } });
  expect(await problemOf(response)).toMatchObject({ type: "/problems/outcome-unknown", definite: false });
});

it("a configuration that cannot be read is a problem", async () => {
  const response = await createMisconfiguredApp("REGIONS is not set").request("/v1/health");
  expect(response.status).toBe(500);
  expect(await problemOf(response)).toMatchObject({
    type: "/problems/misconfigured",
    detail: "REGIONS is not set",
  });
});
