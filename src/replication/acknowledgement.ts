/**
 * What is told of a write, and when. One that is in the log is acknowledged as soon as its concern is met: by whoever holds
 * it, by the lease, and by what its writer had seen in other logs. If its leader is deposed first, the successor may have
 * adopted it, or nobody can say here what became of it. A refusal that depends on state is a read and is anchored like one.
 */
import { Anchor } from "./anchor.ts";
import type { Attempt, Logged, LoggedWrite, Outcome } from "./attempt.ts";
import type { Context } from "./context.ts";
import type { Concern } from "./entry.ts";
import { factsOf, Shown } from "./facts.ts";
import type { Follower } from "./follower.ts";
import type { Leadership } from "./leader.ts";
import { answersValues, resultsOf } from "./operations.ts";
import { withoutPayload } from "./payload.ts";
import type { Position, RegionIndex } from "./position.ts";
import { receiptOf } from "./receipt.ts";
import { sentOn, type Elsewhere } from "./redirect.ts";
import type { ClientReply, Facts, Receipt, WriteRequest } from "./request.ts";

export class Acknowledgements {
  readonly #context: Context;
  readonly #followers: ReadonlyMap<RegionIndex, Follower>;

  constructor(context: Context, followers: ReadonlyMap<RegionIndex, Follower>) {
    this.#context = context;
    this.#followers = followers;
  }

  /** The write is in the log: wait for its concern. */
  logged({ request: asked, owner, leadership, startedAt }: Attempt, write: LoggedWrite): Logged {
    const attempt: Attempt = { request: withoutPayload(asked), owner, leadership, startedAt };
    const { request } = attempt;
    const tellsValues = answersValues(asked.command);
    const ticket = this.#context.syncTicket(false);
    const { position, status, at } = write;
    const tell = (): ClientReply | null => {
      if (this.#superseded(leadership, position)) return { kind: "outcome-unknown" };
      const successor = this.#successorOf(leadership);
      // It adopted the entry and finds it by its key: nobody has to wait here for what only a leader can know.
      if (successor !== null && request.idempotency !== undefined)
        return { ...sentOn(this.#context, owner, successor), logged: true };
      if (!this.#context.isSynced(ticket) || !this.#met(request.concern, leadership, position, write.deps))
        return null;
      const shown = this.#shownAt(position);
      if (write.results !== undefined) {
        return {
          kind: "imported",
          results: write.results,
          receipt: this.#receipt(request, leadership, position, at),
          facts: this.facts(attempt, shown),
        };
      }
      const told = tellsValues ? this.#results(position, shown) : {};
      return {
        kind: "written",
        status,
        receipt: this.#receipt(request, leadership, position, at),
        facts: this.facts(attempt, shown),
        replayed: write.replayed,
        ...told,
      };
    };
    // Logged once: whoever leads next, it is never written again.
    return { kind: "logged", leadership, position, status, at, settled: { tell, over: () => false } };
  }

  /** `judged`: seq of the led log that the refusal depends on; 0: none. */
  refuse({ request: { concern }, leadership }: Attempt, judged: number, answer: ClientReply): Outcome {
    const covers = concern === "majority" || concern === "all" ? judged : 0;
    return { kind: "refused", settled: new Anchor(this.#context, leadership, covers).settle(answer) };
  }

  /** The deadline came first: durable here, its concern not met. */
  unmet(request: WriteRequest, logged: Logged, startedAt: number): ClientReply {
    const owner = this.#context.storage.owner(request.user);
    const { leadership, position, status, at } = logged;
    if (owner === null || !leadership.standing().leads) return { kind: "outcome-unknown" };
    return {
      kind: "concern-timeout",
      status,
      receipt: this.#receipt(request, leadership, position, at),
      facts: this.facts({ request, owner, leadership, startedAt }, this.#shownAt(position)),
    };
  }

  facts({ owner, leadership, startedAt }: Attempt, shown: Shown): Facts {
    return factsOf(this.#context, owner, {
      shown,
      why: "leader",
      stalenessMs: 0,
      waitedMs: this.#context.now - startedAt,
      leadership,
    });
  }

  /** Out of the entry, for a fresh write as for a replay: both are told the same. */
  #results(position: Position, shown: Shown): Pick<Extract<ClientReply, { kind: "written" }>, "results"> {
    const entry = this.#context.entryAt(position);
    if (entry === null) return {};
    // Values that were merged or added to come from elsewhere: whoever is told of them has seen that too.
    shown.others(entry.xdeps);
    return { results: resultsOf(entry) };
  }

  /** Asks for what the concern needs; true when it is met. */
  #met(concern: Concern, leadership: Leadership, position: Position, deps: readonly Position[]): boolean {
    const context = this.#context;
    // What stands in the log of an earlier home was committed before the user left it.
    const ownLog = position.o === leadership.log.o;
    const s = ownLog ? position.s : 0;
    const depsSettled = deps.every((dep) => this.#depSettled(dep));
    const met = context.rules.concernMet(
      concern,
      leadership.standing(),
      { s, commit: leadership.log.commit, matches: leadership.matches(), depsSettled },
      context.now,
    );
    if (met) return true;
    if (concern !== "local" || context.config.timing.leaseMs === 0) leadership.hurry(s);
    leadership.wantLease();
    // Nobody is asked for what the concern does not need: a round in another log costs more than the write.
    if (!depsSettled && (concern === "majority" || concern === "all"))
      for (const dep of deps) if (!this.#depSettled(dep)) this.#followers.get(dep.o)?.want(true);
    return false;
  }

  #depSettled(dep: Position): boolean {
    const log = this.#context.log(dep.o);
    const judgement = log.judge(this.#context.rules, dep.e, dep.s);
    return judgement === "lost" || (judgement === "contained" && dep.s <= log.commit);
  }

  #superseded(leadership: Leadership, position: Position): boolean {
    if (!leadership.deposed && leadership.log.promised === leadership.e) return false;
    return leadership.log.judge(this.#context.rules, position.e, position.s) !== "contained";
  }

  /** Who leads after a leadership that is over, once its OPEN is in the log here, behind all that is held for contained. */
  #successorOf({ log, e }: Leadership): Elsewhere | null {
    return log.last.e > e && log.leaderEpoch > e
      ? { kind: "elsewhere", leader: log.leader, epoch: log.leaderEpoch }
      : null;
  }

  #receipt(
    { user, command, concern }: WriteRequest,
    leadership: Leadership,
    position: Position,
    at: number,
  ): Receipt {
    const key = "key" in command ? command.key : undefined;
    const receipt = receiptOf(this.#context, leadership, user, key, position, concern, at);
    return position.o === leadership.log.o ? receipt : { ...receipt, committed: true };
  }

  #shownAt(position: Position): Shown {
    const shown = new Shown();
    shown.position(this.#context, position);
    return shown;
  }
}
