/** Live feeds: the socket ends at a replica near the client; the edge lets it in and is then out of the way. */
import { CHANGES_LIMIT_DEFAULT } from "../../api/limit.ts";
import type { PathForm } from "../../api/path-form.ts";
import type { ChangesRequest } from "../../replication/request.ts";
import type { Position } from "../../replication/position.ts";
import { readSession } from "../data-answer.ts";
import type { Exchange } from "../exchange.ts";
import { feedReader, placeAfter, readerPlaced, redeem } from "../feed-reader.ts";
import { Journey, type Outcome } from "../journey.ts";
import { askHome } from "../leader-route.ts";
import { tryNearest } from "../near-route.ts";
import { outcomeAnswer } from "../problem-answer.ts";
import { parseBoolean } from "../query.ts";
import { invalid, Refused } from "../refusal.ts";
import { partFor } from "../session-merge.ts";
import type { Opened } from "../seam.ts";

/** Of the first message, which the opening waits for. */
const FIRST_BYTES_MAX = 1_000_000;

export async function openLive(exchange: Exchange, form: PathForm): Promise<Response> {
  const query = exchange.query();
  const { subject, ticket } = await feedReader(exchange, form, query, "live");
  if (exchange.header("Upgrade")?.toLowerCase() !== "websocket")
    throw invalid(
      "this is a WebSocket: the request needs Upgrade: websocket; /changes serves the same over HTTP",
    );
  checkOrigin(exchange);
  const values = parseBoolean(query, "values");
  const after = placeAfter(exchange, subject, query);
  const terms = { session: readSession(exchange, subject.namespace), trace: exchange.wantsTrace() };
  const journey = new Journey(exchange.edge, subject, {
    from: readerPlaced(exchange, ticket),
    startedAt: exchange.startedAt,
    budgetMs: exchange.budgetMs(),
    effect: null,
  });
  exchange.journey = journey;
  await redeem(journey, ticket);
  const { positions, seenAt } = partFor(terms.session.view, subject.partition);
  const outcome = await openNear(journey, {
    op: "changes",
    user: subject.user,
    from: journey.from,
    limit: CHANGES_LIMIT_DEFAULT,
    bytesMax: FIRST_BYTES_MAX,
    waitMs: 0,
    values,
    session: { positions, others: [], seenAt },
    ...(after === undefined ? {} : { after }),
  });
  if (outcome.kind !== "opened") return outcomeAnswer(exchange, journey, outcome, terms);
  return outcome.respond(exchange.baseHeaders());
}

async function openNear(
  journey: Journey,
  request: Omit<ChangesRequest, "deadlineAt">,
): Promise<Outcome | Opened> {
  const open = (claim?: Position): Promise<Outcome | Opened> =>
    tryNearest<Outcome | Opened>(journey, (to, serveMs) => {
      const deadlineAt = journey.replicaDeadlineAt(serveMs);
      const asked = { ...request, deadlineAt, ...(claim === undefined ? {} : { claim }) };
      return journey.open(to, asked, serveMs);
    });
  const near = await open();
  if (near.kind !== "unknown-user") return near;
  const home = await askHome(journey);
  return home.kind === "home" ? open(home.position) : home;
}

/**
 * Browsers let any page open a socket to anywhere and say where the page came from: what CORS keeps from a page's requests is kept
 * from its sockets here. Who sends no Origin is no browser.
 */
function checkOrigin(exchange: Exchange): void {
  const origin = exchange.header("Origin");
  const { origins } = exchange.edge;
  if (origin === null || origins === null || origins.has(origin)) return;
  if (origin === new URL(exchange.request.url).origin) return;
  throw new Refused("forbidden", `pages of ${origin} may not open sockets here`);
}
