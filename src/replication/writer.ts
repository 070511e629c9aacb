/**
 * Deciding writes at the leader of the user's log.
 *
 * Order of the questions: is this the user's home and do I lead its log; was this request answered before (first-attempt.ts);
 * does the token's past lie before this write; what does the command do to the items that are there (operations.ts); may
 * I take more without a majority. Then one log entry (write-entry.ts), applied at once, and an acknowledgement when the
 * concern is met (acknowledgement.ts).
 */
import { Acknowledgements } from "./acknowledgement.ts";
import type { Settled } from "./anchor.ts";
import type { Applier } from "./apply.ts";
import { reply, WAIT, type Attempt, type Logged, type Outcome } from "./attempt.ts";
import type { Context } from "./context.ts";
import type { Entry } from "./entry.ts";
import { Shown } from "./facts.ts";
import { FirstAttempts } from "./first-attempt.ts";
import type { Follower } from "./follower.ts";
import { wallOf } from "./hlc.ts";
import { ItemsSeen } from "./items-seen.ts";
import type { Leadership } from "./leader.ts";
import type { Leaderships } from "./leaderships.ts";
import type { Moves } from "./move.ts";
import { decide } from "./operations.ts";
import { payloadBytes, withoutPayload } from "./payload.ts";
import type { Position, RegionIndex } from "./position.ts";
import { sentOn } from "./redirect.ts";
import type { ClientReply, WriteRequest } from "./request.ts";
import { claimIsToCome, coverage } from "./session.ts";
import { decideSettlement, settledBefore, settlingToo } from "./settlement.ts";
import type { Waiter } from "./waiters.ts";
import { WriteEntries } from "./write-entry.ts";

const REFUSED_RETRY_MS = 1_000;
/** How often, in entries of a log, the number of its user's idempotency rows is looked at. */
const TRIM_EVERY = 1_024;

export class Writer {
  readonly #context: Context;
  readonly #applier: Applier;
  readonly #leaderships: Leaderships;
  readonly #followers: ReadonlyMap<RegionIndex, Follower>;
  readonly #onWritten: (leadership: Leadership) => void;
  readonly #moves: Moves;
  readonly #acknowledgements: Acknowledgements;
  readonly #firstAttempts: FirstAttempts;
  readonly #entries: WriteEntries;

  constructor(parts: {
    readonly context: Context;
    readonly applier: Applier;
    readonly leaderships: Leaderships;
    readonly followers: ReadonlyMap<RegionIndex, Follower>;
    readonly onWritten: (leadership: Leadership) => void;
    readonly moves: Moves;
  }) {
    const { context, leaderships, followers } = parts;
    this.#context = context;
    this.#applier = parts.applier;
    this.#leaderships = leaderships;
    this.#followers = followers;
    this.#onWritten = parts.onWritten;
    this.#moves = parts.moves;
    this.#acknowledgements = new Acknowledgements(context, followers);
    this.#firstAttempts = new FirstAttempts(context, leaderships, this.#acknowledgements);
    this.#entries = new WriteEntries(context);
  }

  write(id: number, request: WriteRequest): Waiter {
    const startedAt = this.#context.now;
    // Once decided, what is left is to wait until the decision may be told.
    let decided: Settled<ClientReply> | null = null;
    let logged: Logged | null = null;
    let asked = request;
    return {
      id,
      deadlineAt: request.deadlineAt,
      bytes: () => payloadBytes(asked.command),
      poll: () => {
        if (decided !== null && !decided.over()) return decided.tell();
        const outcome = this.#decide(asked, startedAt);
        if (outcome.kind === "wait") return null;
        if (outcome.kind === "reply") return outcome.reply;
        if (outcome.kind === "logged") {
          logged = outcome;
          asked = withoutPayload(asked);
        }
        decided = outcome.settled;
        return decided.tell();
      },
      expire: () =>
        logged === null
          ? { kind: "refused", reason: "no-leader" }
          : this.#acknowledgements.unmet(asked, logged, startedAt),
    };
  }

