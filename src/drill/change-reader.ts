/**
 * Readers of change feeds: page after page, from regions that they change as they go, during a drill; and whole, from one
 * region, when all is over. What each was told is judged against what the logs have in the end.
 */
import { HEADER } from "../api/header.ts";
import type { LogEntry } from "../checker/authority.ts";
import type { FeedReading, ToldChange } from "../checker/feed.ts";
import type { Json } from "../checker/operation.ts";
import { jsonOf, problemOf, type Caller, type Reply } from "./caller.ts";
import { pause } from "./device.ts";
import type { Random } from "./random.ts";

interface Change extends ToldChange {
  readonly value?: Json;
  readonly valueBase64?: string;
}

interface Page {
  readonly changes: readonly Change[];
  readonly cursor: string;
}

interface PageAsked {
  readonly caller: Caller;
  readonly user: string;
  readonly region: string;
  readonly after: string | undefined;
  readonly limit: number;
  readonly waitMs: number;
}

async function askPage({ caller, user, region, after, limit, waitMs }: PageAsked): Promise<Reply | null> {
  const query = new URLSearchParams({ limit: String(limit), values: "true", waitMs: String(waitMs) });
  if (after !== undefined) query.set("after", after);
  return caller.ask({
    method: "GET",
    path: `/v1/users/${encodeURIComponent(user)}/changes?${query.toString()}`,
    headers: { [HEADER.region]: region },
    timeoutMs: waitMs + 5_000,
  });
}

function pageIn(reply: Reply | null): Page | undefined {
  const { changes, cursor } = jsonOf(reply);
  if (reply?.status !== 200 || !Array.isArray(changes) || typeof cursor !== "string") return undefined;
  return { changes: changes as readonly Change[], cursor };
}

const WAIT_MS = 2_000;
const PAUSE_MS = 300;

export class ChangeReader {
  readonly user: string;
  readonly #caller: Caller;
  readonly #random: Random;
  readonly #regions: readonly string[];
  readonly #told: ToldChange[] = [];
  #cursor: string | undefined;
  #expired = false;
  refused = 0;

  constructor(caller: Caller, user: string, regions: readonly string[], random: Random) {
    this.user = user;
    this.#caller = caller;
    this.#regions = regions;
    this.#random = random;
  }

  get told(): number {
    return this.#told.length;
  }

  async follow(stopped: () => boolean): Promise<void> {
    while (!stopped()) {
      const found = await this.#page(this.#random.pick(this.#regions), WAIT_MS);
      if (found === undefined || this.#expired) await pause(PAUSE_MS);
    }
  }

  /** What it was told so far. It is completed by nobody: the whole readings at the end are. */
  reading(): FeedReading {
    const home = this.#regions.length === 1 ? this.#regions[0] : undefined;
    return {
      reader: `a reader of ${this.user} who ${home === undefined ? "travels" : `stays in ${home}`}`,
      user: this.user,
      after: null,
      told: this.#told,
      complete: false,
    };
  }

  async #page(region: string, waitMs: number): Promise<Page | undefined> {
    const limit = this.#random.pick([1, 5, 100]);
    const asked = { caller: this.#caller, user: this.user, region, after: this.#cursor, limit, waitMs };
    const reply = await askPage(asked);
    const page = pageIn(reply);
    if (page === undefined) {
      this.refused += 1;
      // A day has not passed: whoever lost the place lost it wrongly, and the reading stays short and says so.
      this.#expired ||= reply !== null && problemOf(reply) === "cursor-expired";
      return undefined;
    }
    for (const { position, key, op } of page.changes) this.#told.push({ position, key, op });
    this.#cursor = page.cursor;
    return page;
  }
}

/** A user's whole feed at one region, in order. undefined: it could not be had. */
export async function wholeFeed(
  caller: Caller,
  user: string,
  region: string,
): Promise<LogEntry[] | undefined> {
  const entries: LogEntry[] = [];
  let after: string | undefined;
  for (;;) {
    const reply = await askPage({ caller, user, region, after, limit: 1_000, waitMs: 0 });
    // A user who never wrote has no feed.
    if (reply?.status === 404) return entries;
    const page = pageIn(reply);
    if (page === undefined) return undefined;
    entries.push(...page.changes.map((change) => entryOf(user, change)));
    if (page.changes.length === 0) return entries;
    after = page.cursor;
  }
}

function entryOf(user: string, { position, key, op, value, valueBase64 }: Change): LogEntry {
  const text = valueBase64 === undefined ? undefined : Buffer.from(valueBase64, "base64").toString();
  return { user, position, key, op: op as LogEntry["op"], value: value ?? text };
}
