/**
 * Who a replica is, in configuration and in its own storage.
 *
 * Every position a replica ever gave out carries its region's index, so an index that changes in configuration would
 * make two writers look like one. The store id is made up once, when the storage is: a peer that meets another id under the same
 * name knows that this replica has forgotten what it promised.
 */
import { ConfigurationError } from "../src/deployment/setting.ts";
import type { Deployment } from "../src/deployment/deployment.ts";
import type { ReplicaConfig } from "../src/replication/config.ts";
import type { Storage } from "../src/replication/storage.ts";
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

/** Call inside a transaction. */
export function settleIdentity(storage: Storage, name: ReplicaName, newStoreId: () => string): void {
  const stored = storage.meta("region");
  if (stored === null) storage.setMeta("region", name.region);
  else if (stored !== name.region) {
    throw new ConfigurationError(
      "REGIONS",
      `this region had index ${stored}, and an index is for ever; not ${name.region}`,
    );
  }
  if (storage.meta("storeId") === null) storage.setMeta("storeId", newStoreId());
}
