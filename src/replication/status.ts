/** How a replica stands, for people and drills. Logs that were never opened are not listed. */
import { toHex } from "../lib/bytes.ts";
import type { Context } from "./context.ts";
import type { Follower } from "./follower.ts";
import type { Leaderships } from "./leaderships.ts";
import type { Leadership } from "./leader.ts";
import type { Log } from "./log.ts";
import { compareTails, type RegionIndex } from "./position.ts";
import type { LogEnd, LogStatus, ReplicaStatus } from "./request.ts";
import type { Sinks } from "./sink.ts";

export function statusOf(
  context: Context,
  parts: {
    readonly leaderships: Leaderships;
    readonly followers: ReadonlyMap<RegionIndex, Follower>;
    readonly sinks: Sinks;
    readonly restoring: boolean;
    /** The log whose end is wanted. */
    readonly endOf?: RegionIndex | undefined;
  },
): ReplicaStatus {
  const logs = [...context.logs.values()].filter((log) => log.last.s > 0);
  return {
    region: context.config.region,
    partition: context.config.partition,
    storeId: context.storeId,
    incarnation: context.incarnation,
    restoring: parts.restoring,
    ...(context.hasForgotten ? { hasForgotten: true } : {}),
    forgetful: context.acquaintances.all(),
    logs: logs.map((log) => logStatus(context, log, parts)),
  };
}

function logStatus(context: Context, log: Log, parts: Parameters<typeof statusOf>[1]): LogStatus {
  const leadership = parts.leaderships.of(log.o);
  const failbackInMs = parts.leaderships.failbackInMs(log.o);
  return {
    origin: log.o,
    leader: log.leader,
    epoch: log.leaderEpoch,
    head: log.last.s,
    applied: log.applied,
    committed: log.commit,
    base: log.base.s,
    checksum: toHex(log.chain),
    lagMs: leadership !== null ? 0 : (parts.followers.get(log.o)?.stalenessMs() ?? null),
    state: stateOf(context, log, parts),
    ...(failbackInMs === null ? {} : { failbackInMs }),
    ...(log.o === parts.endOf ? { end: endOf(log, leadership, parts.followers.get(log.o)) } : {}),
    sinks: parts.sinks.statusOf(log),
    peers: (leadership?.peers ?? []).map((peer) => ({
      region: peer.region,
      match: peer.match ?? 0,
      state: peer.amnesiac
        ? "amnesiac"
        : peer.distant
          ? "catching-up"
          : peer.failures > 0
            ? "unreachable"
            : "following",
    })),
  };
}

function endOf(log: Log, leadership: Leadership | null, follower: Follower | undefined): LogEnd {
  const heard = follower?.known ?? log.last;
  return {
    last: log.last,
    base: { e: log.base.e, s: log.base.s },
    epochs: log.epochs,
    known: compareTails(heard, log.last) > 0 ? heard : log.last,
    exposedMs: leadership === null ? null : leadership.exposedMs(),
  };
}

function stateOf(context: Context, log: Log, parts: Parameters<typeof statusOf>[1]): string {
  if (parts.restoring) return "restoring";
  if (log.parkedAt !== null) return "parked";
  const electing = parts.leaderships.electing(log.o);
  if (electing !== null) return electing;
  const leadership = parts.leaderships.of(log.o);
  if (leadership === null) return "following";
  return leadership.opened && context.now >= leadership.ackAfter ? "leading" : "waiting";
}
