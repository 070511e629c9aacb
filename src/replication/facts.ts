/** What an answer says of itself: who answered, how fresh it is, and what it showed, which the token then remembers. */
import { decodeXdeps } from "../wire/xdeps-codec.ts";
import type { Context } from "./context.ts";
import { wallOf } from "./hlc.ts";
import type { Leadership } from "./leader.ts";
import { type CrossPosition, type RegionIndex } from "./position.ts";
import type { ClientReply, Facts, SessionPosition } from "./request.ts";
import type { ItemRow, OwnerRow } from "./state-row.ts";

export class Shown {
  readonly #positions = new Map<string, SessionPosition>();
  readonly #others = new Map<string, CrossPosition>();
  #seenAt = 0;
  /** Greatest seq shown, by log: what has to be committed before a strong answer is given. */
  readonly through = new Map<RegionIndex, number>();

  row(context: Context, row: ItemRow): void {
    this.position(context, row);
    // It may stand for an item that had expired by then, which a replica with a slower clock still holds.
    if (row.tombstone && context.rules.tellsTime()) this.expired(wallOf(row.hlc));
    if (row.xdeps.length > 0) this.others(decodeXdeps(row.xdeps));
  }

  others(positions: readonly CrossPosition[]): void {
    for (const other of positions) {
      const key = `${other.p}:${other.o}:${other.e}`;
      const present = this.#others.get(key);
      if (present === undefined || present.s < other.s) this.#others.set(key, other);
    }
  }

  position(context: Context, { o, e, s }: { o: RegionIndex; e: number; s: number }): void {
    if (s === 0) return;
    const key = `${o}:${e}`;
    const present = this.#positions.get(key);
    if (present === undefined || present.s < s)
      this.#positions.set(key, { o, e, s, durable: s <= context.log(o).commit });
    this.through.set(o, Math.max(this.through.get(o) ?? 0, s));
  }

  /**
   * What is not there may have been deleted so long ago that no tombstone is left of it: in the log of the user's home, or in
   * one that they have left, all of whose deletions come before the user's leaving.
   */
  nothing(context: Context, owner: OwnerRow): void {
    this.position(context, { o: owner.home, ...context.log(owner.home).base.reclaimed });
    const last = owner.past.at(-1);
    if (last !== undefined) this.position(context, { o: last.home, e: last.endE, s: last.endS });
  }

  /** An instant that the answer let pass: what expired by then is gone for whoever saw it. */
  expired(at: number): void {
    this.#seenAt = Math.max(this.#seenAt, at);
  }

  facts(): Pick<Facts, "shown" | "shownOthers" | "seenAt"> {
    return {
      shown: [...this.#positions.values()],
      shownOthers: [...this.#others.values()],
      seenAt: this.#seenAt,
    };
  }
}

export function factsOf(
  context: Context,
  owner: OwnerRow,
  options: {
    readonly shown: Shown;
    readonly why: string;
    readonly stalenessMs: number | null;
    readonly waitedMs: number;
    readonly leadership: Leadership | null;
  },
): Facts {
  const log = context.log(owner.home);
  const { leadership } = options;
  return {
    servedBy: context.config.region,
    home: owner.home,
    homeVersion: owner.version,
    leader: log.leader,
    epoch: log.leaderEpoch,
    position: { o: owner.home, e: log.applied === 0 ? 0 : log.epochAt(log.applied), s: log.applied },
    stalenessMs: options.stalenessMs,
    ...options.shown.facts(),
    waitedMs: options.waitedMs,
    leaseLeftMs: leadership === null ? null : Math.max(0, leadership.leaseUntil - context.now),
    why: options.why,
  };
}

export function homeReply(context: Context, owner: OwnerRow): ClientReply {
  const log = context.log(owner.home);
  return {
    kind: "home",
    home: owner.home,
    version: owner.version,
    leader: log.leader,
    epoch: log.leaderEpoch,
    position: { o: owner.o, e: owner.e, s: owner.s },
  };
}
