import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { History } from "../../src/checker/history.ts";
import { checkLinearizability } from "../../src/checker/linearizability.ts";
import type { Answer, Invocation, Operation } from "../../src/checker/operation.ts";
import { v } from "./story.ts";

/** When it begins, how long until it takes effect, how long until it is answered, and what it is. */
interface Planned {
  readonly start: number;
  readonly effectAfter: number;
  readonly answerAfter: number;
  readonly op: "read" | "write" | "cas" | "delete";
  /** It takes effect or not, and the answer never comes. */
  readonly lost: "no" | "done" | "not done";
}

const EVERY_KIND: readonly Planned["op"][] = ["read", "read", "read", "write", "write", "cas", "delete"];
/** Histories of these take the search's short cut for writes that nobody saw. */
const PLAIN_KINDS: readonly Planned["op"][] = ["read", "write"];

const plans = (maxLength: number, delayMax: number): fc.Arbitrary<Planned[]> =>
  fc.oneof(plansOf(EVERY_KIND, maxLength, delayMax), plansOf(PLAIN_KINDS, maxLength, delayMax));

const plansOf = (
  kinds: readonly Planned["op"][],
  maxLength: number,
  delayMax: number,
): fc.Arbitrary<Planned[]> =>
  fc.array(
    fc.record({
      start: fc.nat(maxLength * 6),
      effectAfter: fc.nat(delayMax),
      answerAfter: fc.nat(delayMax),
      op: fc.constantFrom(...kinds),
      lost: fc.constantFrom("no", "no", "no", "no", "done", "not done"),
    }),
    { minLength: 1, maxLength },
  );

interface Happening {
  readonly at: number;
  readonly index: number;
  readonly what: "invoke" | "effect" | "answer";
}

/** Runs the plan against a register that really is atomic: each effect is one step. */
function run(plan: readonly Planned[]): Operation[] {
  const history = new History();
  const ids: number[] = [];
  const answers: Answer[] = [];
  let state: { version: string; value: number } | undefined;
  let seq = 0;
  let seen: string | null = null;
  const rank = { invoke: 0, effect: 1, answer: 2 };
  const happenings = plan.flatMap(({ start, effectAfter, answerAfter }, index): Happening[] => [
    { at: start, index, what: "invoke" },
    { at: start + effectAfter, index, what: "effect" },
    { at: start + effectAfter + answerAfter, index, what: "answer" },
  ]);
  for (const { at, index, what } of happenings.toSorted(
    (a, b) => a.at - b.at || rank[a.what] - rank[b.what],
  )) {
    const { op, lost } = plan[index] as Planned;
    const isLost = lost !== "no" && op !== "read";
    if (what === "invoke") {
      const condition = op === "cas" ? { expected: seen } : {};
      const invocation: Invocation = {
        process: index,
        user: "u",
        key: "k",
        op,
        level: "strong",
        value: index,
        ...condition,
      };
      ids[index] = history.invoke(invocation, at);
    } else if (what === "effect") {
      if (isLost && lost === "not done") continue;
      answers[index] = effect(op, index);
    } else if (isLost) {
      history.info(ids[index] as number, at);
    } else {
      history.ok(ids[index] as number, answers[index] ?? {}, at);
    }
  }
  return history.operations();

  function effect(op: Planned["op"], value: number): Answer {
    if (op === "read") {
      seen = state?.version ?? null;
      return state === undefined ? { version: null } : state;
    }
    const expected = history.operations()[ids[value] as number]?.expected;
    if (op === "cas" && expected !== (state?.version ?? null)) return { applied: false };
    if (op === "delete" && state === undefined) return { applied: false };
    seq += 1;
    state = op === "delete" ? undefined : { version: v(seq), value };
    return { version: v(seq) };
  }
}

/** Every order of every subset that keeps the known ones: slow, and too simple to be wrong. */
function bruteForce(operations: readonly Operation[]): boolean {
  return extend(withSeenVersions(operations), undefined);
}

