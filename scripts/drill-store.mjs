/** A store for one drill: a deployment on this machine, on a port of its own, kept in a directory that goes when it stops. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startLocalWorker } from "./local-worker.mjs";

/**
 * @param {Readonly<Record<string, string>>} settings that differ from wrangler.toml
 * @param {string} [worker] a built Worker, in place of today's
 * @returns {Promise<{ url: string, stop: () => Promise<void> }>}
 */
export async function startDrillStore(settings, worker) {
  const dataPath = mkdtempSync(join(tmpdir(), "ithaca-drill-"));
  const discard = () => rmSync(dataPath, { recursive: true, force: true });
  process.once("exit", discard);
  const served = await startLocalWorker({
    host: "127.0.0.1",
    port: 0,
    dataPath,
    defaults: { AUTH_MODE: "open", LOCAL_DEV: "1", DRILLS: "on", ...settings },
    // What somebody has set for their own store is not meant for this one.
    environment: {},
    ...(worker === undefined ? {} : { worker }),
  });
  return {
    url: `http://127.0.0.1:${served.url.port}`,
    stop: async () => {
      await served.stop();
      process.off("exit", discard);
      discard();
    },
  };
}
