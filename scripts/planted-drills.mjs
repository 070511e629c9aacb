/**
 * Whether the drills would notice: one rule of the store at a time is broken on purpose in a build of its own, and a drill against
 * that build has to fail, naming the check that the rule is there for. Minutes for each; not part of the tests.
 *
 *   npm run drill:planted [-- <name>...]
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { drill } from "../src/drill/command.ts";
import { startDrillStore } from "./drill-store.mjs";
import { handedOver } from "./own-node.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** What breaks is a matter of timing: a drill that saw no chance to notice is run again. */
const SEEDS = [1, 2, 3];

/**
 * @typedef {object} Planted
 * @property {string} scenario that gives the broken rule an occasion
 * @property {string} code run before the Worker's own
 * @property {readonly string[]} found checks of which one has to fail: the rule serves the promises that they are there for
 */

/** @type {Readonly<Record<string, Planted>>} */
const PLANTED = {
  "acknowledges-before-storing": {
    scenario: "isolate-leader",
    code: `RULES.concernMet = () => true;`,
    found: ["durability", "leaders"],
  },
  "skips-the-fence": {
    scenario: "isolate-leader",
    code: `RULES.leaseValid = (standing) => standing.leads;`,
    found: ["leaders", "cross-device visibility", "linearizability (strong, user)"],
  },
  "forgets-session-positions": {
    scenario: "partition-two",
    code: `RULES.judge = () => "contained";`,
    found: ["session guarantees"],
  },
  "drops-divergent-writes": {
    scenario: "isolate-leader",
    code: `RULES.keepsCut = () => false;`,
    found: ["divergent writes"],
  },
  "applies-twice": {
    scenario: "one-way-cut",
    code: `RULES.remembersKeys = () => false;`,
    found: ["exactly once"],
  },
  "answers-from-a-stale-replica": {
    scenario: "isolate-leader",
    code: `
      const read = Reader.prototype.read;
      Reader.prototype.read = function (id, request) {
        return read.call(this, id, request.level === "user" ? { ...request, level: "eventual" } : request);
      };`,
    found: ["cross-device visibility", "linearizability (strong, user)"],
  },
  "shows-uncommitted-changes": {
    scenario: "isolate-leader",
    code: `RULES.feedThrough = (log) => log.applied;`,
    found: ["feeds"],
  },
};

if (!handedOver()) await main(process.argv.slice(2));

/** @param {readonly string[]} names */
async function main(names) {
  const chosen = Object.entries(PLANTED).filter(([name]) => names.length === 0 || names.includes(name));
  if (chosen.length === 0) {
    console.error(`there are ${Object.keys(PLANTED).join(", ")}`);
    process.exit(2);
  }
  const folder = mkdtempSync(join(tmpdir(), "ithaca-planted-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const missed = [];
  for (const [name, planted] of chosen) {
    const said = await tryOut(name, planted, folder);
    console.log(`${said === null ? "MISSED" : "found "}  ${name}${said === null ? "" : `: ${said}`}`);
    if (said === null) missed.push(name);
  }
  process.exit(missed.length === 0 ? 0 : 1);
}

/**
 * @param {string} name
 * @param {Planted} planted
 * @param {string} folder
 * @returns {Promise<string | null>} what the drill said; null: it did not notice
 */
async function tryOut(name, { scenario, code: rule, found }, folder) {
  const worker = join(folder, `${name}.mjs`);
  writeFileSync(worker, await brokenWorker(rule));
  for (const seed of SEEDS) {
    const out = join(folder, `${name}-${seed}`);
    const code = await drill(
      scenario,
      { seed: String(seed), out },
      { startStore: (settings) => startDrillStore(settings, worker), version: `planted: ${name}` },
    );
    // No drill, no proof: the next seed begins anew.
    if (code === 2) continue;
    if (code === 130) process.exit(130);
    /** @type {{ checks: { checker: string, ok: boolean | "undecided", violations: { message: string }[] }[] }} */
    const report = JSON.parse(readFileSync(join(out, "report.json"), "utf8"));
    const check = report.checks.find(({ checker, ok }) => found.includes(checker) && ok === false);
    if (check !== undefined) return `${check.checker}: ${check.violations[0]?.message}`;
  }
  return null;
}

/**
 * The Worker as it is, except for what `code` puts in place of a rule before anything else runs.
 *
 * @param {string} code
 * @returns {Promise<string>}
 */
async function brokenWorker(code) {
  const contents = `
    import { RULES } from "./src/replication/rules.ts";
    import { Reader } from "./src/replication/reader.ts";
    export { default } from "./src/worker.ts";
    export * from "./src/worker.ts";
    void Reader;
    ${code}`;
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    stdin: { contents, resolveDir: ROOT, loader: "ts" },
    bundle: true,
    write: false,
    format: "esm",
    target: "es2024",
    conditions: ["workerd", "worker", "browser"],
    external: ["cloudflare:*", "node:*"],
    logLevel: "warning",
  });
  const [output] = outputFiles;
  if (output === undefined) throw new Error("nothing was built");
  return output.text;
}
