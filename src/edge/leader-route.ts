/**
 * The way to a leader: of the log that a user is at home in, or of the anchor's log, where homes are claimed.
 *
 * Two loops. The inner one finds whoever leads one log: it retries a silent region once, follows `not-leader`, and when the
 * leader stays silent it tells another replica whom it suspects and waits, within the caller's time, for a takeover. The outer
 * one finds which log: it follows `moved` and `ask`, and asks the anchor when a replica does not know the user. Repeating is
 * safe: reads have no effect, claims answer the present home, and every write carries an idempotency key.
 */
import type { Position, RegionIndex } from "../replication/position.ts";
import type { ClientRequest } from "../replication/request.ts";
import { sleep, type Journey, type Outcome } from "./journey.ts";

/** What changes between attempts at the same thing. */
export interface Hop {
  readonly asking?: boolean;
  readonly claim?: Position;
  /** A region that led as far as the edge knew and did not answer: the replica that hears this looks for itself. */
  readonly suspects?: RegionIndex;
}

export interface LeaderQuery {
  make(hop: Hop): ClientRequest;
  /** The leader may rightly keep the caller waiting (a concern, a commit): the second attempt has all the time. */
  readonly patient: boolean;
  /** In whose name who is at home nowhere gets a home; null: the anchor says for certain that there is none. */
  readonly claimant: string | null;
}

const ATTEMPTS_MAX = 2;
const PAUSES_MS = [50, 100, 200, 400] as const;

export async function askHomeLeader(journey: Journey, query: LeaderQuery): Promise<Outcome> {
  const { namespace, user } = journey.subject;
  const known = journey.edge.homes.homeOf(namespace, user, Date.now());
  // Without a hint the nearest replica is as good a guess as any: often it is the home, and otherwise it knows the way.
  let origin = known;
  let hop: Hop = {};
  for (let waits = 0; ;) {
    const outcome = await askLeaderOf(journey, origin, hop, query);
    if (outcome.kind === "moved") {
      if (!journey.redirected()) return NO_LEADER;
      origin = outcome.home;
      hop = {};
    } else if (outcome.kind === "ask") {
      if (!journey.redirected()) return NO_LEADER;
      origin = outcome.to;
      hop = { asking: true };
    } else if (outcome.kind === "unknown-user") {
      // Told of the claim and still not knowing: the claim is on its way there.
      if (hop.claim !== undefined && !(await pause(journey, waits++))) return NO_LEADER;
      const home = await settleHome(journey, query.claimant);
      if (home.kind !== "home") return home;
      origin = home.home;
      hop = { claim: home.position };
    } else {
      return outcome;
    }
  }
}

const NO_LEADER = { kind: "refused", reason: "no-leader" } as const satisfies Outcome;
const NO_USER = { kind: "refused", reason: "no-user" } as const satisfies Outcome;

/** The region that just answered is the nearest one that does: it becomes the home. */
async function settleHome(journey: Journey, claimant: string | null): Promise<Outcome> {
  if (claimant === null) return askHome(journey);
  return claimHome(journey, journey.answeredBy ?? journey.from, claimant);
}

export async function claimHome(journey: Journey, home: RegionIndex, principal: string): Promise<Outcome> {
  return askAnchor(journey, {
    op: "claim",
    user: journey.subject.user,
    home,
    principal,
    from: journey.from,
    deadlineAt: journey.replicaDeadlineAt,
  });
}

/** The home, or for certain that there is none. */
export async function askHome(journey: Journey): Promise<Outcome> {
  const { user } = journey.subject;
  const { from, replicaDeadlineAt: deadlineAt } = journey;
  const outcome = await askAnchor(journey, { op: "home", user, certain: true, from, deadlineAt });
  return outcome.kind === "unknown-user" ? NO_USER : outcome;
}

function askAnchor(journey: Journey, request: ClientRequest): Promise<Outcome> {
  const anchor = journey.edge.deployment.anchors[journey.subject.partition];
  return askLeaderOf(
    journey,
    anchor,
    {},
    { patient: true, make: ({ suspects }) => suspecting(request, suspects) },
  );
}

