/** The lines of an export, written again: for this user or for another one, here or in another deployment. */
import { HEADER, NDJSON_CONTENT_TYPE } from "../../api/header.ts";
import { IMPORT_LINE_BYTES_MAX } from "../../api/limit.ts";
import type { PathForm } from "../../api/path-form.ts";
import { BodyLines, type Line } from "../body-lines.ts";
import { requireContentType } from "../content-type.ts";
import { dataHeaders } from "../data-answer.ts";
import type { Exchange } from "../exchange.ts";
import { mayWrite } from "../identity.ts";
import { Importer, type Stop } from "../importer.ts";
import { parseLine } from "../import-line.ts";
import { outcomeAnswer } from "../problem-answer.ts";
import { invalid, Refused } from "../refusal.ts";
import { writeTerms } from "../write.ts";

/** Names that the same format goes by. */
const TAKEN = [
  NDJSON_CONTENT_TYPE,
  "application/ndjson",
  "application/jsonl",
  "application/x-jsonlines",
  "application/jsonlines",
] as const;

export async function importItems(exchange: Exchange, form: PathForm): Promise<Response> {
  const subject = await exchange.address(form);
  if (!mayWrite(subject.identity, subject.user))
    throw new Refused("forbidden", "this user's data is not yours to write");
  requireContentType(exchange.header("Content-Type"), TAKEN);
  for (const name of [HEADER.ifMatch, HEADER.ifNoneMatch]) {
    if (exchange.header(name) !== null) throw invalid(`${name}: an import takes no conditions`);
  }
  const terms = writeTerms(exchange, subject.namespace);
  // Every chunk has a key of its own, and every line is known by its version.
  const importer = new Importer(exchange, subject, { ...terms, idempotencyKey: undefined });
  const { body } = exchange.request;
  if (body !== null) await readAll(exchange, importer, new BodyLines(body, IMPORT_LINE_BYTES_MAX));
  await importer.finish();

  exchange.journey = importer.journey;
  if (importer.stopped !== null) return stoppedAnswer(exchange, importer, importer.stopped);
  const { session, trace } = importer.terms;
  const facts = importer.last?.facts ?? null;
  const headers = dataHeaders(exchange, importer.journey, { facts, session, trace });
  headers["Content-Type"] = "application/json";
  return new Response(JSON.stringify(importer.counts()), { headers });
}

async function readAll(exchange: Exchange, importer: Importer, body: BodyLines): Promise<void> {
  const { regions } = exchange.edge;
  try {
    for (let lines = await nextOf(body); lines !== null; lines = await nextOf(body)) {
      const now = Date.now();
      for (const { number, bytes } of lines) {
        const parsed = parseLine(regions, bytes, now);
        if (parsed.kind === "failed") importer.fail(number, parsed.failure);
        else if (parsed.kind === "item") await importer.add(number, parsed.item);
      }
      if (importer.stopped === null) continue;
      await body.cancel();
      return;
    }
  } catch (error) {
    await importer.abandon();
    throw error;
  }
}

async function nextOf(body: BodyLines): Promise<readonly Line[] | null> {
  try {
    return await body.read();
  } catch {
    throw invalid("the body broke off");
  }
}

/** The problem of the chunk that could not be written, with what was done before it. */
async function stoppedAnswer(exchange: Exchange, importer: Importer, stop: Stop): Promise<Response> {
  const answer = outcomeAnswer(exchange, importer.journey, stop.outcome, importer.terms);
  const problem = (await answer.json()) as Record<string, unknown>;
  const counts = importer.counts();
  // Earlier chunks stay written.
  const definite = counts.imported === 0 && problem["definite"] === true;
  const body = JSON.stringify({ ...problem, definite, ...counts, line: stop.line });
  return new Response(body, { status: answer.status, headers: answer.headers });
}
