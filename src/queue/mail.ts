/**
 * The messages of one delivery, sorted by the replica they are for. Reads addresses only: what a message says is for its
 * replica to judge.
 */
import { addressee, objectName, type ReplicaName } from "../../durable-objects/replica-name.ts";
import type { Deployment } from "../deployment/deployment.ts";
import type { RegionIndex } from "../replication/position.ts";
import { envelopeOf } from "../wire/envelope.ts";

/** What the platform hands over; its own type has more. */
export interface Letter {
  readonly body: unknown;
  readonly attempts: number;
  ack(): void;
  retry(options: { delaySeconds: number }): void;
}

export interface Mail {
  readonly bundles: readonly Bundle[];
  /** Nobody's, as far as anybody can read. */
  readonly unreadable: readonly {
    readonly letter: Letter;
    readonly raw: Uint8Array;
    readonly error: string;
  }[];
}

export interface Bundle {
  readonly to: ReplicaName;
  readonly letters: readonly { readonly letter: Letter; readonly raw: Uint8Array }[];
}

export function sortMail(deployment: Deployment, region: RegionIndex, letters: readonly Letter[]): Mail {
  const bundles = new Map<string, { to: ReplicaName; letters: { letter: Letter; raw: Uint8Array }[] }>();
  const unreadable: { letter: Letter; raw: Uint8Array; error: string }[] = [];
  for (const letter of letters) {
    const raw = bytesOf(letter.body);
    let to: ReplicaName;
    try {
      to = addressOf(deployment, region, raw);
    } catch (error) {
      unreadable.push({ letter, raw, error: String(error) });
      continue;
    }
    const name = objectName(deployment, to);
    const bundle = bundles.get(name) ?? { to, letters: [] };
    bundle.letters.push({ letter, raw });
    bundles.set(name, bundle);
  }
  return { bundles: [...bundles.values()], unreadable };
}

function addressOf(deployment: Deployment, region: RegionIndex, raw: Uint8Array): ReplicaName {
  const envelope = envelopeOf(raw);
  const to = addressee(deployment, envelope);
  if (to === null || to.region !== region)
    throw new Error(`addressed to ${envelope.namespace}/${envelope.partition}`);
  return to;
}

/** We only ever send bytes; anything else is somebody's mistake, and kept as text. */
function bytesOf(body: unknown): Uint8Array {
  if (body instanceof Uint8Array) return body;
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  return new TextEncoder().encode(typeof body === "string" ? body : (JSON.stringify(body) ?? String(body)));
}
