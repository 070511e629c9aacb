/** What a drill measured, as numbers: how long, how many, how fast, how much was lost. Nothing here decides whether it is good. */
import type { LostWrite } from "../checker/durability.ts";
import type { Concern, Operation } from "../checker/operation.ts";
import { acknowledgedWrites } from "../checker/touch.ts";
import type { Takeover } from "./leadership.ts";
import type { Sighting } from "./watch.ts";

export const PHASES = ["steady", "fault", "heal", "settle", "quiet"] as const;
export type PhaseName = (typeof PHASES)[number];

export interface Phase {
  readonly name: PhaseName;
  readonly fromMs: number;
  readonly toMs: number;
}

export interface Spread {
  readonly count: number;
  readonly medianMs: number;
  readonly maxMs: number;
}

export interface Latency {
  readonly phase: PhaseName;
  readonly what: "reads" | "writes";
  readonly count: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
}

export interface Measures {
  readonly detection: Spread | null;
  readonly takeover: Spread | null;
  readonly firstWrite: Spread | null;
  readonly rto: Readonly<Partial<Record<Concern, Spread>>>;
  /** Acknowledged writes that are gone, and how long before another region led the oldest of them had been acknowledged. */
  readonly rpo: { readonly writes: number; readonly ms: number };
  readonly operations: number;
  readonly failed: number;
  readonly unknown: number;
  readonly failedShare: number;
  readonly failedShareIn: Readonly<Partial<Record<PhaseName, number>>>;
  readonly problems: Readonly<Record<string, number>>;
  readonly latencies: readonly Latency[];
  /** By client region, the longest time in the fault phase without an acknowledged write. */
  readonly longestGapMs: Readonly<Record<string, number>>;
  /** From the end of the last fault until every region had applied all that any region had by then; null: never seen. */
  readonly catchUpMs: number | null;
  /** The longest time in the fault phase without a look at the regions: no instant that was seen so is more exact. */
  readonly lookedEveryMs: number;
}

export interface Measured {
  readonly operations: readonly Operation[];
  readonly phases: readonly Phase[];
  readonly takeovers: readonly Takeover[];
  readonly sightings: readonly Sighting[];
  readonly lost: readonly LostWrite[];
  readonly faultsEndedMs: number | undefined;
  readonly regions: readonly string[];
  /** Only these logs count. */
  readonly partitions: ReadonlySet<number>;
}

export function measure(measured: Measured): Measures {
  const { operations, phases, takeovers, lost } = measured;
  const failed = operations.filter(({ outcome }) => outcome === "failed").length;
  const unknown = operations.filter(({ outcome }) => outcome === "unknown").length;
  const caused = takeovers.filter(({ fault }) => fault !== undefined);
  return {
    detection: spreadOf(caused.map(({ detectedMs }) => detectedMs)),
    takeover: spreadOf(caused.map(({ takenMs }) => takenMs)),
    firstWrite: spreadOf(caused.map(({ firstWriteMs }) => firstWriteMs)),
    rto: rtoOf(caused),
    rpo: { writes: lost.length, ms: lostSpanMs(lost, caused) },
    operations: operations.length,
    failed,
    unknown,
    failedShare: shareOf(operations),
    failedShareIn: Object.fromEntries(
      phases.slice(0, 3).map((phase) => [phase.name, shareOf(within(operations, phase))]),
    ),
    problems: problemsIn(operations),
    latencies: phases.slice(0, 3).flatMap((phase) => latenciesIn(phase, operations)),
    longestGapMs: gapsOf(measured),
    catchUpMs: catchUp(measured),
    lookedEveryMs: lookedEvery(measured),
  };
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(q * sorted.length) - 1))] ?? 0;
}

function within(operations: readonly Operation[], { fromMs, toMs }: Phase): Operation[] {
  return operations.filter(({ start }) => start / 1e6 >= fromMs && start / 1e6 < toMs);
}

function spreadOf(values: readonly (number | null | undefined)[]): Spread | null {
  const sorted = values.filter((value) => typeof value === "number").toSorted((a, b) => a - b);
  if (sorted.length === 0) return null;
  return { count: sorted.length, medianMs: quantile(sorted, 0.5), maxMs: quantile(sorted, 1) };
}

