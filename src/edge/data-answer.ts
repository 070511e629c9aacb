/**
 * Headers of an answer about data: where it came from, how old it may be, and the token that covers what it showed.
 */
import { DATA_CACHE_CONTROL, DATA_VARY, HEADER } from "../api/header.ts";
import type { Facts, LostPosition } from "../replication/request.ts";
import type { Position } from "../replication/position.ts";
import type { Exchange } from "./exchange.ts";
import type { Journey } from "./journey.ts";
import { positionText } from "./position-text.ts";
import { emptyView, mergeView, shownBy, withoutLost, type SessionView } from "./session-merge.ts";
import type { SeenPosition } from "../wire/session-codec.ts";

/** The session that a request came with. */
export interface Session {
  /** Null: it brought no token. */
  readonly view: SessionView | null;
  readonly token: string | null;
}

export interface Showing {
  /** Null: nothing is known of the user. */
  readonly facts: Facts | null;
  readonly session: Session;
  /** What the token has to cover besides what the replica says it showed. */
  readonly wrote?: SeenPosition;
  /** Served stale by request. */
  readonly stale?: boolean;
  readonly trace: boolean;
  /** Positions of the token that a failover lost: it no longer holds exactly what was lost. */
  readonly lost?: readonly LostPosition[];
}

export function readSession(exchange: Exchange, namespace: string): Session {
  const token = exchange.header(HEADER.session);
  if (token === null) return { view: null, token };
  return { view: exchange.edge.sessions.read(namespace, token), token };
}

export function dataHeaders(exchange: Exchange, journey: Journey, showing: Showing): Record<string, string> {
  const { facts } = showing;
  const { regions } = exchange.edge;
  const headers = exchange.baseHeaders();
  headers["Cache-Control"] = DATA_CACHE_CONTROL;
  headers["Vary"] = exchange.varying(DATA_VARY);
  headers[HEADER.session] = nextToken(exchange, journey, showing);
  const servedBy = facts?.servedBy ?? journey.answeredBy;
  if (servedBy !== null) headers[HEADER.servedBy] = regions.idOf(servedBy);
  if (facts !== null) {
    headers[HEADER.home] = regions.idOf(facts.home);
    headers[HEADER.leader] = regions.idOf(facts.leader);
    headers[HEADER.position] = positionText(regions, facts.position);
    headers[HEADER.stalenessMs] =
      facts.stalenessMs === null ? "unknown" : String(Math.ceil(facts.stalenessMs));
  }
  if (showing.stale === true) headers[HEADER.anchored] = "no";
  headers[HEADER.serverTiming] = serverTiming(journey, facts);
  if (showing.trace) headers[HEADER.trace] = traceText(exchange, journey, facts, showing.session.view);
  return headers;
}

/** The request's own token where the answer showed nothing new: nothing to sign, and clients keep what they have. */
function nextToken(
  exchange: Exchange,
  journey: Journey,
  { facts, session, wrote, lost = [] }: Omit<Showing, "trace" | "stale">,
): string {
  const { sessions, deployment } = exchange.edge;
  const { namespace, partition } = journey.subject;
  const brought = session.view ?? emptyView(namespace, deployment.mapVersion);
  const before = withoutLost(brought, partition, lost);
  const shown = facts === null ? [] : shownBy(facts, partition);
  if (wrote !== undefined) shown.push(wrote);
  const after = mergeView(before, shown, facts?.seenAt ?? 0);
  if (after === brought && session.token !== null) return session.token;
  return sessions.issue(after, Date.now());
}

function serverTiming(journey: Journey, facts: Facts | null): string {
  const last = journey.steps.at(-1);
  const total = Date.now() - journey.startedAt;
  return `route;dur=${journey.routeMs}, wait;dur=${facts?.waitedMs ?? 0}, replica;dur=${last?.ms ?? 0}, total;dur=${total}`;
}

/** Header text is ASCII: all of this is ids and numbers. */
function traceText(
  { edge: { regions } }: Exchange,
  journey: Journey,
  facts: Facts | null,
  view: SessionView | null,
): string {
  const text = (position: Position) => positionText(regions, position);
  const needed = view?.positions.filter(({ p }) => p === journey.subject.partition).map(text) ?? [];
  return JSON.stringify({
    placedIn: regions.idOf(journey.from),
    partition: journey.subject.partition,
    replica: facts === null ? null : regions.idOf(facts.servedBy),
    why: facts?.why ?? null,
    needed,
    found: facts === null ? null : text(facts.position),
    waitedMs: facts?.waitedMs ?? 0,
    forwarded: journey.steps.length > 1,
    epoch: facts === null ? null : String(facts.epoch),
    leaseLeftMs: facts?.leaseLeftMs ?? null,
    steps: journey.steps,
  });
}
