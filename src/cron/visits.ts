/**
 * What an optional cron trigger does: each region's partition 0 says which of its replicas gave up on somebody, and those are
 * visited. Nothing else is woken, and where nothing is the matter a visit costs one call for each namespace and region.
 *
 * Nobody needs it: the next request, or a region's first sign of life, brings the same about. It bounds how long that can take.
 */
import { reportIncident } from "../../durable-objects/incident.ts";
import { RegionUnavailable } from "../../durable-objects/region-unavailable.ts";
import { objectName, type ReplicaName } from "../../durable-objects/replica-name.ts";
import type { RegionTransport } from "../../durable-objects/transport.ts";
import type { Deployment } from "../deployment/deployment.ts";

export interface Visitor {
  readonly deployment: Deployment;
  readonly transport: Pick<RegionTransport, "takeAttention" | "visit" | "noteAttention">;
}

/** Answers with whom it visited. */
export async function visitWhoNeedsIt(visitor: Visitor): Promise<readonly ReplicaName[]> {
  const { deployment, transport } = visitor;
  const lists = deployment.namespaces.flatMap((namespace) =>
    deployment.regions.map(({ index }): ReplicaName => ({ namespace, partition: 0, region: index })),
  );
  const visited = await Promise.all(
    lists.map(async (list) => {
      const partitions = (await orElse(visitor, list, transport.takeAttention(list))) ?? [];
      const replicas = partitions.map((partition): ReplicaName => ({ ...list, partition }));
      await Promise.all(replicas.map((replica) => visit(visitor, list, replica)));
      return replicas;
    }),
  );
  return visited.flat();
}

/** Who could not be visited is on the list again. */
async function visit(visitor: Visitor, list: ReplicaName, replica: ReplicaName): Promise<void> {
  const { transport } = visitor;
  const done = await orElse(
    visitor,
    replica,
    transport.visit(replica).then(() => true),
  );
  if (done === null) await orElse(visitor, list, transport.noteAttention(list, replica.partition));
}

async function orElse<T>({ deployment }: Visitor, where: ReplicaName, work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof RegionUnavailable))
      reportIncident("visit-failed", objectName(deployment, where), error);
    return null;
  }
}
