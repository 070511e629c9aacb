/**
 * What the contract test acts on: a deployment that is open and has drills, one that asks who is there, one without drills, and a user
 * who is at home and has something.
 */
import { createHmac } from "node:crypto";
import { SignJWT } from "jose";
import { expect } from "vitest";
import type { Position } from "../../../src/replication/position.ts";
import { encodeSessionToken } from "../../../src/wire/session-codec.ts";
import type { Reply } from "../support/http.ts";
import { Losing } from "./losing.ts";
import { startRuntime, type Runtime } from "../support/runtime.ts";
import type { Asked, Store } from "../support/store.ts";

const AUTH_SECRET = "a secret of the contract test, long enough for HS256";
const SESSION_SECRET = "another secret of the contract test, for its sessions";

/** Requests that a replica keeps waiting before it says that it is busy: fewer than the long polls that one user may have (50), so that those fill it. */
export const PENDING_MAX = 40;

/** How long a log keeps what is no longer needed. */
export const LOG_RETAIN_MS = 1_500;

/** A machine with much to do is slow, which is nobody's fault: a row that wants to wait for less says so. */
const PATIENCE_MS = 30_000;

const VARS = {
  SESSION_SECRET,
  // A fault is put on every replica: fewer of them are told sooner.
  PARTITIONS: "3",
  ANCHORS: "weur,enam,apac",
  // So that a leader that is cut off still answers when this test comes to ask it: as long as there is.
  LEASE_MS: "60000",
  // How old a write without a majority may be before the next at `local` is refused.
  RPO_MS_MAX: "3000",
  LOG_RETAIN_MS: String(LOG_RETAIN_MS),
  // Nobody is there; nothing is sent, since nothing is written under that prefix.
  SINKS: JSON.stringify([
    { name: "orders", namespace: "default", prefix: "orders/", url: "http://127.0.0.1:9/changes" },
  ]),
  SINK_SECRET_ORDERS: "a secret of the contract test, for what its sink sends",
  PENDING_REQUESTS_MAX: String(PENDING_MAX),
};

/** A request that is right, of an operation, about a user. */
export interface Sample {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

export type Caller = "nobody" | "own" | "other" | "admin";

const CLAIMS: Readonly<Record<Exclude<Caller, "nobody">, Record<string, unknown>>> = {
  own: { sub: "wilma" },
  other: { sub: "mallory" },
  admin: { sub: "root", scope: "admin" },
};

export const AS_JSON = { headers: { "Content-Type": "application/json" } } as const;

export class Stage {
  readonly #open: Runtime;
  readonly #guarded: Runtime;
  readonly #drillsOff: Runtime;
  /** Where writes were lost. */
  readonly losing = new Losing({ SESSION_SECRET, PARTITIONS: "1", ANCHORS: "enam" });
  /** At home in weur, with the items `k` and `d/…`. */
  readonly user = "wilma";
  /** Of the write of `k`. */
  readonly position: string;
  /** A user of the same partition. */
  readonly neighbour: string;
  /** A user of another partition, whose log this one's has nothing to do with. */
  readonly elsewhere: string;
  readonly partitionElsewhere: number;
  #count = 0;

  private constructor(
    [open, guarded, drillsOff]: readonly [Runtime, Runtime, Runtime],
    { position, neighbour, elsewhere }: Pick<Stage, "position" | "neighbour"> & { elsewhere: Elsewhere },
  ) {
    this.#open = open;
    this.#guarded = guarded;
    this.#drillsOff = drillsOff;
    this.position = position;
    this.neighbour = neighbour;
    this.elsewhere = elsewhere.user;
    this.partitionElsewhere = elsewhere.partition;
  }

