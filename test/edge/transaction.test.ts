/** Transactions at the edge: what the body may say, what of it reaches the leader, and what the caller is told. */
import { describe, expect, it } from "vitest";
import type {
  ClientReply,
  Refusal,
  Transaction,
  WriteRequest,
  WriteResult,
} from "../../src/replication/request.ts";
import { bearer, SECRET } from "./support/bearer.ts";
import { bench, problemOf } from "./support/deployment.ts";
import { facts, receipt, unavailable, WEUR } from "./support/fake-regions.ts";

const PATH = "/v1/users/alice/transactions";
const MIB = 1_048_576;

function done(results?: readonly WriteResult[]): ClientReply {
  const { key: _key, ...rest } = receipt();
  return {
    kind: "written",
    status: 200,
    receipt: rest,
    facts: facts(),
    replayed: false,
    ...(results === undefined ? {} : { results }),
  };
}

const transacting = (results?: readonly WriteResult[]) => bench(() => done(results));

async function commandOf(body: string): Promise<Transaction> {
  const { send, regions } = transacting();
  const response = await send("POST", PATH, { body });
  expect(await response.text()).toContain(`"results":[`);
  expect(response.status).toBe(200);
  return (regions.asked[0]!.request as WriteRequest).command as Transaction;
}

const bytes = (value: string) => new TextEncoder().encode(value);

describe("what the leader is asked", () => {
  it("is what the body says, the values byte for byte", async () => {
    const command = await commandOf(` {
      "writes": [
        { "op": "put", "key": "a", "value":  { "n" : 12345678901234567890.10, "\\u0061":"\\/", "n":1e400 } , "expiresInS": 60},
        { "key": "b", "valueBase64": "AP8=", "op": "put", "contentType": "image/x; a=b" },
        {"op":"put","key":"c","valueBase64":""},
        {"op":"delete","key":"d/e"},
        {"op":"merge","key":"f","patch": { "x" : null } },
        {"op":"add","key":"g","by":-5},
        {"op":"add","key":"h","by":"9223372036854775807"},
        {"op":"put","key":"\\u00e9","value":null,"contentType":"text/plain"}
      ],
      "checks": [ {"key":"a","version":null}, {"version":"enam.17.3","key":"z"}, {"key":"y","version":"mars.16.2"} ]
    } `);
    expect(command).toEqual({
      kind: "transaction",
      checks: [
        { key: "a", version: null },
        { key: "z", version: { o: 1, e: 17, s: 3 } },
        // Of no region of ours: it holds nowhere.
        { key: "y", version: { o: 0, e: 0, s: 0 } },
      ],
      writes: [
        {
          kind: "put",
          key: "a",
          value: bytes(`{ "n" : 12345678901234567890.10, "\\u0061":"\\/", "n":1e400 }`),
          contentType: "application/json",
          expiresInS: 60,
        },
        { kind: "put", key: "b", value: Uint8Array.of(0, 255), contentType: "image/x; a=b" },
        { kind: "put", key: "c", value: new Uint8Array(0), contentType: "application/octet-stream" },
        { kind: "delete", key: "d/e" },
        { kind: "merge", key: "f", patch: bytes(`{ "x" : null }`) },
        { kind: "add", key: "g", by: "-5" },
        { kind: "add", key: "h", by: "9223372036854775807" },
        { kind: "put", key: "é", value: bytes("null"), contentType: "text/plain" },
      ],
    });
  });

  it("may be checks alone, or writes alone", async () => {
    expect(await commandOf(`{"checks":[{"key":"a","version":null}]}`)).toMatchObject({ writes: [] });
    expect(await commandOf(`{"checks":[],"writes":[{"op":"delete","key":"a"}]}`)).toMatchObject({
      checks: [],
    });
  });

  it("takes a value as deep as it comes", async () => {
    const deep = "[".repeat(100_000) + "]".repeat(100_000);
    const { writes } = await commandOf(`{"writes":[{"op":"put","key":"a","value":${deep}}]}`);
    expect(writes[0]).toHaveProperty("value.length", 200_000);
  });

  it.each([
    ["5", "5"],
    ["-5", "-5"],
    ["0", "0"],
    ["-0", "0"],
    ['"-0"', "0"],
    ['"42"', "42"],
    ["9223372036854775807", "9223372036854775807"],
    ["-9223372036854775808", "-9223372036854775808"],
  ])("adds %s", async (by, asked) => {
    const { writes } = await commandOf(`{"writes":[{"op":"add","key":"a","by":${by}}]}`);
    expect(writes).toEqual([{ kind: "add", key: "a", by: asked }]);
  });
});

