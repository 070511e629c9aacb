/**
 * Which write a log entry came from, where the log does not say.
 *
 * A log read through the public surface names no idempotency keys. But a workload that writes each value once can be
 * recognised by its values: the entry that holds a value is the work of whoever wrote it, also where the answer never came.
 * So duplicates are seen, and writes of unknown outcome become known. A transaction is recognised by any one of its values;
 * an append by the last element of the list that it left. A delete leaves no value: it is recognised by the position that one of
 * its attempts was told, and so the attempt before, which nobody answered, is known to have been the one.
 */
import type { LogEntry } from "./authority.ts";
import { canonical, type Json, type Operation } from "./operation.ts";
import { acknowledgedWrites, isUpdate, itemId, type Touch, touchesOf } from "./touch.ts";

/** The same entries, with the idempotency keys of the writes that they were recognised as. */
export function attribute(entries: readonly LogEntry[], operations: readonly Operation[]): LogEntry[] {
  const keys = keysByValue(operations);
  const byPosition = new Map<string, string>();
  for (const entry of entries) {
    const key = keys.get(nameOf(entry.user, entry.key, lastOf(entry.value)));
    if (key !== undefined && entry.op === "put") byPosition.set(itemId(entry.user, entry.position), key);
  }
  const deletes = keysOfDeletes(operations);
  return entries.map((entry) => {
    const told =
      entry.op === "delete" ? deletes.get(nameOf(entry.user, entry.key, entry.position)) : undefined;
    const idempotencyKey = byPosition.get(itemId(entry.user, entry.position)) ?? told;
    return idempotencyKey === undefined ? entry : { ...entry, idempotencyKey };
  });
}

/** Values that were only ever written under one idempotency key. */
function keysByValue(operations: readonly Operation[]): Map<string, string> {
  const keys = new Map<string, string | null>();
  for (const op of operations) {
    const { idempotencyKey = null } = op;
    for (const touch of touchesOf({ ...op, outcome: "unknown" }).filter(isWritten)) {
      const name = nameOf(touch.user, touch.key, touch.input);
      const known = keys.get(name);
      keys.set(name, known === undefined || known === idempotencyKey ? idempotencyKey : null);
    }
  }
  return new Map([...keys].flatMap(([name, key]) => (key === null ? [] : [[name, key]])));
}

/** By item and by the position that was told. */
function keysOfDeletes(operations: readonly Operation[]): Map<string, string> {
  const keys = new Map<string, string>();
  for (const { op, user, key, kind, version } of operations.flatMap(acknowledgedWrites)) {
    if (kind !== "delete" && kind !== "remove") continue;
    if (typeof version === "string" && op.idempotencyKey !== undefined)
      keys.set(nameOf(user, key, version), op.idempotencyKey);
  }
  return keys;
}

function isWritten(touch: Touch): boolean {
  return isUpdate(touch) && touch.input !== undefined && (touch.kind === "write" || touch.kind === "append");
}

function nameOf(user: string, key: string, value: Json | undefined): string {
  return itemId(user, itemId(key, canonical(value)));
}

function lastOf(value: Json | undefined): Json | undefined {
  return Array.isArray(value) ? (value as readonly Json[]).at(-1) : value;
}
