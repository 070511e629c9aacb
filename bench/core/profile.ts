/** A CPU profile of this process, and the functions in which it spent its time. */
import { writeFileSync } from "node:fs";
import { Session, type Profiler } from "node:inspector/promises";

export interface HotSpot {
  /** Share of all samples in the function itself. */
  readonly self: number;
  readonly name: string;
  readonly where: string;
}

export async function profiled<T>(
  file: string,
  body: () => T | Promise<T>,
): Promise<{ result: T; hot: HotSpot[] }> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: 200 });
  await session.post("Profiler.start");
  const result = await body();
  const { profile } = await session.post("Profiler.stop");
  session.disconnect();
  writeFileSync(file, JSON.stringify(profile));
  return { result, hot: hotSpots(profile) };
}

export function hotSpots(profile: Profiler.Profile, count = 25): HotSpot[] {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const samples = profile.samples ?? [];
  const hits = new Map<string, { name: string; where: string; samples: number }>();
  let counted = 0;
  for (const id of samples) {
    const frame = nodes.get(id)?.callFrame;
    if (frame === undefined || frame.functionName === "(idle)" || frame.functionName === "(program)")
      continue;
    counted += 1;
    const where = `${frame.url.replace(/^.*\/(?=(?:src|durable-objects|bench|test|node_modules)\/)/u, "")}:${frame.lineNumber + 1}`;
    const name = frame.functionName === "" ? "(anonymous)" : frame.functionName;
    const hit = hits.get(`${name} ${where}`);
    if (hit === undefined) hits.set(`${name} ${where}`, { name, where, samples: 1 });
    else hit.samples += 1;
  }
  return [...hits.values()]
    .toSorted((a, b) => b.samples - a.samples)
    .slice(0, count)
    .map((hit) => ({ self: hit.samples / Math.max(1, counted), name: hit.name, where: hit.where }));
}

export function lineOf({ self, name, where }: HotSpot): string {
  return `${(self * 100).toFixed(1).padStart(5)} %  ${name}  ${where}`;
}
