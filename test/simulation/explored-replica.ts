/**
 * One replica for the explorer: the real core over real SQL, taken along any history, and what it is at the end of it.
 *
 * What it is, is all that can decide what it does: its tables, and its memory as long as it leads or campaigns. Otherwise of its
 * memory only the commit position counts: what else it keeps then (whom it heard of, what it asked for) is for what the explorer
 * leaves out.
 */
import { createHash } from "node:crypto";
import { DEFAULT_LIMITS, DEFAULT_TIMING, type ReplicaConfig } from "../../src/replication/config.ts";
import type { Effect, Event } from "../../src/replication/effect.ts";
import type { RegionIndex } from "../../src/replication/position.ts";
import { Replica } from "../../src/replication/replica.ts";
import type { WriteRequest } from "../../src/replication/request.ts";
import { type Rules, RULES } from "../../src/replication/rules.ts";
import { migrate } from "../../src/storage/schema.ts";
import type { SqlDriver } from "../../src/storage/sql-driver.ts";
import { SqlStorage } from "../../src/storage/sql-storage.ts";
import { entryCodec } from "../../src/wire/entry-codec.ts";
import { NodeSqlDriver } from "../support/node-sql-driver.ts";
import { SIMULATION_STARTS_AT } from "./clock.ts";
import { sha256 } from "./host.ts";
import { Memory } from "./memory.ts";
import { wire } from "./wire.ts";

export const USER = "u";
export const VOTERS = [0, 1, 2] as const;
/** How much later a candidate is woken that waits for the last voter's promise. */
export const GRACE_MS = 100;

/** Something under way. `call`: which of its calls the asker waits in; empty: nobody waits for an answer any more. */
export interface Parcel {
  /** Its place among all parcels that the explorer has met. */
  readonly id: number;
  /** The place of the first one that says the same to the same. */
  readonly says: number;
  readonly from: RegionIndex;
  readonly to: RegionIndex;
  readonly answers: boolean;
  readonly call: string;
  readonly bytes: Uint8Array;
  readonly what: string;
}

export type Happening =
  | { readonly kind: "start" | "write" | "campaign" | "wake" }
  | { readonly kind: "deliver"; readonly parcel: Parcel };

/** What of one replica's tables the checks look at. */
export interface View {
  /** Epoch and chain hash by seq, from 1. */
  readonly epochs: readonly number[];
  readonly chains: readonly string[];
  readonly promised: number;
  /** It leads an epoch, opened or not. */
  readonly leads: boolean;
}

/** A place in a history. */
export interface Lived {
  readonly before: Lived | null;
  readonly happening: Happening;
  readonly now: number;
  readonly writes: number;
  /** Numbers of the calls that wait for an answer, by which one it is. */
  readonly calls: ReadonlyMap<string, number>;
  /** All that this instance has made, by their numbers. */
  readonly named: ReadonlyMap<number, Call>;
}

interface Call {
  /** What tells it from others. */
  readonly name: string;
  /** Of which campaign or leadership it is. */
  readonly epoch: number;
  readonly elects: boolean;
}

/**
 * Fields that decide nothing here: readings of other clocks, which only a lease needs; since when others have been well, and what they
 * have had of the log for how long, which matters after minutes; when the host is to come again, which the explorer does not heed.
 */
const IDLE = ["stamp", "provenStamp", "$well", "$destinations", "$wakeAt", "$wakeEmitted", "$alarmAt"];

interface Candidate {
  readonly $ballot: number;
  readonly $graceUntil: number;
  readonly $adopting: boolean;
}

/** What is looked at of a replica's memory: fields that visible.ts makes ordinary ones. */
interface Visible {
  readonly $context: {
    readonly logs: ReadonlyMap<number, { readonly commit: number; readonly promised: number }>;
    readonly $calls: ReadonlyMap<number, object>;
  };
  readonly $leaderships: { readonly $elections: ReadonlyMap<number, { readonly candidate: Candidate }> };
}

