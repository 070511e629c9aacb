/**
 * A replica full of requests that wait, for as long as somebody needs it full and at whatever pace the machine goes.
 *
 * They are long polls. A write that waits for its concern would do on a fast machine only: the edge asks for it slice by slice, and where one
 * request takes long, so many of them are between two slices that the replica is never full. A poll stays with the replica until
 * there is something to tell. What these wait for is a change that only weur holds: it is told once the other regions are back, which lets all
 * of them go. Who was turned away, or has waited in vain, comes back.
 */
import { expect } from "vitest";
import { changes, pageOf } from "../support/feed.ts";
import type { Reply } from "../support/http.ts";
import { pause, until, type Store } from "../support/store.ts";
import { PENDING_MAX, type Stage } from "./stage.ts";

/** More than there are places for, so that a place that falls free is taken; not many more, since they ask again and again. */
const SIZE = PENDING_MAX + 10;
/** The longest that a poll may wait. */
const WAIT_MS = 25_000;
const FULL_WITHIN_MS = 60_000;

export class Crowd {
  readonly #store: Store;
  readonly #user: string;
  readonly #cursor: string;
  readonly #polls: Promise<readonly PromiseSettledResult<void>[]>;
  #over = false;

  private constructor({ store, neighbour }: Stage, cursor: string) {
    this.#store = store;
    this.#user = neighbour;
    this.#cursor = cursor;
    // One that fails is told of by whoever waits for them to be gone: until then nobody would, and the process took it for a mistake.
    this.#polls = Promise.allSettled(Array.from({ length: SIZE }, () => this.#stay()));
  }

  /** The other regions are down, and weur still has its lease. */
  static async gather(stage: Stage): Promise<Crowd> {
    const { store, neighbour } = stage;
    // With a page, and with the news that the log no longer reaches back to the first: a cursor of now.
    const { cursor } = (await changes(store, neighbour, {}, { region: "weur" })).members;
    const news = await store.put(neighbour, "news", "x", { region: "weur", concern: "local" });
    expect(news.status, news.text).toBeLessThan(300);
    return new Crowd(stage, String(cursor));
  }

  async fills(user: string): Promise<void> {
    const read = () => this.#store.get(user, "k", { region: "weur" });
    const full = await until(read, ({ problemName }) => problemName === "overloaded", FULL_WITHIN_MS);
    expect(full.problemName, full.text).toBe("overloaded");
  }

  async isGone(): Promise<void> {
    this.#over = true;
    for (const poll of await this.#polls) if (poll.status === "rejected") throw poll.reason;
  }

  async #stay(): Promise<void> {
    while (!this.#over) {
      const reply = await this.#poll();
      if (reply.status !== 200) await pause(1_000 * Number(reply.header("Retry-After") || 1));
      else if (pageOf(reply).changes.length > 0) return;
    }
  }

  #poll(): Promise<Reply> {
    const query = { after: this.#cursor, waitMs: WAIT_MS };
    return changes(this.#store, this.#user, query, { region: "weur" });
  }
}
