/**
 * Whether the drills would notice: one rule of the store at a time is broken on purpose in a build of its own, and a drill against
 * that build has to fail, naming the check that the rule is there for. Minutes for each; not part of the tests. Exit code 0: each was
 * found. 1: one was missed. 2: for one there was no drill that came to a verdict.
 *
 *   npm run drill:planted [-- <name>... [--seed N]...]
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "esbuild";
import { parseDocument } from "yaml";
import { drill, showScenario } from "../src/drill/command.ts";
import { startDrillStore } from "./drill-store.mjs";
import { WORKER_BUILD } from "./local-worker.mjs";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
/** What breaks is a matter of timing: a drill that saw no chance to notice is run again. */
const SEEDS = ["1", "2", "3"];

/**
 * @typedef {object} Planted
 * @property {string} scenario that gives the broken rule an occasion
 * @property {Readonly<Record<string, unknown>>} [changes] members of the scenario that are something else here
 * @property {string} code run before the Worker's own
 * @property {readonly string[]} found checks of which one has to fail: the rule serves the promises that they are there for
 */

/** @type {Readonly<Record<string, Planted>>} */
const PLANTED = {
  "acknowledges-before-storing": {
    scenario: "isolate-leader",
    changes: { concerns: { local: 1, one: 1, majority: 3 } },
    code: `RULES.concernMet = () => true;`,
    found: ["durability"],
  },
  "skips-the-fence": {
    scenario: "isolate-leader",
    code: `RULES.leaseValid = (standing) => standing.leads;`,
    found: ["leaders", "cross-device visibility", "linearizability (strong, user)"],
  },
  "forgets-session-positions": {
    scenario: "slow-region",
    changes: {
      steps: [{ do: "delay", region: "leader", ms: 800 }],
      workloads: { session: 6, register: 1, counter: 1, transfer: 1 },
    },
    code: `
      const ask = Journey.prototype.ask;
      Journey.prototype.ask = function (to, request, timeoutMs) {
        const isSession = request.op === "read" && request.level === "session";
        const session = { ...request.session, positions: [], others: [] };
        return ask.call(this, to, isSession ? { ...request, session } : request, timeoutMs);
      };`,
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
    // The replica at hand, as if the level were `eventual`, whatever the leader has acknowledged.
    code: `
      const ask = Journey.prototype.ask;
      Journey.prototype.ask = function (to, request, timeoutMs) {
        const isDevice = request.op === "read" && request.level === "leader";
        return isDevice
          ? ask.call(this, this.from, { ...request, level: "eventual" }, timeoutMs)
          : ask.call(this, to, request, timeoutMs);
      };`,
    found: ["cross-device visibility", "linearizability (strong, user)"],
  },
  "shows-uncommitted-changes": {
    scenario: "isolate-leader",
    code: `RULES.feedThrough = (log) => log.applied;`,
    found: ["feeds"],
  },
};

await main(process.argv.slice(2));

/** @param {string[]} args */
async function main(args) {
  const { values, positionals: names } = parseArgs({
    args,
    allowPositionals: true,
    options: { seed: { type: "string", multiple: true } },
  });
  const chosen = Object.entries(PLANTED).filter(([name]) => names.length === 0 || names.includes(name));
  if (chosen.length === 0) {
    console.error(`there are ${Object.keys(PLANTED).join(", ")}`);
    process.exit(2);
  }
  const folder = mkdtempSync(join(tmpdir(), "ithaca-planted-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const kinds = new Set();
  const lines = [];
  for (const [name, planted] of chosen) {
    const outcome = await tryOut(name, planted, folder, values.seed ?? SEEDS);
    kinds.add(outcome.kind);
    lines.push(line(name, outcome));
    console.log(`\n${line(name, outcome)}\n`);
  }
  if (lines.length > 1) console.log(lines.join("\n"));
  process.exit(kinds.has("missed") ? 1 : kinds.has("not run") ? 2 : 0);
}

/**
 * @typedef {{ kind: "found", seed: string, said: string } | { kind: "missed", seeds: readonly string[] } | { kind: "not run" }} Outcome
 *   `missed`: there were drills, with those seeds, and none failed by the right name. `not run`: no drill came to a verdict.
 */

/**
 * @param {string} name
 * @param {Outcome} outcome
 * @returns {string}
 */
function line(name, outcome) {
  switch (outcome.kind) {
    case "found":
      return `found          ${name}: seed ${outcome.seed}, ${outcome.said}`;
    case "missed":
      return `MISSED         ${name}, with seed ${outcome.seeds.join(", ")}`;
    case "not run":
      return `could not run  ${name}: no drill came to a verdict, why stands above`;
  }
}

/**
 * @param {string} name
 * @param {Planted} planted
 * @param {string} folder
 * @param {readonly string[]} seeds
 * @returns {Promise<Outcome>}
 */
async function tryOut(name, { scenario, changes = {}, code: rule, found }, folder, seeds) {
  const worker = join(folder, `${name}.mjs`);
  writeFileSync(worker, await brokenWorker(rule));
  const text = parseDocument(showScenario(scenario));
  for (const [member, value] of Object.entries(changes)) text.set(member, value);
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, String(text));
  const missed = [];
  for (const seed of seeds) {
    const out = join(folder, `${name}-${seed}`);
    const code = await drill(
      file,
      { seed, out },
      {
        startStore: (settings) => startDrillStore(settings, worker),
        version: `planted: ${name}`,
        givenAtMs: performance.now(),
      },
    );
    // No drill, no proof: the next seed begins anew.
    if (code === 2) continue;
    if (code === 130) process.exit(130);
    /** @type {{ checks: { checker: string, ok: boolean | "undecided", violations: { message: string }[] }[] }} */
    const report = JSON.parse(readFileSync(join(out, "report.json"), "utf8"));
    const check = report.checks.find(({ checker, ok }) => found.includes(checker) && ok === false);
    if (check !== undefined)
      return { kind: "found", seed, said: `${check.checker}: ${check.violations[0]?.message}` };
    missed.push(seed);
  }
  return missed.length === 0 ? { kind: "not run" } : { kind: "missed", seeds: missed };
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
    import { Journey } from "./src/edge/journey.ts";
    export { default } from "./src/worker.ts";
    export * from "./src/worker.ts";
    void [RULES, Journey];
    ${code}`;
  const { outputFiles } = await build({
    ...WORKER_BUILD,
    stdin: { contents, resolveDir: ROOT, loader: "ts" },
  });
  const [output] = outputFiles;
  if (output === undefined) throw new Error("nothing was built");
  return output.text;
}
