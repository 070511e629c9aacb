/**
 * What nobody in the simulation can know: every entry that was ever written, by whom, who ever held it, what has been
 * committed, what has been acknowledged, and who could acknowledge when.
 *
 * Invariants compare what replicas do with this. It learns only from what replicas stored and said.
 */
import { type Entry, type EntryCodec, EntryKind, type RawEntry } from "../../src/replication/entry.ts";
import type { Epoch, Position } from "../../src/replication/position.ts";
import { type Host, sha256 } from "./host.ts";
import { isLeaver } from "./leaver-name.ts";
import { Mirror } from "./mirror.ts";
import type { Random } from "./random.ts";

export interface Known {
  readonly raw: RawEntry;
  readonly entry: Entry;
  readonly prevE: Epoch;
  /** Chain hash, once some replica stored it. */
  chain: Uint8Array | null;
  readonly by: number;
  /** Real time at which it was first seen. */
  readonly at: number;
  /** Regions whose replica ever stored it. */
  readonly holders: Set<number>;
}

/** A replica or the usurper may act as the leader between two instants of real time. */
export interface Reign {
  readonly e: Epoch;
  readonly from: number;
  readonly until: number;
}

export interface Acknowledged {
  readonly position: Position;
  readonly concern: string;
  readonly at: number;
  readonly user: string;
  readonly principal: string;
  readonly key: string | undefined;
}

/** One log of one partition, over all replicas. */
export class LogGhost {
  readonly partition: number;
  readonly o: number;
  readonly entries = new Map<string, Known>();
  /** Epoch by seq, from 1: the committed prefix, as first claimed. */
  readonly committed: Epoch[] = [0];
  readonly acknowledged: Acknowledged[] = [];
  readonly reigns: Reign[] = [];
  /** Positions that some replica declared lost. */
  readonly lost = new Map<string, string>();
  /** By epoch: the greatest hlc that its leader said no later entry of it would stay under. */
  readonly closedHlc = new Map<Epoch, number>();
  /** Ballots under which replicas campaigned. */
  readonly ballots = new Set<Epoch>();
  /** Greatest epoch that acknowledged or answered as leader. */
  actedEpoch: Epoch = 0;

  constructor(partition: number, o: number) {
    this.partition = partition;
    this.o = o;
  }

  get commit(): number {
    return this.committed.length - 1;
  }

  isCommitted(e: Epoch, s: number): boolean {
    return this.committed[s] === e;
  }

  /** Committed history has another entry there, or the epoch's successor began before it. */
  isSuperseded(e: Epoch, s: number): boolean {
    const at = this.committed[s];
    if (at !== undefined) return at !== e;
    for (let i = this.commit; i > 0; i--) {
      const there = this.committed[i];
      if (there !== undefined && there > e) return true;
    }
    return false;
  }

  known(e: Epoch, s: number): Known | undefined {
    return this.entries.get(`${e}.${s}`);
  }
}

export class Ghost {
  readonly logs: readonly (readonly LogGhost[])[];
  readonly #codec: EntryCodec;
  readonly #regions: number;
  readonly #mirrors = new Map<Host, readonly Mirror[]>();
  /** What is wrong, in words; the first one counts. */
  readonly problems: string[] = [];

  constructor(partitions: number, regions: number, codec: EntryCodec) {
    this.#codec = codec;
    this.#regions = regions;
    this.logs = Array.from({ length: partitions }, (_, p) =>
      Array.from({ length: regions }, (_, o) => new LogGhost(p, o)),
    );
  }

  decode(bytes: Uint8Array): Entry {
    return this.#codec.decode(bytes);
  }

