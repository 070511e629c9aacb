/** The quiet phase: nobody asks anything of the store, and no log may go on by itself. */
import type { Caller } from "./caller.ts";
import { pause } from "./device.ts";
import { look, type RegionView } from "./watch.ts";

/** An answer of `GET /v1/regions` is kept for a second: two looks that are nearer say the same. */
const QUIET_MS_MIN = 1_500;

/** In words, logs that changed in that time; and when nothing could be seen. */
export async function movedInQuiet(
  caller: Caller,
  from: string | undefined,
  quietMs: number,
): Promise<string[]> {
  const before = await look(caller, from);
  await pause(Math.max(QUIET_MS_MIN, quietMs));
  const after = await look(caller, from);
  if (before === undefined || after === undefined) return ["GET /v1/regions did not answer"];
  const known = new Map(before.flatMap(headsOf));
  return after.flatMap(headsOf).flatMap(([name, head]) => {
    return known.get(name) === head ? [] : [`${name} went from ${known.get(name) ?? "nothing"} to ${head}`];
  });
}

function headsOf({ region, logs }: RegionView): (readonly [string, string])[] {
  return logs.map(({ partition, origin, epoch, head }) => {
    return [`log ${partition}/${origin} in ${region}`, `${epoch}.${head}`] as const;
  });
}
