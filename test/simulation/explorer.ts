/**
 * Every order in which messages can arrive, for three replicas, a few campaigns, writes and crashes: the real core, in all states
 * that such a small world has. Random seeds show what is likely; this shows that nothing is left out.
 *
 *   a replica that leads or campaigns   is what it was when that began, and what it was told since, in which order
 *   any other                           is its tables and its commit position: it keeps nothing else that decides anything
 *   a state of all                      is the three of them, and what is under way (by 64 bits of hash)
 *
 * Each is looked at once, however many orders lead to it. The core is deterministic (the clock stands still, but for a
 * candidate's patience), so a turn of a replica is really taken once for each of its states, however many states of all
 * it is a part of.
 *
 * A message that is not delivered yet is as good as lost, and a crash may come at any time, so losses and crashes between two
 * effects are among the states. Not among them: time-outs and what a caller does after one, doubled messages, queues, leases,
 * what a follower fetches by itself (a new leader's adoption is). Campaigns begin when the explorer says so: nobody has to find the
 * leader silent first, and nothing of that touches a promise.
 */
import { createHash } from "node:crypto";
import { DEFAULT_LIMITS, DEFAULT_TIMING } from "../../src/replication/config.ts";
import type { Effect, Event } from "../../src/replication/effect.ts";
import { Replica } from "../../src/replication/replica.ts";
import type { ClientRequest, WriteRequest } from "../../src/replication/request.ts";
import { type Rules, RULES } from "../../src/replication/rules.ts";
import { migrate } from "../../src/storage/schema.ts";
import type { SqlDriver } from "../../src/storage/sql-driver.ts";
import { SqlStorage } from "../../src/storage/sql-storage.ts";
import { entryCodec } from "../../src/wire/entry-codec.ts";
import { NodeSqlDriver } from "../support/node-sql-driver.ts";
import { SIMULATION_STARTS_AT } from "./clock.ts";
import { sha256 } from "./host.ts";
import { envelope, wire } from "./wire.ts";

export interface World {
  /** Writes at region 0, which leads at first. */
  readonly writes: number;
  /** Regions that campaign, each once, with a write of their own. */
  readonly campaigners: readonly number[];
  readonly crashes: number;
  readonly rules?: Partial<Rules>;
  /** What a crash does to the storage besides: a broken protocol. */
  readonly crashed?: (driver: SqlDriver) => void;
}

export interface Explored {
  readonly states: number;
  /** Turns really taken, of all histories of one replica each. */
  readonly turns: number;
  /** All states were seen; otherwise the bound was met. */
  readonly complete: boolean;
  /** States in which nothing was under way any more. */
  readonly ends: number;
  /** Null: none. What is wrong, and how it came about, one line for each turn. */
  readonly problem: { readonly what: string; readonly story: readonly string[] } | null;
}

const REGIONS = [0, 1, 2] as const;
const MAJORITY = 2;
const USER = "u";
/** How much later a candidate is woken that waits for the last voter's promise. */
const GRACE_MS = 100;
const STATUS_ID = 1_000_000_000;

/** Something under way. `term` and `call`: whose call it is, or answers. */
interface Parcel {
  readonly key: string;
  readonly hash: readonly [number, number];
  readonly from: number;
  readonly to: number;
  readonly answers: boolean;
  readonly term: number;
  readonly call: number;
  readonly bytes: Uint8Array;
  readonly what: string;
}

type Happening =
  | { readonly kind: "start" | "write" | "campaign" | "wake" }
  | { readonly kind: "deliver"; readonly parcel: Parcel };

/** What of one replica's tables the checks look at. */
interface View {
  /** Epoch and chain hash by seq, from 1. */
  readonly epochs: readonly number[];
  readonly chains: readonly string[];
  readonly promised: number;
  /** It leads an epoch, opened or not. */
  readonly leads: boolean;
}

/** One replica in one state, and one way to come to it. */
interface Local {
  readonly id: number;
  readonly before: Local | null;
  readonly happening: Happening;
  readonly now: number;
  /** The state in which it began to campaign or to lead; 0: it does neither, and no answer means anything to it. */
  readonly term: number;
  readonly view: View;
  /** Epochs by seq of the prefix that it, or an instance before it, ever knew to be committed. */
  readonly committed: readonly number[];
  readonly writes: number;
  readonly campaigns: number;
  /** It waits for the last promise, and may be woken. */
  readonly waits: boolean;
  readonly next: Map<string, Transition>;
}

