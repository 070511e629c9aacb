/**
 * The change feed: what was done to a user's items, in order, nothing twice and nothing left out.
 *
 * It tells of entries that are committed and applied here, so that no change is ever taken back and every replica tells the same
 * story. A reader's cursor is the place in the log up to which it has been told, the user's own entries or not: a
 * committed place is in every log that anybody will lead, so it is good at every region, across restarts and failovers. Where
 * the user left a log for another, the feed goes on from the one entry to the other (home.ts says where). A
 * replica that has not come as far yet fetches, waits, and otherwise says that nothing is new; one whose log no longer
 * reaches back says so and gives a new cursor, from which listing and then following misses nothing.
 *
 * Readers either wait for one page (long poll) or stay (a socket, which the shell keeps). Both cost nothing while nothing
 * happens: nobody asks, the log's own growth wakes them. While somebody reads here the log's leader is asked, with each
 * acknowledgement, to tell the commit position at once instead of with the next entry.
 */
import type { Change } from "./change.ts";
import type { Context } from "./context.ts";
import type { Subscription } from "./effect.ts";
import { factsOf, Shown } from "./facts.ts";
import { FeedPages, type Page, type PageSize } from "./feed-pages.ts";
import type { Follower } from "./follower.ts";
import type { Leaderships } from "./leaderships.ts";
import type { Log } from "./log.ts";
import { Pollers } from "./pollers.ts";
import type { Position, RegionIndex } from "./position.ts";
import type { ChangesRequest, ClientReply, FeedPlace } from "./request.ts";
import { coverage } from "./session.ts";
import type { OwnerRow } from "./state-row.ts";
import { Story } from "./story.ts";
import type { Waiter } from "./waiters.ts";

interface Subscriber extends Subscription {
  readonly id: number;
  /** It has been told of everything up to here. */
  place: FeedPlace;
  /** The last cursor that it was given. */
  told: FeedPlace;
}

const FULL: ClientReply = { kind: "refused", reason: "overloaded", retryAfterMs: 1_000 };
/** Between the answer to a long poll and the next one. */
const BETWEEN_POLLS_MS = 1_000;
/** What one message to somebody who stays may hold, unless a single entry is larger, and how many are made in a turn. */
const MESSAGE: Omit<PageSize, "values"> = { limit: 100, bytesMax: 1_000_000 };
const MESSAGES_PER_TURN = 32;
/** A user's silence in a busy log: a reader is given a new cursor after so many entries of others, lest its own expires. */
const SILENT_ENTRIES_MAX = 1_000;
/** What is stored and not known to be committed is asked about after this long, and for no longer than that. */
const PATIENCE_MS = 250;
const ASKING_MS = 10_000;

export class Feed {
  readonly #context: Context;
  readonly #leaderships: Leaderships;
  readonly #followers: ReadonlyMap<RegionIndex, Follower>;
  readonly #pages: FeedPages;
  readonly #subscribers = new Map<number, Subscriber>();
  readonly #pollers = new Pollers();
  /** Long polls that wait, by the log that they wait for. */
  readonly #polls = new Map<RegionIndex, number>();
  /** Until when a log counts as waited for although nobody does: who has just been answered usually asks again. */
  readonly #expected = new Map<RegionIndex, number>();
  /** Since when a log has stood where it stands. */
  readonly #standstill = new Map<RegionIndex, { readonly through: number; readonly since: number }>();
  #messagesLeft = MESSAGES_PER_TURN;

  constructor(context: Context, leaderships: Leaderships, followers: ReadonlyMap<RegionIndex, Follower>) {
    this.#context = context;
    this.#leaderships = leaderships;
    this.#followers = followers;
    this.#pages = new FeedPages(context);
  }

