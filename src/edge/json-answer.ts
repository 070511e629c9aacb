/** An answer in JSON that is not about a user's data. */
import type { Exchange } from "./exchange.ts";

export function jsonAnswer(exchange: Exchange, body: unknown, cacheControl = "no-store"): Response {
  const headers = {
    ...exchange.baseHeaders(),
    "Content-Type": "application/json",
    "Cache-Control": cacheControl,
  };
  return new Response(exchange.isHead ? null : JSON.stringify(body), { headers });
}
