/** The surface at its edges, over the wire: one below, at, one above; and what every answer carries. */
import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseOpenMetrics } from "./support/open-metrics.ts";
import { startRuntime, type Runtime } from "./support/runtime.ts";
import { send, type Reply } from "./support/http.ts";
import { REGIONS, type Asked, type Store } from "./support/store.ts";

let runtime: Runtime;
let store: Store;
/** Of the user `ulysses`, whose item `k` is there. */
let session: string;
let position: string;

beforeAll(async () => {
  runtime = await startRuntime();
  ({ store } = runtime);
  const written = await store.put("ulysses", "k", "v", { region: "weur", concern: "all" });
  ({ session } = written);
  ({ position } = written.receipt);
});
afterAll(() => runtime.stop());

const ITEM = "/v1/users/ulysses/items/k";

/** A refusal that tells its reader everything. */
function expectProblem(reply: Reply, status: number, name: string, told: string): void {
  expect(reply.status, `${told}: ${reply.text}`).toBe(status);
  expect(reply.problem, told).toMatchObject({
    type: `/problems/${name}`,
    title: expect.stringMatching(/./),
    detail: expect.stringMatching(/./),
    definite: true,
    retryable: false,
  });
}

function expectInvalid(reply: Reply, told: string): void {
  expectProblem(reply, 400, "invalid-request", told);
}

function raw(method: string, path: string, headers: Record<string, string> = {}): Promise<Reply> {
  return send(store.url, method, path, { headers });
}

describe("paths", () => {
  const fits = (reply: Reply) => reply.status === 404 && !reply.text.includes("nothing at this path");

  test("keys of 1 to 512 bytes, users of 1 to 128", async () => {
    const names = (bytes: number) => [
      "x".repeat(bytes),
      "é".repeat(Math.floor(bytes / 2)) + "x".repeat(bytes % 2),
    ];
    for (const key of ["x", ...names(511), ...names(512)]) {
      expect((await store.put("ulysses", key, key)).receipt.key).toBe(key);
      expect((await store.get("ulysses", key, { region: "apac" })).text).toBe(key);
      expect((await store.delete("ulysses", key)).status).toBe(200);
    }
    for (const key of names(513)) {
      for (const method of ["GET", "PUT", "DELETE"]) {
        const path = `/v1/users/ulysses/items/${encodeURIComponent(key)}`;
        expectInvalid(await store.request(method, path), `${method} of 513 bytes`);
      }
    }
    for (const user of ["x", ...names(127), ...names(128)]) {
      expect((await store.put(user, "k", "v")).receipt.user).toBe(user);
    }
    for (const user of names(129)) {
      for (const tail of ["/items/k", "/items", "/home", "/receipts/weur.16.1"]) {
        expectInvalid(await store.request("GET", `/v1/users/${encodeURIComponent(user)}${tail}`), tail);
      }
    }
  });

  test("what does not decode is refused, as a user and as a key", async () => {
    const bad = {
      "a lone percent": "%",
      "not hexadecimal": "a%zz",
      "half of one": "%4",
      "a cut sequence": "%E0%A4",
      "no UTF-8": "%FF",
      overlong: "%C0%AF",
      "a surrogate": "%ED%A0%80",
      "a NUL": "a%00b",
      "a line feed": "a%0Ab",
      DEL: "a%7F",
      "a C1 control": "a%C2%85",
    };
    for (const [what, part] of Object.entries(bad)) {
      for (const path of [`/v1/users/ulysses/items/${part}`, `/v1/users/${part}/items/k`]) {
        for (const method of ["GET", "PUT", "DELETE"])
          expectInvalid(await raw(method, path), `${what}: ${method}`);
      }
      expectInvalid(await raw("GET", `/v1/users/ulysses/receipts/${part}`), what);
    }
  });

  test("empty segments and dots are refused where they can be seen", async () => {
    const bad = [
      "a//b",
      "/a",
      "a/",
      "",
      "a%2F%2Fb",
      "%2Fa",
      "a%2F",
      "a%2F..%2Fb",
      "..%2Fa",
      "a%2F.%2Fb",
      "a%2F%2E%2E%2Fb",
      "%2E%2E%2Fa",
    ];
    for (const key of bad) {
      for (const method of ["GET", "PUT", "DELETE"]) {
        expectInvalid(await raw(method, `/v1/users/ulysses/items/${key}`), `${method} "${key}"`);
      }
    }
    for (const user of ["a%2F..%2Fb", "%2Fa", "a%2F", "%2E%2E%2Fa"]) {
      expectInvalid(await raw("GET", `/v1/users/${user}/items/k`), user);
    }
    expectInvalid(await raw("GET", "/v1/users//items/k"), "an empty user");
    // These a URL parser on the way may already have resolved. They never name a key with dots, nor a user.
    for (const path of ["/a/../b", "/a/%2e%2e/b", "/a/%2E./b", "/./b"]) {
      const reply = await raw("GET", `/v1/users/ulysses/items${path}`);
      expect(reply.status === 400 || fits(reply), `${path}: ${reply.text}`).toBe(true);
    }
    const out = await raw("GET", "/v1/users/nobody/items/../../ulysses/items/k");
    expect([200, 400]).toContain(out.status);
  });

  test("letters are what they are: case, dots within, and encoded letters name the same key", async () => {
    await store.put("ulysses", "a.b/c..d", "dots");
    expect((await raw("GET", "/v1/users/%75lysses/items/%61.b%2Fc..d")).text).toBe("dots");
    expect(fits(await raw("GET", "/v1/users/ulysses/items/A.b/c..d"))).toBe(true);
    expect(fits(await raw("GET", "/v1/users/Ulysses/items/k"))).toBe(true);
  });

  test("what is nowhere is 404, with a problem", async () => {
    for (const path of ["/v1", "/v2/users/a/items", "/v1/users", "/v1/nothing", "/favicon.ico"]) {
      expectProblem(await raw("GET", path), 404, "not-found", path);
    }
  });
});

