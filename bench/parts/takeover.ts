/**
 * A leader's region is lost under load: from the last write acknowledged before to the first one after, for each way of being
 * lost; and whether anybody takes over who should not, while leaders only restart.
 *
 * A few users in as many partitions, all led by one region, write from another one, fifty times a second in all. Every fault
 * befalls all those leaders at once; whoever leads most of them then is the next to be lost. Meanwhile devices in all three regions, the lost one
 * too, read at the levels that need no leader.
 */
import type { Figure } from "../figure.ts";
import { sleep } from "../runtime/meter.ts";
import { startRuntime, type Runtime } from "../runtime/runtime.ts";
import { quantile } from "../statistics.ts";
import type { Settings } from "./part.ts";
import { call, Reader, settledUsers, Writer } from "./takeover-clients.ts";

const PART = "takeover";
const REGIONS = ["weur", "enam", "apac"] as const;
const USERS = 5;
const SETTLE_MS = 2_500;
/** The farthest regions are about 220 ms apart, there and back (weur and apac): five times that, one way. */
const SLOW_MS = 550;
const KINDS = ["down", "stall", "isolate"] as const;

export async function takeover(settings: Settings): Promise<readonly Figure[]> {
  const faults = settings.quick ? 1 : 7;
  const restarts = settings.quick ? 3 : 40;
  const figures: Figure[] = [];
  const leased = await Drill.start(settings, {});
  try {
    for (const kind of KINDS) {
      const gaps: number[] = [];
      for (let n = 0; n < faults; n++) gaps.push(...(await leased.lose(kind)));
      settings.note(`${kind}: ${gaps.map((gap) => Math.round(gap)).join(" ")}`);
      figures.push(...gapFigures(`active leader, ${kind}`, gaps, [4_000, 9_000]));
    }
    const idle: number[] = [];
    for (let n = 0; n < Math.ceil(faults / 2); n++) idle.push(...(await leased.loseIdle("stall")));
    figures.push(...gapFigures("idle leader, stall", idle, [4_000, 4_000]));
    figures.push(await leased.restarts(restarts));
    figures.push(await leased.slowness(settings.quick ? 10_000 : 600_000));
    figures.push(leased.readsFailed());
  } finally {
    await leased.stop();
  }
  const unleased = await Drill.start(settings, { LEASE_MS: "0" }, "majority");
  try {
    const gaps: number[] = [];
    for (let n = 0; n < faults; n++) gaps.push(...(await unleased.lose("stall")));
    figures.push(...gapFigures("majority without leases, stall", gaps, [2_500, 2_500]));
  } finally {
    await unleased.stop();
  }
  return figures;
}

function gapFigures(
  name: string,
  gaps: readonly number[],
  [median, tail]: readonly [number, number],
): Figure[] {
  const figure = (what: string, value: number, most: number): Figure => ({
    part: PART,
    name: `${name}: ${what}`,
    value,
    unit: "ms",
    target: { is: "at most", value: most },
    detail: { samples: gaps.length },
  });
  return [
    figure("median without a write", quantile(gaps, 0.5), median),
    figure("p99 without a write", quantile(gaps, 0.99), tail),
  ];
}

class Drill {
  readonly #runtime: Runtime;
  readonly #writers: readonly Writer[];
  readonly #readers: readonly Reader[];
  #leader = 0;

