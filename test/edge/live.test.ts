import { afterEach, describe, expect, it, vi } from "vitest";
import type { ChangesRequest, ClientReply } from "../../src/replication/request.ts";
import type { Deployment } from "../../src/deployment/deployment.ts";
import { bearer, SECRET } from "./support/bearer.ts";
import { bench, problemOf } from "./support/deployment.ts";
import { facts, homeReply, unavailable } from "./support/fake-regions.ts";

const PATH = "/v1/users/alice/live";
const CURSOR = { version: 1, o: 0, e: 16, s: 12 };
const UPGRADE = { Upgrade: "websocket" };
const PAGE: ClientReply = { kind: "changes", changes: [], cursor: CURSOR, facts: facts() };
const guarded = (more: Partial<Deployment> = {}) =>
  bench(() => PAGE, { authMode: "jwt", authSecret: SECRET, localDev: false, ...more });
const alice = bearer({ sub: "alice" });

describe("a live feed", () => {
  it("opens at the nearest region, after the cursor that is given", async () => {
    const { send, regions } = bench(() => PAGE);
    const { cursor } = (await (await send("GET", "/v1/users/alice/changes")).json()) as { cursor: string };
    const headers = { ...UPGRADE, "Ithaca-Region": "apac" };
    const response = await send("GET", `${PATH}?after=${cursor}&values=true`, { headers });
    expect(response.status).toBe(101);
    expect(response.headers.get("X-Request-Id")).toBeTruthy();
    expect(regions.opened).toMatchObject([{ region: 2, namespace: "default" }]);
    const asked = regions.asked.at(-1)!.request as ChangesRequest;
    expect(asked).toMatchObject({ user: "alice", after: CURSOR, values: true, from: 2, waitMs: 0 });
  });

  it("needs the upgrade, in whatever case", async () => {
    const { send, regions } = bench(() => PAGE);
    for (const headers of [{}, { Upgrade: "h2c" }]) {
      const response = await send("GET", PATH, { headers });
      expect(response.status).toBe(400);
      expect(await problemOf(response)).toMatchObject({ type: "/problems/invalid-request" });
    }
    expect(regions.asked).toEqual([]);
    expect((await send("GET", PATH, { headers: { Upgrade: "WebSocket" } })).status).toBe(101);
  });

  it("opens elsewhere where the nearest region is silent, and at a claimed home that is not known there yet", async () => {
    const { send, regions } = bench(({ to, request }) => {
      if (request.op === "home") return homeReply(1);
      if (to.region === 0) return unavailable("refused", false);
      return (request as ChangesRequest).claim === undefined ? { kind: "unknown-user" } : PAGE;
    });
    expect((await send("GET", PATH, { headers: UPGRADE })).status).toBe(101);
    expect(regions.opened.map(({ region }) => region)).toEqual([1]);
  });

  it("is refused like changes are, and where there are too many", async () => {
    let reply: ClientReply = { kind: "refused", reason: "too-many-sockets", retryAfterMs: 10_000 };
    const { send } = bench(({ request }) =>
      request.op === "home" ? { kind: "refused", reason: "no-user" } : reply,
    );
    const tooMany = await send("GET", PATH, { headers: UPGRADE });
    expect([tooMany.status, tooMany.headers.get("Retry-After")]).toEqual([429, "10"]);
    expect(await problemOf(tooMany)).toMatchObject({ type: "/problems/too-many-requests" });
    reply = { kind: "refused", reason: "cursor-expired", cursor: CURSOR, facts: facts() };
    expect((await send("GET", PATH, { headers: UPGRADE })).status).toBe(410);
    reply = { kind: "unknown-user" };
    expect((await send("GET", PATH, { headers: UPGRADE })).status).toBe(404);
    expect((await send("GET", `${PATH}?after=x`, { headers: UPGRADE })).status).toBe(400);
  });

  it("is for those who may read every key", async () => {
    const { send } = guarded();
    const status = async (headers: Record<string, string>) =>
      (await send("GET", PATH, { headers: { ...UPGRADE, ...headers } })).status;
    expect(await status(alice)).toBe(101);
    expect(await status(bearer({ sub: "bob" }))).toBe(403);
    expect(await status({})).toBe(401);
  });

  it("opens for pages of allowed origins and of its own, and for whoever is no browser", async () => {
    const { send } = guarded({ corsOrigins: ["https://app.example"] });
    const status = async (origin: Record<string, string>) =>
      (await send("GET", PATH, { headers: { ...UPGRADE, ...alice, ...origin } })).status;
    expect(await status({})).toBe(101);
    expect(await status({ Origin: "https://app.example" })).toBe(101);
    expect(await status({ Origin: "https://ithaca.test" })).toBe(101);
    expect(await status({ Origin: "https://evil.example" })).toBe(403);
    expect(await status({ Origin: "null" })).toBe(403);
  });
});

