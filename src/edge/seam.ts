/** What the edge needs of the regions. The Worker supplies it; the tests supply a fake. */
import type { FaultRecord } from "../../durable-objects/faults.ts";
import type { ReplicaName } from "../../durable-objects/replica-name.ts";
import type { Opened, Redeeming } from "../../durable-objects/region-object.ts";
import type { Deployment } from "../deployment/deployment.ts";
import type { ChangesRequest, ClientReply, ClientRequest } from "../replication/request.ts";

export type { Opened };

/** The part of RegionTransport that the edge uses. All of it throws RegionUnavailable. */
export interface Regions {
  ask(to: ReplicaName, request: ClientRequest, timeoutMs: number): Promise<ClientReply>;
  /** Opens a live feed: the response is a 101 with the socket. */
  live(to: ReplicaName, request: ChangesRequest, timeoutMs: number): Promise<ClientReply | Opened>;
  /** False: the ticket was used before. */
  redeem(to: ReplicaName, ticket: Redeeming, timeoutMs: number): Promise<boolean>;
  /** These three bypass all faults. */
  putFault(to: ReplicaName, fault: FaultRecord): Promise<void>;
  listFaults(to: ReplicaName): Promise<readonly FaultRecord[]>;
  /** `null`: all. */
  endFault(to: ReplicaName, id: string | null): Promise<void>;
}

/** The same object for as long as the isolate lives, or the edge's caches are made anew. */
export interface EdgeContext {
  readonly deployment: Deployment;
  readonly transport: Regions;
}
