/** Which logs this replica leads or tries to lead, and the one way to ask for a leader of a log. */
import type { Applier } from "./apply.ts";
import { Candidate } from "./candidate.ts";
import type { Context } from "./context.ts";
import { Leadership } from "./leader.ts";
import { leaderOf, type RegionIndex } from "./position.ts";
import type { LeadershipRow } from "./storage.ts";

export class Leaderships {
  readonly #context: Context;
  readonly #leading = new Map<RegionIndex, Leadership>();
  readonly #candidates = new Map<RegionIndex, Candidate>();

  constructor(context: Context, applier: Applier, onNeedSnapshot: (from: RegionIndex) => void) {
    this.#context = context;
    for (const log of context.logs.values()) {
      const onOpened = (row: LeadershipRow): void => {
        const leadership = new Leadership(context, log, row);
        this.#leading.set(log.o, leadership);
        leadership.wantLease();
      };
      const candidate = new Candidate(context, log, applier, onOpened, onNeedSnapshot);
      this.#candidates.set(log.o, candidate);
    }
    // A restarted leader goes on in its epoch: what it may not do before `ackAfter` or after `leaseUntil` is durable.
    for (const row of context.storage.leaderships()) {
      const log = context.logs.get(row.o);
      if (
        log === undefined ||
        row.e === 0 ||
        row.e !== log.promised ||
        leaderOf(row.e) !== context.config.region
      )
        continue;
      this.#leading.set(row.o, new Leadership(context, log, row));
    }
  }

  /** The leadership of a log, opened or not; null when this replica does not lead it. */
  of(o: RegionIndex): Leadership | null {
    const leadership = this.#leading.get(o);
    return leadership === undefined || leadership.deposed || leadership.log.promised !== leadership.e
      ? null
      : leadership;
  }

  /** An opened leadership, or null; asks for one where this region is the log's own. */
  want(o: RegionIndex): Leadership | null {
    const leadership = this.of(o);
    // What a leader holds and has not applied (a dependency, an entry of newer code) it cannot judge by.
    if (leadership?.opened === true && leadership.log.applied === leadership.log.last.s) return leadership;
    leadership?.hurry(leadership.log.last.s);
    if (leadership === null && o === this.#context.config.region) this.#candidates.get(o)?.want();
    return null;
  }

  all(): Leadership[] {
    return [...this.#leading.values()].filter((leadership) => this.of(leadership.log.o) === leadership);
  }

  campaigning(o: RegionIndex): boolean {
    return this.#candidates.get(o)?.campaigning ?? false;
  }

  advance(): void {
    for (const [o, leadership] of this.#leading) {
      if (this.of(o) === leadership) continue;
      if (!leadership.deposed) leadership.depose();
      this.#leading.delete(o);
    }
    for (const candidate of this.#candidates.values()) candidate.advance();
    for (const leadership of this.all()) leadership.advance();
  }
}
