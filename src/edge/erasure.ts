/**
 * How far an erasure is: asked of the partition's replicas in every region at once, within a fixed time. Whoever is asked
 * goes on with it, and whoever does not answer is listed as remaining.
 */
import type { RegionIndex } from "../replication/position.ts";
import type { ErasureRequest, ErasureState } from "../replication/request.ts";
import type { ReplicaName } from "../../durable-objects/replica-name.ts";
import type { Edge } from "./edge.ts";
import type { ErasurePlace } from "./erasure-id.ts";

/** The whole answer is promised within 2 s. */
const ASK_MS = 1_500;
/** A replica answers a little before that. */
const REPLY_MS = 1_200;

/** The platform keeps a message that nobody takes for this long, */
const QUEUE_KEPT_MS = 4 * 86_400_000;
/** and what a database was at any moment. */
const HISTORY_KEPT_MS = 30 * 86_400_000;

/** What a region says of itself, if it says anything. */
interface Told {
  readonly state: ErasureState | "silent";
  readonly doneAt?: number;
}

const SILENT: Told = { state: "silent" };

export interface Remaining {
  readonly where: string;
  /** ms since 1970; null: not known. */
  readonly until: number | null;
}

export async function eraseEverywhere(
  edge: Edge,
  from: RegionIndex,
  place: ErasurePlace,
): Promise<{ readonly erasedIn: readonly string[]; readonly remaining: readonly Remaining[] }> {
  const now = Date.now();
  const states = await Promise.all(
    edge.deployment.regions.map(async ({ id, index }) => ({
      id,
      state: await stateIn(edge, from, place, index),
    })),
  );
  const ended = states.filter(({ state }) => state.doneAt !== undefined);
  const remaining = states.flatMap(({ id, state }) => leftIn(id, state.state));
  const queuesUntil = place.at + QUEUE_KEPT_MS;
  if (queuesUntil > now)
    remaining.push({ where: "messages in the queues between regions", until: queuesUntil });
  // As long as a region is not done, its history goes on having the user in it.
  const lastAt =
    ended.length < states.length ? now : Math.max(...ended.map(({ state }) => state.doneAt ?? 0));
  const until = lastAt + HISTORY_KEPT_MS;
  if (until > now) remaining.push({ where: "the platform's point-in-time history of the databases", until });
  return { erasedIn: ended.map(({ id }) => id), remaining };
}

function leftIn(id: string, state: ErasureState | "silent"): Remaining[] {
  switch (state) {
    case "done":
      return [];
    case "uncleaned":
      return [{ where: `unused space of the database in ${id}`, until: null }];
    case "erasing":
    case "behind":
      return [{ where: `region ${id}`, until: null }];
    case "silent":
      return [{ where: `region ${id}, which did not answer`, until: null }];
  }
}

/** Messages that nobody could read are kept in one place for all partitions. */
async function stateIn(
  edge: Edge,
  from: RegionIndex,
  { namespace, partition, position, at }: ErasurePlace,
  region: RegionIndex,
): Promise<Told> {
  const [first = namespace] = edge.deployment.namespaces;
  const [own, unread] = await Promise.all([
    ask(edge, from, { namespace, partition, region }, { position }),
    ask(edge, from, { namespace: first, partition: 0, region }, { position, poisonBefore: at }),
  ]);
  return unread.state === "silent" ? SILENT : own;
}

async function ask(
  edge: Edge,
  from: RegionIndex,
  to: ReplicaName,
  about: Pick<ErasureRequest, "position" | "poisonBefore">,
): Promise<Told> {
  try {
    const request = { op: "erasure", ...about, from, deadlineAt: Date.now() + REPLY_MS } as const;
    const reply = await edge.transport.ask(to, request, ASK_MS);
    return reply.kind === "erasure" ? reply : SILENT;
  } catch {
    return SILENT;
  }
}
