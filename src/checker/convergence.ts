/**
 * When the faults are over and the queues are empty, every replica holds the same.
 *
 * Compared are items with their versions and values, and the checksums that replicas keep for themselves, so that a wrong
 * checksum over right items is found as well. With an authority at hand, the common state also has to be the one that its
 * order of writes leads to: replicas may not agree on something wrong.
 */
import { type Authority, removes } from "./authority.ts";
import { canonical, type Json } from "./operation.ts";
import { showItem, showVersion } from "./sentence.ts";
import { itemId } from "./touch.ts";
import { verdictOf, type Verdict, type Violation } from "./verdict.ts";

export interface StoredItem {
  readonly user: string;
  readonly key: string;
  readonly version: string;
  readonly value?: Json | undefined;
}

/** Live items only: tombstones are the replica's own business. */
export interface ReplicaState {
  readonly region: string;
  /** Only replicas of the same partition are compared. */
  readonly partition: string;
  readonly items: readonly StoredItem[];
  readonly checksum?: string | undefined;
}

export function checkConvergence(replicas: readonly ReplicaState[], authority?: Authority): Verdict {
  const violations: Violation[] = [];
  const partitions = Map.groupBy(replicas, (replica) => replica.partition);
  for (const group of partitions.values()) {
    const [model, ...others] = group;
    if (model === undefined) continue;
    for (const other of others) violations.push(...differences(model, other));
  }
  if (authority !== undefined) {
    for (const replica of replicas) violations.push(...againstAuthority(replica, authority));
    violations.push(...heldNowhere(replicas, authority));
  }
  const items = replicas.reduce((sum, replica) => sum + replica.items.length, 0);
  const checksums = replicas.filter((replica) => replica.checksum !== undefined).length;
  const counted = { partitions: partitions.size, replicas: replicas.length, items, checksums };
  return verdictOf("convergence", violations, counted);
}

function differences(a: ReplicaState, b: ReplicaState): Violation[] {
  const [left, right] = [byItem(a), byItem(b)];
  const found = [...new Set([...left.keys(), ...right.keys()])].flatMap((id): Violation[] => {
    const [mine, theirs] = [left.get(id), right.get(id)];
    const named = mine ?? theirs;
    if (named === undefined) return [];
    if (mine?.version === theirs?.version && canonical(mine?.value) === canonical(theirs?.value)) return [];
    const message =
      `replicas of ${a.partition} differ on ${showItem(named.user, named.key)}: ` +
      `${a.region} holds ${showStored(mine)}, ${b.region} holds ${showStored(theirs)}`;
    return [{ message, ops: [] }];
  });
  if (a.checksum === b.checksum) return found;
  const message = `checksums of ${a.partition} differ: ${a.region} ${a.checksum ?? "none"}, ${b.region} ${b.checksum ?? "none"}`;
  return [...found, { message, ops: [] }];
}

/** Each item that a replica holds stands at its last kept write, and is not one that was removed. */
function againstAuthority(replica: ReplicaState, authority: Authority): Violation[] {
  return replica.items.flatMap((item): Violation[] => {
    const last = authority.keptOf(item.user, item.key).at(-1);
    if (last !== undefined && !removes(last) && last.position === item.version) return [];
    const should = last === undefined || removes(last) ? "nothing" : last.position;
    const message = `${replica.region} holds ${showItem(item.user, item.key)} at ${item.version}, the log ends at ${should}`;
    return [{ message, ops: [] }];
  });
}

/** What the log says is there, at every replica of the partition that holds anything of its user. */
function heldNowhere(replicas: readonly ReplicaState[], authority: Authority): Violation[] {
  const holdings = replicas.map((replica) => ({ replica, items: byItem(replica) }));
  const items = new Map(authority.entries.map((entry) => [itemId(entry.user, entry.key), entry]));
  return [...items].flatMap(([id, { user, key }]): Violation[] => {
    const last = authority.keptOf(user, key).at(-1);
    if (replicas.length === 0 || last === undefined || removes(last)) return [];
    if (holdings.some((holding) => holding.items.has(id))) return [];
    return [
      { message: `no replica holds ${showItem(user, key)}, which the log has at ${last.position}`, ops: [] },
    ];
  });
}

function byItem(replica: ReplicaState): Map<string, StoredItem> {
  return new Map(replica.items.map((item) => [itemId(item.user, item.key), item]));
}

function showStored(item: StoredItem | undefined): string {
  const value = item?.value === undefined ? "" : ` = ${canonical(item.value)}`;
  return `${showVersion(item?.version ?? null)}${value}`;
}
