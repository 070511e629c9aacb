/** `npm start` as a process: killed without warning in the middle of writes, started again on what it left, ended cleanly. */
import { existsSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Device, progress, settleAccounts } from "./support/load.ts";
import {
  buildWorker,
  Deployment,
  freePort,
  removeFolder,
  temporaryFolder,
  type StartOptions,
} from "./support/process.ts";
import { until, type Store } from "./support/store.ts";

const started: Deployment[] = [];
const folders: string[] = [];
let port: number;
let worker: string;

beforeAll(async () => {
  port = await freePort();
  worker = await buildWorker(newFolder());
});
afterAll(async () => {
  for (const deployment of started) await deployment.killAll();
  for (const folder of folders) removeFolder(folder);
});

function start(options: StartOptions): Deployment {
  const deployment = new Deployment(options);
  started.push(deployment);
  return deployment;
}

function newFolder(): string {
  const folder = temporaryFolder();
  folders.push(folder);
  return folder;
}

async function isHealthy(store: Store): Promise<boolean> {
  try {
    return (await store.request("GET", "/v1/health")).status === 200;
  } catch {
    return false;
  }
}

test("killed at any moment, it loses nothing it acknowledged, and does nothing twice", async () => {
  const data = newFolder();
  let deployment = start({ data, port, worker });
  const store = await deployment.ready();
  expect(store.url).toBe(`http://127.0.0.1:${port}`);
  await store.settle("writer", "weur");
  await store.settle("traveller", "apac");
  const devices = [
    new Device({ store, user: "writer", name: "desk", region: "weur", concern: "local" }),
    new Device({ store, user: "writer", name: "phone", region: "enam", concern: "majority" }),
    new Device({ store, user: "writer", name: "watch", region: "weur", concern: "local" }),
    new Device({ store, user: "traveller", name: "bag", region: "enam", concern: "local" }),
    new Device({ store, user: "traveller", name: "camera", region: "apac", concern: "majority" }),
  ];

  // All of it, starter and runtime, at once.
  await progress(devices, 4);
  await deployment.killAll();
  deployment = start({ data, port, worker });
  await deployment.ready();

  // The runtime alone: its starter brings it back.
  await progress(devices, 4);
  const before = deployment.runtimePids();
  expect(before).toHaveLength(1);
  for (const pid of before) process.kill(pid, "SIGKILL");
  await progress(devices, 4);

  // The starter alone: what it leaves behind neither keeps the port nor goes on writing beside the next run.
  const orphans = deployment.runtimePids();
  expect(orphans).not.toEqual(before);
  deployment.signal("SIGKILL");
  await deployment.exited;
  const next = start({ data, port, worker });
  await next.ready();
  expect(deployment.runtimePids()).toEqual([]);

  await progress(devices, 4);
  await settleAccounts(store, devices);
  expect(devices.some(({ unanswered }) => unanswered > 0)).toBe(true);

  next.signal("SIGTERM");
  expect(await next.exited).toEqual({ code: 0, signal: null });
  expect(await next.gone()).toBe(true);
  expect(existsSync(join(data, "run.json"))).toBe(false);

  // And over a clean end, too.
  const last = start({ data, port, worker });
  await last.ready();
  await settleAccounts(store, devices);
  last.signal("SIGINT");
  expect(await last.exited).toEqual({ code: 0, signal: null });
  expect(await last.gone()).toBe(true);
  expect(await isHealthy(store)).toBe(false);
});

test("says why it does not start: the port is taken, the data is in use, the port or the latency is none", async () => {
  const holder = createServer();
  await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
  const address = holder.address();
  const taken = typeof address === "object" && address !== null ? address.port : 0;
  try {
    const refused = start({ data: newFolder(), port: taken });
    expect((await refused.exited).code).toBe(1);
    expect(refused.output).toContain(`port ${taken} is taken`);
    expect(refused.output).toContain("PORT");
    expect(await refused.gone()).toBe(true);
  } finally {
    holder.close();
  }

  const nonsense = start({ data: newFolder(), port: 70_000 });
  expect((await nonsense.exited).code).toBe(1);
  expect(nonsense.output).toContain("70000");

  const unheard = start({ data: newFolder(), port: 0, more: ["--latency", "wrong"] });
  expect((await unheard.exited).code).toBe(1);
  expect(unheard.output).toContain("argument 'wrong' is invalid. Allowed choices are real.");
});

test("npm start, on any free port, with regions far apart, and gone when npm is", async () => {
  const data = newFolder();
  const deployment = start({ data, port: 0, npm: true, more: ["--latency", "real"] });
  const store = await deployment.ready();
  expect(deployment.output).toContain("weur–enam 76 ms");
  expect((await store.put("reader", "of/the/readme", "x", { region: "weur" })).status).toBe(201);
  const before = performance.now();
  expect((await store.get("reader", "of/the/readme", { region: "apac" })).text).toBe("x");
  expect(performance.now() - before).toBeGreaterThanOrEqual(240);
  expect((await store.request("GET", "/v1/faults")).members["faults"]).toEqual([]);

  const second = start({ data, port: 0 });
  expect((await second.exited).code).toBe(1);
  expect(second.output).toContain("in use");
  expect(second.output).toContain("ITHACA_DATA");
  expect(await isHealthy(store)).toBe(true);

  deployment.signal("SIGTERM");
  expect(await deployment.gone()).toBe(true);
  const stopped = await until(
    async () => !(await isHealthy(store)),
    (gone) => gone,
  );
  expect(stopped).toBe(true);
});
