/**
 * What a replica's object can be called for. Worker and object roll out at different moments, so these signatures are a
 * wire format: methods are added, arguments are only ever added at the end, and nobody counts on a field being there.
 */
import type { BatchVerdict } from "../src/replication/message.ts";
import type { RegionIndex } from "../src/replication/position.ts";
import type { ClientReply, ClientRequest } from "../src/replication/request.ts";
import type { FaultRecord } from "./faults.ts";

export interface RegionObject {
  /** From the edge. */
  ask(request: ClientRequest): Promise<ClientReply | Interference>;
  /** From another region's replica: an enveloped PeerRequest, answered by an enveloped PeerReply. */
  peer(message: Uint8Array): Promise<Uint8Array | Interference>;
  /** Messages of one queue delivery that are addressed to this replica, in the order of delivery. */
  ingest(messages: readonly QueuedMessage[]): Promise<Ingested>;
  /** Keeps bytes that nobody could read, for people to look at. */
  poison(raw: Uint8Array, error: string): Promise<void>;

  /** Uses a ticket; false: it was used before. */
  redeem(from: RegionIndex, nonce: string, expiresAt: number): Promise<Redeemed | Interference>;
  /** Opens a live feed: the header LIVE_HEADER says of what. Answers 101 with the socket, or the reply that refuses as JSON. */
  fetch(request: Request): Promise<Response>;

  /** To partition 0 of a region: one of the region's replicas is worth a visit. */
  noteAttention(partition: number): Promise<void>;
  /** From partition 0 of a region: which replicas are worth a visit. They are forgotten: what still needs one says so again. */
  takeAttention(): Promise<number[]>;
  visit(): Promise<void>;

  putFault(fault: FaultRecord): Promise<void>;
  listFaults(): Promise<FaultRecord[]>;
  /** `null`: all. */
  endFault(id: string | null): Promise<void>;
}

/**
 * An injected fault answers in the replica's place. The caller's transport turns it into what the caller would have
 * seen: a refusal at once, or silence until `until` or its own patience ends. Thrown errors would do as well, but they
 * break the stub and fill the log.
 */
export interface Interference {
  readonly kind: "interference";
  readonly answer: "refused" | "silent";
  readonly until: number | null;
}

export interface Redeemed {
  readonly kind: "redeemed";
  readonly first: boolean;
}

/** A socket was opened: the response hands its other end on. */
export interface Opened {
  readonly kind: "opened";
  readonly respond: (headers: Readonly<Record<string, string>>) => Response;
}

export interface Redeeming {
  /** Region that the edge placed the client in. */
  readonly from: RegionIndex;
  readonly nonce: string;
  readonly expiresAt: number;
}

/** A ChangesRequest as percent-encoded JSON: header text is ASCII. */
export const LIVE_HEADER = "Ithaca-Live-Feed";

export interface QueuedMessage {
  readonly body: Uint8Array;
  /** How often the queue has delivered it, this time included. */
  readonly attempts: number;
}

/** `hold`: the queue has to keep it: a fault lies between the regions. `later`: likewise, for a moment. */
export type QueuedVerdict = BatchVerdict | "hold" | "later";

export interface Ingested {
  /** One for each message, in order. */
  readonly verdicts: readonly QueuedVerdict[];
  /** Enveloped PeerRequests to pass on to the same partition's replicas in other regions. */
  readonly progress: readonly { readonly to: RegionIndex; readonly message: Uint8Array }[];
}

export function isInterference(answer: object): answer is Interference {
  return "kind" in answer && answer.kind === "interference";
}
