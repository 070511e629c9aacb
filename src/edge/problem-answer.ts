/**
 * Answers that refuse, made in one place: from what code of the edge threw, and from how a journey to the replicas ended.
 */
import { DATA_CACHE_CONTROL, DATA_VARY, HEADER } from "../api/header.ts";
import { PROBLEM_CONTENT_TYPE, problemBody, PROBLEMS, type ProblemName } from "../api/problem.ts";
import type { Limits } from "../replication/config.ts";
import type { ItemVersion, LostPosition } from "../replication/request.ts";
import { dataHeaders, type Session, type Showing } from "./data-answer.ts";
import { entityTag } from "./entity-tag.ts";
import type { Exchange } from "./exchange.ts";
import { factsOf, type Journey, type Outcome } from "./journey.ts";
import { lostRange, positionText } from "./position-text.ts";
import { receiptBody } from "./receipt-body.ts";
import { Refused, type RefusalOptions } from "./refusal.ts";
import type { RegionTable } from "./region-table.ts";

const RETRY_AFTER_S = 1;

export function problemAnswer(
  exchange: Exchange,
  name: ProblemName,
  detail: string,
  { members, headers }: RefusalOptions = {},
): Response {
  const { journey } = exchange;
  const method = exchange.request.method;
  const body = problemBody(name, detail, {
    write: journey?.isWrite ?? (method !== "GET" && method !== "HEAD"),
    unanswered: journey?.unanswered ?? false,
  });
  const { status } = PROBLEMS[name];
  const all: Record<string, string> = {
    "Cache-Control": DATA_CACHE_CONTROL,
    Vary: exchange.varying(DATA_VARY),
    ...exchange.baseHeaders(),
    ...headers,
    "Content-Type": PROBLEM_CONTENT_TYPE,
  };
  if (status === 429 || status === 503) all[HEADER.retryAfter] ??= String(RETRY_AFTER_S);
  return new Response(JSON.stringify({ ...body, requestId: exchange.requestId, ...members }), {
    status,
    headers: all,
  });
}

/** What was thrown while a request was served. Anything that is not ours is our mistake. */
export function thrownAnswer(exchange: Exchange, error: unknown): Response {
  if (error instanceof Refused) return problemAnswer(exchange, error.problem, error.message, error.options);
  return problemAnswer(exchange, "internal", "an unexpected error; quote the request id");
}

/** What an answer about data knows besides the outcome. */
export interface Telling {
  readonly session: Session;
  readonly trace: boolean;
}

/** The problem that an outcome amounts to. Outcomes that are answers are not for here. */
export function outcomeAnswer(
  exchange: Exchange,
  journey: Journey,
  outcome: Outcome,
  telling: Telling,
): Response {
  const facts = factsOf(outcome);
  const { partition } = journey.subject;
  const data = (options: RefusalOptions = {}): RefusalOptions => {
    const showing = { facts, ...telling, ...tokenOf(outcome, partition) };
    return { ...options, headers: { ...dataHeaders(exchange, journey, showing), ...options.headers } };
  };
  const refuse = (name: ProblemName, detail: string, options?: RefusalOptions): Response =>
    problemAnswer(exchange, name, detail, data(options));

  switch (outcome.kind) {
    case "unreached":
      if (outcome.reason === "overloaded") return refuse("overloaded", "the replica is busy");
      return unreachable(refuse, journey);
    case "outcome-unknown":
      return refuse("outcome-unknown", "the leader was deposed before it could acknowledge the write");
    case "concern-timeout":
      return refuse("write-concern-timeout", "durable at the leader; the concern was not met in time", {
        members: { receipt: receiptBody(exchange.edge.regions, outcome.receipt) },
      });
    case "behind":
      return refuse("read-timeout", "no replica covered the session token in time");
    case "refused":
      return refusedAnswer(exchange, journey, outcome, refuse);
    default:
      // Redirects that nobody followed to their end.
      return unreachable(refuse, journey);
  }
}

type Refuse = (name: ProblemName, detail: string, options?: RefusalOptions) => Response;

function unreachable(refuse: Refuse, journey: Journey): Response {
  if (journey.unanswered) {
    return refuse(
      "outcome-unknown",
      "an attempt was sent and not answered in time; retry with the same idempotency key",
    );
  }
  if (journey.answeredBy === null) return refuse("region-unavailable", "no region answered in time");
  return refuse("no-leader", "the leader could not be reached in time, and no other took over");
}