  static async begin(): Promise<Stage> {
    const runtimes = await Promise.all([
      startRuntime(VARS),
      startRuntime({ ...VARS, AUTH_MODE: "jwt", AUTH_SECRET }),
      startRuntime({ ...VARS, DRILLS: "off" }),
    ]);
    const [{ store }, guarded] = runtimes;
    const partition = await store.settle("wilma", "weur");
    const written = await store.put("wilma", "k", '{"a":1}', { ...AS_JSON, concern: "all" });
    const own = { token: await tokenOf(CLAIMS.own), ...AS_JSON };
    const inGuarded = await guarded.store.put("wilma", "k", '{"a":1}', own);
    expect(inGuarded.status, inGuarded.text).toBe(201);
    const neighbour = (await settled(store, (own) => own === partition)).user;
    const elsewhere = await settled(store, (own) => own !== partition);
    return new Stage(runtimes, { position: written.receipt.position, neighbour, elsewhere });
  }

  async end(): Promise<void> {
    const runtimes = [this.#open, this.#guarded, this.#drillsOff].map((runtime) => runtime.stop());
    await Promise.all([...runtimes, this.losing.end()]);
  }

  get store(): Store {
    return this.#open.store;
  }

  /** A name that nobody had before. */
  fresh(what: string): string {
    this.#count += 1;
    return `${what}-${this.#count}`;
  }

  /** Puts in place what a request is to meet. */
  async put(
    user: string,
    key: string,
    body: string | Uint8Array<ArrayBuffer>,
    more: Asked = {},
  ): Promise<void> {
    const reply = await this.store.put(user, key, body, { timeoutMs: PATIENCE_MS, ...more });
    expect(reply.status, reply.text).toBeLessThan(300);
  }

  ask(sample: Sample, more: Asked = {}): Promise<Reply> {
    return send(this.#open.store, sample, more);
  }

  /** In the deployment that asks who is there. */
  async askAs(caller: Caller, sample: Sample, more: Asked = {}): Promise<Reply> {
    const token = caller === "nobody" ? {} : { token: await tokenOf(CLAIMS[caller]) };
    return send(this.#guarded.store, sample, { ...more, ...token });
  }

  /** In a deployment that has no drills. */
  askWithoutDrills(sample: Sample): Promise<Reply> {
    return send(this.#drillsOff.store, sample, {});
  }

  /** Of an epoch that never was, so that what it saw is found to be lost. */
  lostSession(): Promise<string> {
    return this.#sessionThatSaw({ o: 0, e: 1, s: 5 });
  }

  /** It saw what is not there yet. */
  futureSession(): Promise<string> {
    return this.#sessionThatSaw({ o: 0, e: 16, s: 1_000_000 });
  }

  /** Signed, so that it is taken for ours. */
  async #sessionThatSaw(position: Position): Promise<string> {
    const { partition } = (await this.store.request("GET", `/v1/users/${this.user}/home`)).home;
    const body = encodeSessionToken({
      version: 1,
      namespace: "default",
      mapVersion: 1,
      positions: [{ p: partition, ...position, durable: false }],
      seenAt: 0,
      issuedAt: Date.now(),
    });
    const head = `s1.0.${Buffer.from(body).toString("base64url")}`;
    const mac = createHmac("sha256", SESSION_SECRET).update(head).digest().subarray(0, 16);
    return `${head}.${mac.toString("base64url")}`;
  }
}

interface Elsewhere {
  readonly user: string;
  readonly partition: number;
}

/** Whoever of these is in such a partition. */
async function settled(store: Store, isWanted: (partition: number) => boolean): Promise<Elsewhere> {
  for (const user of ["barney", "betty", "dino", "pebbles", "hoppy", "bamm-bamm", "gazoo", "arnold"]) {
    const partition = await store.settle(user, "weur");
    if (isWanted(partition)) return { user, partition };
  }
  throw new Error("none of them is where one is wanted");
}

function send(store: Store, { method, path, headers, body }: Sample, more: Asked): Promise<Reply> {
  return store.request(method, path, {
    timeoutMs: PATIENCE_MS,
    ...more,
    headers: { ...headers, ...more.headers },
    ...(body === undefined ? {} : { body }),
  });
}

function tokenOf(claims: Record<string, unknown>): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("1h")
    .sign(new TextEncoder().encode(AUTH_SECRET));
}
