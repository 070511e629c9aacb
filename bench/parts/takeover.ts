/**
 * A leader's region is lost under load: from the last write acknowledged before to the first one after, for each way of being
 * lost; and whether anybody takes over who should not, while leaders only restart.
 *
 * A few users in as many partitions, all led by one region, write from another one, fifty times a second in all. Every fault
 * befalls all those leaders at once; who took over is the next to be lost.
 */
import type { Figure } from "../figure.ts";
import { Connection, headerOf, requestBytes, type Answer } from "../load/connection.ts";
import { sleep } from "../runtime/meter.ts";
import { HOST, startRuntime, type Runtime } from "../runtime/runtime.ts";
import { quantile } from "../statistics.ts";
import type { Settings } from "./part.ts";

const PART = "takeover";
const REGIONS = ["weur", "enam", "apac"] as const;
const USERS = 5;
const EVERY_MS = 100;
const SETTLE_MS = 2_500;
const GIVE_UP_MS = 20_000;
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
  #leader = 0;

  constructor(runtime: Runtime, writers: readonly Writer[]) {
    this.#runtime = runtime;
    this.#writers = writers;
  }

  static async start(settings: Settings, vars: Record<string, string>, concern = "local"): Promise<Drill> {
    const runtime = await startRuntime({
      dataRoot: settings.data,
      vars: { DRILLS: "on", COOLDOWN_MS: "0", PARTITIONS: "5", ANCHORS: "weur,enam,apac,weur,enam", ...vars },
    });
    const writers: Writer[] = [];
    const taken = new Set<number>();
    for (let n = 0; writers.length < USERS; n++) {
      const user = `user-${n}`;
      const home = await call(runtime, "PUT", `/v1/users/${user}/home`, { region: "weur" });
      const { partition } = JSON.parse(home.body.toString()) as { partition: number };
      if (taken.has(partition)) continue;
      taken.add(partition);
      writers.push(new Writer(runtime.url, user, concern));
    }
    return new Drill(runtime, writers);
  }

  async stop(): Promise<void> {
    for (const writer of this.#writers) writer.stop();
    await this.#runtime.stop();
  }

  /** Every writer's time without an acknowledgement. */
  async lose(kind: string): Promise<number[]> {
    await this.#begin();
    const since = await this.#fault(kind, 60_000);
    const gaps = await Promise.all(this.#writers.map((writer) => writer.gapAround(since)));
    await this.#follow();
    return gaps;
  }

  /** The same where nobody has written for longer than a lease. */
  async loseIdle(kind: string): Promise<number[]> {
    await this.#begin();
    for (const writer of this.#writers) await writer.rest();
    await sleep(5_000);
    await this.#fault(kind, 60_000);
    const waits = await Promise.all(this.#writers.map((writer) => writer.once()));
    await this.#follow();
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

  /** All write, from a region that does not lead, until all are led by one region. */
  async #begin(): Promise<void> {
    for (const writer of this.#writers) writer.start(REGIONS[(this.#leader + 1) % 3] ?? "weur");
    await sleep(SETTLE_MS);
    const leaders = new Set(this.#writers.map((writer) => writer.leader));
    if (leaders.size > 1 || !leaders.has(REGIONS[this.#leader]))
      throw new Error(`led by ${[...leaders].join(", ")} and not by ${REGIONS[this.#leader]}`);
  }

  /** After a takeover: who leads now, once the lost region is back and everybody writes again. */
  async #follow(): Promise<void> {
    for (const writer of this.#writers) await writer.rest();
    await call(this.#runtime, "DELETE", "/v1/faults");
    this.#leader = REGIONS.indexOf(this.#writers[0]?.leader as (typeof REGIONS)[number]);
  }

  async #fault(kind: string, forMs: number): Promise<number> {
    const region = REGIONS[this.#leader];
    await call(this.#runtime, "PUT", "/v1/faults", { kind, region, forMs });
    return performance.now();
  }
}

class Writer {
  readonly #url: URL;
  readonly #user: string;
  readonly #concern: string;
  readonly #acknowledged: number[] = [];
  #region = "weur";
  #writing: Promise<void> | null = null;
  #stopped = true;
  #count = 0;
  leader: string | undefined;
  epoch = "";

  constructor(url: URL, user: string, concern: string) {
    this.#url = url;
    this.#user = user;
    this.#concern = concern;
  }

  start(region: string): void {
    this.#region = region;
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#writing = this.#write();
  }

  stop(): void {
    this.#stopped = true;
  }

  async rest(): Promise<void> {
    this.#stopped = true;
    await this.#writing;
  }

  async once(): Promise<number> {
    const from = performance.now();
    while (!(await this.#put())) if (performance.now() - from > GIVE_UP_MS) throw new Error("never taken");
    return performance.now() - from;
  }

  async gapAround(at: number): Promise<number> {
    for (;;) {
      const after = this.#acknowledged.find((acknowledged) => acknowledged > at + EVERY_MS);
      const before = this.#acknowledged.findLast((acknowledged) => acknowledged <= at + EVERY_MS);
      if (after !== undefined && before !== undefined) return after - before;
      if (performance.now() - at > GIVE_UP_MS) throw new Error("nobody took over");
      await sleep(20);
    }
  }

  async #write(): Promise<void> {
    while (!this.#stopped) {
      const from = performance.now();
      await this.#put();
      await sleep(Math.max(0, EVERY_MS - (performance.now() - from)));
    }
  }

  async #put(): Promise<boolean> {
    const connection = new Connection(this.#url);
    try {
      const answer = await connection.send(
        requestBytes({
          method: "PUT",
          host: HOST.ithaca,
          path: `/v1/users/${this.#user}/items/k`,
          headers: { "Ithaca-Region": this.#region, "Ithaca-Write-Concern": this.#concern },
          body: Buffer.from(String(++this.#count)),
        }),
      );
      if (answer.status !== 200 && answer.status !== 201) return false;
      this.#acknowledged.push(performance.now());
      this.leader = headerOf(answer, "Ithaca-Leader");
      this.epoch = headerOf(answer, "ETag")?.split(".")[1] ?? this.epoch;
      return true;
    } catch {
      // The connection broke: the next attempt has another.
      return false;
    } finally {
      connection.close();
    }
  }
}

async function call(runtime: Runtime, method: string, path: string, body?: object): Promise<Answer> {
  const connection = new Connection(runtime.url);
  const bytes = body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) };
  try {
    const answer = await connection.send(requestBytes({ method, host: HOST.ithaca, path, ...bytes }));
    if (answer.status >= 300)
      throw new Error(`${method} ${path}: ${answer.status} ${answer.body.toString()}`);
    return answer;
  } finally {
    connection.close();
  }
}
