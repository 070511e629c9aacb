/**
 * Linearizability, item by item: every answer is as if each operation had happened at one instant between its invocation
 * and its answer.
 *
 * Linearizability is local (Herlihy and Wing), so a history is linearizable exactly when each item's part of it is; that is
 * what keeps the search small. All updates of an item take part, and the reads at the levels asked for: `strong`, and
 * `user`, whose answers come from the log's leader. Refusals take part as well, because a refusal is a read.
 *
 * A failover may take back acknowledged writes of concern `local`. With an authority at hand, each lost write brings along a
 * step "the item is put back to what stood under it", which the search may use or not. What the losses were allowed to be
 * is the durability checker's business.
 */
import type { Authority } from "./authority.ts";
import { itemIntervals, type TouchInterval } from "./item-intervals.ts";
import { searchLinearization, type SearchResult } from "./linearization-search.ts";
import type { Level, Operation } from "./operation.ts";
import { Register } from "./register.ts";
import { showItem, showOperation, showVersion } from "./sentence.ts";
import { isUpdate, itemId, type Touch, touchesOf } from "./touch.ts";
import { verdictOf, type Verdict, type Violation } from "./verdict.ts";

export interface LinearizabilityOptions {
  /** Levels of the reads that have to fit; default strong. */
  readonly levels?: readonly Level[];
  readonly authority?: Authority;
  /** States visited for one item before the search gives up as undecided. */
  readonly budget?: number;
}

/** A clean item of several hundred operations takes a few visits each; 200,000 is a second or two. */
const BUDGET = 200_000;
/** More operations than this in one sentence help nobody. */
const NAMED_MAX = 6;

export function checkLinearizability(
  operations: readonly Operation[],
  { levels = ["strong"], authority, budget = BUDGET }: LinearizabilityOptions = {},
): Verdict {
  const items = Map.groupBy(
    operations.flatMap(touchesOf).filter((touch) => isUpdate(touch) || takesPart(touch, levels)),
    (touch) => itemId(touch.user, touch.key),
  );
  const violations: Violation[] = [];
  const counted = { items: items.size, operations: 0, reads: 0, unknown: 0, undecided: 0 };
  for (const touches of items.values()) {
    counted.operations += touches.length;
    counted.reads += touches.filter((touch) => !isUpdate(touch)).length;
    counted.unknown += touches.filter((touch) => touch.op.outcome === "unknown").length;
    const judged = judgeItem(touches, authority, budget);
    if (judged === "undecided") counted.undecided += 1;
    else if (judged !== undefined) violations.push(judged);
  }
  return verdictOf(`linearizability (${levels.join(", ")})`, violations, counted, counted.undecided);
}

function takesPart({ op }: Touch, levels: readonly Level[]): boolean {
  if (op.anchored === false) return false;
  const isRead = op.op === "read" || op.op === "list" || op.op === "read-many";
  return !isRead || levels.includes(op.level ?? "user");
}

function judgeItem(
  touches: readonly Touch[],
  authority: Authority | undefined,
  budget: number,
): Violation | "undecided" | undefined {
  const [any] = touches;
  if (any === undefined) return undefined;
  const { intervals, claimed } = itemIntervals(touches, authority);
  const register = new Register(claimed);
  const result = searchLinearization(intervals, register, budget);
  if (result.outcome === "undecided") return "undecided";
  return result.outcome === "none" ? explain(any, result, register, intervals.length) : undefined;
}

function explain(
  { user, key }: Touch,
  found: Extract<SearchResult<TouchInterval>, { outcome: "none" }>,
  register: Register,
  total: number,
): Violation {
  const ops = found.stuck.flatMap(({ touch }) => (touch === undefined ? [] : [touch.op]));
  ops.sort((a, b) => a.completedAt - b.completedAt);
  const state = register.state(found.state);
  const value = state.value === undefined ? "" : ` = ${JSON.stringify(state.value)}`;
  const shown = state.present ? `${showVersion(state.version)}${value}` : "nothing";
  const named = ops.slice(0, NAMED_MAX).map(showOperation).join("; ");
  const more = ops.length > NAMED_MAX ? ` and ${ops.length - NAMED_MAX} more` : "";
  const message =
    `${showItem(user, key)} is not linearizable: no order of its ${total} operations explains every answer. ` +
    `The longest that does takes ${found.taken}, leaves ${shown}, and then none of these fits: ${named}${more}`;
  return { message, ops: ops.map((op) => op.id) };
}
