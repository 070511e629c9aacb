/**
 * Brings batches of changes to sinks: as signed requests to addresses, after Standard Webhooks, or as messages into queues of
 * the user's. Says what became of them as the core's event; it never throws, and it never says what a receiver answered
 * beyond its status, since that may speak of a user.
 */
import { toBase64 } from "../src/api/base64.ts";
import { sinkMessages, type SinkMessage } from "../src/api/sink-text.ts";
import { regionAt, type Deployment } from "../src/deployment/deployment.ts";
import type { SinkSetting, SinkTarget } from "../src/deployment/sink-setting.ts";
import type { DeliveryEnd, Event, SinkBatch } from "../src/replication/effect.ts";
import { reportIncident } from "./incident.ts";
import { chunksOf, QUEUE_MESSAGE_BYTES_MAX } from "./queue-chunks.ts";
import type { ReplicaName } from "./replica-name.ts";
import { sinkBounds } from "./sink-bounds.ts";

/** The way out: the platform's, or a test's. */
export interface SinkPost {
  fetch(url: string, request: RequestInit): Promise<Response>;
  send(binding: string, messages: readonly string[]): Promise<void>;
}

export interface SinkCourierOptions {
  readonly deployment: Deployment;
  readonly self: ReplicaName;
  /** Its name, for incidents. */
  readonly where: string;
  readonly post: SinkPost;
}

const UTF8 = new TextEncoder();
/** How Standard Webhooks writes a secret of any bytes. */
const ENCODED = "whsec_";

export class SinkCourier {
  readonly #options: SinkCourierOptions;

  constructor(options: SinkCourierOptions) {
    this.#options = options;
  }

  async deliver(call: number, name: string, batch: SinkBatch, timeoutMs: number): Promise<Event> {
    return { type: "delivered", call, end: await this.#deliver(name, batch, timeoutMs) };
  }

  async #deliver(name: string, batch: SinkBatch, timeoutMs: number): Promise<DeliveryEnd> {
    const { deployment, self, where } = this.#options;
    const sink = deployment.sinks.find((each) => each.name === name && each.namespace === self.namespace);
    if (sink === undefined) return { ok: false, error: "not configured" };
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      const messages = sinkMessages(batch, this.#textOptions(sink));
      if (sink.target.kind === "queue") return await this.#enqueue(sink.target.binding, messages, signal);
      const [message] = messages;
      if (message === undefined) return { ok: true };
      return await this.#request(sink.target.url, sink.target.secrets, message, signal);
    } catch (error) {
      if (signal.aborted) return { ok: false, error: `no answer within ${timeoutMs} ms` };
      reportIncident("sink-unreachable", where, new Error(`${name}: ${reasonOf(error, sink.target)}`));
      return { ok: false, error: "could not be reached" };
    }
  }

  async #request(
    url: string,
    secrets: readonly string[],
    { id, body }: SinkMessage,
    signal: AbortSignal,
  ): Promise<DeliveryEnd> {
    const seconds = String(Math.floor(Date.now() / 1000));
    const signed = UTF8.encode(`${id}.${seconds}.${body}`);
    const signatures = await Promise.all(secrets.map((secret) => signature(secret, signed)));
    const response = await this.#options.post.fetch(url, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "User-Agent": "Ithaca",
        "webhook-id": id,
        "webhook-timestamp": seconds,
        "webhook-signature": signatures.map((each) => `v1,${each}`).join(" "),
      },
      body,
      redirect: "manual",
      signal,
    });
    // Nobody reads what it says.
    await response.body?.cancel();
    return endOf(response);
  }

  /** A queue takes a send whole or not at all; several sends may stop half-way and are repeated from the first. */
  async #enqueue(
    binding: string,
    messages: readonly SinkMessage[],
    signal: AbortSignal,
  ): Promise<DeliveryEnd> {
    const gaveUp = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => gaveUp.reject(signal.reason), { once: true });
    const bodies = new Map(messages.map(({ body }) => [UTF8.encode(body), body]));
    for (const chunk of chunksOf([...bodies.keys()])) {
      const texts = chunk.map((bytes) => bodies.get(bytes)!);
      await Promise.race([this.#options.post.send(binding, texts), gaveUp.promise]);
    }
    return { ok: true };
  }

  #textOptions({ name, namespace, values, target }: SinkSetting) {
    const { deployment, self } = this.#options;
    return {
      sink: name,
      namespace,
      partition: self.partition,
      regionId: (index: number) => regionAt(deployment, index).id,
      values,
      valueBytesMax: sinkBounds(target).valueBytesMax,
      messageBytesMax: target.kind === "queue" ? QUEUE_MESSAGE_BYTES_MAX : Infinity,
    };
  }
}

async function signature(secret: string, signed: Uint8Array): Promise<string> {
  const key = await crypto.subtle.importKey(
    "raw",
    secretBytes(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  return toBase64(new Uint8Array(await crypto.subtle.sign("HMAC", key, signed)));
}

function secretBytes(secret: string): Uint8Array {
  if (!secret.startsWith(ENCODED)) return UTF8.encode(secret);
  return Uint8Array.from(atob(secret.slice(ENCODED.length)), (character) => character.codePointAt(0)!);
}

/** An address may hold a secret of the receiver's: it is for no log. */
function reasonOf(error: unknown, target: SinkTarget): string {
  const reason = error instanceof Error ? error.message : String(error);
  return target.kind === "https" ? reason.replaceAll(target.url, "the address") : reason;
}

function endOf({ status, headers }: Response): DeliveryEnd {
  if (status >= 200 && status < 300) return { ok: true };
  if (status === 410) return { ok: false, error: "it answered 410: it wants no more", park: true };
  if (status >= 300 && status < 400)
    return { ok: false, error: `it answered ${status}: redirects are not followed` };
  const retryAfterMs = status === 429 || status === 503 ? retryAfterOf(headers.get("Retry-After")) : null;
  return {
    ok: false,
    error: `it answered ${status}`,
    ...(retryAfterMs === null ? {} : { retryAfterMs }),
  };
}

/** Seconds, or an instant. */
function retryAfterOf(header: string | null): number | null {
  if (header === null) return null;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now());
}

/** The platform's ways: its fetch, and the queues that are bound to the Worker. */
export function postOf(env: Record<string, unknown>): SinkPost {
  return {
    fetch: (url, request) => fetch(url, request),
    async send(binding, messages) {
      // Configuration has looked that it is one.
      const queue = env[binding] as Queue;
      // As text: a number beyond 2^53 does not survive being parsed and written anew.
      await queue.sendBatch(messages.map((body) => ({ body, contentType: "text" as const })));
    },
  };
}
