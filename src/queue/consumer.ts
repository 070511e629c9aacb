/**
 * Delivers what a region's queue holds to that region's replicas: one call for each of them, whatever order and number
 * the messages came in, because the replica orders and counts. A message is acknowledged or sent round again by itself;
 * otherwise one failure would deliver the whole batch again.
 *
 * After a delivery each log's leader is told how far its log has come here, since that is what settles a destination.
 */
import { reportIncident } from "../../durable-objects/incident.ts";
import type { QueuedVerdict } from "../../durable-objects/region-object.ts";
import { RegionUnavailable } from "../../durable-objects/region-unavailable.ts";
import type { ReplicaName } from "../../durable-objects/replica-name.ts";
import type { RegionTransport } from "../../durable-objects/transport.ts";
import type { Deployment } from "../deployment/deployment.ts";
import type { RegionIndex } from "../replication/position.ts";
import { doorbellOf } from "./dead-letter.ts";
import { sortMail, type Bundle, type Letter } from "./mail.ts";
import { queueTarget } from "./queue-name.ts";

export interface Consumer {
  readonly deployment: Deployment;
  readonly transport: RegionTransport;
}

/** What the platform hands over. */
export interface Delivery {
  readonly queue: string;
  readonly messages: readonly Letter[];
}

/** A replica takes a delivery in one turn; what takes longer than this is delivered again. */
const INGEST_TIMEOUT_MS = 30_000;
/** The queue allows 24 hours; a region that is back should not have to wait for more than this. */
const RETRY_S_MAX = 300;
/** A message that is to be overtaken by others waits this long. */
const LATER_S = 1;

export async function consume(consumer: Consumer, delivery: Delivery): Promise<void> {
  const { region, dead } = queueTarget(consumer.deployment, delivery.queue);
  if (dead) reportIncident("dead-letter", delivery.queue, `${delivery.messages.length} messages`);
  const mail = sortMail(consumer.deployment, region, delivery.messages);
  await Promise.all([
    ...mail.bundles.map((bundle) => deliver(consumer, bundle, dead)),
    ...mail.unreadable.map(({ letter, raw, error }) => keep(consumer, region, letter, raw, error)),
  ]);
}

async function deliver(consumer: Consumer, bundle: Bundle, dead: boolean): Promise<void> {
  const messages = bundle.letters.map(({ letter, raw }) => ({
    body: dead ? doorbellOf(raw) : raw,
    attempts: letter.attempts,
  }));
  try {
    const { verdicts, progress } = await consumer.transport.ingest(bundle.to, messages, INGEST_TIMEOUT_MS);
    bundle.letters.forEach(({ letter }, at) => conclude(letter, verdicts[at] ?? "hold"));
    await Promise.all(
      progress.map(({ to, message }) => report(consumer, { ...bundle.to, region: to }, message)),
    );
  } catch (error) {
    if (!(error instanceof RegionUnavailable)) reportIncident("delivery-failed", objectOf(bundle.to), error);
    for (const { letter } of bundle.letters) sendRound(letter);
  }
}

function conclude(letter: Letter, verdict: QueuedVerdict): void {
  if (verdict === "hold") sendRound(letter);
  else if (verdict === "later") letter.retry({ delaySeconds: LATER_S });
  else letter.ack();
}

function sendRound(letter: Letter): void {
  const jitter = Math.floor(Math.random() * 2);
  letter.retry({ delaySeconds: Math.min(RETRY_S_MAX, 2 ** letter.attempts + jitter) });
}

/** A leader that does not hear of it asks by itself later: no reason to deliver again. */
async function report(consumer: Consumer, leader: ReplicaName, message: Uint8Array): Promise<void> {
  try {
    await consumer.transport.peer(leader, message, consumer.deployment.timing.callTimeoutMs);
  } catch (error) {
    if (!(error instanceof RegionUnavailable)) reportIncident("progress-failed", objectOf(leader), error);
  }
}

/** Where everybody looks for what nobody can read: partition 0 of the first namespace. */
async function keep(
  consumer: Consumer,
  region: RegionIndex,
  letter: Letter,
  raw: Uint8Array,
  error: string,
): Promise<void> {
  const to = { namespace: consumer.deployment.namespaces[0] ?? "", partition: 0, region };
  try {
    await consumer.transport.poison(to, raw, error);
    letter.ack();
  } catch {
    sendRound(letter);
  }
}

function objectOf(name: ReplicaName): string {
  return `${name.namespace}/${name.partition}/${name.region}`;
}
