/**
 * Takes over logs, as another region would: a proposer without a replica, in a region of its own.
 *
 * Replicas campaign only for their own region's log so far, and a region that comes back to its own log always finds it
 * whole. Without somebody else nothing would ever be cut off, no lease would ever have to be waited out, and half of the
 * protocol would stand unexercised. So this one prepares, adopts the greatest log among a majority's, waits out the leases it
 * is told of, opens its epoch, writes some entries under it, holds a lease, and goes away.
 *
 * It follows the protocol to the letter and has a true clock: whatever breaks is the replicas' doing.
 */
import type { History } from "../../src/checker/history.ts";
import {
  type Entry,
  EntryKind,
  OpKind,
  PROTOCOL_VERSION,
  type RawEntry,
} from "../../src/replication/entry.ts";
import { divergencePoint } from "../../src/replication/epoch-table.ts";
import { hlcAt } from "../../src/replication/hlc.ts";
import type { Append, EpochStart, PeerReply, PeerRequest, Promise_ } from "../../src/replication/message.ts";
import { compareTails, counterOf, type Epoch, epochOf, type Tail } from "../../src/replication/position.ts";
import { type Cluster, range } from "./cluster.ts";
import { SIMULATION_STARTS_AT } from "./clock.ts";
import type { Ghost } from "./ghost.ts";
import type { Random } from "./random.ts";
import { sleep, type Task, runTask, wait } from "./task.ts";
import { envelope, wire } from "./wire.ts";

/** The last region that an epoch can name: no schedule has so many. */
export const USURPER = 15;
const CALL_MS = 1_500;
const GRACE_MS = 200;

interface Held {
  readonly base: Tail;
  readonly entries: RawEntry[];
  readonly epochs: EpochStart[];
  hlc: number;
}

interface Promised {
  readonly from: number;
  readonly at: number;
  readonly promise: Promise_;
}

export class Usurper {
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly #ghost: Ghost;
  /** One takeover of a log at a time. */
  readonly #busy = new Set<string>();
  readonly #history: History;
  #counter = 0;
  #written = 0;

  constructor(cluster: Cluster, random: Random, ghost: Ghost, history: History) {
    this.#cluster = cluster;
    this.#history = history;
    this.#random = random;
    this.#ghost = ghost;
    cluster.guests.set(USURPER, { peer: (_from, _bytes, _reply, refuse) => refuse() });
  }

  takeOver(partition: number, origin: number): void {
    const log = `${partition}/${origin}`;
    // A log that nobody writes to would never get its leader back.
    const used =
      this.#cluster.anchorOf(partition) === origin ||
      this.#ghost.someUserOf(partition, origin, this.#random) !== null;
    if (this.#busy.has(log) || !used) return;
    this.#busy.add(log);
    runTask(this.#reign(partition, origin), (how) => {
      this.#busy.delete(log);
      this.#cluster.tally.add(`takeovers ${how}`);
      this.#say(`takeover of log ${log} ends: ${how}`);
    });
  }

