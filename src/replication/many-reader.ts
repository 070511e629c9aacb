/**
 * Answering several reads of one partition at once, level by level as the reader of single ones does (reader.ts).
 *
 * The answer is worked out in one turn, so that it is a state of this replica: a causal prefix of the partition. It says how
 * far that state reaches, out of which the edge sees whether the answers of several replicas are one cut (cut.ts). What this
 * replica cannot say at the level asked for is told read by read: the leader of another log has to be asked, or the
 * anchor's leader, who knows of everybody that has a home.
 */
import type { Settled } from "./anchor.ts";
import type { Context } from "./context.ts";
import { REACH_EPOCHS } from "./cut.ts";
import type { LogReach } from "./reply-part.ts";
import { Shown } from "./facts.ts";
import { homesOf } from "./home.ts";
import type { Leadership } from "./leader.ts";
import type { Levels } from "./level.ts";
import type { Moves } from "./move.ts";
import type { Position, RegionIndex } from "./position.ts";
import { viewOf } from "./item-view.ts";
import { answered } from "./reader.ts";
import { notLeader, sentOn, type Elsewhere } from "./redirect.ts";
import type { ClientReply, LostPosition, ManyFacts, ReadManyRequest, ReadOutcome } from "./request.ts";
import { coverage } from "./session.ts";
import type { Waiter } from "./waiters.ts";
import { live } from "./items-seen.ts";
import type { OwnerRow } from "./state-row.ts";

type ItemsReply = Extract<ClientReply, { kind: "items" }>;
/** By read; null: not known here. */
type Owners = readonly (OwnerRow | null)[];

/** An answer that may be waiting for leave to be told, and what it keeps in memory meanwhile. */
interface Worked extends Settled<ClientReply> {
  readonly bytes: number;
}

/** How a level lets this replica answer: the logs whose users it may show, and what the answer then says of itself. */
interface Licence {
  readonly why: string;
  /** What the answer relies on leading; empty at levels that do not. */
  readonly led: ReadonlyMap<RegionIndex, Leadership>;
  readonly shows: (home: RegionIndex) => boolean;
  /** Nobody who is not known here has a home. */
  readonly knowsAll: boolean;
  readonly lost: readonly LostPosition[];
}

export class ManyReader {
  readonly #context: Context;
  readonly #levels: Levels;
  readonly #moves: Moves;

  constructor(context: Context, levels: Levels, moves: Moves) {
    this.#moves = moves;
    this.#context = context;
    this.#levels = levels;
  }

  read(id: number, request: ReadManyRequest): Waiter {
    const startedAt = this.#context.now;
    let worked: Worked | null = null;
    return {
      id,
      deadlineAt: isNear(request)
        ? Math.min(request.deadlineAt, startedAt + request.waitMs)
        : request.deadlineAt,
      bytes: () => worked?.bytes ?? 0,
      poll: () => {
        if (worked === null || worked.over()) worked = this.#decide(request, startedAt);
        return worked?.tell() ?? null;
      },
      expire: () => this.#expired(request, startedAt),
    };
  }

