/** GET /v1/regions. Its results are kept for a second, so that a page that refreshes does not ask every replica each time. */
import type { Exchange } from "../exchange.ts";
import { jsonAnswer } from "../json-answer.ts";
import { regionOverview } from "../region-overview.ts";
import { invalid } from "../refusal.ts";
import { parseInteger } from "../request-header.ts";

const CACHED_MS = 1_000;

export async function listRegions(exchange: Exchange): Promise<Response> {
  await exchange.identify();
  const { edge } = exchange;
  const query = exchange.query();
  const id = query.get("region");
  const region = id === undefined ? undefined : edge.regions.indexOf(id);
  if (id !== undefined && region === undefined)
    throw invalid(`the query parameter region: there is no region "${id}"`);
  const named = query.get("partition");
  const partition =
    named === undefined ? undefined : parseInteger("partition", named, 0, edge.deployment.partitions - 1);

  // Which regions answer depends on where the client is placed: the edge counts as part of that region.
  const from = exchange.placed();
  const key = `${from}/${region}/${partition}`;
  const kept = edge.overviews.get(key);
  const now = Date.now();
  if (kept !== undefined && now - kept.at < CACHED_MS) return jsonAnswer(exchange, kept.overview);
  const overview = await regionOverview(edge, from, { region, partition });
  for (const [each, { at }] of edge.overviews) if (Date.now() - at >= CACHED_MS) edge.overviews.delete(each);
  edge.overviews.set(key, { at: Date.now(), overview });
  return jsonAnswer(exchange, overview);
}
