/**
 * Explores from the command line: 3 voters, 2 campaigns, 3 entries, 1 crash.
 *
 *   npm run sim:explore                          all of it, or as far as the bound goes
 *   npm run sim:explore -- --states 100000 --crashes 0 --writes 1
 */
import { parseArgs } from "node:util";
import { explore } from "./explorer.ts";

const { values } = parseArgs({
  options: {
    writes: { type: "string", default: "1" },
    crashes: { type: "string", default: "1" },
    states: { type: "string", default: "15000000" },
    /** Regions, one digit each. */
    campaigners: { type: "string", default: "12" },
  },
});
const began = performance.now();
const { problem, ...explored } = explore(
  {
    writes: Number(values.writes),
    crashes: Number(values.crashes),
    campaigners: [...values.campaigners].map(Number),
  },
  Number(values.states),
);
console.log(JSON.stringify({ ...explored, seconds: Math.round((performance.now() - began) / 1000) }));
if (problem !== null) console.log([problem.what, ...problem.story].join("\n"));
process.exitCode = problem === null ? 0 : 1;
