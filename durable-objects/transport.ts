/**
 * The one place that calls a replica's object, from the edge, from the queue consumer and from other replicas.
 *
 * Every attempt takes a fresh stub, because a stub that threw may stay broken for good. Every stub carries the region's
 * location hint, because the first call for a name decides for ever where the object lives, and asks for the primary.
 * There is no retry in here: whether a call may be repeated, and where to, is for the caller to know; and what looks like
 * an outage from one place is evidence that the core weighs.
 *
 * In a store on one machine that keeps its regions as far apart as in the world, this is where calls are on their way.
 */
import { regionAt, roundTripMs, type Deployment } from "../src/deployment/deployment.ts";
import type { RegionIndex } from "../src/replication/position.ts";
import type { ChangesRequest, ClientReply, ClientRequest } from "../src/replication/request.ts";
import { envelopeOf } from "../src/wire/envelope.ts";
import type { FaultRecord } from "./faults.ts";
import {
  isInterference,
  LIVE_HEADER,
  type Ingested,
  type Interference,
  type Opened,
  type QueuedMessage,
  type Redeemed,
  type Redeeming,
  type RegionObject,
} from "./region-object.ts";
import { RegionUnavailable, unavailableBecause } from "./region-unavailable.ts";
import { objectName, type ReplicaName } from "./replica-name.ts";
import { RoundTrip } from "./round-trip.ts";

/** An object has no address: any will do. */
const LIVE_URL = "https://region/live";
/** Setting and ending faults passes by every fault; only a dead platform takes longer. */
const CONTROL_TIMEOUT_MS = 5_000;

export interface RegionTransport {
  /** All of these throw RegionUnavailable. */
  ask(to: ReplicaName, request: ClientRequest, timeoutMs: number): Promise<ClientReply>;
  peer(to: ReplicaName, message: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
  ingest(to: ReplicaName, messages: readonly QueuedMessage[], timeoutMs: number): Promise<Ingested>;
  poison(to: ReplicaName, raw: Uint8Array, error: string): Promise<void>;
  /** Opens a live feed: the response is a 101 with the socket. */
  live(to: ReplicaName, request: ChangesRequest, timeoutMs: number): Promise<ClientReply | Opened>;
  /** False: the ticket was used before. */
  redeem(to: ReplicaName, ticket: Redeeming, timeoutMs: number): Promise<boolean>;
  noteAttention(to: ReplicaName, partition: number): Promise<void>;
  takeAttention(to: ReplicaName): Promise<number[]>;
  visit(to: ReplicaName): Promise<void>;
  putFault(to: ReplicaName, fault: FaultRecord): Promise<void>;
  listFaults(to: ReplicaName): Promise<FaultRecord[]>;
  endFault(to: ReplicaName, id: string | null): Promise<void>;
}

export type RegionNamespace = DurableObjectNamespace<RegionObject & Rpc.DurableObjectBranded>;
/** The methods as they are called through a stub; the platform's own type for that wraps every result. */
type RegionStub = RegionObject;

export class ObjectTransport implements RegionTransport {
  readonly #deployment: Deployment;
  readonly #namespace: RegionNamespace;
  readonly #confirmed: (() => Promise<void>) | null;

  /** `confirmed`: of an object that calls, whose messages do not leave before what it wrote is confirmed. */
  constructor(
    deployment: Deployment,
    namespace: RegionNamespace,
    confirmed: (() => Promise<void>) | null = null,
  ) {
    this.#deployment = deployment;
    this.#namespace = namespace;
    this.#confirmed = confirmed;
  }