describe("headers of a request", () => {
  /** By header: values that are taken, and values that are not. */
  const cases: Record<string, { good: string[]; bad: string[]; method?: string }> = {
    "Ithaca-Timeout-Ms": {
      good: ["1000", "29999", "30000"],
      bad: ["0", "30001", "-1", "1.5", "1e3", "x", "0x10"],
    },
    "Ithaca-Region": { good: [...REGIONS], bad: ["WEUR", "oc", "mars", "weur,enam"] },
    "Ithaca-Consistency": {
      good: ["user", "strong", "session", "prefix", "eventual", "bounded; max-staleness-ms=86400000"],
      bad: [
        "User",
        "bounded",
        "bounded; max-staleness-ms=",
        "bounded; max-staleness-ms=-1",
        "bounded; max-staleness-ms=86400001",
        "strong, user",
        "linearizable",
      ],
    },
    "Ithaca-Read-Concern": { good: ["latest", "committed"], bad: ["majority", "Committed"] },
    "Ithaca-On-Lost": { good: ["report"], bad: ["ignore", "Report"] },
    "Ithaca-On-Unreachable": { good: ["stale"], bad: ["fail", "1"] },
    "Ithaca-Explain": { good: ["1", "0"], bad: ["yes", "2"] },
    "If-None-Match": {
      good: ['"weur.16.99"', 'W/"a"', Array.from({ length: 100 }, (_, at) => `"${at}"`).join(", ")],
      bad: ["weur.16.1", '"open', '"a" "b"', Array.from({ length: 101 }, (_, at) => `"${at}"`).join(", ")],
    },
    "Ithaca-Write-Concern": { good: ["local", "one", "majority", "all"], bad: ["two", "ALL"], method: "PUT" },
    "Ithaca-Expires-In": {
      good: ["1", "315359999", "315360000"],
      bad: ["0", "315360001", "-5", "1.5", "soon"],
      method: "PUT",
    },
    "Idempotency-Key": {
      good: [
        "x",
        "y".repeat(254),
        "z".repeat(255),
        '"quoted \\"one\\""',
        `"${"q".repeat(255)}"`,
        " ~!inner space ",
      ],
      bad: ["y".repeat(256), '""', '"open', `"${"q".repeat(256)}"`, '"bad \\escape"', "naïve", '"a" b'],
      method: "PUT",
    },
    "Content-Type": {
      good: ["a/b", `text/${"x".repeat(250)}`],
      bad: [`text/${"x".repeat(251)}`],
      method: "PUT",
    },
    "If-Match": { good: ["*"], bad: ["x", "*, *"], method: "PUT" },
  };

  test.each(Object.entries(cases))("%s", async (name, { good, bad, method = "GET" }) => {
    await store.put("ulysses", "k", "v");
    for (const value of good) {
      const reply = await raw(method, ITEM, { [name]: value });
      expect(reply.status, `${value}: ${reply.text}`).toBe(200);
    }
    for (const value of bad) {
      const reply = await raw(method, ITEM, { [name]: value });
      expectInvalid(reply, `${name}: ${value}`);
      expect(reply.problem.detail, value).toContain(name);
    }
  });

  test("Ithaca-Explain tells how the answer came about", async () => {
    const plain = await store.get("ulysses", "k");
    expect(plain.header("Ithaca-Trace")).toBe("");
    const headers = { "Ithaca-Explain": "1" };
    const told = await store.get("ulysses", "k", { region: "apac", session, headers });
    const trace = JSON.parse(told.header("Ithaca-Trace")) as Record<string, unknown>;
    expect(trace).toMatchObject({
      placedIn: "apac",
      replica: "weur",
      needed: expect.any(Array),
      found: expect.stringMatching(/^weur\./),
      waitedMs: expect.any(Number),
      forwarded: expect.any(Boolean),
      epoch: expect.stringMatching(/^[0-9]+$/),
      leaseLeftMs: expect.any(Number),
    });
    expect(trace["why"]).toBeTruthy();
  });
});

