/** Erasing a user everywhere, and how far that is. */
import { DATA_CACHE_CONTROL, DATA_VARY } from "../../api/header.ts";
import type { PathForm } from "../../api/path-form.ts";
import type { EraseRequest } from "../../replication/request.ts";
import { eraseEverywhere } from "../erasure.ts";
import type { Exchange } from "../exchange.ts";
import { mayWrite } from "../identity.ts";
import { randomBytes } from "../ids.ts";
import { Journey } from "../journey.ts";
import { jsonAnswer } from "../json-answer.ts";
import { askHomeLeader, type Hop } from "../leader-route.ts";
import { decodePart } from "../path.ts";
import { outcomeAnswer } from "../problem-answer.ts";
import { Refused } from "../refusal.ts";

const ERASURES = "/v1/erasures/".length;

export async function eraseUser(exchange: Exchange, form: PathForm): Promise<Response> {
  const subject = await exchange.address(form);
  const { namespace, user, partition } = subject;
  if (!mayWrite(subject.identity, user)) throw new Refused("forbidden", "this user is not yours to erase");
  const { edge, startedAt } = exchange;
  const from = exchange.placed();
  const budgetMs = exchange.budgetMs();
  const journey = new Journey(edge, subject, { from, startedAt, budgetMs, effect: "erase" });
  exchange.journey = journey;
  // The same for every attempt, so that they are one erasure.
  const id = randomBytes(ID_BYTES);
  const outcome = await askHomeLeader(journey, {
    make: ({ deadlineAt, suspects }: Hop): EraseRequest => ({
      op: "erase",
      user,
      id,
      from,
      deadlineAt,
      ...(suspects === undefined ? {} : { suspects }),
    }),
    claimant: null,
  });
  if (outcome.kind !== "erasing") {
    const telling = { session: { view: null, token: null }, trace: exchange.wantsTrace() };
    return outcomeAnswer(exchange, journey, outcome, telling);
  }
  edge.homes.forget(namespace, user);
  const { position, at } = outcome;
  const erasure = edge.erasures.issue({ namespace, partition, position, at });
  const headers = {
    ...exchange.baseHeaders(),
    "Content-Type": "application/json",
    "Cache-Control": DATA_CACHE_CONTROL,
    Vary: exchange.varying(DATA_VARY),
  };
  return new Response(JSON.stringify({ erasure }), { status: 202, headers });
}

const ID_BYTES = 16;

export async function getErasure(exchange: Exchange): Promise<Response> {
  await exchange.identify();
  const from = exchange.placed();
  const place = exchange.edge.erasures.read(decodePart(exchange.path.slice(ERASURES), "the id"));
  if (place === null) throw new Refused("not-found", "this is no id of an erasure");
  return jsonAnswer(exchange, await eraseEverywhere(exchange.edge, from, place));
}
