/** Who leads an origin's logs: handed over on purpose. */
import { LeaderRequest } from "../../api/schema/hand-off.ts";
import type { RegionIndex } from "../../replication/position.ts";
import { readJson } from "../body.ts";
import type { Edge } from "../edge.ts";
import type { Exchange } from "../exchange.ts";
import { handOver, type LogHandOff, type LogName } from "../hand-off.ts";
import { jsonAnswer } from "../json-answer.ts";
import { positionText } from "../position-text.ts";
import { problemAnswer } from "../problem-answer.ts";
import { invalid, Refused } from "../refusal.ts";

export async function putLeader(exchange: Exchange): Promise<Response> {
  await exchange.requireAdmin();
  const { edge, startedAt } = exchange;
  const origin = originOf(exchange);
  const parsed = LeaderRequest.safeParse(await readJson(exchange.request));
  if (!parsed.success) throw invalid('the body has to be {"to": "<region id>"}');
  const to = edge.regions.indexOf(parsed.data.to);
  if (to === undefined) throw invalid(`there is no region "${parsed.data.to}"`);
  const from = exchange.placed();
  const order = { origin, to, from, startedAt, budgetMs: exchange.budgetMs() };
  const ended = await handOver(edge, logNames(edge), order);
  edge.overviews.clear();
  const handed = ended.filter(
    (each): each is Extract<LogHandOff, { position: unknown }> => "position" in each,
  );
  const body = {
    unavailableMs: handed.reduce((longest, { unavailableMs }) => Math.max(longest, unavailableMs), 0),
    positions: handed.map(({ log, position, unavailableMs }) => ({
      ...log,
      position: positionText(edge.regions, position),
      unavailableMs,
    })),
  };
  const remaining = ended.flatMap((each) => ("why" in each ? [{ ...each.log, reason: each.why }] : []));
  if (remaining.length === 0) return jsonAnswer(exchange, body);
  // What was handed over stays so: a refusal does not say that nothing was done.
  exchange.journey = {
    isWrite: true,
    unanswered: handed.length > 0 || remaining.some(({ reason }) => reason === "no-leader"),
  };
  const detail = `${remaining.length} of ${ended.length} logs still have the leader that they had`;
  return problemAnswer(exchange, "handoff-incomplete", detail, { members: { ...body, remaining } });
}

/** `/v1/regions/{origin}/…` */
export function originOf({ edge, path }: Exchange): RegionIndex {
  const id = path.split("/")[3] ?? "";
  const origin = edge.regions.indexOf(id);
  if (origin === undefined) throw new Refused("not-found", `there is no region "${id}"`);
  return origin;
}

function logNames({ deployment }: Edge): LogName[] {
  const partitions = Array.from({ length: deployment.partitions }, (_, partition) => partition);
  return deployment.namespaces.flatMap((namespace) =>
    partitions.map((partition) => ({ namespace, partition })),
  );
}
