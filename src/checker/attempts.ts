/**
 * Several attempts at one write are one write.
 *
 * A client that got no answer sends the same request again under the same idempotency key. Whichever attempt took effect,
 * it did so once: after the first attempt began and before the first answer. Taken for separate writes, a replayed answer
 * would look like a write that brings an old value back.
 *
 * The exception is a failover that took the first execution away, and its key with it; then the second attempt rightly
 * executed again. That shows in two versions under one key, among the answers or in the logs, and the attempts of which nothing
 * is known are then left as they are, because nobody can say which of the two they were. One that was told a version and no more
 * may have been told of an earlier one's. An edge sends a request again by itself: so one answered operation may have been executed
 * twice, the first time for others to see.
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
    const isKnown = ({ op, version }: Touch): boolean => op.outcome === "ok" || version !== undefined;
    const executions = Map.groupBy(group.filter(isKnown), (touch) => touch.version);
    const known = [...executions.values()].flatMap((same) => {
      const answers = same.filter((touch) => touch.op.outcome === "ok");
      return asOne(group, answers.length > 0 ? answers : same);
    });
    const untold = [...logged].filter((position) => !executions.has(position));
    return [
      ...group.filter((touch) => !isKnown(touch)),
      ...known,
      ...untold.flatMap((position) => unanswered(group, position)),
    ];
  }
  const [version] = [...versions, ...logged];
  return asOne(group, answered).map((touch) => ({ ...touch, version: touch.version ?? version }));
}

/** It was executed there, as a log says, and no answer told of it: somebody may have seen it all the same. */
function unanswered(group: readonly Touch[], position: string): Touch[] {
  return asOne(group, []).map((touch) => ({
    ...touch,
    version: position,
    output: undefined,
    op: { ...touch.op, outcome: "unknown" },
  }));
}

function loggedPositions([any]: readonly Touch[], authority: Authority | undefined): string[] {
  if (any === undefined || authority === undefined) return [];
  return authority.withIdempotencyKey(any.op).map((entry) => entry.position);
}

/** One touch for all attempts: it ends with the first of these answers, or never when there is none that says that it happened. */
function asOne(attempts: readonly Touch[], answers: readonly Touch[]): Touch[] {
  const first = attempts.toSorted((a, b) => a.op.invokedAt - b.op.invokedAt)[0];
  const answer = answers.toSorted((a, b) => a.op.completedAt - b.op.completedAt)[0];
  const touch = answer ?? first;
  if (touch === undefined || first === undefined) return [];
  const end = answer?.op.outcome === "ok" ? {} : { end: Infinity, completedAt: Infinity };
  return [{ ...touch, op: { ...touch.op, start: first.op.start, invokedAt: first.op.invokedAt, ...end } }];
}
