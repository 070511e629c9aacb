/** How the tests of the shells ask replicas: through the transport that the Worker uses, with as few words as can be. */
import { env } from "cloudflare:workers";
import type { FaultRecord } from "../../durable-objects/faults.ts";
import { SinkCourier } from "../../durable-objects/sink-courier.ts";
import { ObjectTransport, type RegionTransport } from "../../durable-objects/transport.ts";
import type { ReplicaName } from "../../durable-objects/replica-name.ts";
import { deploymentOf } from "../../src/deployment/deployment.ts";
import type { ClientReply, ClientRequest, SessionPart } from "../../src/replication/request.ts";

export const deployment = deploymentOf(env);
export const transport = new ObjectTransport(deployment, env.REGION);

export const WEUR = 0;
export const ENAM = 1;
export const APAC = 2;

/** The transport, but for some of its methods. */
export function transportWith(changes: Partial<RegionTransport>): RegionTransport {
  return {
    ask: (...args) => transport.ask(...args),
    peer: (...args) => transport.peer(...args),
    ingest: (...args) => transport.ingest(...args),
    poison: (...args) => transport.poison(...args),
    live: (...args) => transport.live(...args),
    redeem: (...args) => transport.redeem(...args),
    noteAttention: (...args) => transport.noteAttention(...args),
    takeAttention: (...args) => transport.takeAttention(...args),
    visit: (...args) => transport.visit(...args),
    putFault: (...args) => transport.putFault(...args),
    listFaults: (...args) => transport.listFaults(...args),
    endFault: (...args) => transport.endFault(...args),
    ...changes,
  };
}

/** For hosts that have no sinks. */
export const noCourier = new SinkCourier({
  deployment,
  self: replica(0, WEUR),
  where: "stage",
  post: {
    fetch: () => Promise.reject(new Error("there is no sink")),
    send: () => Promise.reject(new Error("there is no sink")),
  },
});

const NO_SESSION: SessionPart = { positions: [], others: [], seenAt: 0 };

/** Every test takes partitions of its own: objects live as long as the test file. */
export function replica(partition: number, region: number): ReplicaName {
  return { namespace: "default", partition, region };
}

interface Asking {
  readonly from?: number;
  readonly timeoutMs?: number;
}

type Body<R> = R extends ClientRequest ? Omit<R, "from" | "deadlineAt"> : never;

export function ask(
  to: ReplicaName,
  request: Body<ClientRequest>,
  asking: Asking = {},
): Promise<ClientReply> {
  const { from = to.region, timeoutMs = 5_000 } = asking;
  return transport.ask(to, { ...request, from, deadlineAt: Date.now() + timeoutMs }, timeoutMs);
}

export function claim(to: ReplicaName, user: string, home: number): Promise<ClientReply> {
  return ask(to, { op: "claim", user, home, principal: user });
}

export function put(
  to: ReplicaName,
  user: string,
  key: string,
  text: string,
  asking?: Asking,
): Promise<ClientReply> {
  const value = new TextEncoder().encode(text);
  return ask(
    to,
    {
      op: "write",
      user,
      principal: user,
      command: { kind: "put", key, value, contentType: "text/plain" },
      conditions: {},
      concern: "local",
      session: NO_SESSION,
    },
    asking,
  );
}

export function get(
  to: ReplicaName,
  user: string,
  key: string,
  level: "leader" | "eventual",
  asking?: Asking,
): Promise<ClientReply> {
  return ask(
    to,
    {
      op: "read",
      user,
      what: { kind: "item", key, head: false },
      level,
      committed: false,
      session: NO_SESSION,
      waitMs: 0,
    },
    asking,
  );
}

export function textOf(reply: ClientReply): string | null {
  const value = reply.kind === "item" ? reply.item?.value : undefined;
  return value === undefined ? null : new TextDecoder().decode(value);
}

export async function putFault(
  to: ReplicaName,
  fault: Partial<FaultRecord> & Pick<FaultRecord, "kind" | "region">,
): Promise<string> {
  const id = crypto.randomUUID();
  await transport.putFault(to, {
    id,
    peer: null,
    ms: null,
    probability: null,
    endsAt: Date.now() + 60_000,
    ...fault,
  });
  return id;
}

/** Puts a fault on every replica of a partition, as the edge does. */
export async function putFaultEverywhere(
  partition: number,
  fault: Partial<FaultRecord> & Pick<FaultRecord, "kind" | "region">,
): Promise<void> {
  for (const region of deployment.regions) await putFault(replica(partition, region.index), fault);
}

export async function eventually<T>(
  probe: () => Promise<T>,
  good: (value: T) => boolean,
  withinMs = 30_000,
): Promise<T> {
  const until = Date.now() + withinMs;
  for (;;) {
    const value = await probe();
    if (good(value) || Date.now() > until) return value;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}
