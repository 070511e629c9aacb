/**
 * What a takeover now would lose of an origin's logs: asked of all replicas at once within a fixed time.
 *
 * Intuition: a takeover adopts the greatest end among those that promise (R3), so what the leader has beyond the entries
 * that it shares with that end is lost. If the leader answers this is exact; otherwise it is measured against the furthest end that
 * anybody heard of, and the leader may have had more. Every region but the leader's is a candidate. In the best case everybody who
 * answers now promises; in the worst only as many as a majority needs, those who have least. A region that does not answer
 * here may be well, and we be cut off: of it the leader knows what it has acknowledged, which is the least that it has.
 */
import type { ReplicaName } from "../../durable-objects/replica-name.ts";
import { divergencePoint, epochAt } from "../replication/epoch-table.ts";
import { compareTails, leaderOf, type Epoch, type RegionIndex, type Tail } from "../replication/position.ts";
import type { LogEnd, LogStatus } from "../replication/request.ts";
import type { Edge } from "./edge.ts";
import type { LogName } from "./hand-off.ts";
import { positionText } from "./position-text.ts";
import { replicasOf, statusOf } from "./region-overview.ts";

/** What one region says of the log; null: it does not answer, or does not know the log. */
interface Seen {
  readonly region: RegionIndex;
  readonly reachable: boolean;
  readonly log: LogStatus | null;
  readonly end: LogEnd | null;
}

export interface Lost {
  readonly count: number;
  /** The first of them and the last. */
  readonly from: Tail;
  readonly to: Tail;
}

/** Lost: null where it cannot be said. */
export interface CandidatePreview {
  readonly region: RegionIndex;
  readonly reachable: boolean;
  readonly head: Tail | null;
  readonly lost: Lost | "nothing" | null;
  readonly lostAtWorst: Lost | "nothing" | null;
}

export interface LogPreview {
  readonly leader: RegionIndex;
  readonly epoch: Epoch;
  /** The leader itself said where its log ends. */
  readonly exact: boolean;
  readonly head: Tail;
  readonly committed: number;
  readonly exposedMs: number | null;
  readonly candidates: readonly CandidatePreview[];
}

export async function failoverPreview(edge: Edge, from: RegionIndex, origin: RegionIndex) {
  const replicas = replicasOf(edge, { region: undefined, partition: undefined });
  const answers = await Promise.all(replicas.map((replica) => statusOf(edge, from, replica, origin)));
  const byLog = new Map<string, { readonly name: LogName; readonly seen: Seen[] }>();
  for (const { replica, status } of answers) {
    const { namespace, partition } = replica;
    const key = `${namespace}/${partition}`;
    const log = status?.logs.find((each) => each.origin === origin) ?? null;
    const of = byLog.get(key) ?? { name: { namespace, partition }, seen: [] };
    byLog.set(key, of);
    of.seen.push({ region: replica.region, reachable: status !== null, log, end: log?.end ?? null });
  }
  const logs = [...byLog.values()].flatMap(({ name, seen }) => {
    const preview = previewOf(seen);
    return preview === null ? [] : [{ name, preview }];
  });
  return previewBody(edge, origin, logs, answers);
}

/** Null: nobody who answers knows of the log. */
export function previewOf(seen: readonly Seen[]): LogPreview | null {
  const known = seen.flatMap(({ log }) => (log === null || log.epoch === 0 ? [] : [log]));
  const epoch = known.reduce((greatest, log) => Math.max(greatest, log.epoch), 0);
  if (epoch === 0) return null;
  const leader = leaderOf(epoch);
  const lead = seen.find(
    ({ region, log, end }) =>
      region === leader && log?.epoch === epoch && end !== null && end.exposedMs !== null,
  );
  const leads = lead?.end ?? null;
  const ends = seen.flatMap(({ end }) => (end === null ? [] : [end]));
  const head =
    leads?.last ?? ends.reduce<Tail>((furthest, { known: end }) => later(furthest, end), { e: 0, s: 0 });
  const majority = Math.floor(seen.length / 2) + 1;
  const others = seen.filter(({ region }) => region !== leader);
  const lostBy = (promises: readonly Seen[]): Lost | "nothing" | null =>
    promises.length < majority ? null : lossOf(leads, head, greatestOf(promises));
  return {
    leader,
    epoch,
    exact: leads !== null,
    head,
    committed: known.reduce((furthest, log) => Math.max(furthest, log.committed), 0),
    exposedMs: leads?.exposedMs ?? null,
    candidates: others.map((asked) => {
      const candidate = asked.reachable ? asked : acknowledgedBy(asked, lead);
      if (candidate === null)
        return { region: asked.region, reachable: false, head: null, lost: null, lostAtWorst: null };
      // Who is cut off from here may have those with it that are cut off too.
      const rest = others
        .filter((each) => each !== asked)
        .flatMap((each) =>
          each.reachable ? each : asked.reachable ? [] : (acknowledgedBy(each, lead) ?? []),
        );
      // Those with the shortest logs promise first.
      const least = rest.toSorted((a, b) => compareTails(tailOf(a), tailOf(b))).slice(0, majority - 1);
      return {
        region: asked.region,
        reachable: asked.reachable,
        head: tailOf(candidate),
        lost: lostBy([candidate, ...rest]),
        lostAtWorst: lostBy([candidate, ...least]),
      };
    }),
  };
}

