/**
 * What one operation did to one item.
 *
 * Operations come in many shapes (a list shows twenty items, a transaction checks two and writes three); checkers think
 * item by item. This is the one place that knows how to take an operation apart.
 */
import type { Json, Operation } from "./operation.ts";
import type { Version } from "./version.ts";

/** Apart in both directions: neither users nor keys hold control characters. */
const SEPARATOR = "\u0000";

export interface Touch {
  readonly op: Operation;
  readonly user: string;
  readonly key: string;
  /** remove: a delete that does not mind finding nothing. refused: a condition did not hold, and that is all we were told. */
  readonly kind: "read" | "write" | "delete" | "remove" | "add" | "append" | "merge" | "refused";
  /** Shown by a read; given to an update. undefined: not told. */
  readonly version: Version | undefined;
  readonly input: Json | undefined;
  readonly output: Json | undefined;
  /** The condition: a version, null (absent), "*" (there). undefined: none. */
  readonly required: Version | undefined;
}

export function itemId(user: string, key: string): string {
  return `${user}${SEPARATOR}${key}`;
}

export function isUpdate(touch: Touch): boolean {
  return touch.kind !== "read" && touch.kind !== "refused";
}

/** All that an operation shows or (perhaps, when its outcome is unknown) changes. Nothing for a definite failure. */
export function touchesOf(op: Operation): Touch[] {
  if (op.outcome === "failed") return [];
  const touches = op.op === "transaction" ? transactionTouches(op) : singleTouches(op);
  return op.outcome === "ok" ? touches : touches.filter(isUpdate);
}

/** The updates that certainly took effect at their leader. */
export function acknowledgedWrites(op: Operation): Touch[] {
  return op.outcome === "ok" ? touchesOf(op).filter(isUpdate) : [];
}

export function readsOf(op: Operation): Touch[] {
  return op.outcome === "ok" ? touchesOf(op).filter((touch) => touch.kind === "read") : [];
}

function singleTouches(op: Operation): Touch[] {
  const shown = (op.items ?? []).map((item): Touch => ({
    op,
    user: item.user ?? op.user,
    key: item.key,
    kind: "read",
    version: item.version,
    input: undefined,
    output: item.value,
    required: undefined,
  }));
  if (op.op === "list" || op.op === "read-many" || op.key === undefined) return shown;
  const touch: Touch = {
    op,
    user: op.user,
    key: op.key,
    kind: op.op === "cas" ? "write" : op.op === "transaction" ? "read" : op.op,
    version: op.version,
    input: op.valueWritten,
    output: op.valueRead,
    required: op.expected,
  };
  if (op.op === "read" || op.applied !== false) return [touch];
  if (op.expected !== undefined) return [{ ...touch, kind: "refused", version: undefined }];
  // A delete that found nothing is a read of an absent item; any other unconditional refusal says nothing of the item.
  return op.op === "delete" ? [{ ...touch, kind: "read", version: null, output: undefined }] : [];
}

function transactionTouches(op: Operation): Touch[] {
  // A failed check names keys, but this history does not say which; the whole answer tells nothing certain.
  if (op.outcome === "ok" && op.applied === false) return [];
  const checks = new Map((op.checks ?? []).map((check) => [check.key, check.version]));
  const results = new Map((op.items ?? []).map((item) => [item.key, item.value]));
  const writes = (op.writes ?? []).map((write): Touch => ({
    op,
    user: op.user,
    key: write.key,
    kind: write.op === "delete" ? "remove" : write.op,
    version: op.version ?? undefined,
    input: write.value,
    output: results.get(write.key),
    required: checks.get(write.key),
  }));
  const written = new Set(writes.map((touch) => touch.key));
  const checked = [...checks].filter(([key]) => !written.has(key));
  return [
    ...checked.map(([key, version]): Touch => ({
      op,
      user: op.user,
      key,
      kind: "read",
      version,
      input: undefined,
      output: undefined,
      required: undefined,
    })),
    ...writes,
  ];
}
