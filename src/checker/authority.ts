/**
 * What the logs say in the end: for each user the final order of its writes, and beside it the writes that a failover
 * cut off.
 *
 * A user's writes form one line (within an origin's log by epoch and seq, across moves of the home by ownership), and the
 * caller hands it over already in that order. Each kept position gets a place on the line: 0, 1, 2 … A lost write is a
 * twig that leaves the line where its log was cut: everything kept before the cut is under it, nothing after. With that,
 * "does version b include version a?" has an answer for any two versions of a user:
 *
 *      kept:   0 ── 1 ── 2 ── 3 ── 4      4 includes 2. The twig at 2 includes 0, 1 and 2, but not 3.
 *                        └─ x ── y        y includes x. 3 and 4 include neither x nor y.
 *
 * Positions belong to a partition, and two users of different partitions may well share one: nothing here compares
 * positions without their user.
 */
import type { Concern, Json, Operation } from "./operation.ts";
import { itemId } from "./touch.ts";
import { compareVersions, type ParsedVersion, parseVersion, type Version } from "./version.ts";

/** One op of one log entry; a transaction is several, under one position. */
export interface LogEntry {
  readonly user: string;
  readonly position: string;
  readonly key: string;
  readonly op: "put" | "delete" | "merge" | "add" | "append" | "expire";
  readonly value?: Json | undefined;
  readonly principal?: string | undefined;
  readonly idempotencyKey?: string | undefined;
  readonly concern?: Concern | undefined;
  /** Of the user's home, under which it was written: positions say which comes first within one only. */
  readonly homeVersion?: number | undefined;
}

export type Place =
  | { readonly state: "kept"; readonly at: number }
  /** `base`: the last kept place under it, -1 when there is none. */
  | { readonly state: "lost"; readonly base: number; readonly parsed: ParsedVersion | undefined };

interface Kept extends LogEntry {
  readonly at: number;
}

export function removes(entry: LogEntry): boolean {
  return entry.op === "delete" || entry.op === "expire";
}

export class Authority {
  readonly entries: readonly LogEntry[];
  readonly lost: readonly LogEntry[];
  /** By user: position to its place. */
  readonly #places = new Map<string, Map<string, Place>>();
  /** By item, in order of place. */
  readonly #items = new Map<string, Kept[]>();
  readonly #lostItems = new Map<string, LogEntry[]>();
  readonly #byIdempotencyKey = new Map<string, LogEntry[]>();

