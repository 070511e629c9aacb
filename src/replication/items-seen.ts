/**
 * What a write looks at before it is decided: the items as they count at its own instant, and, for the case that it is
 * refused, what the refusal shows of them and stands on.
 */
import type { Context } from "./context.ts";
import { Shown } from "./facts.ts";
import type { RegionIndex } from "./position.ts";
import type { StoredItem } from "./storage.ts";

export class ItemsSeen {
  readonly shown = new Shown();
  /** Of the values that were looked at, also of those that do not count any more. */
  bytes = 0;
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
    const stored = this.#context.storage.item(this.#user, key, withValue);
    const current = live(stored, this.#at);
    if (withValue) this.bytes += stored?.size ?? 0;
    if (stored !== null) this.shown.row(this.#context, stored);
    if (stored !== null && current === null && !stored.tombstone) this.shown.expired(stored.expiresAt);
    return current;
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
