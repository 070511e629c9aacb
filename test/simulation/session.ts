/** A client's session token, unsigned: what it has seen, by partition and log. The merge is the one that tokens are made with. */
import type { CrossPosition, Position } from "../../src/replication/position.ts";
import type { Facts, SessionPart } from "../../src/replication/request.ts";
import { mergeSeen } from "../../src/wire/session-merge.ts";
import type { SeenPosition } from "../../src/wire/session-codec.ts";

export class Session {
  #positions: readonly SeenPosition[] = [];
  #seenAt = 0;

  get isEmpty(): boolean {
    return this.#positions.length === 0;
  }

  /** Whether a version ("origin.epoch.seq") is among what the token covers, itself or through a later place of its epoch. */
  knows(partition: number, version: string): boolean {
    const [o, e, s = 0] = version.split(".").map(Number);
    return this.#positions.some((one) => one.p === partition && one.o === o && one.e === e && one.s >= s);
  }

  part(partition: number): SessionPart {
    const positions = this.#positions
      .filter(({ p }) => p === partition)
      .map(({ o, e, s, durable }) => ({ o, e, s, durable }));
    const others = this.#positions
      .filter(({ p }) => p !== partition)
      .map(({ p, o, e, s }): CrossPosition => ({ p, o, e, s }));
    return { positions, others, seenAt: this.#seenAt };
  }

  /** `covers`: the answer was given by a replica that had everything of this partition that the token names. */
  saw(partition: number, facts: Pick<Facts, "shown" | "shownOthers" | "seenAt">, covers: boolean): void {
    const shown = facts.shown.map(({ o, e, s, durable }): SeenPosition => ({
      p: partition,
      o,
      e,
      s,
      durable,
    }));
    const others = facts.shownOthers.map(({ p, o, e, s }): SeenPosition => ({ p, o, e, s, durable: false }));
    let merged = mergeSeen(this.#positions, [...shown, ...others]);
    // All of one lineage now: of each log the latest place stands for the ones before.
    if (covers)
      merged = merged.filter(
        (one) =>
          one.p !== partition ||
          !merged.some((two) => two.p === one.p && two.o === one.o && two.e > one.e && two.s >= one.s),
      );
    this.#positions = merged;
    this.#seenAt = Math.max(this.#seenAt, facts.seenAt);
  }

  /** Exactly the positions that were reported lost go. */
  lost(partition: number, positions: readonly Position[]): void {
    this.#positions = this.#positions.filter(
      ({ p, o, e, s }) =>
        p !== partition || !positions.some((lost) => lost.o === o && lost.e === e && lost.s === s),
    );
  }
}
