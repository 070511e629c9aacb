/**
 * Erasures, as somebody sees them who knows every name: who was erased by which entry, what is older than that, and what
 * the tables say in the end.
 */
import { EntryKind, type Entry } from "../../src/replication/entry.ts";
import { erasureDigest } from "../../src/replication/erasure.ts";
import type { SqlDriver } from "../../src/storage/sql-driver.ts";
import type { Cluster } from "./cluster.ts";
import type { Ghost, Known } from "./ghost.ts";
import { sha256 } from "./host.ts";
import type { Leaver } from "./leaver.ts";
import type { Turn } from "./turn.ts";

/** Does `erase` mean the user of `entry`, and stand after it? */
export function isErasedBy(entry: Entry, erase: Entry): boolean {
  if (erase.erase === undefined || entry.user === "") return false;
  const older =
    entry.o === erase.o
      ? entry.e < erase.e || (entry.e === erase.e && entry.s < erase.s)
      : entry.hlc < erase.hlc;
  if (!older) return false;
  const digest = erasureDigest(sha256, erase.erase.id, entry.user);
  return Buffer.compare(digest, erase.erase.digest) === 0;
}

/** What is stored instead of an entry's bytes is what stays of it, and it stays only of those who were erased. */
export function isRedactionOf(ghost: Ghost, partition: number, known: Known, bytes: Uint8Array): boolean {
  const { entry } = known;
  const left = ghost.decode(bytes);
  const same =
    left.kind === EntryKind.redacted &&
    left.o === entry.o &&
    left.e === entry.e &&
    left.s === entry.s &&
    left.hlc === entry.hlc &&
    left.inc === entry.inc &&
    JSON.stringify(left.deps) === JSON.stringify(entry.deps) &&
    left.ops.length === 0 &&
    left.user === "" &&
    left.principal === "" &&
    left.idempotency === undefined;
  return same && erasuresIn(ghost, partition).some((erase) => isErasedBy(entry, erase));
}

/** Committed ones: no other may be applied. */
export function erasuresIn(ghost: Ghost, partition: number): Entry[] {
  return (ghost.logs[partition] ?? []).flatMap((log) =>
    log.committed.flatMap((e, s) => {
      const entry = log.known(e, s)?.entry;
      return entry?.kind === EntryKind.erase ? [entry] : [];
    }),
  );
}

/** What an erasure removes nobody can put back: it is applied when a majority holds it. */
export function erasuresWaitForAMajority(turn: Turn): void {
  const { host, ghost } = turn;
  for (const { o, applied } of turn.deltas) {
    const log = ghost.log(host.partition, o);
    for (const s of applied) {
      const known = log.known(ghost.mirror(host, o).epochAt(s) ?? 0, s);
      if (known?.entry.kind !== EntryKind.erase) continue;
      if (known.holders.size < ghost.majority)
        turn.fail(
          "an erasure waits for a majority",
          `${host.name} applies ${known.entry.e}.${s} of log ${o}, which only regions ${[...known.holders].join(", ")} ever held`,
        );
      // To apply it is to call it committed, whether or not the replica lives to say so.
      ghost.claim(host.partition, o, s, known.entry.e, `${host.name}, erasing`);
    }
  }
}

/** At the end: nothing of whoever is gone is anywhere, and nothing else is missing from the logs. */
export function nothingOfTheErasedIsLeft(cluster: Cluster, ghost: Ghost, leavers: readonly Leaver[]): void {
  for (const { user, erased, returned, partition } of leavers) {
    if (erased === null || returned) continue;
    for (const host of cluster.hosts[partition] ?? [])
      for (const trace of tracesOf(host.driver, user))
        ghost.fail("nothing of the erased is left", `${user} is still in ${trace} at ${host.name}`);
    cluster.tally.add("erasures looked after");
  }
  for (const host of cluster.allHosts()) {
    for (const [o, e, s, bytes] of host.driver.rows(`SELECT o, e, s, entry FROM log`)) {
      const known = ghost.log(host.partition, Number(o)).known(Number(e), Number(s));
      if (known === undefined || !(bytes instanceof Uint8Array)) continue;
      if (Buffer.compare(known.raw.bytes, bytes) === 0) continue;
      if (isRedactionOf(ghost, host.partition, known, bytes)) cluster.tally.add("entries redacted");
      else
        ghost.fail(
          "I3 log matching",
          `${String(e)}.${String(s)} of log ${String(o)} at ${host.name} has other bytes in the end`,
        );
    }
  }
}

/** Every column of every table in which the text stands. */
function tracesOf(driver: SqlDriver, text: string): string[] {
  const tables = driver
    .rows(`SELECT name FROM sqlite_master WHERE type = 'table'`)
    .map(([name]) => String(name));
  return tables.filter((table) =>
    driver
      .rows(`SELECT * FROM "${table}"`)
      .some((row) =>
        row.some((value) =>
          typeof value === "string"
            ? value.includes(text)
            : value instanceof Uint8Array &&
              Buffer.from(value.buffer, value.byteOffset, value.length).includes(text),
        ),
      ),
  );
}
