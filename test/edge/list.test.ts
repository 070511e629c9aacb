import { describe, expect, it } from "vitest";
import { embeddedValue } from "../../src/api/value-text.ts";
import { isJsonType } from "../../src/replication/json-text.ts";
import type { ClientReply, ItemView, ReadList, ReadRequest } from "../../src/replication/request.ts";
import { bench } from "./support/deployment.ts";
import { APAC, facts, type Asked } from "./support/fake-regions.ts";

const PATH = "/v1/users/alice/items";
const bytes = (text: string) => new TextEncoder().encode(text);

function view(key: string, more: Partial<ItemView> = {}): ItemView {
  return {
    key,
    version: { o: 0, e: 16, s: 7 },
    contentType: "application/json",
    size: 1,
    expiresAt: 0,
    ...more,
  };
}

function page(items: readonly ItemView[], next?: string, seq = 7): ClientReply {
  const shown = [{ o: 0, e: 16, s: seq, durable: true }];
  return { kind: "list", items, ...(next === undefined ? {} : { next }), facts: facts({ shown, seenAt: 5 }) };
}

const whatOf = ({ request }: Asked): ReadList => (request as ReadRequest).what as ReadList;

describe("a list", () => {
  it("has what its parameters ask for", async () => {
    const { send, regions } = bench(() => page([]));
    await send("GET", PATH);
    await send(
      "GET",
      `${PATH}?prefix=a%2Fb&start=a%2Fb+c&end=%C3%A9&limit=1000&reverse=true&values=true&other=1`,
    );
    expect(regions.asked.map(whatOf)).toEqual([
      { kind: "list", prefix: "", limit: 100, reverse: false, values: false, bytesMax: 4_194_304 },
      {
        kind: "list",
        prefix: "a/b",
        start: "a/b c",
        end: "é",
        limit: 1_000,
        reverse: true,
        values: true,
        bytesMax: 4_194_304,
      },
    ]);
  });

  it("shows values as they were stored", async () => {
    const json = ' {"n": 12345678901234567890, "n": 1.0} ';
    const { send } = bench(() =>
      page([
        view("a"),
        view("b", { expiresAt: 99, value: bytes(json) }),
        view("c", { contentType: "application/json", value: bytes("{") }),
        view("d", { contentType: "image/png", value: new Uint8Array([255, 0]) }),
      ]),
    );
    const response = await send("GET", `${PATH}?values=true`);
    const text = await response.text();
    expect(text).toContain(`"value":${json}`);
    expect(response.headers.get("Ithaca-Session")).toMatch(/^s1/);
    expect(JSON.parse(text)).toMatchObject({
      items: [
        { key: "a", version: "weur.16.7", contentType: "application/json", size: 1 },
        { key: "b", expiresAt: 99 },
        { key: "c", valueBase64: "ew==" },
        { key: "d", valueBase64: "/wA=" },
      ],
    });
    expect(text).not.toContain("cursor");
  });

  it("goes on where it ended, and never shows anything older", async () => {
    const { send, regions } = bench(() => page([view("a")], "a"));
    const headers = { "Ithaca-Region": "apac", "Ithaca-Consistency": "eventual" };
    const first = (await (await send("GET", PATH, { headers })).json()) as { cursor: string };
    expect(regions.asked[0]?.request).toMatchObject({ level: "eventual", session: { positions: [] } });
    await send("GET", `${PATH}?cursor=${encodeURIComponent(first.cursor)}`, { headers });
    expect(regions.asked[1]).toMatchObject({
      to: { region: APAC },
      request: {
        level: "session",
        what: { after: "a" },
        session: { positions: [{ o: 0, e: 16, s: 7, durable: false }], seenAt: 5 },
      },
    });
  });

  it("takes a cursor of the same list only", async () => {
    const { send } = bench(() => page([view("a")], "a"));
    const { cursor } = (await (await send("GET", PATH)).json()) as { cursor: string };
    const of = async (path: string, more = "") =>
      (await send("GET", `${path}?cursor=${encodeURIComponent(cursor)}${more}`)).status;
    expect(await of(PATH)).toBe(200);
    expect(await of(PATH, "&reverse=true")).toBe(400);
    // What it holds and how much of it may change; which keys it is about may not.
    expect(await of(PATH, "&limit=7&values=true&prefix=&start=&end=")).toBe(200);
    for (const range of ["prefix=a", "start=a", "end=z"])
      expect(await of(PATH, `&${range}`), range).toBe(400);
    expect(await of("/v1/users/bob/items")).toBe(400);
    expect(await of("/v1/ns/other/users/alice/items")).toBe(400);
    const token = (await send("GET", PATH)).headers.get("Ithaca-Session") ?? "";
    expect((await send("GET", `${PATH}?cursor=${token}`)).status).toBe(400);
  });
});

