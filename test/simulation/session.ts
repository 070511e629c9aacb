/** A client's session token, unsigned: what it has seen, by partition and log. It is merged and parted as the edge does it. */
import { emptyView, mergeView, partFor, shownBy, withoutLost } from "../../src/edge/session-merge.ts";
import type { Facts, LostPosition, SessionPart } from "../../src/replication/request.ts";

export class Session {
  #view = emptyView("default", 1);

  get isEmpty(): boolean {
    return this.#view.positions.length === 0;
  }

  /** Whether a version ("origin.epoch.seq") is among what the token covers, itself or through a later place of its epoch. */
  knows(partition: number, version: string): boolean {
    const [o, e, s = 0] = version.split(".").map(Number);
    return this.#view.positions.some(
      (one) => one.p === partition && one.o === o && one.e === e && one.s >= s,
    );
  }

  part(partition: number): SessionPart {
    return partFor(this.#view, partition);
  }

  /** `covers`: the answer was given by a replica that had everything of this partition that the token names. */
  saw(partition: number, facts: Pick<Facts, "shown" | "shownOthers" | "seenAt">, covers: boolean): void {
    const merged = mergeView(this.#view, shownBy(facts, partition), facts.seenAt);
    const { positions } = merged;
    // All of one lineage now: of each log the latest place stands for the ones before.
    const kept = positions.filter(
      (one) =>
        one.p !== partition ||
        !positions.some((two) => two.p === one.p && two.o === one.o && two.e > one.e && two.s >= one.s),
    );
    this.#view = covers ? { ...merged, positions: kept } : merged;
  }

  /** Exactly what was reported lost goes. */
  lost(partition: number, positions: readonly LostPosition[]): void {
    this.#view = withoutLost(this.#view, partition, positions);
  }
}
