/**
 * Kept Workers of earlier versions and today's, one after the other on the same data: each goes on where the other stopped,
 * forwards and back.
 */
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { Device, progress, settleAccounts } from "./support/load.ts";
import { Deployment, freePort, removeFolder, temporaryFolder } from "./support/process.ts";

const FOLDER = fileURLToPath(new URL("../fixtures/workers", import.meta.url));
const kept = readdirSync(FOLDER).filter((name) => name.endsWith(".worker"));

const started: Deployment[] = [];
const folders: string[] = [];
afterAll(async () => {
  for (const deployment of started) await deployment.killAll();
  for (const folder of folders) removeFolder(folder);
});

test("at least one is kept", () => {
  expect(kept.length).toBeGreaterThan(0);
});

test.each(kept)("%s, then today's, then it again", async (name) => {
  const data = temporaryFolder();
  folders.push(data);
  const port = await freePort();
  const old = `${FOLDER}/${name}`;
  const start = (worker?: string): Deployment => {
    const deployment = new Deployment({ data, port, ...(worker === undefined ? {} : { worker }) });
    started.push(deployment);
    return deployment;
  };
  const end = async (deployment: Deployment): Promise<void> => {
    deployment.signal("SIGTERM");
    expect(await deployment.exited).toMatchObject({ code: 0 });
  };

  let deployment = start(old);
  const store = await deployment.ready();
  await store.settle("upgraded", "weur");
  const devices = [
    new Device({ store, user: "upgraded", name: "home", region: "weur", concern: "local" }),
    new Device({ store, user: "upgraded", name: "away", region: "apac", concern: "majority" }),
  ];
  for (const next of [undefined, old]) {
    await progress(devices, 5);
    await end(deployment);
    deployment = start(next);
    await deployment.ready();
  }
  await progress(devices, 5);
  await settleAccounts(store, devices);
  await end(deployment);
});
