/**
 * Handing a log over on purpose, so that another region leads it and nobody has to wait for a lease to end.
 *
 *   idle -> asking: could you lead? Everything goes on here, while the heir is brought up to date
 *     -> it could, and has what was here when it was asked -> given up: this replica has promised the heir's next ballot,
 *        durably, and says so in one message that is also its promise. It acknowledges nothing and answers nothing as the leader
 *        from this turn on, after a restart neither; whoever asks for a leader waits
 *          -> the heir leads, or anybody else does -> idle
 *          -> the heir says no, or nothing for two seconds -> idle, and who led last asks the voters for a later ballot
 *     -> it could not, or does not answer -> idle, with nothing changed
 *
 * Intuition: with the promise of the leader and its own the heir of three regions has a majority already, so that its OPEN is
 * the only round trip. What makes the leases harmless is that promise too: it is for a ballot above the epoch that ends, and who
 * has given it leads no more under any below. So a hand-off that comes late, twice or never is a campaign like others.
 */
import { promiseOf } from "./acceptor.ts";
import type { Candidate } from "./candidate.ts";
import type { Context } from "./context.ts";
import type { Leadership } from "./leader.ts";
import type { Log } from "./log.ts";
import type { PeerReply, Transfer, TransferReply } from "./message.ts";
import type { NotHandedOff } from "./request.ts";
import { counterOf, EMPTY_TAIL, epochOf, type Epoch, type RegionIndex, type Tail } from "./position.ts";

/** How long the heir may take to catch up. */
const ASKING_MS = 2_000;
/** An heir that does not answer is not asked for longer than a restart may refuse. */
const SILENT_MS = 1_000;
/** Between two questions to an heir that is not ready. */
const AGAIN_MS = 100;
/** The heir has so long to lead; a promise that led to nothing keeps others from it no longer either. */
export const GIVEN_UP_MS = 2_000;

type State =
  | { readonly kind: "idle" }
  | {
      readonly kind: "asking";
      readonly to: RegionIndex;
      readonly e: Epoch;
      /** Head of the log when the hand-off began. */
      readonly through: number;
      readonly silentUntil: number;
      readonly until: number;
      askAt: number;
      calling: boolean;
      due: boolean;
      /** It said that it could, and the greatest counter that it knows of. */
      ready: number | null;
      why: NotHandedOff;
    }
  | {
      readonly kind: "given-up";
      readonly to: RegionIndex;
      readonly e: Epoch;
      readonly b: Epoch;
      readonly at: number;
    };

export type HandedOff =
  /** `unavailableMs`: from giving up until this replica knew that the heir may acknowledge, by the clock here. */
  | { readonly kind: "done"; readonly e: Epoch; readonly s: number; readonly unavailableMs: number }
  | { readonly kind: "not"; readonly why: NotHandedOff };

export class HandOff {
  readonly #context: Context;
  readonly #log: Log;
  readonly #leadership: () => Leadership | null;
  readonly #onTakenBack: () => void;
  #state: State = { kind: "idle" };
  /** Number of the run under way, or of the last one. */
  #run = 0;
  #ended: HandedOff | null = null;

  constructor(
    context: Context,
    log: Log,
    parts: {
      readonly leadership: () => Leadership | null;
      /** The heir did not make it: somebody has to lead. */
      readonly onTakenBack: () => void;
    },
  ) {
    this.#context = context;
    this.#log = log;
    this.#leadership = parts.leadership;
    this.#onTakenBack = parts.onTakenBack;
  }

  /** Joins the run that is under way to the same region, or begins one. Answers its number; null while another one is under way. */
  begin(to: RegionIndex): number | null {
    if (this.#state.kind !== "idle") return this.#state.to === to ? this.#run : null;
    const { now } = this.#context;
    this.#run += 1;
    this.#ended = null;
    this.#state = {
      kind: "asking",
      to,
      e: this.#leadership()?.e ?? 0,
      through: this.#log.last.s,
      silentUntil: now + SILENT_MS,
      until: now + ASKING_MS,
      askAt: now,
      calling: false,
      due: false,
      ready: null,
      why: "silent",
    };
    this.#context.changed = true;
    return this.#run;
  }