const write = (members: string) => `{"writes":[{${members}}]}`;

describe("bodies that are refused", () => {
  it.each<[string, string, string]>([
    ["nothing", "", "JSON"],
    ["no JSON", "{", "JSON"],
    ["a trailing comma", `{"writes":[],}`, "JSON"],
    ["no object", "[]", "object"],
    ["nothing to do", "{}", "nothing"],
    ["nothing to do either", `{"checks":[],"writes":[]}`, "nothing"],
    ["an unknown member", `{"writes":[],"reads":[]}`, "reads"],
    ["a member twice", `{"writes":[],"writes":[]}`, "twice"],
    ["writes that are none", `{"writes":{}}`, "writes"],
    ["null for writes", `{"writes":null}`, "writes"],
    ["checks that are none", `{"checks":"a"}`, "checks"],
    ["a write that is none", `{"writes":["a"]}`, "writes[0]"],
    ["no op", write(`"key":"a"`), "writes[0].op"],
    ["an unknown op", write(`"op":"increment","key":"a"`), "writes[0].op"],
    ["no key", write(`"op":"delete"`), "writes[0].key"],
    ["a key that is none", write(`"op":"delete","key":1`), "writes[0].key"],
    ["an empty key", write(`"op":"delete","key":""`), "writes[0].key"],
    ["dots in a key", write(`"op":"delete","key":"a/../b"`), "writes[0].key"],
    ["an empty segment", write(`"op":"delete","key":"a//b"`), "writes[0].key"],
    ["a control character", write(`"op":"delete","key":"a\\u0000"`), "writes[0].key"],
    ["half a character", write(`"op":"delete","key":"\\ud800"`), "writes[0].key"],
    ["a key of 513 bytes", write(`"op":"delete","key":"${"k".repeat(513)}"`), "writes[0].key"],
    ["an unknown member of a delete", write(`"op":"delete","key":"a","value":1`), "value"],
    ["an unknown member of a put", write(`"op":"put","key":"a","value":1,"by":1`), "by"],
    ["a put of nothing", write(`"op":"put","key":"a"`), "value"],
    ["a put of two things", write(`"op":"put","key":"a","value":1,"valueBase64":""`), "value"],
    ["a value twice", write(`"op":"put","key":"a","value":1,"value":2`), "twice"],
    ["base64 that is none", write(`"op":"put","key":"a","valueBase64":"A"`), "valueBase64"],
    ["base64 without its padding", write(`"op":"put","key":"a","valueBase64":"AA"`), "valueBase64"],
    ["base64 with bits left over", write(`"op":"put","key":"a","valueBase64":"AB=="`), "valueBase64"],
    ["base64 of URLs", write(`"op":"put","key":"a","valueBase64":"_-8="`), "valueBase64"],
    ["base64 with a line break", write(`"op":"put","key":"a","valueBase64":"AA==\\n"`), "valueBase64"],
    ["null for base64", write(`"op":"put","key":"a","valueBase64":null`), "valueBase64"],
    ["a content type that is none", write(`"op":"put","key":"a","value":1,"contentType":1`), "contentType"],
    [
      "a content type of 256 bytes",
      write(`"op":"put","key":"a","value":1,"contentType":"${"x".repeat(256)}"`),
      "contentType",
    ],
    ["a content type beyond ASCII", write(`"op":"put","key":"a","value":1,"contentType":"é"`), "contentType"],
    ["an expiry of nothing", write(`"op":"put","key":"a","value":1,"expiresInS":0`), "expiresInS"],
    [
      "an expiry beyond ten years",
      write(`"op":"put","key":"a","value":1,"expiresInS":315360001`),
      "expiresInS",
    ],
    ["a fraction of a second", write(`"op":"put","key":"a","value":1,"expiresInS":1.5`), "expiresInS"],
    ["an expiry as text", write(`"op":"put","key":"a","value":1,"expiresInS":"60"`), "expiresInS"],
    ["a merge without a patch", write(`"op":"merge","key":"a"`), "patch"],
    ["a patch too deep", write(`"op":"merge","key":"a","patch":${"[".repeat(513)}${"]".repeat(513)}`), "512"],
    [
      "an unknown member of a merge",
      write(`"op":"merge","key":"a","patch":{},"contentType":"a/b"`),
      "contentType",
    ],
    ["an add of nothing", write(`"op":"add","key":"a"`), "by"],
    ["an add of a fraction", write(`"op":"add","key":"a","by":1.0`), "by"],
    ["an add of an exponent", write(`"op":"add","key":"a","by":1e3`), "by"],
    ["an add of a word", write(`"op":"add","key":"a","by":"one"`), "by"],
    ["an add of +1", write(`"op":"add","key":"a","by":"+1"`), "by"],
    ["an add of 65 bits", write(`"op":"add","key":"a","by":9223372036854775808`), "by"],
    ["an add of 65 bits downwards", write(`"op":"add","key":"a","by":"-9223372036854775809"`), "by"],
    ["a key twice", `{"writes":[{"op":"delete","key":"a"},{"op":"delete","key":"\\u0061"}]}`, "writes[1]"],
    ["a check twice", `{"checks":[{"key":"a","version":null},{"key":"a","version":null}]}`, "checks[1]"],
    ["a check of no version", `{"checks":[{"key":"a"}]}`, "checks[0].version"],
    ["a check of no key", `{"checks":[{"version":null}]}`, "checks[0].key"],
    ["a check of a number", `{"checks":[{"key":"a","version":3}]}`, "checks[0].version"],
    ["a check of half a version", `{"checks":[{"key":"a","version":"weur.16"}]}`, "checks[0].version"],
    ["an unknown member of a check", `{"checks":[{"key":"a","version":null,"value":1}]}`, "value"],
  ])("%s", async (_what, body, named) => {
    const { send, regions } = transacting();
    const response = await send("POST", PATH, { body });
    expect(response.status).toBe(400);
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ type: "/problems/invalid-request", definite: true });
    expect(problem["detail"]).toContain(named);
    expect(regions.asked).toHaveLength(0);
  });

  it("bytes that are no UTF-8", async () => {
    const { send } = transacting();
    const body = Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d);
    expect((await send("POST", PATH, { body })).status).toBe(400);
  });

  it.each(["If-Match", "If-None-Match", "Ithaca-Expires-In"])(
    "the header %s speaks of one item",
    async (name) => {
      const { send, regions } = transacting();
      const response = await send("POST", PATH, { headers: { [name]: "*" }, body: `{"checks":[]}` });
      expect(response.status).toBe(400);
      expect((await problemOf(response))["detail"]).toContain(name);
      expect(regions.asked).toHaveLength(0);
    },
  );
});

