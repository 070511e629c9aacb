/**
 * Explores from the command line. Without arguments: 3 voters, of which 2 campaign; 3 writes, one at the leader and one with each
 * campaign; 1 crash.
 *
 *   npm run sim:explore
 *   npm run sim:explore -- --writes 1 --campaigners 1 --crashes 0
 *   npm run sim:explore -- --broken adopts-own-log            a broken rule, which has to be found
 *
 * Prints what it saw as one line of JSON, then what is wrong, a line for each turn that led to it.
 */
import { parseArgs } from "node:util";
import type { World } from "./explorer.ts";
import "./visible.ts";

// What is loaded from here on has no private fields any more.
const { explore } = await import("./explorer.ts");
const { mutantNamed } = await import("./mutants.ts");

const BROKEN: Readonly<Record<string, () => Pick<World, "rules" | "crashed">>> = {
  "adopts-own-log": () => {
    const { rules } = mutantNamed("adopts-own-log");
    return { rules: { bestPromise: (promises) => rules.bestPromise(promises) } };
  },
  "accepts-below-its-promise": () => ({ rules: { acceptsAppend: () => true } }),
  "forgets-its-promise": () => ({
    crashed: (driver) => driver.run(`UPDATE acceptor SET promised = leader_e`),
  }),
};

const { values } = parseArgs({
  options: {
    /** At region 0. */
    writes: { type: "string", default: "1" },
    /** Regions, one digit each. */
    campaigners: { type: "string", default: "12" },
    crashes: { type: "string", default: "1" },
    states: { type: "string", default: "20000000" },
    broken: { type: "string" },
    /** Says now and then how far it is. */
    progress: { type: "boolean", default: false },
  },
});
const broken = values.broken === undefined ? () => ({}) : BROKEN[values.broken];
if (broken === undefined) throw new Error(`no broken rule "${values.broken}"`);
const began = performance.now();
const seconds = (): number => Math.round((performance.now() - began) / 1000);
const world = {
  writes: Number(values.writes),
  crashes: Number(values.crashes),
  campaigners: [...values.campaigners].map(Number),
  ...broken(),
};
const { problem, ...explored } = explore(world, Number(values.states), (states, waiting) => {
  if (values.progress) console.error(`${seconds()} s: ${states} states, ${waiting} to look at`);
});
console.log(JSON.stringify({ ...explored, seconds: seconds() }));
if (problem !== null) console.log([problem.what, ...problem.story].join("\n"));
process.exitCode = problem === null && explored.complete ? 0 : 1;