function rtoOf(takeovers: readonly Takeover[]): Partial<Record<Concern, Spread>> {
  const concerns = ["local", "one", "majority", "all"] as const;
  return Object.fromEntries(
    concerns.flatMap((concern) => {
      const spread = spreadOf(takeovers.map(({ firstWriteAtMs }) => firstWriteAtMs[concern]));
      return spread === null ? [] : [[concern, spread]];
    }),
  );
}

function lostSpanMs(lost: readonly LostWrite[], takeovers: readonly Takeover[]): number {
  const reaches = lost.map(({ op }) => {
    const acknowledgedMs = op.end / 1e6;
    const next = takeovers.filter(({ atMs }) => atMs >= acknowledgedMs).map(({ atMs }) => atMs);
    // No takeover was seen after it: then it reaches back no further than to itself.
    return Math.min(...next, Infinity) === Infinity ? 0 : Math.min(...next) - acknowledgedMs;
  });
  return Math.max(0, ...reaches);
}

function shareOf(operations: readonly Operation[]): number {
  const bad = operations.filter(({ outcome }) => outcome !== "ok").length;
  return operations.length === 0 ? 0 : bad / operations.length;
}

function problemsIn(operations: readonly Operation[]): Record<string, number> {
  const problems: Record<string, number> = {};
  for (const { problem, outcome } of operations)
    if (problem !== undefined && outcome !== "ok") problems[problem] = (problems[problem] ?? 0) + 1;
  return problems;
}

function latenciesIn(phase: Phase, operations: readonly Operation[]): Latency[] {
  const own = within(operations, phase).filter(({ outcome }) => outcome === "ok");
  return (["reads", "writes"] as const).map((what) => {
    const sorted = own
      .filter(({ concern }) => (concern === undefined) === (what === "reads"))
      .map(({ start, end }) => (end - start) / 1e6)
      .toSorted((a, b) => a - b);
    const [p50Ms = 0, p95Ms = 0, p99Ms = 0] = [0.5, 0.95, 0.99].map((q) => quantile(sorted, q));
    return { phase: phase.name, what, count: sorted.length, p50Ms, p95Ms, p99Ms };
  });
}

function gapsOf({ operations, phases, regions }: Measured): Record<string, number> {
  const phase = phases.find(({ name }) => name === "fault");
  if (phase === undefined) return {};
  return Object.fromEntries(
    regions.map((region) => {
      const acknowledged = operations
        .filter((op) => op.region === region && acknowledgedWrites(op).length > 0)
        .map(({ end }) => end / 1e6);
      return [region, longestGap(acknowledged, phase)];
    }),
  );
}

/** Between two instants in a phase, or one and an end of it. */
function longestGap(instants: readonly number[], { fromMs, toMs }: Phase): number {
  const within = instants.filter((atMs) => atMs > fromMs && atMs < toMs).toSorted((a, b) => a - b);
  const times = [fromMs, ...within, toMs];
  return Math.max(...times.slice(1).map((atMs, n) => atMs - (times[n] ?? atMs)));
}

function lookedEvery({ sightings, phases }: Measured): number {
  const phase = phases.find(({ name }) => name === "fault");
  if (phase === undefined) return 0;
  return longestGap(
    sightings.map(({ atMs }) => atMs),
    phase,
  );
}

function catchUp({ sightings, faultsEndedMs, partitions, regions }: Measured): number | null {
  if (faultsEndedMs === undefined) return null;
  const heads = new Map<string, bigint>();
  for (const { logs } of sightings
    .filter(({ atMs }) => atMs <= faultsEndedMs)
    .flatMap((seen) => seen.regions)) {
    for (const { partition, origin, head } of logs) {
      if (!partitions.has(partition)) continue;
      const name = `${partition}/${origin}`;
      if (BigInt(head) > (heads.get(name) ?? 0n)) heads.set(name, BigInt(head));
    }
  }
  const caughtUp = sightings.find(
    (sighting) =>
      sighting.atMs > faultsEndedMs &&
      sighting.regions.length === regions.length &&
      sighting.regions.every(({ reachable, logs }) => {
        const applied = new Map(logs.map((log) => [`${log.partition}/${log.origin}`, BigInt(log.applied)]));
        return reachable && [...heads].every(([name, head]) => (applied.get(name) ?? 0n) >= head);
      }),
  );
  return caughtUp === undefined ? null : caughtUp.atMs - faultsEndedMs;
}
