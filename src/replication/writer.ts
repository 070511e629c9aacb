/**
 * Deciding writes at the leader of the user's log.
 *
 * Order of the questions: is this the user's home and do I lead its log; was this request answered before (idempotency);
 * does the token's past lie before this write; what does the command do to the items that are there (operations.ts); may
 * I take more without a majority. Then one log entry, applied at once, and an acknowledgement when the concern is met.
 * A refusal that depends on state is a read and is anchored like one.
 */
import { sameBytes } from "../lib/bytes.ts";
import { Anchor, type Settled } from "./anchor.ts";
import type { Applier } from "./apply.ts";
import type { Context } from "./context.ts";
import { EntryKind, PROTOCOL_VERSION, type Concern, type Entry, type ResolveMark } from "./entry.ts";
import type { Erasures } from "./erasure.ts";
import { factsOf, homeReply, Shown } from "./facts.ts";
import type { Follower } from "./follower.ts";
import { EarlierKeys } from "./earlier-keys.ts";
import { firstVersion } from "./home.ts";
import { hlcAt, wallOf } from "./hlc.ts";
import { ItemsSeen } from "./items-seen.ts";
import { importedBy } from "./import.ts";
import type { Leadership } from "./leader.ts";
import type { Leaderships } from "./leaderships.ts";
import { idempotencyDigest, identityOf, recordedAt } from "./lost-write.ts";
import type { IdempotencyRow, LostRow, OwnerRow } from "./message.ts";
import type { Moves } from "./move.ts";
import { answersValues, decide, resultsOf, type Change, type Decision } from "./operations.ts";
import type { CrossPosition, Position, RegionIndex } from "./position.ts";
import { RecentKeys } from "./recent-keys.ts";
import { notLeader, sentOn, type Elsewhere } from "./redirect.ts";
import type {
  ClaimRequest,
  ClientReply,
  Command,
  ImportResult,
  Receipt,
  Settlement,
  WriteRequest,
} from "./request.ts";
import { coverage, isToCome } from "./session.ts";
import { decideSettlement } from "./settlement.ts";
import type { Waiter } from "./waiters.ts";

const NO_BYTES = new Uint8Array(0);
const REFUSED_RETRY_MS = 1_000;
/** How often, in entries of a log, the number of its user's idempotency rows is looked at. */
const TRIM_EVERY = 1_024;

type Known = Pick<IdempotencyRow, "o" | "e" | "s" | "status" | "hlc" | "fingerprint">;
type Deciding = Settled<ClientReply> | null;

export class Writer {
  readonly #context: Context;
  readonly #applier: Applier;
  readonly #leaderships: Leaderships;
  readonly #followers: ReadonlyMap<RegionIndex, Follower>;
  readonly #onWritten: (leadership: Leadership) => void;
  readonly #erasures: Erasures;
  readonly #moves: Moves;
  readonly #earlier: EarlierKeys;
  /** Each made for one leadership: what others log in between would be missing from it. */
  readonly #recent = new Map<RegionIndex, { readonly leadership: Leadership; readonly keys: RecentKeys }>();
  /** Per led log: dependencies that an earlier entry of this leader already names. */
  readonly #implied = new Map<string, number>();

  constructor(
    context: Context,
    applier: Applier,
    leaderships: Leaderships,
    followers: ReadonlyMap<RegionIndex, Follower>,
    onWritten: (leadership: Leadership) => void,
    erasures: Erasures,
    moves: Moves,
  ) {
    this.#moves = moves;
    this.#earlier = new EarlierKeys(context);
    this.#erasures = erasures;
    this.#context = context;
    this.#applier = applier;
    this.#leaderships = leaderships;
    this.#followers = followers;
    this.#onWritten = onWritten;
  }

