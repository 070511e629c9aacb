/**
 * One item's part of a history, made ready for the search for an order.
 *
 * Whatever is known already need not be searched for, so here everything is said that follows without trying:
 *
 *  - attempts under one idempotency key are one write, and an unknown write that was seen did happen;
 *  - versions are places in a log, so two acknowledged updates with versions of one origin are ordered by them. A history
 *    whose only explanation has them the other way round is wrong, even if no read happened to look;
 *  - unknown writes that nobody saw are made alike, so that the search need not tell them apart.
 *
 * And what the system did by itself is added: expiries, and the failovers that put an item back to what stood under a lost
 * write.
 */
import { mergeAttempts } from "./attempts.ts";
import { type Authority, type LogEntry, removes } from "./authority.ts";
import type { Interval } from "./linearization-search.ts";
import { canonical } from "./operation.ts";
import { ABSENT, type RegisterState, type RegisterStep } from "./register.ts";
import { settleSeenWrites } from "./seen-writes.ts";
import { isUpdate, type Touch } from "./touch.ts";
import { compareVersions, type ParsedVersion, parseVersion } from "./version.ts";

export interface TouchInterval extends Interval {
  /** undefined: the system's own doing. */
  readonly touch: Touch | undefined;
}

export interface ItemIntervals {
  readonly intervals: readonly TouchInterval[];
  /** Versions that some update was told. */
  readonly claimed: ReadonlySet<string>;
}

/** Stands for every value that no answer shows. */
const UNSHOWN = "a value that no answer shows";

/** `touches`: of one item, not empty. */
export function itemIntervals(touches: readonly Touch[], authority: Authority | undefined): ItemIntervals {
  const settled = settleSeenWrites(mergeAttempts(touches, authority));
  const unshown = unshownWrites(settled);
  const latest = new Map<string, TouchInterval>();
  const intervals = inVersionOrder(settled).map(({ touch, parsed }): TouchInterval => {
    const optional = touch.op.outcome !== "ok";
    const ordered = parsed !== undefined && !optional;
    const interval = {
      step: unshown.has(touch) ? { ...touch, input: UNSHOWN } : touch,
      touch,
      invokedAt: touch.op.invokedAt,
      completedAt: touch.op.completedAt,
      optional,
      follows: ordered ? latest.get(parsed.origin) : undefined,
    };
    if (ordered) latest.set(parsed.origin, interval);
    return interval;
  });
  const versions = settled.filter(isUpdate).map((touch) => touch.version);
  const claimed = new Set(versions.filter((version) => typeof version === "string"));
  const own = authority === undefined ? [] : ownSteps(authority, settled);
  return { intervals: [...intervals, ...own], claimed };
}

interface Ordered {
  readonly touch: Touch;
  readonly parsed: ParsedVersion | undefined;
}

function inVersionOrder(touches: readonly Touch[]): Ordered[] {
  const all = touches.map((touch): Ordered => {
    const versioned = isUpdate(touch) && typeof touch.version === "string";
    return { touch, parsed: versioned ? parseVersion(touch.version) : undefined };
  });
  const versioned = all.filter(({ parsed }) => parsed !== undefined);
  versioned.sort((a, b) => (a.parsed && b.parsed ? compareVersions(a.parsed, b.parsed) : 0));
  return [...versioned, ...all.filter(({ parsed }) => parsed === undefined)];
}

/**
 * Writes of unknown outcome whose value nobody saw. They differ in nothing that matters, and the search tries only the
 * first of several that are alike. That needs reads that tell their values, and nothing that computes with a value.
 */
function unshownWrites(touches: readonly Touch[]): Set<Touch> {
  const computes = touches.some(({ kind }) => kind === "add" || kind === "append");
  const reads = touches.filter(({ kind, version }) => kind === "read" && version !== null);
  if (computes || reads.some((read) => read.output === undefined)) return new Set();
  const shown = new Set(reads.map((read) => canonical(read.output)));
  return new Set(
    touches.filter(({ kind, op, version, input }) => {
      const untold = kind === "write" && op.outcome !== "ok" && version === undefined;
      return untold && input !== undefined && !shown.has(canonical(input));
    }),
  );
}

function ownSteps(authority: Authority, touches: readonly Touch[]): TouchInterval[] {
  const [any] = touches;
  if (any === undefined) return [];
  const { user, key } = any;
  const lost = authority.lostOf(user, key);
  const invokedAt = new Map(touches.map((touch) => [touch.version, touch.op.invokedAt]));
  const expiries = [...authority.keptOf(user, key), ...lost]
    .filter((entry) => entry.op === "expire")
    .map(() => ownStep({ kind: "delete" }, 0));
  const cuts = new Map<string, TouchInterval>();
  for (const entry of lost) {
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

function ownStep(step: Pick<RegisterStep, "kind" | "state">, invokedAt: number): TouchInterval {
  const untold = { version: undefined, input: undefined, output: undefined, required: undefined };
  const unbound = { completedAt: Infinity, optional: true, follows: undefined };
  return { step: { ...untold, ...step }, touch: undefined, invokedAt, ...unbound };
}

function stateOf(entry: LogEntry): RegisterState {
  // The log holds what a merge or an add came to only if it says so; a put's value is its value.
  const value = entry.op === "put" ? entry.value : undefined;
  return { present: true, version: entry.position, value };
}
