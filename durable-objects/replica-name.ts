/**
 * The name of a replica, and so of its object: `<namespace>/<partition>/<region id>`. It is permanent, because the platform
 * finds an object by it, and an object knows by it who it is.
 */
import { regionAt, type Deployment } from "../src/deployment/deployment.ts";
import type { RegionIndex } from "../src/replication/position.ts";

export interface ReplicaName {
  readonly namespace: string;
  readonly partition: number;
  readonly region: RegionIndex;
}

/** The object was reached under a name that this deployment does not have. */
export class UnknownReplica extends Error {
  constructor(name: string) {
    super(`"${name}" is no replica of this deployment`);
    this.name = "UnknownReplica";
  }
}

export function objectName(deployment: Deployment, name: ReplicaName): string {
  return `${name.namespace}/${name.partition}/${regionAt(deployment, name.region).id}`;
}

export function parseObjectName(deployment: Deployment, name: string): ReplicaName {
  const [namespace = "", number = "", id = "", ...rest] = name.split("/");
  const partition = Number(number);
  const region = deployment.regions.find((candidate) => candidate.id === id);
  const known =
    rest.length === 0 &&
    deployment.namespaces.includes(namespace) &&
    /^[0-9]+$/.test(number) &&
    partition < deployment.partitions;
  if (region === undefined || !known) throw new UnknownReplica(name);
  return { namespace, partition, region: region.index };
}

/** Where a message says it is going. */
export interface Address {
  readonly namespace: string;
  readonly partition: number;
  readonly to: RegionIndex;
}

export function isAddressedTo(name: ReplicaName, address: Address): boolean {
  return (
    address.to === name.region && address.partition === name.partition && address.namespace === name.namespace
  );
}

/** The replica that a message is for; null when this deployment has no such replica. */
export function addressee(deployment: Deployment, address: Address): ReplicaName | null {
  const known =
    deployment.namespaces.includes(address.namespace) &&
    address.partition < deployment.partitions &&
    deployment.regions.some((region) => region.index === address.to);
  return known ? { namespace: address.namespace, partition: address.partition, region: address.to } : null;
}