  /** `entries`: of each user in final order; how users interleave does not matter. `lost`: the divergent writes. */
  constructor(entries: readonly LogEntry[], lost: readonly LogEntry[] = []) {
    this.entries = entries;
    this.lost = lost;
    for (const entry of entries) this.#keep(entry);
    const lines = Map.groupBy(onLines(this.#items.values()), ({ user }) => user);
    for (const entry of lost) {
      const places = getOrAdd(this.#places, entry.user, () => new Map<string, Place>());
      const parsed = parseVersion(entry.position);
      const base = baseOf(entry, parsed, lines.get(entry.user) ?? []);
      // A position that is in the line is kept, whatever else it is said to be.
      if (places.get(entry.position)?.state !== "kept")
        places.set(entry.position, { state: "lost", base, parsed });
      getOrAdd(this.#lostItems, itemId(entry.user, entry.key), () => []).push(entry);
    }
    for (const entry of [...entries, ...lost]) {
      if (entry.idempotencyKey === undefined) continue;
      getOrAdd(this.#byIdempotencyKey, itemId(entry.user, entry.idempotencyKey), () => []).push(entry);
    }
  }

  place(user: string, position: string): Place | undefined {
    return this.#places.get(user)?.get(position);
  }

  isLost(user: string, position: string): boolean {
    return this.place(user, position)?.state === "lost";
  }

  /** Kept writes of an item, oldest first. */
  keptOf(user: string, key: string): readonly (LogEntry & { readonly at: number })[] {
    return this.#items.get(itemId(user, key)) ?? [];
  }

  lostOf(user: string, key: string): readonly LogEntry[] {
    return this.#lostItems.get(itemId(user, key)) ?? [];
  }

  /** The item's last kept write at or before a place. */
  latest(user: string, key: string, at: number): (LogEntry & { readonly at: number }) | undefined {
    return this.keptOf(user, key).findLast((entry) => entry.at <= at);
  }

  /** The position that an operation got, also when its answer never came but its idempotency key is in a log. */
  positionOf(op: Operation): string | undefined {
    if (typeof op.version === "string") return op.version;
    if (op.idempotencyKey === undefined) return undefined;
    const found = this.withIdempotencyKey(op);
    return (found.find((entry) => !this.isLost(entry.user, entry.position)) ?? found[0])?.position;
  }

  /** Entries, kept and lost, under an operation's idempotency key, of its caller as far as the log names callers. */
  withIdempotencyKey(op: Operation): readonly LogEntry[] {
    const found = this.#byIdempotencyKey.get(itemId(op.user, op.idempotencyKey ?? "")) ?? [];
    return found.filter(
      (entry) => entry.principal === undefined || entry.principal === (op.principal ?? op.user),
    );
  }

  /** Whether a state that shows version b of some item includes version a. undefined: one of them is in no log. */
  includes(user: string, b: string, a: string): boolean | undefined {
    if (a === b) return true;
    const newer = this.place(user, b);
    const older = this.place(user, a);
    if (newer === undefined || older === undefined) return undefined;
    if (older.state === "kept") return older.at <= (newer.state === "kept" ? newer.at : newer.base);
    if (newer.state === "kept" || newer.parsed === undefined || older.parsed === undefined) return false;
    const [n, o] = [newer.parsed, older.parsed];
    return n.origin === o.origin && compareVersions(n, o) >= 0 && n.seq >= o.seq;
  }

  /**
   * Whether an answer that showed `shown` of an item includes the item's version `position`. Absence includes it when some
   * removal includes it; `possible` rules out removals that cannot have happened yet. undefined: cannot be told.
   */
  shows(
    item: { readonly user: string; readonly key: string },
    shown: Version,
    position: string,
    possible: (removal: LogEntry) => boolean = () => true,
  ): boolean | undefined {
    const { user, key } = item;
    if (shown !== null) return this.includes(user, shown, position);
    if (this.place(user, position) === undefined) return undefined;
    return [...this.keptOf(user, key), ...this.lostOf(user, key)].some(
      (entry) => removes(entry) && possible(entry) && this.includes(user, entry.position, position) === true,
    );
  }

  #keep(entry: LogEntry): void {
    const places = getOrAdd(this.#places, entry.user, () => new Map<string, Place>());
    const known = places.get(entry.position);
    const at = known?.state === "kept" ? known.at : places.size;
    places.set(entry.position, { state: "kept", at });
    getOrAdd(this.#items, itemId(entry.user, entry.key), () => []).push({ ...entry, at });
  }
}

interface OnLine {
  readonly user: string;
  readonly at: number;
  readonly homeVersion: number | undefined;
  readonly parsed: ParsedVersion | undefined;
}

/** In order of place. */
function onLines(items: Iterable<readonly Kept[]>): OnLine[] {
  return [...items]
    .flat()
    .map(({ user, at, homeVersion, position }) => ({ user, at, homeVersion, parsed: parseVersion(position) }))
    .toSorted((a, b) => a.at - b.at);
}

/** Where the twig leaves the line: after the last kept write of its log that it follows, by epoch and by seq. */
function baseOf({ homeVersion }: LogEntry, lost: ParsedVersion | undefined, line: readonly OnLine[]): number {
  const own = line.filter((kept) => {
    const sameStay = (kept.homeVersion ?? homeVersion) === (homeVersion ?? kept.homeVersion);
    return sameStay && lost !== undefined && kept.parsed?.origin === lost.origin;
  });
  const under = own.findLast(
    ({ parsed }) => lost && parsed && parsed.epoch <= lost.epoch && parsed.seq < lost.seq,
  );
  if (under !== undefined) return under.at;
  // It came before anything kept of this stay: after whatever the user wrote in an earlier home.
  const first = own[0];
  if (first !== undefined) return first.at - 1;
  const earlier = line.findLast(
    (kept) => homeVersion === undefined || kept.homeVersion === undefined || kept.homeVersion < homeVersion,
  );
  return earlier?.at ?? -1;
}

function getOrAdd<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
