/** A small world, all of it, in every order; and that the explorer notices when a rule is broken there. */
import { execFile } from "node:child_process";
import { expect, test } from "vitest";
import type { Explored } from "./explorer.ts";

/** One entry that the leader writes, and one more with the campaign. The large world: `npm run sim:explore`. */
const SMALL = ["--writes", "1", "--campaigners", "1", "--crashes", "0"];
/** One campaign, and one object that dies at any moment. */
const MORTAL = ["--writes", "0", "--campaigners", "1", "--crashes", "1"];

/** In a process of its own: it makes the core's private fields ordinary ones. */
function explored(...args: readonly string[]): Promise<{ explored: Explored; problem: string }> {
  const program = new URL("explore.ts", import.meta.url).pathname;
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [program, ...args], (_, stdout, stderr) => {
      const [line, ...problem] = stdout.split("\n");
      if (line === undefined || !line.startsWith("{")) reject(new Error(stderr));
      else resolve({ explored: JSON.parse(line) as Explored, problem: problem.join("\n").trim() });
    });
  });
}

test.each([
  ["an entry and a campaign", SMALL, 1_000],
  ["a campaign and a crash", MORTAL, 500],
] as const)("%s: nothing is wrong in any state", { timeout: 120_000 }, async (_, world, statesMin) => {
  const { explored: seen, problem } = await explored(...world);
  expect(problem).toBe("");
  expect(seen.complete).toBe(true);
  expect(seen.states).toBeGreaterThan(statesMin);
  expect(seen.ends).toBeGreaterThan(200);
  expect(seen.committed).toBeGreaterThan(1);
});

test.each([
  ["adopts its own log instead of the greatest", "adopts-own-log", SMALL, /I8/u],
  ["accepts what is below its promise", "accepts-below-its-promise", SMALL, /I5/u],
  ["forgets its promise in a crash", "forgets-its-promise", MORTAL, /I5/u],
] as const)("who %s is found", { timeout: 120_000 }, async (_, broken, world, invariant) => {
  const { problem } = await explored(...world, "--broken", broken);
  expect(problem).toMatch(invariant);
  expect(problem).toMatch(/campaign/u);
});
