import { describe, expect, it } from "vitest";
import { Authority } from "../../src/checker/authority.ts";
import { checkLinearizability } from "../../src/checker/linearizability.ts";
import { entry, Story, v } from "./story.ts";

const strong = { op: "read", level: "strong" } as const;

function verdict(story: Story, authority?: Authority): boolean | "undecided" {
  return checkLinearizability(story.operations, authority === undefined ? {} : { authority }).ok;
}

describe("linearizability", () => {
  it("accepts a write, its read, a delete and the absence after it", () => {
    const story = new Story();
    story.did(strong, { version: null });
    story.did({ op: "write", value: 1 }, { version: v(1) });
    story.did(strong, { version: v(1), value: 1 });
    story.did({ op: "delete" }, { version: v(2) });
    story.did(strong, { version: null });
    story.did({ op: "delete" }, { applied: false });
    expect(verdict(story)).toBe(true);
  });

  it("rejects a read of what was overwritten before it began", () => {
    const story = new Story();
    story.did({ op: "write", value: 1 }, { version: v(1) });
    story.did({ op: "write", value: 2 }, { version: v(2) });
    const read = story.did(strong, { version: v(1), value: 1 });
    const result = checkLinearizability(story.operations);
    expect(result.ok).toBe(false);
    expect(result.violations[0]?.ops).toEqual([read]);
    expect(result.violations[0]?.message).toContain(`#2 read alice/"a" at strong`);
    expect(result.violations[0]?.message).toContain(v(2));
  });

  it("accepts either answer while a write runs, but not new and then old", () => {
    const story = (...seen: number[]): Story => {
      const made = new Story();
      made.did({ op: "write", value: 1 }, { version: v(1) });
      const running = made.begin({ op: "write", value: 2 });
      for (const seq of seen) made.did(strong, { version: v(seq), value: seq });
      made.ok(running, { version: v(2) });
      return made;
    };
    expect(verdict(story(1, 2))).toBe(true);
    expect(verdict(story(2, 2))).toBe(true);
    expect(verdict(story(2, 1))).toBe(false);
  });

  it("lets an unknown write take effect late, or never", () => {
    const never = new Story();
    never.unknown({ op: "write", value: "lost?" });
    never.did(strong, { version: null });
    expect(verdict(never)).toBe(true);
    const late = new Story();
    late.unknown({ op: "write", value: "late" });
    late.did({ op: "write", value: 1 }, { version: v(1) });
    late.did(strong, { version: v(1), value: 1 });
    late.did(strong, { version: v(2), value: "late" });
    expect(verdict(late)).toBe(true);
  });

  it("rejects an unknown write that was seen and then unseen", () => {
    const story = new Story();
    story.did({ op: "write", value: 1 }, { version: v(1) });
    story.unknown({ op: "write", value: 2 });
    story.did(strong, { version: v(2), value: 2 });
    story.did(strong, { version: v(1), value: 1 });
    expect(verdict(story)).toBe(false);
  });

  it("does not take a value for proof of a write that may be another's", () => {
    const twins = new Story();
    twins.unknown({ op: "write", value: "x" });
    twins.did(strong, { version: v(1), value: "x" });
    twins.did({ op: "write", value: 2 }, { version: v(2) });
    twins.unknown({ op: "write", value: "x" });
    twins.did(strong, { version: v(2), value: 2 });
    expect(verdict(twins)).toBe(true);
    const merged = new Story();
    merged.did({ op: "write" }, { version: v(1) });
    merged.did(strong, { version: v(1), value: "x" });
    merged.did({ op: "write", value: 2 }, { version: v(2) });
    merged.unknown({ op: "write", value: "x" });
    merged.did(strong, { version: v(2), value: 2 });
    expect(verdict(merged)).toBe(true);
  });

  it("rejects two versions for one unknown write", () => {
    const story = new Story();
    story.unknown({ op: "write", value: 2 });
    story.did(strong, { version: v(2), value: 2 });
    story.did(strong, { version: v(3), value: 2 });
    expect(verdict(story)).toBe(false);
  });

  it("rejects a definite failure that was seen, a value nobody wrote, and a value that is another version's", () => {
    const failed = new Story();
    failed.failed({ op: "write", value: 1 });
    failed.did(strong, { version: v(1), value: 1 });
    expect(verdict(failed)).toBe(false);
    const invented = new Story();
    invented.did(strong, { version: v(9), value: 9 });
    expect(verdict(invented)).toBe(false);
    const mixed = new Story();
    mixed.did({ op: "write", value: 1 }, { version: v(1) });
    mixed.did(strong, { version: v(1), value: 2 });
    expect(verdict(mixed)).toBe(false);
  });

  it("holds conditions to the state, and refusals too", () => {
    const good = new Story();
    good.did({ op: "cas", value: 1, expected: null }, { version: v(1) });
    good.did({ op: "cas", value: 2, expected: null }, { applied: false });
    good.did({ op: "cas", value: 2, expected: v(1) }, { version: v(2) });
    good.did({ op: "cas", value: 3, expected: v(1) }, { applied: false });
    good.did({ op: "delete", expected: "*" }, { version: v(3) });
    expect(verdict(good)).toBe(true);
    const twoWinners = new Story();
    twoWinners.did({ op: "write", value: 0 }, { version: v(1) });
    const first = twoWinners.begin({ op: "cas", value: 1, expected: v(1) });
    const second = twoWinners.begin({ op: "cas", value: 2, expected: v(1) });
    twoWinners.ok(first, { version: v(2) });
    twoWinners.ok(second, { version: v(3) });
    twoWinners.did(strong, { version: v(3), value: 2 });
    expect(verdict(twoWinners)).toBe(false);
    const staleRefusal = new Story();
    staleRefusal.did({ op: "write", value: 0 }, { version: v(1) });
    staleRefusal.did({ op: "cas", value: 1, expected: v(1) }, { applied: false });
    staleRefusal.did(strong, { version: v(1), value: 0 });
    expect(verdict(staleRefusal)).toBe(false);
  });

  it("adds exactly: a lost update shows", () => {
    const story = (second: string): Story => {
      const made = new Story();
      made.did({ op: "add", value: "5" }, { version: v(1), value: "5" });
      made.did({ op: "add", value: 2 }, { version: v(2), value: second });
      made.did(strong, { version: v(2), value: Number(second) });
      return made;
    };
    expect(verdict(story("7"))).toBe(true);
    expect(verdict(story("2"))).toBe(false);
    const unknown = new Story();
    unknown.unknown({ op: "add", value: 1 });
    unknown.did({ op: "add", value: 1 }, { version: v(2), value: "2" });
    unknown.did(strong, { version: v(2), value: "2" });
    expect(verdict(unknown)).toBe(true);
  });

  it("appends in an order that every reader agrees on", () => {
    const story = new Story();
    const x = story.begin({ op: "append", value: "x" });
    const y = story.begin({ op: "append", value: "y" });
    story.ok(x);
    story.ok(y);
    story.did(strong, { value: ["y", "x"] });
    expect(verdict(story)).toBe(true);
    story.did(strong, { value: ["x", "y"] });
    expect(verdict(story)).toBe(false);
  });

  it("judges only the levels asked for, and never what was served stale by request", () => {
    const story = new Story();
    story.did({ op: "write", value: 1 }, { version: v(1) });
    story.did({ op: "write", value: 2 }, { version: v(2) });
    story.did({ op: "read", level: "eventual" }, { version: v(1), value: 1 });
    story.did(strong, { version: v(1), value: 1, anchored: false });
    story.did({ op: "read", level: "user" }, { version: v(2), value: 2 });
    story.did({ op: "read", level: "user" }, { version: v(1), value: 1 });
    expect(verdict(story)).toBe(true);
    expect(checkLinearizability(story.operations, { levels: ["user"] }).ok).toBe(false);
  });

  it("lets a failover take back what the authority knows to be lost, and nothing else", () => {
    const story = new Story();
    story.did({ op: "write", value: 1 }, { version: v(1) });
    story.did({ op: "write", value: 2 }, { version: v(2) });
    story.did(strong, { version: v(1), value: 1 });
    expect(verdict(story)).toBe(false);
    expect(verdict(story, new Authority([entry(v(1), { value: 1 })], [entry(v(2), { value: 2 })]))).toBe(
      true,
    );
    story.did(strong, { version: v(2), value: 2 });
    expect(verdict(story, new Authority([entry(v(1), { value: 1 })], [entry(v(2), { value: 2 })]))).toBe(
      false,
    );
  });

  it("takes attempts under one idempotency key for one write: a replayed answer brings nothing back", () => {
    const keyed = { op: "write", value: 1, idempotencyKey: "i" } as const;
    const story = new Story();
    story.unknown(keyed);
    story.did({ op: "write", value: 2 }, { version: v(2) });
    story.did(keyed, { version: v(1) });
    story.did(strong, { version: v(2), value: 2 });
    expect(verdict(story)).toBe(true);
    story.did(strong, { version: v(1), value: 1 });
    expect(verdict(story)).toBe(false);
  });

  /** The same request, executed in an epoch that was cut off and again in the next. */
  const again = { op: "write", value: 1, idempotencyKey: "i" } as const;
  const executedTwice = new Authority(
    [entry("weur.33.2", { value: 1, idempotencyKey: "i" })],
    [entry(v(1), { value: 1, idempotencyKey: "i" })],
  );

  it("lets a retry execute again after a failover lost the first execution", () => {
    const story = new Story();
    story.unknown(again);
    story.did(strong, { version: v(1), value: 1 });
    story.did(strong, { version: null });
    story.did(again, { version: "weur.33.2" });
    story.did(strong, { version: "weur.33.2", value: 1 });
    expect(verdict(story, executedTwice)).toBe(true);
    story.did(strong, { version: null });
    expect(verdict(story, executedTwice)).toBe(false);
  });

  it("knows that a version which an attempt of unknown outcome was told may be an earlier attempt's", () => {
    const story = new Story();
    story.unknown(again);
    story.did(strong, { version: "weur.33.2", value: 1 });
    story.unknown(again, { version: "weur.33.2" });
    expect(verdict(story, executedTwice)).toBe(true);
    // Nobody had asked for it yet.
    const early = new Story();
    early.did(strong, { version: "weur.33.2", value: 1 });
    early.unknown(again, { version: "weur.33.2" });
    expect(verdict(early, executedTwice)).toBe(false);
  });

  it("lets one operation be seen twice where its edge sent it again after a failover had lost it", () => {
    const authority = new Authority(
      [entry("weur.33.3", { op: "add", value: 1, idempotencyKey: "i" })],
      [entry(v(1), { op: "add", value: 1, idempotencyKey: "i" }), entry(v(2), { op: "add", value: 1 })],
    );
    const story = (shown: string): Story => {
      const made = new Story();
      const adding = made.begin({ op: "add", value: 1, idempotencyKey: "i" });
      made.did({ op: "add", value: 1 }, { version: v(2), value: shown });
      made.did(strong, { version: null });
      made.ok(adding, { version: "weur.33.3", value: "1" });
      made.did(strong, { version: "weur.33.3", value: "1" });
      return made;
    };
    expect(verdict(story("2"), authority)).toBe(true);
    expect(verdict(story("3"), authority)).toBe(false);
  });

  it("orders acknowledged writes as their log does, even where no read looked in between", () => {
    const story = (first: number, second: number): Story => {
      const made = new Story();
      made.did({ op: "write", value: 1 }, { version: v(first) });
      made.did({ op: "write", value: 2 }, { version: v(second) });
      return made;
    };
    expect(verdict(story(1, 2))).toBe(true);
    expect(verdict(story(2, 1))).toBe(false);
  });

  it("takes lists and transactions item by item", () => {
    const story = (b: string): Story => {
      const made = new Story();
      const writes = [
        { op: "write", key: "a", value: 1 },
        { op: "write", key: "b", value: 1 },
      ] as const;
      made.did({ op: "transaction", writes, checks: [{ key: "c", version: null }] }, { version: v(1) });
      made.did({ op: "write", key: "b", value: 2 }, { version: v(2) });
      const items = [
        { key: "a", version: v(1), value: 1 },
        { key: "b", version: b },
      ];
      made.did({ op: "list", level: "strong" }, { items });
      return made;
    };
    expect(verdict(story(v(2)))).toBe(true);
    expect(verdict(story(v(1)))).toBe(false);
  });

  it("copes with a hundred unknown writes and ten writers at a time", () => {
    const story = new Story();
    let seq = 0;
    for (let round = 0; round < 40; round += 1) {
      const ids = Array.from({ length: 10 }, (_, writer) =>
        story.begin({ op: "write", value: `${round}/${writer}` }),
      );
      for (let lost = 0; lost < 3; lost += 1) story.unknown({ op: "write", value: `${round}/lost ${lost}` });
      if (round % 7 === 3) story.did(strong, { version: `weur.16.${(seq += 1)}`, value: `${round}/lost 1` });
      const versions = ids.map((id) => [id, `weur.16.${(seq += 1)}`] as const).toReversed();
      for (const [id, version] of versions) story.ok(id, { version });
      const [last] = versions;
      const value = `${round}/9`;
      story.did(strong, { version: last?.[1] ?? null, value });
    }
    const result = checkLinearizability(story.operations);
    expect(result.ok).toBe(true);
    expect(result.counted).toMatchObject({ unknown: 120, undecided: 0 });
    story.did(strong, { version: v(1) });
    expect(verdict(story)).toBe(false);
  });

  it("says undecided when the budget ends, which is no pass", () => {
    const story = new Story();
    const ids = Array.from({ length: 12 }, (_, writer) => story.begin({ op: "write", value: writer }));
    for (const id of ids) story.ok(id);
    story.did(strong, { value: "never written" });
    expect(checkLinearizability(story.operations, { budget: 50 }).ok).toBe("undecided");
  });
});
