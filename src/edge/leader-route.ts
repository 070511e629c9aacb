/**
 * The way to a leader: of the log that a user is at home in, or of the anchor's log, where homes are claimed.
 *
 * Two loops. The inner one finds whoever leads one log: it follows `not-leader`, and when the leader stays silent it goes to
 * another replica, which it tells whom it suspects. That one looks for itself: it sends us back where the leader is there after
 * all, and otherwise brings a takeover about, for which we wait within the caller's time. The outer one finds which log: it follows `moved` and `ask`, and asks the anchor when a replica does not know the user. Repeating is
 * safe: reads have no effect, claims answer the present home, and every write carries an idempotency key.
 */
import type { RegionIndex } from "../replication/position.ts";
import type { ClientRequest, HeardClaim } from "../replication/request.ts";
import { sleep, type Journey, type Outcome } from "./journey.ts";

/** What changes between attempts at the same thing. */
export interface Hop {
  readonly deadlineAt: number;
  readonly asking?: boolean;
  readonly claim?: HeardClaim;
  /** A region that led as far as the edge knew and did not answer: the replica that hears this looks for itself. */
  readonly suspects?: RegionIndex;
}

type Hint = Omit<Hop, "deadlineAt" | "suspects">;

export interface LeaderQuery {
  readonly make: (hop: Hop) => ClientRequest;
  /** In whose name who is at home nowhere gets a home; null: the anchor says for certain that there is none. */
  readonly claimant: string | null;
  /** Which home that is; absent: the nearest region that answers. */
  readonly claims?: RegionIndex;
}

const ATTEMPTS_MAX = 2;
const PAUSES_MS = [50, 100, 200, 400] as const;

export async function askHomeLeader(journey: Journey, query: LeaderQuery): Promise<Outcome> {
  const { namespace, user } = journey.subject;
  const known = journey.edge.homes.homeOf(namespace, user, Date.now());
  // Without a hint the nearest replica is as good a guess as any: often it is the home, and otherwise it knows the way.
  let origin = known;
  let hint: Hint = {};
  for (let waits = 0; ;) {
    const outcome = await askLeaderOf(journey, origin, query.make, hint);
    if (outcome.kind === "moved") {
      if (!journey.redirected()) return NO_LEADER;
      origin = outcome.home;
      // A replica there that is behind waits for it, instead of sending us back.
      hint = outcome.claim === undefined ? {} : { claim: outcome.claim };
    } else if (outcome.kind === "ask") {
      if (!journey.redirected()) return NO_LEADER;
      origin = outcome.to;
      hint = { asking: true };
    } else if (outcome.kind === "unknown-user") {
      // Told of the claim and still not knowing: the claim is on its way there.
      if (hint.claim !== undefined && !(await pause(journey, waits++))) return NO_LEADER;
      const home = await settleHome(journey, query);
      if (home.kind !== "home") return home;
      origin = home.home;
      // What stands in the anchor's log its leader has told once a majority held it: the home need not find that out.
      const committed = home.position.o === anchorOf(journey);
      hint = { claim: committed ? { ...home.position, committed } : home.position };
    } else {
      return outcome;
    }
  }
}

const NO_LEADER = { kind: "refused", reason: "no-leader" } as const satisfies Outcome;
const NO_USER = { kind: "refused", reason: "no-user" } as const satisfies Outcome;

/** The region that just answered is the nearest one that does: it becomes the home. */
async function settleHome(journey: Journey, { claimant, claims }: LeaderQuery): Promise<Outcome> {
  if (claimant === null) return askHome(journey);
  return claimHome(journey, claims ?? journey.answeredBy ?? journey.from, claimant);
}

function claimHome(journey: Journey, home: RegionIndex, principal: string): Promise<Outcome> {
  const { from, subject } = journey;
  return askAnchor(journey, (hop) => ({ op: "claim", user: subject.user, home, principal, from, ...hop }));
}