describe("session tokens", () => {
  test("that are not ours are refused, at reads and at writes", async () => {
    const [kind = "", id = "", body = "", mac = ""] = session.split(".");
    const swap = (text: string, at: number) =>
      `${text.slice(0, at)}${text[at] === "A" ? "B" : "A"}${text.slice(at + 1)}`;
    const head = `${kind}.${id}.${body}`;
    const foreign = createHmac("sha256", "the key of another deployment").update(head).digest();
    const bad: Record<string, string> = {
      "another content": `${kind}.${id}.${swap(body, 3)}.${mac}`,
      "another signature": `${head}.${swap(mac, 5)}`,
      "of another deployment": `${head}.${foreign.subarray(0, 16).toString("base64url")}`,
      "another key": `${kind}.7.${body}.${mac}`,
      "another kind": `c1.${id}.${body}.${mac}`,
      "a later version": `s2.${id}.${body}.${mac}`,
      cut: session.slice(0, -1),
      longer: `${session}A`,
      "twice the same": `${session}, ${session}`,
      "of nothing": `${kind}.${id}..${mac}`,
      "not a token": "hello",
      "too long": `${kind}.${id}.${"A".repeat(8_192)}.${mac}`,
    };
    for (const [what, token] of Object.entries(bad)) {
      for (const method of ["GET", "PUT", "DELETE"]) {
        const reply = await store.request(method, ITEM, { session: token });
        expectProblem(reply, 400, "invalid-session", `${what}: ${method}`);
      }
      expect((await store.list("ulysses", "", { session: token })).problemName, what).toBe("invalid-session");
    }
    expect((await store.get("ulysses", "k", { session })).status).toBe(200);
  });
});

