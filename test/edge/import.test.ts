import { describe, expect, it } from "vitest";
import type { ClientReply, ImportItem, WriteRequest } from "../../src/replication/request.ts";
import { bench, problemOf } from "./support/deployment.ts";
import { facts, receipt, unavailable, type Asked } from "./support/fake-regions.ts";

const PATH = "/v1/users/alice/import";
const NDJSON = { "Content-Type": "application/x-ndjson" };

const requestOf = ({ request }: Asked): WriteRequest => request as WriteRequest;
function itemsOf(asked: Asked): readonly ImportItem[] {
  const { command } = requestOf(asked);
  return command.kind === "import" ? command.items : [];
}

let seq = 10;
function imported(asked: Asked, results = itemsOf(asked).map(() => "imported" as const)): ClientReply {
  const position = { o: 0, e: 16, s: ++seq };
  return {
    kind: "imported",
    results,
    receipt: receipt({ position, version: position }),
    facts: facts({ position, shown: [{ ...position, durable: false }] }),
  };
}

const line = (key: string, more: object = {}) =>
  JSON.stringify({ key, version: "weur.16.1", value: 1, ...more });
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

describe("an import", () => {
  it("writes what its lines say, byte for byte", async () => {
    const { send, regions } = bench((asked) => imported(asked));
    const body = [
      '{"user":"bob","position":"weur.16.9","at":1}',
      '{"key":"a/é","version":"weur.16.3","contentType":"application/json; x=1","size":21,"value":{"n": 1.0, "n":12345} }',
      "",
      `{"key":"b","version":"elsewhere.1.2","contentType":"image/png","expiresAt":${Date.now() + 60_000},"valueBase64":"/wA="}\r`,
      '{"key":"c","value":"\\u0041"}',
      '{"key":"d","valueBase64":""}',
      '{"end":true,"items":4}',
    ].join("\n");
    const response = await send("POST", PATH, { body, headers: NDJSON });
    expect(await response.json()).toEqual({ imported: 4, unchanged: 0, failed: [], failedCount: 0 });
    expect(response.status).toBe(200);
    const [a, b, c, d] = itemsOf(regions.asked[0]!);
    expect(a).toMatchObject({
      key: "a/é",
      version: "weur.16.3",
      stands: { o: 0, e: 16, s: 3 },
      expiresAt: 0,
    });
    expect(a?.contentType).toBe("application/json; x=1");
    expect(text(a!.value)).toBe('{"n": 1.0, "n":12345}');
    expect(b).toMatchObject({ version: "elsewhere.1.2", contentType: "image/png" });
    expect(b).not.toHaveProperty("stands");
    expect([...b!.value]).toEqual([255, 0]);
    expect(text(c!.value)).toBe('"\\u0041"');
    expect(c).toMatchObject({ version: "", contentType: "application/json" });
    expect(d).toMatchObject({ contentType: "application/octet-stream", value: new Uint8Array(0) });
    expect(requestOf(regions.asked[0]!)).toMatchObject({ conditions: {}, idempotency: { by: "edge" } });
  });

  it("names each line that it does not take, and goes on", async () => {
    const { send } = bench((asked) => imported(asked));
    const lines = {
      "not json": "{",
      "[]": "not a JSON object",
      '{"value":1}': "the line has no key",
      [line("")]: "the key has 0 bytes",
      [line("a/../b")]: "segment",
      [line("a\u0007")]: "control character",
      [line("x".repeat(513))]: "513 bytes",
      '{"key":1,"value":1}': "the key has to be a string",
      '{"key":"k"}': "one of value and valueBase64",
      [line("k", { valueBase64: "" })]: "one of value and valueBase64",
      '{"key":"k","valueBase64":"a"}': "not base64",
      '{"key":"k","valueBase64":"_-8="}': "not base64",
      '{"key":"k","valueBase64":5}': "not base64",
      '{"key":"k","value":1,"value":2}': "stands twice",
      [line("k", { expiresIn: 5 })]: '"expiresIn" is no member',
      [line("k", { contentType: "é" })]: "printable ASCII",
      [line("k", { contentType: "x".repeat(256) })]: "longer than 255",
      [line("k", { contentType: 1 })]: "has to be a string",
      [line("k", { size: 2 })]: "the size says 2",
      [line("k", { expiresAt: 0 })]: "expiresAt",
      [line("k", { expiresAt: 1e16 })]: "expiresAt",
      [line("k", { version: 7 })]: "version",
      [line("k", { version: "v".repeat(256) })]: "version",
      '{"end":false,"items":3}': "broke off",
    };
    const given = Object.keys(lines);
    const body = [...given, line("good")].join("\n");
    const answer = (await (await send("POST", PATH, { body, headers: NDJSON })).json()) as {
      imported: number;
      failed: { line: number; problem: string; detail: string }[];
      failedCount: number;
    };
    expect(answer.imported).toBe(1);
    expect(answer.failedCount).toBe(given.length);
    expect(answer.failed.map(({ line: number }) => number)).toEqual(given.map((_, at) => at + 1));
    answer.failed.forEach(({ problem, detail }, at) => {
      expect(problem).toBe("invalid-request");
      const expected = at === 0 ? "not JSON" : Object.values(lines)[at];
      expect(detail, given[at]).toContain(expected);
    });
  });

  it("takes values of up to 1 MiB, and holds no longer line", async () => {
    const { send, regions } = bench((asked) => imported(asked));
    const most = new Uint8Array(1_048_576).fill(65);
    const encoded = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
    const body = [
      `{"key":"most","valueBase64":"${encoded(most)}"}`,
      `{"key":"more","valueBase64":"${encoded(new Uint8Array(1_048_577))}"}`,
      `{"key":"text","value":"${"x".repeat(1_048_574)}"}`,
      `{"key":"texts","value":"${"x".repeat(1_048_575)}"}`,
      `{"key":"long","value":"${"x".repeat(1_600_000)}"}`,
    ].join("\n");
    const answer = await (await send("POST", PATH, { body, headers: NDJSON })).json();
    expect(answer).toMatchObject({
      imported: 2,
      failed: [
        { line: 2, problem: "value-too-large" },
        { line: 4, problem: "value-too-large" },
        { line: 5, problem: "value-too-large" },
      ],
    });
    expect(regions.asked.map((asked) => itemsOf(asked).map(({ key }) => key))).toEqual([["most"], ["text"]]);
  });

  it("goes in chunks of 250 items and 512 KiB, in which no key comes twice, each covering the ones before", async () => {
    const { send, regions } = bench((asked) => imported(asked));
    const big = "x".repeat(300_000);
    const keys = [...Array.from({ length: 251 }, (_, n) => `k${n}`), "k250", "k250"];
    const body = [
      ...keys.map((key) => line(key)),
      line("b1", { value: big }),
      line("b2", { value: big }),
    ].join("\n");
    await send("POST", PATH, { body, headers: NDJSON });
    expect(regions.asked.map((asked) => itemsOf(asked).length)).toEqual([250, 1, 1, 2, 1]);
    const marks = regions.asked.map((asked) => requestOf(asked).idempotency?.key);
    expect(new Set(marks).size).toBe(5);
    expect(requestOf(regions.asked[0]!).session.positions).toEqual([]);
    expect(requestOf(regions.asked[4]!).session.positions).toEqual([
      { o: 0, e: 16, s: seq - 1, durable: false },
    ]);
  });

  it("sends again what the leader did not look at, and tells what it found", async () => {
    const { send, regions } = bench((asked) =>
      itemsOf(asked).length > 2
        ? imported(asked, ["imported", "unchanged"] as never)
        : imported(asked, ["expired", "imported"] as never),
    );
    const body = ["a", "b", "c", "d"].map((key) => line(key)).join("\n");
    const answer = await (await send("POST", PATH, { body, headers: NDJSON })).json();
    expect(answer).toMatchObject({ imported: 2, unchanged: 1, failedCount: 1, failed: [{ line: 3 }] });
    expect(regions.asked.map((asked) => itemsOf(asked).map(({ key }) => key))).toEqual([
      ["a", "b", "c", "d"],
      ["c", "d"],
    ]);
  });

  it("that cannot go on says what it did and where it stopped", async () => {
    let asked = 0;
    const { send } = bench((question) => (++asked === 1 ? imported(question) : unavailable("timeout", true)));
    const body = Array.from({ length: 600 }, (_, n) => line(`k${n}`)).join("\n");
    const headers = { ...NDJSON, "Ithaca-Timeout-Ms": "900" };
    const response = await send("POST", PATH, { body: `${body}\n{`, headers });
    expect(response.status).toBe(504);
    expect(await problemOf(response)).toMatchObject({
      type: "/problems/outcome-unknown",
      definite: false,
      imported: 250,
      unchanged: 0,
      line: 251,
    });
  });

  it("is not definite about a refusal that comes after something was written", async () => {
    let asked = 0;
    const { send } = bench((question) =>
      ++asked === 1 ? imported(question) : { kind: "refused", reason: "rpo-bound", retryAfterMs: 1 },
    );
    const body = Array.from({ length: 300 }, (_, n) => line(`k${n}`)).join("\n");
    const response = await send("POST", PATH, { body, headers: NDJSON });
    expect(response.status).toBe(429);
    expect(response.headers.get("Retry-After")).toBe("1");
    expect(await problemOf(response)).toMatchObject({
      definite: false,
      imported: 250,
      line: 251,
    });
  });

  it("lists a hundred failures and counts the rest", async () => {
    const { send } = bench((asked) => imported(asked));
    const answer = (await (
      await send("POST", PATH, { body: "{\n".repeat(150), headers: NDJSON })
    ).json()) as { failed: unknown[]; failedCount: number };
    expect(answer.failed).toHaveLength(100);
    expect(answer.failedCount).toBe(150);
  });

  it("takes its own content type only, and no conditions", async () => {
    const { send, regions } = bench((asked) => imported(asked));
    for (const type of ["application/ndjson", "application/jsonl; charset=utf-8", "APPLICATION/X-NDJSON"])
      expect((await send("POST", PATH, { body: "", headers: { "Content-Type": type } })).status).toBe(200);
    for (const type of ["application/json", "text/plain"]) {
      const response = await send("POST", PATH, { body: "", headers: { "Content-Type": type } });
      expect(await problemOf(response)).toMatchObject({
        type: "/problems/unsupported-media-type",
        status: 415,
      });
    }
    const headers = { ...NDJSON, "If-Match": "*" };
    expect((await send("POST", PATH, { body: "", headers })).status).toBe(400);
    expect(regions.asked).toEqual([]);
  });
});
