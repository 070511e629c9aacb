/** The user's home: told, chosen before the first write, and moved. */
import { HEADER } from "../../api/header.ts";
import type { PathForm } from "../../api/path-form.ts";
import { HomeRequest } from "../../api/schema/home.ts";
import type { ClientReply } from "../../replication/request.ts";
import { readJson } from "../body.ts";
import { readSession } from "../data-answer.ts";
import { DATA_CACHE_CONTROL, DATA_VARY } from "../../api/header.ts";
import type { Addressed, Exchange } from "../exchange.ts";
import { mayReadAll, mayWrite } from "../identity.ts";
import { Journey, type Outcome } from "../journey.ts";
import { askHome, askHomeLeader, askLeaderOf } from "../leader-route.ts";
import { askNear } from "../near-route.ts";
import { outcomeAnswer, type Telling } from "../problem-answer.ts";
import { invalid, Refused } from "../refusal.ts";
import { parseConsistency } from "../request-header.ts";

export async function getHome(exchange: Exchange, form: PathForm): Promise<Response> {
  const subject = await exchange.address(form);
  if (!mayReadAll(subject.identity, subject.user))
    throw new Refused("forbidden", "this user's home is not yours to read");
  const { consistency } = parseConsistency(exchange.header(HEADER.consistency));
  const certain = consistency === "user" || consistency === "strong";
  const telling = tellingOf(exchange, subject);
  const journey = begin(exchange, subject, null);
  return homeAnswer(exchange, { journey, subject, telling }, await findHome(journey, certain));
}

/**
 * The near replica knows the home of everybody whose claim has reached it. Where the answer has to be certain, the leader
 * of that home's log confirms it: it would know of a move. What the near one does not know, the anchor does.
 */
async function findHome(journey: Journey, certain: boolean): Promise<Outcome> {
  const { from, subject } = journey;
  const request = { op: "home", user: subject.user, certain: false, from } as const;
  const deadlineAt = journey.replicaDeadlineAt(journey.remainingMs());
  const near = await askNear(journey, { ...request, settled: certain, deadlineAt }, 0);
  if (near.kind === "unknown-user" || near.kind === "unreached") return askHome(journey);
  if (near.kind !== "home" || !certain || near.leader === journey.answeredBy) return near;
  const confirmed = await askLeaderOf(journey, near.home, (hop) => ({ ...request, settled: true, ...hop }));
  // The home's leader may not have the claim yet that the near replica has.
  return confirmed.kind === "unknown-user" ? near : confirmed;
}

export async function putHome(exchange: Exchange, form: PathForm): Promise<Response> {
  const subject = await exchange.address(form);
  if (!mayWrite(subject.identity, subject.user))
    throw new Refused("forbidden", "this user's home is not yours to choose");
  const parsed = HomeRequest.safeParse(await readJson(exchange.request));
  if (!parsed.success) throw invalid('the body has to be {"region": "<region id>"}');
  const { regions } = exchange.edge;
  const region = regions.indexOf(parsed.data.region);
  if (region === undefined) throw invalid(`there is no region "${parsed.data.region}"`);
  const telling = tellingOf(exchange, subject);
  const journey = begin(exchange, subject, "move");
  const { user, identity } = subject;
  const request = {
    op: "move",
    user,
    to: region,
    principal: identity.principal,
    from: journey.from,
  } as const;
  // Whoever leads the user's log sees to the rest, and says at once where the user is there already.
  const outcome = await askHomeLeader(journey, {
    make: (hop) => ({ ...request, ...hop }),
    claimant: identity.principal,
    claims: region,
  });
  return homeAnswer(exchange, { journey, subject, telling }, outcome);
}

/** Read before anything is done: a token that is refused afterwards would say that nothing was. */
function tellingOf(exchange: Exchange, { namespace }: Addressed): Telling {
  return { session: readSession(exchange, namespace), trace: exchange.wantsTrace() };
}

function begin(exchange: Exchange, subject: Addressed, effect: "move" | null): Journey {
  const { edge, startedAt } = exchange;
  const journey = new Journey(edge, subject, {
    from: exchange.placed(),
    startedAt,
    budgetMs: exchange.budgetMs(),
    effect,
  });
  exchange.journey = journey;
  return journey;
}

function homeAnswer(
  exchange: Exchange,
  {
    journey,
    subject: { user, partition },
    telling,
  }: { readonly journey: Journey; readonly subject: Addressed; readonly telling: Telling },
  outcome: Outcome,
) {
  if (outcome.kind !== "home") return outcomeAnswer(exchange, journey, outcome, telling);
  const headers = {
    ...exchange.baseHeaders(),
    "Content-Type": "application/json",
    "Cache-Control": DATA_CACHE_CONTROL,
    Vary: exchange.varying(DATA_VARY),
  };
  const body = JSON.stringify({ user, ...homeBody(exchange, outcome), partition });
  return new Response(exchange.isHead ? null : body, { headers });
}

function homeBody(
  { edge: { regions } }: Exchange,
  { home, leader, epoch }: Extract<ClientReply, { kind: "home" }>,
) {
  return { home: regions.idOf(home), leader: regions.idOf(leader), epoch: String(epoch) };
}