describe("limits, at their edges", () => {
  const many = (name: string, count: number, one: (n: number) => string) =>
    `{"${name}":[${Array.from({ length: count }, (_, n) => one(n)).join(",")}]}`;
  const deletes = (count: number) => many("writes", count, (n) => `{"op":"delete","key":"k${n}"}`);
  const checks = (count: number) => many("checks", count, (n) => `{"key":"k${n}","version":null}`);
  const sized = (bytesMax: number) => {
    const frame = write(`"op":"put","key":"a","value":""`);
    return write(`"op":"put","key":"a","value":"${"x".repeat(bytesMax - frame.length)}"`);
  };

  it.each([
    ["99 writes", deletes(99), 200],
    ["100 writes", deletes(100), 200],
    ["101 writes", deletes(101), 413],
    ["100 checks", checks(100), 200],
    ["101 checks", checks(101), 413],
    ["a byte less than 1 MiB", sized(MIB - 1), 200],
    ["1 MiB", sized(MIB), 200],
    ["a byte more", sized(MIB + 1), 413],
  ])("%s", async (_what, body, status) => {
    const { send, regions } = transacting();
    const response = await send("POST", PATH, { body });
    expect(response.status).toBe(status);
    if (status === 200) return;
    expect(await problemOf(response)).toMatchObject({
      type: "/problems/transaction-too-large",
      definite: true,
    });
    expect(regions.asked).toHaveLength(0);
  });
});