  /** How the run ended; null while it is under way. */
  outcome(run: number): HandedOff | null {
    return run === this.#run ? this.#ended : { kind: "not", why: "superseded" };
  }

  get isIdle(): boolean {
    return this.#state.kind === "idle";
  }

  /** This replica has given the log up, and nobody is known to lead it yet: whoever asks waits a moment. */
  get isGivenUp(): boolean {
    return this.#state.kind === "given-up" && this.#log.leaderEpoch <= this.#state.e;
  }

  /** Before anybody is answered in this turn: a turn in which the log is given up acknowledges nothing of it. */
  beginTurn(): void {
    const state = this.#state;
    if (state.kind !== "asking" || !state.due || state.ready === null) return;
    const leadership = this.#leadership();
    if ((leadership?.e ?? 0) === state.e) this.#giveUp(state, leadership, state.ready);
  }

  advance(): void {
    if (this.#state.kind === "asking") this.#advanceAsking(this.#state);
    else if (this.#state.kind === "given-up" && this.#log.leaderEpoch > this.#state.b)
      this.#end({ kind: "not", why: "superseded" });
  }

  #advanceAsking(state: Extract<State, { kind: "asking" }>): void {
    const { now } = this.#context;
    const leadership = this.#leadership();
    if ((leadership?.e ?? 0) !== state.e || (state.e === 0 && this.#log.leaderEpoch > 0))
      return this.#end({ kind: "not", why: "superseded" });
    const hasAll = leadership === null || leadership.holds(state.to, state.through);
    if (!hasAll) leadership.hurry(state.through);
    if (hasAll && state.ready !== null) {
      // Who waited for what the heir has just acknowledged is answered here, and the log given up in the next turn.
      state.due = true;
      return this.#context.wakeAt(now);
    }
    if (now >= state.until)
      return this.#end({ kind: "not", why: state.ready === null ? state.why : "behind" });
    if (state.ready === null && state.why === "silent" && !state.calling && now >= state.silentUntil)
      return this.#end({ kind: "not", why: "silent" });
    this.#context.wakeAt(state.until);
    if (now < state.askAt) return this.#context.wakeAt(state.askAt);
    // Of an heir that this instance has not heard of yet nothing may be due: it is asked what it has all the same.
    if (!hasAll) leadership.appends.probe(state.to);
    if (state.ready === null && !state.calling) this.#ask(state);
    state.askAt = now + AGAIN_MS;
    this.#context.wakeAt(state.askAt);
  }

  #ask(state: Extract<State, { kind: "asking" }>): void {
    const run = this.#run;
    const { timing } = this.#context.config;
    state.calling = true;
    const asked = this.#context.calls + 1;
    this.#context.call(
      state.to,
      { type: "transfer", o: this.#log.o, e: state.e },
      (reply) => {
        if (run !== this.#run || this.#state !== state) return;
        this.#context.changed = true;
        state.calling = false;
        if (reply?.type !== "transfer-reply") state.why = "silent";
        else if (reply.ready && this.#counts(state.to, reply, asked)) state.ready = reply.counter;
        else state.why = "not-ready";
      },
      timing.probeMs,
    );
  }

  /** R8: an heir that has lost its memory, and does not know it, would count its own promise, which is worth nothing. */
  #counts(to: RegionIndex, { storeId, inc }: TransferReply, asked: number): boolean {
    if (storeId === undefined || inc === undefined) return true;
    const hearing = { o: this.#log.o, asked, wrote: false, whole: false };
    return this.#context.acquaintances.counts(to, { storeId, inc, tail: EMPTY_TAIL }, hearing);
  }

  /** Durable with this turn, before anybody hears of it. */
  #giveUp(
    { to, e }: Extract<State, { kind: "asking" }>,
    leadership: Leadership | null,
    heirCounter: number,
  ): void {
    const { now, rules } = this.#context;
    const log = this.#log;
    const counter = Math.max(log.acceptor.maxCounter, counterOf(log.promised), heirCounter) + 1;
    const b = epochOf(counter, to);
    // What is on its way there already need not be fetched.
    leadership?.appends.flush(to);
    if (rules.stepsDown()) {
      leadership?.depose();
      log.promise({ promised: b, maxCounter: counter });
      log.promisedAt = now;
    }
    const run = this.#run;
    const state = { kind: "given-up", to, e, b, at: now } as const;
    this.#state = state;
    const promise = promiseOf(this.#context, log, b, e);
    this.#context.changed = true;
    this.#context.call(
      to,
      { type: "transfer", o: log.o, e, promise },
      (reply) => {
        if (run === this.#run && this.#state === state) this.#onAnswer(state, reply);
      },
      GIVEN_UP_MS,
    );
  }

  #onAnswer(state: Extract<State, { kind: "given-up" }>, reply: PeerReply | null): void {
    const { now } = this.#context;
    const open = reply?.type === "transfer-reply" && reply.ready ? reply.open : null;
    if (open !== null) {
      this.#log.heard = Math.max(this.#log.heard, open.e);
      return this.#end({ kind: "done", e: open.e, s: open.s, unavailableMs: pauseMs(state, now) });
    }
    if (this.#log.leaderEpoch > state.e) return this.#endBySight(state);
    // It said no: the promise to it keeps nobody from a later one.
    if (reply !== null) this.#log.promisedAt = -Infinity;
    this.#end({ kind: "not", why: "taken-back" });
    this.#onTakenBack();
  }

  /** The answer was lost; the log itself may tell. */
  #endBySight(state: Extract<State, { kind: "given-up" }>): void {
    const { b } = state;
    const start = this.#log.epochs.find(({ e }) => e === b)?.start;
    if (start === undefined || start > this.#log.commit) return this.#end({ kind: "not", why: "superseded" });
    this.#end({ kind: "done", e: b, s: start, unavailableMs: pauseMs(state, this.#context.now) });
  }

  #end(ended: HandedOff): void {
    this.#ended = ended;
    this.#state = { kind: "idle" };
    this.#context.changed = true;
  }
}

/** A log that was never opened had no leader to miss. */
function pauseMs({ e, at }: Extract<State, { kind: "given-up" }>, now: number): number {
  return e === 0 ? 0 : Math.max(0, now - at);
}

/** The heir's side: its answer, or null while it is about to lead. */
export function answerTransfer(
  log: Log,
  parts: {
    readonly candidate: Candidate;
    /** The leadership of the log, opened or not. */
    readonly leadership: () => Leadership | null;
    readonly restoring: boolean;
    readonly storeId: string;
    readonly inc: number;
  },
  { from, message }: { readonly from: RegionIndex; readonly message: Transfer },
): () => TransferReply | null {
  const { candidate, leadership, restoring, storeId, inc } = parts;
  const { e, promise } = message;
  const reply = (ready: boolean, open: Tail = EMPTY_TAIL): TransferReply => ({
    type: "transfer-reply",
    ready,
    counter: Math.max(log.acceptor.maxCounter, counterOf(log.promised)),
    open,
    storeId,
    inc,
  });
  const able = !restoring && log.parkedAt === null && log.leaderEpoch <= e;
  if (promise === undefined) {
    const ready = able && log.promised <= e && log.applied === log.last.s;
    return () => reply(ready);
  }
  if (able) candidate.inherit({ from, gaveUp: e, promise });
  return () => {
    const led = leadership();
    if (led === null || led.e !== promise.b)
      return candidate.campaigning && log.promised === promise.b ? null : reply(false);
    if (led.mayAct()) return reply(true, { e: led.e, s: led.start });
    led.hurry(led.start);
    led.wantLease();
    return null;
  };
}
