/**
 * Whether a request whose first attempt was cut off has come again and stands in a log, so that nobody is to decide about it.
 *
 * A client's key has a row of its own. Otherwise the logs are looked through: the lost write's own, from the next leader on, since whoever
 * tried again was sent to one; and of a key of the edge's, which only one request knows, those that its user moved to within the
 * time that a request may take. One of these is made for one turn, which it gives so much to do.
 */
import { sameBytes } from "../lib/bytes.ts";
import type { Context } from "./context.ts";
import type { Entry } from "./entry.ts";
import { hlcAt, wallOf } from "./hlc.ts";
import { staysOf } from "./home.ts";
import { idempotencyDigest } from "./lost-write.ts";
import { decoded } from "./newer-code.ts";
import { samePosition, type Position, type RegionIndex } from "./position.ts";
import { ATTEMPTS_MS } from "./recent-keys.ts";

/** What is looked through for one lost write, in entries of its user and in pages of their places. */
const ENTRIES_MAX = 1_000;
const PAGES_MAX = 4;
/** No further search begins in a turn in which so many entries were looked at. */
const TURN_ENTRIES_MAX = 1_000;
/** What a page costs besides its entries. */
const PAGE_COST_ENTRIES = 10;

interface Stretch {
  readonly o: RegionIndex;
  readonly after: number;
  readonly through: number;
  /** Hybrid time after which nothing is meant any more. */
  readonly until: number;
}

export class LaterAttempts {
  readonly #context: Context;
  #looked = 0;
  /** By where they were looked for: the requests found there, each at its first place. */
  readonly #read = new Map<string, ReadonlyMap<string, Found>>();

  constructor(context: Context) {
    this.#context = context;
  }

  /** Where it stands; null: nowhere that is known here; "later": this turn has looked enough. */
  find(entry: Entry): Position | null | "later" {
    const { storage, hash } = this.#context;
    const mark = entry.idempotency;
    if (mark === undefined) return null;
    if (mark.by === "client") {
      const row = storage.idempotency(entry.user, idempotencyDigest(hash, entry.principal, mark.key));
      if (row !== null && sameBytes(row.fingerprint, mark.fingerprint) && !samePosition(row, entry))
        return { o: row.o, e: row.e, s: row.s };
    }
    for (const stretch of this.#stretchesFor(entry)) {
      const found = this.#requestsIn(stretch, entry.user);
      if (found === "later") return found;
      const again = found.get(idOf(entry.principal, mark));
      if (again !== undefined && sameBytes(again.fingerprint, mark.fingerprint)) return again.position;
    }
    return null;
  }

  #stretchesFor(entry: Entry): Stretch[] {
    const { storage, rules } = this.#context;
    const log = this.#context.log(entry.o);
    // Whoever tried again was sent to a later leader.
    const start = log.epochs.find(({ e }) => e > entry.e)?.start ?? log.last.s;
    const own = { o: log.o, after: Math.max(start, log.base.s), through: log.last.s, until: Infinity };
    const owner = storage.owner(entry.user);
    if (owner === null || entry.idempotency?.by !== "edge" || !rules.looksBack()) return [own];
    const until = hlcAt(wallOf(entry.hlc) + ATTEMPTS_MS);
    const stays = staysOf(owner);
    const left = stays.findLastIndex(({ home, since }) => home === entry.o && since.s < start);
    const others = stays.slice(left + 1).filter(({ home, since }) => {
      const arrival = since.s === 0 ? null : storage.entry(home, since.s);
      return home !== entry.o && (arrival?.hlc ?? 0) <= until;
    });
    return [
      own,
      ...others.map(({ home, since, end }) => {
        const { base, last } = this.#context.log(home);
        return { o: home, after: Math.max(since.s, base.s), through: end?.s ?? last.s, until };
      }),
    ];
  }

  #requestsIn({ o, after, through, until }: Stretch, user: string): ReadonlyMap<string, Found> | "later" {
    // Of one user many writes may be lost at once.
    const name = `${o} ${after} ${until === Infinity ? "" : until} ${user}`;
    const read = this.#read.get(name);
    if (read !== undefined) return read;
    if (this.#looked >= TURN_ENTRIES_MAX) return "later";
    const { storage, codec } = this.#context;
    const requests = new Map<string, Found>();
    this.#read.set(name, requests);
    let left = ENTRIES_MAX;
    for (let [at, pages] = [after, 0]; at < through && left > 0 && pages < PAGES_MAX; pages++) {
      const page = storage.entriesOf(o, user, { after: at, through, entriesMax: left });
      this.#looked += page.found.length + PAGE_COST_ENTRIES;
      for (const { s } of page.found) {
        const row = storage.entry(o, s);
        const later = row === null ? null : decoded(codec, row.bytes);
        if (later === null || later.user !== user) continue;
        if (later.hlc > until) return requests;
        if (later.idempotency === undefined) continue;
        const { fingerprint } = later.idempotency;
        const id = idOf(later.principal, later.idempotency);
        if (!requests.has(id)) requests.set(id, { position: { o, e: later.e, s }, fingerprint });
      }
      left -= page.found.length;
      if (page.looked <= at) break;
      at = page.looked;
    }
    return requests;
  }
}

interface Found {
  readonly position: Position;
  readonly fingerprint: Uint8Array;
}

function idOf(principal: string, { key, by }: NonNullable<Entry["idempotency"]>): string {
  return `${by} ${key} ${principal}`;
}
