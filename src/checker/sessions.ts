/**
 * The four guarantees of a session (Terry 1994), judged against the final order of each user's writes:
 *
 *   read your writes      what the session wrote, it reads: that write or a later one
 *   monotonic reads       what it has read it does not unread, also after changing the replica
 *   monotonic writes      its writes to a user stand in the user's log in the order in which it made them
 *   writes follow reads   a write stands after what the session had read of that user
 *
 * A session is a chain of tokens. It remembers, per item, the latest version that it wrote and that it saw; a later answer
 * must include both. A version that a failover cut off stays an obligation until an answer of this session has reported it
 * lost: the contract is that a lost write is said, never quietly forgotten.
 *
 * Every answer adds to what the session knows; only answers at levels that promise something are held to it.
 */
import { type Authority, removes } from "./authority.ts";
import { carriesToken, type Level, type Operation } from "./operation.ts";
import { showItem, showOperation, showVersion } from "./sentence.ts";
import { isUpdate, itemId, readsOf, type Touch, touchesOf } from "./touch.ts";
import { verdictOf, type Verdict, type Violation } from "./verdict.ts";
import { namesVersion } from "./version.ts";
import { Writers } from "./writers.ts";

export interface SessionOptions {
  /** Levels whose reads owe the session something. */
  readonly levels?: readonly Level[];
}

const LEVELS: readonly Level[] = ["session", "user", "strong"];

export function checkSessions(
  operations: readonly Operation[],
  authority: Authority,
  { levels = LEVELS }: SessionOptions = {},
): Verdict {
  const writers = new Writers(operations, authority);
  const replays = replaysIn(operations);
  const sessions = Map.groupBy(operations, (op) => op.session);
  const violations: Violation[] = [];
  const counted = { sessions: 0, reads: 0, writes: 0, lostReported: 0 };
  for (const [session, ops] of sessions) {
    if (session === undefined) continue;
    counted.sessions += 1;
    let memory = new Memory(authority);
    const judge = new Judge(authority, writers);
    let absorbed = 0;
    const ends = ops.toSorted((a, b) => a.completedAt - b.completedAt);
    for (const op of ops.toSorted((a, b) => a.invokedAt - b.invokedAt)) {
      for (
        let end = ends[absorbed];
        end !== undefined && end.completedAt < op.invokedAt;
        end = ends[absorbed]
      ) {
        if (!carriesToken(end) && end.outcome === "ok") memory = new Memory(authority);
        memory.absorb(end, writers);
        absorbed += 1;
      }
      counted.lostReported += op.lostReported?.length ?? 0;
      if (!carriesToken(op)) continue;
      const reads = readsOf(op).filter(() => op.anchored !== false && levels.includes(op.level ?? "user"));
      counted.reads += reads.length;
      for (const read of reads) violations.push(...judge.read(read, memory));
      if (replays.has(op) || !touchesOf(op).some(isUpdate)) continue;
      counted.writes += 1;
      violations.push(...judge.write(op, memory));
    }
  }
  return verdictOf("session guarantees", violations, counted);
}

/**
 * Writes whose place says nothing about their own request: later attempts under an idempotency key answer with the first one's
 * place, and a first attempt of unknown outcome may never have arrived, so that the place is a later one's.
 */
function replaysIn(operations: readonly Operation[]): Set<Operation> {
  const keyed = operations.filter((op) => op.idempotencyKey !== undefined);
  const attempts = Map.groupBy(keyed, (op) =>
    itemId(op.user, `${op.principal ?? op.user} ${op.idempotencyKey}`),
  );
  return new Set(
    [...attempts.values()].flatMap(([first, ...later]) =>
      later.length > 0 && first?.outcome === "unknown" ? [first, ...later] : later,
    ),
  );
}

interface Owed {
  readonly position: string;
  readonly by: Operation;
}

/** The latest kept version, and each lost one, of one item or one user. */
interface Debt {
  kept: (Owed & { readonly at: number }) | undefined;
  readonly lost: Owed[];
}

class Memory {
  /** By item and by user: what the session wrote, and what it saw. */
  readonly written = new Map<string, Debt>();
  readonly seen = new Map<string, Debt>();
  readonly reported: string[] = [];
  readonly #authority: Authority;

  constructor(authority: Authority) {
    this.#authority = authority;
  }

