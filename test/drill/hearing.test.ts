import { describe, expect, it } from "vitest";
import type { Invocation } from "../../src/checker/operation.ts";
import type { Reply } from "../../src/drill/caller.ts";
import { hear } from "../../src/drill/hearing.ts";

function reply(status: number, body: unknown, headers: Record<string, string> = {}): Reply {
  const type = status < 300 ? "application/json" : "application/problem+json";
  return { status, text: JSON.stringify(body), headers: new Headers({ "Content-Type": type, ...headers }) };
}

function problem(status: number, name: string, definite: boolean, rest: object = {}): Reply {
  return reply(status, { type: `/problems/${name}`, status, definite, ...rest });
}

const write: Invocation = { process: 1, op: "write", user: "alice", key: "a", value: 1 };
const cas: Invocation = { ...write, op: "cas", expected: null };
const read: Invocation = { process: 1, op: "read", user: "alice", key: "a" };

describe("what an answer to a write means", () => {
  it("a receipt: done", () => {
    const receipt = { version: "weur.16.3", leader: "weur", committed: true };
    const headers = { "Ithaca-Position": "weur.16.3", "Ithaca-Served-By": "weur" };
    expect(hear(write, reply(201, receipt, headers))).toMatchObject({
      type: "ok",
      answer: { ...receipt, position: "weur.16.3", servedBy: "weur" },
    });
  });

  it("silence: nobody knows", () => {
    expect(hear(write, null)).toStrictEqual({ type: "info", answer: { problem: "unanswered" } });
  });

  it("a refused condition: an answer, unless an attempt is still out", () => {
    expect(hear(cas, problem(412, "precondition-failed", true))).toMatchObject({
      type: "ok",
      answer: { applied: false },
    });
    expect(hear(cas, problem(412, "precondition-failed", false)).type).toBe("info");
    expect(hear({ ...write, op: "delete" }, problem(404, "not-found", true))).toMatchObject({
      type: "ok",
      answer: { applied: false },
    });
  });

  it("a definite problem: not done; another one: nobody knows", () => {
    expect(hear(write, problem(503, "no-leader", true)).type).toBe("fail");
    expect(hear(write, problem(503, "no-leader", false)).type).toBe("info");
    expect(hear(write, problem(504, "outcome-unknown", false)).type).toBe("info");
    expect(hear(write, reply(502, "Bad gateway")).type).toBe("info");
  });

  it("a concern that was not met in time: nobody knows, but where it stands", () => {
    const late = problem(504, "write-concern-timeout", false, { receipt: { version: "weur.16.9" } });
    expect(hear(write, late)).toMatchObject({ type: "info", answer: { version: "weur.16.9" } });
  });

  it("lost positions are told with their range", () => {
    const lost = [
      { from: "weur.16.3", to: "weur.16.5" },
      { from: "enam.17.2", to: "enam.17.2" },
    ];
    expect(hear(write, problem(409, "session-lost", true, { lost }))).toMatchObject({
      type: "fail",
      answer: { lostReported: ["weur.16.3-5", "enam.17.2"] },
    });
  });

  it("what an add came to", () => {
    const writes = [
      { op: "add", key: "c", value: 2 },
      { op: "write", key: "m", value: 7 },
    ] as const;
    const results = [{ version: "weur.16.4", value: "12" }, { version: "weur.16.4" }];
    const asked: Invocation = { process: 1, op: "transaction", user: "alice", writes };
    expect(
      hear(asked, reply(200, { version: "weur.16.4", leader: "weur", results })).answer.items,
    ).toStrictEqual([{ key: "c", version: "weur.16.4", value: "12" }]);
  });
});

describe("what an answer to a read means", () => {
  it("an item, or that there is none", () => {
    expect(hear(read, reply(200, { n: 1 }, { ETag: 'W/"weur.16.3"' }))).toMatchObject({
      type: "ok",
      answer: { version: "weur.16.3", value: { n: 1 } },
    });
    expect(hear(read, problem(404, "not-found", true))).toMatchObject({
      type: "ok",
      answer: { version: null },
    });
  });

  it("a failure, whatever else: a read does nothing", () => {
    expect(hear(read, null).type).toBe("fail");
    expect(hear(read, problem(504, "read-timeout", false)).type).toBe("fail");
    expect(hear(read, reply(200, { n: 1 })).type).toBe("fail");
  });

  it("items that were not found are absent, not untold", () => {
    const asked: Invocation = { process: 1, op: "read-many", user: "alice" };
    const items = [
      { user: "alice", key: "a", found: true, version: "weur.16.3", value: 1 },
      { user: "bob", key: "b", found: false },
    ];
    expect(hear(asked, reply(200, { items })).answer.items).toStrictEqual([
      { user: "alice", key: "a", version: "weur.16.3", value: 1 },
      { user: "bob", key: "b", version: null, value: undefined },
    ]);
  });

  it("that it was served stale, or that something of its session is lost", () => {
    const headers = {
      ETag: '"weur.16.3"',
      "Ithaca-Anchored": "no",
      "Ithaca-Session-Lost": JSON.stringify({ lost: [{ from: "weur.16.4", to: "weur.16.4" }] }),
    };
    expect(hear(read, reply(200, 1, headers)).answer).toMatchObject({
      anchored: false,
      lostReported: ["weur.16.4"],
    });
  });
});