  write(id: number, request: WriteRequest): Waiter {
    const startedAt = this.#context.now;
    // Once decided, what is left is to wait until the decision may be told.
    let decided: Deciding = null;
    let logged: Extract<Outcome, { kind: "logged" }> | null = null;
    let asked = request;
    return {
      id,
      deadlineAt: request.deadlineAt,
      bytes: () => valueBytes(asked),
      poll: () => {
        if (decided !== null && !decided.over()) return decided.tell();
        const outcome = this.#decide(asked, startedAt);
        if (outcome.kind === "wait") return null;
        if (outcome.kind === "reply") return outcome.reply;
        if (outcome.kind === "logged") {
          logged = outcome;
          asked = withoutValue(asked);
        }
        decided = outcome.settled;
        return decided.tell();
      },
      expire: () =>
        logged === null ? { kind: "refused", reason: "no-leader" } : this.#unmet(asked, logged, startedAt),
    };
  }

  /** The home of a user, claimed in the anchor's log by a majority (decision 11). */
  claim(id: number, request: ClaimRequest): Waiter {
    const since = this.#context.now;
    let decided: Deciding = null;
    return {
      id,
      deadlineAt: request.deadlineAt,
      poll: () => {
        if (decided !== null && !decided.over()) return decided.tell();
        const { anchor } = this.#context.config;
        const way = this.#leaderships.way(anchor, { suspects: request.suspects, since });
        if (way.kind === "wait") return null;
        if (way.kind === "elsewhere") return notLeader(way);
        const { leadership } = way;
        const owner = this.#context.storage.owner(request.user) ?? this.#appendClaim(leadership, request);
        const guard = new Anchor(this.#context, leadership, owner.o === anchor ? owner.s : 0);
        decided = guard.settle(homeReply(this.#context, owner));
        return decided.tell();
      },
      expire: () => ({ kind: "refused", reason: "no-leader" }),
    };
  }

  #decide(request: WriteRequest, startedAt: number): Outcome {
    const context = this.#context;
    if (context.now > request.deadlineAt) return reply({ kind: "refused", reason: "no-leader" });
    const owner = context.storage.owner(request.user);
    if (request.claim !== undefined && isToCome(context, request.claim)) {
      this.#followers.get(request.claim.o)?.want();
      return WAIT;
    }
    // Claimed once, perhaps, and erased since.
    if (owner === null) return reply({ kind: "unknown-user" });
    const before = this.#earlierHome(request, owner, startedAt);
    if (before !== null) return before;
    const way = this.#leaderships.way(owner.home, { suspects: request.suspects, since: startedAt });
    if (way.kind === "wait") return WAIT;
    if (way.kind === "elsewhere") return reply(sentOn(context, owner, way));
    const { leadership } = way;
    if (!this.#moves.settled(owner)) return WAIT;
    const past = this.#replay(request, owner, leadership, startedAt);
    if (past !== null) return past;
    const session = coverage(context, request.session.positions);
    if (session.lost.length > 0) {
      const facts = this.#facts(owner, leadership, new Shown(), startedAt);
      return reply({ kind: "refused", reason: "session-lost", lost: session.lost, facts });
    }
    if (session.missing !== null) {
      this.#followers.get(session.missing.o)?.want();
      return WAIT;
    }
    return this.#execute(request, owner, leadership, startedAt);
  }

  /** The same request again gets the same answer; the key used for another request is refused. */
  #replay(request: WriteRequest, owner: OwnerRow, leadership: Leadership, startedAt: number): Outcome | null {
    const context = this.#context;
    const mark = request.idempotency;
    if (mark === undefined || !context.rules.remembersKeys()) return null;
    const known =
      mark.by === "client"
        ? this.#knownClientKey(request, mark.key)
        : this.#knownEdgeKey(request, owner, leadership, mark.key);
    if (known === null) return null;
    const position: Position = { o: known.o, e: known.e, s: known.s };
    if (!sameBytes(known.fingerprint, mark.fingerprint)) {
      return this.#refuse(leadership, request.concern, known.o === leadership.log.o ? known.s : 0, () => ({
        kind: "refused",
        reason: "idempotency-key-reused",
      }));
    }
    // Who led the user's log then knows in which regions it is.
    if (position.o !== leadership.log.o && request.concern === "all")
      return reply({ kind: "ask", to: position.o });
    const results = this.#importedBefore(request.command, position);
    if (results === null) return null;
    // Judged like the first attempt: the entry itself leaves out what an earlier one of its leader already names.
    const past = [owner, ...request.session.positions].filter(({ o }) => o !== position.o);
    return this.#logged(
      request,
      owner,
      leadership,
      {
        position,
        status: known.status,
        at: wallOf(known.hlc),
        deps: [...this.#dependenciesOf(position), ...past],
        replayed: true,
        ...results,
      },
      startedAt,
    );
  }

  /**
   * Sent back by the leader of the user's present log, for what an earlier one holds; null: it is asked for something else.
   */
  #earlierHome(request: WriteRequest, owner: OwnerRow, startedAt: number): Outcome | null {
    const mark = request.idempotency;
    if (request.asking !== true || mark === undefined) return null;
    const known =
      mark.by === "client"
        ? this.#knownClientKey(request, mark.key)
        : this.#earlier.find(owner, request, mark.key);
    if (known === null || known.o === owner.home) return null;
    const way = this.#leaderships.way(known.o, { suspects: request.suspects, since: startedAt });
    if (way.kind === "wait") return WAIT;
    if (way.kind === "elsewhere") return reply(notLeader(way));
    return this.#replay(request, owner, way.leadership, startedAt);
  }

  /** What the first attempt of an import came to; null where nobody can say any more, and it has to be decided anew. */
  #importedBefore(command: Command, position: Position): Pick<LoggedWrite, "results"> | null {
    if (command.kind !== "import") return {};
    const entry = this.#entryAt(position);
    return entry === null ? null : { results: importedBy(command, entry) };
  }

  #knownEdgeKey(request: WriteRequest, owner: OwnerRow, leadership: Leadership, key: string): Known | null {
    const looksBack = this.#context.rules.looksBack();
    const entry =
      this.#recentKeys(leadership).find(request, key) ??
      (looksBack ? this.#earlier.find(owner, request, key) : null);
    return entry === null ? null : { ...entry, fingerprint: entry.idempotency!.fingerprint };
  }

  #knownClientKey(request: WriteRequest, key: string): Known | null {
    const { storage, hash, now, config } = this.#context;
    const row = storage.idempotency(request.user, idempotencyDigest(hash, request.principal, key));
    return row !== null && row.hlc >= hlcAt(now - config.timing.idempotencyMs) ? row : null;
  }

  #execute(request: WriteRequest, owner: OwnerRow, leadership: Leadership, startedAt: number): Outcome {
    const context = this.#context;
    const { config, rules } = context;
    const { command } = request;
    const row = command.kind === "settle" ? context.storage.lostAt(request.user, command.lost) : null;
    if (command.kind === "settle") {
      const settled = this.#settledBefore(request, command, row, owner, leadership, startedAt);
      if (settled !== null) return settled;
    }
    const hlc = context.nextHlc();
    const at = wallOf(hlc);
    const items = new ItemsSeen(context, request.user, at);
    const deciding = { items, at, limits: config.limits, rules, hash: context.hash };
    const decision =
      command.kind === "settle"
        ? decideSettlement(context, command, row!, deciding)
        : this.#settlingToo(request, decide(command, request.conditions, deciding));
    if (decision.kind === "refused") return reply(decision);
    if (decision.kind === "unmet") {
      const facts = this.#facts(owner, leadership, items.shown, startedAt);
      return this.#refuse(leadership, request.concern, items.judgedIn(leadership.log.o), () => ({
        ...decision.why,
        facts,
      }));
    }
    const { status, results } = decision;
    if (results !== undefined && decision.ops.length === 0) {
      const facts = this.#facts(owner, leadership, items.shown, startedAt);
      return this.#refuse(leadership, request.concern, items.judgedIn(leadership.log.o), () => ({
        kind: "imported",
        results,
        facts,
      }));
    }
    if (request.concern === "local" && rules.exposesTooMuch(leadership.exposedMs(), config.timing)) {
      leadership.hurry(leadership.log.last.s);
      // A restart knows little of what the others have. They say so in a moment, or are not there.
      if (!leadership.heardOut()) return WAIT;
      return reply({ kind: "refused", reason: "rpo-bound", retryAfterMs: REFUSED_RETRY_MS });
    }
    const xdeps = union(request.session.others, decision.builtOn);
    const entry = this.#entry(request, owner, leadership, { ...decision, hlc, xdeps });
    this.#append(leadership, entry);
    const position: Position = { o: entry.o, e: entry.e, s: entry.s };
    // All that the session has seen, also what the entry need not name because an earlier one does.
    const deps = [owner, ...request.session.positions, ...(decision.after ?? [])].filter(
      ({ o }) => o !== entry.o,
    );
    return this.#logged(
      request,
      owner,
      leadership,
      { position, status, at, deps, replayed: false, ...(results === undefined ? {} : { results }) },
      startedAt,
    );
  }

  /** There is no such lost write, or it was settled. Null: it is open. */
  #settledBefore(
    request: WriteRequest,
    { action }: Settlement,
    row: LostRow | null,
    owner: OwnerRow,
    leadership: Leadership,
    startedAt: number,
  ): Outcome | null {
    const facts = this.#facts(owner, leadership, new Shown(), startedAt);
    if (row === null || row.state === "folded") {
      return this.#refuse(leadership, request.concern, 0, () => ({
        kind: "refused",
        reason: "no-divergent",
        facts,
      }));
    }
    const { state, by } = row;
    if (state === "open") return null;
    if (by === undefined || state !== (action === "replay" ? "replayed" : "discarded")) {
      const judged = by?.o === leadership.log.o ? by.s : 0;
      return this.#refuse(leadership, request.concern, judged, () => ({
        kind: "refused",
        reason: "settled",
        state,
        by: by ?? null,
        facts,
      }));
    }
    const entry = this.#entryAt(by);
    const deps = [...(entry?.deps ?? []), owner, ...request.session.positions].filter(({ o }) => o !== by.o);
    const at = wallOf(entry?.hlc ?? row.hlc);
    return this.#logged(
      request,
      owner,
      leadership,
      { position: by, status: 200, at, deps, replayed: true },
      startedAt,
    );
  }

  /** A request whose first attempt is among the lost writes: it is done now, and nobody has to decide about that any more. */
  #settlingToo({ user, principal, idempotency }: WriteRequest, decision: Decision): Decision {
    const { hash, rules, storage } = this.#context;
    if (decision.kind !== "change" || idempotency === undefined || !rules.knowsRetries()) return decision;
    const row = storage
      .lostOfRequest(user, identityOf(hash, principal, idempotency))
      .find(({ state }) => state === "open");
    if (row === undefined) return decision;
    const resolve: ResolveMark = { o: row.o, e: row.e, s: row.s, how: "replayed" };
    return { ...decision, resolve, after: [recordedAt(row)] };
  }

  #entry(
    request: WriteRequest,
    owner: OwnerRow,
    leadership: Leadership,
    { hlc, status, ops, xdeps, resolve, after = [] }: Pick<Entry, "hlc" | "xdeps"> & Change,
  ): Entry {
    const { log } = leadership;
    return {
      pv: PROTOCOL_VERSION,
      kind: EntryKind.txn,
      o: log.o,
      e: leadership.e,
      s: log.last.s + 1,
      inc: this.#context.incarnation,
      user: request.user,
      principal: request.principal,
      concern: request.concern,
      ...(request.idempotency === undefined ? {} : { idempotency: request.idempotency }),
      deps: this.#dependencies(leadership, [owner, ...request.session.positions, ...after]),
      hlc,
      status,
      ops,
      xdeps,
      ...(resolve === undefined ? {} : { resolve }),
    };
  }

  /** Positions of other logs that no earlier entry of this leader has named. */
  #dependencies(leadership: Leadership, positions: readonly Position[]): Position[] {
    const deps = new Map<string, Position>();
    for (const { o, e, s } of positions) {
      if (o === leadership.log.o) continue;
      const key = `${leadership.log.o}:${leadership.e}:${o}:${e}`;
      if ((this.#implied.get(key) ?? 0) >= s) continue;
      this.#implied.set(key, s);
      deps.set(key, { o, e, s });
    }
    return [...deps.values()];
  }

  #dependenciesOf(position: Position): readonly Position[] {
    return this.#entryAt(position)?.deps ?? [];
  }

  /** Null where the log no longer has it. */
  #entryAt({ o, e, s }: Position): Entry | null {
    const row = this.#context.storage.entry(o, s);
    return row === null || row.e !== e ? null : this.#context.codec.decode(row.bytes);
  }

  #append(leadership: Leadership, entry: Entry): void {
    const { codec, storage, config } = this.#context;
    const { log } = leadership;
    this.#applier.append(log, { e: entry.e, s: entry.s, bytes: codec.encode(entry) }, entry);
    this.#recentKeys(leadership).note(entry);
    const { idempotencyPerUserMax } = config.limits;
    if (entry.s % TRIM_EVERY === 0 && storage.countIdempotency(entry.user) > idempotencyPerUserMax)
      storage.trimIdempotency(entry.user, idempotencyPerUserMax);
    this.#onWritten(leadership);
  }

  #appendClaim(leadership: Leadership, request: ClaimRequest): OwnerRow {
    const { log } = leadership;
    const entry: Entry = {
      pv: PROTOCOL_VERSION,
      kind: EntryKind.claim,
      o: log.o,
      e: leadership.e,
      s: log.last.s + 1,
      inc: this.#context.incarnation,
      hlc: this.#context.nextHlc(),
      user: request.user,
      principal: request.principal,
      concern: "majority",
      deps: this.#erasedAt(request.user).filter(({ o }) => o !== log.o),
      xdeps: [],
      ops: [],
      status: 0,
      claim: { home: request.home, version: firstVersion(this.#erasures.times(request.user)) },
    };
    this.#append(leadership, entry);
    const owner = this.#context.storage.owner(request.user);
    if (owner === null) throw new Error("a claim was appended and not applied");
    return owner;
  }

  /** Whoever comes after an erased user of the same name comes after the erasure, at every replica. */
  #erasedAt(user: string): Position[] {
    const erased = this.#erasures.of(user);
    return erased === null ? [] : [{ o: erased.o, e: erased.e, s: erased.s }];
  }

  /** The write is in the log: wait for its concern. */
  #logged(
    asked: WriteRequest,
    owner: OwnerRow,
    leadership: Leadership,
    write: LoggedWrite,
    startedAt: number,
  ): Outcome {
    const request = withoutValue(asked);
    const tellsValues = answersValues(asked.command);
    const ticket = this.#context.syncTicket(false);
    const { position } = write;
    const tell = (): ClientReply | null => {
      if (this.#superseded(leadership, position)) return { kind: "outcome-unknown" };
      const successor = this.#successorOf(leadership);
      // It adopted the entry and finds it by its key: nobody has to wait here for what only a leader can know.
      if (successor !== null && request.idempotency !== undefined)
        return { ...sentOn(this.#context, owner, successor), logged: true };
      if (!this.#context.isSynced(ticket) || !this.#met(request.concern, leadership, position, write.deps))
        return null;
      const shown = shownAt(this.#context, position);
      if (write.results !== undefined) {
        return {
          kind: "imported",
          results: write.results,
          receipt: this.#receipt(request, leadership, position, write.at),
          facts: this.#facts(owner, leadership, shown, startedAt),
        };
      }
      const told = tellsValues ? this.#results(position, shown) : {};
      return {
        kind: "written",
        status: write.status,
        receipt: this.#receipt(request, leadership, position, write.at),
        facts: this.#facts(owner, leadership, shown, startedAt),
        replayed: write.replayed,
        ...told,
      };
    };
    return {
      kind: "logged",
      leadership,
      position,
      status: write.status,
      at: write.at,
      replayed: write.replayed,
      // Logged once: whoever leads next, it is never written again.
      settled: { tell, over: () => false },
    };
  }

  /** Out of the entry, for a fresh write as for a replay: both are told the same. */
  #results(position: Position, shown: Shown): Pick<Extract<ClientReply, { kind: "written" }>, "results"> {
    const entry = this.#entryAt(position);
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
    if (!depsSettled)
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

  #refuse(leadership: Leadership, concern: Concern, judged: number, answer: () => ClientReply): Outcome {
    const anchor = new Anchor(
      this.#context,
      leadership,
      concern === "majority" || concern === "all" ? judged : 0,
    );
    return { kind: "refused", settled: anchor.settle(answer()) };
  }

  /** The deadline came first: durable here, its concern not met. */
  #unmet(
    request: WriteRequest,
    logged: Extract<Outcome, { kind: "logged" }>,
    startedAt: number,
  ): ClientReply {
    const owner = this.#context.storage.owner(request.user);
    if (owner === null || !logged.leadership.standing().leads) return { kind: "outcome-unknown" };
    const { leadership, position } = logged;
    return {
      kind: "concern-timeout",
      status: logged.status,
      receipt: this.#receipt(request, leadership, position, logged.at),
      facts: this.#facts(owner, leadership, shownAt(this.#context, position), startedAt),
    };
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

  #facts(owner: OwnerRow, leadership: Leadership, shown: Shown, startedAt: number) {
    return factsOf(this.#context, owner, {
      shown,
      why: "leader",
      stalenessMs: 0,
      waitedMs: this.#context.now - startedAt,
      leadership,
    });
  }

  #recentKeys(leadership: Leadership): RecentKeys {
    const present = this.#recent.get(leadership.log.o);
    if (present?.leadership === leadership) return present.keys;
    const keys = new RecentKeys(this.#context, leadership.log);
    this.#recent.set(leadership.log.o, { leadership, keys });
    return keys;
  }
}

type Outcome =
  | { readonly kind: "wait" }
  | { readonly kind: "reply"; readonly reply: ClientReply }
  | { readonly kind: "refused"; readonly settled: Settled<ClientReply> }
  | {
      readonly kind: "logged";
      readonly leadership: Leadership;
      readonly position: Position;
      readonly status: number;
      readonly at: number;
      readonly replayed: boolean;
      readonly settled: Settled<ClientReply>;
    };

interface LoggedWrite {
  readonly position: Position;
  readonly status: number;
  readonly at: number;
  readonly deps: readonly Position[];
  readonly replayed: boolean;
  /** Of an import. */
  readonly results?: readonly ImportResult[];
}

const WAIT: Outcome = { kind: "wait" };

function reply(answer: ClientReply): Outcome {
  return { kind: "reply", reply: answer };
}

function shownAt(context: Context, position: Position): Shown {
  const shown = new Shown();
  shown.position(context, position);
  return shown;
}

/** The greatest seq of each epoch of each log, out of two lists. */
function union(a: readonly CrossPosition[], b: readonly CrossPosition[]): readonly CrossPosition[] {
  if (b.length === 0) return a;
  const greatest = new Map<string, CrossPosition>();
  for (const position of [...a, ...b]) {
    const key = `${position.p}:${position.o}:${position.e}`;
    if ((greatest.get(key)?.s ?? 0) < position.s) greatest.set(key, position);
  }
  return [...greatest.values()];
}

/** Bytes of values and patches that wait to be logged. */
function valueBytes({ command }: { readonly command: Command }): number {
  switch (command.kind) {
    case "put":
      return command.value.length;
    case "merge":
      return command.patch.length;
    case "import":
      return command.items.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
    case "transaction": {
      const keys = [...command.checks, ...command.writes].reduce((sum, { key }) => sum + key.length, 0);
      return command.writes.reduce((sum, write) => sum + valueBytes({ command: write }), keys);
    }
    default:
      return 0;
  }
}

/** What is in the log needs not be kept beside it while its concern is waited for. */
function withoutValue(request: WriteRequest): WriteRequest {
  return { ...request, command: emptied(request.command) };
}

function emptied(command: Command): Command {
  switch (command.kind) {
    case "put":
      return { ...command, value: NO_BYTES };
    case "merge":
      return { ...command, patch: NO_BYTES };
    case "transaction":
      return { ...command, checks: [], writes: [] };
    case "import":
      return { ...command, items: [] };
    default:
      return command;
  }
}

export function receiptOf(
  context: Context,
  leadership: Leadership,
  user: string,
  key: string | undefined,
  position: Position,
  concern: Concern,
  at: number,
): Receipt {
  const committed = position.s <= context.log(position.o).commit;
  return {
    user,
    ...(key === undefined ? {} : { key }),
    version: position,
    position,
    leader: context.config.region,
    concern,
    durableIn: position.o === leadership.log.o ? leadership.durableIn(position.s) : [context.config.region],
    committed,
    at,
  };
}
