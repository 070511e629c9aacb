/**
 * Pages of the change feed: what stands in the logs from a place on, of one user, through as many homes as there are. Whole entries, and
 * only what is committed and applied here. Who waits for a page, and how it is told, is the feed's (feed.ts).
 */
import { changesOf, type Change } from "./change.ts";
import type { Context } from "./context.ts";
import type { Log } from "./log.ts";
import type { RegionIndex } from "./position.ts";
import type { FeedPlace } from "./request.ts";
import { placeIn, type Story } from "./story.ts";

export interface PageSize {
  readonly limit: number;
  readonly bytesMax: number;
  readonly values: boolean;
}

export interface Page {
  readonly changes: readonly Change[];
  readonly place: FeedPlace;
}

/** Looks at the log for one page. */
const LOOKS_MAX = 4;
/** Ranges up to this are looked through once for everybody. */
const SHARED_LOOK_ENTRIES = 1_024;
const NO_BYTES = new Uint8Array(0);

export class FeedPages {
  readonly #context: Context;
  /** Whose entries a stretch of a log holds, as far as this turn has looked. */
  #look: { readonly key: string; readonly users: ReadonlySet<string | null> } | null = null;

  constructor(context: Context) {
    this.#context = context;
  }

  beginTurn(): void {
    this.#look = null;
  }

  /** How far the feed of a log goes. */
  through(log: Log): number {
    return this.#context.rules.feedThrough(log);
  }

  /** Before the user's first entry, if nothing of the user's was compacted: no entry of a user is older than the claim. */
  beginning(story: Story): FeedPlace | null {
    const first = story.first();
    if (first === null) return null;
    const log = this.#context.log(first.home);
    if (log.base.s === 0) return story.onwards({ version: first.version, o: log.o, e: 0, s: 0 });
    // Of somebody who has moved since it is no longer known when they came.
    const { owner } = story;
    const claim = first.end === null ? this.#context.storage.entry(owner.o, owner.s) : null;
    if (claim === null || claim.e !== owner.e || claim.hlc < log.base.hlc) return null;
    return placeIn(first.version, log, log.base.s);
  }

  /** On from a place, through as many homes as there are, until the page is full. */
  read(story: Story, from: FeedPlace, size: PageSize): Page {
    const changes: Change[] = [];
    let place = from;
    let bytes = 0;
    for (;;) {
      place = this.pastTheSilent(story, place);
      const page = this.#page(story, place, { ...size, limit: size.limit - changes.length }, bytes);
      changes.push(...page.changes);
      bytes = page.bytes;
      const next = story.onwards(page.place);
      const stays = next.version === place.version;
      place = next;
      const full = changes.length >= size.limit || bytes >= size.bytesMax;
      if (stays || full || story.standing(place) !== "here") return { changes, place };
    }
  }

  /** Over what surely has nothing of the user. */
  pastTheSilent(story: Story, place: FeedPlace): FeedPlace {
    const through = story.through(place);
    const log = this.#context.log(place.o);
    return this.#isSilent(story.owner.user, log, place, through)
      ? placeIn(place.version, log, through)
      : place;
  }

  /** Surely nothing of the user is between: found out by one look for everybody who waits. */
  #isSilent(user: string, log: Log, place: FeedPlace, through: number): boolean {
    if (place.s >= through || through - place.s > SHARED_LOOK_ENTRIES) return false;
    const users = this.#usersIn(log.o, place.s, through);
    return !users.has(user) && !users.has(null);
  }

  #usersIn(o: RegionIndex, after: number, through: number): ReadonlySet<string | null> {
    const key = `${o}:${after}:${through}`;
    if (this.#look?.key !== key)
      this.#look = { key, users: this.#context.storage.usersOf(o, after, through) };
    return this.#look.users;
  }

  /**
   * Of one home. Whole entries of the user: a transaction is never split, and one that is larger than the page makes it longer.
   * `before`: bytes that the page has already.
   */
  #page(story: Story, from: FeedPlace, size: PageSize, before: number): Page & { readonly bytes: number } {
    const { storage } = this.#context;
    const { user } = story.owner;
    const log = this.#context.log(from.o);
    const through = story.through(from);
    const changes: Change[] = [];
    const page = (s: number) => ({ changes, place: placeIn(from.version, log, s), bytes });
    let bytes = before;
    let at = from.s;
    if (at >= through) return { changes, place: from, bytes };
    // Not every entry of a user changes an item: the page goes on after those.
    for (let looks = 0; looks < LOOKS_MAX && at < through && changes.length < size.limit; looks++) {
      const entriesMax = size.limit - changes.length;
      const { found, looked } = storage.entriesOf(log.o, user, { after: at, through, entriesMax });
      for (const { s, entryBytes } of found) {
        bytes += entryBytes;
        const some = changes.length > 0 || before > 0;
        if (some && bytes > size.bytesMax) return page(at);
        const own = this.#changesAt(log, s, user);
        if (some && changes.length + own.length > size.limit) return page(at);
        changes.push(...(size.values ? own : own.map(withoutValue)));
        at = s;
      }
      at = Math.max(at, looked);
    }
    return page(at);
  }

  /** Of the entry at `s`, if it is the user's. */
  #changesAt(log: Log, s: number, user: string): Change[] {
    const raw = this.#context.storage.entries(log.o, s - 1, 1, 1).entries[0];
    if (raw === undefined) throw new Error(`log ${log.o}: entry ${s} is missing`);
    const entry = this.#context.codec.decode(raw.bytes);
    return entry.user === user ? changesOf(entry) : [];
  }
}

function withoutValue(change: Change): Change {
  return change.after === undefined ? change : { ...change, after: { ...change.after, value: NO_BYTES } };
}
