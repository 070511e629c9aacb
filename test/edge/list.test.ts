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
    expect(await of("/v1/users/bob/items")).toBe(400);
    expect(await of("/v1/ns/other/users/alice/items")).toBe(400);
    const token = (await send("GET", PATH)).headers.get("Ithaca-Session") ?? "";
    expect((await send("GET", `${PATH}?cursor=${token}`)).status).toBe(400);
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
