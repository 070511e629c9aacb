/**
 * Sinks over a whole run: what administrators do to them, which changes they said they had lost, and what the receivers have in
 * the end.
 */
import { checkDeliveries, type Excuse, type LoggedChange } from "../../src/checker/deliveries.ts";
import type { Verdict } from "../../src/checker/verdict.ts";
import { changesOf, type Change } from "../../src/replication/change.ts";
import type { SinkConfig } from "../../src/replication/config.ts";
import type { Cluster } from "./cluster.ts";
import type { Ghost } from "./ghost.ts";
import type { Host } from "./host.ts";
import type { Random } from "./random.ts";
import { type Task, wait } from "./task.ts";
import type { Turn } from "./turn.ts";

const SINK: Omit<SinkConfig, "name" | "prefix" | "from"> = {
  batchChangesMax: 3,
  batchBytesMax: 2_000,
  valueBytesMax: 1_000,
  timeoutMs: 1_000,
  retryMs: [200, 500, 1_000, 3_000],
};

/** One that is there from the first day, and one for a part of the items. */
export const SINKS: readonly SinkConfig[] = [
  { ...SINK, name: "everything", prefix: "", from: "start" },
  { ...SINK, name: "some", prefix: "k1", from: "now" },
];

/** As the table has them. */
const STATE_ACTIVE = 0;
const STATE_LOST = 2;
/** Below this a log outgrows its bound within a run. */
const LOG_BYTES_AMPLE = 1_000_000;
const ASK_MS = 2_000;

interface Place {
  readonly delivered: number;
  readonly state: number;
}

/** What sinks said they had lost, and what is wrong with what they are sent, turn by turn. */
export class SinkWatch {
  readonly excused: Excuse[] = [];
  readonly #places = new Map<Host, ReadonlyMap<string, Place>>();

  /** A batch is a word about the commit position like any other. */
  watch(turn: Turn, dirty: ReadonlySet<string>): void {
    const { host, effects, ghost } = turn;
    for (const effect of effects) {
      if (effect.type !== "deliver") continue;
      const { o, e, s } = effect.batch.through;
      ghost.claim(host.partition, o, s, e, `a batch of ${host.name} for ${effect.sink}`);
      if (effect.batch.changes.length === 0)
        turn.fail("a batch is never empty", `${host.name} to ${effect.sink} through ${s}`);
    }
    if (!dirty.has("sinks")) return;
    const before = this.#places.get(host);
    this.#note(host);
    this.#judgeLosses(turn, before);
  }

  /** A leader drops nothing that an active sink still has to be sent, as long as its log is within its bound. */
  #judgeLosses(turn: Turn, before: ReadonlyMap<string, Place> | undefined): void {
    const { host, ghost, deltas, restoring, limits } = turn;
    if (limits.logBytesMax < LOG_BYTES_AMPLE || restoring) return;
    for (const { o, baseBefore, baseAfter } of deltas) {
      const { ownEpoch, acceptor } = ghost.mirror(host, o);
      if (baseAfter.s <= baseBefore.s || ownEpoch === 0 || ownEpoch !== acceptor.promised) continue;
      for (const [id, place] of this.#places.get(host) ?? []) {
        if (id.startsWith(`${o} `) && place.state === STATE_LOST && before?.get(id)?.state === STATE_ACTIVE)
          turn.fail(
            "compaction waits for sinks",
            `${host.name} drops log ${o} through ${baseAfter.s}, and sink ${id} is at ${place.delivered}`,
          );
      }
    }
  }

  #note(host: Host): void {
    const before = this.#places.get(host);
    const now = new Map<string, Place>();
    for (const [o, name, delivered, state] of host.driver.rows(
      `SELECT o, name, delivered, state FROM sinks`,
    )) {
      const id = `${String(o)} ${String(name)}`;
      now.set(id, { delivered: Number(delivered), state: Number(state) });
      const was = before?.get(id);
      if (was?.state === STATE_LOST && state !== STATE_LOST)
        this.excused.push({
          sink: String(name),
          log: `${host.partition}/${String(o)}`,
          after: was.delivered,
          through: Number(delivered),
        });
    }
    this.#places.set(host, now);
  }
}

/** An administrator resumes a sink, or has it sent again from some place before where it is. */
export function controlSomeSink(cluster: Cluster, random: Random): void {
  const { name } = random.pick(cluster.sinks);
  const host = random.pick(cluster.allHosts());
  const row = host.driver.rows(
    `SELECT delivered FROM sinks WHERE o = ? AND name = ? AND state = 0`,
    host.region,
    name,
  )[0];
  const from = { from: host.region };
  if (row === undefined || random.chance(0.5)) {
    cluster.ask(
      host.region,
      host.region,
      host.partition,
      { op: "sink", name, action: { kind: "resume" }, ...from },
      ASK_MS,
      () => cluster.tally.add("sinks resumed"),
    );
    return;
  }
  const s = random.below(Number(row[0]) + 1);
  const e = Number(host.driver.rows(`SELECT e FROM log WHERE o = ? AND s = ?`, host.region, s)[0]?.[0] ?? 0);
  const position = { o: host.region, e, s };
  cluster.ask(
    host.region,
    host.region,
    host.partition,
    { op: "sink", name, action: { kind: "replay", position }, ...from },
    ASK_MS,
    (end) => {
      if (end.end === "answer" && end.answer.kind === "sink")
        cluster.tally.add(`replays of sinks: ${end.answer.outcome}`);
    },
  );
}

/** When everything is well again, so that nothing stays parked. */
export function* resumeSinks(cluster: Cluster): Task<void> {
  for (const host of cluster.allHosts()) {
    for (const { name } of cluster.sinks) {
      yield* wait<void>((resume) =>
        cluster.ask(
          host.region,
          host.region,
          host.partition,
          { op: "sink", name, action: { kind: "resume" }, from: host.region },
          ASK_MS,
          () => resume(),
        ),
      );
    }
  }
}

export function judgeSinks(cluster: Cluster, ghost: Ghost, watch: SinkWatch): Verdict {
  const committed = ghost.logs.flat().flatMap((log) =>
    log.committed.flatMap((e, s) => {
      const known = s === 0 ? undefined : log.known(e, s);
      return known === undefined ? [] : logged(log.partition, changesOf(known.entry));
    }),
  );
  const taken = cluster.receiver.taken.flatMap(({ sink, partition, batch }) =>
    logged(partition, batch.changes).map((change) => ({ ...change, sink })),
  );
  cluster.tally.add("excuses of sinks", watch.excused.length);
  return checkDeliveries({ sinks: cluster.sinks, committed, taken, excused: watch.excused });
}

function logged(partition: number, changes: readonly Change[]): LoggedChange[] {
  return changes.map(({ position, user, key, op, after }, at) => ({
    log: `${partition}/${position.o}`,
    user,
    key,
    position: `${position.o}.${position.e}.${position.s}`,
    seq: position.s,
    n: changes.slice(0, at).filter((other) => other.position.s === position.s).length,
    op,
    value: after === undefined ? undefined : new TextDecoder().decode(after.value),
  }));
}