/** What a region is known to have by its acknowledgements to the leader; null: the leader does not say. */
function acknowledgedBy(asked: Seen, lead: Seen | undefined): Seen | null {
  const match = lead?.log?.peers.find(({ region }) => region === asked.region)?.match ?? 0;
  const known = lead?.end ?? null;
  if (match === 0 || known === null) return null;
  const { epochs, base } = known;
  const end: LogEnd = {
    ...NOTHING,
    last: { e: epochAt(epochs, base, match), s: match },
    base,
    epochs: epochs.filter(({ start }) => start <= match),
  };
  return { ...asked, end };
}

const NOTHING: LogEnd = {
  last: { e: 0, s: 0 },
  base: { e: 0, s: 0 },
  epochs: [],
  known: { e: 0, s: 0 },
  exposedMs: null,
};

function tailOf({ end }: Seen): Tail {
  return (end ?? NOTHING).last;
}

function greatestOf(promises: readonly Seen[]): LogEnd {
  return promises
    .map(({ end }) => end ?? NOTHING)
    .reduce((best, next) => (compareTails(next.last, best.last) > 0 ? next : best));
}

function later(a: Tail, b: Tail): Tail {
  return compareTails(a, b) >= 0 ? a : b;
}

/** What stands in the leader's log beyond the last entry that it has in common with the adopted one. */
function lossOf(leads: LogEnd | null, head: Tail, adopted: LogEnd): Lost | "nothing" | null {
  if (compareTails(adopted.last, head) >= 0) return "nothing";
  // Of a leader that does not answer only the end is known: without its epochs nobody can say where the two part.
  if (leads === null && adopted.last.e !== head.e) return null;
  const common =
    leads === null
      ? adopted.last.s
      : divergencePoint(
          leads.epochs,
          leads.last.s,
          leads.base.s,
          adopted.epochs,
          adopted.last.s,
          adopted.base.s,
        );
  if (common >= head.s) return "nothing";
  const first = common + 1;
  const e = leads === null ? head.e : epochAt(leads.epochs, leads.base, first);
  return { count: head.s - common, from: { e, s: first }, to: head };
}

function previewBody(
  { regions, deployment }: Edge,
  origin: RegionIndex,
  logs: readonly { readonly name: LogName; readonly preview: LogPreview }[],
  answers: readonly { readonly replica: ReplicaName; readonly status: unknown }[],
) {
  const at = ({ e, s }: Tail): string => positionText(regions, { o: origin, e, s });
  const lostBody = (lost: Lost | "nothing" | null) => {
    if (lost === null) return null;
    return lost === "nothing"
      ? { count: "0" }
      : { count: String(lost.count), from: at(lost.from), to: at(lost.to) };
  };
  return {
    origin: regions.idOf(origin),
    logs: logs.map(({ name, preview }) => ({
      ...name,
      leader: regions.idOf(preview.leader),
      epoch: String(preview.epoch),
      exact: preview.exact,
      head: at(preview.head),
      committed: String(preview.committed),
      exposedMs: preview.exposedMs,
      candidates: preview.candidates.map(({ region, reachable, head, lost, lostAtWorst }) => ({
        region: regions.idOf(region),
        reachable,
        head: head === null ? null : at(head),
        lost: lostBody(lost),
        lostAtWorst: lostBody(lostAtWorst),
      })),
    })),
    candidates: deployment.regions.map(({ id, index }) => {
      const own = logs.flatMap(({ preview }) => preview.candidates.filter(({ region }) => region === index));
      return {
        region: id,
        logs: own.length,
        lost: sum(own.map(({ lost }) => lost)),
        lostAtWorst: sum(own.map(({ lostAtWorst }) => lostAtWorst)),
        unknown: own.filter(({ lost }) => lost === null).length,
      };
    }),
    unreachable: answers
      .filter(({ status }) => status === null)
      .map(({ replica: { namespace, partition, region } }) => ({
        namespace,
        partition,
        region: regions.idOf(region),
      })),
  };
}

function sum(losses: readonly (Lost | "nothing" | null)[]): string {
  return String(
    losses.reduce((total, lost) => total + (lost === null || lost === "nothing" ? 0 : lost.count), 0),
  );
}