describe("a cursor", () => {
  const QUERY = "prefix=a%2F&start=a%2Fb&end=a%2Fx";
  const next = async (send: ReturnType<typeof bench>["send"], query: string) => {
    const response = await send("GET", `${PATH}?${query}`);
    return ((await response.json()) as { cursor?: string }).cursor ?? "";
  };

  it("belongs to the range that it was given for, however that is written", async () => {
    const { send, regions } = bench(() => page([view("a/c")], "a/c"));
    const cursor = await next(send, QUERY);
    const status = async (query: string) =>
      (await send("GET", `${PATH}?${query}&cursor=${encodeURIComponent(cursor)}`)).status;
    expect(await status(QUERY)).toBe(200);
    expect(await status("end=%61/x&start=a/b&prefix=a/&limit=1000")).toBe(200);
    expect(whatOf(regions.asked.at(-1)!)).toMatchObject({ after: "a/c", prefix: "a/", end: "a/x" });
    for (const other of [
      "prefix=a%2F&start=a%2Fb",
      "prefix=a%2F&start=a%2Fb&end=a%2Fy",
      "prefix=a&start=a%2Fb&end=a%2Fx",
      "prefix=a%2F&start=a%2Fc&end=a%2Fx",
      "prefix=a%2Fa&start=%2Fb&end=a%2Fx",
      `${QUERY}&reverse=true`,
    ])
      expect(await status(other), other).toBe(400);
  });

  it("of the longest key, in any characters, is accepted and found again", async () => {
    for (const key of ["k".repeat(512), "\u{1F9ED}".repeat(128), '"\\&=+%#?/é'.repeat(40)]) {
      const { send, regions } = bench(() => page([view(key)], key));
      const cursor = await next(send, "limit=1");
      await send("GET", `${PATH}?limit=1&cursor=${encodeURIComponent(cursor)}`);
      expect(whatOf(regions.asked[1]!).after).toBe(key);
    }
  });

  it("carries what every page before has shown, of each history the furthest", async () => {
    const shown = [
      [{ o: 0, e: 16, s: 9, durable: true }],
      [{ o: 0, e: 32, s: 4, durable: true }],
      [{ o: 0, e: 16, s: 3, durable: true }],
    ];
    let n = 0;
    const { send, regions } = bench(() => {
      const reply = page([view(`k${n}`)], `k${n}`);
      if (reply.kind !== "list") throw new Error("no list");
      return { ...reply, facts: facts({ shown: shown[n % 3]!, seenAt: 10 - n++ }) };
    });
    let cursor = "";
    for (let at = 0; at < 4; at++) cursor = await next(send, `cursor=${cursor}`.replace(/^cursor=$/, ""));
    const { session } = regions.asked.at(-1)!.request as ReadRequest;
    expect(session.seenAt).toBe(10);
    expect(session.positions.map(({ e, s }) => `${e}.${s}`).toSorted()).toEqual(["16.9", "32.4"]);
  });
});

