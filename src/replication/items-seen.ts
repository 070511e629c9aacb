/**
 * What a write looks at before it is decided: the items as they count at its own instant, and, for the case that it is
 * refused, what the refusal shows of them and stands on.
 */
import type { Limits } from "./config.ts";
import type { Context, Hash } from "./context.ts";
import { Shown } from "./facts.ts";
import type { RegionIndex } from "./position.ts";
import type { Rules } from "./rules.ts";
import type { StoredItem } from "./storage.ts";

/** What decides over a command beside the command itself. */
export interface Deciding {
  readonly items: ItemsSeen;
  /** Instant of the write, ms since 1970. */
  readonly at: number;
  readonly limits: Limits;
  readonly rules: Rules;
  readonly hash: Hash;
}

export class ItemsSeen {
  readonly shown = new Shown();
  /** Of the values that were looked at, also of those that do not count any more. */
  bytes = 0;
  readonly #marks = new Map<string, Uint8Array>();
  readonly #context: Context;
  readonly #user: string;
  /** ms since 1970. */
  readonly #at: number;

  constructor(context: Context, user: string, at: number) {
    this.#context = context;
    this.#user = user;
    this.#at = at;
  }

  /** Null where there is none, or none any more. */
  look(key: string, withValue: boolean): StoredItem | null {
    return live(this.row(key, withValue), this.#at);
  }

  /** As it is stored, whether it counts or not. */
  row(key: string, withValue: boolean): StoredItem | null {
    const stored = this.#context.storage.item(this.#user, key, withValue);
    if (stored === null) return null;
    if (withValue) this.bytes += stored.size;
    this.shown.row(this.#context, stored);
    if (live(stored, this.#at) === null && !stored.tombstone) this.shown.expired(stored.expiresAt);
    if (stored.mark !== undefined) this.#marks.set(key, stored.mark);
    return stored;
  }

  /** Of an item that was looked at: what it was once imported as. */
  markOf(key: string): Uint8Array | undefined {
    return this.#marks.get(key);
  }

  /** Greatest seq of a log among what was looked at. */
  judgedIn(o: RegionIndex): number {
    return this.shown.through.get(o) ?? 0;
  }
}

/** The item as far as it counts at an instant: no tombstone, not expired. */
export function live(item: StoredItem | null, at: number): StoredItem | null {
  return item === null || item.tombstone || (item.expiresAt !== 0 && item.expiresAt <= at) ? null : item;
}
