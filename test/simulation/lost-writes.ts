/**
 * What failovers cut off, as the tables say in the end: recorded once, the same everywhere, kept nowhere else, and nothing that is to
 * be decided about has happened already.
 */
import { EntryKind, OpKind, type Entry, type LostState } from "../../src/replication/entry.ts";
import { identityOf } from "../../src/replication/lost-write.ts";
import type { Position } from "../../src/replication/position.ts";
import type { Cluster } from "./cluster.ts";
import { position as positionText } from "./describe.ts";
import type { Ghost, Known } from "./ghost.ts";
import { sha256, type Host } from "./host.ts";
import { isLeaver } from "./leaver-name.ts";

const STATES: readonly LostState[] = ["open", "open", "replayed", "discarded", "folded"];

export interface LostRecord extends Position {
  readonly user: string;
  readonly state: LostState;
  readonly by: Position | null;
}

/** What a replica's table says. */
export function lostAt(host: Host): LostRecord[] {
  return host.driver
    .rows(`SELECT user, o, e, s, state, by_o, by_e, by_s FROM lost ORDER BY user, o, e, s`)
    .map(([user, o, e, s, state, byO, byE, byS]) => ({
      user: String(user),
      o: Number(o),
      e: Number(e),
      s: Number(s),
      state: STATES[Number(state)] ?? "open",
      by: byO === null ? null : { o: Number(byO), e: Number(byE), s: Number(byS) },
    }));
}

/** Entries that are on record as lost, of those who were not erased. */
export function recordedLosses(
  cluster: Cluster,
  ghost: Ghost,
): { readonly partition: number; readonly known: Known }[] {
  return cluster.hosts.flatMap((hosts, partition) =>
    hosts
      .slice(0, 1)
      .flatMap(lostAt)
      .flatMap(({ user, o, e, s }) => {
        const known = ghost.log(partition, o).known(e, s);
        return known === undefined || isLeaver(user) ? [] : [{ partition, known }];
      }),
  );
}

/** Once nothing is wrong any more and everybody has fallen silent. */
export function lossesAreRecorded(cluster: Cluster, ghost: Ghost): void {
  for (const [partition, hosts] of cluster.hosts.entries()) {
    const [first, ...others] = hosts;
    if (first === undefined) continue;
    const rows = lostAt(first);
    const tables = JSON.stringify(wholeRows(first));
    for (const host of others)
      if (JSON.stringify(wholeRows(host)) !== tables)
        ghost.fail(
          "lost writes are the same everywhere",
          `${host.name} has ${describe(lostAt(host))}, ${first.name} ${describe(rows)}`,
        );
    for (const host of hosts)
      for (const [o, e, s] of host.driver.rows(`SELECT o, e, s FROM divergent`))
        ghost.fail(
          "what was cut off is brought into its log",
          `${host.name} still keeps ${String(e)}.${String(s)} of log ${String(o)} by itself`,
        );
    recordedOnce(cluster, ghost, partition);
    const standing = rows.length === 0 ? [] : standingIn(ghost, partition);
    for (const row of rows) judgeRow(cluster, ghost, { partition, standing }, row);
  }
}

/** Without what depends on the version of the code. */
function wholeRows(host: Host): unknown[] {
  return host.driver
    .rows(`SELECT * FROM lost ORDER BY user, o, e, s`)
    .map((row) =>
      row.map((value) => (value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value)),
    );
}

function recordedOnce(cluster: Cluster, ghost: Ghost, partition: number): void {
  for (const log of ghost.logs[partition] ?? []) {
    const seen = new Set<string>();
    for (const entry of committedIn(ghost, partition, log.o)) {
      if (entry.kind !== EntryKind.divergent || entry.divergent === undefined) continue;
      const place = `${entry.divergent.e}.${entry.divergent.s}`;
      cluster.tally.add("lost writes recorded");
      if (seen.has(place))
        ghost.fail(
          "a loss is recorded once",
          `${place} of log ${partition}/${log.o} is recorded again at ${entry.s}`,
        );
      seen.add(place);
      if (log.isCommitted(entry.divergent.e, entry.divergent.s))
        ghost.fail(
          "a loss is a loss",
          `${place} of log ${partition}/${log.o} is recorded as lost and is committed`,
        );
    }
  }
}