  constructor(runtime: Runtime, writers: readonly Writer[]) {
    this.#runtime = runtime;
    this.#writers = writers;
    this.#readers = writers.flatMap((writer) =>
      REGIONS.map((region) => new Reader(runtime.url, writer.user, region)),
    );
  }

  static async start(settings: Settings, vars: Record<string, string>, concern = "local"): Promise<Drill> {
    const runtime = await startRuntime({
      dataRoot: settings.data,
      vars: { DRILLS: "on", COOLDOWN_MS: "0", PARTITIONS: "5", ANCHORS: "weur,enam,apac,weur,enam", ...vars },
    });
    const users = await settledUsers(runtime, USERS);
    const writers = users.map((user) => new Writer(runtime.url, user, concern));
    return new Drill(runtime, writers);
  }

  async stop(): Promise<void> {
    for (const client of [...this.#writers, ...this.#readers]) client.stop();
    await this.#runtime.stop();
  }

  /** The time without an acknowledgement of each writer that lost its leader. */
  async lose(kind: string): Promise<number[]> {
    const bereft = await this.#begin();
    for (const reader of this.#readers) reader.start();
    const since = await this.#fault(kind, 60_000);
    const gaps = await Promise.all(bereft.map((writer) => writer.gapAround(since)));
    await Promise.all(this.#readers.map((reader) => reader.rest()));
    await this.#rest();
    return gaps;
  }

  /** The same where nobody has written for longer than a lease. */
  async loseIdle(kind: string): Promise<number[]> {
    const bereft = await this.#begin();
    for (const writer of this.#writers) await writer.rest();
    await sleep(5_000);
    await this.#fault(kind, 60_000);
    const waits = await Promise.all(bereft.map((writer) => writer.once()));
    await this.#rest();
    return waits;
  }

  /** How many leaders lost their place by being away for 0.5 to 2.5 s. */
  async restarts(count: number): Promise<Figure> {
    await this.#begin();
    const before = this.#writers.map((writer) => writer.epoch);
    let changes = 0;
    for (let n = 0; n < count; n++) {
      const awayMs = 500 + (2_000 * n) / Math.max(1, count - 1);
      await this.#fault(n % 2 === 0 ? "down" : "stall", Math.round(awayMs));
      await sleep(awayMs + 1_500);
      for (const [at, writer] of this.#writers.entries()) {
        if (writer.epoch !== before[at]) changes += 1;
        before[at] = writer.epoch;
      }
      if (changes > 0) await this.#begin();
    }
    return {
      part: PART,
      name: `takeovers in ${count * USERS} restarts of leaders (0.5 to 2.5 s)`,
      value: changes,
      unit: "",
      target: { is: "at most", value: 0 },
    };
  }

  /** How many leaders lost their place while every way between two regions takes five times as long as it may. */
  async slowness(forMs: number): Promise<Figure> {
    await this.#begin();
    const before = this.#writers.map((writer) => writer.epoch);
    const end = performance.now() + forMs;
    const changed = new Set<number>();
    while (performance.now() < end) {
      const roundMs = Math.min(300_000, end - performance.now());
      for (const [at, region] of REGIONS.entries()) {
        const fault = { kind: "delay", region, peer: REGIONS[(at + 1) % 3], ms: SLOW_MS };
        await call(this.#runtime, "PUT", "/v1/faults", { ...fault, forMs: Math.ceil(roundMs) + 1_000 });
      }
      await sleep(roundMs);
      for (const [at, writer] of this.#writers.entries()) if (writer.epoch !== before[at]) changed.add(at);
      await call(this.#runtime, "DELETE", "/v1/faults");
    }
    return {
      part: PART,
      name: `leaders deposed in ${Math.round(forMs / 1_000)} s of five times the usual latency`,
      value: changed.size,
      unit: "",
      target: { is: "at most", value: 0 },
      detail: { oneWayMs: SLOW_MS, writes: this.#writers.reduce((sum, writer) => sum + writer.count, 0) },
    };
  }

  /** Of those at session, prefix and eventual, while leaders were lost. */
  readsFailed(): Figure {
    const sum = (of: (reader: Reader) => number): number =>
      this.#readers.reduce((total, reader) => total + of(reader), 0);
    return {
      part: PART,
      name: `failed of ${sum((reader) => reader.reads)} reads at session, prefix and eventual`,
      value: sum((reader) => reader.failed),
      unit: "",
      target: { is: "at most", value: 0 },
      detail: { slowestMs: Math.round(Math.max(...this.#readers.map((reader) => reader.slowestMs))) },
    };
  }

  /**
   * All write, from a region other than the one that leads most of them: it is the one to lose. Answers with those that it leads.
   * Usually all: whoever asks first on their behalf takes over.
   */
  async #begin(): Promise<readonly Writer[]> {
    for (const writer of this.#writers) writer.start(REGIONS[(this.#leader + 1) % 3] ?? "weur");
    await sleep(SETTLE_MS);
    const led = REGIONS.map((region) => this.#writers.filter(({ leader }) => leader === region));
    this.#leader = led.findIndex(({ length }) => length === Math.max(...led.map((each) => each.length)));
    for (const writer of this.#writers) writer.start(REGIONS[(this.#leader + 1) % 3] ?? "weur");
    await sleep(SETTLE_MS);
    return led[this.#leader] ?? [];
  }

  /** After a takeover the lost region comes back. */
  async #rest(): Promise<void> {
    for (const writer of this.#writers) await writer.rest();
    await call(this.#runtime, "DELETE", "/v1/faults");
  }

  async #fault(kind: string, forMs: number): Promise<number> {
    const region = REGIONS[this.#leader];
    await call(this.#runtime, "PUT", "/v1/faults", { kind, region, forMs });
    return performance.now();
  }
}
