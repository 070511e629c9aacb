/** Before anything is written: who is there, and whether all is well to begin with. */
import type { Caller } from "./caller.ts";
import { NotReady } from "./cohort.ts";
import { overview, type Overview } from "./watch.ts";

const LOOKS = 3;

export async function firstLook(caller: Caller): Promise<Overview> {
  let seen = await overview(caller);
  // A store that has just been started makes all its objects for the first answer.
  for (let tries = 1; seen === undefined && tries < LOOKS; tries++) seen = await overview(caller);
  if (seen === undefined) throw new NotReady(`GET /v1/regions at ${caller.base} does not answer`);
  const silent = seen.regions.filter(({ reachable }) => !reachable);
  if (silent.length > 0)
    throw new NotReady(
      `not all is well to begin with: ${silent.map(({ region }) => region).join(", ")} cannot be reached`,
    );
  return seen;
}
