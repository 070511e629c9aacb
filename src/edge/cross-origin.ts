/** OPTIONS: what a path takes, and to browsers, which headers a script may send. Needs no token: browsers send none. */
import { REQUEST_HEADERS } from "../api/header.ts";
import { PREFLIGHT_MAX_AGE_S } from "../api/limit.ts";
import type { Exchange } from "./exchange.ts";

const ALLOWED_HEADERS = REQUEST_HEADERS.join(", ");

export function optionsAnswer(exchange: Exchange, allow: string): Response {
  const headers: Record<string, string> = { ...exchange.baseHeaders(), Allow: allow };
  const isPreflight = exchange.header("Access-Control-Request-Method") !== null;
  if (isPreflight && headers["Access-Control-Allow-Origin"] !== undefined) {
    headers["Access-Control-Allow-Methods"] = allow;
    headers["Access-Control-Allow-Headers"] = ALLOWED_HEADERS;
    headers["Access-Control-Max-Age"] = String(PREFLIGHT_MAX_AGE_S);
    headers["Vary"] = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
  }
  return new Response(null, { status: 204, headers });
}