describe("a ticket", () => {
  afterEach(() => vi.useRealTimers());

  const ticketOf = async (
    { send }: ReturnType<typeof bench>,
    path = PATH,
    headers: Record<string, string> = {},
  ): Promise<string> => {
    const response = await send("POST", "/v1/tickets", {
      headers: { ...alice, ...headers },
      body: JSON.stringify({ path }),
    });
    expect(response.status).toBe(200);
    return ((await response.json()) as { ticket: string }).ticket;
  };

  it("opens the feed once, without any other token", async () => {
    const place = guarded();
    const ticket = await ticketOf(place);
    const open = () => place.send("GET", `${PATH}?ticket=${ticket}`, { headers: UPGRADE });
    expect((await open()).status).toBe(101);
    const again = await open();
    expect(again.status).toBe(401);
    expect(again.headers.get("WWW-Authenticate")).toContain("Bearer");
  });

  it("is redeemed where it was made, wherever it is used", async () => {
    const place = guarded();
    const ticket = await ticketOf(place, PATH, { "Ithaca-Region": "apac" });
    for (const region of ["enam", "weur"]) {
      const headers = { ...UPGRADE, "Ithaca-Region": region };
      await place.send("GET", `${PATH}?ticket=${ticket}`, { headers });
    }
    expect(place.regions.opened.map(({ region }) => region)).toEqual([1]);
    expect([...place.regions.redeemed].map((used) => used.split(" ")[0]!.split("/")[2])).toEqual(["2"]);
  });

  it("places who brings it where it was made, unless the request names a region", async () => {
    const place = guarded();
    const ticket = await ticketOf(place, PATH, { "Ithaca-Region": "apac" });
    expect((await place.send("GET", `${PATH}?ticket=${ticket}`, { headers: UPGRADE })).status).toBe(101);
    expect(place.regions.opened.map(({ region }) => region)).toEqual([2]);
  });

  it("is for one path: its user, its namespace, its use", async () => {
    const place = guarded();
    const ticket = await ticketOf(place);
    for (const path of ["/v1/users/bob/live", "/v1/users/alice/changes", "/v1/ns/other/users/alice/live"]) {
      expect((await place.send("GET", `${path}?ticket=${ticket}`, { headers: UPGRADE })).status).toBe(401);
    }
    // Not used up by any of that. The caller's own path names nobody: the ticket does.
    expect((await place.send("GET", `/v1/me/live?ticket=${ticket}`, { headers: UPGRADE })).status).toBe(101);
    const pages = await ticketOf(place, "/v1/me/changes");
    expect((await place.send("GET", `/v1/users/alice/changes?ticket=${pages}`)).status).toBe(200);
    expect((await place.send("GET", `/v1/users/alice/changes?ticket=${pages}`)).status).toBe(401);
  });

  it("is over after a minute, and nobody makes one up", async () => {
    vi.useFakeTimers({ toFake: ["Date"] });
    const place = guarded();
    const [late, soon] = [await ticketOf(place), await ticketOf(place)];
    const status = async (ticket: string) =>
      (await place.send("GET", `${PATH}?ticket=${ticket}`, { headers: UPGRADE })).status;
    vi.setSystemTime(Date.now() + 59_999);
    expect(await status(soon)).toBe(101);
    vi.setSystemTime(Date.now() + 1);
    expect(await status(late)).toBe(401);
    for (const bad of ["", "x", late.replace("t1", "f1"), `${late.slice(0, -2)}AA`])
      expect(await status(bad)).toBe(401);
  });

  it("is not used up by a request that is wrong, and says so when nobody can redeem it", async () => {
    const place = guarded();
    const ticket = await ticketOf(place);
    expect((await place.send("GET", `${PATH}?ticket=${ticket}`)).status).toBe(400);
    place.regions.redeem = async () => unavailable("refused", false);
    expect((await place.send("GET", `${PATH}?ticket=${ticket}`, { headers: UPGRADE })).status).toBe(503);
  });

  it.each([
    [{ path: "/v1/users/bob/live" }, 403],
    [{ path: "/v1/ns/other/users/alice/live" }, 403],
    [{ path: "/v1/ns/none/users/alice/live" }, 404],
    [{ path: "/v1/users/alice/items" }, 400],
    [{ path: "/v1/users/alice/live?after=x" }, 400],
    [{ path: "/v1/users/../live" }, 400],
    [{ path: "https://ithaca.test/v1/users/alice/live" }, 400],
    [{ path: "/v1/users/alice/live", more: 1 }, 400],
    [{}, 400],
  ])("for %j is refused with %i", async (body, status) => {
    const { send } = guarded();
    const response = await send("POST", "/v1/tickets", { headers: alice, body: JSON.stringify(body) });
    expect(response.status).toBe(status);
  });

  it("needs a token itself, but where nobody is asked", async () => {
    const body = JSON.stringify({ path: PATH });
    expect((await guarded().send("POST", "/v1/tickets", { body })).status).toBe(401);
    expect((await bench(() => PAGE).send("POST", "/v1/tickets", { body })).status).toBe(200);
  });
});
