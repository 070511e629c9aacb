/**
 * What a queue delivers to this replica: read, kept apart where nobody can read it, and held back where an injected
 * fault says so. Turns a delivery into the batches that the replica takes, and the replica's verdicts into one for each
 * message.
 */
import type { Batch, BatchVerdict } from "../src/replication/message.ts";
import type { RegionIndex } from "../src/replication/position.ts";
import type { Storage } from "../src/replication/storage.ts";
import { decodeBatch } from "../src/wire/batch-codec.ts";
import { envelopeOf } from "../src/wire/envelope.ts";
import type { FaultGate } from "./fault-gate.ts";
import { reportIncident } from "./incident.ts";
import type { QueuedMessage, QueuedVerdict } from "./region-object.ts";
import { isAddressedTo, type ReplicaName } from "./replica-name.ts";

/** Unreadable messages kept for people to look at; more tell nothing new. */
const POISON_ROWS_MAX = 1_000;

export interface Delivery {
  /** For the replica, in order; null: did not decode. */
  readonly batches: readonly (Batch | null)[];
  /** One for each message of the delivery. */
  verdicts(ofBatches: readonly BatchVerdict[]): QueuedVerdict[];
}

interface Letter {
  readonly from: RegionIndex;
  readonly batch: Batch | null;
}

export class Letterbox {
  readonly #name: ReplicaName;
  readonly #where: string;
  readonly #storage: Storage;
  readonly #gate: FaultGate | null;

  constructor(options: { name: ReplicaName; where: string; storage: Storage; gate: FaultGate | null }) {
    this.#name = options.name;
    this.#where = options.where;
    this.#storage = options.storage;
    this.#gate = options.gate;
  }

  async open(messages: readonly QueuedMessage[]): Promise<Delivery> {
    const letters = messages.map((message) => this.#read(message.body));
    const fates =
      this.#gate === null
        ? null
        : await this.#gate.queued(
            messages,
            letters.map((letter) => letter.from),
          );
    const batches: (Batch | null)[] = [];
    /** By message: its place among the batches, or what became of it. */
    const places = letters.map((letter, at): number | QueuedVerdict => {
      const fate = fates?.[at] ?? "pass";
      if (fate === "hold" || fate === "later") return fate;
      if (fate === "drop") return "dropped";
      if (fate === "twice") batches.push(letter.batch);
      return batches.push(letter.batch) - 1;
    });
    return {
      batches,
      verdicts: (ofBatches) =>
        places.map((place) => (typeof place === "number" ? (ofBatches[place] ?? "hold") : place)),
    };
  }

  poison(raw: Uint8Array, error: string): void {
    reportIncident("message-unreadable", this.#where, error);
    if (this.#storage.countPoison() < POISON_ROWS_MAX) this.#storage.putPoison(Date.now(), error, raw);
  }

  #read(raw: Uint8Array): Letter {
    try {
      const { envelope, batch } = decodeBatch(raw);
      if (!isAddressedTo(this.#name, envelope)) throw new Error("the message is for another replica");
      return { from: envelope.from, batch };
    } catch (error) {
      this.poison(raw, String(error));
      return { from: senderOf(raw) ?? this.#name.region, batch: null };
    }
  }
}

function senderOf(raw: Uint8Array): RegionIndex | null {
  try {
    return envelopeOf(raw).from;
  } catch {
    return null;
  }
}
