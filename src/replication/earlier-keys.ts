/**
 * The edge's idempotency keys of a user who has just moved: an attempt that was not answered may have been written by the
 * leader of the log that they have left, and its repetition comes to the leader of the log that they are in.
 *
 * Such a key is known to one request alone, so that only what was written a moment before the user left can be meant. It is
 * looked up in the logs that were left, which every replica has.
 */
import type { Context } from "./context.ts";
import type { Entry } from "./entry.ts";
import { hlcAt, type Hlc } from "./hlc.ts";
import type { Position } from "./position.ts";
import { ATTEMPTS_MS } from "./recent-keys.ts";
import type { WriteRequest } from "./request.ts";
import type { OwnerRow, PastHome } from "./state-row.ts";

/** Entries of a log that are looked through in one piece. */
const PIECE_ENTRIES = 1_024;
const USERS_MAX = 1_000;

interface Keys {
  /** Of the user's home for which they were read. */
  readonly version: number;
  /** Nothing older was looked at. */
  readonly since: Hlc;
  /** By key and principal. */
  readonly places: ReadonlyMap<string, Position>;
}

export class EarlierKeys {
  readonly #context: Context;
  readonly #users = new Map<string, Keys>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** The entry that an earlier attempt of the same request wrote under an earlier home. */
  find(owner: OwnerRow, request: WriteRequest, key: string): Entry | null {
    const { now } = this.#context;
    const since = hlcAt(Math.min(now, request.deadlineAt) - ATTEMPTS_MS);
    const last = owner.past.at(-1);
    if (last === undefined || this.#endOf(last) < since) return null;
    let keys = this.#users.get(owner.user);
    if (keys?.version !== owner.version || keys.since > since) {
      keys = this.#read(owner, since);
      if (this.#users.size >= USERS_MAX) this.#users.clear();
      this.#users.set(owner.user, keys);
    }
    const place = keys.places.get(idOf(key, request.principal));
    return place === undefined ? null : this.#context.entryAt(place);
  }

  /** When the user left; 0 where the log no longer has it. */
  #endOf({ home, endS }: PastHome): Hlc {
    return this.#context.storage.entry(home, endS)?.hlc ?? 0;
  }

  #read(owner: OwnerRow, since: Hlc): Keys {
    const places = new Map<string, Position>();
    for (const past of owner.past.toReversed()) {
      if (this.#endOf(past) < since) break;
      for (const { o, e, s, idempotency, principal } of this.#entriesOf(owner.user, past, since))
        if (idempotency?.by === "edge") places.set(idOf(idempotency.key, principal), { o, e, s });
    }
    return { version: owner.version, since, places };
  }

  *#entriesOf(user: string, { home, sinceS, endS }: PastHome, since: Hlc): Generator<Entry> {
    const { storage } = this.#context;
    const first = Math.max(sinceS, this.#context.log(home).base.s);
    for (let through = endS; through > first; through -= PIECE_ENTRIES) {
      const after = Math.max(first, through - PIECE_ENTRIES);
      for (let at = after; at < through;) {
        const { found, looked } = storage.entriesOf(home, user, {
          after: at,
          through,
          entriesMax: PIECE_ENTRIES,
        });
        for (const { e, s } of found) {
          const entry = this.#context.entryAt({ o: home, e, s });
          if (entry?.user === user) yield entry;
        }
        at = looked;
      }
      if ((storage.entry(home, after)?.hlc ?? 0) < since) return;
    }
  }
}

function idOf(key: string, principal: string): string {
  return `${key} ${principal}`;
}
