/** What speaks of the service itself and touches no object: health, metrics, the document, the pages of problems. */
import { openApiDocument } from "../../api/openapi.ts";
import { isProblemName } from "../../api/problem.ts";
import { problemIndex, problemPage } from "../../api/problem-page.ts";
import type { Exchange } from "../exchange.ts";
import { jsonAnswer } from "../json-answer.ts";
import { Refused } from "../refusal.ts";

const API_VERSION = "1.0.0";
const DAY_CACHE = "public, max-age=86400";

export function health(exchange: Exchange): Response {
  return jsonAnswer(exchange, { status: "ok" });
}

export function metrics(exchange: Exchange): Response {
  const contentType = "application/openmetrics-text; version=1.0.0; charset=utf-8";
  return textAnswer(exchange, exchange.edge.metrics.text(), contentType, "no-store");
}

/** Made at the first request for it: most isolates are never asked. */
let document: string | null = null;

export function openApi(exchange: Exchange): Response {
  document ??= JSON.stringify(openApiDocument(API_VERSION));
  return textAnswer(exchange, document, "application/json", "public, max-age=300");
}

export function listProblems(exchange: Exchange): Response {
  return textAnswer(exchange, problemIndex(), "text/html; charset=utf-8", DAY_CACHE);
}

export function getProblem(exchange: Exchange): Response {
  const name = exchange.path.slice("/problems/".length);
  if (!isProblemName(name)) throw new Refused("not-found", "there is no such problem");
  return textAnswer(exchange, problemPage(name), "text/html; charset=utf-8", DAY_CACHE);
}

function textAnswer(exchange: Exchange, text: string, contentType: string, cacheControl: string): Response {
  const headers = { ...exchange.baseHeaders(), "Content-Type": contentType, "Cache-Control": cacheControl };
  return new Response(exchange.isHead ? null : text, { headers });
}
