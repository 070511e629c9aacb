/**
 * `npm start`: the whole deployment on this machine, open to whoever asks and with drills on. Says `ready <url>` once it
 * serves, and ends cleanly on SIGINT and SIGTERM. PORT, HOST and ITHACA_DATA say where; the deployment's variables can
 * be overridden in the environment. ITHACA_WORKER names a Worker built before, to serve instead of this source.
 *
 * `--latency real` keeps the regions as far apart as they are in the world.
 */
import { realpathSync } from "node:fs";
import { createServer } from "node:net";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { startLocalWorker } from "./local-worker.mjs";
import { handedOver } from "./own-node.mjs";
import { beginRun, endRun, noteRuntime, onStarterGone } from "./single-run.mjs";

const HEALTH_TRIES = 50;
const HEALTH_PAUSE_MS = 100;

if (!handedOver()) await main();

async function main() {
  // Somebody else's command line says it in the environment.
  if (realpathSync(process.argv[1] ?? "") === fileURLToPath(import.meta.url)) await readArguments();
  const { HOST: host = "127.0.0.1", PORT: port = "8787", ITHACA_DATA: data = ".ithaca" } = process.env;
  const { ITHACA_WORKER: built } = process.env;
  if (!/^[0-9]{1,5}$/.test(port) || Number(port) > 65_535)
    fail(`PORT has to be a port number, not "${port}"`);
  const dataPath = resolve(data);
  const busy = (await beginRun(dataPath)) ?? (await portProblem(host, Number(port)));
  if (busy !== null) fail(busy);

  /** @type {Promise<import("./local-worker.mjs").LocalWorker> | null} */
  let starting = null;
  let stopping = false;
  /** @param {number} code */
  const stop = async (code) => {
    if (stopping) return;
    stopping = true;
    // Also when it is still coming up: what has begun has to end.
    await starting?.then(
      (worker) => worker.stop(),
      () => {},
    );
    endRun(dataPath);
    process.exit(code);
  };
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]))
    process.on(signal, () => void stop(0));
  onStarterGone(() => void stop(0));

  starting = startLocalWorker({
    host,
    port: Number(port),
    dataPath: join(dataPath, "state"),
    defaults: { AUTH_MODE: "open", LOCAL_DEV: "1", DRILLS: "on" },
    environment: process.env,
    ...(built === undefined ? {} : { worker: resolve(built) }),
    onRestart: () => noteRuntime(dataPath),
  });
  const worker = await starting.catch((error) => {
    endRun(dataPath);
    fail(error.code === "ERR_ADDRESS_IN_USE" ? portTaken(port) : String(error.stack ?? error));
  });
  noteRuntime(dataPath);
  const url = `http://${host}:${worker.url.port}`;
  const problem = await healthProblem(url);
  if (stopping) return;
  if (problem === null) {
    if (worker.variables["LATENCY"] === "real") console.log(await apart(worker.variables["REGIONS"] ?? ""));
    console.log(`ready ${url}`);
  } else {
    console.error(problem);
    await stop(1);
  }
}

async function readArguments() {
  const { Command } = await import("commander");
  const { latencyOption } = await import("./latency-option.mjs");
  const command = new Command("npm start --").addOption(latencyOption()).showHelpAfterError();
  const { latency } = command.parse().opts();
  if (latency !== undefined) process.env["LATENCY"] = latency;
}

/**
 * @param {string} regions as the deployment has them
 * @returns {Promise<string>}
 */
async function apart(regions) {
  const { distancesOf, LATENCY_SOURCE } = await import("../src/api/distance.ts");
  const ids = regions.split(",").map((region) => region.split(":")[0]?.trim() ?? "");
  const ways = distancesOf(ids).map(({ between, roundTripMs }) => `${between.join("–")} ${roundTripMs} ms`);
  return `latency real: ${ways.join(", ")}, there and back\n  (${LATENCY_SOURCE})`;
}

/**
 * @param {string} host
 * @param {number} port
 * @returns {Promise<string | null>}
 */
function portProblem(host, port) {
  return new Promise((settle) => {
    const probe = createServer();
    probe.once("error", (error) => {
      const taken = "code" in error && error.code === "EADDRINUSE";
      settle(taken ? portTaken(String(port)) : error.message);
    });
    probe.listen(port, host, () => probe.close(() => settle(null)));
  });
}

/**
 * @param {string} port
 * @returns {string}
 */
function portTaken(port) {
  return `port ${port} is taken: set PORT to another one (0 picks a free one)`;
}

/**
 * @param {string} url
 * @returns {Promise<string | null>}
 */
async function healthProblem(url) {
  let last = "";
  for (let tries = 0; tries < HEALTH_TRIES; tries++) {
    try {
      const response = await fetch(`${url}/v1/health`);
      if (response.ok) return null;
      last = `${response.status} ${await response.text()}`;
      if (response.status < 503) break;
    } catch (error) {
      last = String(error);
    }
    await new Promise((settle) => setTimeout(settle, HEALTH_PAUSE_MS));
  }
  return `the Worker came up but is not healthy: ${last}`;
}

/**
 * @param {string} message
 * @returns {never}
 */
function fail(message) {
  console.error(message);
  process.exit(1);
}
