/**
 * One runtime with everything that is compared: the Worker as `npm start` serves it, and the plain ones beside it. A request
 * finds its Worker by the host it asks for.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { runtimeProcesses } from "./process.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const WORKER = fileURLToPath(new URL("../../src/worker.ts", import.meta.url));
const BARE = fileURLToPath(new URL("../workers/bare.ts", import.meta.url));
const CONFIG = fileURLToPath(new URL("../../wrangler.toml", import.meta.url));

/** No telemetry, no look-up of request.cf over the network, no tracing of every call. Read when the packages are loaded. */
const QUIET = {
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  X_LOCAL_OBSERVABILITY: "false",
};

const OPEN = { AUTH_MODE: "open", LOCAL_DEV: "1", DRILLS: "off" } as const;

export const HOST = { ithaca: "ithaca.bench", bare: "bare.bench" } as const;

export interface Runtime {
  readonly url: URL;
  /** Processes of the runtime; empty where that cannot be found out. */
  readonly processes: readonly number[];
  stop(): Promise<void>;
}

export interface RuntimeOptions {
  /** Variables that hold instead of those in wrangler.toml. */
  readonly vars?: Readonly<Record<string, string>>;
  /** A module around the Worker: it imports `ithaca:worker` and exports what the Worker exports. */
  readonly entry?: string;
  readonly inspectorPort?: number;
  /** Where a directory for its data is made; the system's for temporary files unless given. */
  readonly dataRoot?: string | undefined;
}

export async function startRuntime(options: RuntimeOptions = {}): Promise<Runtime> {
  Object.assign(process.env, QUIET);
  const [{ convertV4MiniflareOptions, Log, LogLevel, Miniflare }, wrangler, ithaca, bare] = await Promise.all(
    [import("miniflare"), import("wrangler"), bundle(options.entry ?? WORKER), bundle(BARE)],
  );
  const config = wrangler.unstable_readConfig({ config: CONFIG });
  const { workerOptions } = wrangler.unstable_getMiniflareWorkerOptions(CONFIG);
  const dataPath = mkdtempSync(join(options.dataRoot ?? tmpdir(), "ithaca-bench-"));
  const discard = (): void => rmSync(dataPath, { recursive: true, force: true });
  // Also when somebody loses patience.
  process.once("exit", discard);
  const before = new Set(runtimeProcesses());
  const shape: Parameters<typeof convertV4MiniflareOptions>[0] = {
    host: "127.0.0.1",
    port: 0,
    log: new Log(LogLevel.WARN),
    cf: false,
    resourcePersistencePath: dataPath,
    ...(options.inspectorPort === undefined ? {} : { inspectorPort: options.inspectorPort }),
    workers: [
      {
        ...workerOptions,
        name: config.name ?? "ithaca",
        routes: [`${HOST.ithaca}/*`],
        modules: [{ type: "ESModule", path: `${ROOT}worker.mjs`, contents: ithaca }],
        bindings: Object.assign({}, workerOptions.bindings, OPEN, options.vars),
      },
      {
        name: "bare",
        routes: [`${HOST.bare}/*`],
        compatibilityDate: config.compatibility_date ?? "2026-10-20",
        modules: [{ type: "ESModule", path: `${ROOT}bare.mjs`, contents: bare }],
        durableObjects: { BARE: { className: "Bare", useSQLite: true } },
        d1Databases: { DATABASE: "bench" },
        kvNamespaces: { KV: "bench" },
      },
    ],
  };
  const miniflare = new Miniflare(convertV4MiniflareOptions(shape));
  const url = await miniflare.ready;
  return {
    url,
    processes: runtimeProcesses().filter((pid) => !before.has(pid)),
    stop: async () => {
      await miniflare.dispose();
      process.off("exit", discard);
      discard();
    },
  };
}

async function bundle(entry: string): Promise<string> {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    alias: { "ithaca:worker": WORKER },
    sourcemap: "inline",
    logLevel: "warning",
  });
  const [file] = outputFiles;
  if (file === undefined) throw new Error(`${entry} was bundled to nothing`);
  return file.text;
}
