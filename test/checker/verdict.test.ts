import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Authority } from "../../src/checker/authority.ts";
import { checkCausality } from "../../src/checker/causality.ts";
import { checkConvergence } from "../../src/checker/convergence.ts";
import { checkCrossDevice } from "../../src/checker/cross-device.ts";
import { checkDurability } from "../../src/checker/durability.ts";
import { checkExactlyOnce } from "../../src/checker/exactly-once.ts";
import { formatHistory, parseHistory } from "../../src/checker/history-lines.ts";
import { checkLinearizability } from "../../src/checker/linearizability.ts";
import type { Json } from "../../src/checker/operation.ts";
import { checkSessions } from "../../src/checker/sessions.ts";
import { combineVerdicts, requireAtLeast, verdictOf } from "../../src/checker/verdict.ts";
import { entry, Story } from "./story.ts";

describe("verdicts", () => {
  const good = verdictOf("reads", [], { reads: 12 });

  it("an empty run passes no floor", () => {
    expect(requireAtLeast(good, { reads: 10 }).ok).toBe(true);
    const short = requireAtLeast(verdictOf("reads", [], { reads: 0 }), { reads: 10, writes: 1 });
    expect(short.ok).toBe(false);
    expect(short.violations.map((violation) => violation.message)).toEqual([
      "too little was seen to judge: reads 0, at least 10 were wanted",
      "too little was seen to judge: writes 0, at least 1 were wanted",
    ]);
  });

  it("undecided is not good, and a violation outweighs it", () => {
    expect(combineVerdicts([good, verdictOf("search", [], {}, 1)]).ok).toBe(false);
    expect(verdictOf("search", [{ message: "wrong", ops: [1] }], {}, 1).ok).toBe(false);
    expect(combineVerdicts([good]).ok).toBe(true);
    expect(combineVerdicts([]).ok).toBe(false);
  });
});

describe("weird histories", () => {
  const text = fc.constantFrom(
    "weur.16.1",
    "weur.16.2",
    "enam.33.2",
    "no version",
    "",
    "..",
    "weur.x.1",
    "__proto__",
  );
  const name = fc.constantFrom("a", "b", "__proto__", "constructor", "");
  const maybe = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
    fc.option(values, { nil: undefined });
  const value = fc.jsonValue({ maxDepth: 1 }) as fc.Arbitrary<Json>;
  const operation = fc.record({
    kind: fc.constantFrom(
      "read",
      "write",
      "cas",
      "delete",
      "list",
      "read-many",
      "add",
      "append",
      "transaction",
    ),
    end: fc.constantFrom("ok", "failed", "unknown", "never"),
    asked: fc.record({
      user: name,
      key: maybe(name),
      value: maybe(value),
      expected: fc.option(text, { nil: null }),
      writes: maybe(
        fc.array(fc.record({ op: fc.constantFrom("write", "delete", "add", "append"), key: name, value })),
      ),
      checks: maybe(fc.array(fc.record({ key: name, version: fc.option(text, { nil: null }) }))),
      level: fc.constantFrom("user", "strong", "session", "prefix", "eventual", "bounded"),
      concern: maybe(fc.constantFrom("local", "one", "majority", "all")),
      session: maybe(name),
      token: maybe(fc.boolean()),
      idempotencyKey: maybe(name),
    }),
    told: fc.record({
      value: maybe(value),
      version: fc.option(text, { nil: null }),
      items: maybe(fc.array(fc.record({ key: name, version: fc.option(text, { nil: null }), value }))),
      position: maybe(text),
      applied: maybe(fc.boolean()),
      lostReported: maybe(fc.array(text)),
    }),
  });
  const log = fc.array(
    fc.record({
      user: name,
      key: name,
      position: text,
      op: fc.constantFrom("put", "delete", "merge", "add", "append", "expire"),
      value,
      idempotencyKey: maybe(name),
    }),
  );

  it("are judged, never thrown at", () => {
    fc.assert(
      fc.property(fc.array(operation), log, log, (operations, kept, lost) => {
        const story = new Story();
        for (const { kind, end, asked, told } of operations) {
          const id = story.begin({ op: kind, ...asked });
          if (end === "ok") story.history.ok(id, told, id);
          if (end === "failed") story.history.fail(id, id, told);
          if (end === "unknown") story.history.info(id, id, told);
        }
        const authority = new Authority(
          kept.map((each) => entry(each.position, each)),
          lost,
        );
        const history = story.operations;
        const verdicts = [
          checkLinearizability(history, { levels: ["user", "strong"], authority, budget: 500 }),
          checkSessions(history, authority),
          checkCrossDevice(history, authority),
          checkCausality(history, authority),
          checkExactlyOnce(history, authority),
          checkDurability(history, authority),
          checkConvergence(
            [
              {
                region: "weur",
                partition: "p",
                items: kept.map((each) => ({ ...each, version: each.position })),
              },
            ],
            authority,
          ),
        ];
        for (const { violations } of verdicts)
          for (const { message } of violations) expect(message).not.toContain("undefined");
        expect(parseHistory(formatHistory(story.history)).history.operations()).toHaveLength(
          operations.length,
        );
      }),
      { numRuns: 400 },
    );
  });
});
