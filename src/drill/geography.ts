/**
 * Keeps the regions of a store as far apart as they are in the world (src/api/distance.ts), with faults that delay what goes between
 * them: so it can be done to any store that allows drills. A store that keeps its regions apart itself is left alone, or every
 * way would be twice as long.
 */
import { distancesOf, type Distance } from "../api/distance.ts";
import { pause } from "./device.ts";
import type { FaultBoard } from "./fault-board.ts";
import type { FaultAction } from "./plan.ts";

/** How far apart regions were kept, beyond what they are, and by whom. */
export interface KeptDistances {
  readonly by: "the drill" | "the store" | "nobody";
  readonly ways: readonly Distance[];
}

/** A fault lasts ten minutes at most: before that it is set again. */
const RENEW_MS = 540_000;

export class Geography {
  kept: KeptDistances = { by: "nobody", ways: [] };
  readonly #board: FaultBoard;
  readonly #stopped = Promise.withResolvers<"stopped">();

  /** The board is for distances alone. */
  constructor(board: FaultBoard) {
    this.#board = board;
  }

  /** `told`: what the store says that it keeps up. */
  async begin(regions: readonly string[], told: readonly Distance[], wanted: boolean): Promise<void> {
    if (told.length > 0) this.kept = { by: "the store", ways: told };
    else if (wanted) this.kept = { by: "the drill", ways: distancesOf(regions) };
    await this.#set();
  }

  /** Resolves when it is ended; rejects when a distance could not be kept up. */
  async keepUp(): Promise<void> {
    for (;;) {
      if ((await Promise.race([pause(RENEW_MS), this.#stopped.promise])) === "stopped") return;
      const before = this.#board.armed.filter(({ endedMs }) => endedMs === undefined);
      // For the moment between the two a way is twice as long: better than none.
      await this.#set();
      for (const fault of before) await this.#board.end(fault);
    }
  }

  /** Answers what could not be taken away. */
  end(): Promise<string[]> {
    this.#stopped.resolve("stopped");
    return this.#board.endAll();
  }

  async #set(): Promise<void> {
    const { by, ways } = this.kept;
    if (by !== "the drill") return;
    for (const way of ways) await this.#board.arm(delayOf(way));
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
