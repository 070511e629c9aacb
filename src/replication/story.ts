/**
 * A user's story through the logs that they were at home in: which place of which log comes after which.
 *
 * Under one version of the home it is a part of one log; where that part ends, with a HANDOFF_OUT, it goes on with the
 * HANDOFF_IN in the next. A place of it that is committed is so at every replica, and so is the way on from there.
 */
import type { Context } from "./context.ts";
import { isWhole, staysOf, type Stay } from "./home.ts";
import type { Log } from "./log.ts";
import type { FeedPlace } from "./request.ts";
import type { OwnerRow } from "./state-row.ts";

export class Story {
  readonly owner: OwnerRow;
  readonly #context: Context;
  readonly #stays: readonly Stay[];

  constructor(context: Context, owner: OwnerRow) {
    this.#context = context;
    this.owner = owner;
    this.#stays = staysOf(owner);
  }

  /** Where it begins; null: that is too long ago. */
  first(): Stay | null {
    return isWhole(this.#stays) ? this.#stays[0]! : null;
  }

  /** May a reader go on from here? `ahead`: this replica does not know as much as the reader does. */
  standing(place: FeedPlace): "here" | "ahead" | "expired" {
    if (!this.#context.logs.has(place.o)) return "expired";
    if (place.version > this.owner.version) return "ahead";
    const stay = this.#stayOf(place);
    if (stay === undefined) return "expired";
    const log = this.#context.log(stay.home);
    // Beyond the end of a stay nothing is missed.
    const base = Math.min(log.base.s, stay.end?.s ?? Infinity);
    if (this.#context.rules.feedExpired(place.s, base)) return "expired";
    if (place.s > this.#context.rules.feedThrough(log)) return "ahead";
    return place.s >= log.base.s && log.epochAt(place.s) !== place.e ? "expired" : "here";
  }

  /** How far the feed goes in the log of the place, as far as it is the user's home under that version. */
  through(place: FeedPlace): number {
    const through = this.#context.rules.feedThrough(this.#context.log(place.o));
    return Math.min(through, this.#stayOf(place)?.end?.s ?? Infinity);
  }

  /** From the end of a stay to the beginning of the next, if that is committed as far as is known here. */
  onwards(from: FeedPlace): FeedPlace {
    let place = from;
    for (;;) {
      const end = this.#stayOf(place)?.end;
      if (end === undefined || end === null || place.s < end.s) return place;
      const next = this.#stays.find(({ version }) => version > place.version)!;
      if (next.since.s > this.#context.rules.feedThrough(this.#context.log(next.home))) return place;
      place = { version: next.version, ...next.since };
    }
  }

  /** The last place that is surely committed. */
  latest(): FeedPlace {
    const present = this.#stays.at(-1)!;
    const log = this.#context.log(present.home);
    const through = this.#context.rules.feedThrough(log);
    const before = this.#stays.at(-2);
    const left = before?.end ?? null;
    // Whoever came from elsewhere had left for certain.
    if (before !== undefined && left !== null && through < present.since.s)
      return { version: before.version, ...left };
    return placeIn(present.version, log, through);
  }

  #stayOf({ version, o }: FeedPlace): Stay | undefined {
    return this.#stays.find((stay) => stay.version === version && stay.home === o);
  }
}

export function placeIn(version: number, log: Log, s: number): FeedPlace {
  return { version, o: log.o, e: s === 0 ? 0 : log.epochAt(s), s };
}