  absorb(op: Operation, writers: Writers): void {
    this.reported.push(...(op.lostReported ?? []));
    if (op.outcome !== "ok") return;
    for (const touch of touchesOf(op)) {
      if (touch.kind === "refused") continue;
      const memory = isUpdate(touch) ? this.written : this.seen;
      const position = isUpdate(touch) ? writers.positionOf(op) : (touch.version ?? this.#removalSeen(touch));
      if (position === undefined) continue;
      this.#owe(memory, itemId(touch.user, touch.key), touch.user, { position, by: op });
      this.#owe(memory, touch.user, touch.user, { position, by: op });
    }
  }

  /** Absence shows some removal after what was known: at the least the first one. */
  #removalSeen({ op, user, key, version }: Touch): string | undefined {
    // At a level that owes its session nothing, absence may just be old.
    if (op.level !== undefined && !LEVELS.includes(op.level)) return undefined;
    const removals = this.#authority.lostOf(user, key).some(removes);
    if (version !== null || removals) return undefined;
    const item = itemId(user, key);
    const known = Math.max(this.seen.get(item)?.kept?.at ?? -1, this.written.get(item)?.kept?.at ?? -1);
    if (known < 0) return undefined;
    const entry = this.#authority.keptOf(user, key).find((kept) => kept.at >= known && removes(kept));
    return entry?.position;
  }

  #owe(memory: Map<string, Debt>, name: string, user: string, owed: Owed): void {
    const place = this.#authority.place(user, owed.position);
    if (place === undefined) return;
    const debt: Debt = memory.get(name) ?? { kept: undefined, lost: [] };
    memory.set(name, debt);
    if (place.state === "lost") debt.lost.push(owed);
    else if (place.at > (debt.kept?.at ?? -1)) debt.kept = { ...owed, at: place.at };
  }
}

class Judge {
  readonly #authority: Authority;
  readonly #writers: Writers;

  constructor(authority: Authority, writers: Writers) {
    this.#authority = authority;
    this.#writers = writers;
  }

  read(touch: Touch, memory: Memory): Violation[] {
    const { op, user, key, version } = touch;
    if (version === undefined) return [];
    const item = itemId(user, key);
    const missing = (owed: Owed): boolean =>
      this.#authority.shows(touch, version, owed.position, this.#writers.existedFor(op)) === false;
    const complain =
      (guarantee: string, did: string) =>
      (owed: Owed): Violation => ({
        message:
          `${guarantee}: ${showOperation(op)}, showing ${showItem(user, key)} at ${showVersion(version)}, ` +
          `after the same session ${did} ${owed.position} in ${showOperation(owed.by)}${this.#lostNote(user, owed)}`,
        ops: [owed.by.id, op.id],
      });
    return [
      ...this.#open(memory.written.get(item), memory, op)
        .filter(missing)
        .map(complain("read your writes", "wrote")),
      ...this.#open(memory.seen.get(item), memory, op)
        .filter(missing)
        .map(complain("monotonic reads", "saw")),
    ];
  }

  write(op: Operation, memory: Memory): Violation[] {
    const position = this.#writers.positionOf(op);
    if (position === undefined) return [];
    const missing = (owed: Owed): boolean =>
      this.#authority.includes(op.user, position, owed.position) === false;
    const complain =
      (guarantee: string, did: string) =>
      (owed: Owed): Violation => ({
        message:
          `${guarantee}: ${showOperation(op)} stands at ${position} in the log of ${op.user}, which does not follow ` +
          `${owed.position}, which the same session had ${did} in ${showOperation(owed.by)}${this.#lostNote(op.user, owed)}`,
        ops: [owed.by.id, op.id],
      });
    return [
      ...this.#open(memory.written.get(op.user), memory, op)
        .filter(missing)
        .map(complain("monotonic writes", "written")),
      ...this.#open(memory.seen.get(op.user), memory, op)
        .filter(missing)
        .map(complain("writes follow reads", "seen")),
    ];
  }

  /** What is still owed: lost versions only until they are reported. */
  #open(debt: Debt | undefined, memory: Memory, op: Operation): Owed[] {
    if (debt === undefined) return [];
    const reported = [...memory.reported, ...(op.lostReported ?? [])];
    const lost = debt.lost.filter((owed) => !namesVersion(reported, owed.position));
    return debt.kept === undefined ? lost : [debt.kept, ...lost];
  }

  #lostNote(user: string, owed: Owed): string {
    return this.#authority.isLost(user, owed.position)
      ? "; that version was lost, and nobody told the session"
      : "";
  }
}
