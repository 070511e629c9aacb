/** A small world, all of it, in every order; and that the explorer notices when a rule is broken there. */
import { expect, test } from "vitest";
import { explore, type World } from "./explorer.ts";
import { mutantNamed } from "./mutants.ts";

/** One entry that the leader writes, and one more with the campaign. Larger worlds: `npm run sim:explore`. */
const SMALL: World = { writes: 1, campaigners: [1], crashes: 0 };
/** One campaign, and one object that dies at any moment. */
const MORTAL: World = { writes: 0, campaigners: [1], crashes: 1 };
const STATES_MAX = 30_000;

test.each([
  ["an entry and a campaign", SMALL, 5_000],
  ["a campaign and a crash", MORTAL, 1_000],
] as const)("%s: nothing is wrong in any state", { timeout: 120_000 }, (_, world, statesMin) => {
  const { problem, complete, states, ends } = explore(world, STATES_MAX);
  expect(problem).toBeNull();
  expect(complete).toBe(true);
  expect(states).toBeGreaterThan(statesMin);
  expect(ends).toBeGreaterThan(100);
});

test("who adopts its own log instead of the greatest loses what was committed", { timeout: 120_000 }, () => {
  const { rules } = mutantNamed("adopts-own-log");
  const adopting: World["rules"] = { bestPromise: (promises) => rules.bestPromise(promises) };
  const { problem } = explore({ ...SMALL, rules: adopting }, STATES_MAX);
  expect(problem?.what).toMatch(/I8/u);
  expect(problem?.story.join("\n")).toMatch(/campaign/u);
});

test.each([
  ["accepts what is below its promise", { ...SMALL, rules: { acceptsAppend: () => true } }],
  [
    "forgets its promise in a crash",
    { ...MORTAL, crashed: (driver) => driver.run(`UPDATE acceptor SET promised = leader_e`) },
  ],
] satisfies [string, World][])("a voter that %s is found", { timeout: 120_000 }, (_, world) => {
  expect(explore(world, STATES_MAX).problem?.what).toMatch(/I5/u);
});
