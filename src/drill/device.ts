/**
 * A device of a user: it does one thing at a time, from the region where it is, with the token of its last answer or with
 * none, and writes down what it asked and what it was told.
 */
import { HEADER } from "../api/header.ts";
import {
  canonical,
  type Concern,
  type Invocation,
  type ItemWrite,
  type Json,
  type Level,
} from "../checker/operation.ts";
import type { Version } from "../checker/version.ts";
import type { Call, Caller } from "./caller.ts";
import { hear } from "./hearing.ts";
import type { Random } from "./random.ts";
import type { Heard, Recorder } from "./recorder.ts";

export interface DeviceOptions {
  readonly caller: Caller;
  readonly recorder: Recorder;
  readonly random: Random;
  readonly user: string;
  readonly name: string;
  readonly region: string;
  /** Whether it hands tokens on. */
  readonly withTokens: boolean;
  readonly concerns: Readonly<Partial<Record<Concern, number>>>;
  /** Nobody waits any longer: what is not known by now stays unknown. */
  readonly stopped: () => boolean;
}

/** `If-Match` and `If-None-Match`, as the checkers say it. */
export type Expected = Version | undefined;

const BOUNDED_MS = 5_000;
const TRIES_MAX = 4;
/** Shorter than Retry-After asks for: a drill wants to see when the store is back, not be polite. */
const RETRY_PAUSE_MS: readonly [number, number] = [100, 400];

export class Device {
  readonly user: string;
  readonly random: Random;
  region: string;
  readonly #options: DeviceOptions;
  #process: number;
  #token: string | undefined;
  #keys = 0;

  constructor(options: DeviceOptions) {
    this.#options = options;
    this.user = options.user;
    this.random = options.random;
    this.region = options.region;
    this.#process = options.recorder.newProcess();
  }

  /** A value that nobody else writes. */
  newValue(): number {
    return this.#options.recorder.newValue();
  }

  get withTokens(): boolean {
    return this.#options.withTokens;
  }

  read(key: string, level: Level, user = this.user): Promise<Heard> {
    return this.#once({ op: "read", user, key, level }, { method: "GET", path: itemPath(user, key) });
  }

  list(prefix: string, level: Level): Promise<Heard> {
    const path = `/v1/users/${encodeURIComponent(this.user)}/items?prefix=${encodeURIComponent(prefix)}&values=true&limit=1000`;
    return this.#once({ op: "list", user: this.user, prefix, level }, { method: "GET", path });
  }

  readMany(reads: readonly { readonly user: string; readonly key: string }[], level: Level): Promise<Heard> {
    const call = { method: "POST", path: "/v1/read", body: JSON.stringify({ reads }) } as const;
    return this.#once({ op: "read-many", user: this.user, level }, call);
  }

  put(key: string, value: Json, expected?: Expected): Promise<Heard> {
    return this.#write(
      { op: expected === undefined ? "write" : "cas", key, value, expected },
      JSON.stringify(value),
    );
  }

  /** `list`: what it was, to be put back with one more element. */
  append(key: string, list: readonly Json[], element: Json, expected: Version): Promise<Heard> {
    return this.#write({ op: "append", key, value: element, expected }, JSON.stringify([...list, element]));
  }

  remove(key: string, expected?: Expected): Promise<Heard> {
    return this.#persist(
      { op: "delete", user: this.user, key, expected },
      { method: "DELETE", path: itemPath(this.user, key), headers: conditionOf(expected) },
    );
  }

  transact(writes: readonly ItemWrite[], checks: Invocation["checks"] = []): Promise<Heard> {
    const body = { checks, writes: writes.map((write) => bodyOf(write)) };
    const path = `/v1/users/${encodeURIComponent(this.user)}/transactions`;
    return this.#persist(
      { op: "transaction", user: this.user, writes, checks },
      { method: "POST", path, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) },
    );
  }

  #write(asked: Pick<Invocation, "op" | "key" | "value" | "expected">, body: string): Promise<Heard> {
    const headers = { "Content-Type": "application/json", ...conditionOf(asked.expected) };
    const path = itemPath(this.user, asked.key ?? "");
    return this.#persist({ ...asked, user: this.user }, { method: "PUT", path, headers, body });
  }

  /** Again under the same idempotency key while the outcome is unknown, and not for ever. */
  async #persist(asked: Pick<Invocation, "op" | "user"> & Partial<Invocation>, call: Call): Promise<Heard> {
    const { random, concerns, name, stopped } = this.#options;
    const concern = random.weighted(concerns);
    const idempotencyKey = `${name}-${this.#keys++}`;
    const headers = {
      ...call.headers,
      [HEADER.writeConcern]: concern,
      [HEADER.idempotencyKey]: idempotencyKey,
    };
    for (let tries = 1; ; tries++) {
      const heard = await this.#once({ ...asked, concern, idempotencyKey }, { ...call, headers });
      if (heard.type !== "info" || tries === TRIES_MAX || stopped() || random.chance(0.2)) return heard;
      await pause(random.between(...RETRY_PAUSE_MS));
    }
  }

  async #once(asked: Pick<Invocation, "op" | "user"> & Partial<Invocation>, call: Call): Promise<Heard> {
    const { caller, recorder, name, withTokens } = this.#options;
    const token = withTokens ? this.#token : undefined;
    const invocation: Invocation = {
      ...asked,
      process: this.#process,
      region: this.region,
      ...(withTokens ? { session: name, token: token !== undefined } : {}),
    };
    const id = recorder.invoke(invocation);
    const reply = await caller.ask({
      ...call,
      headers: {
        ...call.headers,
        [HEADER.region]: this.region,
        ...(asked.level === undefined ? {} : { [HEADER.consistency]: consistency(asked.level) }),
        ...(token === undefined ? {} : { [HEADER.session]: token }),
      },
    });
    const heard = hear(invocation, reply);
    recorder.complete(id, this.region, heard);
    if (heard.type === "info") this.#process = recorder.newProcess();
    const next = reply?.headers.get(HEADER.session);
    // What failed tells the session nothing, except that something of it is lost.
    const takes = heard.type === "ok" || (heard.answer.lostReported?.length ?? 0) > 0;
    if (takes && next !== null && next !== undefined) this.#token = next;
    if (heard.type === "fail") await pause(this.random.between(...RETRY_PAUSE_MS));
    return heard;
  }
}

function itemPath(user: string, key: string): string {
  return `/v1/users/${encodeURIComponent(user)}/items/${key.split("/").map(encodeURIComponent).join("/")}`;
}

function consistency(level: Level): string {
  return level === "bounded" ? `bounded; max-staleness-ms=${BOUNDED_MS}` : level;
}

function conditionOf(expected: Expected): Record<string, string> {
  if (expected === undefined) return {};
  if (expected === null) return { [HEADER.ifNoneMatch]: "*" };
  return { [HEADER.ifMatch]: expected === "*" ? "*" : `"${expected}"` };
}

function bodyOf({ op, key, value }: ItemWrite): object {
  if (op === "add") return { op, key, by: canonical(value) };
  if (op === "delete") return { op, key };
  return { op: "put", key, value };
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
