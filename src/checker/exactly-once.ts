/**
 * Each write happens once, however often it is sent.
 *
 * An idempotency key is scoped by caller and user. Under one key the log holds at most one entry; exactly one if any
 * attempt was acknowledged; none if every attempt definitely failed. Equal keys get equal answers. If a failover took the
 * first entry away it took the key with it, so then a retry may rightly write again: lost entries do not count.
 *
 * Writes without a key are followed by the version they were told, and definite failures by their value where the workload
 * wrote that value only once.
 */
import type { Authority, LogEntry } from "./authority.ts";
import { canonical, type Operation } from "./operation.ts";
import { showItem, showOperation } from "./sentence.ts";
import { acknowledgedWrites, isUpdate, itemId, touchesOf } from "./touch.ts";
import { verdictOf, type Verdict, type Violation } from "./verdict.ts";

export function checkExactlyOnce(operations: readonly Operation[], authority: Authority): Verdict {
  const writes = operations.filter((op) => op.op !== "read" && op.op !== "list" && op.op !== "read-many");
  const keyed = Map.groupBy(
    writes.filter((op) => op.idempotencyKey !== undefined),
    (op) => itemId(op.user, `${op.principal ?? op.user}\u0000${op.idempotencyKey}`),
  );
  const entries = Map.groupBy(
    authority.entries.filter((entry) => entry.idempotencyKey !== undefined),
    (entry) => itemId(entry.user, `${entry.principal ?? entry.user}\u0000${entry.idempotencyKey}`),
  );
  const violations = [
    ...[...entries.values()].flatMap(repeated),
    ...[...keyed.values()].flatMap((attempts) => judgeKey(attempts, authority)),
    ...sharedVersions(writes),
    ...failedButDone(writes, authority),
  ];
  const counted = {
    writes: writes.length,
    keys: keyed.size,
    keysRetried: [...keyed.values()].filter((attempts) => attempts.length > 1).length,
    acknowledged: writes.filter((op) => acknowledgedWrites(op).length > 0).length,
    failed: writes.filter((op) => op.outcome === "failed").length,
    unknown: writes.filter((op) => op.outcome === "unknown").length,
  };
  return verdictOf("exactly once", violations, counted);
}

/** One key, several entries in the log: found from the log alone. */
function repeated(entries: readonly LogEntry[]): Violation[] {
  const positions = new Set(entries.map((entry) => entry.position));
  const [first] = entries;
  if (positions.size < 2 || first === undefined) return [];
  const message = `done more than once: idempotency key ${first.idempotencyKey} of ${first.user} has entries at ${[...positions].join(" and ")}`;
  return [{ message, ops: [] }];
}

function judgeKey(attempts: readonly Operation[], authority: Authority): Violation[] {
  const [any] = attempts;
  if (any === undefined) return [];
  const found = new Set(authority.withIdempotencyKey(any).map((entry) => entry.position));
  const kept = [...found].filter((position) => !authority.isLost(any.user, position));
  const acknowledged = attempts.filter((op) => acknowledgedWrites(op).length > 0);
  const ops = attempts.map((op) => op.id);
  const name = `idempotency key ${any.idempotencyKey} of ${any.user}`;
  const violations: Violation[] = [];
  const say = (message: string): void => void violations.push({ message, ops });
  if (attempts.every((op) => op.outcome === "failed" || op.applied === false) && found.size > 0) {
    say(
      `done though refused: every attempt under ${name} definitely did nothing (${list(attempts)}), but the log has ${[...found].join(", ")}`,
    );
  }
  const answers = new Set(
    acknowledged.map((op) => op.version).filter((version) => typeof version === "string"),
  );
  // A log read through the public surface names no keys; then an entry at the position that was told will do.
  const placed = [...answers].some((version) => authority.place(any.user, version) !== undefined);
  if (acknowledged.length > 0 && found.size === 0 && !placed) {
    say(`acknowledged but not done: ${list(acknowledged)}, but no log has an entry under ${name}`);
  }
  const standing = [...answers].filter((version) => !authority.isLost(any.user, version));
  if (standing.length > 1) say(`equal keys, different answers: ${list(acknowledged)} under ${name}`);
  const foreign = standing.filter((version) => kept.length > 0 && !kept.includes(version));
  if (standing.length === 1 && foreign.length > 0) {
    say(
      `answered with another's place: ${list(acknowledged)} under ${name}, whose entry is at ${kept.join(", ")}`,
    );
  }
  return violations;
}

/** No two writes get one version, unless they are attempts at the same one. */
function sharedVersions(writes: readonly Operation[]): Violation[] {
  const acknowledged = writes.filter(
    (op) => typeof op.version === "string" && acknowledgedWrites(op).length > 0,
  );
  const byVersion = Map.groupBy(acknowledged, (op) => itemId(op.user, op.version ?? ""));
  return [...byVersion.values()].flatMap((ops) => {
    const [first] = ops;
    const other = ops.find(
      (op) => op.idempotencyKey === undefined || op.idempotencyKey !== first?.idempotencyKey,
    );
    if (ops.length < 2 || first === undefined || other === undefined) return [];
    return [{ message: `two writes, one version: ${list(ops)}`, ops: ops.map((op) => op.id) }];
  });
}

/** A definite failure without a key whose value, written by nobody else, is in the log all the same. */
function failedButDone(writes: readonly Operation[], authority: Authority): Violation[] {
  const name = (user: string, key: string, value: string): string => itemId(user, itemId(key, value));
  const writersOf = new Map<string, number>();
  for (const op of writes) {
    const asIfDone: Operation = { ...op, outcome: "unknown" };
    for (const touch of touchesOf(asIfDone).filter(isUpdate)) {
      const value = name(touch.user, touch.key, canonical(touch.input));
      writersOf.set(value, (writersOf.get(value) ?? 0) + 1);
    }
  }
  const logged = new Map<string, LogEntry>();
  for (const entry of [...authority.entries, ...authority.lost]) {
    if (entry.op === "put" && entry.value !== undefined)
      logged.set(name(entry.user, entry.key, canonical(entry.value)), entry);
  }
  return writes.flatMap((op): Violation[] => {
    const { key, valueWritten } = op;
    if (
      op.outcome !== "failed" ||
      op.idempotencyKey !== undefined ||
      key === undefined ||
      valueWritten === undefined
    )
      return [];
    const value = name(op.user, key, canonical(valueWritten));
    const entry = logged.get(value);
    if (entry === undefined || writersOf.get(value) !== 1) return [];
    const message = `done though refused: ${showOperation(op)}, but its value for ${showItem(op.user, key)} is in the log at ${entry.position}`;
    return [{ message, ops: [op.id] }];
  });
}

function list(ops: readonly Operation[]): string {
  return ops.map(showOperation).join("; ");
}
