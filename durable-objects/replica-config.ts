/** What a replica is told at its start, out of the deployment and its own name. */
import type { Deployment } from "../src/deployment/deployment.ts";
import { ConfigurationError } from "../src/deployment/setting.ts";
import type { ReplicaConfig } from "../src/replication/config.ts";
import type { ReplicaName } from "./replica-name.ts";

export function replicaConfig(deployment: Deployment, name: ReplicaName): ReplicaConfig {
  const anchor = deployment.anchors[name.partition];
  if (anchor === undefined) throw new ConfigurationError("ANCHORS", `partition ${name.partition} has none`);
  return {
    namespace: name.namespace,
    partition: name.partition,
    region: name.region,
    voters: deployment.regions.map((region) => region.index),
    anchor,
    timing: deployment.timing,
    limits: deployment.limits,
  };
}
