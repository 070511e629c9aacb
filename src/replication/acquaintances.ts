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
 * Durable: it stands in the row that a leader writes with each lease, and when a voter was restarted. A voter that went back by
 * less than a restart, or was restarted as often since without saying anything, cannot be told from one that was restarted.
 */
import { compareTails, EMPTY_TAIL, type RegionIndex, type Tail } from "./position.ts";
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
    const forgetful = storage.meta("forgetful");
    if (typeof forgetful === "string" && forgetful !== "")
      for (const region of forgetful.split(",")) this.#forgetful.add(Number(region));
  }

  hasForgotten(region: RegionIndex): boolean {
    return this.#forgetful.has(region);
  }

  all(): RegionIndex[] {
    return [...this.#forgetful].toSorted((a, b) => a - b);
  }

  /** May what it says be counted? */
  counts(region: RegionIndex, said: Word, { o, asked, wrote, whole }: Hearing): boolean {
    const known = this.#of(region);
    const isLate = asked <= known.heardAt;
    const before = { storeId: known.storeId, inc: known.inc, tail: known.tails.get(o) ?? EMPTY_TAIL };
    if (this.#rules.hasForgotten(before, said, { proves: wrote && !isLate, whole })) this.#forget(region);
    if (this.#forgetful.has(region)) return false;
    if (said.inc < known.inc) return isLate;
    const heard = said.inc > known.inc || compareTails(said.tail, before.tail) > 0;
    if (heard) known.heardAt = this.#calls();
    known.storeId = said.storeId;
    known.inc = said.inc;
    if (compareTails(said.tail, before.tail) > 0) known.tails.set(o, said.tail);
    return true;
  }

  /** Is it the voter that it was, as far as it can be told without an answer? */
  recognizes(region: RegionIndex, said: Word): boolean {
    const { storeId, inc } = this.#of(region);
    const known = { storeId, inc, tail: EMPTY_TAIL };
    if (this.#rules.hasForgotten(known, said, { proves: false, whole: false })) this.#forget(region);
    return !this.#forgetful.has(region);
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
