/**
 * A write's way to the leader of its user's home log.
 *
 * Every write carries an idempotency key: the client's, or one that the edge makes up for this request alone. So an attempt
 * that was not answered can be sent again, to the same leader or to its successor, and is done once.
 */
import { HEADER } from "../api/header.ts";
import type { Concern } from "../replication/entry.ts";
import type { Command, Conditions, WriteRequest } from "../replication/request.ts";
import { readSession, type Session } from "./data-answer.ts";
import { digestOf } from "./digest.ts";
import { parseTags } from "./entity-tag.ts";
import type { Addressed, Exchange } from "./exchange.ts";
import { uniqueId } from "./ids.ts";
import { Journey, type Outcome } from "./journey.ts";
import { askHomeLeader, type Hop } from "./leader-route.ts";
import { parseConcern, parseIdempotencyKey } from "./request-header.ts";
import { partFor } from "./session-merge.ts";

/** What the headers of a write ask for. */
export interface WriteTerms {
  readonly concern: Concern;
  readonly conditions: Conditions;
  readonly idempotencyKey: string | undefined;
  readonly session: Session;
  readonly trace: boolean;
}

export function writeTerms(exchange: Exchange, namespace: string): WriteTerms {
  const concern = exchange.header(HEADER.writeConcern);
  return {
    concern:
      concern === null
        ? exchange.edge.deployment.writeConcernOf(namespace)
        : parseConcern(HEADER.writeConcern, concern),
    conditions: writeConditions(exchange),
    idempotencyKey: parseIdempotencyKey(exchange.header(HEADER.idempotencyKey)),
    session: readSession(exchange, namespace),
    trace: exchange.wantsTrace(),
  };
}

function writeConditions(exchange: Exchange): Conditions {
  const { regions } = exchange.edge;
  const ifMatch = exchange.header(HEADER.ifMatch);
  const ifNoneMatch = exchange.header(HEADER.ifNoneMatch);
  return {
    ...(ifMatch === null ? {} : { ifMatch: parseTags(regions, HEADER.ifMatch, ifMatch) }),
    ...(ifNoneMatch === null ? {} : { ifNoneMatch: parseTags(regions, HEADER.ifNoneMatch, ifNoneMatch) }),
  };
}

export function beginWrite(exchange: Exchange, subject: Addressed): Journey {
  const { edge, startedAt } = exchange;
  const journey = new Journey(edge, subject, {
    from: exchange.placed(),
    startedAt,
    budgetMs: exchange.budgetMs(),
    effect: "write",
  });
  exchange.journey = journey;
  return journey;
}

/** `digested`: what of the command has to be the same for the same idempotency key, beside method, address and conditions. */
export function write(
  exchange: Exchange,
  journey: Journey,
  terms: WriteTerms,
  {
    identity,
    command,
    digested,
    claims = true,
  }: {
    readonly identity: Addressed["identity"];
    readonly command: Command;
    /** Whether it makes a user who has no home yet. */
    readonly claims?: boolean;
    readonly digested: readonly (string | Uint8Array)[];
  },
): Promise<Outcome> {
  const { subject, from } = journey;
  const base: Omit<WriteRequest, "deadlineAt"> = {
    op: "write",
    user: subject.user,
    principal: identity.principal,
    command,
    conditions: terms.conditions,
    idempotency: idempotencyMark(exchange, journey, terms, digested),
    concern: terms.concern,
    session: partFor(terms.session.view, subject.partition),
    from,
  };
  return askHomeLeader(journey, {
    make: (hop: Hop): WriteRequest => ({ ...base, ...hop }),
    claimant: claims ? identity.principal : null,
  });
}

const NO_FINGERPRINT = new Uint8Array(0);

function idempotencyMark(
  exchange: Exchange,
  { subject: { namespace, user } }: Journey,
  { idempotencyKey, conditions }: WriteTerms,
  digested: readonly (string | Uint8Array)[],
): NonNullable<WriteRequest["idempotency"]> {
  // A key that only this request knows cannot meet another request: there is nothing to compare.
  if (idempotencyKey === undefined) return { key: uniqueId(), fingerprint: NO_FINGERPRINT, by: "edge" };
  const { method } = exchange.request;
  const fingerprint = digestOf([method, namespace, user, JSON.stringify(conditions), ...digested]);
  return { key: idempotencyKey, fingerprint, by: "client" };
}
