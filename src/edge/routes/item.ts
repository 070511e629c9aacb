/** One item: read, written, patched, deleted. The hot path: nothing here is parsed that the request does not use. */
import { HEADER } from "../../api/header.ts";
import type { PathForm } from "../../api/path-form.ts";
import { JSON_DEPTH_MAX, mediaTypeOf } from "../../replication/json-text.ts";
import { readPatch } from "../../replication/merge-patch.ts";
import { readPatchBody, readValue } from "../body.ts";
import { checkContentType, CONTENT_TYPE_DEFAULT } from "../content-type.ts";
import { dataHeaders } from "../data-answer.ts";
import { entityTag, matches, parseTags } from "../entity-tag.ts";
import type { Addressed, Exchange } from "../exchange.ts";
import { mayReadKey, mayWrite } from "../identity.ts";
import type { Journey, Outcome } from "../journey.ts";
import { decodeKey } from "../path.ts";
import { lostMembers, outcomeAnswer, problemAnswer } from "../problem-answer.ts";
import { beginRead, read, readTerms, type ReadTerms } from "../read.ts";
import { invalid, Refused } from "../refusal.ts";
import { parseExpiresInS } from "../request-header.ts";
import { beginWrite, write, writeTerms } from "../write.ts";
import { writtenAnswer } from "../written-answer.ts";

const ITEMS = "/items/".length;
const MERGE_PATCH_CONTENT_TYPE = "application/merge-patch+json";

function keyOf({ tail }: Addressed): string {
  return decodeKey(tail.slice(ITEMS));
}

export async function getItem(exchange: Exchange, form: PathForm): Promise<Response> {
  const subject = await exchange.address(form);
  const key = keyOf(subject);
  if (!mayReadKey(subject.identity, subject.user, key))
    throw new Refused("forbidden", "this item is not yours to read");
  const terms = readTerms(exchange, subject.namespace);
  const { regions } = exchange.edge;
  const ifMatch = exchange.header(HEADER.ifMatch);
  const ifNoneMatch = exchange.header(HEADER.ifNoneMatch);
  const wanted = ifMatch === null ? null : parseTags(regions, HEADER.ifMatch, ifMatch);
  const unwanted = ifNoneMatch === null ? null : parseTags(regions, HEADER.ifNoneMatch, ifNoneMatch);
  const journey = beginRead(exchange, subject);

  const { outcome, stale } = await read(journey, terms, { kind: "item", key, head: exchange.isHead });
  if (outcome.kind !== "item") return staleAware(outcomeAnswer(exchange, journey, outcome, terms), stale);
  const headers = readHeaders(exchange, journey, terms, outcome, stale);
  const { item } = outcome;
  if (item === null) return problemAnswer(exchange, "not-found", "there is no such item", { headers });
  headers[HEADER.etag] = entityTag(regions, item.version);
  if (wanted !== null && !matches(wanted, item.version)) {
    return problemAnswer(exchange, "precondition-failed", "If-Match does not hold", { headers });
  }
  if (unwanted !== null && matches(unwanted, item.version))
    return new Response(null, { status: 304, headers });
  headers["Content-Type"] = item.contentType;
  headers["Content-Length"] = String(item.size);
  // What users store is shown as what they said it is, and never runs as a page of this origin.
  headers["X-Content-Type-Options"] = "nosniff";
  headers["Content-Security-Policy"] = "sandbox";
  return new Response(exchange.isHead ? null : bodyOf(item.value), { headers });
}

/** The platform's type wants bytes that are not shared between threads; a replica's never are. */
function bodyOf(value: Uint8Array | undefined): Uint8Array<ArrayBuffer> {
  return (value ?? new Uint8Array(0)) as Uint8Array<ArrayBuffer>;
}

/** Headers of a read that was answered; with `report`, what of its token is lost. */
export function readHeaders(
  exchange: Exchange,
  journey: Journey,
  terms: ReadTerms,
  outcome: Extract<Outcome, { kind: "item" | "list" | "divergent" }>,
  stale: boolean,
): Record<string, string> {
  const { session, trace } = terms;
  const { facts, lost } = outcome;
  if (lost === undefined || lost.length === 0) {
    return dataHeaders(exchange, journey, { facts, session, stale, trace });
  }
  const headers = dataHeaders(exchange, journey, { facts, session, stale, trace, lost });
  headers[HEADER.sessionLost] = JSON.stringify(lostMembers(exchange, journey, lost));
  return headers;
}

export function staleAware(response: Response, stale: boolean): Response {
  if (stale) response.headers.set(HEADER.anchored, "no");
  return response;
}

export async function putItem(exchange: Exchange, form: PathForm): Promise<Response> {
  const { subject, key, terms } = await writing(exchange, form);
  const { request } = exchange;
  const contentType = checkContentType(
    exchange.header("Content-Type") ?? CONTENT_TYPE_DEFAULT,
    "Content-Type",
  );
  if (exchange.header("Content-Range") !== null)
    throw invalid("Content-Range: a PUT replaces the whole value");
  const expiresInS = parseExpiresInS(exchange.header(HEADER.expiresIn));
  const journey = beginWrite(exchange, subject);
  const value = await readValue(request);
  const expiry = expiresInS === undefined ? {} : { expiresInS };
  const outcome = await write(exchange, journey, terms, {
    identity: subject.identity,
    command: { kind: "put", key, value, contentType, ...expiry },
    digested: [key, contentType, String(expiresInS ?? ""), value],
  });
  return writtenAnswer(exchange, journey, terms, outcome, { tag: true });
}

export async function patchItem(exchange: Exchange, form: PathForm): Promise<Response> {
  const { subject, key, terms } = await writing(exchange, form);
  if (mediaTypeOf(exchange.header("Content-Type") ?? "").toLowerCase() !== MERGE_PATCH_CONTENT_TYPE) {
    throw new Refused("unsupported-media-type", `a PATCH has to be ${MERGE_PATCH_CONTENT_TYPE}`, {
      headers: { "Accept-Patch": MERGE_PATCH_CONTENT_TYPE },
    });
  }
  if (exchange.header(HEADER.expiresIn) !== null)
    throw invalid(`${HEADER.expiresIn}: a PATCH leaves the expiry as it is`);
  const journey = beginWrite(exchange, subject);
  const patch = await readPatchBody(exchange.request);
  const read = readPatch(patch);
  if (read === "malformed") throw invalid("the patch is not JSON in UTF-8");
  if (read === "too-deep") throw invalid(`the patch is nested deeper than ${JSON_DEPTH_MAX} levels`);
  const outcome = await write(exchange, journey, terms, {
    identity: subject.identity,
    command: { kind: "merge", key, patch },
    digested: [key, patch],
  });
  return writtenAnswer(exchange, journey, terms, outcome, { tag: true });
}

export async function deleteItem(exchange: Exchange, form: PathForm): Promise<Response> {
  const { subject, key, terms } = await writing(exchange, form);
  const journey = beginWrite(exchange, subject);
  const outcome = await write(exchange, journey, terms, {
    identity: subject.identity,
    command: { kind: "delete", key },
    digested: [key],
  });
  return writtenAnswer(exchange, journey, terms, outcome, { tag: false });
}

async function writing(exchange: Exchange, form: PathForm) {
  const subject = await exchange.address(form);
  const key = keyOf(subject);
  if (!mayWrite(subject.identity, subject.user))
    throw new Refused("forbidden", "this user's data is not yours to write");
  return { subject, key, terms: writeTerms(exchange, subject.namespace) };
}
