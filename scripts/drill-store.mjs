/**
 * A store for one drill: a deployment on this machine, on a port of its own, kept in a directory that goes when it stops. In memory
 * where there is room: the runtime waits for its disk at every commit, and on a disk that others use a drill would tell how
 * busy the disk is.
 */
import { mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startLocalWorker } from "./local-worker.mjs";

const MEMORY = "/dev/shm";
/** A drill of ten minutes takes some ten megabytes; a container's 64 MB of shared memory may be wanted by others. */
const ROOM_BYTES_MIN = 512 * 1024 * 1024;

/**
 * @param {Readonly<Record<string, string>>} settings that differ from wrangler.toml
 * @param {string} [worker] a built Worker, in place of today's
 * @returns {Promise<{ url: string, keptIn: "memory" | "disk", stop: () => Promise<void> }>}
 */
export async function startDrillStore(settings, worker) {
  const keptIn = hasRoom(MEMORY) ? "memory" : "disk";
  const dataPath = mkdtempSync(join(keptIn === "memory" ? MEMORY : tmpdir(), "ithaca-drill-"));
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
    keptIn,
    stop: async () => {
      await served.stop();
      process.off("exit", discard);
      discard();
    },
  };
}

/**
 * @param {string} folder
 * @returns {boolean}
 */
function hasRoom(folder) {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= ROOM_BYTES_MIN;
  } catch {
    // There is no such folder here.
    return false;
  }
}
