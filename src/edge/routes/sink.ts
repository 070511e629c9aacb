/** Sinks for whoever runs the deployment: how far they are, resuming them, sending again. */
import type { ReplicaName } from "../../../durable-objects/replica-name.ts";
import { SinkAction } from "../../api/schema/sink.ts";
import type { SinkSetting } from "../../deployment/sink-setting.ts";
import type { Position } from "../../replication/position.ts";
import type { SinkReply, SinkRequest } from "../../replication/request.ts";
import { readJson } from "../body.ts";
import type { Edge } from "../edge.ts";
import type { Exchange } from "../exchange.ts";
import { jsonAnswer } from "../json-answer.ts";
import { parsePosition, positionText } from "../position-text.ts";
import { invalid, Refused } from "../refusal.ts";
import { sinkOverview } from "../sink-overview.ts";

const CACHED_MS = 1_000;
/** One turn of the replica; only a dead one takes longer. */
const CONTROL_MS_MAX = 2_500;

interface Answered {
  readonly replica: ReplicaName;
  /** Null: it did not answer. */
  readonly reply: SinkReply | null;
}

export async function listSinks(exchange: Exchange): Promise<Response> {
  await exchange.requireAdmin();
  const { edge } = exchange;
  const from = exchange.placed();
  const key = `sinks/${from}`;
  const kept = edge.overviews.get(key);
  if (kept !== undefined && Date.now() - kept.at < CACHED_MS) return jsonAnswer(exchange, kept.overview);
  const overview = await sinkOverview(edge, from);
  edge.overviews.set(key, { at: Date.now(), overview });
  return jsonAnswer(exchange, overview);
}

export async function controlSink(exchange: Exchange): Promise<Response> {
  await exchange.requireAdmin();
  const { edge } = exchange;
  const name = exchange.path.slice("/v1/sinks/".length);
  const sink = edge.deployment.sinks.find((each) => each.name === name);
  if (sink === undefined) throw new Refused("not-found", "there is no sink with this name");
  const parsed = SinkAction.safeParse(await readJson(exchange.request));
  if (!parsed.success)
    throw invalid(
      'the body has to be {"action": "resume"} or {"action": "replay", "partition": 3, "position": "weur.16.42"}',
    );
  const { data } = parsed;
  const answers =
    data.action === "resume"
      ? await ask(exchange, sink, partitionsOf(edge), { kind: "resume" })
      : await replay(exchange, sink, data.partition, data.position);
  edge.overviews.clear();
  return jsonAnswer(exchange, controlled(edge, sink, answers));
}

async function replay(
  exchange: Exchange,
  sink: SinkSetting,
  partition: number,
  text: string,
): Promise<Answered[]> {
  const { edge } = exchange;
  if (partition >= edge.deployment.partitions) throw invalid("partition: there is no such partition");
  const position = parsePosition(edge.regions, text);
  if (position === "malformed" || position === "unknown")
    throw invalid("position: it is none of this deployment's");
  const answers = await ask(exchange, sink, [partition], { kind: "replay", position });
  const outcomes = answers.flatMap(({ reply }) => (reply === null ? [] : [reply]));
  const gone = outcomes.find(({ outcome }) => outcome === "gone")?.logs[0];
  if (gone !== undefined) throw expired(edge, gone.position);
  if (outcomes.some(({ outcome }) => outcome === "no-position"))
    throw new Refused("not-found", "the log has no such committed position, as far as its leader knows");
  if (outcomes.some(({ outcome }) => outcome === "done")) return answers;
  if (outcomes.length === answers.length) throw new Refused("no-leader", "nobody leads this log now");
  throw new Refused("region-unavailable", "the leader of this log does not answer");
}

function expired({ regions }: Edge, position: Position): Refused {
  const first = positionText(regions, position);
  return new Refused("cursor-expired", `the log begins after ${first}: list, and replay from there`, {
    members: { cursor: first },
  });
}

async function ask(
  exchange: Exchange,
  { name, namespace }: SinkSetting,
  partitions: readonly number[],
  action: SinkRequest["action"],
): Promise<Answered[]> {
  const { transport, deployment } = exchange.edge;
  const from = exchange.placed();
  const replicas = partitions.flatMap((partition) =>
    deployment.regions.map(({ index }) => ({ namespace, partition, region: index })),
  );
  return Promise.all(
    replicas.map(async (replica): Promise<Answered> => {
      const deadlineAt = Date.now() + CONTROL_MS_MAX;
      try {
        const reply = await transport.ask(
          replica,
          { op: "sink", name, action, from, deadlineAt },
          CONTROL_MS_MAX,
        );
        return { replica, reply: reply.kind === "sink" ? reply : null };
      } catch {
        return { replica, reply: null };
      }
    }),
  );
}

function partitionsOf({ deployment }: Edge): number[] {
  return Array.from({ length: deployment.partitions }, (_, partition) => partition);
}

/** Whoever was not reached may lead a log: the caller is told, and asks again. */
function controlled({ regions }: Edge, { name }: SinkSetting, answers: readonly Answered[]) {
  return {
    sink: name,
    logs: answers.flatMap(({ replica: { partition }, reply }) =>
      (reply?.outcome === "done" ? reply.logs : []).map(({ origin, position }) => ({
        partition,
        origin: regions.idOf(origin),
        position: positionText(regions, position),
      })),
    ),
    unreachable: answers
      .filter(({ reply }) => reply === null)
      .map(({ replica }) => ({ partition: replica.partition, region: regions.idOf(replica.region) })),
  };
}
