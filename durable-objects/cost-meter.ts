/**
 * What this instance of a replica's object has cost since it began, in the units of the platform's bill. Only where drills
 * are on: looking at what every statement took costs a microsecond, and whoever runs for real has the platform's own figures.
 */
import type { ReplicaCost } from "../src/replication/request.ts";
import type { QueuedMessage, QueuedVerdict } from "./region-object.ts";

const QUEUE_UNIT_BYTES = 64_000;

export class CostMeter {
  readonly #since = Date.now();
  #requests = 0;
  #rowsRead = 0;
  #rowsWritten = 0;
  #queueOperations = 0;

  get cost(): ReplicaCost {
    return {
      since: this.#since,
      requests: this.#requests,
      rowsRead: this.#rowsRead,
      rowsWritten: this.#rowsWritten,
      queueOperations: this.#queueOperations,
    };
  }

  request(): void {
    this.#requests += 1;
  }

  /** A statement that has run to its end. */
  statement({ rowsRead, rowsWritten }: { readonly rowsRead: number; readonly rowsWritten: number }): void {
    this.#rowsRead += rowsRead;
    this.#rowsWritten += rowsWritten;
  }

  sent(bodies: readonly Uint8Array[]): void {
    for (const body of bodies) this.#queueOperations += unitsOf(body);
  }

  /** Each was received; what does not go round again is deleted too. */
  received(messages: readonly QueuedMessage[], verdicts: readonly QueuedVerdict[]): void {
    messages.forEach(({ body }, at) => {
      const goesRound = verdicts[at] === "hold" || verdicts[at] === "later";
      this.#queueOperations += unitsOf(body) * (goesRound ? 1 : 2);
    });
  }

  /** The platform writes a row for it. */
  alarm(): void {
    this.#rowsWritten += 1;
  }
}

function unitsOf(body: Uint8Array): number {
  return Math.max(1, Math.ceil(body.byteLength / QUEUE_UNIT_BYTES));
}
