/** What a replica is told at its start, out of the deployment and its own name. */
import type { Deployment } from "../src/deployment/deployment.ts";
import { ConfigurationError } from "../src/deployment/setting.ts";
import type { SinkSetting } from "../src/deployment/sink-setting.ts";
import type { ReplicaConfig, SinkConfig } from "../src/replication/config.ts";
import type { ReplicaName } from "./replica-name.ts";
import { sinkBounds } from "./sink-bounds.ts";

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
    sinks: deployment.sinks.filter((sink) => sink.namespace === name.namespace).map(sinkConfig),
  };
}

function sinkConfig({ name, prefix, from, values, retryMs, timeoutMs, target }: SinkSetting): SinkConfig {
  const bounds = sinkBounds(target);
  return {
    name,
    prefix,
    from,
    retryMs,
    timeoutMs,
    ...bounds,
    valueBytesMax: values ? bounds.valueBytesMax : 0,
  };
}