/** The home, or for certain that there is none. */
export async function askHome(journey: Journey): Promise<Outcome> {
  const { from, subject } = journey;
  const request = { op: "home", user: subject.user, certain: true, from } as const;
  const outcome = await askAnchor(journey, (hop) => ({ ...request, ...hop }));
  return outcome.kind === "unknown-user" ? NO_USER : outcome;
}

function askAnchor(journey: Journey, make: LeaderQuery["make"]): Promise<Outcome> {
  return askLeaderOf(journey, anchorOf(journey), make);
}

function anchorOf({ edge, subject }: Journey): RegionIndex | undefined {
  return edge.deployment.anchors[subject.partition];
}

/**
 * Asks whoever leads the log of `origin`; of an unknown one, whoever is near. Answers anything but `not-leader`. An attempt
 * has a slice of the caller's time; a leader that says "not yet" at the end of its slice is asked again.
 */
export async function askLeaderOf(
  journey: Journey,
  origin: RegionIndex | undefined,
  make: LeaderQuery["make"],
  hint: Hint = {},
): Promise<Outcome> {
  const search = new LeaderSearch(journey, origin);
  let to = search.first();
  for (;;) {
    const timeoutMs = journey.attemptMs();
    const deadlineAt = journey.replicaDeadlineAt(timeoutMs);
    const { suspect } = search;
    const hop = { deadlineAt, ...hint, ...(suspect === undefined ? {} : { suspects: suspect }) };
    const outcome = await journey.ask(to, make(hop), timeoutMs);
    const next = await search.after(to, outcome);
    if (next === null) return search.conclusion(outcome);
    to = next;
  }
}

/** Nothing to be had of this replica now; overload is not among it: that one is alive, and retrying makes it worse. */
function isDeadEnd(outcome: Outcome): boolean {
  return isGone(outcome) || outcome.kind === "outcome-unknown" || isRefused(outcome);
}

/** It may be a restart, and is over at once: worth another try. */
function isRefused(outcome: Outcome): boolean {
  return outcome.kind === "unreached" && outcome.reason === "refused";
}

/** Another try would take as long again, or could not help. */
function isGone(outcome: Outcome): boolean {
  if (outcome.kind === "unreached") return outcome.reason === "timeout";
  return outcome.kind === "refused" && outcome.reason === "not-ready";
}

/** Whoever said this was asked for less time than the caller has, and may say otherwise when asked again. */
function isNotYet(outcome: Outcome): boolean {
  if (outcome.kind === "concern-timeout") return true;
  if (outcome.kind === "refused" && outcome.reason === "not-there") return outcome.soon === true;
  return outcome.kind === "refused" && (outcome.reason === "no-leader" || outcome.reason === "read-timeout");
}

/** Which replica to ask next for one log. `null`: none, what was answered is the answer. */
class LeaderSearch {
  readonly #journey: Journey;
  readonly #origin: RegionIndex | undefined;
  readonly #failures = new Map<RegionIndex, number>();
  #pauses = 0;
  /** Who leads, as far as anybody said. */
  #leader: RegionIndex | undefined;
  #suspect: RegionIndex | undefined;
  /** A write that is durable and waits for its concern: whatever comes after, this is known. */
  #durable: Outcome | null = null;

  constructor(journey: Journey, origin: RegionIndex | undefined) {
    this.#journey = journey;
    this.#origin = origin;
  }

  get suspect(): RegionIndex | undefined {
    return this.#suspect;
  }

