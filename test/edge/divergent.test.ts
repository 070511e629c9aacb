/** Lost writes at the edge: how they are listed, and what settling one asks of the leader. */
import { describe, expect, it } from "vitest";
import type {
  ClientReply,
  DivergentRequest,
  LostWriteView,
  WriteRequest,
} from "../../src/replication/request.ts";
import { bench, problemOf } from "./support/deployment.ts";
import { ENAM, facts, receipt, WEUR, written } from "./support/fake-regions.ts";

const PATH = "/v1/users/alice/divergent";
const bytes = (text: string) => new TextEncoder().encode(text);
const JSON_TYPE = "application/json";
const BIG = "12345678901234567890.10";

const LOST: LostWriteView = {
  place: { o: WEUR, e: 16, s: 7 },
  at: 5,
  state: "open",
  supersededBy: 33,
  cutIn: WEUR,
  cutAt: 9,
  ops: [
    {
      op: "merge",
      key: "a",
      after: { contentType: JSON_TYPE, value: bytes(`{"n":${BIG},"m":1}`), expiresAt: 77 },
      command: bytes(`{"n":${BIG}}`),
      base: {
        key: "a",
        item: { contentType: JSON_TYPE, value: bytes(`{"m":1}`), expiresAt: 0 },
        version: { o: WEUR, e: 16, s: 2 },
      },
      current: {
        key: "a",
        version: { o: WEUR, e: 33, s: 8 },
        contentType: "image/x",
        size: 2,
        expiresAt: 88,
        value: Uint8Array.of(0, 255),
      },
    },
    {
      op: "add",
      key: "b",
      after: { contentType: "text/plain", value: bytes("12"), expiresAt: 0 },
      command: bytes("7"),
      base: { key: "b" },
      current: null,
    },
    { op: "delete", key: "c", base: null, current: null },
  ],
};

function page(entries: readonly LostWriteView[], next?: LostWriteView["place"]): ClientReply {
  return { kind: "divergent", entries, facts: facts(), ...(next === undefined ? {} : { next }) };
}

describe("the list", () => {
  it("has an element for each op, with stored JSON byte for byte", async () => {
    const { send } = bench(() => page([LOST]));
    const response = await send("GET", PATH);
    expect(response.status).toBe(200);
    const text = await response.text();
    expect(text).toContain(`"value":{"n":${BIG},"m":1},"patch":{"n":${BIG}}`);
    const common = {
      id: "weur.16.7",
      position: "weur.16.7",
      cause: { epoch: "33", leader: "enam", cutIn: "weur", cutAt: 9 },
      at: 5,
      state: "open",
    };
    expect(JSON.parse(text)).toEqual({
      entries: [
        {
          ...common,
          key: "a",
          op: "merge",
          contentType: JSON_TYPE,
          expiresAt: 77,
          value: { n: Number(BIG), m: 1 },
          patch: { n: Number(BIG) },
          base: { found: true, version: "weur.16.2", contentType: JSON_TYPE, value: { m: 1 } },
          current: {
            found: true,
            version: "weur.33.8",
            contentType: "image/x",
            expiresAt: 88,
            valueBase64: "AP8=",
          },
        },
        {
          ...common,
          key: "b",
          op: "add",
          contentType: "text/plain",
          by: "7",
          valueBase64: "MTI=",
          base: { found: false },
          current: { found: false },
        },
        { ...common, key: "c", op: "delete", base: null, current: { found: false } },
      ],
    });
  });

  it("says what settled a write, and goes on with a cursor", async () => {
    const settled = { ...LOST, state: "replayed", by: { o: ENAM, e: 33, s: 4 } } as const;
    const { send, regions } = bench(() => page([settled], LOST.place));
    const first = (await (await send("GET", `${PATH}?limit=1`)).json()) as {
      cursor: string;
      entries: { state: string; settledBy: string }[];
    };
    expect(first.entries[0]).toMatchObject({ state: "replayed", settledBy: "enam.33.4" });
    await send("GET", `${PATH}?limit=1&cursor=${first.cursor}`);
    const asked = regions.asked.map(({ request }) => request as DivergentRequest);
    expect(asked.map(({ op, limit, after }) => [op, limit, after])).toEqual([
      ["divergent", 1, undefined],
      ["divergent", 1, LOST.place],
    ]);
  });

  it("goes where the level says", async () => {
    const { send, regions } = bench(() => page([]));
    for (const level of ["user", "eventual", "strong"])
      await send("GET", PATH, { headers: { "Ithaca-Consistency": level, "Ithaca-Region": "apac" } });
    const levels = regions.asked.map(({ request }) => (request as DivergentRequest).level);
    expect(levels).toEqual(["leader", "eventual", "strong"]);
  });

  it.each(["cursor=mars.1.2", "cursor=x", "limit=0", "limit=1001"])("refuses %s", async (query) => {
    const { send, regions } = bench(() => page([]));
    const response = await send("GET", `${PATH}?${query}`);
    expect(response.status).toBe(400);
    expect(regions.asked).toHaveLength(0);
  });
});

