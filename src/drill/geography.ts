/**
 * Keeps the regions of a store as far apart as they are in the world (src/api/distance.ts), with faults that delay what goes between
 * them: so it can be done to any store that allows drills.
 */
import type { Distance } from "../api/distance.ts";
import { pause } from "./device.ts";
import type { FaultBoard } from "./fault-board.ts";
import type { FaultAction } from "./plan.ts";

/** A fault lasts ten minutes at most: before that it is set again. */
const RENEW_MS = 540_000;

/** Keeps the regions as far apart as they are, until the board ends everything. */
export class Geography {
  readonly #board: FaultBoard;
  readonly #distances: readonly Distance[];
  readonly #stopped = Promise.withResolvers<"stopped">();

  constructor(board: FaultBoard, distances: readonly Distance[]) {
    this.#board = board;
    this.#distances = distances;
  }

  async begin(): Promise<void> {
    for (const distance of this.#distances) await this.#board.arm(delayOf(distance));
  }

  /** Resolves when it is stopped; rejects when a distance could not be kept up. */
  async keepUp(): Promise<void> {
    for (;;) {
      if ((await Promise.race([pause(RENEW_MS), this.#stopped.promise])) === "stopped") return;
      const before = this.#board.armed.filter(({ endedMs }) => endedMs === undefined);
      // For the moment between the two a way is twice as long: better than none.
      await this.begin();
      for (const fault of before) await this.#board.end(fault);
    }
  }

  stop(): void {
    this.#stopped.resolve("stopped");
  }
}

function delayOf({ between: [region, peer], roundTripMs }: Distance): FaultAction {
  // Each way.
  return {
    action: "fault",
    atMs: 0,
    kind: "delay",
    region,
    peer,
    ms: Math.round(roundTripMs / 2),
    forMs: RENEW_MS,
  };
}
