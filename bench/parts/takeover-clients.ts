/** Who writes and reads while leaders are lost. Each request has a connection of its own, since the one before may be broken. */
import { Connection, headerOf, requestBytes, type Answer } from "../load/connection.ts";
import { sleep } from "../runtime/meter.ts";
import { HOST, type Runtime } from "../runtime/runtime.ts";
import { median } from "../statistics.ts";

const EVERY_MS = 100;
const GIVE_UP_MS = 20_000;
const LEVELS = ["session", "prefix", "eventual"] as const;

/** Writes one item, one write at a time, a tenth of a second apart, and goes on whatever happens. */
export class Writer {
  readonly #url: URL;
  readonly user: string;
  readonly #concern: string;
  readonly #acknowledged: number[] = [];
  #region = "weur";
  #writing: Promise<void> | null = null;
  #stopped = true;
  /** Writes tried, and those of them that were not acknowledged. */
  count = 0;
  failed = 0;
  leader: string | undefined;
  epoch = "";

  constructor(url: URL, user: string, concern: string) {
    this.#url = url;
    this.user = user;
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

  /** The longest time between two acknowledgements, the second of them after `since`, less the median time between two. */
  pauseSince(since: number): number {
    const gaps = this.#acknowledged.map((at, n, all) => ({ at, gap: at - (all[n - 1] ?? at) })).slice(1);
    const usual = median(gaps.map(({ gap }) => gap));
    return Math.max(0, ...gaps.filter(({ at }) => at > since).map(({ gap }) => gap - usual));
  }

  async #write(): Promise<void> {
    while (!this.#stopped) {
      const from = performance.now();
      if (!(await this.#put())) this.failed += 1;
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
          path: `/v1/users/${this.user}/items/k`,
          headers: { "Ithaca-Region": this.#region, "Ithaca-Write-Concern": this.#concern },
          body: Buffer.from(String(++this.count)),
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

/** A device that stays in one region and reads the item at the levels in turn, handing its token on. */
export class Reader {
  readonly #url: URL;
  readonly #user: string;
  readonly #region: string;
  #token: string | undefined;
  #reading: Promise<void> | null = null;
  #stopped = true;
  reads = 0;
  failed = 0;
  slowestMs = 0;

  constructor(url: URL, user: string, region: string) {
    this.#url = url;
    this.#user = user;
    this.#region = region;
  }

  start(): void {
    if (!this.#stopped) return;
    this.#stopped = false;
    this.#reading = this.#read();
  }

  stop(): void {
    this.#stopped = true;
  }

  async rest(): Promise<void> {
    this.#stopped = true;
    await this.#reading;
  }

  async #read(): Promise<void> {
    while (!this.#stopped) {
      const from = performance.now();
      if (!(await this.#get(LEVELS[this.reads++ % LEVELS.length] ?? "session"))) this.failed += 1;
      const tookMs = performance.now() - from;
      this.slowestMs = Math.max(this.slowestMs, tookMs);
      await sleep(Math.max(0, EVERY_MS - tookMs));
    }
  }

  /** A failover may take back what `local` acknowledged: a token that saw it is told so once, and that is an answer. */
  async #get(level: string): Promise<boolean> {
    const connection = new Connection(this.#url);
    try {
      const answer = await connection.send(
        requestBytes({
          method: "GET",
          host: HOST.ithaca,
          path: `/v1/users/${this.#user}/items/k`,
          headers: {
            "Ithaca-Region": this.#region,
            "Ithaca-Consistency": level,
            ...(this.#token === undefined ? {} : { "Ithaca-Session": this.#token }),
          },
        }),
      );
      this.#token = headerOf(answer, "Ithaca-Session") ?? this.#token;
      return answer.status === 200 || answer.status === 409;
    } catch {
      return false;
    } finally {
      connection.close();
    }
  }
}

/** Users at home in weur, each in a partition of its own. */
export async function settledUsers(runtime: Runtime, count: number): Promise<string[]> {
  const users = new Map<number, string>();
  for (let n = 0; users.size < count; n++) {
    const user = `user-${n}`;
    const home = await call(runtime, "PUT", `/v1/users/${user}/home`, { region: "weur" });
    const { partition } = JSON.parse(home.body.toString()) as { partition: number };
    if (!users.has(partition)) users.set(partition, user);
  }
  return [...users.values()];
}

export async function call(runtime: Runtime, method: string, path: string, body?: object): Promise<Answer> {
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