  ask(to: ReplicaName, request: ClientRequest, timeoutMs: number): Promise<ClientReply> {
    const call = (): Promise<ClientReply | Interference> => this.#stub(to).ask(request);
    return answered(this.#apart ? this.#travel(request.from, to.region, call) : call(), timeoutMs);
  }

  peer(to: ReplicaName, message: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    const call = (): Promise<Uint8Array | Interference> => this.#stub(to).peer(message);
    return answered(
      this.#apart ? this.#travel(envelopeOf(message).from, to.region, call) : call(),
      timeoutMs,
    );
  }

  ingest(to: ReplicaName, messages: readonly QueuedMessage[], timeoutMs: number): Promise<Ingested> {
    return within(this.#stub(to).ingest(messages), timeoutMs);
  }

  poison(to: ReplicaName, raw: Uint8Array, error: string): Promise<void> {
    return within(this.#stub(to).poison(raw, error), CONTROL_TIMEOUT_MS);
  }

  live(to: ReplicaName, request: ChangesRequest, timeoutMs: number): Promise<ClientReply | Opened> {
    const headers = { Upgrade: "websocket", [LIVE_HEADER]: encodeURIComponent(JSON.stringify(request)) };
    const call = (): Promise<ClientReply | Opened | Interference> =>
      openedBy(this.#stub(to).fetch(new Request(LIVE_URL, { headers })));
    return answered(this.#apart ? this.#travel(request.from, to.region, call) : call(), timeoutMs);
  }

  async redeem(to: ReplicaName, ticket: Redeeming, timeoutMs: number): Promise<boolean> {
    const { from, nonce, expiresAt } = ticket;
    const call = (): Promise<Redeemed | Interference> => this.#stub(to).redeem(from, nonce, expiresAt);
    return (await answered(this.#apart ? this.#travel(from, to.region, call) : call(), timeoutMs)).first;
  }

  noteAttention(to: ReplicaName, partition: number): Promise<void> {
    return within(this.#stub(to).noteAttention(partition), CONTROL_TIMEOUT_MS);
  }

  takeAttention(to: ReplicaName): Promise<number[]> {
    return within(this.#stub(to).takeAttention(), CONTROL_TIMEOUT_MS);
  }

  visit(to: ReplicaName): Promise<void> {
    return within(this.#stub(to).visit(), CONTROL_TIMEOUT_MS);
  }

  async putFault(to: ReplicaName, fault: FaultRecord): Promise<void> {
    try {
      await within(this.#stub(to).putFault(fault), CONTROL_TIMEOUT_MS);
    } catch (error) {
      // A restart ends the very call that asked for it.
      if (fault.kind !== "restart" || !(error instanceof RegionUnavailable) || error.reason !== "refused")
        throw error;
    }
  }

  listFaults(to: ReplicaName): Promise<FaultRecord[]> {
    return within(this.#stub(to).listFaults(), CONTROL_TIMEOUT_MS);
  }

  endFault(to: ReplicaName, id: string | null): Promise<void> {
    return within(this.#stub(to).endFault(id), CONTROL_TIMEOUT_MS);
  }

  #stub(to: ReplicaName): RegionStub {
    const locationHint = this.#hint(to.region);
    return this.#namespace.getByName(objectName(this.#deployment, to), {
      locationHint,
      routingMode: "primary-only",
    });
  }

  /** Regions are to be away from each other. */
  get #apart(): boolean {
    return this.#deployment.distances.length > 0;
  }

  async #travel<T>(from: RegionIndex, to: RegionIndex, call: () => Promise<T>): Promise<T> {
    const ms = roundTripMs(this.#deployment, from, to);
    if (ms === 0) return call();
    await this.#confirmed?.();
    const trip = new RoundTrip(ms);
    await trip.there();
    try {
      return await call();
    } finally {
      await trip.back();
    }
  }

  #hint(region: RegionIndex): DurableObjectLocationHint {
    return regionAt(this.#deployment, region).hint as DurableObjectLocationHint;
  }
}

async function openedBy(answer: Promise<Response>): Promise<ClientReply | Opened | Interference> {
  const response = await answer;
  const { webSocket } = response;
  if (webSocket !== null)
    return { kind: "opened", respond: (headers) => new Response(null, { status: 101, webSocket, headers }) };
  return response.json<ClientReply | Interference>();
}

/** The answer of a replica, or what the caller sees of the fault that answered in its place. */
async function answered<T extends object>(call: Promise<T | Interference>, timeoutMs: number): Promise<T> {
  const startedAt = Date.now();
  const answer = await within(call, timeoutMs);
  if (!isInterference(answer)) return answer;
  if (answer.answer === "refused") throw new RegionUnavailable("refused", false);
  const now = Date.now();
  const patienceMs = timeoutMs - (now - startedAt);
  const stalledMs = answer.until === null ? Infinity : answer.until - now;
  await new Promise((resolve) => setTimeout(resolve, Math.max(0, Math.min(patienceMs, stalledMs))));
  throw new RegionUnavailable(stalledMs < patienceMs ? "refused" : "timeout", true);
}

/** The result of a call, or RegionUnavailable when it failed or took too long. */
async function within<T>(call: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new RegionUnavailable("timeout", true)), timeoutMs);
  });
  try {
    return await Promise.race([call, timeout]);
  } catch (error) {
    throw unavailableBecause(error);
  } finally {
    clearTimeout(timer);
  }
}
