/**
 * Who reads whose feed, and from where: what a page of changes and a live feed have in common. The caller shows who it is by its
 * bearer token, or by a ticket in the query.
 */
import { partitionOf } from "../deployment/deployment.ts";
import { HEADER } from "../api/header.ts";
import type { PathForm } from "../api/path-form.ts";
import type { RegionIndex } from "../replication/position.ts";
import type { FeedPlace } from "../replication/request.ts";
import type { Ticket } from "../wire/ticket-codec.ts";
import { unauthenticated } from "./bearer-token.ts";
import type { Exchange } from "./exchange.ts";
import { mayList } from "./identity.ts";
import type { Journey, Subject } from "./journey.ts";
import { placeOf } from "./place.ts";
import type { Query } from "./query.ts";
import { invalid, Refused } from "./refusal.ts";
import { RegionUnavailable } from "../../durable-objects/region-unavailable.ts";

export interface FeedReader {
  readonly subject: Subject;
  /** To be redeemed before anything is shown. */
  readonly ticket: Ticket | null;
}

export async function feedReader(
  exchange: Exchange,
  form: PathForm,
  query: Query,
  opens: Ticket["opens"],
): Promise<FeedReader> {
  const text = query.get("ticket");
  if (text !== undefined) return ticketed(exchange, form, text, opens);
  const subject = await exchange.address(form);
  // Every change of a user is shown, whatever its key: so every key has to be allowed.
  if (!mayList(subject.identity, subject.user, ""))
    throw new Refused("forbidden", "this user's changes are not yours to read");
  return { subject, ticket: null };
}

/** Whoever brings a ticket is placed where it was made, unless the request names a region: a browser's socket cannot. */
export function readerPlaced(exchange: Exchange, ticket: Ticket | null): RegionIndex {
  return ticket === null || exchange.header(HEADER.region) !== null ? exchange.placed() : ticket.region;
}

function ticketed(exchange: Exchange, form: PathForm, text: string, opens: Ticket["opens"]): FeedReader {
  const { edge, startedAt, path } = exchange;
  const ticket = edge.tickets.read(text, startedAt);
  if (ticket === null || form === "plain" || form === "store" || form === "namespace-store")
    throw badTicket();
  const { namespace, user } = placeOf(path, form);
  const same =
    ticket.opens === opens && ticket.namespace === namespace && ticket.user === (user ?? ticket.user);
  if (!same) throw badTicket();
  const subject = { namespace, user: ticket.user, partition: partitionOf(edge.deployment, ticket.user) };
  return { subject, ticket };
}

function badTicket(): Refused {
  return unauthenticated("the ticket is not for this path, has expired, or was used before");
}

/** Uses the ticket, at the one object that knows whether it was used before. */
export async function redeem(journey: Journey, ticket: Ticket | null): Promise<void> {
  if (ticket === null) return;
  const { namespace, partition } = journey.subject;
  const { region, nonce, expiresAt } = ticket;
  const { transport } = journey.edge;
  let first: boolean;
  try {
    const redeeming = { from: journey.from, nonce, expiresAt };
    first = await transport.redeem({ namespace, partition, region }, redeeming, journey.attemptMs());
  } catch (error) {
    if (!(error instanceof RegionUnavailable)) throw error;
    throw new Refused(
      error.reason === "overloaded" ? "overloaded" : "region-unavailable",
      "the region that redeems the ticket does not answer: ask for another one",
    );
  }
  if (!first) throw badTicket();
}

export function placeAfter(
  { edge }: Exchange,
  { namespace, user }: Subject,
  query: Query,
): FeedPlace | undefined {
  const cursor = query.get("after");
  if (cursor === undefined) return undefined;
  const place = edge.feedCursors.read(namespace, user, cursor);
  if (place === null) throw invalid("the query parameter after is not a cursor of this deployment's feeds");
  if (place === "foreign") throw invalid("the query parameter after belongs to another user's feed");
  return place;
}