describe("query parameters", () => {
  test("of lists", async () => {
    const lists = async (query: string) => store.list("ulysses", `?${query}`);
    for (const good of [
      "limit=1",
      "limit=999",
      "limit=1000",
      "reverse=false&values=true",
      "prefix=&start=&end=",
      "unknown=1",
      "prefix=%C3%A9+x",
      `prefix=${"x".repeat(512)}`,
    ]) {
      expect((await lists(good)).status, good).toBe(200);
    }
    for (const bad of [
      "limit=0",
      "limit=1001",
      "limit=-1",
      "limit=",
      "limit=1.0",
      "limit=1&limit=2",
      "reverse=1",
      "values=yes",
      "cursor=x",
      "cursor=",
      "prefix=%FF",
      "prefix=%",
      `start=${"x".repeat(513)}`,
    ]) {
      expectInvalid(await send(store.url, "GET", `/v1/users/ulysses/items?${bad}`), bad);
    }
  });

  test("a cursor is good for its own list only, and as it was given", async () => {
    await store.put("ulysses", "l/1", "1");
    await store.put("ulysses", "l/2", "2");
    await store.put("penelope", "l/1", "1");
    const { cursor = "" } = (await store.list("ulysses", "?prefix=l/&limit=1")).page;
    const next = await store.list("ulysses", `?prefix=l/&limit=1&cursor=${cursor}`);
    expect(next.page.items.map(({ key }) => key)).toEqual(["l/2"]);
    expect(next.page.cursor).toBeUndefined();
    for (const [user, query] of [
      ["penelope", `cursor=${cursor}`],
      ["ulysses", `reverse=true&cursor=${cursor}`],
      ["ulysses", `cursor=${cursor.slice(0, -1)}`],
      ["ulysses", `cursor=${session}`],
    ] as const) {
      expectInvalid(await store.list(user, `?${query}`), `${user}: ${query}`);
    }
  });

  test("of receipts and regions", async () => {
    const receipt = `/v1/users/ulysses/receipts/${position}`;
    for (const good of ["waitMs=0", "waitMs=25000", "waitMs=1&concern=all", "concern=local"]) {
      expect((await store.request("GET", `${receipt}?${good}`)).status, good).toBe(200);
    }
    for (const bad of ["waitMs=25001", "waitMs=-1", "waitMs=x", "concern=none"]) {
      expectInvalid(await store.request("GET", `${receipt}?${bad}`), bad);
    }
    for (const bad of ["weur", "weur.16", "weur.16.01", "weur.16.-1", "weur.16.1.1", "WEUR.16.1", "a.b.c"]) {
      expectInvalid(await store.request("GET", `/v1/users/ulysses/receipts/${bad}`), bad);
    }
    for (const good of ["", "?partition=0", "?partition=15", "?region=apac", "?region=apac&partition=3"]) {
      expect((await store.request("GET", `/v1/regions${good}`)).status, good).toBe(200);
    }
    for (const bad of ["?partition=16", "?partition=-1", "?partition=x", "?region=mars"]) {
      expectInvalid(await store.request("GET", `/v1/regions${bad}`), bad);
    }
  });
});

