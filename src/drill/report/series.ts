/** What happened over time, in buckets of a second: operations per client region, and how far each region was behind. */
import type { Operation } from "../../checker/operation.ts";
import type { Sighting } from "../watch.ts";

const BUCKET_MS = 1_000;

export interface Series {
  readonly bucketMs: number;
  readonly lengthMs: number;
  /** Operations that ended in each bucket, by how they ended. */
  readonly regions: readonly {
    readonly region: string;
    readonly ok: readonly number[];
    readonly failed: readonly number[];
    readonly unknown: readonly number[];
  }[];
  readonly lag: readonly { readonly region: string; readonly points: readonly LagPoint[] }[];
}

export interface LagPoint {
  readonly atMs: number;
  /** Log entries that the region had not applied and some region had; null: it could not be asked. */
  readonly entries: number | null;
  /** How old what it shows may be, of the log that is furthest behind, as it says itself; null: it cannot say. */
  readonly ms: number | null;
}

/** How far a region was behind at worst. */
export interface WorstLag {
  readonly region: string;
  readonly entries: number;
  readonly ms: number;
  /** How often it was looked at, and how often of these it could not say how far it is behind. */
  readonly looks: number;
  readonly unknown: number;
}

export function seriesOf(
  operations: readonly Operation[],
  sightings: readonly Sighting[],
  regions: readonly string[],
  partitions: ReadonlySet<number>,
  lengthMs: number,
): Series {
  const buckets = Math.ceil(lengthMs / BUCKET_MS);
  return {
    bucketMs: BUCKET_MS,
    lengthMs,
    regions: regions.map((region) => {
      const counts = { ok: zeros(buckets), failed: zeros(buckets), unknown: zeros(buckets) };
      for (const op of operations) {
        const at = Math.floor(op.end / 1e6 / BUCKET_MS);
        if (op.region === region && at < buckets) counts[op.outcome][at] = (counts[op.outcome][at] ?? 0) + 1;
      }
      return { region, ...counts };
    }),
    lag: regions.map((region) => ({
      region,
      points: sightings.map((sighting) => ({
        atMs: Math.round(sighting.atMs),
        entries: entriesBehind(sighting, region, partitions),
        ms: msBehind(sighting, region, partitions),
      })),
    })),
  };
}

export function worstLag({ lag }: Series, fromMs: number, toMs: number): WorstLag[] {
  return lag.map(({ region, points }) => {
    const within = points.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
    return {
      region,
      entries: Math.max(0, ...within.map(({ entries }) => entries ?? 0)),
      ms: Math.max(0, ...within.map(({ ms }) => ms ?? 0)),
      looks: within.length,
      unknown: within.filter(({ ms }) => ms === null).length,
    };
  });
}

function zeros(length: number): number[] {
  return Array.from({ length }, () => 0);
}

function entriesBehind(
  { regions }: Sighting,
  region: string,
  partitions: ReadonlySet<number>,
): number | null {
  const view = regions.find((each) => each.region === region);
  if (view?.reachable !== true) return null;
  const heads = new Map<string, bigint>();
  for (const { partition, origin, head } of regions.flatMap(({ logs }) => logs)) {
    const name = `${partition}/${origin}`;
    if (partitions.has(partition) && BigInt(head) > (heads.get(name) ?? 0n)) heads.set(name, BigInt(head));
  }
  const applied = new Map(view.logs.map((log) => [`${log.partition}/${log.origin}`, BigInt(log.applied)]));
  const behind = [...heads].map(([name, head]) => Number(head - (applied.get(name) ?? 0n)));
  return behind.reduce((sum, entries) => sum + Math.max(0, entries), 0);
}

function msBehind({ regions }: Sighting, region: string, partitions: ReadonlySet<number>): number | null {
  const view = regions.find((each) => each.region === region);
  if (view?.reachable !== true) return null;
  const lags = view.logs.filter(({ partition }) => partitions.has(partition)).map(({ lagMs }) => lagMs);
  return lags.reduce<number | null>(
    (most, ms) => (most === null || ms === null ? null : Math.max(most, ms)),
    0,
  );
}