  get majority(): number {
    return Math.floor(this.#regions / 2) + 1;
  }

  log(partition: number, o: number): LogGhost {
    const log = this.logs[partition]?.[o];
    if (log === undefined) throw new Error(`no log ${partition}/${o}`);
    return log;
  }

  mirrors(host: Host): readonly Mirror[] {
    let mirrors = this.#mirrors.get(host);
    if (mirrors === undefined) {
      mirrors = Array.from({ length: this.#regions }, (_, o) => new Mirror(o));
      this.#mirrors.set(host, mirrors);
    }
    return mirrors;
  }

  /** Its storage was set to something else: what follows is compared with that. */
  forget(host: Host): void {
    this.#mirrors.delete(host);
  }

  mirror(host: Host, o: number): Mirror {
    const mirror = this.mirrors(host)[o];
    if (mirror === undefined) throw new Error(`no log ${o}`);
    return mirror;
  }

  fail(invariant: string, what: string): void {
    this.problems.push(`${invariant}: ${what}`);
  }

  /** Notes an entry when it is first seen; answers what is known of it. */
  created(
    partition: number,
    o: number,
    raw: RawEntry,
    { prevE, by, at }: Pick<Known, "prevE" | "by" | "at">,
  ): Known {
    const log = this.log(partition, o);
    const id = `${raw.e}.${raw.s}`;
    let known = log.entries.get(id);
    if (known === undefined) {
      const bytes = new Uint8Array(raw.bytes);
      known = {
        raw: { ...raw, bytes },
        entry: this.#codec.decode(bytes),
        prevE,
        chain: null,
        by,
        at,
        holders: new Set(),
      };
      log.entries.set(id, known);
    }
    return known;
  }

  /** Somebody says that its log is committed through s, where its entry at s is of epoch e. */
  claim(partition: number, o: number, s: number, e: Epoch, who: string): void {
    const log = this.log(partition, o);
    // Walk down from (e, s) along the history that the entries themselves state.
    const epochs: Epoch[] = [];
    let at = { e, s };
    while (at.s > log.commit) {
      epochs.push(at.e);
      const known = log.known(at.e, at.s);
      if (known === undefined) {
        this.fail(
          "I7 commit validity",
          `${who} speaks of ${at.e}.${at.s} in log ${partition}/${o}, which nobody wrote`,
        );
        return;
      }
      at = { e: known.prevE, s: at.s - 1 };
    }
    if (log.committed[at.s] !== at.e && at.s > 0) {
      this.fail(
        "I9 committed prefixes agree",
        `${who}: log ${partition}/${o} committed through ${e}.${s} has ${at.e}.${at.s} where ${log.committed[at.s]}.${at.s} is committed`,
      );
      return;
    }
    for (const epoch of epochs.toReversed()) {
      log.committed.push(epoch);
      const lost = log.lost.get(`${epoch}.${log.commit}`);
      if (lost !== undefined)
        this.fail(
          "I21 lost is final",
          `${epoch}.${log.commit} of log ${partition}/${o} was declared ${lost} and is committed now, says ${who}`,
        );
    }
    if (epochs.length === 0) return;
    const held = log.known(e, s)?.holders ?? new Set();
    if (held.size < this.majority) {
      this.fail(
        "I7 commit validity",
        `${who}: ${e}.${s} of log ${partition}/${o} is called committed, and only regions ${[...held].join(", ")} ever held it`,
      );
    }
  }

  reigns(partition: number, o: number, e: Epoch, from: number, until: number): void {
    if (until > from) this.log(partition, o).reigns.push({ e, from, until });
  }

  /** A user and key for whom this log is home, by committed claims and writes; null when there is none yet. */
  someUserOf(
    partition: number,
    o: number,
    random: Random,
  ): { user: string; key: string; claim: Position } | null {
    const homes: { user: string; claim: Position }[] = [];
    const movers = new Set(
      (this.logs[partition] ?? []).flatMap((log) =>
        [...log.entries.values()].flatMap(({ entry }) => (entry.handoff === undefined ? [] : [entry.user])),
      ),
    );
    for (const log of this.logs[partition] ?? []) {
      for (let s = 1; s <= log.commit; s++) {
        const entry = log.known(log.committed[s] ?? 0, s)?.entry;
        if (entry?.kind !== EntryKind.claim || entry.claim?.home !== o || isLeaver(entry.user)) continue;
        // Whoever has ever moved is at home where replicas say, which it knows nothing of.
        if (movers.has(entry.user)) continue;
        homes.push({ user: entry.user, claim: { o: log.o, e: entry.e, s } });
      }
    }
    if (homes.length === 0) return null;
    return { ...random.pick(homes), key: `k${random.below(3)}` };
  }
}

export function chainAfter(previous: Uint8Array, bytes: Uint8Array): Uint8Array {
  return sha256(previous, bytes);
}