  first(): RegionIndex {
    const { edge, from, subject } = this.#journey;
    if (this.#origin === undefined) return this.#near()[0] ?? from;
    this.#leader = edge.homes.leaderOf(subject.namespace, subject.partition, this.#origin, Date.now());
    return this.#leader;
  }

  async after(to: RegionIndex, outcome: Outcome): Promise<RegionIndex | null> {
    if (outcome.kind === "concern-timeout") {
      this.#durable = outcome;
      // Whoever leads next may refuse what this one has logged, and it may yet be seen here.
      this.#journey.leftOpen();
    }
    // Whoever leads next has it in the log; whatever they say, it is not undone.
    if ((outcome.kind === "not-leader" || outcome.kind === "moved") && outcome.logged === true)
      this.#journey.leftOpen();
    if (outcome.kind === "refused" && outcome.reason === "no-leader" && outcome.underWay === true)
      this.#journey.leftOpen();
    if (isNotYet(outcome)) return (await this.#pause()) ? to : null;
    if (outcome.kind === "not-leader") return this.#afterRedirect(to, outcome.leader, outcome.epoch);
    // A replica that neither is the home nor leads its log sends us to the home, which we knew.
    if (outcome.kind === "moved" && outcome.home === this.#origin)
      return this.#afterRedirect(to, outcome.leader ?? outcome.home, outcome.epoch);
    if (!isDeadEnd(outcome)) return null;
    if (outcome.kind === "outcome-unknown") this.#journey.leftOpen();
    return this.#afterFailure(to, isGone(outcome));
  }

  conclusion(last: Outcome): Outcome {
    if (last.kind === "not-leader" || last.kind === "moved") {
      return last.kind === "moved" && last.home !== this.#origin ? last : (this.#durable ?? NO_LEADER);
    }
    return last.kind === "unreached" || isNotYet(last) ? (this.#durable ?? last) : last;
  }

  #failuresOf(region: RegionIndex): number {
    return this.#failures.get(region) ?? 0;
  }

  /** The next replica looks whether the leader is there: if so it says so, and otherwise it has begun to do something about it. */
  #afterFailure(to: RegionIndex, gone: boolean): RegionIndex | null {
    const failures = this.#failuresOf(to) + 1;
    this.#failures.set(to, failures);
    if (this.#journey.remainingMs() <= 0) return null;
    if (failures < ATTEMPTS_MAX && !gone) return to;
    // Of an unknown home nothing is known of its leader either: there is nobody to suspect.
    if (to === this.#leader) this.#suspect = to;
    return this.#near().find((region) => this.#failuresOf(region) === 0) ?? null;
  }

  async #afterRedirect(
    from: RegionIndex,
    told: RegionIndex | null,
    epoch: number | undefined,
  ): Promise<RegionIndex | null> {
    const leader = told === null ? null : this.#heard(told, epoch ?? 0);
    if (leader !== null && leader !== from && this.#failuresOf(leader) < ATTEMPTS_MAX) {
      return this.#journey.redirected() ? leader : null;
    }
    // Nobody leads, or the one who is said to does not answer: somebody may be taking over. Ask the same replica again.
    if (leader !== null && leader !== from) this.#suspect = leader;
    if (!(await this.#pause())) return null;
    // From time to time the suspect gets another chance: it may be back.
    if (this.#pauses % PAUSES_MS.length === 0 && leader !== null)
      this.#failures.set(leader, ATTEMPTS_MAX - 1);
    return from;
  }

  /** Whom to follow: a replica that has missed a takeover does not know better than this isolate. */
  #heard(told: RegionIndex, epoch: number): RegionIndex {
    this.#leader = told;
    if (this.#origin === undefined) return told;
    const { edge, subject } = this.#journey;
    const { namespace, partition } = subject;
    const now = Date.now();
    edge.homes.learnLeader(namespace, partition, this.#origin, { leader: told, epoch }, now);
    this.#leader = edge.homes.leaderOf(namespace, partition, this.#origin, now);
    return this.#leader;
  }

  #pause(): Promise<boolean> {
    // What bounds redirects is that they follow each other at once.
    this.#journey.rested();
    return pause(this.#journey, this.#pauses++);
  }

  #near(): readonly RegionIndex[] {
    const { edge, from } = this.#journey;
    return edge.health.order(from, edge.regions.nearTo(from), Date.now());
  }
}

/** False when there is no time left for it. */
async function pause(journey: Journey, count: number): Promise<boolean> {
  const ms = PAUSES_MS[Math.min(count, PAUSES_MS.length - 1)] ?? 400;
  if (journey.remainingMs() <= ms) return false;
  await sleep(ms);
  return true;
}
