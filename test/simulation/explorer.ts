/**
 * Every order in which messages can arrive, for three replicas, a few campaigns, writes and crashes: the real core, in all states
 * that such a small world has. Random seeds show what is likely; this shows that nothing is left out.
 *
 *   a replica      is its tables and, while it leads or campaigns, all of its memory (explored-replica.ts, memory.ts)
 *   a message      is there for good once it was sent: it may come at any time and any number of times, or never. An answer
 *                  comes once, while its asker waits for it
 *   a state of all is the three replicas, the messages, and how many crashes there were
 *
 * Each replica in each of its states really takes each turn once, however many states of all it is a part of: the core is
 * deterministic, and the clock stands still, but for a candidate's patience. Of two states with the same replicas, the one with
 * fewer messages and no fewer crashes can do nothing that the other cannot, since messages may be lost: it is not looked at.
 *
 * Losses, doubled messages and crashes between two effects are so among the states. Not among them: time-outs and what a caller
 * does after one, queues, leases, what a follower fetches by itself (a new leader's adoption is). Campaigns begin when the
 * explorer says so: nobody has to find the leader silent first, and nothing of that touches a promise.
 */
import { createHash } from "node:crypto";
import type { Effect } from "../../src/replication/effect.ts";
import type { ClientRequest } from "../../src/replication/request.ts";
import type { Rules } from "../../src/replication/rules.ts";
import type { SqlDriver } from "../../src/storage/sql-driver.ts";
import { SIMULATION_STARTS_AT } from "./clock.ts";
import {
  ExploredReplica,
  GRACE_MS,
  type Happening,
  type Lived,
  type Parcel,
  USER,
  type View,
  VOTERS,
  writeRequest,
} from "./explored-replica.ts";
import { check, committedAfter, promisedAfter, Violation } from "./explorer-check.ts";
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
  /** States of all that were looked at. */
  readonly states: number;
  /** States of one replica each. */
  readonly replicas: readonly number[];
  /** Turns really taken. */
  readonly turns: number;
  /** All states were seen; otherwise the bound was met. */
  readonly complete: boolean;
  /** States in which nothing that is under way changes anything any more. */
  readonly ends: number;
  /** Different logs that some replica knew to be committed. */
  readonly committed: number;
  /** Null: none. What is wrong, and how it came about, one line for each turn. */
  readonly problem: { readonly what: string; readonly story: readonly string[] } | null;
}

/** One replica in one state, and one way to come to it. */
export interface Local extends Lived {
  readonly id: number;
  readonly before: Local | null;
  readonly view: View;
  /** Epochs by seq of the prefix that it, or an instance before it, ever knew to be committed. */
  readonly committed: readonly number[];
  readonly campaigns: number;
  /** It waits for the last promise, and may be woken. */
  readonly waits: boolean;
  readonly next: Map<string | number, Transition>;
}

interface Transition {
  readonly local: Local;
  readonly sent: readonly Parcel[];
  /** Answers to the parcel that came, whichever call it is of. */
  readonly answers: readonly Omit<Parcel, "id" | "says" | "call">[];
}

type Locals = readonly [Local, Local, Local];

interface Global {
  readonly locals: Locals;
  /** By their ids, ascending. */
  readonly parcels: readonly Parcel[];
  readonly crashes: number;
  readonly before: Global | null;
  readonly step: { readonly region: number; readonly happening: Happening } | null;
  /** Another state can do all that this one can. */
  covered: boolean;
}

const NO_CALLS: ReadonlyMap<never, never> = new Map<never, never>();

/** How many states were looked at, and how many are known and were not. */
type Progress = (states: number, waiting: number) => void;
const PROGRESS_EVERY = 10_000;

export function explore(world: World, statesMax: number, progress: Progress = () => {}): Explored {
  return new Explorer(world).run(statesMax, progress);
}