interface Global {
  readonly locals: readonly [Local, Local, Local];
  readonly underWay: readonly Parcel[];
  readonly crashes: number;
}

interface Taken {
  readonly effects: readonly Effect[];
  readonly commit: number;
}

class Violation extends Error {}

/** A replica that is taken along any history, from the storage that all of them begin with. */
class Player {
  readonly region: number;
  readonly driver = new NodeSqlDriver();
  readonly #world: World;
  #replica!: Replica;
  #at: Local | null = null;
  #campaigning = false;
  #ids = 0;
  #open = false;
  readonly #tables: readonly string[];
  turns = 0;

  constructor(region: number, world: World) {
    this.region = region;
    this.#world = world;
    this.driver.transaction(() => migrate(this.driver, SIMULATION_STARTS_AT));
    this.#tables = this.driver
      .rows(`SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`)
      .map(([name]) => String(name));
    this.construct();
  }

  construct(): void {
    const rules: Rules = {
      ...RULES,
      willing: () => true,
      mayCampaign: () => this.#campaigning,
      ...this.#world.rules,
    };
    this.#replica = new Replica({
      config: {
        namespace: "default",
        partition: 0,
        region: this.region,
        voters: REGIONS,
        anchor: 0,
        timing: { ...DEFAULT_TIMING, leaseMs: 0, probeMs: 0, queueAfterMs: 1e9 },
        limits: DEFAULT_LIMITS,
        sinks: [],
      },
      storage: new SqlStorage(this.driver),
      codec: entryCodec,
      hash: sha256,
      rules,
    });
  }

  step(event: Event, now: number): Effect[] {
    this.turns += 1;
    return this.#replica.step(event, now);
  }

  /** A turn that only asks; what else comes of it belongs to the turn before. */
  commit(now: number): { readonly commit: number; readonly effects: readonly Effect[] } {
    const effects = this.#replica.step(
      { type: "client", id: STATUS_ID, request: { op: "status", from: this.region, deadlineAt: now + 1e9 } },
      now,
    );
    const answer = effects.find((effect) => effect.type === "respond" && effect.id === STATUS_ID);
    if (answer?.type !== "respond" || answer.reply.kind !== "status") throw new Error("no status");
    const log = answer.reply.status.logs.find(({ origin }) => origin === 0);
    return { commit: log?.committed ?? 0, effects: effects.filter((effect) => effect !== answer) };
  }

  /** The effects of what happens to a replica with this history. */
  take(before: Local | null, happening: Happening, now: number): Taken {
    if (!this.#open || this.#at !== before) this.#replay(before);
    this.#at = null;
    const effects = this.#take(before, happening, now);
    const asked = this.commit(now);
    return { effects: [...effects, ...asked.effects], commit: asked.commit };
  }

  /** It is now where this history ends. */
  stands(at: Local): void {
    this.#at = at;
  }

  #replay(local: Local | null): void {
    if (this.#open) this.driver.run("ROLLBACK");
    this.driver.run("BEGIN");
    this.#open = true;
    const path: Local[] = [];
    for (let at = local; at !== null; at = at.before) path.push(at);
    for (const at of path.toReversed()) {
      this.#take(at.before, at.happening, at.now);
      this.commit(at.now);
    }
  }

  #take(before: Local | null, happening: Happening, now: number): Effect[] {
    switch (happening.kind) {
      case "start":
        if (before !== null) this.#world.crashed?.(this.driver);
        this.construct();
        return this.step({ type: "start" }, now);
      case "wake":
        return this.step({ type: "wake" }, now);
      case "write":
      case "campaign": {
        const request = writeRequest(
          this.region,
          happening.kind === "campaign" ? 0 : null,
          before?.writes ?? 0,
          now,
        );
        this.#campaigning = happening.kind === "campaign";
        try {
          return this.step({ type: "client", id: ++this.#ids, request }, now);
        } finally {
          this.#campaigning = false;
        }
      }
      case "deliver":
        return this.deliver(happening.parcel, now);
    }
  }

  deliver({ from, call, answers, bytes }: Parcel, now: number): Effect[] {
    return answers
      ? this.step({ type: "answer", call, from, message: wire.decodeReply(bytes) }, now)
      : this.step({ type: "peer", id: ++this.#ids, from, message: wire.decodeRequest(bytes) }, now);
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
  digest(): string {
    const hash = createHash("sha256");
    for (const table of this.#tables)
      hash.update(JSON.stringify(this.driver.rows(`SELECT * FROM ${table}`), asText));
    return hash.digest("base64");
  }
}

function asText(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : value;
}

function writeRequest(from: number, suspects: number | null, n: number, now: number): WriteRequest {
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

export function explore(world: World, statesMax: number): Explored {
  const explorer = new Explorer(world);
  return explorer.run(statesMax);
}

class Explorer {
  readonly #world: World;
  readonly #players: readonly Player[];
  readonly #seen = new Set<string>();
  /** States of replicas that neither lead nor campaign, by region and what they are. */
  readonly #resting = new Map<string, Local>();
  readonly #began: number;
  #locals = 0;
  #ends = 0;
  #story: readonly string[] = [];

  constructor(world: World) {
    this.#world = world;
    this.#players = REGIONS.map((region) => new Player(region, world));
    this.#began = this.#setUp();
  }

  run(statesMax: number): Explored {
    let problem: Explored["problem"] = null;
    const stack: Global[] = [];
    try {
      const first = REGIONS.map((region) => this.#after(region, null, { kind: "start" }).local);
      stack.push({ locals: first as unknown as Global["locals"], underWay: [], crashes: 0 });
      while (stack.length > 0 && this.#seen.size < statesMax) {
        for (const next of this.#successors(stack.pop() as Global)) {
          if (!this.#isNew(next)) continue;
          this.#story = storyOf(next.locals);
          check(next.locals);
          stack.push(next);
        }
      }
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      problem = { what: error.message, story: this.#story };
    }
    for (const player of this.#players) player.driver.close();
    return {
      states: this.#seen.size,
      turns: this.#players.reduce((sum, { turns }) => sum + turns, 0),
      complete: stack.length === 0 && problem === null,
      ends: this.#ends,
      problem,
    };
  }

  *#successors(state: Global): Generator<Global> {
    const { locals, underWay, crashes } = state;
    if (underWay.length === 0) this.#ends += 1;
    const tried = new Set<string>();
    for (const [n, parcel] of underWay.entries()) {
      if (tried.has(parcel.key)) continue;
      tried.add(parcel.key);
      const rest = underWay.filter((_, at) => at !== n);
      yield this.#turn({ ...state, underWay: rest }, parcel.to, { kind: "deliver", parcel });
    }
    const [home] = locals;
    if (home.writes < this.#world.writes && home.view.leads) yield this.#turn(state, 0, { kind: "write" });
    for (const region of this.#world.campaigners)
      if ((locals[region] as Local).campaigns === 0) yield this.#turn(state, region, { kind: "campaign" });
    for (const region of REGIONS) {
      if (locals[region].waits) yield this.#turn(state, region, { kind: "wake" });
      if (crashes < this.#world.crashes)
        yield this.#turn({ ...state, crashes: crashes + 1 }, region, { kind: "start" });
    }
  }

  #turn({ locals, underWay, crashes }: Global, region: number, happening: Happening): Global {
    const before = locals[region] as Local;
    const key = happening.kind === "deliver" ? happening.parcel.key : happening.kind;
    let after = before.next.get(key);
    if (after === undefined) {
      this.#story = storyOf(locals, region, happening);
      after = this.#after(region, before, happening);
      before.next.set(key, after);
    }
    const next = locals.map((local, at) =>
      at === region ? after.local : local,
    ) as unknown as Global["locals"];
    const all = [...underWay, ...after.sent];
    return { locals: next, underWay: all.flatMap((one) => stillMeaningful(one, next)), crashes };
  }

  #isNew({ locals, underWay, crashes }: Global): boolean {
    let [high, low] = [0, 0];
    for (const { hash } of underWay) {
      high = (high + hash[0]) | 0;
      low = (low + hash[1]) | 0;
    }
    const numbers = [...locals.map(({ id }) => id), high, low];
    const key =
      numbers.map((n) => String.fromCodePoint(n & 0xffff) + String.fromCodePoint(n >>> 16)).join("") +
      crashes;
    const before = this.#seen.size;
    return this.#seen.add(key).size > before;
  }

  #after(region: number, before: Local | null, happening: Happening): Transition {
    const player = this.#players[region] as Player;
    const now = (before?.now ?? this.#began) + (happening.kind === "wake" ? GRACE_MS : 0);
    const { effects, commit } = player.take(before, happening, now);
    const view = player.view();
    if (view.promised < (before?.view.promised ?? 0))
      throw new Violation(`region ${region} promised ${view.promised} after ${before?.view.promised} (I5)`);
    const writes = (before?.writes ?? 0) + (happening.kind === "write" ? 1 : 0);
    const campaigns = (before?.campaigns ?? 0) + (happening.kind === "campaign" ? 1 : 0);
    const committed = committedAfter(before?.committed ?? [0], view, commit, region);
    const acts = view.leads || isCandidate(view, region);
    const what = acts
      ? ""
      : `${region} ${now} ${commit} ${committed.join(".")} ${writes} ${campaigns} ${player.digest()}`;
    const known = acts ? undefined : this.#resting.get(what);
    const id = known?.id ?? ++this.#locals;
    const goesOn = before !== null && before.term !== 0 && happening.kind !== "start";
    const term = !acts ? 0 : goesOn ? before.term : id;
    const local: Local = known ?? {
      id,
      before,
      happening,
      now,
      term,
      view,
      committed,
      writes,
      campaigns,
      waits: isCandidate(view, region) && isPromise(happening),
      next: new Map(),
    };
    if (!acts && known === undefined) this.#resting.set(what, local);
    // Along another history the instance may hold other things in memory: it is taken along the known one next time.
    if (known === undefined) player.stands(local);
    return { local, sent: effects.flatMap((effect) => parcelsOf(effect, local, region, happening)) };
  }

  /** Region 0 leads, the user lives there and has written once, everybody has everything; then all objects are restarted. */
  #setUp(): number {
    let now = SIMULATION_STARTS_AT;
    const underWay: Parcel[] = [];
    const nobody = { term: 1, view: { epochs: [], chains: [], promised: 0, leads: false } };
    const perform = (region: number, effects: readonly Effect[], happening: Happening): void => {
      for (const effect of effects) underWay.push(...parcelsOf(effect, nobody, region, happening));
    };
    for (const player of this.#players)
      perform(player.region, player.step({ type: "start" }, now), { kind: "start" });
    const claim: ClientRequest = {
      op: "claim",
      user: USER,
      home: 0,
      principal: USER,
      from: 0,
      deadlineAt: now + 1e9,
    };
    const home = this.#players[0] as Player;
    for (const request of [claim, writeRequest(0, null, -1, now)]) {
      perform(0, home.step({ type: "client", id: (now += 1), request }, now), { kind: "write" });
      for (let idle = 0; idle < 4;) {
        now += 200;
        const next = underWay.shift();
        if (next === undefined) {
          idle += 1;
          for (const player of this.#players)
            perform(player.region, player.step({ type: "wake" }, now), { kind: "wake" });
          continue;
        }
        const player = this.#players[next.to] as Player;
        perform(next.to, player.deliver(next, now), { kind: "deliver", parcel: next });
      }
    }
    return now + 1_000;
  }
}

function isPromise(happening: Happening): boolean {
  return happening.kind === "deliver" && happening.parcel.what === "promise";
}

interface Transition {
  readonly local: Local;
  readonly sent: readonly Parcel[];
}

/** An answer is for whoever asked: it means nothing to a leadership or a campaign that is over. Nor does who asked, then. */
function stillMeaningful(one: Parcel, locals: Global["locals"]): Parcel[] {
  const asker = locals[one.answers ? one.to : one.from] as Local;
  if (one.term === asker.term && one.term !== 0) return [one];
  if (one.answers) return [];
  return [one.term === 0 ? one : parcel({ ...one, term: 0, call: 0 })];
}

/** A candidate that has not opened yet. */
function isCandidate({ epochs, promised }: View, region: number): boolean {
  return promised % 16 === region && promised > (epochs.at(-1) ?? 0);
}

function parcelsOf(
  effect: Effect,
  { term, view }: Pick<Local, "term" | "view">,
  region: number,
  happening: Happening,
): Parcel[] {
  if (effect.type === "call") {
    const { to, call, message } = effect;
    const adopts = message.type === "pull" && isCandidate(view, region);
    if (message.type !== "append" && message.type !== "prepare" && !adopts) return [];
    const bytes = wire.encodeRequest(envelope(0, region, to), message);
    return [parcel({ from: region, to, answers: false, term, call, bytes, what: message.type })];
  }
  if (effect.type !== "reply" || happening.kind !== "deliver") return [];
  const { from: to, term: asked, call } = happening.parcel;
  const bytes = wire.encodeReply(envelope(0, region, to), effect.message);
  return [parcel({ from: region, to, answers: true, term: asked, call, bytes, what: effect.message.type })];
}

function parcel(fields: Omit<Parcel, "key" | "hash">): Parcel {
  const { from, to, answers, term, call, bytes } = fields;
  const text = Buffer.from(bytes).toString("latin1");
  const key = `${from}>${to} ${answers ? "re " : ""}${term}.${call} ${text}`;
  const digest = createHash("sha256").update(key).digest();
  return { ...fields, key, hash: [digest.readInt32LE(0), digest.readInt32LE(4)] };
}

/** A replica never knows less to be committed than it did, and never something else; a restart may know less (and so begins anew). */
function committedAfter(
  before: readonly number[],
  { epochs }: View,
  commit: number,
  region: number,
): readonly number[] {
  if (commit >= epochs.length)
    throw new Violation(`region ${region} calls ${commit} committed, and has ${epochs.length - 1} (I4)`);
  for (let s = 0; s < Math.min(before.length, commit + 1); s++)
    if (before[s] !== epochs[s])
      throw new Violation(
        `region ${region} called ${before[s]}.${s} committed, and now ${epochs[s]}.${s} (I10)`,
      );
  return commit >= before.length ? epochs.slice(0, commit + 1) : before;
}

/** I3, I7 to I10, in one state. */
function check(locals: Global["locals"]): void {
  for (const [region, { committed }] of locals.entries()) {
    const s = committed.length - 1;
    const e = committed[s] as number;
    const holders = locals.filter(({ view }) => view.epochs[s] === e).length;
    if (holders < MAJORITY)
      throw new Violation(
        `region ${region} called ${e}.${s} committed, and ${holders} of 3 hold it (I7, I10)`,
      );
    for (const [other, { view, committed: theirs }] of locals.entries()) {
      const last = view.epochs.at(-1) as number;
      if (last > e && view.epochs[s] !== e)
        throw new Violation(
          `region ${other} is in epoch ${last} without ${e}.${s}, which region ${region} called committed (I8)`,
        );
      const common = Math.min(theirs.length, committed.length) - 1;
      if (theirs[common] !== committed[common])
        throw new Violation(
          `regions ${region} and ${other} call different entries at ${common} committed (I9)`,
        );
    }
  }
  for (const [a, b] of [
    [0, 1],
    [0, 2],
    [1, 2],
  ] as const) {
    const [one, two] = [locals[a].view, locals[b].view];
    for (let s = Math.min(one.epochs.length, two.epochs.length) - 1; s > 0; s--) {
      if (one.epochs[s] !== two.epochs[s]) continue;
      if (one.chains[s] !== two.chains[s])
        throw new Violation(
          `regions ${a} and ${b} have different histories up to ${one.epochs[s]}.${s} (I3)`,
        );
      break;
    }
  }
}

function storyOf(locals: Global["locals"], region?: number, happening?: Happening): string[] {
  const lines = locals.flatMap((local, at) => {
    const path: string[] = [];
    for (let step: Local | null = local; step !== null; step = step.before)
      path.push(describe(step.happening));
    return [
      `region ${at}: ${path.toReversed().join("; ")}`,
      `  log ${local.view.epochs.join(" ")} promised ${local.view.promised}`,
    ];
  });
  return happening === undefined ? lines : [...lines, `then region ${region}: ${describe(happening)}`];
}

function describe(happening: Happening): string {
  if (happening.kind !== "deliver") return happening.kind;
  const { from, what } = happening.parcel;
  return `${what} of ${from}`;
}