export class ExploredReplica {
  readonly region: RegionIndex;
  readonly driver = new NodeSqlDriver();
  readonly #rules: Rules;
  readonly #config: ReplicaConfig;
  readonly #crashed: ((driver: SqlDriver) => void) | undefined;
  readonly #memory: Memory;
  readonly #tables: readonly string[];
  #replica!: Replica;
  #at: Lived | null = null;
  #campaigning = false;
  #open = false;
  #calls = new Map<number, Call>();
  turns = 0;

  constructor(region: RegionIndex, rules: Partial<Rules>, crashed?: (driver: SqlDriver) => void) {
    this.region = region;
    this.#crashed = crashed;
    this.#rules = { ...RULES, willing: () => true, mayCampaign: () => this.#campaigning, ...rules };
    this.#config = {
      namespace: "default",
      partition: 0,
      region,
      voters: VOTERS,
      anchor: 0,
      timing: { ...DEFAULT_TIMING, leaseMs: 0, probeMs: 0, queueAfterMs: 1e9 },
      limits: DEFAULT_LIMITS,
      sinks: [],
    };
    this.#memory = new Memory([this.#config, this.#rules, this.driver, entryCodec, sha256], IDLE);
    this.driver.transaction(() => migrate(this.driver, SIMULATION_STARTS_AT));
    this.#tables = this.driver
      .rows(`SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`)
      .map(([name]) => String(name));
    this.#construct();
  }

  close(): void {
    this.#memory.close();
    this.driver.close();
  }

  /** The effects of what happens to a replica with this history. */
  take(before: Lived | null, happening: Happening, now: number): readonly Effect[] {
    if (!this.#open || this.#at !== before) this.#replay(before);
    this.#at = null;
    const effects = this.#take(before, happening, now);
    this.name(effects);
    return effects;
  }

  /** It is now where this history ends. */
  stands(at: Lived): void {
    this.#at = at;
  }

  step(event: Event, now: number): readonly Effect[] {
    this.turns += 1;
    return this.#replica.step(event, now);
  }

  /** Names the calls among the effects of the turn that was just taken. */
  name(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type !== "call" || !this.#isBrought(effect)) continue;
      const { to, message } = effect;
      const held = this.#visible.$context.$calls.get(effect.call)!;
      const text = `${to} ${message.type} ${this.#memory.primitivesOf(held)}`;
      const name = createHash("sha256").update(text).digest("base64");
      this.#calls.set(effect.call, { name, epoch: this.#log.promised, elects: message.type !== "append" });
    }
  }

  get commit(): number {
    return this.#log.commit;
  }

  /** A majority has promised, and it waits for the last promise. */
  get waits(): boolean {
    const { $ballot, $graceUntil, $adopting } = this.#candidate;
    return $ballot !== 0 && $graceUntil < Infinity && !$adopting;
  }

  /** Calls that wait for an answer which the explorer brings, and which would mean something. */
  get calls(): ReadonlyMap<string, number> {
    const calls = new Map<string, number>();
    const { $ballot } = this.#candidate;
    const { promised } = this.#log;
    for (const number of this.#visible.$context.$calls.keys()) {
      const call = this.#calls.get(number);
      if (call === undefined || call.epoch !== promised || (call.elects && $ballot !== promised)) continue;
      if (calls.has(call.name)) throw new Error("two calls that nothing tells apart");
      calls.set(call.name, number);
    }
    return calls;
  }

  get named(): ReadonlyMap<number, Call> {
    return new Map(this.#calls);
  }

  callOf(number: number): string {
    return this.#calls.get(number)?.name ?? "";
  }

  view(): View {
    const rows = this.driver.rows(`SELECT e, chain FROM log WHERE o = 0 ORDER BY s`);
    const promised = Number(this.driver.rows(`SELECT promised FROM acceptor WHERE o = 0`)[0]?.[0] ?? 0);
    const led = Number(this.driver.rows(`SELECT e FROM leadership WHERE o = 0`)[0]?.[0] ?? 0);
    return {
      epochs: [0, ...rows.map((row) => Number(row[0]))],
      chains: ["", ...rows.map((row) => Buffer.from(row[1] as Uint8Array).toString("latin1"))],
      promised,
      leads: led !== 0 && led === promised,
    };
  }

  /** All of its tables. */
  tables(): string {
    const hash = createHash("sha256");
    for (const table of this.#tables)
      hash.update(JSON.stringify(this.driver.rows(`SELECT * FROM ${table}`), asText));
    return hash.digest("base64");
  }

  /** All of its memory. */
  memory(): string {
    return this.#memory.textOf(
      this.#replica,
      new Map([...this.calls].map(([name, number]) => [number, name])),
    );
  }

  get #visible(): Visible {
    return this.#replica as unknown as Visible;
  }

  get #log(): { readonly commit: number; readonly promised: number } {
    return this.#visible.$context.logs.get(0)!;
  }

  get #candidate(): Candidate {
    return this.#visible.$leaderships.$elections.get(0)!.candidate;
  }

  /** Is it a call whose message and answer are among what the explorer delivers? */
  #isBrought({ message }: Extract<Effect, { type: "call" }>): boolean {
    const adopts = message.type === "pull" && this.#candidate.$adopting;
    return message.type === "append" || message.type === "prepare" || adopts;
  }

  #construct(): void {
    this.#calls = new Map();
    this.#replica = new Replica({
      config: this.#config,
      storage: new SqlStorage(this.driver),
      codec: entryCodec,
      hash: sha256,
      rules: this.#rules,
    });
    this.#memory.made(this.#replica);
  }

  #replay(until: Lived | null): void {
    if (this.#open) this.driver.run("ROLLBACK");
    this.driver.run("BEGIN");
    this.#open = true;
    const path: Lived[] = [];
    for (let at = until; at !== null; at = at.before) path.push(at);
    for (const at of path.toReversed()) this.#take(at.before, at.happening, at.now);
    this.#calls = new Map(until?.named);
  }

  #take(before: Lived | null, happening: Happening, now: number): readonly Effect[] {
    switch (happening.kind) {
      case "start":
        if (before !== null) this.#crashed?.(this.driver);
        this.#construct();
        return this.step({ type: "start" }, now);
      case "wake":
        return this.step({ type: "wake" }, now);
      case "write":
      case "campaign": {
        const n = before?.writes ?? 0;
        const request = writeRequest(this.region, happening.kind === "campaign" ? 0 : null, n, now);
        this.#campaigning = happening.kind === "campaign";
        try {
          return this.step({ type: "client", id: n + (this.#campaigning ? 100 : 1), request }, now);
        } finally {
          this.#campaigning = false;
        }
      }
      case "deliver":
        return this.deliver(happening.parcel, before?.calls.get(happening.parcel.call), now);
    }
  }

  /** `call`: the number that its call has with the asker. */
  deliver({ from, answers, bytes }: Parcel, call: number | undefined, now: number): readonly Effect[] {
    if (!answers) return this.step({ type: "peer", id: 1, from, message: wire.decodeRequest(bytes) }, now);
    if (call === undefined) throw new Error("an answer to no call");
    return this.step({ type: "answer", call, from, message: wire.decodeReply(bytes) }, now);
  }
}

function asText(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value;
}

export function writeRequest(from: number, suspects: number | null, n: number, now: number): WriteRequest {
  const key = `write ${from} ${suspects} ${n}`;
  const bytes = new TextEncoder().encode(key);
  return {
    op: "write",
    from,
    user: USER,
    principal: USER,
    command: { kind: "put", key: "k", value: bytes, contentType: "text/plain" },
    conditions: {},
    idempotency: { key, fingerprint: bytes, by: "edge" },
    concern: "majority",
    session: { positions: [], others: [], seenAt: 0 },
    deadlineAt: now + 1e9,
    ...(suspects === null ? {} : { suspects }),
  };
}
