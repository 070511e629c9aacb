/**
 * Handing an origin's logs to a region: one log after the other, a few at a time, each by whoever leads it.
 *
 * The edge finds the leader and nothing else. It accuses nobody: a leader that is not there is not succeeded for the sake of a
 * hand-off, because a takeover may lose what only that leader has. Repeating is safe, so everything that may be over in a moment is
 * asked again while there is time.
 */
import type { Position, RegionIndex } from "../replication/position.ts";
import type { NotHandedOff } from "../replication/request.ts";
import type { Edge } from "./edge.ts";
import { Journey, sleep, type Outcome } from "./journey.ts";

/** Subrequests of one request may be few; each log takes a handful of round trips. */
const AT_ONCE = 4;
/** Catching up, and then leading or not, are bounded at the leader by two seconds each. */
const ATTEMPT_MS_MAX = 4_500;
const PAUSE_MS = 150;
const HOPS_MAX = 4;

export interface LogName {
  readonly namespace: string;
  readonly partition: number;
}

/** Why a log still has its old leader: nobody was found who leads it, or what the leader said. */
export type Remaining = NotHandedOff | "no-leader";

export type LogHandOff =
  | { readonly log: LogName; readonly position: Position; readonly unavailableMs: number }
  | { readonly log: LogName; readonly why: Remaining };

export interface HandOffOrder {
  readonly origin: RegionIndex;
  readonly to: RegionIndex;
  readonly from: RegionIndex;
  readonly startedAt: number;
  readonly budgetMs: number;
}

/** In the order of the logs. */
export async function handOver(
  edge: Edge,
  logs: readonly LogName[],
  order: HandOffOrder,
): Promise<LogHandOff[]> {
  const done: LogHandOff[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    for (let at = next++; at < logs.length; at = next++) done[at] = await handOverOne(edge, logs[at]!, order);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return done;
}

async function handOverOne(edge: Edge, log: LogName, order: HandOffOrder): Promise<LogHandOff> {
  const { origin, to, from, startedAt, budgetMs } = order;
  const journey = new Journey(edge, { ...log, user: "" }, { from, startedAt, budgetMs, effect: null });
  let why: Remaining = "no-leader";
  let region = edge.homes.leaderOf(log.namespace, log.partition, origin, Date.now());
  const silent = new Set<RegionIndex>();
  for (let hops = 0; journey.remainingMs() > 0;) {
    const timeoutMs = Math.min(ATTEMPT_MS_MAX, journey.remainingMs());
    const deadlineAt = journey.replicaDeadlineAt(timeoutMs);
    const outcome = await journey.ask(region, { op: "hand-off", origin, to, from, deadlineAt }, timeoutMs);
    if (outcome.kind === "handed-off") {
      const { position, unavailableMs } = outcome;
      learn(edge, log, origin, { leader: to, epoch: position.e });
      return { log, position, unavailableMs };
    }
    if (outcome.kind === "not-handed-off") {
      why = outcome.why;
      if (why === "silent" || !(await rest(journey))) break;
      continue;
    }
    const elsewhere = whereElse(outcome, region);
    if (elsewhere !== null) {
      learn(edge, log, origin, elsewhere);
      if (silent.has(elsewhere.leader) || ++hops > HOPS_MAX) break;
      region = elsewhere.leader;
      continue;
    }
    why = "no-leader";
    if (outcome.kind === "unreached") {
      if (outcome.reason === "overloaded" || outcome.reason === "expired") break;
      silent.add(region);
      // Whoever else is there knows whether it still leads.
      const other = edge.regions.nearTo(from).find((each) => !silent.has(each));
      if (other === undefined) break;
      region = other;
    } else if (!(await rest(journey))) break;
  }
  return { log, why };
}

function whereElse(
  outcome: Outcome,
  asked: RegionIndex,
): { readonly leader: RegionIndex; readonly epoch: number } | null {
  if (outcome.kind !== "not-leader" || outcome.leader === null || outcome.leader === asked) return null;
  return { leader: outcome.leader, epoch: outcome.epoch ?? 0 };
}

function learn(
  edge: Edge,
  { namespace, partition }: LogName,
  origin: RegionIndex,
  leader: { readonly leader: RegionIndex; readonly epoch: number },
): void {
  edge.homes.learnLeader(namespace, partition, origin, leader, Date.now());
}

async function rest(journey: Journey): Promise<boolean> {
  if (journey.remainingMs() <= 2 * PAUSE_MS) return false;
  await sleep(PAUSE_MS);
  return true;
}
