/**
 * One run for one data directory, and nothing left of it.
 *
 * The runtime is a process of its own. It ends with us as long as we can end it; when we are killed, it goes on, holds the port
 * and writes to the files of the next run. So each run notes who it is and what it started, and the next one
 * refuses to start beside a living one and ends what a dead one left behind.
 *
 * Nor does a signal always reach us: npm starts us through a shell that passes none on. So we also end when
 * npm has.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const WATCH_MS = 250;
const LEFTOVER_GONE_MS = 3_000;

/** Commands that are a run; a process number may have been given to another one since. */
const STARTERS = /start\.mjs|ithaca(\.mjs)? start/;

/** @typedef {{ pid: number, started: number[] }} Run */

/**
 * @param {string} dataPath
 * @returns {Promise<string | null>} why this run may not begin; null when it may
 */
export async function beginRun(dataPath) {
  const last = readRun(dataPath);
  if (last !== null && STARTERS.test(commandOf(last.pid))) {
    return `${dataPath} is in use by another run (process ${last.pid}): set ITHACA_DATA to another directory`;
  }
  for (const pid of last?.started ?? []) {
    if (commandOf(pid).includes("workerd")) await end(pid);
  }
  mkdirSync(dataPath, { recursive: true });
  writeRun(dataPath, { pid: process.pid, started: [] });
  return null;
}

/**
 * Call once the runtime is up, and whenever it is another process.
 *
 * @param {string} dataPath
 */
export function noteRuntime(dataPath) {
  const started = output("pgrep", ["-P", String(process.pid)])
    .split("\n")
    .map(Number)
    .filter(Boolean);
  writeRun(dataPath, { pid: process.pid, started });
}

/** @param {string} dataPath */
export function endRun(dataPath) {
  if (readRun(dataPath)?.pid === process.pid) rmSync(runFile(dataPath), { force: true });
}

/**
 * Where npm started us: calls back when npm, or the shell between, is gone.
 *
 * @param {() => void} gone
 */
export function onStarterGone(gone) {
  if (process.env["npm_lifecycle_event"] === undefined) return;
  const parent = process.ppid;
  const grandparent = Number(output("ps", ["-o", "ppid=", "-p", String(parent)]));
  const npm = commandOf(parent).startsWith("npm") || grandparent <= 1 ? null : grandparent;
  setInterval(() => {
    if (process.ppid !== parent || (npm !== null && !isAlive(npm))) gone();
  }, WATCH_MS).unref();
}

/** @param {number} pid */
async function end(pid) {
  const until = Date.now() + LEFTOVER_GONE_MS;
  process.kill(pid, "SIGKILL");
  while (isAlive(pid) && Date.now() < until) await new Promise((settle) => setTimeout(settle, 20));
}

/**
 * @param {number} pid
 * @returns {boolean}
 */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * Empty when there is no such process, or nobody to ask.
 *
 * @param {number} pid
 * @returns {string}
 */
function commandOf(pid) {
  return output("ps", ["-o", "command=", "-p", String(pid)]).trim();
}

/**
 * @param {string} command
 * @param {string[]} parameters
 * @returns {string}
 */
function output(command, parameters) {
  try {
    return execFileSync(command, parameters, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    return "";
  }
}

/** @param {string} dataPath */
function runFile(dataPath) {
  return join(dataPath, "run.json");
}

/**
 * @param {string} dataPath
 * @returns {Run | null}
 */
function readRun(dataPath) {
  try {
    return JSON.parse(readFileSync(runFile(dataPath), "utf8"));
  } catch {
    return null;
  }
}

/**
 * @param {string} dataPath
 * @param {Run} run
 */
function writeRun(dataPath, run) {
  writeFileSync(runFile(dataPath), JSON.stringify(run));
}
