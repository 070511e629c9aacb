/**
 * How a voter that has lost its memory is taken in again (R8): what it must know before it may vote, and from whom.
 *
 *   it was told that it has forgotten ──▶ takes a new name, drops of its logs what is not known to be committed, and applies nothing
 *     ──▶ asks every other voter: under what do you know me from now on, what have you promised, where do your logs end?
 *     ──▶ all have answered, none of which has forgotten itself, as far as the others know ──▶ its logs reach as far as the greatest of theirs
 *     ──▶ promises the greatest ballot that any of them has promised, holds as granted what it may have granted, and is back
 *
 * Why that is enough. Let what it said before it asked be true, and all of it forgotten. *Its promises:* whoever asked it for a ballot had
 * promised that ballot itself, durably, before; so had it before it answers now, and no ballot that the voter has promised is above
 * the greatest that it hears of. One voter left out could be the one whose ballot it promised: hence all. *What it acknowledged:* the
 * leader had it in its log before it sent it, and answers later. That log, or the log of a greater epoch which then has it too if it was
 * committed (leader completeness), is no greater than the greatest end that the voter hears of, and it has a log that ends
 * there or later. So whoever counts it is told of it. *Its grants:* it holds every other voter to have one, from now on. What it
 * said before and what comes late was true when it was said, and is contained in all this; it needs no cancelling.
 *
 * Two voters that have forgotten are no help to each other: with three voters the other two have to have been there all along. One of them
 * may have forgotten and not know it; so each says for whom it takes the others, and words that do not go together are asked for again.
 *
 * Nothing ticks: what failed is tried again when somebody comes, and an instance that is restarted begins anew.
 */
import type { Applier } from "./apply.ts";
import type { Context } from "./context.ts";
import type { Follower } from "./follower.ts";
import type { Leaderships } from "./leaderships.ts";
import type { Log } from "./log.ts";
import type { Nack, Return, Vouched } from "./message.ts";
import { compareTails, counterOf, EMPTY_TAIL, type RegionIndex, type Tail } from "./position.ts";

/** After a failure, doubling, and no sooner than somebody comes. */
const REST_MS = 100;
const REST_MS_MAX = 5_000;

interface Attempt {
  /** Under which the others know this replica from now on. */
  readonly storeId: string;
  readonly words: Map<RegionIndex, Vouched>;
  readonly asking: Set<RegionIndex>;
  failures: number;
  notBefore: number;
  /** Somebody came since the last failure. */
  stirred: boolean;
  /** The followers know how far the logs of the others go. */
  told: boolean;
}

export interface RecoveryParts {
  readonly context: Context;
  readonly applier: Applier;
  readonly followers: ReadonlyMap<RegionIndex, Follower>;
  readonly restoring: () => boolean;
}

export class Recovery {
  readonly #parts: RecoveryParts;
  #attempt: Attempt | null = null;
  #stirred = true;

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  /** Contact from outside, or the alarm: worth trying again. */
  stir(): void {
    this.#stirred = true;
  }

  /** Before anything is said in it about a log that is shorter afterwards. */
  beginTurn(): void {
    const { context, restoring } = this.#parts;
    if (!context.hasForgotten) this.#attempt = null;
    else if (!restoring()) {
      this.#attempt ??= this.#begin();
      this.#hold();
    }
  }

  advance(): void {
    const { context, restoring } = this.#parts;
    if (context.hasForgotten && !restoring()) {
      if (this.#attempt === null) context.wakeAt(context.now);
      else this.#goOn(this.#attempt);
    }
    this.#stirred = false;
  }

  /** What it took itself for the leader of, and wrote, may stand elsewhere in other words: only what is committed is surely everybody's. */
  #begin(): Attempt {
    const { context, applier } = this.#parts;
    for (const log of context.logs.values()) {
      log.advanceCommit(this.#appliedForGood(log));
      if (log.last.s > log.commit) applier.truncate(log, log.commit + 1);
    }
    return {
      storeId: context.newStoreId(),
      words: new Map(),
      asking: new Set(),
      failures: 0,
      notBefore: 0,
      stirred: true,
      told: false,
    };
  }

  /** What was committed when it was applied keeps no way back, and says so after a restart, which knows less of the commit position. */
  #appliedForGood(log: Log): number {
    const { storage } = this.#parts.context;
    for (let s = log.last.s; s > log.commit; s--) {
      const row = storage.entry(log.o, s);
      if (row?.applied === true && row.undo === null) return s;
    }
    return log.commit;
  }

