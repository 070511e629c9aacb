/**
 * Administrators who hand logs to and fro, and what the simulation notes of it: who gave what up for whom, what came of it, and
 * how often somebody else campaigned for the log in between.
 */
import { leaderOf, type Epoch } from "../../src/replication/position.ts";
import type { ClientReply } from "../../src/replication/request.ts";
import type { Cluster } from "./cluster.ts";
import type { CallEnd } from "./network.ts";
import type { Random } from "./random.ts";
import { runTask, type Task, wait } from "./task.ts";
import type { Turn } from "./turn.ts";

const ASK_MS = 5_000;
const HOPS_MAX = 3;
/** A hand-off that ended in so little time before or after a rival's promise met it. */
const MEETING_MS = 2_500;

export function handOverSomeLog(cluster: Cluster, random: Random): void {
  const partition = random.below(cluster.partitions);
  const origin = random.below(cluster.regions);
  const to = random.below(cluster.regions);
  const edge = random.below(cluster.regions);
  cluster.tally.add("hand-offs asked for");
  cluster.transcript.line(cluster.timeline.now, `log ${partition}/${origin} is to be handed to ${to}`);
  runTask(ask(cluster, { partition, origin, to, edge }), (how) => cluster.tally.add(`hand-offs: ${how}`));
}

/** As an edge does: it follows who is said to lead, and accuses nobody. */
function* ask(
  cluster: Cluster,
  { partition, origin, to, edge }: { partition: number; origin: number; to: number; edge: number },
): Task<string> {
  let region = origin;
  for (let hop = 0; hop < HOPS_MAX; hop++) {
    const end = yield* wait<CallEnd<ClientReply>>((resume) =>
      cluster.ask(edge, region, partition, { op: "hand-off", origin, to, from: edge }, ASK_MS, resume),
    );
    if (end.end === "failed") return "no answer";
    const reply = end.answer;
    if (reply.kind === "handed-off") return reply.unavailableMs === 0 ? "there already" : "done";
    if (reply.kind === "not-handed-off") return reply.why;
    if (reply.kind !== "not-leader" || reply.leader === null) return reply.kind;
    if (reply.leader >= cluster.regions) return "led by nobody here";
    region = reply.leader;
  }
  return "sent about";
}

interface GivenUp {
  readonly e: Epoch;
  readonly b: Epoch;
  readonly at: number;
  met: boolean;
}

/** By log: what was given up, the last one last. */
export class HandOffWatch {
  readonly #given = new Map<string, GivenUp[]>();
  /** By log: when somebody last promised anything to somebody who was handed nothing. */
  readonly #rivalAt = new Map<string, number>();

  watch(turn: Turn): void {
    const { host, at, tally } = turn;
    for (const effect of turn.effects) {
      if (effect.type === "call" && effect.message.type === "transfer") {
        const { o, e, promise } = effect.message;
        if (promise === undefined) continue;
        const log = `${host.partition}/${o}`;
        const given: GivenUp = { e, b: promise.b, at, met: false };
        this.#given.set(log, [...(this.#given.get(log) ?? []), given]);
        tally.add("logs given up");
        if (at - (this.#rivalAt.get(log) ?? -Infinity) < MEETING_MS) this.#meet(turn, given);
      }
      if (effect.type === "call" && effect.message.type === "prepare" && !effect.message.transfer)
        this.#rival(turn, effect.message.o, effect.message.b);
      if (effect.type === "reply" && effect.message.type === "promise") {
        const request = turn.requestOf(effect.id);
        if (request?.type === "prepare" && !request.transfer) this.#rival(turn, request.o, request.b);
      }
    }
    for (const { o, openedBefore, openedAfter } of turn.deltas) {
      if (!openedAfter.opened || (openedBefore.opened && openedBefore.e === openedAfter.e)) continue;
      if (this.find(host.partition, o, openedAfter.e) !== undefined) tally.add("heirs that led");
    }
  }

  /** The epoch that was given up for this ballot. */
  find(partition: number, o: number, b: Epoch): Epoch | undefined {
    return this.#given.get(`${partition}/${o}`)?.find((given) => given.b === b)?.e;
  }

  #rival(turn: Turn, o: number, b: Epoch): void {
    const log = `${turn.host.partition}/${o}`;
    this.#rivalAt.set(log, turn.at);
    const last = this.#given.get(log)?.at(-1);
    // Who gave it up and takes it back is no rival.
    if (last === undefined || turn.at - last.at >= MEETING_MS || leaderOf(b) === leaderOf(last.e)) return;
    this.#meet(turn, last);
  }

  #meet({ tally }: Turn, given: GivenUp): void {
    if (given.met) return;
    given.met = true;
    tally.add("hand-offs meeting a takeover");
  }
}

/** Who says that a log was handed to it was told so, of that epoch and for that ballot. */
export function heirsAreTold(turn: Turn, watch: HandOffWatch): void {
  for (const effect of turn.effects) {
    if (effect.type !== "call" || effect.message.type !== "prepare" || !effect.message.transfer) continue;
    const { o, b, gaveUp = 0 } = effect.message;
    if (watch.find(turn.host.partition, o, b) !== gaveUp)
      turn.fail("heirs are told", `${turn.host.name} says that ${gaveUp} of log ${o} was given up for ${b}`);
  }
}
