/** Live feeds in the real runtime: sockets that sleep with their object, cost nothing meanwhile, and are cut by what cuts their way. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import type { ChangesRequest, ClientReply } from "../../src/replication/request.ts";
import {
  APAC,
  ask,
  claim,
  ENAM,
  eventually,
  put,
  putFaultEverywhere,
  replica,
  transport,
  WEUR,
} from "./asking.ts";

interface Message {
  readonly changes: readonly { readonly key: string; readonly value?: unknown }[];
  readonly cursor: string;
}

/** A client's end of a socket, and what it was told. */
class Client {
  readonly socket: WebSocket;
  readonly messages: Message[] = [];
  readonly texts: string[] = [];
  closed: { readonly code: number; readonly reason: string } | null = null;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.addEventListener("message", ({ data }) => {
      if (typeof data !== "string") return;
      this.texts.push(data);
      if (data.startsWith("{")) this.messages.push(JSON.parse(data) as Message);
    });
    socket.addEventListener("close", ({ code, reason }) => (this.closed = { code, reason }));
    socket.accept();
  }

  get keys(): string[] {
    return this.messages.flatMap(({ changes }) => changes.map(({ key }) => key));
  }
}

function opening(user: string, from: number, more: Partial<ChangesRequest> = {}): ChangesRequest {
  return {
    op: "changes",
    user,
    from,
    limit: 100,
    bytesMax: 1_000_000,
    waitMs: 0,
    values: true,
    session: { positions: [], others: [], seenAt: 0 },
    deadlineAt: Date.now() + 5_000,
    ...more,
  };
}

async function open(partition: number, region: number, user: string, more: Partial<ChangesRequest> = {}) {
  const answer = await transport.live(replica(partition, region), opening(user, region, more), 5_000);
  if (answer.kind !== "opened") return answer;
  const { webSocket } = answer.respond({});
  if (webSocket === null) throw new Error("a response without its socket");
  return new Client(webSocket);
}

async function opened(...args: Parameters<typeof open>): Promise<Client> {
  const client = await open(...args);
  if (!(client instanceof Client)) throw new Error(JSON.stringify(client));
  return client;
}

async function settled(partition: number, user: string): Promise<void> {
  const home = replica(partition, WEUR);
  const claimed = await eventually(
    () => claim(home, user, WEUR),
    (reply: ClientReply) => reply.kind === "home",
  );
  expect(claimed.kind).toBe("home");
  await put(home, user, "first", "1");
}

const sees = (client: Client, keys: readonly string[]) =>
  eventually(
    async () => client.keys,
    (told) => told.length >= keys.length,
  ).then((told) => expect(told).toEqual(keys));

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("a socket is told what there is, and what comes, at the home and elsewhere", async () => {
  await settled(0, "ann");
  const near = await opened(0, WEUR, "ann");
  const far = await opened(0, APAC, "ann");
  await put(replica(0, WEUR), "ann", "second", "2");
  for (const client of [near, far]) await sees(client, ["first", "second"]);
});

test("a socket sleeps with its object, and the next change wakes both", async () => {
  await settled(3, "ben");
  const client = await opened(3, APAC, "ben");
  await sees(client, ["first"]);
  const name = env.REGION.getByName("default/3/apac");
  for (const key of ["a", "b"]) {
    await evictDurableObject(name);
    await put(replica(3, WEUR), "ben", key, "2");
    await sees(client, key === "a" ? ["first", "a"] : ["first", "a", "b"]);
  }
});

test("while nothing happens an open socket costs nothing: no turn, no row, no alarm, no call", async () => {
  await settled(6, "cy");
  const client = await opened(6, APAC, "cy");
  await put(replica(6, WEUR), "cy", "second", "2");
  await sees(client, ["first", "second"]);
  // What follows a write (acknowledgements, the commit position) is over.
  await pause(1_500);
  const stub = env.REGION.getByName("default/6/apac");
  const standing = () =>
    runInDurableObject(stub, async (_, { storage }) => ({
      bytes: storage.sql.databaseSize,
      meta: storage.sql.exec(`SELECT k, v FROM meta ORDER BY k`).toArray(),
      grants: storage.sql.exec(`SELECT * FROM grants ORDER BY grantee`).toArray(),
      rows: storage.sql.exec(`SELECT count(*) AS n FROM log`).toArray(),
      alarm: await storage.getAlarm(),
    }));
  const before = await eventually(standing, ({ alarm }) => alarm === null);
  expect(before.alarm).toBeNull();
  client.socket.send("ping");
  await pause(3_000);
  expect(await standing()).toEqual(before);
  expect(client.texts.at(-1)).toBe("pong");
  await put(replica(6, WEUR), "cy", "third", "3");
  await sees(client, ["first", "second", "third"]);
});

test("a client that talks is sent away", async () => {
  await settled(9, "dan");
  const client = await opened(9, WEUR, "dan");
  client.socket.send("hello");
  await eventually(
    async () => client.closed,
    (closed) => closed !== null,
  );
  expect(client.closed).toMatchObject({ code: 1008 });
});

test("what cuts the way between a replica and its client's region cuts the socket, and refuses new ones", async () => {
  await settled(12, "eve");
  const [cut, kept] = [await opened(12, APAC, "eve"), await opened(12, ENAM, "eve")];
  await sees(cut, ["first"]);
  await putFaultEverywhere(12, { kind: "down", region: APAC });
  await eventually(
    async () => cut.closed,
    (closed) => closed !== null,
  );
  expect(cut.closed).toMatchObject({ code: 1011 });
  await expect(open(12, APAC, "eve")).rejects.toMatchObject({ reason: "refused" });
  await put(replica(12, WEUR), "eve", "second", "2");
  await sees(kept, ["first", "second"]);
});

test("a user's sockets at one replica are fifty, and an expired or foreign cursor opens none", async () => {
  await settled(15, "flo");
  for (let n = 0; n < 50; n++) await opened(15, WEUR, "flo");
  expect(await open(15, WEUR, "flo")).toMatchObject({ kind: "refused", reason: "too-many-sockets" });
  const after = { version: 0, o: WEUR, e: 16, s: 1 };
  expect(await open(15, ENAM, "flo", { after })).toMatchObject({ reason: "cursor-expired" });
  expect(await open(15, ENAM, "nobody")).toEqual({ kind: "unknown-user" });
});

test("a ticket is redeemed once, also by another instance", async () => {
  const to = replica(1, ENAM);
  const ticket = { from: ENAM, nonce: "n1", expiresAt: Date.now() + 60_000 };
  await expect(transport.redeem(to, ticket, 5_000)).resolves.toBe(true);
  await expect(transport.redeem(to, ticket, 5_000)).resolves.toBe(false);
  await ask(to, { op: "status" });
  await evictDurableObject(env.REGION.getByName("default/1/enam"));
  await expect(transport.redeem(to, ticket, 5_000)).resolves.toBe(false);
  await expect(transport.redeem(to, { ...ticket, nonce: "n2" }, 5_000)).resolves.toBe(true);
});
