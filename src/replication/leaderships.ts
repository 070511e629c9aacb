/**
 * Which logs this replica leads or tries to lead, and the one way to ask for a leader of a log: it is here, it may come to be
 * here, or it is elsewhere.
 */
import type { Applier } from "./apply.ts";
import { Candidate } from "./candidate.ts";
import type { Context } from "./context.ts";
import { Failback } from "./failback.ts";
import { answerTransfer, HandOff } from "./hand-off.ts";
import { Inquiry } from "./inquiry.ts";
import { Leadership } from "./leader.ts";
import type { Log } from "./log.ts";
import type { Transfer, TransferReply } from "./message.ts";
import { leaderOf, type Epoch, type RegionIndex } from "./position.ts";
import { Probe } from "./probe.ts";
import type { LeadershipRow } from "./storage.ts";

export type Way =
  | { readonly kind: "here"; readonly leadership: Leadership }
  /** This region leads and is not ready, or is finding out whether it should lead: ask again. */
  | { readonly kind: "wait" }
  | { readonly kind: "elsewhere"; readonly leader: RegionIndex; readonly epoch: Epoch };

/** Who asks for a leader. */
export interface Seeker {
  /** A region that was asked before and did not answer. */
  readonly suspects?: RegionIndex | undefined;
  /** Since when it waits here. */
  readonly since: number;
}

interface Election {
  readonly probe: Probe;
  readonly candidate: Candidate;
  readonly inquiry: Inquiry;
  readonly handOff: HandOff;
  readonly failback: Failback;
}

export interface LeadershipEvents {
  readonly onNeedSnapshot: (from: RegionIndex) => void;
  /** Others spoke of an epoch that this replica does not have. */
  readonly onHeard: (log: Log) => void;
  /** Somebody waits for a leader here that waits for what is missing in another log. */
  readonly onBlocked: (o: RegionIndex) => void;
}

const WAIT: Way = { kind: "wait" };

export class Leaderships {
  readonly #context: Context;
  readonly #applier: Applier;
  readonly #onHeard: (log: Log) => void;
  readonly #onBlocked: (o: RegionIndex) => void;
  readonly #leading = new Map<RegionIndex, Leadership>();
  readonly #elections = new Map<RegionIndex, Election>();

  constructor(context: Context, applier: Applier, { onNeedSnapshot, onHeard, onBlocked }: LeadershipEvents) {
    this.#context = context;
    this.#applier = applier;
    this.#onHeard = onHeard;
    this.#onBlocked = onBlocked;
    for (const log of context.logs.values()) {
      const onOpened = (row: LeadershipRow): void => {
        const leadership = new Leadership(context, log, row);
        this.#leading.set(log.o, leadership);
        leadership.wantLease();
      };
      const hear = (e: Epoch): void => this.hear(log.o, e);
      const candidate = new Candidate(context, log, applier, onOpened, onNeedSnapshot);
      const probe = new Probe(context, log, hear);
      const inquiry = new Inquiry(context, log, { probe, candidate, onHeard: hear });
      const handOff = new HandOff(context, log, {
        leadership: () => this.of(log.o),
        onTakenBack: () => inquiry.want(),
      });
      const failback = new Failback(context, log, handOff);
      this.#elections.set(log.o, { candidate, probe, inquiry, handOff, failback });
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
    const { hasForgotten } = this.#context;
    return hasForgotten ||
      leadership === undefined ||
      leadership.deposed ||
      leadership.log.promised !== leadership.e
      ? null
      : leadership;
  }

  /** Who leads the log for somebody who waits for an answer of its leader. Said anew each turn. */
  way(o: RegionIndex, { suspects, since }: Seeker): Way {
    const leadership = this.of(o);
    if (leadership !== null) return this.#readiness(leadership);
    const log = this.#context.log(o);
    const { inquiry, handOff } = this.#electionOf(o);
    if (handOff.isGivenUp) return WAIT;
    const mine = log.leader === this.#context.config.region;
    const sentBack = suspects !== log.leader || inquiry.reachedSince(since);
    // Who comes while the leader is missed here waits along.
    if (!mine && sentBack && !inquiry.missing)
      return { kind: "elsewhere", leader: log.leader, epoch: log.leaderEpoch };
    inquiry.want();
    return WAIT;
  }

  /** Somebody here needs what only a leader of this log can bring, and asking the present one has brought nothing. */
  miss(o: RegionIndex): void {
    const { inquiry, handOff } = this.#electionOf(o);
    if (this.of(o) === null && !handOff.isGivenUp) inquiry.want();
  }

  /** Another replica spoke of an epoch of this log. */
  hear(o: RegionIndex, e: Epoch): void {
    const log = this.#context.log(o);
    if (e <= log.leaderEpoch) return;
    log.heard = e;
    this.#context.changed = true;
    this.#onHeard(log);
  }

  handOff(o: RegionIndex): HandOff {
    return this.#electionOf(o).handOff;
  }

  /** How long until the log goes back to its own region, if that stays there; null: it does not, by itself. */
  failbackInMs(o: RegionIndex): number | null {
    const leadership = this.of(o);
    return leadership === null ? null : this.#electionOf(o).failback.dueInMs(leadership);
  }

  /** The leader of a log would hand it to this replica, or does. */
  inherit(from: RegionIndex, message: Transfer, restoring: boolean): () => TransferReply | null {
    const { o } = message;
    const { candidate } = this.#electionOf(o);
    const parts = {
      candidate,
      leadership: () => this.of(o),
      restoring: restoring || this.#context.hasForgotten,
      storeId: this.#context.identity,
      inc: this.#context.incarnation,
    };
    return answerTransfer(this.#context.log(o), parts, { from, message });
  }

  probe(o: RegionIndex): Probe {
    return this.#electionOf(o).probe;
  }

  all(): Leadership[] {
    return [...this.#leading.values()].filter((leadership) => this.of(leadership.log.o) === leadership);
  }

  /** What this replica does to get a leader for the log; null: nothing. */
  electing(o: RegionIndex): "campaigning" | "handing-over" | "pre-vote" | "cooldown" | null {
    const { candidate, inquiry, handOff } = this.#electionOf(o);
    if (handOff.isGivenUp) return "handing-over";
    return candidate.campaigning ? "campaigning" : inquiry.state;
  }

  beginTurn(): void {
    for (const { handOff } of this.#elections.values()) handOff.beginTurn();
  }

  advance(): void {
    for (const [o, leadership] of this.#leading) {
      if (this.of(o) === leadership) continue;
      if (!leadership.deposed) leadership.depose();
      this.#leading.delete(o);
    }
    for (const [o, { probe, inquiry, candidate, handOff, failback }] of this.#elections) {
      failback.advance(this.of(o));
      handOff.advance();
      probe.advance();
      inquiry.advance();
      candidate.advance();
    }
    for (const leadership of this.all()) leadership.advance();
  }

  #readiness(leadership: Leadership): Way {
    const { log } = leadership;
    // What a leader holds and has not applied (a dependency, an entry of newer code) it cannot judge by.
    if (leadership.opened && log.applied === log.last.s) return { kind: "here", leadership };
    leadership.hurry(log.last.s);
    const cause = this.#applier.blockedOn(log);
    if (cause !== null) this.#onBlocked(cause.o);
    return WAIT;
  }

  #electionOf(o: RegionIndex): Election {
    const election = this.#elections.get(o);
    if (election === undefined) throw new Error(`no log of origin ${o} in this configuration`);
    return election;
  }
}
