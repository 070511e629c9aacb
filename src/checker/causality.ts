/**
 * No effect without its cause.
 *
 * The causes of a write are what its session had read or written before it, and their causes. Logs are causal by
 * themselves: an entry comes after everything before it in the same user's log. So the causal past of a version is one
 * place per user ("alice's log up to 7, bob's up to 3"), a vector, and an answer that shows the version must show every
 * other item at least as that vector has it. Two questions are asked:
 *
 *   within one answer   the vectors of all that the answer shows, joined, against each item that it shows. For a list of
 *                       one user's items that means: the state of the log at one place, a consistent prefix.
 *   along a session     the vectors of all that the session saw or wrote before, against each later answer, also about
 *                       users that the session has not looked at yet (the reply was here, so the post must be there).
 *
 * What a failover took away is no cause any more: vectors hold kept places only.
 */
import type { Authority } from "./authority.ts";
import { carriesToken, type Level, type Operation } from "./operation.ts";
import { showItem, showOperation, showVersion } from "./sentence.ts";
import { acknowledgedWrites, readsOf, type Touch } from "./touch.ts";
import { verdictOf, type Verdict, type Violation } from "./verdict.ts";
import { Writers } from "./writers.ts";

export interface CausalityOptions {
  /** Levels at which one answer holds together; several items that were asked for at once do at `bounded` too. */
  readonly within?: readonly Level[];
  /** Levels at which an answer holds together with what its session knows. */
  readonly along?: readonly Level[];
}

const WITHIN: readonly Level[] = ["prefix", "session", "user", "strong"];
const ALONG: readonly Level[] = ["session", "user", "strong"];

/** By user: the place up to which its log is known, and who brought that knowledge. */
type Past = Map<string, { readonly at: number; readonly by: Operation }>;

export function checkCausality(
  operations: readonly Operation[],
  authority: Authority,
  { within = WITHIN, along = ALONG }: CausalityOptions = {},
): Verdict {
  const writers = new Writers(operations, authority);
  const trace = new Trace(authority, writers);
  const violations: Violation[] = [];
  const counted = { answers: 0, itemsWithin: 0, itemsAlong: 0, versionsAcross: 0 };
  for (const { op, completes } of inOrder(operations)) {
    if (!completes) {
      trace.begin(op);
      continue;
    }
    const reads = readsOf(op).filter((read) => read.version !== undefined);
    const level = op.level ?? "user";
    if (reads.length > 0 && op.anchored !== false) {
      counted.answers += 1;
      violations.push(...reads.flatMap((read) => fromTheFuture(read, writers)));
      const own = trace.shownPast(op);
      counted.versionsAcross += own.size > 1 ? 1 : 0;
      if (within.includes(level) || (op.op === "read-many" && level === "bounded")) {
        counted.itemsWithin += reads.length;
        violations.push(...reads.flatMap((read) => judge(read, own, "in one answer", authority, writers)));
      }
      if (along.includes(level) && carriesToken(op)) {
        counted.itemsAlong += reads.length;
        const known = trace.pastOf(op);
        violations.push(
          ...reads.flatMap((read) => judge(read, known, "along its session", authority, writers)),
        );
      }
    }
    trace.end(op);
  }
  return verdictOf("causality", violations, counted);
}

/** Walks through the history and keeps what each session knows, and what each write knew when it began. */
class Trace {
  readonly #sessions = new Map<string, Past>();
  readonly #begun = new Map<Operation, Past>();
  readonly #authority: Authority;
  readonly #writers: Writers;

  constructor(authority: Authority, writers: Writers) {
    this.#authority = authority;
    this.#writers = writers;
  }

  begin(op: Operation): void {
    if (carriesToken(op)) this.#begun.set(op, new Map(this.#sessions.get(op.session ?? "")));
  }

  /** What the operation's session knew when it began. */
  pastOf(op: Operation): Past {
    return this.#begun.get(op) ?? new Map();
  }

  /** All that an answer's items imply. */
  shownPast(op: Operation): Past {
    const past: Past = new Map();
    for (const { user, version } of readsOf(op)) {
      if (typeof version !== "string") continue;
      this.#learn(past, user, version, op);
      const writer = this.#writers.writer(user, version);
      if (writer !== undefined) join(past, this.pastOf(writer));
    }
    return past;
  }

  end(op: Operation): void {
    if (op.session === undefined || op.outcome !== "ok") return;
    const past = carriesToken(op) ? (this.#sessions.get(op.session) ?? new Map()) : new Map();
    this.#sessions.set(op.session, past);
    join(past, this.shownPast(op));
    for (const { user } of acknowledgedWrites(op)) {
      const position = this.#writers.positionOf(op);
      if (position !== undefined) this.#learn(past, user, position, op);
    }
  }

  #learn(past: Past, user: string, position: string, by: Operation): void {
    const place = this.#authority.place(user, position);
    if (place === undefined) return;
    const at = place.state === "kept" ? place.at : place.base;
    if (at >= 0) join(past, new Map([[user, { at, by }]]));
  }
}

function join(past: Past, other: Past): void {
  for (const [user, known] of other) if (known.at > (past.get(user)?.at ?? -1)) past.set(user, known);
}

function judge(read: Touch, past: Past, where: string, authority: Authority, writers: Writers): Violation[] {
  const known = past.get(read.user);
  const cause = known && authority.latest(read.user, read.key, known.at);
  if (known === undefined || cause === undefined || read.version === undefined) return [];
  if (authority.shows(read, read.version, cause.position, writers.existedFor(read.op)) !== false) return [];
  const effect =
    known.by === read.op ? "the rest of the answer" : `what is known through ${showOperation(known.by)}`;
  const message =
    `effect without cause ${where}: ${showOperation(read.op)}, showing ${showItem(read.user, read.key)} at ` +
    `${showVersion(read.version)}, leaves out ${cause.position}, on which ${effect} rests`;
  return [{ message, ops: [...new Set([known.by.id, read.op.id])] }];
}

function fromTheFuture(read: Touch, writers: Writers): Violation[] {
  const writer = typeof read.version === "string" ? writers.writer(read.user, read.version) : undefined;
  if (writer === undefined || writer.invokedAt < read.op.completedAt) return [];
  const message = `effect before its cause: ${showOperation(read.op)} showed what only ${showOperation(writer)} wrote, later`;
  return [{ message, ops: [read.op.id, writer.id] }];
}

interface Happening {
  readonly op: Operation;
  readonly completes: boolean;
  readonly at: number;
}

function inOrder(operations: readonly Operation[]): Happening[] {
  const happenings = operations.flatMap((op): Happening[] => [
    { op, completes: false, at: op.invokedAt },
    ...(op.completedAt === Infinity ? [] : [{ op, completes: true, at: op.completedAt }]),
  ]);
  return happenings.toSorted((a, b) => a.at - b.at);
}
