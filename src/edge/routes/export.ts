/** Everything that a user has, as lines. */
import { NDJSON_CONTENT_TYPE } from "../../api/header.ts";
import type { PathForm } from "../../api/path-form.ts";
import type { Exchange } from "../exchange.ts";
import { exportedPage, ExportStream } from "../export-stream.ts";
import { mayReadAll } from "../identity.ts";
import { outcomeAnswer } from "../problem-answer.ts";
import { beginRead, read, readTerms } from "../read.ts";
import { Refused } from "../refusal.ts";
import { readHeaders, staleAware } from "./item.ts";
import { bound } from "./list.ts";

export async function exportItems(exchange: Exchange, form: PathForm): Promise<Response> {
  const subject = await exchange.address(form);
  if (!mayReadAll(subject.identity, subject.user))
    throw new Refused("forbidden", "this user's data is not yours to export");
  const after = bound(exchange.query(), "after");
  const terms = readTerms(exchange, subject.namespace);
  const journey = beginRead(exchange, subject);

  const { outcome, stale } = await read(journey, terms, exportedPage(after));
  if (outcome.kind !== "list") return staleAware(outcomeAnswer(exchange, journey, outcome, terms), stale);
  const headers = readHeaders(exchange, journey, terms, outcome, stale);
  headers["Content-Type"] = NDJSON_CONTENT_TYPE;
  if (exchange.isHead) return new Response(null, { headers });
  const lines = new ExportStream(exchange, subject, terms, { outcome, stale });
  return new Response(lines.readable(), { headers });
}
