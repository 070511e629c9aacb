/**
 * A transaction is done whole or not at all: in the logs, and in the eyes of everybody who looks at several of its items.
 *
 * The log has all of its writes under one position, or none. An answer that shows one of them leaves out no other that it
 * would have to show: one replica answers out of one state, and a state is never in the middle of an entry. That holds at
 * every level.
 */
import type { Authority, LogEntry } from "./authority.ts";
import type { Operation } from "./operation.ts";
import { showItem, showOperation, showVersion } from "./sentence.ts";
import { itemId } from "./touch.ts";
import { verdictOf, type Verdict, type Violation } from "./verdict.ts";
import { Writers } from "./writers.ts";

export function checkAllOrNothing(operations: readonly Operation[], authority: Authority): Verdict {
  const entries = Map.groupBy([...authority.entries, ...authority.lost], ({ user, position }) =>
    itemId(user, position),
  );
  const writers = new Writers(operations, authority);
  const violations: Violation[] = [];
  const counted = { transactions: 0, logged: 0, answers: 0, shown: 0 };
  for (const op of operations) {
    if (op.op === "transaction" && op.outcome !== "failed" && op.applied !== false) {
      counted.transactions += 1;
      const logged = entries.get(itemId(op.user, authority.positionOf(op) ?? ""));
      if (logged === undefined) continue;
      counted.logged += 1;
      const half = halfDone(op, logged);
      if (half !== undefined) violations.push(half);
    }
    if (op.op === "list" && op.outcome === "ok" && op.prefix !== undefined) {
      counted.answers += 1;
      for (const { key, version } of op.items ?? []) {
        const whole = entries.get(itemId(op.user, version ?? "")) ?? [];
        const others = whole.filter((entry) => entry.key !== key && entry.key.startsWith(op.prefix ?? ""));
        counted.shown += others.length;
        violations.push(...others.flatMap((entry) => leftOut(op, key, entry, authority, writers)));
      }
    }
  }
  return verdictOf("all or nothing", violations, counted);
}

function halfDone(op: Operation, logged: readonly LogEntry[]): Violation | undefined {
  const wanted = new Set((op.writes ?? []).map(({ key }) => key));
  const found = new Set(logged.map(({ key }) => key));
  if (wanted.size === found.size && [...wanted].every((key) => found.has(key))) return undefined;
  const message = `half a transaction: ${showOperation(op)} writes ${[...wanted].join(", ")}, the log has ${[...found].join(", ")}`;
  return { message, ops: [op.id] };
}

function leftOut(
  op: Operation,
  key: string,
  other: LogEntry,
  authority: Authority,
  writers: Writers,
): Violation[] {
  const shown = op.items?.find((item) => item.key === other.key)?.version ?? null;
  // Nothing is what a removal leaves, whichever came last.
  if (shown === null && (other.op === "delete" || other.op === "expire")) return [];
  const { user } = op;
  if (authority.shows({ user, key: other.key }, shown, other.position, writers.existedFor(op)) !== false)
    return [];
  const message =
    `half a transaction in one answer: ${showOperation(op)} shows ${showItem(user, key)} at ${other.position} and ` +
    `${showItem(user, other.key)} at ${showVersion(shown)}`;
  return [{ message, ops: [op.id] }];
}
