/**
 * I14, I28, I29: a replica's items are what its applied entries make, in whatever way it came to them: by applying and taking
 * back, or by a snapshot and replay.
 *
 * The expected state is replayed from the entries that the ghost knows, along the history of this replica's logs, so equal
 * applied positions give equal items at every replica. Looks at whole tables, so it runs now and then and at the end.
 */
import { EntryKind, OpKind } from "../../src/replication/entry.ts";
import { erasuresIn, isErasedBy } from "./erasures.ts";
import type { Ghost, Known, LogGhost } from "./ghost.ts";
import type { Host } from "./host.ts";
import type { Mirror } from "./mirror.ts";

interface Expected {
  readonly user: string;
  readonly value: string | null;
  readonly version: string;
  readonly expiresAt: number;
}

export function stateIsWhatWasApplied(ghost: Ghost, host: Host): string[] {
  const { driver } = host;
  if (driver.rows(`SELECT 1 FROM restore LIMIT 1`).length > 0) return [];
  const problems: string[] = [];
  const items = new Map<string, Expected>();
  const owners = new Map<string, number>();
  const keys = new Map<string, string>();
  const applied: Known[] = [];
  for (const mirror of ghost.mirrors(host)) {
    const log = ghost.log(host.partition, mirror.o);
    const history = appliedHistory(log, mirror);
    if (history === null) return [`log ${mirror.o} at ${host.name}: its history is not known`];
    applied.push(...history);
  }
  const erasures = applied.filter(({ entry }) => entry.kind === EntryKind.erase);
  const fading = usersFading(ghost, host.partition, applied);
  // Hybrid time follows causes, from log to log too.
  for (const known of applied.toSorted((a, b) => a.entry.hlc - b.entry.hlc))
    if (!erasures.some((erase) => isErasedBy(known.entry, erase.entry))) replay(known, items, owners, keys);
  const found = new Set<string>();
  for (const [user, key, o, e, s, tombstone, value, expiresAt] of driver.rows(
    `SELECT user, key, o, e, s, tombstone, value, expires_at FROM items`,
  )) {
    if (fading.has(String(user))) continue;
    const id = `${String(user)}/${String(key)}`;
    const version = `${String(o)}.${String(e)}.${String(s)}`;
    const expected = items.get(id);
    found.add(id);
    if (expected === undefined || expected.version !== version)
      problems.push(`${id} at ${host.name} is ${version}, and ${expected?.version ?? "nothing"} was applied`);
    else if ((tombstone === 1) !== (expected.value === null))
      problems.push(
        `${id} at ${host.name} is ${tombstone === 1 ? "deleted" : "there"} at ${version}, and should not be`,
      );
    else if (
      tombstone !== 1 &&
      (value instanceof Uint8Array ? Buffer.from(value).toString("latin1") : "") !== expected.value
    )
      problems.push(`${id} at ${host.name} has another value than ${version} wrote`);
    else if (expiresAt !== expected.expiresAt)
      problems.push(
        `${id} at ${host.name} expires at ${String(expiresAt)}, and not at ${expected.expiresAt}`,
      );
  }
  // A tombstone may have been reclaimed; an item may not.
  for (const [id, { value, version, user }] of items)
    if (value !== null && !found.has(id) && !fading.has(user))
      problems.push(`${id} at ${host.name} is missing, and ${version} was applied`);
  const homes = new Map(
    driver.rows(`SELECT user, home FROM owners`).map((row) => [String(row[0]), Number(row[1])]),
  );
  for (const [user, home] of owners)
    if (homes.get(user) !== home && !fading.has(user))
      problems.push(`${host.name} has ${homes.get(user)} as the home of ${user}, and ${home} was applied`);
  for (const user of homes.keys())
    if (!owners.has(user)) problems.push(`${host.name} has a home for ${user}, and no claim was applied`);
  for (const [user, o, e, s] of driver.rows(`SELECT user, o, e, s FROM idempotency`)) {
    const place = `${String(o)}.${String(e)}.${String(s)}`;
    if (keys.get(place) !== user)
      problems.push(
        `${host.name} remembers an idempotency key of ${String(user)} for ${place}, which was not applied`,
      );
  }
  return problems;
}

/**
 * Users whose erasure is committed and not applied here yet. Their entries may have come from somebody who is further, and
 * say nothing any more: until the erasure is applied here too, any part of what they had may be there.
 */
function usersFading(ghost: Ghost, partition: number, applied: readonly Known[]): ReadonlySet<string> {
  const here = new Set(applied.map(({ entry }) => entry));
  const elsewhere = erasuresIn(ghost, partition).filter((erase) => !here.has(erase));
  return new Set(
    applied
      .filter(({ entry }) => elsewhere.some((erase) => isErasedBy(entry, erase)))
      .map(({ entry }) => entry.user),
  );
}

/** Entries that the replica has applied of one log, oldest first. */
function appliedHistory(log: LogGhost, mirror: Mirror): Known[] | null {
  const out: Known[] = [];
  for (let s = 1; s <= mirror.applied; s++) {
    const e = s <= mirror.base.s ? log.committed[s] : mirror.epochAt(s);
    const known = e === undefined ? undefined : log.known(e, s);
    if (known === undefined) return null;
    out.push(known);
  }
  return out;
}

function replay(
  { entry, raw }: Known,
  items: Map<string, Expected>,
  owners: Map<string, number>,
  keys: Map<string, string>,
): void {
  const version = `${entry.o}.${raw.e}.${raw.s}`;
  if (entry.kind === EntryKind.claim && entry.claim !== undefined) owners.set(entry.user, entry.claim.home);
  if (entry.kind === EntryKind.handoffIn && entry.handoff !== undefined)
    owners.set(entry.user, entry.handoff.to);
  if (entry.idempotency !== undefined) keys.set(version, entry.user);
  for (const op of entry.ops) {
    const gone = op.kind === OpKind.delete || op.kind === OpKind.expire;
    const value = gone ? null : Buffer.from(op.after?.value ?? new Uint8Array(0)).toString("latin1");
    items.set(`${entry.user}/${op.key}`, {
      value,
      version,
      user: entry.user,
      expiresAt: op.after?.expiresAt ?? 0,
    });
  }
}
