import { describe, expect, it } from "vitest";
import type { ClientReply, ItemView, ReadList, ReadRequest } from "../../src/replication/request.ts";
import { bench } from "./support/deployment.ts";
import { bearer, SECRET } from "./support/bearer.ts";
import { facts, type Asked } from "./support/fake-regions.ts";

const PATH = "/v1/users/alice/export";
const bytes = (text: string) => new TextEncoder().encode(text);

function view(key: string, value: Uint8Array | string, more: Partial<ItemView> = {}): ItemView {
  const held = typeof value === "string" ? bytes(value) : value;
  return {
    key,
    version: { o: 0, e: 16, s: 7 },
    contentType: "application/json",
    size: held.length,
    expiresAt: 0,
    value: held,
    ...more,
  };
}

function page(items: readonly ItemView[], next?: string, seq = 7): ClientReply {
  const shown = [{ o: 0, e: 16, s: seq, durable: true }];
  const position = { o: 0, e: 16, s: seq };
  return { kind: "list", items, ...(next === undefined ? {} : { next }), facts: facts({ shown, position }) };
}

const requestOf = ({ request }: Asked): ReadRequest => request as ReadRequest;
const listOf = (asked: Asked): ReadList => requestOf(asked).what as ReadList;
const linesOf = (text: string) => text.split("\n").filter((line) => line !== "");

describe("an export", () => {
  it("is a line for where it stood, one for each item, and one that says that it is whole", async () => {
    const { send, regions } = bench((asked) =>
      listOf(asked).after === undefined
        ? page([view("a", '{"n": 1.0}'), view("b", "two words", { contentType: "text/plain" })], "b")
        : page([view("c", "[]", { expiresAt: 99 })], undefined, 9),
    );
    const response = await send("GET", PATH);
    expect(response.status).toBe(200);
    expect(response.headers.get("Content-Type")).toBe("application/x-ndjson");
    expect(response.headers.get("Ithaca-Position")).toBe("weur.16.7");
    const [first, a, b, c, last, ...rest] = linesOf(await response.text());
    expect(rest).toEqual([]);
    expect(JSON.parse(first ?? "")).toEqual({ user: "alice", position: "weur.16.7", at: expect.any(Number) });
    expect(a).toBe(
      '{"key":"a","version":"weur.16.7","contentType":"application/json","size":10,"value":{"n": 1.0}}',
    );
    expect(b).toBe(
      `{"key":"b","version":"weur.16.7","contentType":"text/plain","size":9,"valueBase64":"${btoa("two words")}"}`,
    );
    expect(c).toContain('"expiresAt":99,"value":[]');
    expect(JSON.parse(last ?? "")).toEqual({ end: true, items: 3, session: expect.any(String) });
    // A later page is never older.
    expect(requestOf(regions.asked[1]!).session.positions).toEqual([{ o: 0, e: 16, s: 7, durable: false }]);
    expect(regions.asked.map(listOf)).toMatchObject([
      { limit: 1_000, values: true, bytesMax: 1_048_576, reverse: false },
      { after: "b" },
    ]);
  });

  it("gives a token at the end that covers all of it", async () => {
    const { send, regions } = bench((asked) =>
      requestOf(asked).what.kind === "list" && listOf(asked).after === undefined
        ? page([view("a", "1")], "a", 7)
        : page([view("b", "2")], undefined, 9),
    );
    const text = await (await send("GET", PATH)).text();
    const { session } = JSON.parse(linesOf(text).at(-1) ?? "") as { session: string };
    regions.asked.length = 0;
    await send("GET", "/v1/users/alice/items", { headers: { "Ithaca-Session": session } });
    expect(requestOf(regions.asked[0]!).session.positions).toEqual([{ o: 0, e: 16, s: 9, durable: true }]);
  });

  it("sends as bytes what would not come back from a line as it is", async () => {
    const values = ['{"a":\n1}', " 1", "1 ", "{\r}", "{", '\uFEFF"x"', "1"];
    const { send } = bench(() => page(values.map((value, at) => view(`k${at}`, value))));
    const lines = linesOf(await (await send("GET", PATH)).text()).slice(1, -1);
    const told = lines.map((line) => JSON.parse(line) as { value?: unknown; valueBase64?: string });
    expect(told.map((line) => "value" in line)).toEqual([false, false, false, false, false, false, true]);
    expect(told.map(({ valueBase64 }) => valueBase64)).toEqual([
      ...values.slice(0, -1).map((value) => Buffer.from(value).toString("base64")),
      undefined,
    ]);
  });

  it("goes on after a key, over pages without anything on them", async () => {
    const { send, regions } = bench((asked) =>
      listOf(asked).after === "k 1" ? page([], "k5") : page([view("k6", "1")]),
    );
    const lines = linesOf(await (await send("GET", `${PATH}?after=k%201`)).text());
    expect(regions.asked.map((asked) => listOf(asked).after)).toEqual(["k 1", "k5"]);
    expect(lines).toHaveLength(3);
    expect((await send("GET", `${PATH}?after=${"x".repeat(513)}`)).status).toBe(400);
  });

  it("that breaks off says so, and where", async () => {
    const { send } = bench((asked) =>
      listOf(asked).after === undefined
        ? page([view("a", "1")], "a")
        : { kind: "refused", reason: "overloaded", retryAfterMs: 1_000 },
    );
    const lines = linesOf(await (await send("GET", PATH)).text());
    expect(JSON.parse(lines.at(-1) ?? "")).toMatchObject({
      end: false,
      items: 1,
      after: "a",
      problem: { type: "/problems/overloaded", status: 503 },
    });
  });

  it("that cannot begin is refused like any read", async () => {
    const { send } = bench(() => ({ kind: "refused", reason: "no-user" }));
    expect((await send("GET", PATH)).status).toBe(404);
    const { send: closed } = bench(() => page([]), { authMode: "jwt", authSecret: SECRET });
    const headers = bearer({ sub: "bob", read: ["users/alice/*"], exp: 4_000_000_000 });
    expect((await closed("GET", PATH, { headers })).status).toBe(403);
  });

  it("fetches no more than one page ahead of its reader, and nothing after the reader has gone", async () => {
    let count = 0;
    const { send, regions } = bench(() => page([view(`k${count}`, "1")], `k${count++}`));
    const response = await send("GET", PATH);
    expect(regions.asked).toHaveLength(1);
    const reader = response.body!.getReader();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(regions.asked).toHaveLength(2);
    await reader.read();
    await reader.cancel();
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(regions.asked).toHaveLength(3);
  });

  it("has its headers alone for HEAD", async () => {
    const { send, regions } = bench(() => page([view("a", "1")], "a"));
    const response = await send("HEAD", PATH);
    expect(await response.text()).toBe("");
    expect(response.headers.get("Content-Type")).toBe("application/x-ndjson");
    expect(regions.asked).toHaveLength(1);
  });
});