describe("bodies", () => {
  const MIB = 1_048_576;

  test("of 1 MiB, with and without saying so before", async () => {
    const half = new Uint8Array(MIB / 2).fill(7);
    const path = "/v1/users/ulysses/items/large";
    for (const [more, status] of [
      [-1, 201],
      [0, 201],
      [1, 413],
    ] as const) {
      const parts = [half, half.subarray(0, MIB / 2 - 1), new Uint8Array(more + 1)].filter(
        ({ length }) => length > 0,
      );
      const chunked = await send(store.url, "PUT", path, { parts });
      expect(chunked.status, `${more}, in chunks`).toBe(status);
      const headers = { "Content-Length": String(MIB + more) };
      const declared = await send(store.url, "PUT", path, { parts, headers });
      expect(declared.status, `${more}, declared`).toBe(status === 201 ? 200 : status);
      if (status === 413) {
        expectProblem(chunked, 413, "value-too-large", "in chunks");
        expectProblem(declared, 413, "value-too-large", "declared");
      } else {
        expect((await store.get("ulysses", "large")).bytes).toHaveLength(MIB + more);
        await store.delete("ulysses", "large");
      }
    }
  });

  test("of the small requests", async () => {
    const fault = { kind: "delay", region: "enam", peer: "apac", ms: 1, forMs: 1 };
    const bad: Record<string, unknown> = {
      "no forMs": { ...fault, forMs: undefined },
      "forMs 0": { ...fault, forMs: 0 },
      "forMs above": { ...fault, forMs: 600_001 },
      "forMs as text": { ...fault, forMs: "1" },
      "no ms": { ...fault, ms: undefined },
      "ms 0": { ...fault, ms: 0 },
      "ms above": { ...fault, ms: 600_001 },
      "an unknown kind": { ...fault, kind: "flood" },
      "an unknown region": { ...fault, region: "mars" },
      "an unknown peer": { ...fault, peer: "mars" },
      "itself for a peer": { ...fault, peer: "enam" },
      "an unknown member": { ...fault, extra: 1 },
      "a partition without a peer": { kind: "partition", region: "enam", forMs: 1 },
      "a drop without a probability": { kind: "drop", region: "enam", forMs: 1 },
      "a probability of 0": { kind: "drop", region: "enam", probability: 0, forMs: 1 },
      "a probability above 1": { kind: "drop", region: "enam", probability: 1.01, forMs: 1 },
      "ms where none belongs": { kind: "down", region: "enam", ms: 5, forMs: 1 },
      "a list": [fault],
      null: null,
    };
    for (const [what, body] of Object.entries(bad)) {
      expectInvalid(await store.request("PUT", "/v1/faults", { body: JSON.stringify(body) }), what);
    }
    for (const body of [
      "",
      "{",
      '{"kind":',
      "\u0000",
      JSON.stringify({ ...fault, pad: "x".repeat(5_000) }),
    ]) {
      expectInvalid(await store.request("PUT", "/v1/faults", { body }), body.slice(0, 20));
      expectInvalid(await store.request("PUT", "/v1/users/newcomer/home", { body }), body.slice(0, 20));
    }
    for (const good of [
      fault,
      { ...fault, ms: 600_000, forMs: 1 },
      { kind: "skew", region: "enam", ms: -1, forMs: 1 },
    ]) {
      const reply = await store.request("PUT", "/v1/faults", { body: JSON.stringify(good) });
      expect(reply.status, reply.text).toBe(200);
    }
    for (const body of ['{"region":"mars"}', "{}", '{"region":1}', '{"region":"weur","x":1}', '"weur"']) {
      expectInvalid(await store.request("PUT", "/v1/users/newcomer/home", { body }), body);
    }
    expect((await store.request("GET", "/v1/users/newcomer/home")).status).toBe(404);
  });
});

describe("pages", () => {
  test("every problem has a page, and the page of pages names it", async () => {
    const index = await store.request("GET", "/problems");
    expect(index.header("Content-Type")).toMatch(/^text\/html/);
    const names = [...index.text.matchAll(/\/problems\/([a-z-]+)/g)].map(([, name = ""]) => name);
    for (const known of [
      "invalid-request",
      "invalid-session",
      "unauthenticated",
      "forbidden",
      "not-found",
      "session-lost",
      "precondition-failed",
      "value-too-large",
      "idempotency-key-reused",
      "no-leader",
      "region-unavailable",
      "overloaded",
      "write-concern-timeout",
      "outcome-unknown",
      "read-timeout",
    ]) {
      expect(names).toContain(known);
    }
    for (const name of new Set(names)) {
      const page = await store.request("GET", `/problems/${name}`);
      expect(page.status, name).toBe(200);
      expect(page.header("Content-Type")).toMatch(/^text\/html/);
    }
    expectProblem(await store.request("GET", "/problems/no-such"), 404, "not-found", "no such problem");
  });
});

