/**
 * What an answer about several users says of itself. Where single reads speak of one user's home, leader and position, there
 * is nothing to say for all; the regions that answered and the greatest age can be said, and the token covers everything.
 */
import { DATA_CACHE_CONTROL, DATA_VARY, HEADER } from "../api/header.ts";
import { isLostIn } from "../replication/cut.ts";
import type { SeenPosition } from "../wire/session-codec.ts";
import type { CutAnswer, CutRead, LostPositions } from "./cut.ts";
import type { Exchange } from "./exchange.ts";
import { lostRange, positionText } from "./position-text.ts";
import type { ReadTerms } from "./read.ts";
import { emptyView, mergeView, withoutLost, type SessionView } from "./session-merge.ts";
import type { Voyage } from "./voyage.ts";

export interface CutShowing {
  readonly namespace: string;
  readonly terms: ReadTerms;
  /** Empty: nothing was answered. */
  readonly answers: readonly CutAnswer[];
  readonly rounds: number;
  readonly stale: boolean;
  /** Positions of the token that a failover lost. */
  readonly lost: readonly LostPositions[];
}

/** In an explained answer: more would not fit the headers that proxies let pass. */
const TRACED_STEPS_MAX = 60;

export function cutHeaders(exchange: Exchange, voyage: Voyage, showing: CutShowing): Record<string, string> {
  const { answers, terms } = showing;
  const { regions } = exchange.edge;
  const headers = exchange.baseHeaders();
  headers["Cache-Control"] = DATA_CACHE_CONTROL;
  headers["Vary"] = exchange.varying(DATA_VARY);
  headers[HEADER.session] = nextToken(exchange, showing);
  if (answers.length > 0) {
    const served = new Set(answers.map(({ reply }) => regions.idOf(reply.many.servedBy)));
    headers[HEADER.servedBy] = [...served].join(", ");
    const ages = answers.map(({ reply }) => reply.many.stalenessMs);
    headers[HEADER.stalenessMs] = ages.includes(null)
      ? "unknown"
      : String(Math.ceil(Math.max(...ages.map((age) => age ?? 0))));
  }
  if (showing.stale) headers[HEADER.anchored] = "no";
  headers[HEADER.serverTiming] = serverTiming(voyage, answers);
  if (terms.trace) headers[HEADER.trace] = traceText(exchange, voyage, showing);
  return headers;
}

/** The latest instant that any part let pass: what expired by then is gone in all of them. */
export function cutTimeOf(answers: readonly CutAnswer[]): number {
  return answers.reduce((latest, { reply }) => Math.max(latest, reply.many.seenAt), 0);
}

/** What a client is told of lost positions, and where they may be looked for: with the users of theirs that were asked for. */
export function cutLostMembers(
  { edge: { regions } }: Exchange,
  namespace: string,
  reads: readonly CutRead[],
  lost: readonly LostPositions[],
) {
  const base = namespace === "default" ? "/v1" : `/v1/ns/${encodeURIComponent(namespace)}`;
  const partitions = new Set(lost.map(({ partition }) => partition));
  const users = new Set(reads.filter(({ partition }) => partitions.has(partition)).map(({ user }) => user));
  return {
    lost: lost.flatMap(({ positions }) => positions.map((position) => lostRange(regions, position))),
    divergent: [...users].map((user) => `${base}/users/${encodeURIComponent(user)}/divergent`),
  };
}

function nextToken(exchange: Exchange, { namespace, terms, answers, lost }: CutShowing): string {
  const { sessions, deployment } = exchange.edge;
  const { session } = terms;
  const brought = session.view ?? emptyView(namespace, deployment.mapVersion);
  const before = lost.reduce<SessionView>(
    (view, { partition, positions }) => withoutLost(view, partition, positions),
    brought,
  );
  const after = mergeView(before, shownBy(answers), cutTimeOf(answers));
  if (after === brought && session.token !== null) return session.token;
  return sessions.issue(after, Date.now());
}

/** What a cause was lost of is shown without it: the session never saw it, and has nothing to wait for. */
function shownBy(answers: readonly CutAnswer[]): SeenPosition[] {
  const parts = answers.map(({ part }) => part);
  return answers.flatMap(({ partition, reply: { many } }) => [
    ...many.shown.map((position) => ({ ...position, p: partition })),
    ...many.shownOthers
      .filter((position) => !isLostIn(parts, position.p, position))
      .map((position) => ({ ...position, durable: false })),
  ]);
}

function serverTiming({ routeMs, steps, startedAt }: Voyage, answers: readonly CutAnswer[]): string {
  const waitMs = Math.max(0, ...answers.map(({ reply }) => reply.many.waitedMs));
  const replicaMs = Math.max(0, ...steps.map(({ ms }) => ms));
  return `route;dur=${routeMs}, wait;dur=${waitMs}, replica;dur=${replicaMs}, total;dur=${Date.now() - startedAt}`;
}

/** Header text is ASCII: all of this is ids and numbers. */
function traceText(
  { edge: { regions } }: Exchange,
  { from, steps }: Voyage,
  { answers, rounds }: CutShowing,
): string {
  return JSON.stringify({
    placedIn: regions.idOf(from),
    rounds,
    calls: steps.length,
    parts: answers.map(({ partition, part, reply: { many } }) => ({
      partition,
      replica: regions.idOf(many.servedBy),
      why: many.why,
      needed: [...part.held, ...part.lost].map((position) => positionText(regions, position)),
      waitedMs: many.waitedMs,
      leaseLeftMs: many.leaseLeftMs,
    })),
    steps: steps.slice(0, TRACED_STEPS_MAX),
  });
}
