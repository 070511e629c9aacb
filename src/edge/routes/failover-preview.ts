/** GET /v1/regions/{origin}/failover-preview. Kept for a second, like the overview: it asks every replica. */
import type { Exchange } from "../exchange.ts";
import { failoverPreview } from "../failover-preview.ts";
import { jsonAnswer } from "../json-answer.ts";
import { originOf } from "./leader.ts";

const CACHED_MS = 1_000;

export async function previewFailover(exchange: Exchange): Promise<Response> {
  await exchange.identify();
  const { edge } = exchange;
  const origin = originOf(exchange);
  const from = exchange.placed();
  const key = `preview/${from}/${origin}`;
  const kept = edge.overviews.get(key);
  if (kept !== undefined && Date.now() - kept.at < CACHED_MS) return jsonAnswer(exchange, kept.overview);
  const overview = await failoverPreview(edge, from, origin);
  edge.overviews.set(key, { at: Date.now(), overview });
  return jsonAnswer(exchange, overview);
}