/** What stands in a partition's logs that may say something about lost writes. */
interface Standing {
  readonly entry: Entry;
  readonly identity: string;
}

function standingIn(ghost: Ghost, partition: number): Standing[] {
  return (ghost.logs[partition] ?? [])
    .flatMap((log) => committedIn(ghost, partition, log.o))
    .filter(({ idempotency, resolve }) => idempotency !== undefined || resolve !== undefined)
    .map((entry) => ({ entry, identity: identityIn(entry) }));
}

function judgeRow(
  cluster: Cluster,
  ghost: Ghost,
  { partition, standing }: { readonly partition: number; readonly standing: readonly Standing[] },
  row: LostRecord,
): void {
  const { state, by, user } = row;
  const known = ghost.log(partition, row.o).known(row.e, row.s);
  const place = `${positionText(row)} of ${user}`;
  cluster.tally.add(`lost writes: ${state}`);
  if (known === undefined || known.entry.user !== user)
    return ghost.fail("a loss is a loss", `${place} is recorded as lost, and nobody wrote it`);
  const identity = identityIn(known.entry);
  const again = standing.find(
    (one) => identity !== "" && one.identity === identity && one.entry.user === user,
  )?.entry;
  if (state === "open" && again !== undefined)
    ghost.fail(
      "what happened is not offered again",
      `${place} is open, and the same request took effect at ${positionText(again)}`,
    );
  const settled = standing.find(({ entry }) => resolves(entry, row))?.entry;
  if (state === "open" && settled !== undefined)
    ghost.fail(
      "what happened is not offered again",
      `${place} is open, and ${positionText(settled)} settles it`,
    );
  if (state === "open" || by === null) return;
  const other = ghost.log(partition, by.o).known(by.e, by.s)?.entry;
  if (state === "folded") return;
  const committed = ghost.log(partition, by.o).isCommitted(by.e, by.s);
  const means = other !== undefined && (resolves(other, row) || isSame(other, known.entry));
  if (!means)
    ghost.fail(
      "a settled loss was settled",
      `${place} is ${state} by ${positionText(by)}, which does not say so`,
    );
  else if (!committed)
    ghost.fail(
      "a settled loss was settled",
      `${place} is ${state} by ${positionText(by)}, which is not in the log`,
    );
  else if (state === "replayed" && other.resolve !== undefined) checkReplay(ghost, place, known.entry, other);
}

/** The ops of the replay are those that were lost; a deletion of what is not there is none. */
function checkReplay(ghost: Ghost, place: string, lost: Entry, replay: Entry): void {
  const done = new Map(replay.ops.map(({ key, kind }) => [key, kind]));
  for (const { key, kind } of lost.ops) {
    const did = done.get(key);
    if (did === kind || (did === undefined && kind === OpKind.delete)) continue;
    ghost.fail(
      "a replay does what was asked for",
      `${place}: op ${kind} of ${key} was run again as ${String(did)}`,
    );
  }
}

function resolves({ resolve }: Entry, { o, e, s }: Position): boolean {
  return resolve?.o === o && resolve.e === e && resolve.s === s;
}

function isSame(a: Entry, b: Entry): boolean {
  const identity = identityIn(a);
  return a.user === b.user && identity !== "" && identity === identityIn(b);
}

function identityIn({ principal, idempotency }: Entry): string {
  return Buffer.from(identityOf(sha256, principal, idempotency)).toString("hex");
}

function committedIn(ghost: Ghost, partition: number, o: number): Entry[] {
  const log = ghost.log(partition, o);
  return log.committed.flatMap((e, s) => log.known(e, s)?.entry ?? []);
}

function describe(rows: readonly LostRecord[]): string {
  return rows.map((row) => `${positionText(row)} ${row.state}`).join(", ") || "none";
}