describe("settling", () => {
  const settle = (body: unknown) => ({ body: JSON.stringify(body) });

  it.each(["replay", "discard"] as const)("asks the leader to %s", async (action) => {
    const { send, regions } = bench(() => written({ status: 200 }));
    const response = await send("POST", `${PATH}/weur.16.7`, settle({ action }));
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      id: "weur.16.7",
      state: action === "replay" ? "replayed" : "discarded",
      position: "weur.16.10",
      leader: "weur",
    });
    const request = regions.asked[0]!.request as WriteRequest;
    expect(request.command).toEqual({ kind: "settle", lost: LOST.place, action });
    expect(request.idempotency?.by).toBe("edge");
    expect(response.headers.get("Ithaca-Session")).not.toBeNull();
  });

  it.each([{ action: "undo" }, { action: "replay", twice: true }, {}, []])("refuses %j", async (body) => {
    const { send, regions } = bench(() => written());
    const response = await send("POST", `${PATH}/weur.16.7`, settle(body));
    expect(response.status).toBe(400);
    expect(regions.asked).toHaveLength(0);
  });

  it("knows ids that cannot be", async () => {
    const { send } = bench(() => written());
    expect((await send("POST", `${PATH}/7`, settle({ action: "replay" }))).status).toBe(400);
    expect((await send("POST", `${PATH}/mars.1.1`, settle({ action: "replay" }))).status).toBe(404);
  });

  it("of what is not there, or was settled otherwise, is a clear word", async () => {
    const { send, regions } = bench(() => ({ kind: "refused", reason: "no-divergent", facts: facts() }));
    const unknown = await send("POST", `${PATH}/weur.16.7`, settle({ action: "replay" }));
    expect(unknown.status).toBe(404);
    regions.answer = () => ({
      kind: "refused",
      reason: "settled",
      state: "discarded",
      by: { o: WEUR, e: 33, s: 4 },
      facts: facts(),
    });
    const settled = await send("POST", `${PATH}/weur.16.7`, settle({ action: "replay" }));
    expect(settled.status).toBe(409);
    expect(await problemOf(settled)).toMatchObject({
      type: "/problems/divergent-settled",
      state: "discarded",
      position: "weur.33.4",
      definite: true,
    });
  });

  it("makes no user: who is unknown has lost nothing", async () => {
    const { send, regions } = bench(({ request }) =>
      request.op === "home" ? { kind: "refused", reason: "no-user" } : { kind: "unknown-user" },
    );
    const response = await send("POST", `${PATH}/weur.16.7`, settle({ action: "replay" }));
    expect(response.status).toBe(404);
    expect(regions.route).not.toContain("claim");
  });
});

it("a lost write's receipt names what stands for it", async () => {
  const { send } = bench(() => ({
    kind: "receipt",
    receipt: receipt({ durableIn: [] }),
    state: "lost",
    divergent: LOST.place,
    met: false,
    facts: facts(),
  }));
  const response = await send("GET", "/v1/users/alice/receipts/weur.16.10");
  expect(await response.json()).toMatchObject({ state: "lost", divergent: "weur.16.7", durableIn: [] });
});