  *#reign(partition: number, o: number): Task<string> {
    const { timeline, regions, timing } = this.#cluster;
    const { bareMajority, abandon, entriesMax } = this.#cluster.faults.takeover;
    const majority = Math.floor(regions / 2) + 1;
    const b = this.#ballot(partition, o);
    this.#say(`takeover of log ${partition}/${o} begins with ballot ${b}`);
    const bare = this.#random.chance(bareMajority);
    const promises = yield* this.#prepare(partition, o, b, { voters: range(regions), majority, bare });
    if (promises.length < majority) return "without promises";
    if (this.#random.chance(abandon)) return "abandoned after promises";
    const best = promises.reduce((a, next) =>
      compareTails(next.promise.last, a.promise.last) > 0 ? next : a,
    );
    const held = yield* this.#adopt(partition, o, best);
    if (held === null) return "without the log";
    held.hlc = Math.max(
      held.hlc,
      ...promises.map(({ promise }) => promise.hlc),
      hlcAt(SIMULATION_STARTS_AT + timeline.now),
    );
    const ackAfter = Math.max(
      ...promises.map(
        ({ at, promise }) => at + Math.ceil(promise.leaseRemainingMs * (1 + timing.clockDrift)),
      ),
    );
    const open = this.#write(partition, o, b, held, {
      kind: EntryKind.open,
      open: { leader: USURPER, configVersion: 1 },
      concern: "majority",
    });
    const everybody = range(regions);
    // A partial first round is how an OPEN gets onto fewer than a majority.
    const first = this.#random.chance(abandon)
      ? this.#random.shuffled(everybody).slice(0, this.#random.between(1, regions))
      : everybody;
    const matches = new Map<number, number>();
    const opened = yield* this.#replicate(partition, o, b, held, first, matches, 0);
    if (opened.matched(open.s) < majority) return "without its OPEN on a majority";
    this.#ghost.claim(partition, o, open.s, b, `the usurper's OPEN ${b}`);
    if (this.#random.chance(abandon)) return "abandoned after its OPEN";
    for (let n = this.#random.between(0, entriesMax); n > 0; n--) {
      const target = this.#ghost.someUserOf(partition, o, this.#random);
      // Somebody else may lead by now, and have claimed a home in this log that is not in the part it has.
      if (target === null || (target.claim.o === o && !holds(held, target.claim))) break;
      const text = `usurper ${++this.#written}`;
      const value = new TextEncoder().encode(JSON.stringify(text));
      const op = {
        kind: OpKind.put,
        key: target.key,
        after: { contentType: "application/json", value, expiresAt: 0 },
      };
      const row = this.#write(partition, o, b, held, {
        kind: EntryKind.txn,
        user: target.user,
        principal: "usurper",
        deps: target.claim.o === o ? [] : [target.claim],
        ops: [op],
        status: 200,
        concern: "majority",
      });
      // Nobody waits for an answer: for the checkers this is a write whose outcome stays unknown.
      const { user, key } = target;
      const write = this.#history.invoke(
        {
          process: -this.#written,
          op: "write",
          user,
          key,
          value: text,
          concern: "local",
          principal: "usurper",
        },
        timeline.now,
      );
      this.#history.info(write, timeline.now, { version: `${o}.${b}.${row.s}` });
      const to = this.#random.shuffled(everybody).slice(0, this.#random.between(1, regions));
      const round = yield* this.#replicate(partition, o, b, held, to, matches, opened.commit);
      if (round.matched(row.s) >= majority)
        this.#ghost.claim(partition, o, row.s, b, `the usurper's entry ${b}.${row.s}`);
      if (round.leaseFrom >= 0)
        this.#ghost.reigns(partition, o, b, ackAfter, round.leaseFrom + timing.leaseMs);
      yield* sleep(timeline, this.#random.between(5, 300));
    }
    const last = yield* this.#replicate(partition, o, b, held, everybody, matches, opened.commit);
    if (last.leaseFrom >= 0) this.#ghost.reigns(partition, o, b, ackAfter, last.leaseFrom + timing.leaseMs);
    return "completed";
  }

  /** Is promised an epoch by these, and leaves it at that. */
  *interrupt(partition: number, o: number, voters: readonly number[]): Task<void> {
    const b = this.#ballot(partition, o);
    this.#say(`ballot ${b} in log ${partition}/${o} comes to nothing`);
    yield* this.#prepare(partition, o, b, { voters, majority: voters.length, bare: true });
  }

  #ballot(partition: number, o: number): Epoch {
    const highest = this.#cluster.hosts[partition]?.map((host) =>
      Number(host.driver.rows(`SELECT max(promised) FROM acceptor WHERE o = ?`, o)[0]?.[0] ?? 0),
    );
    this.#counter = Math.max(this.#counter, ...(highest ?? []).map(counterOf)) + 1;
    return epochOf(this.#counter, USURPER);
  }

  *#prepare(
    partition: number,
    o: number,
    b: Epoch,
    { voters, majority, bare }: { voters: readonly number[]; majority: number; bare: boolean },
  ): Task<Promised[]> {
    const { timeline } = this.#cluster;
    const promises: Promised[] = [];
    let left = voters.length;
    return yield* wait<Promised[]>((resume) => {
      const end = (): void => resume([...promises]);
      for (const to of this.#random.shuffled(voters)) {
        this.#call(partition, to, { type: "prepare", o, b, transfer: false }, (reply) => {
          left -= 1;
          if (reply?.type === "promise" && reply.b === b) {
            promises.push({ from: to, at: timeline.now, promise: reply });
            this.#cluster.tally.add("promises to the usurper");
          }
          if (left === 0) end();
          else if (promises.length === majority) {
            if (bare) end();
            else timeline.after(GRACE_MS, end);
          }
        });
      }
    });
  }

  *#adopt(partition: number, o: number, best: Promised): Task<Held | null> {
    const { base, last, epochs } = best.promise;
    const held: Held = { base, entries: [], epochs: epochs.filter((epoch) => epoch.start <= last.s), hlc: 0 };
    while (base.s + held.entries.length < last.s) {
      const from = held.entries.at(-1) ?? base;
      const pull: PeerRequest = {
        type: "pull",
        o,
        last: { e: from.e, s: from.s },
        base,
        epochs: held.epochs.filter((epoch) => epoch.start <= from.s),
        bytesMax: 1_000_000,
        wantCommit: false,
      };
      const reply = yield* wait<PeerReply | null>((resume) => this.#call(partition, best.from, pull, resume));
      if (
        reply?.type !== "pull-ok" ||
        reply.prev.s !== from.s ||
        reply.prev.e !== from.e ||
        reply.entries.length === 0
      )
        return null;
      for (const raw of reply.entries) if (raw.s <= last.s) held.entries.push(raw);
    }
    const tail = held.entries.at(-1) ?? base;
    if (compareTails(tail, last) !== 0) return null;
    for (const raw of held.entries) held.hlc = Math.max(held.hlc, this.#cluster.codec.decode(raw.bytes).hlc);
    return held;
  }

  #write(partition: number, o: number, e: Epoch, held: Held, fields: Partial<Entry>): RawEntry {
    const s = held.base.s + held.entries.length + 1;
    held.hlc = Math.max(held.hlc + 1, hlcAt(SIMULATION_STARTS_AT + this.#cluster.timeline.now));
    const entry: Entry = {
      pv: PROTOCOL_VERSION,
      kind: EntryKind.open,
      o,
      e,
      s,
      inc: 1,
      hlc: held.hlc,
      user: "",
      principal: "",
      concern: "local",
      deps: [],
      xdeps: [],
      ops: [],
      status: 0,
      ...fields,
    };
    const raw = { e, s, bytes: this.#cluster.codec.encode(entry) };
    if (entry.kind === EntryKind.open) held.epochs.push({ e, start: s });
    const prev = held.entries.at(-1) ?? held.base;
    held.entries.push(raw);
    this.#ghost.created(partition, o, raw, { prevE: prev.e, by: USURPER, at: this.#cluster.timeline.now });
    return raw;
  }

  /** One round to some voters, with a second try for each that answers with a mismatch. */
  *#replicate(
    partition: number,
    o: number,
    e: Epoch,
    held: Held,
    to: readonly number[],
    matches: Map<number, number>,
    commit: number,
  ): Task<Round> {
    const sentAt = this.#cluster.timeline.now;
    const head = held.base.s + held.entries.length;
    let left = to.length;
    let granted = 0;
    yield* wait<void>((resume) => {
      const finish = (): void => {
        left -= 1;
        if (left === 0) resume();
      };
      for (const region of to) {
        const send = (after: number, tries: number): void => {
          const prev =
            after === held.base.s ? held.base : (held.entries[after - held.base.s - 1] as RawEntry);
          const append: Append = {
            type: "append",
            o,
            e,
            inc: 1,
            prev: { e: prev.e, s: prev.s },
            entries: held.entries.slice(after - held.base.s),
            chain: new Uint8Array(0),
            commit,
            grant: true,
            pv: PROTOCOL_VERSION,
            sinks: [],
            voters: [],
          };
          this.#call(partition, region, append, (reply) => {
            if (reply?.type === "append-ok" && reply.e === e) {
              granted += 1;
              matches.set(region, Math.max(matches.get(region) ?? 0, reply.match));
            }
            if (reply?.type === "append-mismatch" && tries > 0) {
              const agree = divergencePoint(
                held.epochs,
                head,
                held.base.s,
                reply.epochs,
                reply.last.s,
                reply.base.s,
              );
              if (agree >= held.base.s) return send(agree, tries - 1);
            }
            finish();
          });
        };
        send(Math.min(matches.get(region) ?? head - 1, head), 2);
      }
    });
    const majority = Math.floor(this.#cluster.regions / 2) + 1;
    const matched = (s: number): number => [...matches.values()].filter((match) => match >= s).length;
    const committed = [...matches.values()].toSorted((a, b) => b - a)[majority - 1] ?? 0;
    return { matched, commit: Math.max(commit, committed), leaseFrom: granted >= majority ? sentAt : -1 };
  }

  #call(partition: number, to: number, message: PeerRequest, done: (reply: PeerReply | null) => void): void {
    const bytes = wire.encodeRequest(envelope(partition, USURPER, to), message);
    this.#cluster.network.call<Uint8Array>({
      from: USURPER,
      to,
      timeoutMs: CALL_MS,
      replication: false,
      deliver: (reply, refuse) => {
        const host = this.#cluster.host(to, partition);
        if (host === null) refuse();
        else host.peer(USURPER, bytes, reply, refuse);
      },
      done: (end) => done(end.end === "answer" ? wire.decodeReply(end.answer) : null),
    });
  }

  #say(text: string): void {
    this.#cluster.transcript.line(this.#cluster.timeline.now, text);
  }
}

function holds({ base, entries }: Held, { e, s }: Tail): boolean {
  return s <= base.s || entries[s - base.s - 1]?.e === e;
}

interface Round {
  readonly matched: (s: number) => number;
  readonly commit: number;
  /** Sending time of a round that a majority granted; -1 for none. */
  readonly leaseFrom: number;
}
