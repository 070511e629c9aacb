/**
 * Which operation wrote a version: the thread from what a reader saw back to who did it.
 *
 * Acknowledged writes were told their version. A write of unknown outcome is found through its idempotency key, where the
 * log holds it.
 */
import type { Authority, LogEntry } from "./authority.ts";
import type { Operation } from "./operation.ts";
import { isUpdate, itemId, touchesOf } from "./touch.ts";

export class Writers {
  readonly #byPosition = new Map<string, Operation>();
  readonly #authority: Authority;

  constructor(operations: readonly Operation[], authority: Authority) {
    this.#authority = authority;
    for (const op of operations) {
      for (const position of this.#positionsOf(op)) {
        const name = itemId(op.user, position);
        // Of several attempts under one idempotency key the first may have been the one.
        if (!this.#byPosition.has(name)) this.#byPosition.set(name, op);
      }
    }
  }

  /** The position of the entry that an operation made or may have made; undefined for reads, refusals and the unresolved. */
  positionOf(op: Operation): string | undefined {
    return touchesOf(op).some(isUpdate) ? this.#authority.positionOf(op) : undefined;
  }

  /** One request may stand in the log twice: where a leader took it that was then deposed, and where its successor took it again. */
  #positionsOf(op: Operation): readonly string[] {
    const position = this.positionOf(op);
    if (position === undefined) return [];
    if (op.idempotencyKey === undefined) return [position];
    return [position, ...this.#authority.withIdempotencyKey(op).map((entry) => entry.position)];
  }

  writer(user: string, position: string): Operation | undefined {
    return this.#byPosition.get(itemId(user, position));
  }

  /** Whether an entry can have existed while the operation ran: its writer had begun before the operation was over. */
  existedFor(op: Operation): (entry: LogEntry) => boolean {
    return (entry) => (this.writer(entry.user, entry.position)?.invokedAt ?? -1) < op.completedAt;
  }
}
