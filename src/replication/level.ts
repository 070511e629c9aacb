/**
 * What a level asks of the replica that answers at it, apart from what the answer is about: is a log fresh enough, does this
 * replica lead it, is what would be shown committed. Asking also sets in motion what is missing.
 */
import { Anchor, type Settled } from "./anchor.ts";
import type { Context } from "./context.ts";
import type { Follower } from "./follower.ts";
import { homesOf } from "./home.ts";
import type { Leadership } from "./leader.ts";
import type { Leaderships, Seeker, Way } from "./leaderships.ts";
import type { Position, RegionIndex } from "./position.ts";
import type { OwnerRow } from "./state-row.ts";

export class Levels {
  readonly #context: Context;
  readonly #leaderships: Leaderships;
  readonly #followers: ReadonlyMap<RegionIndex, Follower>;

  constructor(context: Context, leaderships: Leaderships, followers: ReadonlyMap<RegionIndex, Follower>) {
    this.#context = context;
    this.#leaderships = leaderships;
    this.#followers = followers;
  }

  /** Somebody waits for more of this log. */
  fetch(o: RegionIndex): void {
    this.#followers.get(o)?.want();
  }

  /** Of all of these logs. `ask`: the follower finds out from the leader how old it is; the answer has to wait. `leader`: it will not be fresh enough. */
  freshness(homes: readonly RegionIndex[], boundMs: number, startedAt: number): "fresh" | "ask" | "leader" {
    const each = homes.map((home) => this.#freshness(home, boundMs, startedAt));
    if (each.includes("leader")) return "leader";
    return each.includes("ask") ? "ask" : "fresh";
  }

  #freshness(home: RegionIndex, boundMs: number, startedAt: number): "fresh" | "ask" | "leader" {
    const leadership = this.#leaderships.of(home);
    if (leadership !== null) {
      // A replaced instance that does not know it shows what was there when it was replaced, under a lease that runs on in its memory.
      const agedMs = this.#context.rules.leaseAgeMs(this.#context.config.timing);
      return leadership.leaseValid() && agedMs <= boundMs ? "fresh" : "leader";
    }
    const staleness = this.#stalenessMs(home);
    if (staleness !== null && staleness <= boundMs) return "fresh";
    const follower = this.#followers.get(home);
    // A question that came back later than the bound allows would come back as late again: the leader has to answer.
    const asked = follower?.freshSince(startedAt) ?? false;
    const { region } = this.#context.config;
    const follows = this.#context.log(home).leader !== region;
    if (!follows || asked || boundMs <= 0) return "leader";
    follower?.wantFresh(startedAt);
    return "ask";
  }

  /**
   * The logs that tell, as of an instant, what the user had done by then: those in which the next entry may stand; and while it is not known
   * whether the claim of the home is committed, the one in which another may take its place.
   */
  logsOf(owner: OwnerRow): RegionIndex[] {
    const homes = homesOf(owner);
    const { rules } = this.#context;
    const isClaim = owner.past.length === 0 && owner.o !== owner.home;
    return isClaim && !rules.mayLiveBy(owner.s, this.#context.log(owner.o).commit)
      ? [...homes, owner.o]
      : homes;
  }

  /** Who leads a log. */
  leader(home: RegionIndex, seeker: Seeker): Way {
    return this.#leaderships.way(home, seeker);
  }

  leading(o: RegionIndex): Leadership | null {
    return this.#leaderships.of(o);
  }

  /** Upper bound on the age of what this replica shows of logs; null: unknown. */
  stalenessMs(logs: readonly RegionIndex[]): number | null {
    return logs.reduce<number | null>((most, o) => {
      const staleness = this.#stalenessMs(o);
      return most === null || staleness === null ? null : Math.max(most, staleness);
    }, 0);
  }

  #stalenessMs(o: RegionIndex): number | null {
    const leadership = this.#leaderships.of(o);
    if (leadership !== null) return leadership.leaseValid() ? 0 : null;
    return this.#followers.get(o)?.stalenessMs() ?? null;
  }

  /**
   * Told once this replica has proved that it leads `led`, and, with `through` (greatest seq shown, by log), once all of that
   * is committed. Without either it is told at once.
   */
  settle<T>(
    answer: T,
    led: readonly Leadership[],
    through: ReadonlyMap<RegionIndex, number> = new Map(),
  ): Settled<T> {
    const anchors = led.map(
      (leadership) => new Anchor(this.#context, leadership, through.get(leadership.log.o) ?? 0),
    );
    // With the epochs that stood there when the answer was worked out.
    const others = [...through]
      .filter(([o]) => !led.some(({ log }) => log.o === o))
      .map(([o, s]) => ({ o, e: this.#context.log(o).epochAt(s), s }));
    return {
      tell: () => {
        // All of them are asked: each sets in motion what it waits for.
        if (anchors.filter((anchor) => anchor.holds()).length < anchors.length) return null;
        return others.filter((position) => this.#committed(position)).length === others.length
          ? answer
          : null;
      },
      over: () => anchors.some((anchor) => anchor.over()) || others.some((position) => this.#isCut(position)),
    };
  }

  #committed(position: Position): boolean {
    const log = this.#context.log(position.o);
    if (log.commit >= position.s) return !this.#isCut(position);
    this.#leaderships.of(position.o)?.hurry(position.s);
    this.#followers.get(position.o)?.want(true);
    return false;
  }

  /** While the answer waited for its commit, another history took the place: it has to be worked out anew. */
  #isCut({ o, e, s }: Position): boolean {
    const log = this.#context.log(o);
    return s > log.last.s || log.epochAt(s) !== e;
  }
}
