/**
 * How far apart regions are, as somebody measured it: added between the regions of a store that runs on one machine, where
 * all of them would otherwise be neighbours.
 *
 * Averages from 17 August to 15 September 2024 as IBM Cloud publishes them (github.com/ibm-cloud-docs/vpc,
 * _include-segments/network-latency.md): there and back, between London (weur), Washington DC (enam), Tokyo (apac), Sydney (oc)
 * and Sao Paulo (sam). Where the two ways of a pair differ, the longer one.
 */
import { pause } from "./device.ts";
import type { FaultBoard } from "./fault-board.ts";
import type { FaultAction } from "./plan.ts";

export const LATENCY_SOURCE =
  "IBM Cloud, averages of 17 Aug to 15 Sep 2024 (github.com/ibm-cloud-docs/vpc, _include-segments/network-latency.md)";

const ROUND_TRIP_MS: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  weur: { enam: 76, apac: 242, oc: 261, sam: 187 },
  enam: { apac: 166, oc: 216, sam: 119 },
  apac: { oc: 115, sam: 285 },
  oc: { sam: 328 },
};

export interface Distance {
  readonly between: readonly [string, string];
  readonly roundTripMs: number;
}

/** Nobody has measured a way between two of these regions. */
export class NoDistance extends Error {}

export function distancesOf(regions: readonly string[]): Distance[] {
  return regions.flatMap((one, n) =>
    regions.slice(n + 1).map((other): Distance => {
      const roundTripMs = ROUND_TRIP_MS[one]?.[other] ?? ROUND_TRIP_MS[other]?.[one];
      if (roundTripMs === undefined)
        throw new NoDistance(`--latency real: nothing is known of the way between ${one} and ${other}`);
      return { between: [one, other], roundTripMs };
    }),
  );
}

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
