/**
 * The change feed, page by page, and waiting for the next one. Answered by a replica near the client: what is committed is the
 * same everywhere, and the cursor says how far the reader has come.
 */
import { changeText } from "../../api/change-text.ts";
import { HEADER } from "../../api/header.ts";
import {
  CHANGES_BYTES_MAX,
  CHANGES_LIMIT_DEFAULT,
  CHANGES_LIMIT_MAX,
  CHANGES_WAIT_MS_MAX,
} from "../../api/limit.ts";
import type { PathForm } from "../../api/path-form.ts";
import type { Position } from "../../replication/position.ts";
import type { ChangesRequest, ClientReply } from "../../replication/request.ts";
import { dataHeaders, readSession } from "../data-answer.ts";
import type { Exchange } from "../exchange.ts";
import { feedReader, placeAfter, readerPlaced, redeem } from "../feed-reader.ts";
import { Journey, type Outcome, type Subject } from "../journey.ts";
import { askHome } from "../leader-route.ts";
import { tryNearest } from "../near-route.ts";
import { lostMembers, outcomeAnswer } from "../problem-answer.ts";
import { parseBoolean, type Query } from "../query.ts";
import { parseInteger, parseWord } from "../request-header.ts";
import { partFor } from "../session-merge.ts";

export async function listChanges(exchange: Exchange, form: PathForm): Promise<Response> {
  const query = exchange.query();
  const { subject, ticket } = await feedReader(exchange, form, query, "changes");
  const waitMs = integerOf(query, "waitMs", 0, CHANGES_WAIT_MS_MAX, 0);
  const limit = integerOf(query, "limit", 1, CHANGES_LIMIT_MAX, CHANGES_LIMIT_DEFAULT);
  const values = parseBoolean(query, "values");
  const after = placeAfter(exchange, subject, query);
  const terms = { session: readSession(exchange, subject.namespace), trace: exchange.wantsTrace() };
  const reportLost = parseWord(HEADER.onLost, exchange.header(HEADER.onLost), "report");
  const journey = new Journey(exchange.edge, subject, {
    from: readerPlaced(exchange, ticket),
    startedAt: exchange.startedAt,
    // The wait is the replica's; the way there and back, and what it may have to catch up, come on top of it.
    budgetMs: waitMs + exchange.budgetMs(),
    effect: null,
  });
  exchange.journey = journey;
  await redeem(journey, ticket);
  const outcome = await askChanges(journey, {
    limit,
    values,
    waitMs,
    session: partFor(terms.session.view, subject.partition),
    ...(after === undefined ? {} : { after }),
    ...(reportLost ? { reportLost } : {}),
  });
  if (outcome.kind !== "changes") return outcomeAnswer(exchange, journey, outcome, terms);
  const { facts, lost = [] } = outcome;
  const headers = dataHeaders(exchange, journey, { facts, ...terms, lost });
  if (lost.length > 0) headers[HEADER.sessionLost] = JSON.stringify(lostMembers(exchange, journey, lost));
  headers["Content-Type"] = "application/json";
  return new Response(exchange.isHead ? null : pageText(exchange, subject, outcome, values), { headers });
}

function integerOf(query: Query, name: string, min: number, max: number, fallback: number): number {
  const value = query.get(name);
  return value === undefined ? fallback : parseInteger(name, value, min, max);
}

type Wanted = Pick<ChangesRequest, "after" | "limit" | "values" | "waitMs" | "session" | "reportLost">;

async function askChanges(journey: Journey, wanted: Wanted): Promise<Outcome> {
  const { from, startedAt, subject } = journey;
  const ask = (claim?: Position): Promise<Outcome> =>
    tryNearest<Outcome>(journey, (to, serveMs) => {
      // Of another region, after the first fell silent, only what is left of the wait is asked.
      const waitMs = Math.max(0, startedAt + wanted.waitMs - Date.now());
      const timeoutMs = waitMs + serveMs;
      const request: ChangesRequest = {
        op: "changes",
        user: subject.user,
        from,
        bytesMax: CHANGES_BYTES_MAX,
        ...wanted,
        waitMs,
        deadlineAt: journey.replicaDeadlineAt(timeoutMs),
        ...(claim === undefined ? {} : { claim }),
      };
      return journey.ask(to, request, timeoutMs);
    });
  const near = await ask();
  if (near.kind !== "unknown-user") return near;
  const home = await askHome(journey);
  return home.kind === "home" ? ask(home.position) : home;
}

/** Written by hand: stored JSON stands in it as it is, byte for byte. */
function pageText(
  { edge }: Exchange,
  { namespace, user }: Subject,
  { changes, cursor }: Extract<ClientReply, { kind: "changes" }>,
  values: boolean,
): string {
  const options = { regionId: (region: number) => edge.regions.idOf(region), values };
  const texts = changes.map((change) => changeText(change, options));
  const next = JSON.stringify(edge.feedCursors.issue(namespace, user, cursor));
  return `{"changes":[${texts.join(",")}],"cursor":${next}}`;
}