  /** Does somebody here wait for the log's commit position? */
  watches(o: RegionIndex): boolean {
    if ((this.#polls.get(o) ?? 0) > 0 || this.#context.now < (this.#expected.get(o) ?? 0)) return true;
    for (const { place } of this.#subscribers.values()) if (place.o === o) return true;
    return false;
  }

  /** One page, as soon as there is something to tell or the wait is over. */
  changes(id: number, request: ChangesRequest): Waiter {
    const startedAt = this.#context.now;
    let place = request.after ?? null;
    let watched: RegionIndex | null = null;
    let admitted = false;
    const leave = (): void => {
      watch(null);
      if (admitted) this.#pollers.delete(request.user, id);
    };
    const watch = (o: RegionIndex | null): void => {
      if (watched === o) return;
      if (watched !== null) {
        this.#polls.set(watched, (this.#polls.get(watched) ?? 1) - 1);
        this.#expected.set(watched, this.#context.now + BETWEEN_POLLS_MS);
      }
      if (o !== null) this.#polls.set(o, (this.#polls.get(o) ?? 0) + 1);
      watched = o;
    };
    const poll = (): ClientReply | null => {
      const answer = this.#poll(request, place, startedAt);
      if (answer.reply !== null) {
        leave();
        return answer.reply;
      }
      // What can be answered at once always is; only who would wait may be one too many.
      if (!admitted && !this.#pollers.add(request.user, id)) return FULL;
      admitted = true;
      place = answer.place;
      if (answer.waitsFor !== null) watch(answer.waitsFor);
      return null;
    };
    return {
      id,
      deadlineAt: request.deadlineAt,
      poll,
      expire: () => {
        leave();
        return this.#expired(request, place, startedAt);
      },
    };
  }

  subscribe(id: number, subscription: Subscription): void {
    const { after } = subscription;
    this.#subscribers.set(id, { ...subscription, id, place: after, told: after });
  }

  unsubscribe(id: number): void {
    this.#subscribers.delete(id);
  }

  beginTurn(): void {
    this.#messagesLeft = MESSAGES_PER_TURN;
    this.#pages.beginTurn();
  }

  /** Tells those who stay what is new. */
  advance(): void {
    for (const subscriber of this.#subscribers.values()) this.#tell(subscriber);
  }

  #poll(
    request: ChangesRequest,
    from: FeedPlace | null,
    startedAt: number,
  ): {
    readonly reply: ClientReply | null;
    readonly place: FeedPlace | null;
    readonly waitsFor: RegionIndex | null;
  } {
    const context = this.#context;
    const owner = context.storage.owner(request.user);
    const answer = (reply: ClientReply) => ({ reply, place: from, waitsFor: null });
    const wait = (place: FeedPlace | null, waitsFor: RegionIndex | null) => ({
      reply: null,
      place,
      waitsFor,
    });
    if (owner === null) {
      if (request.claim === undefined) return answer({ kind: "unknown-user" });
      this.#followers.get(request.claim.o)?.want();
      return wait(from, null);
    }
    const session = coverage(context, request.session.positions);
    if (session.lost.length > 0 && request.reportLost !== true) {
      const facts = this.#facts(owner, new Shown(), "lost", startedAt);
      return answer({ kind: "refused", reason: "session-lost", lost: session.lost, facts });
    }
    if (session.missing !== null) {
      this.#followers.get(session.missing.o)?.want();
      return wait(from, owner.home);
    }
    const story = new Story(context, owner);
    const place = from === null ? this.#pages.beginning(story) : story.onwards(from);
    const standing = place === null ? "expired" : story.standing(place);
    if (place === null || standing === "expired") return answer(this.#cursorExpired(story, startedAt));
    const log = context.log(place.o);
    const unseen = request.session.positions.find(
      ({ o, s }) => (o === place.o || o === owner.home) && s > this.#pages.through(context.log(o)),
    );
    if (standing === "ahead" || unseen !== undefined) {
      this.#wantCommit(unseen === undefined ? log : context.log(unseen.o));
      return wait(place, unseen?.o ?? log.o);
    }
    const page = this.#pages.read(story, place, request);
    const waitUntil = startedAt + request.waitMs;
    if (page.changes.length > 0 || context.now >= waitUntil)
      return answer(this.#told(owner, page, session.lost, startedAt));
    // There was more to look at than a turn should.
    if (page.place.s < story.through(page.place)) context.wakeAt(context.now);
    context.wakeAt(waitUntil);
    const ahead = context.log(page.place.o);
    this.#askIfStill(ahead, this.#pages.through(ahead));
    return wait(page.place, page.place.o);
  }

  #expired(request: ChangesRequest, place: FeedPlace | null, startedAt: number): ClientReply {
    const owner = this.#context.storage.owner(request.user);
    const session = coverage(this.#context, request.session.positions);
    // A cursor that this replica has not come to yet is no error: nothing that it holds is new to its reader.
    if (owner === null || place === null || session.missing !== null)
      return { kind: "refused", reason: "read-timeout" };
    return this.#told(owner, { changes: [], place }, session.lost, startedAt);
  }

  #tell(subscriber: Subscriber): void {
    const context = this.#context;
    const owner = context.storage.owner(subscriber.user);
    if (owner === null) return;
    const story = new Story(context, owner);
    subscriber.place = story.onwards(subscriber.place);
    const standing = story.standing(subscriber.place);
    if (standing === "expired") {
      this.#subscribers.delete(subscriber.id);
      context.emit({ type: "feed-end", id: subscriber.id });
      return;
    }
    if (standing === "here" && !this.#catchUp(subscriber, story)) return;
    const { place, told } = subscriber;
    const log = context.log(place.o);
    this.#askIfStill(log, this.#pages.through(log));
    const old = told.o !== place.o || told.s < log.base.s || place.s - told.s >= SILENT_ENTRIES_MAX;
    if (standing === "here" && old) this.#send(subscriber, []);
  }

  /** False when it has to go on in another turn. */
  #catchUp(subscriber: Subscriber, story: Story): boolean {
    if (subscriber.place.s < story.through(subscriber.place)) {
      const size = { ...MESSAGE, values: subscriber.values };
      const silent = this.#pages.pastTheSilent(story, subscriber.place);
      const page = silent.s < story.through(silent) ? this.#message(story, silent, size) : null;
      subscriber.place = page?.place ?? silent;
      if (page !== null && page.changes.length > 0) this.#send(subscriber, page.changes);
    }
    if (subscriber.place.s >= story.through(subscriber.place)) return true;
    this.#context.wakeAt(this.#context.now);
    return false;
  }

  #message(story: Story, place: FeedPlace, size: PageSize): Page | null {
    if (this.#messagesLeft === 0) return null;
    this.#messagesLeft -= 1;
    return this.#pages.read(story, place, size);
  }

  #send(subscriber: Subscriber, changes: readonly Change[]): void {
    subscriber.told = subscriber.place;
    this.#context.emit({ type: "feed", id: subscriber.id, changes, cursor: subscriber.place });
  }

  #told(owner: OwnerRow, page: Page, lost: readonly Position[], startedAt: number): ClientReply {
    const shown = new Shown();
    const last = page.changes.at(-1);
    if (last !== undefined) shown.position(this.#context, last.position);
    return {
      kind: "changes",
      changes: page.changes,
      cursor: page.place,
      facts: this.#facts(owner, shown, "feed", startedAt),
      ...(lost.length === 0 ? {} : { lost }),
    };
  }

  /** The new cursor is shown too: a list that covers this answer's token holds all that the cursor leaves out. */
  #cursorExpired(story: Story, startedAt: number): ClientReply {
    const cursor = story.latest();
    const shown = new Shown();
    shown.position(this.#context, cursor);
    const facts = this.#facts(story.owner, shown, "feed", startedAt);
    return { kind: "refused", reason: "cursor-expired", cursor, facts };
  }

  #facts(owner: OwnerRow, shown: Shown, why: string, startedAt: number) {
    const leadership = this.#leaderships.of(owner.home);
    const stalenessMs =
      leadership === null
        ? (this.#followers.get(owner.home)?.stalenessMs() ?? null)
        : leadership.leaseValid()
          ? 0
          : null;
    const waitedMs = this.#context.now - startedAt;
    return factsOf(this.#context, owner, { shown, why, stalenessMs, waitedMs, leadership });
  }

  #wantCommit(log: Log): void {
    const leadership = this.#leaderships.of(log.o);
    if (leadership === null) this.#followers.get(log.o)?.want(true);
    else leadership.hurry(log.last.s);
  }

  /**
   * What is stored and not committed, as far as is known, usually is in a moment, and its leader says so. If not, it is asked for
   * a while; then it is left to the leader, which tells everybody in the end, lest a reader keep an idle replica busy.
   */
  #askIfStill(log: Log, through: number): void {
    const { now } = this.#context;
    if (log.last.s <= through) {
      this.#standstill.delete(log.o);
      return;
    }
    let still = this.#standstill.get(log.o);
    if (still?.through !== through) {
      still = { through, since: now };
      this.#standstill.set(log.o, still);
    }
    const stillMs = now - still.since;
    if (stillMs < PATIENCE_MS) this.#context.wakeAt(still.since + PATIENCE_MS);
    else if (stillMs < ASKING_MS) this.#wantCommit(log);
  }
}
