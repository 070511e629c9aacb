/** How far every sink is with every log, asked of all replicas at once. Only who leads a log knows; where it does not answer, a follower says what it was told. */
import type { SinkSetting } from "../deployment/sink-setting.ts";
import type { RegionIndex } from "../replication/position.ts";
import type { LogStatus, SinkStatus } from "../replication/request.ts";
import type { Edge } from "./edge.ts";
import { positionText } from "./position-text.ts";
import { replicasOf, statusOf } from "./region-overview.ts";

interface Sighting {
  readonly partition: number;
  readonly log: LogStatus;
  readonly sink: SinkStatus;
}

export async function sinkOverview(edge: Edge, from: RegionIndex) {
  const { sinks } = edge.deployment;
  const namespaces = new Set(sinks.map(({ namespace }) => namespace));
  const replicas = replicasOf(edge, { region: undefined, partition: undefined }).filter(({ namespace }) =>
    namespaces.has(namespace),
  );
  const answers = await Promise.all(replicas.map((replica) => statusOf(edge, from, replica)));
  return {
    sinks: sinks.map((sink) => {
      const own = answers.filter(({ replica }) => replica.namespace === sink.namespace);
      const sightings = own.flatMap(({ replica: { partition }, status }) =>
        (status?.logs ?? []).flatMap((log) => sightingsOf(partition, log, sink.name)),
      );
      const logs = Map.groupBy(sightings, ({ partition, log }) => `${partition}/${log.origin}`);
      return {
        name: sink.name,
        namespace: sink.namespace,
        prefix: sink.prefix,
        ...targetOf(sink),
        logs: [...logs.values()].map((several) => logBody(edge, several.reduce(better))),
        unreachable: own.flatMap(({ replica, status }) =>
          status === null
            ? [{ partition: replica.partition, region: edge.regions.idOf(replica.region) }]
            : [],
        ),
      };
    }),
  };
}

function sightingsOf(partition: number, log: LogStatus, name: string): Sighting[] {
  const sink = log.sinks?.find((each) => each.name === name);
  return sink === undefined ? [] : [{ partition, log, sink }];
}

/** The leader's word, of two the later leader's; else who was told of more. */
function better(a: Sighting, b: Sighting): Sighting {
  if (a.sink.leads !== b.sink.leads) return a.sink.leads ? a : b;
  if (a.log.epoch !== b.log.epoch) return a.log.epoch > b.log.epoch ? a : b;
  return a.sink.delivered.s >= b.sink.delivered.s ? a : b;
}

/** Never the whole address: its path may be a secret of the receiver's. */
function targetOf({ target }: SinkSetting) {
  if (target.kind === "queue") return { kind: "queue" as const, to: target.binding };
  return { kind: "https" as const, to: new URL(target.url).origin };
}

function logBody({ regions }: Edge, { partition, log, sink }: Sighting) {
  return {
    partition,
    origin: regions.idOf(log.origin),
    leader: regions.idOf(log.leader),
    state: sink.state,
    delivered: positionText(regions, sink.delivered),
    committed: String(log.committed),
    attempts: sink.attempts,
    ...(sink.error === "" ? {} : { error: sink.error }),
    ...(sink.dueInMs === null ? {} : { nextAt: Date.now() + Math.ceil(sink.dueInMs) }),
  };
}
