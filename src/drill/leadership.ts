/**
 * Who led which log when, put together from every answer that named an epoch and from what regions said of themselves; and what
 * each change of leaders took: from the fault to the first sign that it was noticed, to the new leader, to the first write.
 */
import type { Concern, Operation } from "../checker/operation.ts";
import { acknowledgedWrites } from "../checker/touch.ts";
import { parseVersion } from "../checker/version.ts";
import type { Member } from "./cohort.ts";
import type { ArmedFault } from "./fault-board.ts";
import type { Sighting } from "./watch.ts";

/** A period under one epoch, from when it was first seen. */
export interface Leadership {
  readonly epoch: bigint;
  readonly leader: string;
  readonly sinceMs: number;
}

export interface LogStory {
  /** `partition/origin`. */
  readonly log: string;
  readonly leaderships: readonly Leadership[];
}

/** A log changed its leader. Instants are milliseconds after the fault; null: never seen. */
export interface Takeover {
  readonly log: string;
  readonly from: string;
  readonly to: string;
  readonly atMs: number;
  /** What had befallen the old leader; undefined: nothing that this drill did. */
  readonly fault: ArmedFault | undefined;
  readonly detectedMs: number | null;
  readonly takenMs: number | null;
  readonly firstWriteMs: number | null;
  /** The first write at each concern, of those that were waiting for the new leader: one that began later says nothing. */
  readonly firstWriteAtMs: Readonly<Partial<Record<Concern, number>>>;
}

/** What a fault has set off may be seen this much later: the end of a lease, a campaign, a look twice a second. */
const AFTERMATH_MS = 5_000;

export function storiesOf(
  operations: readonly Operation[],
  sightings: readonly Sighting[],
  members: readonly Member[],
): LogStory[] {
  const partitions = new Map(members.map(({ user, partition }) => [user, partition]));
  const ours = new Set(members.map(({ partition }) => partition));
  const logs = new Map<string, Map<bigint, Leadership>>();
  const see = (log: string, seen: Leadership): void => {
    const epochs = logs.get(log) ?? new Map<bigint, Leadership>();
    logs.set(log, epochs);
    const known = epochs.get(seen.epoch);
    if (known === undefined || seen.sinceMs < known.sinceMs) epochs.set(seen.epoch, seen);
  };
  for (const op of operations) {
    const parsed = typeof op.version === "string" ? parseVersion(op.version) : undefined;
    const partition = partitions.get(op.user);
    if (parsed === undefined || partition === undefined || op.leader === undefined) continue;
    if (acknowledgedWrites(op).length === 0) continue;
    see(`${partition}/${parsed.origin}`, { epoch: parsed.epoch, leader: op.leader, sinceMs: op.end / 1e6 });
  }
  for (const { atMs, regions } of sightings) {
    for (const { partition, origin, leader, epoch } of regions.flatMap((region) => region.logs)) {
      if (!ours.has(partition)) continue;
      see(`${partition}/${origin}`, { epoch: BigInt(epoch), leader, sinceMs: atMs });
    }
  }
  const homes = new Set(members.map(({ partition, home }) => `${partition}/${home}`));
  return [...logs]
    .map(([log, epochs]) => ({
      log,
      leaderships: [...epochs.values()].toSorted((a, b) => (a.epoch < b.epoch ? -1 : 1)),
    }))
    .filter(({ log, leaderships }) => homes.has(log) || leaderships.length > 1)
    .toSorted((a, b) => a.log.localeCompare(b.log, "en", { numeric: true }));
}

export function takeoversIn(
  stories: readonly LogStory[],
  operations: readonly Operation[],
  sightings: readonly Sighting[],
  faults: readonly ArmedFault[],
  members: readonly Member[],
): Takeover[] {
  return stories.flatMap(({ log, leaderships }) =>
    leaderships.flatMap((next, n): Takeover[] => {
      const before = leaderships[n - 1];
      if (before === undefined || before.leader === next.leader) return [];
      const fault = faults.findLast(
        ({ atMs, endedMs, action }) =>
          atMs <= next.sinceMs &&
          next.sinceMs <= (endedMs ?? Infinity) + AFTERMATH_MS &&
          (action.region === before.leader || action.peer === before.leader),
      );
      const since = fault?.atMs ?? next.sinceMs;
      const writes = writesUnder(log, next.epoch, operations, members);
      return [
        {
          log,
          from: before.leader,
          to: next.leader,
          atMs: next.sinceMs,
          fault,
          detectedMs: detected(log, since, next, sightings),
          takenMs: next.sinceMs - since,
          firstWriteMs: firstAfter(writes, since),
          firstWriteAtMs: Object.fromEntries(
            [
              ...Map.groupBy(
                writes.filter(({ start }) => start / 1e6 <= next.sinceMs),
                ({ concern = "local" }) => concern,
              ),
            ].map(([concern, own]) => [concern, firstAfter(own, since) ?? 0]),
          ),
        },
      ];
    }),
  );
}

/** A replica at a pre-vote or a campaign has noticed; so has one that knows the new epoch. */
function detected(log: string, since: number, next: Leadership, sightings: readonly Sighting[]): number {
  const seen = sightings.find(
    ({ atMs, regions }) =>
      atMs >= since &&
      regions.some(({ logs }) =>
        logs.some(
          ({ partition, origin, state }) =>
            `${partition}/${origin}` === log && (state === "pre-vote" || state === "campaigning"),
        ),
      ),
  );
  return Math.min(seen?.atMs ?? Infinity, next.sinceMs) - since;
}

function writesUnder(
  log: string,
  epoch: bigint,
  operations: readonly Operation[],
  members: readonly Member[],
): Operation[] {
  const partitions = new Map(members.map(({ user, partition }) => [user, partition]));
  return operations.filter((op) => {
    const parsed = typeof op.version === "string" ? parseVersion(op.version) : undefined;
    return (
      parsed?.epoch === epoch &&
      `${partitions.get(op.user)}/${parsed.origin}` === log &&
      acknowledgedWrites(op).length > 0
    );
  });
}

function firstAfter(writes: readonly Operation[], sinceMs: number): number | null {
  const first = Math.min(...writes.map(({ end }) => end / 1e6));
  return first === Infinity ? null : first - sinceMs;
}