interface Held {
  readonly value: unknown;
  readonly version: string | undefined;
}

function extend(left: readonly Operation[], held: Held | undefined): boolean {
  if (left.every((op) => op.outcome === "unknown")) return true;
  return left.some((op) => {
    if (left.some((other) => other.completedAt < op.invokedAt && other.outcome === "ok")) return false;
    if (left.some((other) => logged(other) < logged(op))) return false;
    const rest = left.filter((other) => other !== op);
    if (op.op === "read")
      return op.outcome === "unknown" || shows(op, held) ? extend(rest, settle(op, held)) : false;
    const version = op.outcome === "ok" ? (op.version ?? undefined) : undefined;
    if (op.op === "write") return extend(rest, { value: op.valueWritten, version });
    if (op.op === "delete") {
      if (op.applied === false) return held === undefined && extend(rest, held);
      return held !== undefined && extend(rest, undefined);
    }
    const unsure = held !== undefined && held.version === undefined && op.expected !== null;
    const met = op.expected === null ? held === undefined : held?.version === op.expected;
    if (op.applied === false) return (unsure || !met) && extend(rest, held);
    return (unsure || met) && extend(rest, { value: op.valueWritten, version });
  });
}

/** Versions are places in the log, and updates happen in its order. Who saw an unknown write knows its version. */
function withSeenVersions(operations: readonly Operation[]): Operation[] {
  return operations.map((op) => {
    if (op.outcome !== "unknown" || op.op === "delete") return op;
    const seen = operations.find((read) => read.op === "read" && read.valueRead === op.valueWritten);
    return seen === undefined ? op : { ...op, version: seen.version };
  });
}

function logged(op: Operation): number {
  return op.op === "read" || typeof op.version !== "string" ? NaN : Number(op.version.split(".").at(-1));
}

function shows(op: Operation, held: Held | undefined): boolean {
  if (held === undefined || op.version === null) return held === undefined && op.version === null;
  return held.value === op.valueRead && (held.version === undefined || held.version === op.version);
}

function settle(op: Operation, held: Held | undefined): Held | undefined {
  return held === undefined ? held : { ...held, version: op.version ?? undefined };
}

describe("linearizability of generated histories", () => {
  it("accepts whatever an atomic register answered", () => {
    fc.assert(
      fc.property(plans(60, 20), (plan) => {
        const result = checkLinearizability(run(plan));
        expect(result.violations).toEqual([]);
        expect(result.ok).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  it("rejects it once one read shows a value that was never written", () => {
    fc.assert(
      fc.property(plans(40, 20), fc.nat(), (plan, pick) => {
        const operations = run(plan);
        const reads = operations.filter((op) => op.op === "read" && op.outcome === "ok");
        const changed = reads[pick % Math.max(1, reads.length)];
        fc.pre(changed !== undefined);
        const impossible = operations.map((op) =>
          op === changed ? { ...op, version: v(999), valueRead: -1 } : op,
        );
        expect(checkLinearizability(impossible).ok).toBe(false);
      }),
      { numRuns: 300 },
    );
  });

  it("agrees with trying every order, on tiny histories with one answer swapped for another's", () => {
    let rejected = 0;
    fc.assert(
      fc.property(plans(8, 6), fc.nat(), fc.nat(), (plan, from, to) => {
        const operations = run(plan);
        const reads = operations.filter((op) => op.op === "read" && op.outcome === "ok");
        const source = reads[from % Math.max(1, reads.length)];
        const target = reads[to % Math.max(1, reads.length)];
        const told = source === undefined ? {} : { version: source.version, valueRead: source.valueRead };
        const swapped = operations.map((op) => (op === target ? { ...op, ...told } : op));
        const expected = bruteForce(swapped);
        rejected += expected ? 0 : 1;
        expect(checkLinearizability(swapped).ok).toBe(expected);
      }),
      { numRuns: 3000, seed: 11 },
    );
    // Swaps that change nothing prove nothing; enough of them have to matter.
    expect(rejected).toBeGreaterThan(100);
  });
});