/** A field beside the request's own: replicas that do not know it ignore it. */
type Suspecting = ClientRequest & { readonly suspects?: RegionIndex };

function suspecting(request: ClientRequest, suspects: RegionIndex | undefined): Suspecting {
  return suspects === undefined ? request : { ...request, suspects };
}

/** Asks whoever leads the log of `origin`; of an unknown one, whoever is near. Answers anything but `not-leader`. */
export async function askLeaderOf(
  journey: Journey,
  origin: RegionIndex | undefined,
  hop: Hop,
  query: Pick<LeaderQuery, "make" | "patient">,
): Promise<Outcome> {
  const search = new LeaderSearch(journey, origin);
  let to = search.first();
  for (;;) {
    const suspects = search.suspect;
    const request = query.make(suspects === undefined ? hop : { ...hop, suspects });
    const again = search.failuresOf(to) > 0;
    const outcome = await journey.ask(
      to,
      request,
      again && query.patient ? journey.remainingMs() : journey.attemptMs(),
    );
    let next: RegionIndex | null;
    if (outcome.kind === "not-leader") {
      next = await search.afterRedirect(to, outcome.leader);
    } else if (isDeadEnd(outcome)) {
      if (outcome.kind === "outcome-unknown") journey.leftOpen();
      next = search.afterFailure(to);
    } else {
      return outcome;
    }
    if (next === null) return outcome.kind === "not-leader" ? NO_LEADER : outcome;
    to = next;
  }
}

/** Nothing to be had of this replica now; overload is not among it: that one is alive, and retrying makes it worse. */
function isDeadEnd(outcome: Outcome): boolean {
  if (outcome.kind === "unreached") return outcome.reason === "timeout" || outcome.reason === "refused";
  return outcome.kind === "outcome-unknown" || (outcome.kind === "refused" && outcome.reason === "not-ready");
}

/** Which replica to ask next for one log. `null`: give up. */
class LeaderSearch {
  readonly #journey: Journey;
  readonly #origin: RegionIndex | undefined;
  readonly #failures = new Map<RegionIndex, number>();
  #pauses = 0;
  #suspect: RegionIndex | undefined;

  constructor(journey: Journey, origin: RegionIndex | undefined) {
    this.#journey = journey;
    this.#origin = origin;
  }

  get suspect(): RegionIndex | undefined {
    return this.#suspect;
  }

  failuresOf(region: RegionIndex): number {
    return this.#failures.get(region) ?? 0;
  }

  first(): RegionIndex {
    const { edge, from, subject } = this.#journey;
    if (this.#origin === undefined) return this.#near()[0] ?? from;
    return edge.homes.leaderOf(subject.namespace, subject.partition, this.#origin, Date.now());
  }

  afterFailure(to: RegionIndex): RegionIndex | null {
    const failures = this.failuresOf(to) + 1;
    this.#failures.set(to, failures);
    if (this.#journey.remainingMs() <= 0) return null;
    if (failures < ATTEMPTS_MAX) return to;
    // Of an unknown home nothing is known of its leader either: there is nobody to suspect.
    if (this.#origin !== undefined) this.#suspect ??= to;
    return this.#near().find((region) => this.failuresOf(region) === 0) ?? null;
  }

  async afterRedirect(from: RegionIndex, leader: RegionIndex | null): Promise<RegionIndex | null> {
    const { edge, subject } = this.#journey;
    if (leader !== null && leader !== from && this.failuresOf(leader) < ATTEMPTS_MAX) {
      if (!this.#journey.redirected()) return null;
      if (this.#origin !== undefined) {
        edge.homes.learnLeader(
          subject.namespace,
          subject.partition,
          this.#origin,
          { leader, epoch: 0 },
          Date.now(),
        );
      }
      return leader;
    }
    // Nobody leads, or the one who is said to does not answer: somebody may be taking over. Ask the same replica again.
    if (leader !== null && leader !== from) this.#suspect = leader;
    if (!(await pause(this.#journey, this.#pauses++))) return null;
    // From time to time the suspect gets another chance: it may be back.
    if (this.#pauses % PAUSES_MS.length === 0 && leader !== null)
      this.#failures.set(leader, ATTEMPTS_MAX - 1);
    return from;
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
