import { describe, expect, it } from "vitest";
import type { ReadRequest } from "../../src/replication/request.ts";
import { bench, problemOf } from "./support/deployment.ts";
import { VERSION, facts, item, written } from "./support/fake-regions.ts";

const PATH = "/v1/users/alice/items/k";
const LOST = { o: 0, e: 16, s: 7 };
const sessionOf = (response: Response): string => response.headers.get("Ithaca-Session") ?? "";

describe("a session over HTTP", () => {
  it("carries what was written into the next read", async () => {
    const { send, regions } = bench(({ request }) => (request.op === "write" ? written() : item()));
    const put = await send("PUT", PATH, { body: "1" });
    await send("GET", PATH, { headers: { "Ithaca-Session": sessionOf(put) } });
    const { session } = regions.asked[1]!.request as ReadRequest;
    expect(session.positions).toEqual([{ o: 0, e: 16, s: 10, durable: false }]);
  });

  it("hands the same token back when nothing new was shown", async () => {
    const { send } = bench(() => item());
    const first = await send("GET", PATH);
    const second = await send("GET", PATH, { headers: { "Ithaca-Session": sessionOf(first) } });
    expect(sessionOf(second)).toBe(sessionOf(first));
  });

  it("is refused with a bad token, on every request about data", async () => {
    const { send, regions } = bench(() => item());
    const headers = { "Ithaca-Session": "s1.1.AAAA.AAAAAAAAAAAAAAAAAAAAAA" };
    for (const [method, path] of [
      ["GET", PATH],
      ["HEAD", PATH],
      ["PUT", PATH],
      ["DELETE", PATH],
      ["GET", "/v1/users/alice/items"],
      ["GET", "/v1/users/alice/receipts/weur.16.1"],
    ] as const) {
      const response = await send(method, path, { headers });
      expect(response.status, `${method} ${path}`).toBe(400);
      if (method !== "HEAD")
        expect(await problemOf(response)).toMatchObject({ type: "/problems/invalid-session" });
    }
    expect(regions.asked).toHaveLength(0);
  });

  it("is not good for another namespace", async () => {
    const { send } = bench(() => item());
    const token = sessionOf(await send("GET", PATH));
    const response = await send("GET", "/v1/ns/other/users/alice/items/k", {
      headers: { "Ithaca-Session": token },
    });
    expect(response.status).toBe(400);
  });

  it("that lost writes is told which, and gets a token without exactly those", async () => {
    let lost = false;
    const { send, regions } = bench(() =>
      lost ? { kind: "refused", reason: "session-lost", lost: [LOST], facts: facts() } : item(),
    );
    const token = sessionOf(await send("GET", PATH));
    lost = true;
    for (const method of ["GET", "PUT", "DELETE"]) {
      const response = await send(method, PATH, { headers: { "Ithaca-Session": token } });
      expect(response.status).toBe(409);
      expect(await problemOf(response)).toMatchObject({
        type: "/problems/session-lost",
        lost: [{ from: "weur.16.7", to: "weur.16.7" }],
        divergent: "/v1/users/alice/divergent",
      });
      lost = false;
      await send("GET", PATH, { headers: { "Ithaca-Session": sessionOf(response) } });
      expect((regions.asked.at(-1)!.request as ReadRequest).session.positions).toEqual([]);
      lost = true;
    }
  });

  it("may ask for the present data all the same", async () => {
    let reply = item();
    const { send, regions } = bench(() => reply);
    const token = sessionOf(await send("GET", PATH));
    const shown = [{ o: 0, e: 33, s: 7, durable: true }];
    reply = { ...item(), lost: [VERSION], facts: facts({ shown }) } as typeof reply;
    const headers = { "Ithaca-Session": token, "Ithaca-On-Lost": "report" };
    const response = await send("GET", PATH, { headers });
    expect(response.status).toBe(200);
    expect(JSON.parse(response.headers.get("Ithaca-Session-Lost") ?? "")).toEqual({
      lost: [{ from: "weur.16.7", to: "weur.16.7" }],
      divergent: "/v1/users/alice/divergent",
    });
    expect(regions.asked[1]?.request).toMatchObject({ reportLost: true });
    await send("GET", PATH, { headers: { "Ithaca-Session": sessionOf(response) } });
    expect((regions.asked[2]!.request as ReadRequest).session.positions).toEqual(shown);
  });
});