describe("a page", () => {
  const MIB = 1_048_576;
  const sized = (key: string, bytes: number, contentType = "application/octet-stream") =>
    view(key, { contentType, size: bytes, value: new Uint8Array(bytes).fill(0x31) });
  const listed = async (items: readonly ItemView[], next?: string) => {
    const { send, regions } = bench(() => page(items, next));
    const response = await send("GET", `${PATH}?values=true&limit=1000`);
    const text = await response.text();
    const { items: shown, cursor } = JSON.parse(text) as { items: { key: string }[]; cursor?: string };
    if (cursor !== undefined) await send("GET", `${PATH}?cursor=${encodeURIComponent(cursor)}`);
    return {
      bytes: new TextEncoder().encode(text).length,
      keys: shown.map(({ key }) => key).join(" "),
      after: regions.asked[1] === undefined ? undefined : whatOf(regions.asked[1]).after,
    };
  };

  it("ends before 4 MiB of text, and the next one begins with what it left out", async () => {
    const binary = await listed(["a", "b", "c", "d"].map((key) => sized(key, MIB)));
    expect(binary).toMatchObject({ keys: "a b", after: "b" });
    const json = await listed(
      ["a", "b", "c", "d"].map((key) => sized(key, MIB, "application/json")),
      "d",
    );
    expect(json).toMatchObject({ keys: "a b c", after: "c" });
    for (const { bytes } of [binary, json]) expect(bytes).toBeLessThanOrEqual(4 * MIB);
    // All of it fits: the replica's own end stands.
    expect(await listed([sized("a", MIB), sized("b", MIB)], "b")).toMatchObject({ keys: "a b", after: "b" });
    expect(await listed([sized("a", MIB), sized("b", MIB)])).toMatchObject({ keys: "a b", after: undefined });
  });

  it("has one item at least, and a cursor even when it has none", async () => {
    expect(await listed([sized("a", MIB)])).toMatchObject({ keys: "a", after: undefined });
    expect(await listed([], "k")).toMatchObject({ keys: "", after: "k" });
  });

  it("of a thousand of the longest keys is one call, and whole", async () => {
    const keys = Array.from({ length: 1_000 }, (_, n) => `"${n}"`.padEnd(512, '"'));
    const { send, regions } = bench(() =>
      page(keys.map((key) => view(key, { contentType: `text/plain; x="${"y".repeat(230)}"` }))),
    );
    const { items } = (await (await send("GET", `${PATH}?limit=1000`)).json()) as {
      items: { key: string }[];
    };
    expect(items.map(({ key }) => key)).toEqual(keys);
    expect(regions.asked).toHaveLength(1);
  });
});

describe("bounds", () => {
  it("may be blank: then there is none", async () => {
    const { send, regions } = bench(() => page([]));
    expect((await send("GET", `${PATH}?prefix=&start=&end=`)).status).toBe(200);
    expect(whatOf(regions.asked[0]!)).toEqual({
      kind: "list",
      prefix: "",
      start: "",
      limit: 100,
      reverse: false,
      values: false,
      bytesMax: 4 * 1_048_576,
    });
  });

  it("are up to 512 bytes of UTF-8, and need not be keys", async () => {
    const { send, regions } = bench(() => page([]));
    const status = async (query: string) => (await send("GET", `${PATH}?${query}`)).status;
    for (const name of ["prefix", "start", "end"]) {
      for (const good of ["%F0%9F%A7%AD".repeat(128), "a".repeat(512), "%2F%2F", "..", "%00", "a+b", "a%2Bb"])
        expect(await status(`${name}=${good}`), `${name}=${good}`).toBe(200);
      for (const bad of [`${"%F0%9F%A7%AD".repeat(128)}a`, "a".repeat(513), "%ED%A0%80", "%FF", "%C3", "%G0"])
        expect(await status(`${name}=${bad}`), `${name}=${bad}`).toBe(400);
    }
    await send("GET", `${PATH}?start=a+b&end=a%2Bb&prefix=%F0%9F%A7%AD`);
    expect(whatOf(regions.asked.at(-1)!)).toMatchObject({ start: "a b", end: "a+b", prefix: "\u{1F9ED}" });
  });
});

describe("embedded values", () => {
  it.each([
    "application/json",
    "application/json; charset=utf-8",
    "APPLICATION/JSON",
    "application/ld+json",
    "x/y+json;a=b",
  ])("%s is JSON", (type) => {
    expect(isJsonType(type)).toBe(true);
  });
  it.each(["text/plain", "application/jsonl", "application/json-seq", "+json", "", "text/json2"])(
    "%s is not",
    (type) => {
      expect(isJsonType(type)).toBe(false);
    },
  );
  it("are base64 where the bytes are no UTF-8 or no JSON", () => {
    expect(embeddedValue("application/json", new Uint8Array([0x22, 0xff, 0x22]))).toBe(
      '"valueBase64":"Iv8i"',
    );
    expect(embeddedValue("application/json", bytes("\ufeff1"))).toBe('"valueBase64":"77u/MQ=="');
    expect(embeddedValue("application/json", bytes("null"))).toBe('"value":null');
  });
});
