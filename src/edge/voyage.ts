/**
 * What the journeys of one HTTP request have in common: where its client is placed, how long anybody may wait, and all that
 * was tried. Most requests make one journey; a read of several partitions makes one to each.
 */
import type { RegionIndex } from "../replication/position.ts";
import type { Edge } from "./edge.ts";

export interface Step {
  readonly region: string;
  readonly op: string;
  readonly outcome: string;
  readonly ms: number;
}

export class Voyage {
  readonly edge: Edge;
  /** Where the client is placed. */
  readonly from: RegionIndex;
  readonly startedAt: number;
  readonly steps: Step[] = [];
  /** An attempt at an effect was sent and never answered. */
  unanswered = false;
  readonly isWrite: boolean;
  #deadlineAt: number;
  #firstSentAt = 0;

  constructor(
    edge: Edge,
    options: {
      readonly from: RegionIndex;
      readonly startedAt: number;
      readonly budgetMs: number;
      readonly isWrite: boolean;
    },
  ) {
    this.edge = edge;
    this.from = options.from;
    this.startedAt = options.startedAt;
    this.#deadlineAt = options.startedAt + options.budgetMs;
    this.isWrite = options.isWrite;
  }

  get routeMs(): number {
    return (this.#firstSentAt === 0 ? Date.now() : this.#firstSentAt) - this.startedAt;
  }

  remainingMs(): number {
    return this.#deadlineAt - Date.now();
  }

  /** Runs `part` with half of the time that is left, so that something can still be done when it fails. */
  async withHalf<T>(part: () => Promise<T>): Promise<T> {
    const whole = this.#deadlineAt;
    this.#deadlineAt -= Math.floor(this.remainingMs() / 2);
    try {
      return await part();
    } finally {
      this.#deadlineAt = whole;
    }
  }

  sent(at: number): void {
    if (this.#firstSentAt === 0) this.#firstSentAt = at;
  }
}