function refusedAnswer(
  exchange: Exchange,
  journey: Journey,
  outcome: Extract<Outcome, { kind: "refused" }>,
  refuse: Refuse,
): Response {
  const { edge } = exchange;
  switch (outcome.reason) {
    case "not-found":
      return refuse("not-found", "there is no such item");
    case "no-user":
      return refuse("not-found", "the user has no home yet: nothing was ever written");
    case "no-receipt":
      return refuse("not-found", "no write of this user has this position");
    case "precondition-failed": {
      const { current } = outcome;
      return refuse("precondition-failed", "the item is not as the condition wants it", {
        members: { version: current === null ? null : positionText(edge.regions, current) },
        ...(current === null ? {} : { headers: { [HEADER.etag]: entityTag(edge.regions, current) } }),
      });
    }
    case "check-failed":
      return refuse("check-failed", "items are not at the versions that were to be checked", {
        members: { failed: outcome.failed.map((each) => itemVersionBody(edge.regions, each)) },
      });
    case "not-json":
      return refuse("not-json", "what is stored is not JSON, or nested too deep to merge", keyed(outcome));
    case "not-a-counter":
      return refuse("not-a-counter", "what is stored is not a counter", keyed(outcome));
    case "counter-overflow":
      return refuse("counter-overflow", "the counter would leave 64 bits", keyed(outcome));
    case "too-large":
      return tooLargeAnswer(edge.deployment.limits, outcome, refuse);
    case "invalid-command":
      return refuse("invalid-request", "the replica can make nothing of the request");
    case "idempotency-key-reused":
      return refuse("idempotency-key-reused", "the key was used for another request");
    case "no-divergent":
      return refuse("not-found", "no lost write of this user has this id");
    case "settled":
      return refuse("divergent-settled", `the lost write was ${outcome.state} already`, {
        members: {
          state: outcome.state,
          position: outcome.by === null ? null : positionText(edge.regions, outcome.by),
        },
      });
    case "session-lost":
      return refuse("session-lost", "a failover lost writes that this session saw", {
        members: lostMembers(exchange, journey, outcome.lost),
      });
    case "cursor-expired": {
      const { namespace, user } = journey.subject;
      return refuse(
        "cursor-expired",
        "the log no longer reaches back to there: list, then follow from `cursor`",
        {
          members: { cursor: edge.feedCursors.issue(namespace, user, outcome.cursor) },
        },
      );
    }
    case "rpo-bound":
      return refuse(
        "rpo-bound",
        "replication is too far behind for a write at this concern",
        retryAfter(outcome),
      );
    case "too-many-sockets":
      return refuse(
        "too-many-requests",
        "this user's feed has too many live sockets there",
        retryAfter(outcome),
      );
    case "overloaded":
      return refuse("overloaded", "the replica is busy", retryAfter(outcome));
    case "read-timeout":
      return refuse("read-timeout", "what was asked for could not be shown in time");
    case "not-there":
      return refuse(
        "region-unavailable",
        "the region does not lead its own log, or is not reached or caught up: the user stays where they are",
      );
    case "moved-too-often":
      return refuse("invalid-request", "this user has moved as often as anybody may");
    case "no-leader":
    case "not-ready":
      return unreachable(refuse, journey);
  }
}

function tooLargeAnswer(
  { valueBytesMax, replacedBytesMax }: Limits,
  { what }: Extract<Outcome, { reason: "too-large" }>,
  refuse: Refuse,
): Response {
  switch (what) {
    case "value":
      return refuse("value-too-large", `the value would be larger than ${valueBytesMax} bytes`);
    case "values":
      return refuse(
        "transaction-too-large",
        `the values that it leaves are larger than ${valueBytesMax} bytes altogether`,
      );
    case "replaced":
      return refuse(
        "transaction-too-large",
        `the values that it replaces or deletes are larger than ${replacedBytesMax} bytes altogether`,
      );
  }
}

function itemVersionBody(regions: RegionTable, { key, version }: ItemVersion) {
  return { key, version: version === null ? null : positionText(regions, version) };
}

function keyed({ key }: { readonly key: string }): RefusalOptions {
  return { members: { key } };
}

function retryAfter({ retryAfterMs }: { readonly retryAfterMs: number }): RefusalOptions {
  return { headers: { [HEADER.retryAfter]: String(Math.max(1, Math.ceil(retryAfterMs / 1_000))) } };
}

/** What the token has to gain or lose beyond what the replica showed. */
function tokenOf(outcome: Outcome, partition: number): Pick<Showing, "wrote" | "lost"> {
  if (outcome.kind === "concern-timeout") {
    const { position, committed } = outcome.receipt;
    return { wrote: { ...position, p: partition, durable: committed } };
  }
  return outcome.kind === "refused" && outcome.reason === "session-lost" ? { lost: outcome.lost } : {};
}

/** What a client is told of lost positions, in the body of a 409 and in the header of a 200. */
export function lostMembers(
  { edge: { regions } }: Exchange,
  journey: Journey,
  lost: readonly LostPosition[],
) {
  const { namespace, user } = journey.subject;
  const base = namespace === "default" ? "/v1" : `/v1/ns/${encodeURIComponent(namespace)}`;
  return {
    lost: lost.map((position) => lostRange(regions, position)),
    divergent: `${base}/users/${encodeURIComponent(user)}/divergent`,
  };
}
