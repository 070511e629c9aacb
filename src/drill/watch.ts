/**
 * Looks at `GET /v1/regions` again and again, from every region in its own time: who leads which log by whose word, how far behind
 * each region is, and what a fault makes of it. An answer is kept for a second for those who look from the same region, so that
 * looking from each in turn sees more than looking often; where a fault makes one look slow, the others are not held up by it.
 */
import { HEADER } from "../api/header.ts";
import type { Distance } from "../api/distance.ts";
import { Regions } from "../api/schema/region.ts";
import type { z } from "zod";
import { jsonOf, type Caller } from "./caller.ts";
import { pause } from "./device.ts";

type Told = z.infer<typeof Regions>["regions"];
export type CostView = NonNullable<Told[number]["costs"]>[number];

export interface LogView {
  readonly partition: number;
  readonly origin: string;
  readonly leader: string;
  readonly epoch: string;
  readonly head: string;
  readonly applied: string;
  readonly lagMs: number | null;
  readonly state: string;
  /** Absent: not told. */
  readonly checksum?: string | undefined;
}

export interface RegionView {
  readonly region: string;
  readonly reachable: boolean;
  readonly logs: readonly LogView[];
  /** Empty: not told. */
  readonly costs: readonly CostView[];
}

export interface Overview {
  readonly regions: readonly RegionView[];
  /** Kept up by the deployment itself; empty: none, or it does not tell. */
  readonly distances: readonly Distance[];
}

export interface Sighting {
  readonly atMs: number;
  /** When it asked. */
  readonly askedMs: number;
  /** Where the drill stood when it looked. */
  readonly from: string;
  readonly regions: readonly RegionView[];
}

/** From one region. */
const EVERY_MS = 1_500;

/** `from`: where to look from; unless given, where this process is. undefined: there was no answer. */
export async function overview(caller: Caller, from?: string): Promise<Overview | undefined> {
  const headers = from === undefined ? {} : { [HEADER.region]: from };
  const reply = await caller.ask({ method: "GET", path: "/v1/regions", headers });
  if (reply?.status !== 200) return undefined;
  const parsed = Regions.safeParse(jsonOf(reply));
  if (!parsed.success) return undefined;
  const { regions, distances = [] } = parsed.data;
  return { regions: viewsOf(regions), distances };
}

export async function look(caller: Caller, from?: string): Promise<readonly RegionView[] | undefined> {
  return (await overview(caller, from))?.regions;
}

function viewsOf(told: Told): RegionView[] {
  return told.map(({ region, reachable, logs, costs }) => ({
    region,
    reachable,
    costs: costs ?? [],
    logs: logs
      .filter(({ namespace }) => namespace === "default")
      .map(({ partition, origin, leader, epoch, head, applied, lagMs, state, checksum }) => {
        return { partition, origin, leader, epoch, head, applied, lagMs, state, checksum };
      }),
  }));
}

export class Watch {
  readonly sightings: Sighting[] = [];
  readonly #caller: Caller;
  readonly #regions: readonly string[];
  readonly #nowMs: () => number;
  #stopped = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(caller: Caller, regions: readonly string[], nowMs: () => number) {
    this.#caller = caller;
    this.#regions = regions;
    this.#nowMs = nowMs;
  }

  start(): void {
    const apartMs = EVERY_MS / this.#regions.length;
    this.#running = Promise.all(this.#regions.map((from, n) => this.#follow(from, n * apartMs)));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #follow(from: string, afterMs: number): Promise<void> {
    await pause(afterMs);
    while (!this.#stopped) {
      const began = this.#nowMs();
      const regions = await look(this.#caller, from);
      if (regions !== undefined) this.sightings.push({ atMs: this.#nowMs(), askedMs: began, from, regions });
      await pause(Math.max(50, EVERY_MS - (this.#nowMs() - began)));
    }
  }
}