  /**
   * What was dropped may be committed, and what was applied in another log rest on it: until it is here again what follows there is stored
   * and not applied.
   */
  #hold(): void {
    const { context, applier } = this.#parts;
    applier.hold(new Map([...context.logs.keys()].map((o) => [o, Infinity])));
  }

  #goOn(attempt: Attempt): void {
    const { context, followers } = this.#parts;
    const peers = context.peers();
    attempt.stirred ||= this.#stirred;
    const missing = peers.filter((peer) => !attempt.words.has(peer) && !attempt.asking.has(peer));
    if (missing.length > 0 && attempt.stirred) {
      if (context.now < attempt.notBefore) context.wakeAt(attempt.notBefore);
      else for (const peer of missing) this.#ask(attempt, peer);
    }
    if (!context.rules.mayReturn(attempt.words.size, peers.length)) return;
    const doubtful = this.#doubtful(attempt);
    if (doubtful.size > 0) {
      for (const peer of doubtful) attempt.words.delete(peer);
      attempt.told = false;
      return this.#rest(attempt);
    }
    let whole = true;
    for (const log of context.logs.values()) {
      const end = furthest(attempt, log);
      if (context.rules.hasCaughtUp(log.last, end)) continue;
      whole = false;
      const follower = followers.get(log.o);
      // Said again in every turn it would be asked for again in every turn, should whoever had it have lost it.
      if (!attempt.told || this.#stirred) follower?.heardOf(end);
      if (this.#stirred) follower?.want();
    }
    attempt.told = true;
    if (whole) this.#return(attempt);
  }

  #ask(attempt: Attempt, peer: RegionIndex): void {
    const { context } = this.#parts;
    attempt.asking.add(peer);
    context.call(peer, { type: "return", storeId: attempt.storeId }, (reply) => {
      context.changed = true;
      attempt.asking.delete(peer);
      if (reply?.type === "vouched") {
        attempt.words.set(peer, reply);
        return;
      }
      this.#rest(attempt);
    });
  }

  /** Those whose words do not go together: one may have forgotten, or been taken in again, since the other heard of it. */
  #doubtful({ words }: Attempt): Set<RegionIndex> {
    const { rules } = this.#parts.context;
    const doubtful = new Set<RegionIndex>();
    for (const [witness, { others }] of words)
      for (const other of others) {
        const said = words.get(other.region);
        if (said !== undefined && rules.contradicts(other, said)) doubtful.add(witness).add(other.region);
      }
    return doubtful;
  }

  #rest(attempt: Attempt): void {
    attempt.notBefore =
      this.#parts.context.now + Math.min(REST_MS_MAX, REST_MS * 2 ** Math.min(attempt.failures, 10));
    attempt.failures += 1;
    attempt.stirred = false;
  }

  #return(attempt: Attempt): void {
    const { context, applier } = this.#parts;
    const { config, now, rules, storage } = context;
    for (const log of context.logs.values()) {
      const heard = wordsOf(attempt, log).map(({ promised }) => promised);
      const promised = rules.promisedAgain(log.promised, heard);
      log.promise({ promised, maxCounter: Math.max(log.acceptor.maxCounter, counterOf(promised)) });
      if (config.timing.leaseMs === 0) continue;
      for (const grantee of context.peers())
        storage.putGrant({ o: log.o, grantee, until: rules.grantUntil(now, config.timing) });
    }
    context.remember(attempt.storeId);
    this.#attempt = null;
    applier.hold(new Map());
    applier.applyWaiting();
  }
}

/** The answering side: from here on the voter is known by its new name, and counts once it uses it. */
export function vouchFor(
  context: Context,
  leaderships: Leaderships,
  { from, message }: { readonly from: RegionIndex; readonly message: Return },
): Vouched | Nack {
  if (context.hasForgotten || message.storeId === "") return { type: "nack", promised: 0 };
  context.acquaintances.expect(from, message.storeId);
  for (const leadership of leaderships.all()) leadership.appends.meetAnew(from);
  const logs = [...context.logs.values()].map(({ o, promised, last }) => ({ o, promised, last }));
  return {
    type: "vouched",
    logs,
    storeId: context.identity,
    inc: context.incarnation,
    others: context.acquaintances.others().filter(({ region }) => region !== from),
  };
}

function wordsOf({ words }: Attempt, { o }: Log): Vouched["logs"] {
  return [...words.values()].flatMap(({ logs }) => logs.filter((log) => log.o === o));
}

function furthest(attempt: Attempt, log: Log): Tail {
  const ends = wordsOf(attempt, log).map(({ last }) => last);
  return ends.reduce((best, end) => (compareTails(end, best) > 0 ? end : best), EMPTY_TAIL);
}
