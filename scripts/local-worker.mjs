/**
 * The Worker on this machine: built from source, and served by the platform's runtime as wrangler.toml describes it. For
 * `npm start` and for benchmarks; `wrangler dev` does more, but its proxy would be what a benchmark measures.
 *
 * Objects are kept on disk. Queues live in memory only: what was in them is gone after a restart, which loses nothing, since
 * the regions' logs have it and followers ask for what they miss.
 */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const CONFIG = fileURLToPath(new URL("../wrangler.toml", import.meta.url));

/**
 * How a module for the platform's runtime is bundled, in memory, whatever it begins with.
 *
 * @type {import("esbuild").BuildOptions & { write: false }}
 */
export const WORKER_BUILD = {
  absWorkingDir: ROOT,
  bundle: true,
  write: false,
  format: "esm",
  target: "es2024",
  conditions: ["workerd", "worker", "browser"],
  external: ["cloudflare:*", "node:*"],
  logLevel: "warning",
};

/** What may be set in the environment beside the variables that wrangler.toml names. */
const OPTIONAL_SETTINGS = [
  "AUTH_SECRET",
  "JWKS_URL",
  "SESSION_SECRET",
  "SESSION_SECRETS",
  "CORS_ORIGINS",
  "WRITE_CONCERN",
  "CALL_TIMEOUT_MS",
  "QUEUE_AFTER_MS",
  "LOG_RETAIN_MS",
  "RPO_MS_MAX",
  "PROBE_MS",
  "COOLDOWN_MS",
  "FAILBACK_MS",
  "PENDING_REQUESTS_MAX",
  "LOCAL_DEV",
  "LATENCY",
  "SINKS",
];

/** What signs requests to sinks: one for each, named for it. */
const SINK_SECRET = /^SINK_SECRET_[A-Z0-9_]+$/;

/** No telemetry, no look-up of request.cf over the network, no tracing of every call. */
const QUIET = {
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  X_LOCAL_OBSERVABILITY: "false",
};

/**
 * @typedef {object} LocalWorkerOptions
 * @property {string} host
 * @property {number} port 0 picks a free one.
 * @property {string} dataPath Where objects are kept.
 * @property {Record<string, string>} defaults Variables that hold unless the environment says otherwise.
 * @property {NodeJS.ProcessEnv} environment
 * @property {string} [worker] A built Worker to serve; otherwise it is built from source.
 * @property {() => void} [onRestart] The runtime crashed, and another process of it serves now.
 */

/**
 * @typedef {object} LocalWorker
 * @property {URL} url
 * @property {Record<string, string>} variables What it was told.
 * @property {() => Promise<void>} stop
 */

/**
 * @param {LocalWorkerOptions} options
 * @returns {Promise<LocalWorker>}
 */
export async function startLocalWorker(options) {
  Object.assign(process.env, QUIET);
  // Only now, because they read the environment when they are loaded.
  const [{ convertV4MiniflareOptions, Log, LogLevel, Miniflare }, wrangler, script] = await Promise.all([
    import("miniflare"),
    import("wrangler"),
    options.worker === undefined ? builtWorker() : readFile(options.worker, "utf8"),
  ]);
  const config = wrangler.unstable_readConfig({ config: CONFIG });
  const { workerOptions } = wrangler.unstable_getMiniflareWorkerOptions(CONFIG);
  const variables = { ...config.vars, ...settings(config.vars, options) };
  const restoreSignals = keepSignals();
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      host: options.host,
      port: options.port,
      log: new Log(LogLevel.WARN),
      cf: false,
      resourcePersistencePath: options.dataPath,
      unsafeHandleRuntimeRestart: () => options.onRestart?.(),
      workers: [
        {
          ...workerOptions,
          name: config.name,
          modules: [{ type: "ESModule", path: `${ROOT}worker.mjs`, contents: script }],
          bindings: Object.assign({}, workerOptions.bindings, variables),
        },
      ],
    }),
  );
  restoreSignals();
  return { url: await miniflare.ready, variables, stop: () => miniflare.dispose() };
}

/**
 * Miniflare listens for signals and ends the process at once, before anybody else could put things in order.
 *
 * @returns {() => void} takes away what began to listen since
 */
function keepSignals() {
  const signals = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);
  const before = signals.map((signal) => process.listeners(signal));
  return () => {
    signals.forEach((signal, at) => {
      for (const listener of process.listeners(signal)) {
        if (!before[at]?.includes(listener)) process.off(signal, listener);
      }
    });
  };
}

/**
 * @param {{ minify?: boolean }} [options]
 * @returns {Promise<string>} One module; with its source map, unless it is to be small.
 */
export async function builtWorker({ minify = false } = {}) {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    ...WORKER_BUILD,
    entryPoints: ["src/worker.ts"],
    minify,
    sourcemap: minify ? false : "inline",
  });
  return /** @type {{ text: string }} */ (outputFiles[0]).text;
}

/**
 * @param {Record<string, unknown>} vars
 * @param {LocalWorkerOptions} options
 * @returns {Record<string, string>}
 */
function settings(vars, { defaults, environment }) {
  const chosen = { ...defaults };
  const secrets = Object.keys(environment).filter((name) => SINK_SECRET.test(name));
  for (const name of [...Object.keys(vars), ...OPTIONAL_SETTINGS, ...secrets]) {
    const value = environment[name];
    if (value !== undefined) chosen[name] = value;
  }
  return chosen;
}
