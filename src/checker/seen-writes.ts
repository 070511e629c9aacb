/**
 * A write of unknown outcome that somebody saw is unknown no more.
 *
 * If exactly one operation can have written a value, and reads show that value under one version that nobody else was told,
 * then the write took effect, got that version, and did so before the first of those reads was over. Saying so up front
 * spares the search from trying what is already known; left alone, it may spend such a write on explaining something else
 * and find out hundreds of operations later.
 */
import { canonical } from "./operation.ts";
import { isUpdate, type Touch } from "./touch.ts";

/** The touches of one item, those of writes that were seen as if they had been answered. */
export function settleSeenWrites(touches: readonly Touch[]): Touch[] {
  const writers = Map.groupBy(touches.filter(isUpdate), (touch) => canonical(touch.input));
  const told = new Set(touches.filter(isUpdate).map((touch) => touch.version));
  const reads = Map.groupBy(
    touches.filter((touch) => touch.kind === "read" && touch.output !== undefined),
    (read) => canonical(read.output),
  );
  // A counter or a list shows values that no single operation wrote.
  if (touches.some(({ kind }) => kind === "add" || kind === "append")) return [...touches];
  return touches.map((touch) => {
    if (touch.kind !== "write" || touch.op.outcome === "ok" || touch.version !== undefined) return touch;
    const value = canonical(touch.input);
    if (touch.input === undefined || writers.get(value)?.length !== 1) return touch;
    return settle(touch, reads.get(value) ?? [], told);
  });
}

function settle(touch: Touch, shown: readonly Touch[], told: ReadonlySet<Touch["version"]>): Touch {
  const versions = new Set(shown.map((read) => read.version));
  const [version] = versions;
  const first = shown.toSorted((a, b) => a.op.completedAt - b.op.completedAt)[0];
  if (versions.size !== 1 || typeof version !== "string" || told.has(version) || first === undefined)
    return touch;
  const { end, completedAt } = first.op;
  return { ...touch, version, op: { ...touch.op, outcome: "ok", end, completedAt } };
}
