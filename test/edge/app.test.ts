import { describe, expect, it } from "vitest";
import { bench, problemOf } from "./support/deployment.ts";
import { item, written } from "./support/fake-regions.ts";

describe("an item", () => {
  it("is written and read", async () => {
    const { send, regions } = bench(({ request }) => (request.op === "write" ? written() : item('{"a":1}')));
    const put = await send("PUT", "/v1/users/alice/items/k", {
      body: '{"a":1}',
      headers: { "Content-Type": "application/json" },
    });
    expect(put.status).toBe(201);
    expect(await put.json()).toEqual({
      user: "alice",
      key: "k",
      version: "weur.16.10",
      position: "weur.16.10",
      leader: "weur",
      concern: "local",
      durableIn: ["weur"],
      committed: false,
      at: 1_800_000_000_000,
    });
    const get = await send("GET", "/v1/users/alice/items/k");
    expect(get.status).toBe(200);
    expect(await get.text()).toBe('{"a":1}');
    expect(Object.fromEntries(get.headers)).toMatchObject({
      "cache-control": "private, no-cache, no-transform",
      vary: "Authorization, Ithaca-Session, Ithaca-Consistency, Ithaca-Region",
      etag: '"weur.16.7"',
      "content-type": "application/json",
      "ithaca-served-by": "weur",
      "ithaca-home": "weur",
      "ithaca-leader": "weur",
      "ithaca-position": "weur.16.9",
      "ithaca-staleness-ms": "0",
    });
    expect(regions.route).toBe("write@0 read@0");
  });

  it("is not there", async () => {
    const { send } = bench(() => ({ kind: "refused", reason: "no-user" }));
    const response = await send("GET", "/v1/users/alice/items/k");
    expect(response.status).toBe(404);
    expect(response.headers.get("Ithaca-Session")).toMatch(/^s1\.1\./);
    expect(response.headers.get("Ithaca-Home")).toBeNull();
    expect(await problemOf(response)).toMatchObject({
      type: "/problems/not-found",
      definite: true,
      retryable: false,
    });
  });
});
