/**
 * Erasing a user: everything of theirs, at every replica, for good.
 *
 * An ERASE entry in the user's log says it, and names nobody: it carries a random id and a digest of that id and the user.
 * It is applied once a majority holds it and never before, because what it removes could not be put back. Applying it
 * removes items, keys, home and what was cut off, in one turn. Then, in bounded steps that survive restarts, the entries
 * of the user that the logs still hold are redacted: their place, time and chain hash stay, so that the history around
 * them stands, and nothing else does. At last the unused space of the database is written over.
 *
 * An entry of the user may still come from elsewhere: from a replica that has not redacted yet, or out of a log that a
 * failover cut. So the digests are kept, and whatever is older than its user's erasure is redacted before it is stored.
 */
import { BinaryWriter } from "@bufbuild/protobuf/wire";
import { sameBytes } from "../lib/bytes.ts";
import type { Context, Hash } from "./context.ts";
import { EntryKind, type Entry, type EraseMark } from "./entry.ts";
import { erasuresBefore } from "./home.ts";
import type { Hlc } from "./hlc.ts";
import { decoded } from "./newer-code.ts";
import { samePosition, type Position } from "./position.ts";
import type { ErasureRow } from "./state-row.ts";
import type { ErasureWork } from "./storage.ts";

/** Owners that are looked at in one piece. */
const OWNERS_PAGE = 1_000;
/** How far this replica has come: it removed what is shown; it redacts; it writes over what is unused; all is done. */
export const ErasureStage = { applied: 0, redacted: 1, done: 2, doneUncleaned: 3 } as const;

export function erasureDigest(hash: Hash, id: Uint8Array, user: string): Uint8Array {
  return hash(new BinaryWriter().bytes(id).string(user).finish());
}

export class Erasures {
  readonly #context: Context;
  readonly #rows: ErasureWork[];
  #latest = 0;

  constructor(context: Context) {
    this.#context = context;
    this.#rows = context.storage.erasures();
    for (const { hlc } of this.#rows) this.#latest = Math.max(this.#latest, hlc);
  }

  all(): readonly ErasureWork[] {
    return this.#rows;
  }

  at(position: Position): ErasureWork | null {
    return this.#rows.find((row) => samePosition(row, position)) ?? null;
  }

  /** The latest erasure of the user. */
  of(user: string): ErasureWork | null {
    return this.#rows.filter((row) => this.#isOf(row, user)).reduce(later, null);
  }

  /** How often a user of this name was erased, up to an instant. Who comes after that has a home of a greater version. */
  times(user: string, through: Hlc = Infinity): number {
    return this.#rows.filter((row) => row.hlc <= through && this.#isOf(row, user)).length;
  }

  /** Is it an entry of a user who was erased since? `cut`: of a log's history that is no longer the log's. */
  covers(entry: Entry, cut = false): boolean {
    if (entry.user === "" || this.#rows.length === 0 || !this.#context.rules.redacts()) return false;
    // As old as what it records.
    const recorded =
      entry.divergent === undefined ? null : decoded(this.#context.codec, entry.divergent.entry);
    if (recorded !== null) return this.covers(recorded, true);
    // What follows an erasure in time is not older: that is nearly every entry.
    if (!cut && entry.hlc > this.#latest) return false;
    return this.#rows.some((row) => isOlder(entry, row) && this.#isOf(row, entry.user));
  }

  /** Adds one, of an entry that was applied here or by a snapshot's source; no matter if it is known. */
  add(row: ErasureRow): void {
    if (this.at(row) !== null) return;
    const work = { ...row, stage: ErasureStage.applied, log: 0, through: 0, doneAt: 0 };
    this.#rows.push(work);
    this.#latest = Math.max(this.#latest, row.hlc);
    this.#context.storage.putErasure(work);
    this.#context.changed = true;
  }

  update(work: ErasureWork): void {
    const at = this.#rows.findIndex((row) => samePosition(row, work));
    this.#rows[at] = work;
    this.#context.storage.putErasure(work);
    this.#context.changed = true;
  }

  /** Removes what is shown of the user whom the entry means; everything that a user can be found by goes in this turn. */
  apply(entry: Entry, mark: EraseMark): void {
    const { storage, codec, hash } = this.#context;
    const row = { o: entry.o, e: entry.e, s: entry.s, hlc: entry.hlc, id: mark.id, digest: mark.digest };
    this.add(row);
    for (let after = "", page = storage.ownersAfter(after, OWNERS_PAGE); page.length > 0;) {
      for (const user of page)
        if (sameBytes(erasureDigest(hash, mark.id, user), mark.digest)) this.#remove(user, entry.hlc);
      after = page.at(-1)!;
      page = storage.ownersAfter(after, OWNERS_PAGE);
    }
    for (const place of storage.cutPlaces()) {
      const cut = place.user === null ? null : storage.divergentAt(place);
      const entry = cut === null ? null : decoded(codec, cut.entry);
      if (entry !== null && this.covers(entry, true)) storage.deleteDivergent(place);
    }
    // Nobody could read these, so that nobody can say whose they are.
    storage.deletePoison();
  }

  /**
   * A snapshot's image may be later than the erasure that is applied over it, and show somebody who came under the same name
   * since. That one's home says so by its version; what they wrote is younger than the erasure, and stays.
   */
  #remove(user: string, at: Hlc): void {
    const { storage } = this.#context;
    const version = storage.owner(user)?.version ?? 1;
    storage.eraseUser(user, erasuresBefore(version) >= this.times(user, at) ? at : null);
  }

  #isOf({ id, digest }: ErasureRow, user: string): boolean {
    return sameBytes(erasureDigest(this.#context.hash, id, user), digest);
  }
}

function later(best: ErasureWork | null, next: ErasureWork): ErasureWork {
  return best === null || next.hlc > best.hlc ? next : best;
}

/** Within one log by their places, which hold for what was cut off too; between logs by hybrid time, which follows causes. */
function isOlder(entry: Entry, row: ErasureRow): boolean {
  if (entry.o !== row.o) return entry.hlc < row.hlc;
  return entry.e < row.e || (entry.e === row.e && entry.s < row.s);
}

/** What stays of an entry: where it stands, when it was written, and what it waits for. */
export function redacted(entry: Entry): Entry {
  const { pv, o, e, s, inc, hlc, deps } = entry;
  return {
    pv,
    kind: EntryKind.redacted,
    o,
    e,
    s,
    inc,
    hlc,
    user: "",
    principal: "",
    concern: "local",
    deps,
    xdeps: [],
    ops: [],
    status: 0,
  };
}
