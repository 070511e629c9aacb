/**
 * Where a read goes, by the level that it asks for.
 *
 * `user` and `strong` belong to the leader. `session` goes to a replica near the client, which waits a moment for what the
 * token needs, and on to the leader when that did not come. `bounded` stays near: the replica itself finds out from the
 * leader how old it is. `prefix` and `eventual` take the replica at hand. A weaker level never turns into a stronger
 * promise in the answer, and a stronger one never silently into a weaker: stale answers are given on request only.
 */
import { HEADER } from "../api/header.ts";
import type {
  DivergentRequest,
  ReadItem,
  ReadLevel,
  ReadList,
  ReadRequest,
  SessionPart,
} from "../replication/request.ts";
import { readSession, type Session } from "./data-answer.ts";
import type { Addressed, Exchange } from "./exchange.ts";
import { Journey, type Outcome } from "./journey.ts";
import { askHomeLeader, type Hop } from "./leader-route.ts";
import { askNear } from "./near-route.ts";
import { parseConsistency, parseWord, type Level } from "./request-header.ts";
import { partFor } from "./session-merge.ts";

/** How long a near replica waits for what a token needs, before the leader is asked. */
export const SESSION_WAIT_MS_MAX = 400;

/** What the headers of a read ask for. */
export interface ReadTerms {
  readonly level: Level;
  readonly committed: boolean;
  readonly reportLost: boolean;
  readonly staleIfUnreachable: boolean;
  readonly session: Session;
  readonly trace: boolean;
}

/** A page of a user's lost writes. */
export interface ReadDivergent extends Pick<DivergentRequest, "after" | "limit" | "bytesMax"> {
  readonly kind: "divergent";
}

type What = ReadItem | ReadList | ReadDivergent;

export interface ReadResult {
  readonly outcome: Outcome;
  readonly stale: boolean;
}

export function readTerms(exchange: Exchange, namespace: string): ReadTerms {
  return {
    level: parseConsistency(exchange.header(HEADER.consistency)),
    committed: parseWord(HEADER.readConcern, exchange.header(HEADER.readConcern), "committed", "latest"),
    reportLost: parseWord(HEADER.onLost, exchange.header(HEADER.onLost), "report"),
    staleIfUnreachable: parseWord(HEADER.onUnreachable, exchange.header(HEADER.onUnreachable), "stale"),
    session: readSession(exchange, namespace),
    trace: exchange.wantsTrace(),
  };
}

export function beginRead(exchange: Exchange, subject: Addressed): Journey {
  const { edge, startedAt } = exchange;
  const journey = new Journey(edge, subject, {
    from: exchange.placed(),
    startedAt,
    budgetMs: exchange.budgetMs(),
    effect: null,
  });
  exchange.journey = journey;
  return journey;
}

/** `floor`: what the page before showed, where it goes beyond the token. */
export async function read(
  journey: Journey,
  terms: ReadTerms,
  what: What,
  floor?: SessionPart,
): Promise<ReadResult> {
  const way = new ReadWay(journey, terms, what, floor);
  if (!terms.staleIfUnreachable) return { outcome: await way.outcome(), stale: false };
  const outcome = await journey.withHalf(() => way.outcome());
  if (!isUnled(outcome)) return { outcome, stale: false };
  const stale = await askNear(journey, way.near("eventual", { stale: true }), 0);
  return { outcome: unknownAtHand(stale), stale: true };
}

/** No leader was had: the only case that `Ithaca-On-Unreachable` speaks of. */
export function isUnled(outcome: Outcome): boolean {
  if (outcome.kind === "unreached") return outcome.reason !== "overloaded";
  return outcome.kind === "refused" && (outcome.reason === "no-leader" || outcome.reason === "not-ready");
}

/** At levels that take the replica at hand, what it does not know is not there. */
function unknownAtHand(outcome: Outcome): Outcome {
  return outcome.kind === "unknown-user" ? { kind: "refused", reason: "no-user" } : outcome;
}

