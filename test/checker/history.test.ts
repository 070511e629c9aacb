import { describe, expect, it } from "vitest";
import { formatHistory, parseHistory } from "../../src/checker/history-lines.ts";
import { History } from "../../src/checker/history.ts";
import { before } from "../../src/checker/operation.ts";
import { acknowledgedWrites, readsOf, touchesOf } from "../../src/checker/touch.ts";
import { compareVersions, namesVersion, parseVersion } from "../../src/checker/version.ts";
import { Story, v } from "./story.ts";

describe("a history", () => {
  it("pairs answers with what was asked and keeps what was asked apart from what was told", () => {
    const story = new Story();
    story.did(
      { op: "add", value: 2, session: "s" },
      { value: "7", version: v(3), position: v(3), servedBy: "weur" },
    );
    const [op] = story.operations;
    expect(op).toMatchObject({
      outcome: "ok",
      valueWritten: 2,
      valueRead: "7",
      version: v(3),
      start: 1,
      end: 2,
    });
  });

  it("counts what was never answered as unknown, and orders by the record where clocks tie", () => {
    const history = new History();
    const first = history.invoke({ process: 1, op: "write", user: "u", key: "k" }, 5);
    history.ok(first, {}, 5);
    history.invoke({ process: 2, op: "read", user: "u", key: "k" }, 5);
    const [a, b] = history.operations();
    expect(a && b && [before(a, b), before(b, a)]).toEqual([true, false]);
    expect(b).toMatchObject({ outcome: "unknown", end: Infinity, completedAt: Infinity });
  });

  it("lets the first answer stand and passes over answers to nothing", () => {
    const story = new Story();
    const id = story.did({ op: "read" }, { version: v(1) });
    story.ok(id, { version: v(2) });
    story.ok(77, { version: v(3) });
    expect(story.operations.map((op) => op.version)).toEqual([v(1)]);
  });

  it("goes through lines of JSON and back unchanged", () => {
    const story = new Story();
    story.did(
      { op: "write", value: { deep: [1, null] }, level: "user", concern: "majority", region: "enam" },
      { version: v(1) },
    );
    story.did({ op: "cas", value: 2, expected: null }, { applied: false });
    story.unknown({ op: "delete", idempotencyKey: "i" });
    story.failed({ op: "write", session: "s" }, { lostReported: [v(1)] });
    story.did({ op: "list" }, { items: [{ key: "a", version: null }], position: v(4) });
    story.begin({ op: "read" });
    const { history, problems } = parseHistory(formatHistory(story.history));
    expect(problems).toEqual([]);
    expect(history.operations()).toEqual(story.operations);
  });

  it("reads a foreign history as far as it goes and says where it does not", () => {
    const text = [
      `{"process": 0, "type": "invoke", "op": "read", "key": "k", "value": null, "time": 1}`,
      `{"process": 0, "type": "ok", "op": "read", "key": "k", "value": 3, "version": "weur.16.1", "extra": {}, "time": 2}`,
      `{"process": 4, "type": "ok", "op": "read", "key": "k", "time": 3}`,
      `{"process": 5, "type": "invoke", "op": 7, "time": 3}`,
      `[]`,
      `{"process": 1, "type": "inv`,
    ].join("\n");
    const { history, problems } = parseHistory(text);
    expect(history.operations()).toMatchObject([{ outcome: "ok", valueRead: 3, version: v(1), user: "" }]);
    expect(problems.map((problem) => problem.split(":")[0])).toEqual([
      "line 3",
      "line 4",
      "line 5",
      "line 6",
    ]);
  });
});

describe("an operation, item by item", () => {
  it("shows nothing after a definite failure, and only its updates when the outcome is unknown", () => {
    const story = new Story();
    story.failed({ op: "write" });
    story.unknown({
      op: "transaction",
      checks: [{ key: "c", version: v(1) }],
      writes: [{ op: "write", key: "b", value: 1 }],
    });
    expect(story.operations.map((op) => touchesOf(op).map((touch) => `${touch.kind} ${touch.key}`))).toEqual([
      [],
      ["write b"],
    ]);
  });

  it("takes a refusal for a read, and the absence of what was to be deleted too", () => {
    const story = new Story();
    story.did({ op: "cas", expected: v(3) }, { applied: false });
    story.did({ op: "delete" }, { applied: false });
    const [cas, missing] = story.operations;
    expect(cas && touchesOf(cas)).toMatchObject([{ kind: "refused", required: v(3) }]);
    expect(missing && readsOf(missing)).toMatchObject([{ kind: "read", version: null }]);
    expect(story.operations.flatMap(acknowledgedWrites)).toEqual([]);
  });
});

describe("versions", () => {
  it("are compared as numbers of any size, and an origin may hold dots", () => {
    const small = parseVersion("eu.west.16.9");
    const big = parseVersion("eu.west.16.9007199254740993");
    expect(small?.origin).toBe("eu.west");
    expect(small && big && compareVersions(small, big)).toBe(-1);
    expect(parseVersion("weur")).toBeUndefined();
  });

  it("are found in reported ranges", () => {
    expect(namesVersion(["weur.16.4-9"], v(4))).toBe(true);
    expect(namesVersion(["weur.16.4-9"], v(10))).toBe(false);
    expect(namesVersion(["enam.16.4-9", "weur.32.4-9"], v(5))).toBe(false);
    expect(namesVersion([v(5)], v(5))).toBe(true);
  });
});
