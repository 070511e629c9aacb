/**
 * A user's entries through the logs that they were at home in, as the entries themselves say: backwards from one of them, over
 * the HANDOFF_IN to the HANDOFF_OUT that it names.
 */
import { EntryKind } from "../../src/replication/entry.ts";
import { firstVersion } from "../../src/replication/home.ts";
import type { Ghost, Known } from "./ghost.ts";

/** Entries of the user before this one, the latest first, along the history that this one has. */
export function* storyBefore(ghost: Ghost, partition: number, from: Known, user: string): Generator<Known> {
  let log = ghost.log(partition, from.entry.o);
  let at: Known | undefined = from;
  for (;;) {
    at = log.known(at.prevE, at.raw.s - 1);
    if (at === undefined) return;
    if (at.entry.user !== user) continue;
    yield at;
    const { kind, handoff } = at.entry;
    if (kind !== EntryKind.handoffIn || handoff?.out === undefined) continue;
    log = ghost.log(partition, handoff.out.o);
    at = log.known(handoff.out.e, handoff.out.s);
    if (at === undefined) return;
    yield at;
  }
}

/** The version of the user's home under which an entry was written: nobody writes before the claim is committed. */
export function homeVersionAt(ghost: Ghost, partition: number, known: Known): number {
  for (const { entry } of storyBefore(ghost, partition, known, known.entry.user)) {
    if (entry.kind === EntryKind.handoffIn && entry.handoff !== undefined) return entry.handoff.version;
    if (entry.kind === EntryKind.claim && entry.claim !== undefined) return entry.claim.version;
  }
  // Claimed in the anchor's log.
  return firstVersion(0);
}

export interface Written {
  readonly known: Known;
  /** Of the user's home, under which it was written; 0 where nothing says so. */
  readonly version: number;
}

/** What is committed in the logs of a partition, each user's entries in the order of their story. */
export function committedStory(ghost: Ghost, partition: number): Written[] {
  const all = (ghost.logs[partition] ?? []).flatMap((log) =>
    log.committed.flatMap((e, s) => (s === 0 ? [] : (log.known(e, s) ?? []))),
  );
  const versions = new Map<string, number>();
  // Hybrid time follows causes: what a home's first entry follows has a lower one.
  return all
    .toSorted((a, b) => a.entry.hlc - b.entry.hlc)
    .map((known) => {
      const { kind, user, claim, handoff } = known.entry;
      if (kind === EntryKind.claim && claim !== undefined) versions.set(user, claim.version);
      if (kind === EntryKind.handoffIn && handoff !== undefined) versions.set(user, handoff.version);
      return { known, version: versions.get(user) ?? 0 };
    });
}
