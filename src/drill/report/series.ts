/** What happened over time, in buckets of a second: operations per client region, and how far each region was behind. */
import type { LogEntry } from "../../checker/authority.ts";
import type { Operation } from "../../checker/operation.ts";
import { acknowledgedWrites } from "../../checker/touch.ts";
import { parseVersion } from "../../checker/version.ts";
import type { Member } from "../cohort.ts";
import type { RegionView, Sighting } from "../watch.ts";

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
  /** Age of the oldest acknowledged write of the drill that the region had not applied; 0: it had all of them. null: likewise. */
  readonly ms: number | null;
}

/** How far a region was behind at worst. */
export interface WorstLag {
  readonly region: string;
  readonly entries: number;
  readonly ms: number;
  /** How often it was looked at, and how often of these it could not be asked. */
  readonly looks: number;
  readonly unknown: number;
}

export function seriesOf(
  operations: readonly Operation[],
  sightings: readonly Sighting[],
  regions: readonly string[],
  members: readonly Member[],
  kept: readonly LogEntry[],
  lengthMs: number,
): Series {
  const partitions = new Set(members.map(({ partition }) => partition));
  const writes = writesByLog(operations, members, kept);
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
        ms: msBehind(sighting, region, partitions, writes),
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
  const applied = appliedIn(regions, region, partitions);
  if (applied === null) return null;
  const heads = new Map<string, bigint>();
  for (const { partition, origin, head } of regions.flatMap(({ logs }) => logs)) {
    const name = `${partition}/${origin}`;
    if (partitions.has(partition) && BigInt(head) > (heads.get(name) ?? 0n)) heads.set(name, BigInt(head));
  }
  const behind = [...heads].map(([name, head]) => Number(head - (applied.get(name) ?? 0n)));
  return behind.reduce((sum, entries) => sum + Math.max(0, entries), 0);
}

/**
 * How far the region's logs were applied; one that is not listed was never opened there. null: one of its replicas did not answer,
 * and what it had applied nobody knows.
 */
function appliedIn(
  regions: readonly RegionView[],
  region: string,
  partitions: ReadonlySet<number>,
): ReadonlyMap<string, bigint> | null {
  const view = regions.find((each) => each.region === region);
  if (view?.reachable !== true) return null;
  const answered = new Set([...view.costs, ...view.logs].map(({ partition }) => partition));
  if ([...partitions].some((partition) => !answered.has(partition))) return null;
  return new Map(view.logs.map((log) => [`${log.partition}/${log.origin}`, BigInt(log.applied)]));
}

interface Written {
  readonly seq: bigint;
  /** When it was acknowledged. */
  readonly atMs: number;
}

/** Acknowledged writes that are in the logs to stay: what a failover cut off is nothing to wait for. */
function writesByLog(
  operations: readonly Operation[],
  members: readonly Member[],
  kept: readonly LogEntry[],
): Map<string, Written[]> {
  const partitions = new Map(members.map(({ user, partition }) => [user, partition]));
  const there = new Set(kept.map(({ user, position }) => `${user} ${position}`));
  const logs = new Map<string, Written[]>();
  for (const { op, user, version } of operations.flatMap(acknowledgedWrites)) {
    const parsed = typeof version === "string" ? parseVersion(version) : undefined;
    if (parsed === undefined || !there.has(`${user} ${version}`)) continue;
    const name = `${partitions.get(user)}/${parsed.origin}`;
    const written = logs.get(name) ?? [];
    logs.set(name, written);
    written.push({ seq: parsed.seq, atMs: op.end / 1e6 });
  }
  return logs;
}

function msBehind(
  { regions, askedMs }: Sighting,
  region: string,
  partitions: ReadonlySet<number>,
  writes: ReadonlyMap<string, readonly Written[]>,
): number | null {
  const applied = appliedIn(regions, region, partitions);
  if (applied === null) return null;
  const ages = [...writes].flatMap(([name, written]) =>
    written
      .filter(({ seq, atMs }) => seq > (applied.get(name) ?? 0n) && atMs < askedMs)
      .map(({ atMs }) => askedMs - atMs),
  );
  return ages.reduce((oldest, age) => Math.max(oldest, age), 0);
}
