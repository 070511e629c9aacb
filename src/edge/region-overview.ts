/** How all regions stand, asked of all their replicas at once within a fixed time: whoever does not answer by then is unreachable. */
import type { FaultRecord } from "../../durable-objects/faults.ts";
import type { ReplicaName } from "../../durable-objects/replica-name.ts";
import type { RegionIndex } from "../replication/position.ts";
import type { LogStatus, ReplicaStatus } from "../replication/request.ts";
import type { Edge } from "./edge.ts";
import { faultBody } from "./fault-body.ts";

/** The whole answer is promised within 2 s. */
const STATUS_MS_MAX = 1_500;

export interface OverviewFilter {
  readonly region: RegionIndex | undefined;
  readonly partition: number | undefined;
}

interface Answered {
  readonly replica: ReplicaName;
  /** Null: it did not answer. */
  readonly status: ReplicaStatus | null;
}

export async function regionOverview(edge: Edge, from: RegionIndex, filter: OverviewFilter) {
  const regions = edge.deployment.regions.filter(
    ({ index }) => filter.region === undefined || index === filter.region,
  );
  const replicas = replicasOf(edge, filter);
  const [answers, faults] = await Promise.all([
    Promise.all(replicas.map((replica) => statusOf(edge, from, replica))),
    Promise.all(regions.map(({ index }) => faultsOf(edge, index))),
  ]);
  return {
    regions: regions.map(({ id, index }, at) => {
      const own = answers.filter(({ replica }) => replica.region === index);
      return {
        region: id,
        role: "voter",
        reachable: own.some(({ status }) => status !== null),
        faults: (faults[at] ?? []).map((fault) => faultBody(edge.regions, fault)),
        logs: own.flatMap((answer) => logsOf(edge, answer, hasForgotten(answer, answers))),
        ...(edge.deployment.drills ? { costs: own.flatMap(costOf) } : {}),
      };
    }),
    ...(edge.deployment.distances.length > 0 ? { distances: edge.deployment.distances } : {}),
  };
}

export function replicasOf({ deployment }: Edge, filter: OverviewFilter): ReplicaName[] {
  const partitions = Array.from({ length: deployment.partitions }, (_, partition) => partition);
  return deployment.namespaces.flatMap((namespace) =>
    partitions
      .filter((partition) => filter.partition === undefined || partition === filter.partition)
      .flatMap((partition) =>
        deployment.regions
          .filter(({ index }) => filter.region === undefined || index === filter.region)
          .map(({ index }) => ({ namespace, partition, region: index })),
      ),
  );
}

/** `endOf`: the log whose whole end is wanted too. */
export async function statusOf(
  edge: Edge,
  from: RegionIndex,
  replica: ReplicaName,
  endOf?: RegionIndex,
): Promise<Answered> {
  try {
    const asked = { op: "status", from, deadlineAt: Date.now() + STATUS_MS_MAX } as const;
    const request = endOf === undefined ? asked : { ...asked, endOf };
    const reply = await edge.transport.ask(replica, request, STATUS_MS_MAX);
    return { replica, status: reply.kind === "status" ? reply.status : null };
  } catch {
    return { replica, status: null };
  }
}

async function faultsOf(
  { transport, deployment }: Edge,
  region: RegionIndex,
): Promise<readonly FaultRecord[]> {
  const [namespace] = deployment.namespaces;
  if (!deployment.drills || namespace === undefined) return [];
  const late = Promise.withResolvers<readonly FaultRecord[]>();
  const timer = setTimeout(() => late.resolve([]), STATUS_MS_MAX);
  try {
    const faults = await Promise.race([
      transport.listFaults({ namespace, partition: 0, region }),
      late.promise,
    ]);
    return faults.filter((fault) => fault.region === region || fault.peer === region);
  } catch {
    return [];
  } finally {
    clearTimeout(timer);
  }
}

/** The replica was told that it has lost its memory, or another one of its partition has noticed (R8). */
function hasForgotten({ replica, status }: Answered, answers: readonly Answered[]): boolean {
  const peers = answers.filter(
    ({ replica: other }) => other.namespace === replica.namespace && other.partition === replica.partition,
  );
  return (
    status?.hasForgotten === true || peers.some((peer) => peer.status?.forgetful?.includes(replica.region))
  );
}

function costOf({ replica: { namespace, partition }, status }: Answered) {
  return status?.cost === undefined ? [] : [{ namespace, partition, ...status.cost }];
}

/** Logs never opened are not listed. */
function logsOf(
  { regions }: Edge,
  { replica: { namespace, partition }, status }: Answered,
  isAmnesiac: boolean,
) {
  const opened = status?.logs.filter(({ epoch }) => epoch !== 0) ?? [];
  return opened.map(
    ({
      origin,
      leader,
      epoch,
      head,
      applied,
      committed,
      checksum,
      lagMs,
      state,
      failbackInMs,
    }: LogStatus) => ({
      namespace,
      origin: regions.idOf(origin),
      partition,
      leader: regions.idOf(leader),
      epoch: String(epoch),
      head: String(head),
      applied: String(applied),
      committed: String(committed),
      ...(checksum === undefined ? {} : { checksum }),
      lagMs,
      state: isAmnesiac ? "amnesiac" : state,
      ...(failbackInMs === undefined ? {} : { failbackInMs }),
    }),
  );
}
