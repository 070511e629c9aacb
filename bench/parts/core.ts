/** The core in this process: what there is to tune, without a runtime around it. */
import { join } from "node:path";
import { runCore, type CoreFigures } from "../core/core.ts";
import { lineOf, profiled } from "../core/profile.ts";
import type { Figure } from "../figure.ts";
import { VALUE_BYTES } from "../load/requests.ts";
import type { Settings } from "./part.ts";

const CATCH_UP_BYTES = 200;

export async function core(settings: Settings): Promise<readonly Figure[]> {
  const options = {
    seconds: settings.seconds * settings.rounds,
    valueBytes: VALUE_BYTES,
    catchUpEntries: settings.quick ? 5_000 : 20_000,
    catchUpBytes: CATCH_UP_BYTES,
  };
  if (settings.profiles === null) return figuresOf(runCore(options));
  const { result, hot } = await profiled(join(settings.profiles, "core.cpuprofile"), () => runCore(options));
  for (const spot of hot) settings.note(lineOf(spot));
  return figuresOf(result);
}

function figuresOf(result: CoreFigures): Figure[] {
  const figure = (name: string, value: number): Figure => ({ part: "core", name, value, unit: "/s" });
  return [
    { ...figure("writes at the leader alone", result.writesPerSecond), detail: { turns: result.turns } },
    figure("appends at a follower, in batches", result.appendsPerSecond),
    figure("reads at a follower", result.readsPerSecond),
    figure("catch-up entries, both ends", result.catchUpPerSecond),
  ];
}
