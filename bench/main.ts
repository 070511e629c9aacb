/** `npm run bench`: every part in turn, a short table, and everything that was measured as JSON in bench/results. */
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isMet, tableOf, type Figure } from "./figure.ts";
import { readOptions, USAGE, type Options } from "./options.ts";
import { catchUp } from "./parts/catch-up.ts";
import { core } from "./parts/core.ts";
import { cost } from "./parts/cost.ts";
import { cut } from "./parts/cut.ts";
import { feed } from "./parts/feed.ts";
import { geography } from "./parts/geography.ts";
import { handOff } from "./parts/hand-off.ts";
import { lag } from "./parts/lag.ts";
import { list } from "./parts/list.ts";
import { memory } from "./parts/memory.ts";
import type { Part } from "./parts/part.ts";
import { takeover } from "./parts/takeover.ts";
import { throughput } from "./parts/throughput.ts";
import { transfer } from "./parts/transfer.ts";
import { transactionCost } from "./parts/transactions.ts";

const RESULTS = fileURLToPath(new URL("results", import.meta.url));

const PARTS: Readonly<Record<string, Part>> = {
  core,
  throughput,
  transactions: transactionCost,
  lag,
  feed,
  list,
  cost,
  cut,
  "catch-up": catchUp,
  memory,
  geography,
  takeover,
  "hand-off": handOff,
  transfer,
};

const options = optionsOrExit();
mkdirSync(RESULTS, { recursive: true });
const startedAt = new Date();
const figures: Figure[] = [];
const failed: { part: string; error: string }[] = [];
for (const [name, part] of Object.entries(PARTS)) {
  if (options.only.length > 0 && !options.only.includes(name)) continue;
  console.error(`${name} …`);
  try {
    figures.push(
      ...(await part({
        ...options,
        profiles: options.cpuProf ? RESULTS : null,
        note: (line) => console.error(`  ${line}`),
      })),
    );
  } catch (error) {
    // The other parts are still worth having.
    failed.push({ part: name, error: String(error instanceof Error ? error.stack : error) });
  }
}

const report = {
  startedAt: startedAt.toISOString(),
  node: process.version,
  machine: { cpus: cpus().length, model: cpus()[0]?.model ?? "unknown" },
  options,
  failed,
  figures: figures.map((figure) => ({ ...figure, met: isMet(figure) })),
};
const file = join(RESULTS, `${startedAt.toISOString().replaceAll(/[:.]/gu, "-")}.json`);
writeFileSync(file, JSON.stringify(report, null, 2));
console.log(options.json ? JSON.stringify(report.figures, null, 2) : tableOf(figures));
for (const { part, error } of failed) console.error(`${part} failed: ${error}`);
console.error(`all of it: ${file}`);
process.exit(failed.length === 0 ? 0 : 1);

function optionsOrExit(): Options {
  try {
    return readOptions(process.argv.slice(2), Object.keys(PARTS));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    process.exit(2);
  }
}
