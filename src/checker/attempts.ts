/**
 * Several attempts at one write are one write.
 *
 * A client that got no answer sends the same request again under the same idempotency key. Whichever attempt took effect,
 * it did so once: after the first attempt began and before the first answer. Taken for separate writes, a replayed answer
 * would look like a write that brings an old value back.
 *
 * The exception is a failover that took the first execution away, and its key with it; then the second attempt rightly
 * executed again. That shows in two versions under one key, among the answers or in the logs, and the attempts of unknown
 * outcome are then left as they are, because nobody can say which of the two they were.
 */
import type { Authority } from "./authority.ts";
import type { Operation } from "./operation.ts";
import { isUpdate, itemId, type Touch } from "./touch.ts";

/** The touches of one item, with each write once and, where its log tells, under its version. */
export function mergeAttempts(touches: readonly Touch[], authority: Authority | undefined): Touch[] {
  const attempts = Map.groupBy(touches, (touch) => (isUpdate(touch) ? keyOf(touch.op) : undefined));
  return [...attempts].flatMap(([key, group]) => (key === undefined ? group : mergeGroup(group, authority)));
}

function keyOf(op: Operation): string | undefined {
  if (op.idempotencyKey === undefined) return undefined;
  return itemId(op.user, itemId(op.principal ?? op.user, op.idempotencyKey));
}

function mergeGroup(group: readonly Touch[], authority: Authority | undefined): Touch[] {
  const answered = group.filter((touch) => touch.op.outcome === "ok");
  const versions = new Set(answered.map((touch) => touch.version).filter((version) => version !== undefined));
  const logged = new Set(loggedPositions(group, authority));
  if (versions.size > 1 || logged.size > 1) {
    const unanswered = group.filter((touch) => touch.op.outcome !== "ok");
    const executions = Map.groupBy(answered, (touch) => touch.version);
    return [...unanswered, ...[...executions.values()].flatMap((same) => asOne(group, same))];
  }
  const [version] = [...versions, ...logged];
  return asOne(group, answered).map((touch) => ({ ...touch, version: touch.version ?? version }));
}

function loggedPositions([any]: readonly Touch[], authority: Authority | undefined): string[] {
  if (any === undefined || authority === undefined) return [];
  return authority.withIdempotencyKey(any.op).map((entry) => entry.position);
}

/** One touch for all attempts: it ends with the first of these answers, or never when there is none. */
function asOne(attempts: readonly Touch[], answers: readonly Touch[]): Touch[] {
  const first = attempts.toSorted((a, b) => a.op.invokedAt - b.op.invokedAt)[0];
  const answer = answers.toSorted((a, b) => a.op.completedAt - b.op.completedAt)[0];
  const touch = answer ?? first;
  if (touch === undefined || first === undefined) return [];
  const end = answer === undefined ? { end: Infinity, completedAt: Infinity } : {};
  return [{ ...touch, op: { ...touch.op, start: first.op.start, invokedAt: first.op.invokedAt, ...end } }];
}
