/**
 * Looks at `GET /v1/regions` once a second, from one region after the other: who leads which log by whose word, how far behind
 * each region is, and what a fault makes of it. That answer is cached for a second: finer instants come from clients.
 */
import { HEADER } from "../api/header.ts";
import { Regions } from "../api/schema/region.ts";
import type { z } from "zod";
import type { Caller } from "./caller.ts";
import { pause } from "./device.ts";

type Overview = z.infer<typeof Regions>["regions"];

export interface LogView {
  readonly partition: number;
  readonly origin: string;
  readonly leader: string;
  readonly epoch: string;
  readonly head: string;
  readonly applied: string;
  readonly lagMs: number | null;
  readonly state: string;
}

export interface RegionView {
  readonly region: string;
  readonly reachable: boolean;
  readonly logs: readonly LogView[];
}

export interface Sighting {
  readonly atMs: number;
  /** Where the drill stood when it looked. */
  readonly from: string;
  readonly regions: readonly RegionView[];
}

const EVERY_MS = 1_000;

/** `from`: where to look from; unless given, where this process is. undefined: there was no answer. */
export async function look(caller: Caller, from?: string): Promise<readonly RegionView[] | undefined> {
  const headers = from === undefined ? {} : { [HEADER.region]: from };
  const reply = await caller.ask({ method: "GET", path: "/v1/regions", headers });
  if (reply?.status !== 200) return undefined;
  const parsed = Regions.safeParse(JSON.parse(reply.text));
  return parsed.success ? viewsOf(parsed.data.regions) : undefined;
}

function viewsOf(overview: Overview): RegionView[] {
  return overview.map(({ region, reachable, logs }) => ({
    region,
    reachable,
    logs: logs
      .filter(({ namespace }) => namespace === "default")
      .map(({ partition, origin, leader, epoch, head, applied, lagMs, state }) => {
        return { partition, origin, leader, epoch, head, applied, lagMs, state };
      }),
  }));
}

export class Watch {
  readonly sightings: Sighting[] = [];
  readonly #caller: Caller;
  readonly #regions: readonly string[];
  readonly #nowMs: () => number;
  #stopped = false;
  #running: Promise<void> = Promise.resolve();

  constructor(caller: Caller, regions: readonly string[], nowMs: () => number) {
    this.#caller = caller;
    this.#regions = regions;
    this.#nowMs = nowMs;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let n = 0; !this.#stopped; n++) {
      const began = this.#nowMs();
      const from = this.#regions[n % this.#regions.length] ?? "";
      const regions = await look(this.#caller, from);
      if (regions !== undefined) this.sightings.push({ atMs: this.#nowMs(), from, regions });
      await pause(Math.max(50, EVERY_MS - (this.#nowMs() - began)));
    }
  }
}
