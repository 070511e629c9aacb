/**
 * What this replica remembers of the other voters (R8), so that it notices when one of them has lost its memory: whose storage is
 * another one than before, or has gone back in time. Such a voter has forgotten what it promised, granted and accepted; it
 * is not counted any more, in no majority, and shown as such.
 *
 *   another storeId                         it began anew
 *   a lower incarnation than before         it went back. Or it is an instance that was replaced and does not know it: so only
 *                                           an answer that takes a write says so, and any other is passed over
 *   a promise with a shorter log            it went back
 *
 * Who has led nothing has heard no voter. So a leader tells its followers whom it takes the others for, and they keep the names.
 *
 * It counts again once it calls its storage by the name under which it asked to be taken in again (recovery.ts). A name is good for
 * one return: whoever loses its memory under it has to ask again, under another one.
 *
 * Durable: it stands in the row that a leader writes with each lease, and when a voter was restarted; what a leader told, under
 * `introduced`, once for each name. A voter that went back by
 * less than a restart, or was restarted as often since without saying anything, cannot be told from one that was restarted.
 */
import { compareTails, EMPTY_TAIL, type RegionIndex, type Tail } from "./position.ts";
import type { Acquainted } from "./message.ts";
import type { Rules, Word } from "./rules.ts";
import type { Storage, VoterRow } from "./storage.ts";

export interface Hearing {
  readonly o: RegionIndex;
  /** Number of the call that it answers; 0: none. */
  readonly asked: number;
  /** It had to write before it could say so. */
  readonly wrote: boolean;
  /** `tail` is all that it has of the log, and not a part. */
  readonly whole: boolean;
}

interface Acquaintance {
  storeId: string;
  inc: number;
  /** The last call before `inc` or a tail was heard of: what answers a later one may not say less. */
  heardAt: number;
  readonly tails: Map<RegionIndex, Tail>;
}

export class Acquaintances {
  readonly #storage: Storage;
  readonly #rules: Rules;
  /** Number of the last call. */
  readonly #calls: () => number;
  readonly #known = new Map<RegionIndex, Acquaintance>();
  readonly #forgetful = new Set<RegionIndex>();
  /** By those whom a leader told of, when this replica knew nothing of them: durable. */
  readonly #introduced = new Map<RegionIndex, Acquainted>();
  #version = 0;
  /** What those who do not know that they have forgotten call their storage. */
  readonly #strange = new Map<RegionIndex, string>();
  /** Who asked to be taken in again: the name that it will have. */
  readonly #expected = new Map<RegionIndex, string>();

