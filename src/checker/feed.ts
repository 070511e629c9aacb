/**
 * What readers of a change feed were told, against the log in the end: exactly the user's committed changes after the place where a
 * reading began, in order, none twice and none left out, whatever regions and failovers lie between; and once nothing more is
 * to come, all of them.
 *
 * A reader whose cursor had expired begins a new reading where the new cursor stands: what is before it, it has listed.
 */
import type { Authority, LogEntry } from "./authority.ts";
import { showItem } from "./sentence.ts";
import { verdictOf, type Verdict, type Violation } from "./verdict.ts";
import { parseVersion } from "./version.ts";

export interface ToldChange {
  readonly position: string;
  readonly key: string;
  readonly op: string;
}

/** What one reader was told from one beginning on, over all pages, messages and regions. */
export interface FeedReading {
  readonly reader: string;
  readonly user: string;
  /** It begins after this position, of whomever; null: with the user's first write. */
  readonly after: string | null;
  /** The version of the user's home under which that place is; absent: the user never moved. */
  readonly afterVersion?: number | undefined;
  readonly told: readonly ToldChange[];
  /** It was read to the end of the log, after the last write. */
  readonly complete: boolean;
}

export function checkFeeds(readings: readonly FeedReading[], authority: Authority): Verdict {
  const byUser = Map.groupBy(authority.entries, ({ user }) => user);
  const violations = readings.flatMap((reading) => judge(reading, byUser.get(reading.user) ?? [], authority));
  return verdictOf("feeds", violations, {
    readings: readings.length,
    told: readings.reduce((sum, { told }) => sum + told.length, 0),
    complete: readings.filter(({ complete }) => complete).length,
  });
}

/** The first thing wrong with a reading: what comes after it follows from it. */
function judge(reading: FeedReading, entries: readonly LogEntry[], authority: Authority): Violation[] {
  const { told, complete } = reading;
  const expected = entries.slice(beginning(reading, entries));
  for (const [n, change] of told.entries()) {
    const due = expected[n];
    if (due !== undefined && isSame(change, due)) continue;
    return [violation(reading, n, wrong(reading, change, due, n, expected, authority))];
  }
  const missed = expected[told.length];
  if (!complete || missed === undefined) return [];
  return [violation(reading, told.length, `was never told of ${show(missed)}`)];
}

/** Where in the user's line a reading begins: after the last write that is not after its place. */
function beginning({ after, afterVersion }: FeedReading, entries: readonly LogEntry[]): number {
  const place = after === null ? undefined : parseVersion(after);
  if (place === undefined) return 0;
  const before = entries.findLastIndex(({ position, homeVersion }) => {
    if (afterVersion !== undefined && homeVersion !== undefined && homeVersion !== afterVersion)
      return homeVersion < afterVersion;
    const parsed = parseVersion(position);
    return parsed?.origin === place.origin && parsed.seq <= place.seq;
  });
  return before + 1;
}

function wrong(
  { user }: FeedReading,
  change: ToldChange,
  due: LogEntry | undefined,
  n: number,
  expected: readonly LogEntry[],
  authority: Authority,
): string {
  const at = expected.findIndex((entry) => isSame(change, entry));
  const what = `was told of ${show(change)}`;
  if (at > n) return `${what} without ${show(expected[n]!)} before it`;
  if (at >= 0) return `${what} again, or out of order`;
  if (authority.isLost(user, change.position)) return `${what}, which was never committed`;
  return `${what}, which is not what the log has${due === undefined ? "" : ` (${show(due)} was due)`}`;
}

function isSame(change: ToldChange, entry: LogEntry): boolean {
  return change.position === entry.position && change.key === entry.key && change.op === entry.op;
}

function show({ position, key, op }: ToldChange): string {
  return `${op} ${JSON.stringify(key)} at ${position}`;
}

function violation({ reader, user, after }: FeedReading, n: number, what: string): Violation {
  const from = after === null ? "the beginning" : after;
  return {
    message: `${reader}, following ${showItem(user, "*")} from ${from}, ${what} (change ${n})`,
    ops: [],
  };
}
