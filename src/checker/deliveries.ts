/**
 * Change sinks: every committed change that a sink asked for was taken by its receiver at least once, in the order of its
 * user's log, with what was written, and nothing else ever was.
 *
 * Repeats are allowed anywhere; what counts is when a change came first. At that moment every earlier change of the same
 * user must have come already: skipping one and bringing it later is as bad as never bringing it. Changes that a sink
 * lost with a word about it (the log no longer had them) are excused.
 */
import { showItem } from "./sentence.ts";
import { verdictOf, type Verdict, type Violation } from "./verdict.ts";

export interface LoggedChange {
  /** Names the log: partition and origin. */
  readonly log: string;
  readonly user: string;
  readonly key: string;
  /** `origin.epoch.seq`. */
  readonly position: string;
  readonly seq: number;
  /** Which one of its entry's. */
  readonly n: number;
  readonly op: string;
  readonly value?: string | undefined;
}

export interface TakenChange extends LoggedChange {
  readonly sink: string;
}

export interface Sink {
  readonly name: string;
  readonly prefix: string;
}

/** Seqs after `after` through `through` of a log may be missing. */
export interface Excuse {
  readonly sink: string;
  readonly log: string;
  readonly after: number;
  readonly through: number;
}

export interface Deliveries {
  readonly sinks: readonly Sink[];
  /** All that was committed, each log in its order. */
  readonly committed: readonly LoggedChange[];
  /** In the order in which receivers took them. */
  readonly taken: readonly TakenChange[];
  readonly excused: readonly Excuse[];
}

export function checkDeliveries({ sinks, committed, taken, excused }: Deliveries): Verdict {
  const violations: Violation[] = [];
  let repeated = 0;
  for (const sink of sinks) {
    const wanted = Map.groupBy(
      committed.filter(({ key }) => key.startsWith(sink.prefix)),
      userOf,
    );
    const places = new Map([...wanted.values()].flatMap((list) => list.map((each, at) => [idOf(each), at])));
    const next = new Map<string, number>();
    const mayMiss = ({ log, seq }: LoggedChange): boolean =>
      excused.some(
        (excuse) =>
          excuse.sink === sink.name && excuse.log === log && seq > excuse.after && seq <= excuse.through,
      );
    for (const change of taken.filter((each) => each.sink === sink.name)) {
      const list = wanted.get(userOf(change)) ?? [];
      const at = places.get(idOf(change));
      const meant = at === undefined ? undefined : list[at];
      if (at === undefined || meant === undefined) {
        violations.push(said(`${sink.name} was sent what it is not to have`, change));
        continue;
      }
      if (meant.op !== change.op || meant.key !== change.key || meant.value !== change.value)
        violations.push(said(`${sink.name} was told something else than what was written`, change));
      const due = next.get(userOf(change)) ?? 0;
      if (at < due) repeated += 1;
      const skipped = list.slice(due, at).filter((each) => !mayMiss(each));
      if (skipped[0] !== undefined)
        violations.push(said(`${sink.name} was sent ${change.position} before`, skipped[0]));
      next.set(userOf(change), Math.max(due, at + 1));
    }
    for (const [user, list] of wanted) {
      const missing = list.slice(next.get(user) ?? 0).find((each) => !mayMiss(each));
      if (missing !== undefined) violations.push(said(`${sink.name} was never sent`, missing));
    }
  }
  return verdictOf("deliveries to sinks", violations, {
    committed: committed.length,
    taken: taken.length,
    repeated,
    excused: excused.length,
  });
}

function userOf({ log, user }: LoggedChange): string {
  return `${log} ${user}`;
}

function idOf({ log, position, n }: LoggedChange): string {
  return `${log} ${position} ${n}`;
}

function said(what: string, { user, key, op, position }: LoggedChange): Violation {
  return { message: `${what}: ${op} ${showItem(user, key)} at ${position}`, ops: [] };
}
