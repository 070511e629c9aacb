/**
 * Faults for drills. Every replica is told of every fault, because each judges what reaches it; only a restart is a matter of
 * the region's own replicas. Listing asks one replica of each region, and the union is what is in force.
 */
import type { z } from "zod";
import type { FaultKind, FaultRecord } from "../../../durable-objects/faults.ts";
import type { ReplicaName } from "../../../durable-objects/replica-name.ts";
import { RegionUnavailable } from "../../../durable-objects/region-unavailable.ts";
import { FaultRequest } from "../../api/schema/fault.ts";
import type { RegionIndex } from "../../replication/position.ts";
import { readJson } from "../body.ts";
import type { Edge } from "../edge.ts";
import type { Exchange } from "../exchange.ts";
import { faultBody } from "../fault-body.ts";
import { randomText } from "../ids.ts";
import { jsonAnswer } from "../json-answer.ts";
import { invalid, Refused } from "../refusal.ts";

type Need = "required" | "allowed" | "none";

/** What a kind takes besides its region. */
const NEEDS: Readonly<
  Record<FaultKind, { readonly peer: Need; readonly ms: Need; readonly probability: Need }>
> = {
  down: { peer: "none", ms: "none", probability: "none" },
  stall: { peer: "none", ms: "none", probability: "none" },
  isolate: { peer: "none", ms: "none", probability: "none" },
  partition: { peer: "required", ms: "none", probability: "none" },
  "one-way": { peer: "required", ms: "none", probability: "none" },
  delay: { peer: "allowed", ms: "required", probability: "none" },
  drop: { peer: "none", ms: "none", probability: "required" },
  duplicate: { peer: "none", ms: "none", probability: "required" },
  reorder: { peer: "none", ms: "none", probability: "required" },
  skew: { peer: "none", ms: "required", probability: "none" },
  restart: { peer: "none", ms: "none", probability: "none" },
};

/** Where drills are off there is nothing here, whoever asks. */
async function enter(exchange: Exchange): Promise<void> {
  if (!exchange.edge.deployment.drills) throw new Refused("not-found", "drills are off");
  await exchange.requireAdmin();
}

export async function putFault(exchange: Exchange): Promise<Response> {
  await enter(exchange);
  const fault = faultOf(exchange.edge, await readJson(exchange.request));
  const { edge } = exchange;
  const regions = fault.kind === "restart" ? [fault.region] : edge.regions.all.map(({ index }) => index);
  await everywhere(edge, regions, (replica) => edge.transport.putFault(replica, fault));
  edge.overviews.clear();
  return jsonAnswer(exchange, faultBody(edge.regions, fault));
}

export async function listFaults(exchange: Exchange): Promise<Response> {
  await enter(exchange);
  const { edge } = exchange;
  const faults = await faultsInForce(edge);
  return jsonAnswer(exchange, { faults: faults.map((fault) => faultBody(edge.regions, fault)) });
}

export async function endFaults(exchange: Exchange): Promise<Response> {
  await enter(exchange);
  const faults = await faultsInForce(exchange.edge);
  await end(exchange.edge, null);
  return jsonAnswer(exchange, { ended: faults.map(({ id }) => id) });
}

export async function endFault(exchange: Exchange): Promise<Response> {
  await enter(exchange);
  const id = exchange.path.slice("/v1/faults/".length);
  const faults = await faultsInForce(exchange.edge);
  if (!faults.some((fault) => fault.id === id))
    throw new Refused("not-found", "no fault in force has this id");
  await end(exchange.edge, id);
  return jsonAnswer(exchange, { ended: [id] });
}

async function end(edge: Edge, id: string | null): Promise<void> {
  const regions = edge.regions.all.map(({ index }) => index);
  await everywhere(edge, regions, (replica) => edge.transport.endFault(replica, id));
  edge.overviews.clear();
}

async function faultsInForce(edge: Edge): Promise<FaultRecord[]> {
  const [namespace = ""] = edge.deployment.namespaces;
  const lists = await reached(
    edge.regions.all.map(({ index }) =>
      edge.transport.listFaults({ namespace, partition: 0, region: index }),
    ),
  );
  const byId = new Map(lists.flat().map((fault) => [fault.id, fault]));
  const now = Date.now();
  return [...byId.values()].filter(({ endsAt }) => endsAt > now);
}

async function everywhere(
  { deployment }: Edge,
  regions: readonly RegionIndex[],
  act: (replica: ReplicaName) => Promise<void>,
): Promise<void> {
  const partitions = Array.from({ length: deployment.partitions }, (_, partition) => partition);
  const replicas = deployment.namespaces.flatMap((namespace) =>
    partitions.flatMap((partition) => regions.map((region) => ({ namespace, partition, region }))),
  );
  await reached(replicas.map(act));
}

/** All of them, or the caller is told that it is not so: a fault that stands in some places only makes a drill lie. */
async function reached<T>(calls: readonly Promise<T>[]): Promise<T[]> {
  try {
    return await Promise.all(calls);
  } catch (error) {
    if (!(error instanceof RegionUnavailable)) throw error;
    throw new Refused("region-unavailable", "not every replica could be told; faults end by themselves");
  }
}

function faultOf({ regions }: Edge, body: unknown): FaultRecord {
  const parsed = FaultRequest.safeParse(body);
  if (!parsed.success) throw invalid(issueText(parsed.error));
  const { kind, region, peer = null, ms = null, probability = null, forMs } = parsed.data;
  checkNeed(kind, "peer", peer);
  checkNeed(kind, "ms", ms);
  checkNeed(kind, "probability", probability);
  if (kind === "delay" && ms !== null && ms < 1) throw invalid("ms: a delay has to be at least 1");
  const at = regionOf(regions.indexOf(region), "region", region);
  const other = peer === null ? null : regionOf(regions.indexOf(peer), "peer", peer);
  if (other === at) throw invalid("peer: has to be another region");
  return { id: randomText(8), kind, region: at, peer: other, ms, probability, endsAt: Date.now() + forMs };
}

function checkNeed(kind: FaultKind, name: "peer" | "ms" | "probability", value: unknown): void {
  const need = NEEDS[kind][name];
  if (need === "required" && value === null) throw invalid(`${name}: ${kind} needs it`);
  if (need === "none" && value !== null) throw invalid(`${name}: ${kind} takes none`);
}

function regionOf(index: RegionIndex | undefined, name: string, id: string): RegionIndex {
  if (index === undefined) throw invalid(`${name}: there is no region "${id}"`);
  return index;
}

function issueText(error: z.ZodError): string {
  const [issue] = error.issues;
  if (issue === undefined) return "the body is not a fault";
  return issue.path.length === 0 ? issue.message : `${issue.path.join(".")}: ${issue.message}`;
}
