/**
 * A log that was taken over goes home by itself: handed back once its own region has been well for a while.
 *
 * Judged by the leader, from the answers to what it sends anyway: nothing is sent for it, and nothing ticks. The region is well from
 * its first answer in which it can be fed, and until a call to it fails; that instant is durable, so that a leader which is
 * seldom in memory still gets there. Then, in the first turn in which it has been well for long enough and the pause after the
 * takeover is over, the log is handed over like by an administrator. If that fails the time begins anew: no region is handed a
 * log again and again. A log that was handed over on purpose stays.
 */
import { staysWith } from "./candidate.ts";
import type { Context } from "./context.ts";
import { coolingMs } from "./cooldown.ts";
import type { HandOff } from "./hand-off.ts";
import type { Leadership } from "./leader.ts";
import type { Log } from "./log.ts";
import type { Epoch } from "./position.ts";

export class Failback {
  readonly #context: Context;
  readonly #log: Log;
  readonly #handOff: HandOff;
  /** Since when the log's own region is well, under which epoch that was seen; 0: it is not. */
  #well: { readonly e: Epoch; readonly since: number };
  /** The epoch for which it was looked up whether the log stays, and the answer. */
  #judged: { readonly e: Epoch; readonly stays: boolean } = { e: 0, stays: false };
  #run: number | null = null;

  constructor(context: Context, log: Log, handOff: HandOff) {
    this.#context = context;
    this.#log = log;
    this.#handOff = handOff;
    this.#well = parse(context.storage.meta(this.#key));
  }

  /** Null: it stays here, or its region is not known to be well. */
  dueInMs(leadership: Leadership): number | null {
    const { e, since } = this.#well;
    const { failbackMs } = this.#context.config.timing;
    if (!this.#applies(leadership) || e !== leadership.e || since === 0) return null;
    return Math.max(0, Math.min(since, this.#context.now) + failbackMs - this.#context.now);
  }

  advance(leadership: Leadership | null): void {
    if (leadership === null || !leadership.opened || !this.#applies(leadership)) return;
    if (this.#run !== null) this.#conclude(leadership);
    const peer = leadership.peer(this.#log.o);
    // Not heard of since this instance began: nothing is known, and what is noted holds.
    if (peer === undefined || (peer.match === null && peer.failures === 0)) return;
    const isWell = peer.failures === 0 && !peer.distant && !peer.amnesiac;
    const since = this.#well.e === leadership.e ? this.#well.since : 0;
    if (isWell !== since > 0) this.#note(leadership, isWell ? this.#context.now : 0);
    if (!isWell || since === 0 || this.dueInMs(leadership) !== 0) return;
    if (!this.#handOff.isIdle || !leadership.mayAct() || coolingMs(this.#context, this.#log) > 0) return;
    this.#run = this.#handOff.begin(this.#log.o);
  }

  /** This replica still leads: the hand-off came to nothing, or has not ended. */
  #conclude(leadership: Leadership): void {
    if (this.#run === null || this.#handOff.outcome(this.#run) === null) return;
    this.#run = null;
    this.#note(leadership, this.#context.now);
  }

  #applies({ log, e }: Leadership): boolean {
    const { region, timing } = this.#context.config;
    if (log.o === region || timing.failbackMs === 0) return false;
    if (this.#judged.e !== e) this.#judged = { e, stays: staysWith(this.#context.storage, log) };
    return !this.#judged.stays;
  }

  #note({ e }: Leadership, since: number): void {
    this.#well = { e, since };
    this.#context.storage.setMeta(this.#key, `${e} ${since}`);
  }

  get #key(): string {
    return `well:${this.#log.o}`;
  }
}

function parse(noted: string | number | null): { e: Epoch; since: number } {
  const [e = 0, since = 0] = typeof noted === "string" ? noted.split(" ").map(Number) : [];
  return { e, since };
}