describe("what every answer carries", () => {
  const data: [string, Asked][] = [
    [ITEM, {}],
    ["/v1/users/ulysses/items/none", {}],
    ["/v1/users/nobody/items/none", {}],
    ["/v1/users/ulysses/items", {}],
    [ITEM, { headers: { "If-None-Match": "*" } }],
    [ITEM, { headers: { "If-Match": '"none"' } }],
    [ITEM, { headers: { "Ithaca-Consistency": "nonsense" } }],
    ["/v1/users/ulysses/home", {}],
  ];

  test("answers about data are for nobody's cache, and say what they depend on", async () => {
    for (const [path, asked] of data) {
      const reply = await store.request("GET", path, asked);
      const told = `${path} ${JSON.stringify(asked)}`;
      expect(reply.header("Cache-Control"), told).toBe("private, no-cache, no-transform");
      const vary = reply.header("Vary").split(/, */);
      expect(vary, told).toEqual(
        expect.arrayContaining(["Authorization", "Ithaca-Session", "Ithaca-Consistency", "Ithaca-Region"]),
      );
      expect(reply.header("X-Request-Id"), told).not.toBe("");
    }
    const read = await store.get("ulysses", "k");
    for (const part of ["route", "wait", "replica", "total"]) {
      expect(read.header("Server-Timing")).toMatch(new RegExp(`(^|, )${part};dur=[0-9.]+`));
    }
  });

  test("scripts of any origin may ask here, and see every header", async () => {
    const headers = { Origin: "https://app.example" };
    const preflight = await store.request("OPTIONS", ITEM, {
      headers: {
        ...headers,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "ithaca-session, idempotency-key",
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.header("Access-Control-Allow-Origin")).toBe("*");
    expect(preflight.header("Access-Control-Max-Age")).toBe("7200");
    expect(preflight.header("Access-Control-Allow-Methods").split(", ")).toEqual(
      expect.arrayContaining(["GET", "HEAD", "PUT", "DELETE"]),
    );
    const allowed = preflight.header("Access-Control-Allow-Headers").toLowerCase().split(", ");
    for (const name of [
      "authorization",
      "content-type",
      "ithaca-region",
      "ithaca-consistency",
      "ithaca-session",
      "ithaca-read-concern",
      "ithaca-write-concern",
      "ithaca-timeout-ms",
      "idempotency-key",
      "ithaca-on-lost",
      "ithaca-on-unreachable",
      "ithaca-explain",
      "if-match",
      "if-none-match",
      "ithaca-expires-in",
    ]) {
      expect(allowed).toContain(name);
    }
    for (const [path, asked] of data) {
      const reply = await store.request("GET", path, { headers: { ...asked.headers, ...headers } });
      expect(reply.header("Access-Control-Allow-Origin"), path).toBe("*");
      const exposed = reply.header("Access-Control-Expose-Headers").toLowerCase().split(", ");
      expect(exposed).toEqual(expect.arrayContaining(["etag", "server-timing", "retry-after"]));
      for (const name of reply.headers.keys()) {
        if (name.startsWith("ithaca-")) expect(exposed, path).toContain(name);
      }
    }
  });

  test("health and metrics", async () => {
    const health = await store.request("GET", "/v1/health");
    expect(health.json()).toEqual({ status: "ok" });
    const metrics = await store.request("GET", "/metrics");
    expect(metrics.header("Content-Type")).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
    const families = parseOpenMetrics(metrics.text);
    const requests = families.get("ithaca_requests")?.samples ?? [];
    const found = requests.find(({ labels }) => labels["route"] === "getItem" && labels["status"] === "200");
    expect(found?.value).toBeGreaterThan(0);
    expect([...families.values()].some(({ type }) => type === "histogram")).toBe(true);
  });
});
