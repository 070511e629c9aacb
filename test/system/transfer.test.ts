/** Everything of a user out of the store and into it again, in the real runtime; and erased, so that no file has it any more. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Reply } from "./support/http.ts";
import { send } from "./support/http.ts";
import { buildWorker, Deployment, freePort, removeFolder, temporaryFolder } from "./support/process.ts";
import { pause, REGIONS, until, type Store } from "./support/store.ts";

const NDJSON = { "Content-Type": "application/x-ndjson" };
const encoder = new TextEncoder();

let data: string;
let built: string;
let worker: string;
let port: number;
let deployment: Deployment;
let store: Store;

beforeAll(async () => {
  data = temporaryFolder();
  built = temporaryFolder();
  worker = await buildWorker(built);
  port = await freePort();
  await start();
});
afterAll(async () => {
  await deployment.killAll();
  removeFolder(data);
  removeFolder(built);
});

async function start(): Promise<void> {
  deployment = new Deployment({ data, port, worker });
  store = await deployment.ready();
}

async function stop(): Promise<void> {
  deployment.signal("SIGTERM");
  await deployment.exited;
  expect(await deployment.gone()).toBe(true);
}

const exported = (user: string, query = "") => store.request("GET", `/v1/users/${user}/export${query}`);
const imported = (user: string, body: string) =>
  store.request("POST", `/v1/users/${user}/import`, { body, headers: NDJSON });

interface Line {
  readonly key?: string;
  readonly version?: string;
  readonly end?: boolean;
  readonly items?: number;
  readonly [member: string]: unknown;
}

function linesOf(reply: Reply): Line[] {
  expect(reply.status, reply.text.slice(0, 500)).toBe(200);
  return reply.text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
}

/** Without what is of this user and this moment. */
function itemsOf(reply: Reply): Omit<Line, "version">[] {
  return linesOf(reply)
    .filter(({ key }) => key !== undefined)
    .map(({ version: _version, ...item }) => item);
}

describe("export and import", () => {
  test("what is exported and imported elsewhere is exported there the same", async () => {
    const json = ["{}", ' {"n": 12345678901234567890, "n": 1.0} ', '{\n"a": "\\u0041"}', '"\u2028 é"'];
    for (const [n, text] of json.entries())
      await store.put("odyssey", `json/${n}`, text, { headers: { "Content-Type": "application/json" } });
    await store.put("odyssey", "bytes", Uint8Array.of(0, 255, 10, 13), {
      headers: { "Content-Type": "x/y" },
    });
    await store.put("odyssey", "empty", "");
    await store.put("odyssey", "soon", "1", { headers: { "Ithaca-Expires-In": "1000" } });
    await store.put("odyssey", "large", new Uint8Array(1_048_576).fill(7));
    await store.put("odyssey", "gone", "1");
    await store.delete("odyssey", "gone");
    const first = await exported("odyssey");
    const lines = linesOf(first);
    expect(lines[0]).toMatchObject({ user: "odyssey", position: expect.stringMatching(/^\w+\.\d+\.\d+$/) });
    expect(lines.at(-1)).toMatchObject({ end: true, items: 8 });

    const counts = { imported: 8, unchanged: 0, failed: [], failedCount: 0 };
    expect((await imported("iliad", first.text)).members).toEqual(counts);
    const second = await exported("iliad");
    expect(itemsOf(second)).toEqual(itemsOf(first));
    for (const [n, text] of json.entries()) expect((await store.get("iliad", `json/${n}`)).text).toBe(text);

    // Again, after a change and a deletion, and back to where it came from: nothing changes.
    await store.put("iliad", "empty", "mine");
    await store.delete("iliad", "bytes");
    const again = { imported: 0, unchanged: 8, failed: [], failedCount: 0 };
    expect((await imported("iliad", first.text)).members).toEqual(again);
    expect((await store.get("iliad", "empty")).text).toBe("mine");
    expect((await store.get("iliad", "bytes")).status).toBe(404);
    expect((await imported("odyssey", first.text)).members).toEqual(again);
  });

  test("thousands of lines, sent and received in pieces; what broke off is done by running it again", async () => {
    const lines = Array.from({ length: 5_000 }, (_, n) =>
      JSON.stringify({ key: `k/${String(n).padStart(5, "0")}`, version: "other.16.1", value: { n } }),
    );
    const body = encoder.encode(`${lines.join("\n")}\n`);
    // The first half, and half a line.
    const broken = await send(store.url, "POST", "/v1/users/many/import", {
      headers: NDJSON,
      parts: [body.subarray(0, body.length / 2), body.subarray(body.length / 2, body.length / 2 + 5)],
    });
    expect(broken.members).toMatchObject({ failedCount: 1, failed: [{ problem: "invalid-request" }] });
    const done = Number(broken.members["imported"]);
    const parts: Uint8Array[] = [];
    for (let at = 0; at < body.length; at += 7_001) parts.push(body.subarray(at, at + 7_001));
    const whole = await send(store.url, "POST", "/v1/users/many/import", { headers: NDJSON, parts });
    expect(whole.members).toEqual({ imported: 5_000 - done, unchanged: done, failed: [], failedCount: 0 });

    const all = linesOf(await exported("many"));
    expect(all.map(({ key }) => key).slice(1, -1)).toEqual(
      lines.map((line) => (JSON.parse(line) as Line).key),
    );
    const rest = linesOf(await exported("many", "?after=k%2F03999"));
    expect(rest).toHaveLength(1_002);
    expect(rest[1]?.key).toBe("k/04000");
    expect(rest.at(-1)).toMatchObject({ end: true, items: 1_000 });
  });
});