  #decide(request: WriteRequest, startedAt: number): Outcome {
    const context = this.#context;
    if (context.now > request.deadlineAt) return reply({ kind: "refused", reason: "no-leader" });
    const owner = context.storage.owner(request.user);
    if (request.claim !== undefined && claimIsToCome(context, request.claim)) {
      this.#followers.get(request.claim.o)?.want();
      return WAIT;
    }
    // Claimed once, perhaps, and erased since.
    if (owner === null) return reply({ kind: "unknown-user" });
    const before = this.#firstAttempts.atEarlierHome({ request, owner, startedAt });
    if (before !== null) return before;
    const way = this.#leaderships.way(owner.home, { suspects: request.suspects, since: startedAt });
    if (way.kind === "wait") return WAIT;
    if (way.kind === "elsewhere") return reply(sentOn(context, owner, way));
    if (!this.#moves.settled(owner)) return WAIT;
    const attempt: Attempt = { request, owner, leadership: way.leadership, startedAt };
    const past = this.#firstAttempts.outcomeOf(attempt);
    if (past !== null) return past;
    const session = coverage(context, request.session.positions);
    if (session.lost.length > 0) {
      const facts = this.#acknowledgements.facts(attempt, new Shown());
      return reply({ kind: "refused", reason: "session-lost", lost: session.lost, facts });
    }
    if (session.missing !== null) {
      this.#followers.get(session.missing.o)?.want();
      return WAIT;
    }
    return this.#execute(attempt);
  }

  #execute(attempt: Attempt): Outcome {
    const context = this.#context;
    const { config, rules } = context;
    const acknowledgements = this.#acknowledgements;
    const { request, owner, leadership } = attempt;
    const { command } = request;
    const row = command.kind === "settle" ? context.storage.lostAt(request.user, command.lost) : null;
    if (command.kind === "settle") {
      const settled = settledBefore(context, acknowledgements, attempt, command, row);
      if (settled !== null) return settled;
    }
    const hlc = context.nextHlc();
    const at = wallOf(hlc);
    const items = new ItemsSeen(context, request.user, at);
    const deciding = { items, at, limits: config.limits, rules, hash: context.hash };
    const decision =
      command.kind === "settle"
        ? decideSettlement(context, command, row!, deciding)
        : settlingToo(context, request, decide(command, request.conditions, deciding));
    if (decision.kind === "refused") return reply(decision);
    if (decision.kind === "unmet") {
      const facts = acknowledgements.facts(attempt, items.shown);
      return acknowledgements.refuse(attempt, items.judgedIn(leadership.log.o), { ...decision.why, facts });
    }
    const { status, results } = decision;
    if (results !== undefined && decision.ops.length === 0) {
      const facts = acknowledgements.facts(attempt, items.shown);
      const judged = items.judgedIn(leadership.log.o);
      return acknowledgements.refuse(attempt, judged, { kind: "imported", results, facts });
    }
    if (request.concern === "local" && rules.exposesTooMuch(leadership.exposedMs(), config.timing)) {
      leadership.hurry(leadership.log.last.s);
      // A restart knows little of what the others have. They say so in a moment, or are not there.
      if (!leadership.heardOut()) return WAIT;
      return reply({ kind: "refused", reason: "rpo-bound", retryAfterMs: REFUSED_RETRY_MS });
    }
    const entry = this.#entries.next(attempt, decision, hlc);
    this.#moves.keep(owner);
    this.#append(leadership, entry);
    const position: Position = { o: entry.o, e: entry.e, s: entry.s };
    // All that the session has seen, also what the entry need not name because an earlier one does.
    const deps = [owner, ...request.session.positions, ...(decision.after ?? [])].filter(
      ({ o }) => o !== entry.o,
    );
    return acknowledgements.logged(attempt, {
      position,
      status,
      at,
      deps,
      replayed: false,
      ...(results === undefined ? {} : { results }),
    });
  }

  #append(leadership: Leadership, entry: Entry): void {
    const { codec, storage, config } = this.#context;
    const { log } = leadership;
    this.#applier.append(log, { e: entry.e, s: entry.s, bytes: codec.encode(entry) }, entry);
    this.#firstAttempts.note(leadership, entry);
    const { idempotencyPerUserMax } = config.limits;
    if (entry.s % TRIM_EVERY === 0 && storage.countIdempotency(entry.user) > idempotencyPerUserMax)
      storage.trimIdempotency(entry.user, idempotencyPerUserMax);
    this.#onWritten(leadership);
  }
}
