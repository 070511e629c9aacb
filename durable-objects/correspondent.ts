/**
 * A replica's outgoing post: calls to the same partition's replicas in other regions, and messages to those regions'
 * queues. Turns the core's messages into bytes and what becomes of them into the core's events; it never throws.
 */
import type { Deployment } from "../src/deployment/deployment.ts";
import { ConfigurationError } from "../src/deployment/setting.ts";
import type { CallFailure, Event } from "../src/replication/effect.ts";
import { PROTOCOL_VERSION } from "../src/replication/entry.ts";
import type { Batch, PeerReply, PeerRequest } from "../src/replication/message.ts";
import type { RegionIndex } from "../src/replication/position.ts";
import { encodeBatch } from "../src/wire/batch-codec.ts";
import type { Envelope } from "../src/wire/envelope.ts";
import { decodePeerReply, encodePeerReply, encodePeerRequest } from "../src/wire/peer-codec.ts";
import { reportIncident } from "./incident.ts";
import { chunksOf, QUEUE_MESSAGE_BYTES_MAX } from "./queue-chunks.ts";
import { RegionUnavailable } from "./region-unavailable.ts";
import type { ReplicaName } from "./replica-name.ts";
import type { RegionTransport } from "./transport.ts";

export interface CorrespondentOptions {
  readonly self: ReplicaName;
  /** Its name, for incidents. */
  readonly where: string;
  readonly transport: RegionTransport;
  readonly queues: ReadonlyMap<RegionIndex, Queue>;
  /** Messages that a queue has taken. */
  readonly onSent?: (bodies: readonly Uint8Array[]) => void;
}

export class Correspondent {
  readonly #self: ReplicaName;
  readonly #where: string;
  readonly #transport: RegionTransport;
  readonly #queues: ReadonlyMap<RegionIndex, Queue>;
  readonly #onSent: CorrespondentOptions["onSent"];

  constructor(options: CorrespondentOptions) {
    this.#self = options.self;
    this.#where = options.where;
    this.#transport = options.transport;
    this.#queues = options.queues;
    this.#onSent = options.onSent;
  }

  async call(call: number, to: RegionIndex, message: PeerRequest, timeoutMs: number): Promise<Event> {
    let answer: Uint8Array;
    try {
      answer = await this.#transport.peer(
        { ...this.#self, region: to },
        this.request(to, message),
        timeoutMs,
      );
    } catch (error) {
      const reason: CallFailure = error instanceof RegionUnavailable ? error.reason : "refused";
      if (!(error instanceof RegionUnavailable)) reportIncident("call-failed", this.#where, error);
      return { type: "failed", call, from: to, reason };
    }
    try {
      return { type: "answer", call, from: to, message: decodePeerReply(answer).message };
    } catch (error) {
      reportIncident("answer-unreadable", this.#where, error);
      return { type: "failed", call, from: to, reason: "refused" };
    }
  }

  async enqueue(call: number, to: RegionIndex, messages: readonly Batch[]): Promise<Event> {
    try {
      const queue = this.#queues.get(to);
      if (queue === undefined) throw new ConfigurationError("REGIONS", `region ${to} has no queue`);
      for (const chunk of chunksOf(messages.map((batch) => this.#body(to, batch)))) {
        await queue.sendBatch(chunk.map((body) => ({ body, contentType: "bytes" as const })));
        this.#onSent?.(chunk);
      }
      return { type: "enqueued", call, ok: true };
    } catch (error) {
      // The core keeps the destination unsettled and tries again by other means.
      reportIncident("queue-refused", this.#where, error);
      return { type: "enqueued", call, ok: false };
    }
  }

  request(to: RegionIndex, message: PeerRequest): Uint8Array {
    return encodePeerRequest(this.#envelope(to), message);
  }

  reply(to: RegionIndex, message: PeerReply): Uint8Array {
    return encodePeerReply(this.#envelope(to), message);
  }

  #body(to: RegionIndex, batch: Batch): Uint8Array {
    const body = encodeBatch(this.#envelope(to), batch);
    if (body.byteLength <= QUEUE_MESSAGE_BYTES_MAX) return body;
    // The core inlines less than this. Should it ever not, the queue still has to be told that there is something to fetch.
    reportIncident("message-oversize", this.#where, new Error(`${body.byteLength} bytes to region ${to}`));
    return encodeBatch(this.#envelope(to), { ...batch, entries: [], chain: new Uint8Array(0) });
  }

  #envelope(to: RegionIndex): Envelope {
    const { namespace, partition, region } = this.#self;
    return { namespace, partition, from: region, to, pv: PROTOCOL_VERSION };
  }
}

/** The queue of each region: binding QUEUE_<REGION>. Refuses to go on without one of them. */
export function queuesOf(deployment: Deployment, env: Record<string, unknown>): Map<RegionIndex, Queue> {
  return new Map(
    deployment.regions.map((region) => {
      const binding = `QUEUE_${region.id.toUpperCase().replaceAll("-", "_")}`;
      const queue = env[binding];
      if (typeof queue !== "object" || queue === null || !("sendBatch" in queue)) {
        throw new ConfigurationError(binding, `has to be a queue: it carries what goes to ${region.id}`);
      }
      return [region.index, queue as Queue];
    }),
  );
}
