/**
 * The project brings its own Node, because the one of the machine may be too old for it. npm scripts find it by themselves;
 * what is started in another way hands over to it here.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const MAJOR_MIN = 22;
const OWN_NODE = fileURLToPath(
  new URL(`../node_modules/node/bin/node${process.platform === "win32" ? ".exe" : ""}`, import.meta.url),
);

/**
 * Runs this same command in a Node that is new enough, if this one is not, and ends with it.
 *
 * @returns {boolean} whether it was handed over
 */
export function handedOver() {
  if (Number.parseInt(process.versions.node, 10) >= MAJOR_MIN) return false;
  if (!existsSync(OWN_NODE)) {
    console.error(`Node ${MAJOR_MIN} or later is needed, and this is ${process.version}: run npm ci first.`);
    process.exit(1);
  }
  const child = spawn(OWN_NODE, process.argv.slice(1), { stdio: "inherit" });
  for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
    process.on(signal, () => child.kill(signal));
  }
  child.on("exit", (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));
  return true;
}