class Explorer {
  readonly #world: World;
  readonly #replicas: readonly ExploredReplica[];
  readonly #known: readonly Map<string, Local>[] = VOTERS.map(() => new Map());
  /** By what they say to whom, and by the call that they are of. */
  readonly #parcels = new Map<string, Map<string, Parcel>>();
  #parcelCount = 0;
  /** By the states of the replicas: none of them covers another. */
  readonly #seen = new Map<string, Global[]>();
  readonly #committed = new Set<string>();
  readonly #began: number;
  #states = 0;
  #ends = 0;

  constructor(world: World) {
    this.#world = world;
    this.#replicas = VOTERS.map((region) => new ExploredReplica(region, world.rules ?? {}, world.crashed));
    this.#began = this.#setUp();
  }

  run(statesMax: number, progress: Progress): Explored {
    let problem: Explored["problem"] = null;
    const queue: Global[] = [];
    let looked = 0;
    const locals = VOTERS.map((region) => this.#after(region, null, { kind: "start" }).local);
    queue.push({
      locals: locals as unknown as Locals,
      parcels: [],
      crashes: 0,
      before: null,
      step: null,
      covered: false,
    });
    for (; looked < queue.length && this.#states < statesMax && problem === null; looked++) {
      const state = queue[looked]!;
      if (state.covered) continue;
      if (this.#states % PROGRESS_EVERY === 0) progress(this.#states, queue.length - looked);
      this.#states += 1;
      let ends = true;
      for (const step of this.#steps(state)) {
        try {
          const next = this.#turn(state, step);
          if (!this.#isNew(next)) continue;
          ends &&= step.happening.kind !== "deliver";
          queue.push(next);
        } catch (error) {
          if (!(error instanceof Violation)) throw error;
          problem = { what: error.message, story: storyOf(state, step) };
          break;
        }
      }
      if (ends) this.#ends += 1;
    }
    for (const replica of this.#replicas) replica.close();
    return {
      states: this.#states,
      replicas: this.#known.map(({ size }) => size),
      turns: this.#replicas.reduce((sum, { turns }) => sum + turns, 0),
      complete: looked === queue.length && problem === null,
      ends: this.#ends,
      committed: this.#committed.size,
      problem,
    };
  }

  *#steps({ locals, parcels, crashes }: Global): Generator<NonNullable<Global["step"]>> {
    for (const parcel of parcels) yield { region: parcel.to, happening: { kind: "deliver", parcel } };
    const [home] = locals;
    if (home.writes < this.#world.writes && home.view.leads)
      yield { region: 0, happening: { kind: "write" } };
    for (const region of this.#world.campaigners)
      if (locals[region]!.campaigns === 0) yield { region, happening: { kind: "campaign" } };
    for (const region of VOTERS) {
      if (locals[region].waits) yield { region, happening: { kind: "wake" } };
      if (crashes < this.#world.crashes) yield { region, happening: { kind: "start" } };
    }
  }

  #turn(before: Global, step: NonNullable<Global["step"]>): Global {
    const { region, happening } = step;
    const local = before.locals[region]!;
    const key = happening.kind === "deliver" ? keyOf(happening.parcel) : happening.kind;
    let after = local.next.get(key);
    if (after === undefined) {
      after = this.#after(region, local, happening);
      local.next.set(key, after);
    }
    const { local: now, sent, answers } = after;
    const call = happening.kind === "deliver" && !happening.parcel.answers ? happening.parcel.call : "";
    const answered = call === "" ? [] : answers.map((answer) => this.#parcel({ ...answer, call }));
    const locals = before.locals.map((one, at) => (at === region ? now : one)) as unknown as Locals;
    return {
      locals,
      parcels: this.#underWay([...before.parcels, ...sent, ...answered], locals),
      crashes: before.crashes + (happening.kind === "start" ? 1 : 0),
      before,
      step,
      covered: false,
    };
  }

  /** An answer that nobody waits for any more means nothing. Nor does, then, whose call it is. */
  #underWay(all: readonly Parcel[], locals: Locals): readonly Parcel[] {
    const kept = new Map<number, Parcel>();
    for (const one of all) {
      const asker = locals[one.answers ? one.to : one.from]!;
      if (one.call === "" || asker.calls.has(one.call)) kept.set(one.id, one);
      else if (!one.answers) {
        const nobodys = this.#parcel({ ...one, call: "" });
        kept.set(nobodys.id, nobodys);
      }
    }
    return [...kept.values()].toSorted((a, b) => a.id - b.id);
  }

  #isNew(state: Global): boolean {
    const key = state.locals.map(({ id }) => id).join();
    const others = this.#seen.get(key);
    if (others === undefined) {
      check(state.locals);
      this.#seen.set(key, [state]);
      return true;
    }
    if (others.some((other) => covers(other, state))) return false;
    const rest = others.filter((other) => {
      other.covered = covers(state, other);
      return !other.covered;
    });
    rest.push(state);
    this.#seen.set(key, rest);
    return true;
  }

  #after(region: number, before: Local | null, happening: Happening): Transition {
    const replica = this.#replicas[region]!;
    const now =
      (before?.now ?? this.#began) + (before !== null && endsPatience(before, happening) ? GRACE_MS : 0);
    const effects = replica.take(before, happening, now);
    const view = replica.view();
    promisedAfter(before?.view ?? null, view, region);
    const writes = (before?.writes ?? 0) + (happening.kind === "write" ? 1 : 0);
    const campaigns = (before?.campaigns ?? 0) + (happening.kind === "campaign" ? 1 : 0);
    const { commit } = replica;
    const committed = committedAfter(before?.committed ?? [0], view, commit, region);
    const acts = view.leads || isCandidate(view, region);
    const what = [
      now,
      commit,
      committed.join("."),
      writes,
      campaigns,
      replica.tables(),
      acts ? replica.memory() : "",
    ].join(" ");
    const known = this.#known[region]!.get(digest(what));
    const local: Local = known ?? {
      id: this.#known[region]!.size,
      before,
      happening,
      now,
      view,
      committed,
      writes,
      campaigns,
      waits: isCandidate(view, region) && replica.waits,
      calls: acts ? replica.calls : NO_CALLS,
      named: acts ? replica.named : NO_CALLS,
      next: new Map(),
    };
    if (known === undefined) {
      this.#known[region]!.set(digest(what), local);
      this.#committed.add(committed.join("."));
    }
    // What came to nothing left it where it was. On another way to the same state its calls have other numbers.
    const stays = known === before && !effects.some(({ type }) => type === "call");
    if (known === undefined || stays) replica.stands(local);
    return { local, sent: this.#sentBy(replica, effects), answers: answersOf(region, effects, happening) };
  }

  #sentBy(replica: ExploredReplica, effects: readonly Effect[]): Parcel[] {
    return effects.flatMap((effect) => {
      const call = effect.type === "call" ? replica.callOf(effect.call) : "";
      if (effect.type !== "call" || call === "") return [];
      const [from, { to, message }] = [replica.region, effect];
      const bytes = wire.encodeRequest(envelope(0, from, to), message);
      return [this.#parcel({ from, to, answers: false, call, bytes, what: message.type })];
    });
  }

  #parcel(fields: Omit<Parcel, "id" | "says">): Parcel {
    const { from, to, answers, call, bytes } = fields;
    const text = `${from}>${to} ${answers} ${Buffer.from(bytes).toString("latin1")}`;
    let alike = this.#parcels.get(text);
    if (alike === undefined) this.#parcels.set(text, (alike = new Map()));
    let parcel = alike.get(call);
    if (parcel === undefined) {
      const id = this.#parcelCount++;
      const [first] = alike.values();
      parcel = { ...fields, id, says: first?.says ?? id };
      alike.set(call, parcel);
    }
    return parcel;
  }

  /** Region 0 leads, the user lives there and has written once, everybody has everything; then all objects are restarted. */
  #setUp(): number {
    let now = SIMULATION_STARTS_AT;
    const underWay: Parcel[] = [];
    const perform = (replica: ExploredReplica, effects: readonly Effect[], happening: Happening): void => {
      replica.name(effects);
      underWay.push(...this.#sentBy(replica, effects));
      if (happening.kind !== "deliver") return;
      const { call } = happening.parcel;
      for (const answer of answersOf(replica.region, effects, happening))
        underWay.push(this.#parcel({ ...answer, call }));
    };
    for (const replica of this.#replicas)
      perform(replica, replica.step({ type: "start" }, now), { kind: "start" });
    const claim: ClientRequest = {
      op: "claim",
      user: USER,
      home: 0,
      principal: USER,
      from: 0,
      deadlineAt: now + 1e9,
    };
    const home = this.#replicas[0]!;
    for (const request of [claim, writeRequest(0, null, -1, now)]) {
      perform(home, home.step({ type: "client", id: (now += 1), request }, now), { kind: "write" });
      for (let idle = 0; idle < 4;) {
        now += 200;
        const next = underWay.shift();
        if (next === undefined) {
          idle += 1;
          for (const replica of this.#replicas)
            perform(replica, replica.step({ type: "wake" }, now), { kind: "wake" });
          continue;
        }
        const replica = this.#replicas[next.to]!;
        const effects = replica.deliver(next, replica.calls.get(next.call), now);
        perform(replica, effects, { kind: "deliver", parcel: next });
      }
    }
    return now + 1_000;
  }
}

/** Can the first state do all that the second one can? Their replicas are the same. */
function covers(one: Global, other: Global): boolean {
  if (one.crashes > other.crashes || one.parcels.length < other.parcels.length) return false;
  let n = 0;
  for (const { id } of other.parcels) {
    while (n < one.parcels.length && one.parcels[n]!.id < id) n += 1;
    if (n === one.parcels.length || one.parcels[n]!.id !== id) return false;
  }
  return true;
}

function digest(text: string): string {
  return createHash("sha256").update(text).digest("base64");
}

/** A request is taken alike whichever call it is of, an answer is not. */
function keyOf({ id, says, answers }: Parcel): number {
  return answers ? id : says;
}

function answersOf(from: number, effects: readonly Effect[], happening: Happening): Transition["answers"] {
  if (happening.kind !== "deliver") return [];
  const { from: to } = happening.parcel;
  return effects.flatMap((effect) => {
    if (effect.type !== "reply") return [];
    const bytes = wire.encodeReply(envelope(0, from, to), effect.message);
    return [{ from, to, answers: true, bytes, what: effect.message.type }];
  });
}

/** A candidate that has not opened yet. */
function isCandidate({ epochs, promised }: View, region: number): boolean {
  return promised % 16 === region && promised > (epochs.at(-1) ?? 0);
}

/** The candidate goes on, at the end of its patience or with the last voter's answer: taken to be at the same instant. */
function endsPatience({ waits }: Local, happening: Happening): boolean {
  return waits && (happening.kind === "wake" || (happening.kind === "deliver" && happening.parcel.answers));
}

/** From the beginning to the step that went wrong. */
function storyOf(state: Global, step: NonNullable<Global["step"]>): string[] {
  const lines = [`region ${step.region}: ${describe(step.happening)}`];
  for (let at: Global | null = state; at !== null && at.step !== null; at = at.before) {
    const { epochs, promised } = at.locals[at.step.region]!.view;
    lines.push(
      `region ${at.step.region}: ${describe(at.step.happening)}; log ${epochs.join(" ")} promised ${promised}`,
    );
  }
  return lines.toReversed();
}

function describe(happening: Happening): string {
  if (happening.kind !== "deliver") return happening.kind;
  const { from, what } = happening.parcel;
  return `${what} of ${from}`;
}
