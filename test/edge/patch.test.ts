/** PATCH at the edge: the one content type, what reaches the leader, and what the caller is told. */
import { describe, expect, it } from "vitest";
import type { Refusal, WriteRequest } from "../../src/replication/request.ts";
import { bench, problemOf } from "./support/deployment.ts";
import { facts, item, written } from "./support/fake-regions.ts";

const PATH = "/v1/users/alice/items/a/b";
const TYPE = "application/merge-patch+json";
const MIB = 1_048_576;
const patching = () => bench(({ request }) => (request.op === "write" ? written({ status: 200 }) : item()));
const headers = { "Content-Type": TYPE };

describe("what the leader is asked", () => {
  it("is the patch as it stands, under the conditions of the request", async () => {
    const { send, regions } = patching();
    const body = ` { "n" : 12345678901234567890.10, "m":null } `;
    const response = await send("PATCH", PATH, { body, headers: { ...headers, "If-Match": '"weur.16.7"' } });
    expect(response.status).toBe(200);
    expect(response.headers.get("ETag")).toBe('"weur.16.10"');
    expect(await problemOf(response)).toMatchObject({ version: "weur.16.10" });
    expect(regions.asked[0]!.request).toMatchObject({
      op: "write",
      command: { kind: "merge", key: "a/b", patch: new TextEncoder().encode(body) },
      conditions: { ifMatch: [{ o: 0, e: 16, s: 7 }] },
    });
  });

  it.each(["charset=utf-8", ' charset="UTF-8"; x=y'])("whatever the parameters: %s", async (parameters) => {
    const { send } = patching();
    const type = `Application/Merge-Patch+JSON;${parameters}`;
    expect((await send("PATCH", PATH, { body: "{}", headers: { "Content-Type": type } })).status).toBe(200);
  });

  it("the same patch under the same key is the same request", async () => {
    const { send, regions } = patching();
    for (const body of ["{}", "{}", "{ }"])
      await send("PATCH", PATH, { body, headers: { ...headers, "Idempotency-Key": "k" } });
    const [one, two, three] = regions.asked.map(
      ({ request }) => (request as WriteRequest).idempotency!.fingerprint,
    );
    expect(two).toEqual(one);
    expect(three).not.toEqual(one);
  });
});

describe("what is refused before anybody is asked", () => {
  it.each([
    undefined,
    "application/json",
    "application/json-patch+json",
    "application/merge-patch",
    "text/plain; application/merge-patch+json",
  ])("the content type %s", async (type) => {
    const { send, regions } = patching();
    const body = new TextEncoder().encode("{}");
    const response = await send("PATCH", PATH, {
      body,
      headers: type === undefined ? {} : { "Content-Type": type },
    });
    expect(response.status).toBe(415);
    expect(response.headers.get("Accept-Patch")).toBe(TYPE);
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ type: "/problems/unsupported-media-type", definite: true });
    expect(problem["detail"]).toContain(TYPE);
    expect(regions.asked).toHaveLength(0);
  });

  it.each([
    ["nothing", "", {}, "JSON"],
    ["no JSON", "{a:1}", {}, "JSON"],
    ["a byte order mark", "\u{feff}{}", {}, "JSON"],
    ["513 levels", "[".repeat(513) + "]".repeat(513), {}, "512"],
    ["100,000 levels", `{"a":`.repeat(100_000) + "1" + "}".repeat(100_000), {}, "512"],
    ["an expiry", "{}", { "Ithaca-Expires-In": "60" }, "Ithaca-Expires-In"],
    ["a tag that is none", "{}", { "If-Match": "a" }, "If-Match"],
  ])("%s", async (_what, body, more, named) => {
    const { send, regions } = patching();
    const response = await send("PATCH", PATH, { body, headers: { ...headers, ...more } });
    expect(response.status).toBe(400);
    expect((await problemOf(response))["detail"]).toContain(named);
    expect(regions.asked).toHaveLength(0);
  });

  it.each([
    [MIB, 200],
    [MIB + 1, 413],
  ])("a patch of %d bytes: %d", async (bytes, status) => {
    const { send } = patching();
    const response = await send("PATCH", PATH, { body: `"${"x".repeat(bytes - 2)}"`, headers });
    expect(response.status).toBe(status);
    if (status === 413)
      expect(await problemOf(response)).toMatchObject({ type: "/problems/value-too-large" });
  });

  it("512 levels are taken", async () => {
    const body = "[".repeat(512) + "]".repeat(512);
    expect((await patching().send("PATCH", PATH, { body, headers })).status).toBe(200);
  });
});

it.each<[Refusal, number, string]>([
  [{ kind: "refused", reason: "not-found", facts: facts() }, 404, "not-found"],
  [{ kind: "refused", reason: "not-json", key: "a/b", facts: facts() }, 409, "not-json"],
  [
    { kind: "refused", reason: "precondition-failed", current: null, facts: facts() },
    412,
    "precondition-failed",
  ],
  [{ kind: "refused", reason: "too-large", what: "value", facts: facts() }, 413, "value-too-large"],
  [{ kind: "refused", reason: "invalid-command" }, 400, "invalid-request"],
])("%j is %d", async (refusal, status, name) => {
  const { send } = bench(() => refusal);
  const response = await send("PATCH", PATH, { body: "{}", headers });
  expect(response.status).toBe(status);
  expect(await problemOf(response)).toMatchObject({
    type: `/problems/${name}`,
    definite: true,
    retryable: false,
  });
  expect(response.headers.get("Ithaca-Session")).toBeTruthy();
});