  constructor(storage: Storage, rules: Rules, calls: () => number) {
    this.#storage = storage;
    this.#rules = rules;
    this.#calls = calls;
    for (const { o, voters = [] } of storage.leaderships()) {
      for (const { region, storeId, inc, e, s } of voters) {
        const known = this.#of(region);
        if (inc >= known.inc) Object.assign(known, { storeId, inc });
        known.tails.set(o, { e, s });
      }
    }
    const introduced = storage.meta("introduced");
    if (typeof introduced === "string" && introduced !== "")
      for (const [region, storeId, inc] of introduced.split(",").map((each) => each.split(":"))) {
        const one = { region: Number(region), storeId: storeId!, inc: Number(inc) };
        this.#introduced.set(one.region, one);
        const known = this.#of(one.region);
        if (known.storeId === "") Object.assign(known, { storeId: one.storeId, inc: one.inc });
      }
    const forgetful = storage.meta("forgetful");
    if (typeof forgetful === "string" && forgetful !== "")
      for (const region of forgetful.split(",")) this.#forgetful.add(Number(region));
    const expected = storage.meta("expected");
    if (typeof expected === "string" && expected !== "")
      for (const [region, storeId] of expected.split(",").map((each) => each.split(":"))) {
        this.#expected.set(Number(region), storeId!);
        // What was known of it may be older than that.
        if (this.#known.get(Number(region))?.storeId !== storeId) this.#meet(Number(region), storeId!);
      }
  }

  hasForgotten(region: RegionIndex): boolean {
    return this.#forgetful.has(region);
  }

  all(): RegionIndex[] {
    return [...this.#forgetful].toSorted((a, b) => a - b);
  }

  /** May what it says be counted? */
  counts(region: RegionIndex, said: Word, { o, asked, wrote, whole }: Hearing): boolean {
    this.#welcome(region, said.storeId);
    const known = this.#of(region);
    const isLate = asked <= known.heardAt;
    const before = { storeId: known.storeId, inc: known.inc, tail: known.tails.get(o) ?? EMPTY_TAIL };
    if (this.#rules.hasForgotten(before, said, { proves: wrote && !isLate, whole })) {
      this.#forget(region);
      if (said.storeId !== "" && said.storeId === this.#expected.get(region)) this.#disappoint(region);
    }
    if (this.#forgetful.has(region)) {
      this.#strange.set(region, said.storeId);
      return false;
    }
    if (said.inc < known.inc) return isLate;
    const heard = said.inc > known.inc || compareTails(said.tail, before.tail) > 0;
    if (said.inc > known.inc || said.storeId !== known.storeId) this.#version += 1;
    if (heard) known.heardAt = this.#calls();
    known.storeId = said.storeId;
    known.inc = said.inc;
    if (compareTails(said.tail, before.tail) > 0) known.tails.set(o, said.tail);
    return true;
  }

  /** Is it the voter that it was, as far as it can be told without an answer? */
  recognizes(region: RegionIndex, said: Word): boolean {
    this.#welcome(region, said.storeId);
    const { storeId, inc } = this.#of(region);
    const known = { storeId, inc, tail: EMPTY_TAIL };
    if (this.#rules.hasForgotten(known, said, { proves: false, whole: false })) this.#forget(region);
    return !this.#forgetful.has(region);
  }

  /** For a message to it: that it has lost its memory, if it still calls its storage so. */
  reminder(region: RegionIndex): { readonly forgotten?: string } {
    const forgotten = this.#forgetful.has(region) ? (this.#strange.get(region) ?? "") : "";
    return forgotten === "" ? {} : { forgotten };
  }

  /** Grows with what a leader tells of the others. */
  get version(): number {
    return this.#version;
  }

  /** What is told to `region` of the others: those that are counted. */
  introductions(region: RegionIndex): Acquainted[] {
    return this.#counted().filter((one) => one.region !== region);
  }

  /** A leader takes the others for these. What this replica knows by itself it knows better. */
  introduced(others: readonly Acquainted[]): void {
    for (const { region, storeId, inc } of others) {
      const known = this.#of(region);
      if (storeId === "" || (known.storeId !== "" && known.storeId !== storeId)) continue;
      if (this.#forgetful.has(region) || this.#expected.has(region)) continue;
      if (known.storeId === "") {
        this.#introduced.set(region, { region, storeId, inc });
        this.#storage.setMeta("introduced", [...this.#introduced.values()].map(asText).join(","));
      }
      if (known.storeId !== "" && inc <= known.inc) continue;
      // It had been started by then: what answers a later call is no earlier instance.
      Object.assign(known, { storeId, inc, heardAt: this.#calls() });
      this.#version += 1;
    }
  }

  /** It has lost its memory and will be another one: what it said until now is forgotten here too. */
  expect(region: RegionIndex, storeId: string): void {
    this.#meet(region, storeId);
    this.#expected.set(region, storeId);
    this.#persistExpected();
  }

  /** Whom it would take the others for now: by no name who has lost its memory, unless it may be back under one. */
  others(): Acquainted[] {
    const forgetful = this.all().map((region) => ({
      region,
      storeId: this.#expected.get(region) ?? "",
      inc: 0,
    }));
    return [...forgetful, ...this.#counted()];
  }

  #counted(): Acquainted[] {
    return [...this.#known]
      .filter(([region, { storeId }]) => storeId !== "" && !this.#forgetful.has(region))
      .map(([region, { storeId, inc }]) => ({ region, storeId, inc }));
  }

  /** It was back under that name, and has lost its memory again. */
  #disappoint(region: RegionIndex): void {
    this.#expected.delete(region);
    this.#persistExpected();
  }

  #persistExpected(): void {
    this.#storage.setMeta("expected", [...this.#expected].map((each) => each.join(":")).join(","));
  }

  #meet(region: RegionIndex, storeId: string): void {
    this.#known.set(region, { storeId, inc: 0, heardAt: this.#calls(), tails: new Map() });
  }

  /** It uses the new name only when it is back. */
  #welcome(region: RegionIndex, storeId: string): void {
    if (!this.#forgetful.has(region) || storeId === "" || this.#expected.get(region) !== storeId) return;
    this.#forgetful.delete(region);
    this.#version += 1;
    this.#storage.setMeta("forgetful", this.all().join(","));
  }

  /** For the row of a led log. */
  rows(o: RegionIndex): VoterRow[] {
    return [...this.#known]
      .toSorted(([a], [b]) => a - b)
      .filter(([, { storeId }]) => storeId !== "")
      .map(([region, { storeId, inc, tails }]) => ({
        region,
        storeId,
        inc,
        ...(tails.get(o) ?? EMPTY_TAIL),
      }));
  }

  #forget(region: RegionIndex): void {
    if (this.#forgetful.has(region)) return;
    this.#forgetful.add(region);
    this.#storage.setMeta("forgetful", this.all().join(","));
  }

  #of(region: RegionIndex): Acquaintance {
    let known = this.#known.get(region);
    if (known === undefined) {
      known = { storeId: "", inc: 0, heardAt: 0, tails: new Map() };
      this.#known.set(region, known);
    }
    return known;
  }
}

function asText({ region, storeId, inc }: Acquainted): string {
  return `${region}:${storeId}:${inc}`;
}
