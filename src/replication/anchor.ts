/**
 * Answers that rely on being the leader: every read at the leader, and every refusal that depends on state. They are
 * worked out first, and given once the replica knows that it was the leader at that moment: under a valid lease, with a
 * row written and confirmed that a replaced instance of the object could not get confirmed; or, without leases, after a
 * majority has answered an append that was sent later.
 */
import type { Context } from "./context.ts";
import type { Leadership } from "./leader.ts";

/** What is worked out already, and told once it may be. */
export interface Settled<T> {
  /** Null: not yet. */
  tell(): T | null;
  /** It relied on a leadership that is over: it has to be worked out anew, for whoever leads next. */
  over(): boolean;
}

export class Anchor {
  readonly #context: Context;
  readonly #leadership: Leadership;
  readonly #ticket: number;
  readonly #round: number;
  /** Seqs of the led log that have to be committed too. */
  readonly #covers: number;

  constructor(context: Context, leadership: Leadership, covers: number) {
    this.#context = context;
    this.#leadership = leadership;
    this.#covers = covers;
    const leases = context.config.timing.leaseMs > 0;
    this.#ticket = leases ? context.syncTicket(context.rules.fences()) : 0;
    this.#round = leases ? 0 : leadership.readIndex();
  }

  /** Is it certain by now? Otherwise asks for what is missing. */
  holds(): boolean {
    const leadership = this.#leadership;
    const leading = this.#round > 0 ? leadership.confirmed(this.#round) : this.#leased();
    const covered = leadership.log.commit >= this.#covers;
    if (!covered) leadership.hurry(this.#covers);
    return leading && covered;
  }

  /** It will never hold: somebody else was promised. */
  over(): boolean {
    return !this.#leadership.standing().leads;
  }

  /** Told when it holds. */
  settle<T>(answer: T): Settled<T> {
    return { tell: () => (this.holds() ? answer : null), over: () => this.over() };
  }

  #leased(): boolean {
    const valid = this.#leadership.leaseValid();
    // A lease that is about to lapse is renewed by whoever uses it; a lapsed one is asked for.
    this.#leadership.wantLease();
    return valid && this.#context.isSynced(this.#ticket);
  }
}
