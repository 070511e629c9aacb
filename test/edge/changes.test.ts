import { describe, expect, it } from "vitest";
import type { Change } from "../../src/replication/change.ts";
import type { ChangesRequest, ClientReply } from "../../src/replication/request.ts";
import { bench, problemOf } from "./support/deployment.ts";
import { bearer, SECRET } from "./support/bearer.ts";
import { facts, homeReply, unavailable, type Asked } from "./support/fake-regions.ts";

const PATH = "/v1/users/alice/changes";
const CURSOR = { version: 1, o: 0, e: 16, s: 12 };
const bytes = (text: string) => new TextEncoder().encode(text);

function change(key: string, more: Partial<Change> = {}): Change {
  const after = { contentType: "application/json", value: bytes("1.0"), expiresAt: 0 };
  return { position: { o: 0, e: 16, s: 7 }, user: "alice", key, op: "put", at: 5, after, ...more };
}

function page(...changes: Change[]): ClientReply {
  return { kind: "changes", changes, cursor: CURSOR, facts: facts({ why: "feed" }) };
}

const asked = ({ request }: Asked): ChangesRequest => request as ChangesRequest;

describe("changes", () => {
  it("are asked of the nearest region, for as long as the caller waits and a little more", async () => {
    const { send, regions } = bench(() => page());
    await send("GET", PATH, { headers: { "Ithaca-Region": "apac" } });
    await send("GET", `${PATH}?waitMs=25000&limit=1000&values=true`);
    expect(regions.route).toBe("changes@2 changes@0");
    const [plain, waiting] = regions.asked;
    expect(asked(plain!)).toMatchObject({ user: "alice", limit: 100, waitMs: 0, values: false, from: 2 });
    expect(asked(plain!)).not.toHaveProperty("after");
    expect(asked(waiting!)).toMatchObject({ limit: 1_000, values: true });
    expect(asked(waiting!).waitMs).toBeGreaterThan(24_900);
    expect(waiting!.timeoutMs).toBeGreaterThan(asked(waiting!).waitMs);
    expect(asked(waiting!).deadlineAt).toBeGreaterThan(Date.now() + asked(waiting!).waitMs);
  });

  it("stand in the answer as they are, and its cursor leads on from there, for this user only", async () => {
    const { send, regions } = bench(() => page(change("a"), change("b", { op: "delete" })));
    const response = await send("GET", `${PATH}?values=true`);
    expect(response.status).toBe(200);
    expect(response.headers.get("Ithaca-Served-By")).toBe("weur");
    expect(response.headers.get("Ithaca-Session")).toMatch(/^s1\./);
    const text = await response.text();
    expect(text).toContain('"key":"a","op":"put","version":"weur.16.7"');
    expect(text).toContain('"value":1.0}');
    const { cursor } = JSON.parse(text) as { cursor: string };
    expect((await send("GET", `${PATH}?after=${cursor}`)).status).toBe(200);
    expect(asked(regions.asked[1]!).after).toEqual(CURSOR);
    for (const other of ["/v1/users/bob/changes", "/v1/ns/other/users/alice/changes"]) {
      const refused = await send("GET", `${other}?after=${cursor}`);
      expect(refused.status).toBe(400);
      expect(await problemOf(refused)).toMatchObject({ type: "/problems/invalid-request" });
    }
  });

  it("have no body for HEAD", async () => {
    const { send } = bench(() => page(change("a")));
    const response = await send("HEAD", PATH);
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });

  it.each([
    ["limit=0"],
    ["limit=1001"],
    ["waitMs=25001"],
    ["waitMs=-1"],
    ["values=yes"],
    ["after="],
    ["after=f1.1.AAAA.AAAAAAAAAAAAAAAAAAAAAA"],
    ["after=x&after=x"],
  ])("%s is refused", async (query) => {
    const { send, regions } = bench(() => page());
    const response = await send("GET", `${PATH}?${query}`);
    expect([response.status, (await problemOf(response))["type"]]).toEqual([
      400,
      "/problems/invalid-request",
    ]);
    expect(regions.asked).toEqual([]);
  });

  it("of an expired cursor are refused with one to go on from", async () => {
    const { send, regions } = bench(({ request }) =>
      asked({ request } as Asked).after === undefined
        ? {
            kind: "refused",
            reason: "cursor-expired",
            cursor: CURSOR,
            facts: facts({ shown: [{ ...CURSOR, durable: true }] }),
          }
        : page(),
    );
    const response = await send("GET", PATH);
    expect(response.status).toBe(410);
    expect(response.headers.get("Ithaca-Session")).toMatch(/^s1\./);
    const problem = await problemOf(response);
    expect(problem).toMatchObject({ type: "/problems/cursor-expired", definite: true, retryable: false });
    expect((await send("GET", `${PATH}?after=${String(problem["cursor"])}`)).status).toBe(200);
    expect(asked(regions.asked[1]!).after).toEqual(CURSOR);
  });

  it("of a user that the replica does not know are asked for with what the anchor says", async () => {
    let known = false;
    const { send, regions } = bench(({ request }) => {
      if (request.op === "home") return known ? homeReply(1) : { kind: "refused", reason: "no-user" };
      return asked({ request } as Asked).claim === undefined ? { kind: "unknown-user" } : page();
    });
    expect((await send("GET", PATH)).status).toBe(404);
    known = true;
    expect((await send("GET", PATH)).status).toBe(200);
    expect(regions.route).toBe("changes@0 home@0 changes@0 home@0 changes@0");
  });

  it("are had of the next region where the nearest is silent", async () => {
    const { send, regions } = bench(({ to }) => (to.region === 0 ? unavailable("refused", false) : page()));
    expect((await send("GET", `${PATH}?waitMs=100`)).status).toBe(200);
    expect(regions.route).toBe("changes@0 changes@1");
  });

  it("are for those who may read every key", async () => {
    const { send } = bench(() => page(), { authMode: "jwt", authSecret: SECRET, localDev: false });
    const status = async (claims: Record<string, unknown>) =>
      (await send("GET", PATH, { headers: bearer(claims) })).status;
    expect(await status({ sub: "alice" })).toBe(200);
    expect(await status({ sub: "bob", scope: "read:any" })).toBe(200);
    expect(await status({ sub: "bob", read: ["users/alice/*"] })).toBe(200);
    expect(await status({ sub: "bob", read: ["users/alice/shared/*"] })).toBe(403);
    expect((await send("GET", PATH)).status).toBe(401);
  });
});
