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
import { type Authority, type LogEntry, removes } from "./authority.ts";
import { searchLinearization, type Interval, type SearchResult } from "./linearization-search.ts";
import type { Level, Operation } from "./operation.ts";
import { ABSENT, Register, type RegisterState, type RegisterStep } from "./register.ts";
import { showItem, showOperation, showVersion } from "./sentence.ts";
import { isUpdate, itemId, type Touch, touchesOf } from "./touch.ts";
import { verdictOf, type Verdict, type Violation } from "./verdict.ts";
import { parseVersion } from "./version.ts";

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

interface TouchInterval extends Interval {
  readonly touch?: Touch;
}

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
  if (any === undefined || touches.every(isUpdate)) return undefined;
  const told = touches
    .filter((touch) => isUpdate(touch) && touch.op.outcome === "ok")
    .map((touch) => touch.version);
  const register = new Register(new Set(told.filter((version) => typeof version === "string")));
  const ranks = rankByVersion(touches);
  const covered = coveredWrites(touches);
  const intervals: TouchInterval[] = touches.map((touch, index) => ({
    step: touch,
    touch,
    invokedAt: touch.op.invokedAt,
    completedAt: touch.op.completedAt,
    optional: touch.op.outcome !== "ok",
    covered: covered.has(touch),
    rank: ranks.get(touch) ?? touches.length + index,
  }));
  const own = authority === undefined ? [] : ownSteps(authority, any, touches);
  const result = searchLinearization([...intervals, ...own], register, budget);
  if (result.outcome === "undecided") return "undecided";
  return result.outcome === "none" ? explain(any, result, register, intervals.length) : undefined;
}

/** Writes with versions first, in the order of their log. */
function rankByVersion(touches: readonly Touch[]): Map<Touch, number> {
  const versioned = touches.flatMap((touch) => {
    const parsed =
      isUpdate(touch) && typeof touch.version === "string" ? parseVersion(touch.version) : undefined;
    return parsed === undefined ? [] : [{ touch, parsed }];
  });
  versioned.sort((a, b) => {
    if (a.parsed.origin !== b.parsed.origin) return a.touch.op.invokedAt - b.touch.op.invokedAt;
    if (a.parsed.epoch !== b.parsed.epoch) return a.parsed.epoch < b.parsed.epoch ? -1 : 1;
    return a.parsed.seq < b.parsed.seq ? -1 : 1;
  });
  return new Map(versioned.map(({ touch }, rank) => [touch, rank]));
}

/** Acknowledged plain writes whose version nobody saw, if nothing on the item looks at more than versions. */
function coveredWrites(touches: readonly Touch[]): Set<Touch> {
  const plain = touches.every((touch) => {
    return touch.kind === "read"
      ? touch.version !== undefined
      : touch.kind === "write" && touch.required === undefined;
  });
  if (!plain) return new Set();
  const shown = new Set(touches.filter((touch) => touch.kind === "read").map((touch) => touch.version));
  return new Set(
    touches.filter(({ kind, op, version }) => {
      return kind === "write" && op.outcome === "ok" && typeof version === "string" && !shown.has(version);
    }),
  );
}

/** What the system itself may have done to the item: an expiry, or a failover that took writes back. */
function ownSteps(authority: Authority, { user, key }: Touch, touches: readonly Touch[]): Interval[] {
  const invokedAt = new Map(touches.map((touch) => [touch.version, touch.op.invokedAt]));
  const expiries = [...authority.keptOf(user, key), ...authority.lostOf(user, key)]
    .filter((entry) => entry.op === "expire")
    .map(() => ownStep({ kind: "delete" }, 0));
  const cuts = new Map<string, Interval>();
  for (const entry of authority.lostOf(user, key)) {
    const place = authority.place(user, entry.position);
    if (place?.state !== "lost") continue;
    const under = authority.latest(user, key, place.base);
    const cut = `${place.base} ${place.parsed?.origin} ${place.parsed?.epoch}`;
    const state = under === undefined || removes(under) ? ABSENT : stateOf(under);
    const from = Math.min(invokedAt.get(entry.position) ?? 0, cuts.get(cut)?.invokedAt ?? Infinity);
    cuts.set(cut, ownStep({ kind: "set", state }, from));
  }
  return [...expiries, ...cuts.values()];
}

function ownStep(step: Pick<RegisterStep, "kind" | "state">, invokedAt: number): Interval {
  const untold = { version: undefined, input: undefined, output: undefined, required: undefined };
  return {
    step: { ...untold, ...step },
    invokedAt,
    completedAt: Infinity,
    optional: true,
    covered: false,
    rank: 0,
  };
}

function stateOf(entry: LogEntry): RegisterState {
  // The log holds what a merge or an add came to only if it says so; a put's value is its value.
  return { present: true, version: entry.position, value: entry.op === "put" ? entry.value : undefined };
}

function explain(
  { user, key }: Touch,
  found: Extract<SearchResult, { outcome: "none" }>,
  register: Register,
  total: number,
): Violation {
  const ops = found.stuck.flatMap((interval: TouchInterval) =>
    interval.touch === undefined ? [] : [interval.touch.op],
  );
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
