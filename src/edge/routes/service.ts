/** What speaks of the service itself and touches no object: health, metrics, the document, and the pages. */
import { docsPage } from "../../api/docs-page.ts";
import { toBase64 } from "../../api/base64.ts";
import { openApiDocument } from "../../api/openapi.ts";
import { PAGE_STYLE } from "../../api/page.ts";
import { isProblemName } from "../../api/problem.ts";
import { problemIndex, problemPage } from "../../api/problem-page.ts";
import { sha256 } from "../digest.ts";
import type { Exchange } from "../exchange.ts";
import { jsonAnswer } from "../json-answer.ts";
import { Refused } from "../refusal.ts";

const API_VERSION = "1.0.0";

/** Long enough to be read in peace, short enough that a new deployment's is seen. */
const PAGE_CACHE = "public, max-age=300";

export function health(exchange: Exchange): Response {
  return jsonAnswer(exchange, { status: "ok" });
}

export function metrics(exchange: Exchange): Response {
  const contentType = "application/openmetrics-text; version=1.0.0; charset=utf-8";
  return textAnswer(exchange, exchange.edge.metrics.text(), {
    "Content-Type": contentType,
    "Cache-Control": "no-store",
  });
}

/** Made at the first request for it: most isolates are never asked. */
let document: unknown = null;

function theDocument(): unknown {
  document ??= openApiDocument(API_VERSION);
  return document;
}

export function openApi(exchange: Exchange): Response {
  return textAnswer(exchange, JSON.stringify(theDocument()), {
    "Content-Type": "application/json",
    "Cache-Control": PAGE_CACHE,
  });
}

export function docs(exchange: Exchange): Response {
  return pageAnswer(exchange, docsPage(theDocument(), new URL(exchange.request.url).origin));
}

export function listProblems(exchange: Exchange): Response {
  return pageAnswer(exchange, problemIndex());
}

export function getProblem(exchange: Exchange): Response {
  const name = exchange.path.slice("/problems/".length);
  if (!isProblemName(name)) throw new Refused("not-found", "there is no such problem");
  return pageAnswer(exchange, problemPage(name));
}

/** Loads nothing and runs nothing: of styles only the one that stands in the page, known by its digest. */
let pagePolicy: string | null = null;

function pageAnswer(exchange: Exchange, html: string): Response {
  pagePolicy ??= [
    "default-src 'none'",
    `style-src 'sha256-${toBase64(sha256(PAGE_STYLE))}'`,
    // The empty icon, without which a browser asks for one.
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; ");
  return textAnswer(exchange, html, {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": PAGE_CACHE,
    "Content-Security-Policy": pagePolicy,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
  });
}

function textAnswer(exchange: Exchange, text: string, headers: Readonly<Record<string, string>>): Response {
  return new Response(exchange.isHead ? null : text, { headers: { ...exchange.baseHeaders(), ...headers } });
}