  /** The answer that needs nothing but what is applied here; null: it has to wait, or to be anchored. Changes nothing. */
  atOnce(request: ReadManyRequest): ClientReply | null {
    const context = this.#context;
    const { level } = request;
    if (request.committed || (level !== "session" && level !== "prefix" && level !== "eventual")) return null;
    if (this.#lacks(request.needs ?? []) !== null) return null;
    if (level === "session" && request.stale !== true) {
      const session = coverage(context, request.session.positions);
      if (!session.covered || session.lost.length > 0) return null;
    }
    return this.#answer(request, this.#ownersOf(request), nearLicence(whyNear(request), []), context.now)
      .reply;
  }

  #decide(request: ReadManyRequest, startedAt: number): Worked | null {
    const context = this.#context;
    const owners = this.#ownersOf(request);
    const near = (licence: Licence): Worked => this.#near(request, owners, licence, startedAt);
    const lacking = this.#lacks(request.needs ?? []);
    if (lacking !== null) {
      this.#levels.fetch(lacking.o);
      return null;
    }
    const { level } = request;
    if (isAtHand(request)) return near(nearLicence(whyNear(request), []));
    const session = coverage(context, request.session.positions);
    if (session.lost.length > 0 && request.reportLost !== true)
      return empty({ kind: "items-lost", servedBy: context.config.region, lost: session.lost });
    if (session.missing !== null) {
      this.#levels.fetch(session.missing.o);
      return null;
    }
    if (level === "session") return near(nearLicence(whyNear(request), session.lost));
    const homes = [...new Set(owners.flatMap((owner) => owner?.home ?? []))];
    if (level === "bounded") {
      const bound = request.stalenessMsMax ?? 0;
      const around = (home: RegionIndex): RegionIndex[] => [
        ...new Set(owners.flatMap((owner) => (owner?.home === home ? this.#levels.logsOf(owner) : []))),
      ];
      const fresh = homes.map((home) => this.#levels.freshness(around(home), bound, startedAt));
      if (fresh.includes("ask")) return null;
      // This replica may itself be the leader that has to prove that it still is.
      const proves = homes.some((home, n) => fresh[n] === "leader" && this.#levels.leading(home) !== null);
      if (proves) return this.#asLeader(request, owners, homes, session.lost, startedAt);
      const shows = (home: RegionIndex): boolean => fresh[homes.indexOf(home)] === "fresh";
      return near({ ...nearLicence("fresh", session.lost), shows });
    }
    return this.#asLeader(request, owners, homes, session.lost, startedAt);
  }

  #asLeader(
    request: ReadManyRequest,
    owners: Owners,
    homes: readonly RegionIndex[],
    lost: readonly LostPosition[],
    startedAt: number,
  ): Worked | null {
    const context = this.#context;
    const { anchor } = context.config;
    const strangers = owners.includes(null);
    const certain = request.certain === true && strangers;
    const wanted = new Set(certain ? [...homes, anchor] : homes);
    const led = new Map<RegionIndex, Leadership>();
    const away = new Map<RegionIndex, Elsewhere>();
    for (const home of wanted) {
      const way = this.#levels.leader(home, { suspects: request.suspects, since: startedAt });
      if (way.kind === "here") led.set(home, way.leadership);
      else if (way.kind === "elsewhere") away.set(home, way);
    }
    if (led.size + away.size < wanted.size) return null;
    const anchorAway = certain ? away.get(anchor) : undefined;
    if (anchorAway !== undefined) return empty(notLeader(anchorAway));
    const [owner] = owners;
    // All in one log that somebody else leads: a redirect like that of a single read.
    if (owner !== undefined && owner !== null && homes.length === 1 && led.size === 0 && !strangers) {
      const way = away.get(owner.home);
      if (way !== undefined) return empty(sentOn(context, owner, way));
    }
    const here = owners.flatMap((owner) => (owner !== null && led.has(owner.home) ? [owner] : []));
    // All of them are asked: each sets in motion what it waits for.
    if (here.filter((owner) => !this.#moves.settled(owner)).length > 0) return null;
    const licence = {
      why: "leader",
      led,
      shows: (one: RegionIndex) => led.has(one),
      knowsAll: certain,
      lost,
    };
    const { reply, through } = this.#answer(request, owners, licence, startedAt);
    const committed = request.level === "strong" || request.committed;
    const settled = committed
      ? this.#levels.settle(durable(reply), [...led.values()], through)
      : this.#levels.settle(reply, [...led.values()]);
    return { ...settled, bytes: bytesKept(request, reply) };
  }

  #near(request: ReadManyRequest, owners: Owners, licence: Licence, startedAt: number): Worked {
    const { reply, through } = this.#answer(request, owners, licence, startedAt);
    if (!request.committed) return empty(reply);
    return { ...this.#levels.settle(durable(reply), [], through), bytes: bytesKept(request, reply) };
  }

  #ownersOf({ reads }: ReadManyRequest): Owners {
    return reads.map(({ user }) => this.#context.storage.owner(user));
  }

  /** The first need that is not met here; one that is lost can be waited for no more. */
  #lacks(needs: readonly Position[]): Position | null {
    return needs.find((need) => !["contained", "lost"].includes(this.#judge(need))) ?? null;
  }

  #judge({ o, e, s }: Position): string {
    const context = this.#context;
    return context.logs.get(o)?.judge(context.rules, e, s) ?? "behind";
  }

  #answer(
    request: ReadManyRequest,
    owners: Owners,
    licence: Licence,
    startedAt: number,
  ): { readonly reply: ItemsReply; readonly through: ReadonlyMap<RegionIndex, number> } {
    const context = this.#context;
    const page = new Page(context, request);
    for (const [n, { key }] of request.reads.entries()) {
      const owner = owners[n] ?? null;
      if (owner === null) page.stranger(licence.knowsAll);
      else if (licence.shows(owner.home)) page.show(owner, key);
      else page.elsewhere(owner);
    }
    const staleness = licence.led.size > 0 ? 0 : this.#levels.stalenessMs(page.homes);
    const leases = [...licence.led.values()].map(({ leaseUntil }) => Math.max(0, leaseUntil - context.now));
    const many: ManyFacts = {
      servedBy: context.config.region,
      // Of somebody who is not known here nobody can say how long ago that was not so.
      stalenessMs: page.strangers && isAtHand(request) ? null : staleness,
      ...page.shown.facts(),
      waitedMs: context.now - startedAt,
      leaseLeftMs: leases.length === 0 ? null : Math.min(...leases),
      why: licence.why,
      reach: this.#reach(),
      homes: this.#homesShown(request, page, licence),
      lostNeeds: (request.needs ?? []).filter((need) => this.#judge(need) === "lost"),
    };
    const lost = licence.lost.length === 0 ? {} : { lost: licence.lost };
    return {
      reply: { kind: "items", items: page.outcomes(), bytes: page.bytes, many, ...lost },
      through: page.shown.through,
    };
  }

  /**
   * Whoever is taken for nobody may have written in any log; whoever surely has no home got one since, if at all, through the
   * anchor's. At other levels those who are not known here are asked for elsewhere.
   */
  #homesShown(request: ReadManyRequest, page: Page, { knowsAll }: Licence): RegionIndex[] {
    if (page.strangers && isAtHand(request)) return [...this.#context.logs.keys()];
    if (!page.strangers || !knowsAll) return [...page.homes];
    return [...new Set([...page.homes, this.#context.config.anchor])];
  }

  #reach(): LogReach[] {
    return [...this.#context.logs.values()].map(({ o, applied, commit, epochs }) => ({
      o,
      applied,
      commit,
      epochs: epochs.slice(-REACH_EPOCHS),
    }));
  }

  #expired(request: ReadManyRequest, startedAt: number): ClientReply {
    const context = this.#context;
    const missing = this.#lacks(request.needs ?? []) ?? coverage(context, request.session.positions).missing;
    if (isNear(request)) {
      // Not had, or had and not known to be committed: either way the leader can tell.
      const needed = missing ?? request.session.positions[0] ?? { o: context.config.region, e: 0, s: 0 };
      const log = context.logs.get(needed.o);
      const found = { o: needed.o, e: log?.last.e ?? 0, s: log?.applied ?? 0 };
      const { o, e, s } = needed;
      return { kind: "behind", waitedMs: context.now - startedAt, needed: { o, e, s }, found };
    }
    if (missing !== null || request.committed) return { kind: "refused", reason: "read-timeout" };
    return { kind: "refused", reason: "no-leader" };
  }
}

function nearLicence(why: string, lost: readonly Position[]): Licence {
  return { why, led: new Map(), shows: () => true, knowsAll: false, lost };
}

function empty(reply: ClientReply): Worked {
  return { ...answered(reply), bytes: 0 };
}

function bytesKept({ bytesMax }: ReadManyRequest, { bytes }: ItemsReply): number {
  return bytes <= bytesMax ? bytes : 0;
}

/** The replica shows what it has; whom it does not know it takes for nobody. */
function isAtHand({ level, stale }: ReadManyRequest): boolean {
  return stale === true || level === "prefix" || level === "eventual";
}

function isNear({ level }: ReadManyRequest): boolean {
  return level === "session" || level === "prefix" || level === "eventual" || level === "bounded";
}

function whyNear({ level, stale }: ReadManyRequest): string {
  if (stale === true) return "stale";
  return level === "session" ? "covered" : "at-hand";
}

/** All that it shows was waited for and is committed by now: the token may say so. */
function durable(reply: ItemsReply): ItemsReply {
  const shown = reply.many.shown.map((position) => ({ ...position, durable: true }));
  return { ...reply, many: { ...reply.many, shown } };
}

/** The outcomes of one answer, in the order asked; values are let go again once they are more than was asked for. */
class Page {
  readonly #context: Context;
  readonly #bytesMax: number;
  readonly #at: number;
  readonly #homes = new Set<RegionIndex>();
  #outcomes: ReadOutcome[] = [];
  readonly shown = new Shown();
  strangers = false;
  bytes = 0;

  constructor(context: Context, { bytesMax, session }: ReadManyRequest) {
    this.#context = context;
    this.#bytesMax = bytesMax;
    this.#at = context.rules.readsAt(context.now, session.seenAt);
  }

  get homes(): readonly RegionIndex[] {
    return [...this.#homes];
  }

  outcomes(): readonly ReadOutcome[] {
    return this.#outcomes;
  }

  stranger(certain: boolean): void {
    this.strangers = true;
    this.#outcomes.push({ kind: certain ? "no-user" : "unknown-user" });
  }

  elsewhere({ home, version, o, e, s }: OwnerRow): void {
    this.#outcomes.push({ kind: "moved", home, version, claim: { o, e, s } });
  }

  show(owner: OwnerRow, key: string): void {
    const context = this.#context;
    const { user, home, version } = owner;
    for (const one of homesOf(owner)) this.#homes.add(one);
    const fits = this.bytes <= this.#bytesMax;
    const stored = context.storage.item(user, key, fits);
    if (stored !== null) this.shown.row(context, stored);
    else this.shown.nothing(context, owner);
    const item = live(stored, this.#at);
    if (item === null && stored !== null && !stored.tombstone) this.shown.expired(stored.expiresAt);
    if (item !== null) this.bytes += item.size;
    const whole = fits && this.bytes <= this.#bytesMax;
    if (fits && !whole) this.#withoutValues();
    this.#outcomes.push({ kind: "item", item: item === null ? null : viewOf(item, whole), home, version });
  }

  #withoutValues(): void {
    this.#outcomes = this.#outcomes.map((outcome) => {
      if (outcome.kind !== "item" || outcome.item === null) return outcome;
      const { value: _, ...item } = outcome.item;
      return { ...outcome, item };
    });
  }
}