class ReadWay {
  readonly #journey: Journey;
  readonly #terms: ReadTerms;
  readonly #what: What;
  readonly #part: SessionPart;
  readonly #floored: boolean;

  constructor(journey: Journey, terms: ReadTerms, what: What, floor: SessionPart | undefined) {
    this.#journey = journey;
    this.#terms = terms;
    this.#what = what;
    this.#floored = floor !== undefined && floor.positions.length > 0;
    const part = partFor(terms.session.view, journey.subject.partition);
    this.#part = floor === undefined ? part : joined(part, floor);
  }

  outcome(): Promise<Outcome> {
    const { level } = this.#terms;
    switch (level.consistency) {
      case "user":
        return this.#fromLeader("leader");
      case "strong":
        return this.#fromLeader("strong");
      case "session":
        return this.#hasSeenNothing() ? this.#fromLeader("leader") : this.#nearOrLeader("session");
      case "bounded":
        return this.#nearOrLeader("bounded");
      case "prefix":
      case "eventual":
        // A later page is never older, at any level: it has to cover what the page before showed.
        return this.#floored ? this.#nearOrLeader("session") : this.#atHand(level.consistency);
    }
  }

  /** A session's first read: without anything to cover, only the leader can say what the user's other devices did. */
  #hasSeenNothing(): boolean {
    return this.#part.positions.length === 0 && this.#part.others.length === 0;
  }

  near(
    level: ReadLevel,
    more: { readonly waitMs?: number; readonly stale?: boolean } = {},
  ): ReadRequest | DivergentRequest {
    const deadlineAt = this.#journey.replicaDeadlineAt(this.#journey.remainingMs());
    return { ...this.#request(level, { deadlineAt }), ...more };
  }

  #request(level: ReadLevel, hop: Hop): ReadRequest | DivergentRequest {
    const { user } = this.#journey.subject;
    const { committed, reportLost, level: asked } = this.#terms;
    const what = this.#what;
    const terms = {
      user,
      level,
      ...(asked.stalenessMsMax === undefined ? {} : { stalenessMsMax: asked.stalenessMsMax }),
      committed,
      session: this.#part,
      waitMs: 0,
      from: this.#journey.from,
      ...(reportLost ? { reportLost } : {}),
      ...hop,
    };
    if (what.kind !== "divergent") return { op: "read", what, ...terms };
    const { kind: _kind, ...page } = what;
    return { op: "divergent", ...page, ...terms };
  }

  #fromLeader(level: "leader" | "strong"): Promise<Outcome> {
    return askHomeLeader(this.#journey, {
      make: (hop) => this.#request(level, hop),
      claimant: null,
    });
  }

  async #atHand(level: "prefix" | "eventual"): Promise<Outcome> {
    const patienceMs = this.#terms.committed ? this.#journey.remainingMs() / 2 : 0;
    return unknownAtHand(await askNear(this.#journey, this.near(level), patienceMs));
  }

  async #nearOrLeader(level: "session" | "bounded"): Promise<Outcome> {
    const half = Math.floor(this.#journey.remainingMs() / 2);
    const waitMs = Math.min(half, SESSION_WAIT_MS_MAX);
    // A bounded read may need the leader's word on the way; a committed one a round.
    const patienceMs = level === "bounded" || this.#terms.committed ? half : waitMs;
    const outcome = await askNear(this.#journey, this.near(level, { waitMs }), patienceMs);
    switch (outcome.kind) {
      case "behind":
      case "unknown-user":
      case "moved":
      case "ask":
      case "not-leader":
        return this.#fromLeader("leader");
      case "unreached":
        return outcome.reason === "overloaded" ? outcome : this.#fromLeader("leader");
      default:
        return outcome;
    }
  }
}

function joined(part: SessionPart, floor: SessionPart): SessionPart {
  return {
    positions: [...part.positions, ...floor.positions],
    others: part.others,
    seenAt: Math.max(part.seenAt, floor.seenAt),
  };
}