describe("erasing a user", () => {
  const CANARY = "c4nary";
  const USER = `${CANARY}-user`;

  function filesWith(text: string): string[] {
    const found: string[] = [];
    const files = readdirSync(data, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
    expect(files.some(({ name }) => name.endsWith(".sqlite"))).toBe(true);
    for (const file of files) {
      const path = join(file.parentPath, file.name);
      if (readFileSync(path).includes(text)) found.push(path);
    }
    return found;
  }

  async function fill(region: (typeof REGIONS)[number]): Promise<void> {
    await store.settle(USER, region);
    for (let n = 0; n < 24; n++) {
      // Values that are replaced by larger and smaller ones leave their old bytes in places of their own.
      const value = `${CANARY} said ${n} `.repeat(1 + (n % 7) * 60);
      const headers = { "Content-Type": `application/${CANARY}` };
      const key = `${CANARY}/${n % 15}`;
      expect(
        (await store.put(USER, key, value, { headers, idempotencyKey: `${CANARY} ${n}` })).status,
      ).toBeLessThan(300);
      if (n % 4 === 3) await store.put("bystander", `k${n}`, `stays ${n}`);
    }
    await store.delete(USER, `${CANARY}/3`);
    await store.put(USER, `${CANARY}/4`, "soon", { headers: { "Ithaca-Expires-In": "1" } });
    await imported(USER, `{"key":"${CANARY}/imported","version":"${CANARY}","value":"${CANARY}"}`);
    // Every region applies it.
    for (const at of REGIONS)
      await until(
        () => store.get(USER, `${CANARY}/imported`, { region: at, level: "eventual" }),
        ({ status }) => status === 200,
      );
  }

  async function erased(id: string): Promise<void> {
    const reply = await until(
      () => store.request("GET", `/v1/erasures/${id}`),
      ({ members }) => JSON.stringify(members["erasedIn"]) === JSON.stringify(REGIONS),
    );
    expect(reply.members["erasedIn"], reply.text).toEqual(REGIONS);
    const remaining = reply.members["remaining"] as { where: string; until: number }[];
    expect(remaining.map(({ where }) => where)).toEqual([
      "messages in the queues between regions",
      "the platform's point-in-time history of the databases",
    ]);
    for (const { until: gone } of remaining) expect(gone).toBeGreaterThan(Date.now());
  }

  test.each(["weur", "apac"] as const)(
    "at home in %s: no file has a byte of them",
    async (home) => {
      await fill(home);
      expect((await store.get(USER, `${CANARY}/1`)).status).toBe(200);
      const reply = await store.request("DELETE", `/v1/users/${USER}`);
      expect(reply.status, reply.text).toBe(202);
      const { erasure } = reply.members as { erasure: string };
      expect(atob(erasure.split(".")[2] ?? "")).not.toContain(CANARY);
      // In the middle of it, all objects lose their memory.
      await stop();
      await start();
      await erased(erasure);
      expect((await store.get(USER, `${CANARY}/1`)).status).toBe(404);
      expect((await store.request("DELETE", `/v1/users/${USER}`)).status).toBe(202);
      expect((await store.request("GET", `/v1/users/${USER}/export`)).status).toBe(404);
      await pause(500);
      await stop();
      expect(filesWith(CANARY)).toEqual([]);
      expect(filesWith("bystander").length).toBeGreaterThan(0);
      await start();
      expect((await store.get("bystander", "k7")).text).toBe("stays 7");
      // Whoever comes now is somebody else.
      expect((await store.put(USER, "new", "1")).status).toBe(201);
      const again = (await store.request("DELETE", `/v1/users/${USER}`)).members as { erasure: string };
      expect(again.erasure).not.toBe(erasure);
      await erased(again.erasure);
    },
    120_000,
  );

  test("of somebody unknown, and an id that is none", async () => {
    expect((await store.request("DELETE", "/v1/users/nobody")).problemName).toBe("not-found");
    expect((await store.request("GET", "/v1/erasures/e1.0.AAAA.AAAAAAAAAAAAAAAAAAAAAA")).problemName).toBe(
      "not-found",
    );
  });
});
