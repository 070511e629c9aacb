/** The end of a run: what the logs say in the end, and what the checkers say to the history that clients recorded. */
import { checkAccumulation } from "../../src/checker/accumulation.ts";
import { checkAllOrNothing } from "../../src/checker/all-or-nothing.ts";
import { Authority, type LogEntry } from "../../src/checker/authority.ts";
import { checkCausality } from "../../src/checker/causality.ts";
import { checkConvergence, type ReplicaState } from "../../src/checker/convergence.ts";
import { checkCuts } from "../../src/checker/cuts.ts";
import { checkCrossDevice } from "../../src/checker/cross-device.ts";
import { checkDurability } from "../../src/checker/durability.ts";
import { checkExactlyOnce } from "../../src/checker/exactly-once.ts";
import { checkFeeds, type FeedReading } from "../../src/checker/feed.ts";
import type { History } from "../../src/checker/history.ts";
import { checkLinearizability } from "../../src/checker/linearizability.ts";
import type { Json } from "../../src/checker/operation.ts";
import { checkSessions } from "../../src/checker/sessions.ts";
import { checkTransfers } from "../../src/checker/transfers.ts";
import type { Verdict } from "../../src/checker/verdict.ts";
import { OpKind } from "../../src/replication/entry.ts";
import { ACCOUNTS } from "./bookkeeping.ts";
import type { Cluster } from "./cluster.ts";
import type { Ghost, Known, LogGhost } from "./ghost.ts";
import { isLeaver } from "./leaver-name.ts";
import { recordedLosses } from "./lost-writes.ts";

import { committedStory, homeVersionAt } from "./story.ts";

const decoder = new TextDecoder();

/** `clocksKept` false: what rests on leases is not judged, what rests on majorities is. */
export function judge(
  cluster: Cluster,
  ghost: Ghost,
  history: History,
  readings: readonly FeedReading[],
  clocksKept: boolean,
): Verdict[] {
  const operations = history.operations();
  const { kept, lost } = entriesWritten(cluster, ghost);
  const authority = new Authority(kept, lost);
  nothingVanishes(cluster, ghost);
  const replicas = states(cluster);
  const always = [
    checkDurability(operations, authority, { voters: cluster.regions }),
    checkConvergence(replicas, authority),
    checkFeeds(readings, authority),
    checkTransfers(operations, replicas, ACCOUNTS),
    checkAllOrNothing(operations, authority),
  ];
  if (!clocksKept) return always;
  return [
    ...always,
    checkLinearizability(operations, { authority }),
    checkSessions(operations, authority),
    checkCrossDevice(operations, authority),
    checkCausality(operations, authority),
    checkCuts(operations, authority),
    checkExactlyOnce(operations, authority),
    checkAccumulation(operations, authority, replicas),
  ];
}

/** I12: what was acknowledged is in the committed log, or on record as lost at every replica. */
function nothingVanishes(cluster: Cluster, ghost: Ghost): void {
  for (const log of ghost.logs.flat()) {
    for (const { position, concern, user } of log.acknowledged) {
      // Of whoever was erased nothing is kept, what was cut off neither.
      if (log.isCommitted(position.e, position.s) || isLeaver(user)) continue;
      if (concern === "majority" || concern === "all")
        ghost.fail(
          "I11 acknowledged at a majority, lost",
          `${position.e}.${position.s} of log ${log.partition}/${log.o}`,
        );
      else if (!isRecorded(cluster, log, position.e, position.s))
        ghost.fail(
          "I12 nothing vanishes",
          `${position.e}.${position.s} of log ${log.partition}/${log.o}, acknowledged at ${concern}, is nowhere`,
        );
      else cluster.tally.add("acknowledged writes found as divergent");
    }
  }
}

function isRecorded(cluster: Cluster, log: LogGhost, e: number, s: number): boolean {
  return (cluster.hosts[log.partition] ?? []).every(
    (host) => host.driver.rows(`SELECT 1 FROM lost WHERE o = ? AND e = ? AND s = ?`, log.o, e, s).length > 0,
  );
}

/** Lost is what the replicas say is: whatever is neither is nowhere. What leaders reclaimed by themselves nobody misses. */
function entriesWritten(cluster: Cluster, ghost: Ghost): { kept: LogEntry[]; lost: LogEntry[] } {
  const kept: LogEntry[] = [];
  const lost: LogEntry[] = [];
  for (const { partition, known } of recordedLosses(cluster, ghost))
    lost.push(...entriesOf(known, homeVersionAt(ghost, partition, known)));
  for (const partition of ghost.logs.keys())
    for (const { known, version } of committedStory(ghost, partition))
      kept.push(...entriesOf(known, version));
  for (const log of ghost.logs.flat()) {
    for (const known of log.entries.values())
      if (!log.isCommitted(known.raw.e, known.raw.s) && isReclaiming(known))
        lost.push(...entriesOf(known, homeVersionAt(ghost, log.partition, known)));
  }
  return { kept, lost };
}

function isReclaiming({ entry }: Known): boolean {
  return entry.ops.length > 0 && entry.ops.every(({ kind }) => kind === OpKind.expire);
}

const OPS: Readonly<Record<number, LogEntry["op"]>> = {
  [OpKind.put]: "put",
  [OpKind.delete]: "delete",
  [OpKind.merge]: "merge",
  [OpKind.add]: "add",
  [OpKind.expire]: "expire",
};

function entriesOf({ entry, raw }: Known, homeVersion?: number): LogEntry[] {
  if (isLeaver(entry.user)) return [];
  return entry.ops.map((op) => ({
    user: entry.user,
    position: `${entry.o}.${raw.e}.${raw.s}`,
    key: op.key,
    op: OPS[op.kind] ?? "put",
    value: op.after === undefined ? undefined : (JSON.parse(decoder.decode(op.after.value)) as Json),
    principal: entry.principal,
    idempotencyKey: entry.idempotency?.key,
    concern: entry.concern,
    ...(homeVersion === undefined ? {} : { homeVersion }),
  }));
}

/** Live items of every replica: by the end what expires is reclaimed, by entries of the log. */
function states(cluster: Cluster): ReplicaState[] {
  return cluster.allHosts().map((host) => ({
    region: String(host.region),
    partition: String(host.partition),
    items: host.driver
      .rows(`SELECT user, key, o, e, s, value FROM items WHERE tombstone = 0`)
      .filter(([user]) => !isLeaver(String(user)))
      .map(([user, key, o, e, s, value]) => ({
        user: String(user),
        key: String(key),
        version: `${String(o)}.${String(e)}.${String(s)}`,
        value: value instanceof Uint8Array ? (JSON.parse(decoder.decode(value)) as Json) : undefined,
      })),
  }));
}
