/** PATCH and transactions against the real runtime: each as a user does it, every refusal, and every limit at its edge. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Reply } from "./support/http.ts";
import { startRuntime, type Runtime } from "./support/runtime.ts";
import { converge, itemPath, REGIONS, type Asked, type Store } from "./support/store.ts";

let runtime: Runtime;
let store: Store;

beforeAll(async () => {
  runtime = await startRuntime();
  ({ store } = runtime);
});
afterAll(() => runtime.stop());

const MIB = 1_048_576;
const JSON_TYPE = { headers: { "Content-Type": "application/json" } };
const MERGE_PATCH = "application/merge-patch+json";

function patch(user: string, key: string, body: string, asked: Asked = {}): Promise<Reply> {
  const headers = { "Content-Type": MERGE_PATCH, ...asked.headers };
  return store.request("PATCH", itemPath(user, key), { ...asked, headers, body });
}

function transact(user: string, body: string | object, asked: Asked = {}): Promise<Reply> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return store.request("POST", `/v1/users/${user}/transactions`, { ...asked, body: text });
}

function results(reply: Reply): readonly { readonly version: string; readonly value?: unknown }[] {
  expect(reply.status, reply.text).toBe(200);
  return reply.members["results"] as { version: string; value?: unknown }[];
}

const add = (key: string, by: number | string) => ({ op: "add", key, by });
const put = (key: string, value: unknown) => ({ op: "put", key, value });

describe("PATCH", () => {
  test("changes what it names, byte for byte, and answers a receipt with the new tag", async () => {
    const before = `{ "id": 12345678901234567890.10,\t"name":"Anna", "prefs" : {"theme":"dark","beta":[1.0]} }`;
    const headers = { "Content-Type": "application/vnd.app+json; v=2", "Ithaca-Expires-In": "600" };
    await store.put("pat", "me", before, { headers, region: "enam" });
    // An older version of the application, which knows neither `beta` nor numbers this long.
    const patched = await patch("pat", "me", `{"name":"Anne","prefs":{"theme":"light"}}`, { region: "apac" });
    expect(patched.status).toBe(200);
    expect(patched.header("ETag")).toBe(`"${patched.receipt.version}"`);
    const after = await store.get("pat", "me");
    expect(after.text).toBe(
      `{ "id": 12345678901234567890.10,\t"name":"Anne", "prefs" : {"theme":"light","beta":[1.0]} }`,
    );
    expect(after.header("Content-Type")).toBe("application/vnd.app+json; v=2");
    expect(after.header("ETag")).toBe(patched.header("ETag"));
    expect((await store.list("pat")).page.items[0]).toHaveProperty("expiresAt");

    const stale = await patch("pat", "me", "{}", { headers: { "If-Match": '"enam.17.1"' } });
    expect([stale.status, stale.problemName]).toEqual([412, "precondition-failed"]);
    const fresh = await patch("pat", "me", `{"id":null}`, { headers: { "If-Match": after.header("ETag") } });
    expect(fresh.status).toBe(200);
    await converge(store, "pat");
  });

  test("is done once under an idempotency key", async () => {
    await store.put("pat", "once", "{}", JSON_TYPE);
    const asked = { idempotencyKey: "p1", region: "weur" } as const;
    const first = await patch("pat", "once", `{"a":1}`, asked);
    const again = await patch("pat", "once", `{"a":1}`, asked);
    expect(again.receipt.version).toBe(first.receipt.version);
    expect((await patch("pat", "once", `{"a":2}`, asked)).problemName).toBe("idempotency-key-reused");
  });

  test("its refusals", async () => {
    await store.put("pat", "text", "words");
    await store.put("pat", "broken", "{", JSON_TYPE);
    await store.put("pat", "deep", "[".repeat(513) + "]".repeat(513), JSON_TYPE);
    await store.put("pat", "full", `{"a":"${"x".repeat(MIB - 8)}"}`, JSON_TYPE);
    const told = async (reply: Promise<Reply>) => {
      const { status, problemName, problem } = await reply;
      expect(problem.definite).toBe(true);
      return `${status} ${problemName}`;
    };
    expect(await told(patch("pat", "absent", "{}"))).toBe("404 not-found");
    expect(await told(patch("nobody", "absent", "{}"))).toBe("404 not-found");
    for (const key of ["text", "broken", "deep"])
      expect(await told(patch("pat", key, "{}"))).toBe("409 not-json");
    expect(await told(patch("pat", "full", `{"b":1}`))).toBe("413 value-too-large");
    expect((await patch("pat", "full", `{"a":1}`)).status).toBe(200);
    expect(await told(patch("pat", "full", "{"))).toBe("400 invalid-request");
    expect(await told(patch("pat", "full", "[".repeat(100_000) + "]".repeat(100_000)))).toBe(
      "400 invalid-request",
    );
    expect(await told(patch("pat", "full", `"${"x".repeat(MIB - 1)}"`))).toBe("413 value-too-large");
    expect((await patch("pat", "full", `"${"x".repeat(MIB - 2)}"`)).status).toBe(200);
    const json = patch("pat", "full", "{}", { headers: { "Content-Type": "application/json" } });
    expect(await told(json)).toBe("415 unsupported-media-type");
    await converge(store, "pat");
  });
});

describe("a transaction", () => {
  test("checks, puts, deletes, merges and adds, all at once and everywhere", async () => {
    await store.settle("tess", "apac");
    const old = (await store.put("tess", "old", "1")).receipt.version;
    await store.put("tess", "doc", `{"n":1e400}`, JSON_TYPE);
    const reply = await transact(
      "tess",
      `{"checks":[{"key":"old","version":"${old}"},{"key":"new","version":null}],
        "writes":[{"op":"put","key":"new","value": {"a" : 1.50}},{"op":"put","key":"bin","valueBase64":"AP8=","contentType":"image/x","expiresInS":600},
                  {"op":"delete","key":"old"},{"op":"delete","key":"never"},{"op":"merge","key":"doc","patch":{"m" : [null]}},
                  {"op":"merge","key":"made","patch":{"a":null,"b":1}},{"op":"add","key":"c","by":"9007199254740993"}]}`,
      { region: "weur", concern: "majority" },
    );
    expect(results(reply).map(({ version }) => version)).toEqual(Array(7).fill(reply.receipt.version));
    expect(reply.text).toContain(`"value":{"n":1e400,"m" : [null]}`);
    expect(results(reply).map(({ value }) => value)).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      { n: Infinity, m: [null] },
      { b: 1 },
      "9007199254740993",
    ]);
    expect(reply.receipt).toMatchObject({
      user: "tess",
      leader: "apac",
      concern: "majority",
      committed: true,
    });
    const read = async (key: string) => {
      const { status, text, headers } = await store.get("tess", key);
      return status === 404 ? null : `${headers.get("Content-Type")}: ${text}`;
    };
    expect(await read("new")).toBe(`application/json: {"a" : 1.50}`);
    expect(await read("old")).toBeNull();
    expect(await read("c")).toBe("text/plain: 9007199254740993");
    expect((await store.get("tess", "bin")).bytes).toEqual(Uint8Array.of(0, 255));
    await converge(store, "tess");
  });

  test("of clients who all move money at once makes none and loses none", async () => {
    const names = ["a", "b", "c"];
    await transact("bank", { writes: names.map((name) => put(name, 100)) });
    const move = async (n: number): Promise<boolean> => {
      const region = REGIONS[n % 3]!;
      const { page } = await store.list("bank", "?values=true", { region });
      const [from, to] = [page.items[n % 3]!, page.items[(n + 1) % 3]!];
      const reply = await transact(
        "bank",
        {
          checks: [from, to].map(({ key, version }) => ({ key, version })),
          writes: [put(from.key, (from.value as number) - n), put(to.key, (to.value as number) + n)],
        },
        { region, idempotencyKey: `move-${n}` },
      );
      expect([200, 409], reply.text).toContain(reply.status);
      if (reply.status === 409) expect(reply.problemName).toBe("check-failed");
      return reply.status === 200;
    };
    const done = await Promise.all(Array.from({ length: 12 }, (_, n) => move(n + 1)));
    expect(done).toContain(true);
    const items = await converge(store, "bank");
    expect(items.reduce((sum, { value }) => sum + (value as number), 0)).toBe(300);
  });

  test("adds of everybody count, each once, however often it is sent", async () => {
    const one = (n: number) =>
      transact(
        "crowd",
        { writes: [add("visits", 1), add("sum", n)] },
        {
          region: REGIONS[n % 3]!,
          idempotencyKey: `visit-${n}`,
        },
      );
    const replies = await Promise.all([...Array(12).keys()].flatMap((n) => [one(n), one(n)]));
    expect(replies.map(({ status }) => status)).toEqual(Array(24).fill(200));
    const counts = new Set(replies.map((reply) => results(reply)[0]!.value));
    expect(counts.size).toBe(12);
    expect((await store.get("crowd", "visits")).text).toBe("12");
    expect((await store.get("crowd", "sum")).text).toBe("66");
    await converge(store, "crowd");
  });

  test("survives its leader: the same key gets the same results from the next instance", async () => {
    const partition = await store.settle("keeper", "enam");
    const body = { writes: [add("c", 5), { op: "merge", key: "d", patch: { a: 1 } }] };
    const asked = { idempotencyKey: "k1", concern: "all" } as const;
    const first = await transact("keeper", body, asked);
    await transact("keeper", { writes: [add("c", 1), { op: "merge", key: "d", patch: { b: 2 } }] });
    await runtime.evict(partition, "enam");
    const again = await transact("keeper", body, asked);
    expect(results(again)).toEqual(results(first));
    expect(again.receipt.version).toBe(first.receipt.version);
    expect((await store.get("keeper", "c")).text).toBe("6");
  });

  test("its refusals, each of which leaves everything as it was", async () => {
    await store.settle("rue", "weur");
    const version = (await store.put("rue", "text", "words", { headers: { "Content-Type": "text/plain" } }))
      .receipt.version;
    await transact("rue", { writes: [add("max", "9223372036854775807")] });
    const before = (await store.list("rue", "?values=true")).text;
    const told = async (body: string | object, asked?: Asked) => {
      const reply = await transact("rue", body, asked);
      expect(reply.problem.definite, reply.text).toBe(true);
      return [`${reply.status} ${reply.problemName}`, reply.problem] as const;
    };
    const x = put("x", 1);
    const [failed, problem] = await told({
      checks: [
        { key: "text", version: null },
        { key: "n", version },
      ],
      writes: [x],
    });
    expect(failed).toBe("409 check-failed");
    expect(problem["failed"]).toEqual([
      { key: "text", version },
      { key: "n", version: null },
    ]);
    expect((await told({ writes: [x, { op: "merge", key: "text", patch: {} }] }))[0]).toBe("409 not-json");
    expect((await told({ writes: [x, add("text", 1)] }))[0]).toBe("409 not-a-counter");
    expect((await told({ writes: [x, add("max", 1)] }))[0]).toBe("409 counter-overflow");
    expect((await told({ writes: [x, x] }))[0]).toBe("400 invalid-request");
    expect((await told({ writes: [x], more: 1 }))[0]).toBe("400 invalid-request");
    expect((await told({ writes: [x] }, { headers: { "If-Match": "*" } }))[0]).toBe("400 invalid-request");
    const many = Array.from({ length: 101 }, (_, n) => put(`k${n}`, n));
    expect((await told({ writes: many }))[0]).toBe("413 transaction-too-large");
    const frame = JSON.stringify({ writes: [put("x", "")] }).length;
    expect((await told({ writes: [put("x", "y".repeat(MIB + 1 - frame))] }))[0]).toBe(
      "413 transaction-too-large",
    );
    expect((await store.list("rue", "?values=true")).text).toBe(before);
  });

  test("its limits are reached", async () => {
    const writes = Array.from({ length: 100 }, (_, n) => put(`k${String(n).padStart(3, "0")}`, n));
    expect(results(await transact("max", { writes }, { concern: "all" }))).toHaveLength(100);
    const frame = JSON.stringify({ writes: [put("x", "")] }).length;
    const body = { writes: [put("x", "y".repeat(MIB - frame))] };
    expect((await transact("max", body, { concern: "all" })).status).toBe(200);
    // The values that are left: exactly 1 MiB, and a byte more, out of a small request.
    const half = MIB / 2;
    await store.put("max", "half", `{"a":"${"x".repeat(half - 8)}"}`, JSON_TYPE);
    const second = (bytes: number) => ({
      writes: [{ op: "merge", key: "half", patch: { b: 1 } }, put("other", "y".repeat(bytes - 2))],
    });
    const grown = half + `,"b":1`.length;
    expect((await transact("max", second(MIB - grown + 1))).problemName).toBe("transaction-too-large");
    expect((await transact("max", second(MIB - grown))).status).toBe(200);
    // What is replaced: eight values of 1 MiB, and one more.
    for (let n = 0; n < 9; n++) await store.put("max", `big${n}`, new Uint8Array(MIB));
    const removed = (count: number) => ({
      writes: Array.from({ length: count }, (_, n) => ({ op: "delete", key: `big${n}` })),
    });
    expect((await transact("max", removed(9))).problemName).toBe("transaction-too-large");
    expect((await transact("max", removed(8), { concern: "all" })).status).toBe(200);
    await converge(store, "max");
  });
});
