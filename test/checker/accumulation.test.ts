import { describe, expect, it } from "vitest";
import { checkAccumulation } from "../../src/checker/accumulation.ts";
import { Authority } from "../../src/checker/authority.ts";
import type { ReplicaState } from "../../src/checker/convergence.ts";
import type { Json } from "../../src/checker/operation.ts";
import { entry, Story, v } from "./story.ts";

const NO_LOG = new Authority([]);

function held(value?: Json): ReplicaState {
  const item = { user: "alice", key: "c", version: v(1), ...(value === undefined ? {} : { value }) };
  // Somebody else's item of the same user: the replica knows her.
  const other = { user: "alice", key: "x", version: v(1) };
  return { region: "weur", partition: "0", items: value === undefined ? [other] : [item, other] };
}

function judge(story: Story, value: Json | undefined, authority = NO_LOG) {
  return checkAccumulation(story.operations, authority, [held(value)]);
}

const add = (by: number, key = "i") =>
  ({ op: "transaction", idempotencyKey: key, writes: [{ op: "add", key: "c", value: by }] }) as const;
const merge = (name: string) =>
  ({ op: "transaction", idempotencyKey: name, writes: [{ op: "merge", key: "c", value: name }] }) as const;

describe("counters", () => {
  it("come to what was acknowledged, and to some of what was never answered", () => {
    const story = new Story();
    story.did(add(5, "a"), { version: v(1) });
    story.unknown(add(3, "b"));
    story.unknown(add(-7, "c"));
    story.failed(add(100, "d"));
    story.did(add(100, "e"), { applied: false });
    for (const value of [5, 8, -2, "1"]) expect(judge(story, value).ok, String(value)).toBe(true);
    expect(judge(story, 5).counted).toMatchObject({ counters: 1, adds: 3, unanswered: 2 });
    for (const value of [0, 3, 11, 105, undefined, "much"])
      expect(judge(story, value).ok, String(value)).toBe(false);
  });

  it("count an add once, however often it is sent", () => {
    const story = new Story();
    story.unknown(add(5));
    story.unknown(add(5));
    expect([0, 5, 10].map((value) => judge(story, value).ok)).toEqual([true, true, false]);
    story.did(add(5), { version: v(1) });
    expect([0, 5, 10].map((value) => judge(story, value).ok)).toEqual([false, true, false]);
  });

  it("lose with a failover what it took, and nothing else", () => {
    const story = new Story();
    story.did(add(5, "a"), { version: v(1) });
    story.did(add(3, "b"), { version: v(2) });
    const cut = new Authority([entry("weur.16.1", { key: "c" })], [entry("weur.16.2", { key: "c" })]);
    expect([5, 8].map((value) => judge(story, value, cut).ok)).toEqual([true, false]);
    // The edge had sent it twice: the attempt that was answered is lost, and the other stands.
    const twice = new Authority(
      [entry("weur.16.1", { key: "c" }), entry("weur.32.2", { key: "c" })],
      [entry("weur.16.2", { key: "c" })],
    );
    expect([5, 8, 11].map((value) => judge(story, value, twice).ok)).toEqual([true, true, false]);
    // A retry that found the first one gone did it again.
    story.unknown(add(3, "b"));
    expect([5, 8, 11].map((value) => judge(story, value, cut).ok)).toEqual([true, true, false]);
  });

  it("that something else wrote too are left to others", () => {
    const story = new Story();
    story.did(add(5), { version: v(1) });
    story.did({ op: "write", key: "c", value: 1 }, { version: v(2) });
    expect(judge(story, 77)).toMatchObject({ ok: true, counted: { counters: 0 } });
  });

  it("leave the question open when there are too many answers", () => {
    const story = new Story();
    for (let n = 0; n < 20; n++) story.unknown(add(2 ** n, `i${n}`));
    expect(judge(story, 1).ok).toBe("undecided");
  });
});

describe("documents", () => {
  it("have every member whose merge was acknowledged, and no member that nobody merged", () => {
    const story = new Story();
    story.did(merge("a"), { version: v(1) });
    story.unknown(merge("b"));
    for (const value of [{ a: 1 }, { a: 1, b: 1 }]) expect(judge(story, value).ok).toBe(true);
    const messages = [{ b: 1 }, undefined, { a: 1, z: 1 }].map(
      (value) => judge(story, value).violations[0]?.message,
    );
    expect(messages).toEqual([
      expect.stringContaining("lacks a"),
      expect.stringContaining("lacks a"),
      expect.stringContaining("has z, which nobody merged"),
    ]);
    expect(judge(story, { a: 1 }).counted).toMatchObject({ objects: 1, merges: 2, unanswered: 1 });
  });
});
