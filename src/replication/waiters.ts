/**
 * Client requests that cannot be answered yet. Each is asked again when something has changed, says what it needs (it
 * calls the parts that can bring it about), and is answered by its deadline at the latest.
 */
import type { Context } from "./context.ts";
import type { PeerReply } from "./message.ts";
import type { ClientReply } from "./request.ts";

export interface Waiter {
  readonly id: number;
  readonly deadlineAt: number;
  /** What it keeps in memory while it waits, where that may be much. */
  bytes?(): number;
  /** The answer, or null to go on waiting. May change the replica. */
  poll(): ClientReply | null;
  /** The answer at the deadline. */
  expire(): ClientReply;
}

/** The same for a question of another replica. */
export interface PeerWaiter {
  readonly id: number;
  readonly deadlineAt: number;
  poll(): PeerReply | null;
  expire(): PeerReply;
}

interface Waiting {
  readonly deadlineAt: number;
  bytes(): number;
  finish(): boolean;
}

export class Waiters {
  readonly #context: Context;
  /** While the state is being replaced by a snapshot no client's request may look at it: only deadlines pass. */
  readonly #paused: () => boolean;
  #waiting: Waiting[] = [];

  constructor(context: Context, paused: () => boolean) {
    this.#context = context;
    this.#paused = paused;
  }

  get size(): number {
    return this.#waiting.length;
  }

  get bytes(): number {
    return this.#waiting.reduce((sum, waiting) => sum + waiting.bytes(), 0);
  }

  /** Asks at once; keeps it when it has no answer yet. */
  add(waiter: Waiter): void {
    this.#keep({
      deadlineAt: waiter.deadlineAt,
      bytes: () => waiter.bytes?.() ?? 0,
      finish: () => {
        const polled = this.#paused() ? null : waiter.poll();
        const reply = polled ?? (this.#context.now >= waiter.deadlineAt ? waiter.expire() : null);
        if (reply !== null) this.#context.emit({ type: "respond", id: waiter.id, reply });
        return reply !== null;
      },
    });
  }

  addPeer(waiter: PeerWaiter): void {
    this.#keep({
      deadlineAt: waiter.deadlineAt,
      bytes: () => 0,
      finish: () => {
        const message = waiter.poll() ?? (this.#context.now >= waiter.deadlineAt ? waiter.expire() : null);
        if (message !== null) this.#context.emit({ type: "reply", id: waiter.id, message });
        return message !== null;
      },
    });
  }

  /** Asks everybody; those still waiting have said what they need. */
  poll(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    for (const one of waiting) this.#keep(one);
  }

  #keep(waiting: Waiting): void {
    if (waiting.finish()) return;
    this.#waiting.push(waiting);
    this.#context.wakeAt(waiting.deadlineAt);
  }
}