describe("what the caller is told", () => {
  const body = write(`"op":"delete","key":"a"`);
  const version = { o: WEUR, e: 16, s: 10 };

  it("the receipt, and each result with its value as it is", async () => {
    const { send } = transacting([
      { version, value: bytes("9007199254740993") },
      { version, value: bytes(`{ "n":1.50 }`) },
      { version },
    ]);
    const response = await send("POST", PATH, {
      body: `{"writes":[{"op":"add","key":"c","by":1},{"op":"merge","key":"j","patch":{}},{"op":"delete","key":"d"}]}`,
    });
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Type")).toBe("application/json");
    expect(response.headers.get("ETag")).toBeNull();
    expect(response.headers.get("Ithaca-Session")).toBeTruthy();
    const answer = await response.text();
    expect(answer).toContain(
      `"results":[{"version":"weur.16.10","value":"9007199254740993"},{"version":"weur.16.10","value":{ "n":1.50 }},{"version":"weur.16.10"}]`,
    );
    expect(JSON.parse(answer)).toMatchObject({ user: "alice", version: "weur.16.10", concern: "local" });
    expect(JSON.parse(answer)).not.toHaveProperty("key");
  });

  it("the version of each write where the replica tells no results", async () => {
    const { send } = transacting();
    expect(await problemOf(await send("POST", PATH, { body }))).toMatchObject({
      results: [{ version: "weur.16.10" }],
    });
  });

  it.each<[Refusal, number, object]>([
    [
      {
        kind: "refused",
        reason: "check-failed",
        failed: [
          { key: "a", version },
          { key: "b", version: null },
        ],
        facts: facts(),
      },
      409,
      {
        failed: [
          { key: "a", version: "weur.16.10" },
          { key: "b", version: null },
        ],
      },
    ],
    [{ kind: "refused", reason: "not-json", key: "j", facts: facts() }, 409, { key: "j" }],
    [{ kind: "refused", reason: "not-a-counter", key: "c", facts: facts() }, 409, { key: "c" }],
    [{ kind: "refused", reason: "counter-overflow", key: "c", facts: facts() }, 409, { key: "c" }],
  ])("%j", async (refusal, status, members) => {
    const { send } = bench(() => refusal);
    const response = await send("POST", PATH, { body });
    expect(response.status).toBe(status);
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ ...members, definite: true, retryable: false });
    expect(problem["type"]).toBe(`/problems/${refusal.reason}`);
    // It tells of items, so the token covers them.
    expect(response.headers.get("Ithaca-Session")).toBeTruthy();
  });

  it.each([
    ["value", "value-too-large"],
    ["values", "transaction-too-large"],
    ["replaced", "transaction-too-large"],
  ] as const)("what is too large: %s", async (what, name) => {
    const { send } = bench(() => ({ kind: "refused", reason: "too-large", what, facts: facts() }));
    const response = await send("POST", PATH, { body });
    expect(response.status).toBe(413);
    expect(await problemOf(response)).toMatchObject({ type: `/problems/${name}`, definite: true });
  });

  it("a refusal after an attempt that nobody answered is not definite", async () => {
    let asked = 0;
    const { send } = bench(() => {
      if (++asked === 1) unavailable("timeout", true);
      return { kind: "refused", reason: "check-failed", failed: [], facts: facts() };
    });
    expect(await problemOf(await send("POST", PATH, { body }))).toMatchObject({
      status: 409,
      definite: false,
    });
  });

  it("the same body under the same key is the same request, and another body is not", async () => {
    const { send, regions } = transacting();
    const headers = { "Idempotency-Key": "k" };
    for (const each of [body, body, `${body} `]) await send("POST", PATH, { body: each, headers });
    const [one, two, three] = regions.asked.map(
      ({ request }) => (request as WriteRequest).idempotency!.fingerprint,
    );
    expect(two).toEqual(one);
    expect(three).not.toEqual(one);
  });
});

describe("whose it is", () => {
  const authed = { authMode: "jwt", authSecret: SECRET, localDev: false } as const;
  const merge = `{"writes":[{"op":"merge","key":"private","patch":{}},{"op":"merge","key":"public/a","patch":{}}]}`;
  const version = { o: WEUR, e: 16, s: 10 };
  const value = bytes(`{"secret":1}`);

  it("nobody else's", async () => {
    const { send, regions } = bench(() => done(), authed);
    const response = await send("POST", PATH, {
      body: merge,
      headers: bearer({ sub: "bob", read: ["users/alice/*"] }),
    });
    expect(response.status).toBe(403);
    expect(regions.asked).toHaveLength(0);
  });

  it("whoever may write and not read is not told what was there", async () => {
    const { send } = bench(
      () =>
        done([
          { version, value },
          { version, value },
        ]),
      authed,
    );
    const told = async (claims: object) =>
      (await problemOf(await send("POST", PATH, { body: merge, headers: bearer(claims) })))["results"];
    const shown = { version: "weur.16.10", value: { secret: 1 } };
    expect(await told({ sub: "alice" })).toEqual([shown, shown]);
    expect(await told({ sub: "job", scope: "write:any" })).toEqual([{ version: "weur.16.10" }, shown]);
    expect(await told({ sub: "job", scope: "write:any read:any" })).toEqual([shown, shown]);
  });

  it("in every form of the path", async () => {
    const { send, regions } = transacting();
    await send("POST", "/v1/ns/other/users/alice/transactions", { body: merge });
    expect(regions.asked[0]).toMatchObject({
      to: { namespace: "other" },
      request: { user: "alice", concern: "majority" },
    });
  });
});
