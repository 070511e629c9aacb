/** What a write that was done is told: its receipt, the token that covers it, and of one item its tag. */
import { HEADER } from "../api/header.ts";
import type { WriteResult } from "../replication/request.ts";
import { dataHeaders } from "./data-answer.ts";
import { entityTag } from "./entity-tag.ts";
import type { Exchange } from "./exchange.ts";
import type { Journey, Outcome } from "./journey.ts";
import { outcomeAnswer } from "./problem-answer.ts";
import { receiptBody } from "./receipt-body.ts";
import type { WriteTerms } from "./write.ts";

interface Telling {
  /** The answer leaves an item, and names its version. */
  readonly tag: boolean;
  /** Members beside those of the receipt. */
  readonly more?: Readonly<Record<string, string>>;
  /** JSON text of a member `results`. */
  readonly results?: (results: readonly WriteResult[] | undefined) => string;
}

export function writtenAnswer(
  exchange: Exchange,
  journey: Journey,
  terms: WriteTerms,
  outcome: Outcome,
  { tag, more, results }: Telling,
): Response {
  if (outcome.kind !== "written") return outcomeAnswer(exchange, journey, outcome, terms);
  const { receipt, facts, status } = outcome;
  const { session, trace } = terms;
  const wrote = { ...receipt.position, p: journey.subject.partition, durable: receipt.committed };
  const headers = dataHeaders(exchange, journey, { facts, session, wrote, trace });
  const { regions } = exchange.edge;
  if (tag) headers[HEADER.etag] = entityTag(regions, receipt.version);
  headers["Content-Type"] = "application/json";
  const body = JSON.stringify({ ...receiptBody(regions, receipt), ...more });
  const text = results === undefined ? body : `${body.slice(0, -1)},"results":${results(outcome.results)}}`;
  return new Response(text, { status, headers });
}
