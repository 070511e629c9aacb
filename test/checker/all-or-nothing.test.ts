import { describe, expect, it } from "vitest";
import { checkAllOrNothing } from "../../src/checker/all-or-nothing.ts";
import { Authority } from "../../src/checker/authority.ts";
import { entry, Story, v } from "./story.ts";

const both = {
  op: "transaction",
  idempotencyKey: "i",
  writes: [
    { op: "write", key: "k0", value: 1 },
    { op: "delete", key: "k1" },
  ],
} as const;
const list = { op: "list", prefix: "k" } as const;
const at = (s: number, ...keys: string[]) =>
  keys.map((key) => entry(v(s), { key, idempotencyKey: s === 2 ? "i" : `other ${s}` }));

function messages(story: Story, authority: Authority): string[] {
  return checkAllOrNothing(story.operations, authority).violations.map(({ message }) => message);
}

describe("all or nothing", () => {
  const whole = new Authority([...at(1, "k0", "k1"), ...at(2, "k0", "k1"), ...at(3, "k1")]);
  const half = new Authority([...at(1, "k0", "k1"), ...at(2, "k0")]);

  it("the log has a transaction whole, or does not have it", () => {
    const story = new Story();
    story.did(both, { version: v(2) });
    story.unknown(both);
    expect(messages(story, whole)).toEqual([]);
    expect(messages(story, new Authority(at(1, "k0", "k1")))).toEqual([]);
    expect(checkAllOrNothing(story.operations, whole).counted).toMatchObject({ transactions: 2, logged: 2 });
    expect(messages(story, half)).toEqual([
      expect.stringContaining("half a transaction"),
      expect.stringContaining("writes k0, k1, the log has k0"),
    ]);
    // Also where a failover took half of it, and where there is more than was asked for.
    const lost = new Authority(at(1, "k0", "k1"), at(2, "k0"));
    expect(messages(story, lost)).toHaveLength(2);
    expect(messages(story, new Authority(at(2, "k0", "k1", "k2")))).toHaveLength(2);
  });

  it("a refused one is not looked for", () => {
    const story = new Story();
    story.failed(both);
    story.did(both, { applied: false });
    expect(messages(story, half)).toEqual([]);
  });

  it.each([
    ["both at once", { k0: 2, k1: 2 }, 0],
    ["one later than the other", { k0: 2, k1: 3 }, 0],
    ["neither", { k0: 1, k1: 1 }, 0],
    ["one and not the other", { k0: 2, k1: 1 }, 1],
    ["the other and not the one", { k0: 1, k1: 2 }, 1],
    ["one and nothing of the other", { k0: 2 }, 1],
  ] as const)("an answer that shows %s", (_what, shown, wrong) => {
    const story = new Story();
    const items = Object.entries(shown).map(([key, s]) => ({ key, version: v(s) }));
    story.did(list, { items });
    expect(messages(story, whole)).toHaveLength(wrong);
  });

  it("what was deleted is rightly not shown, and what was not asked for is not missed", () => {
    const story = new Story();
    story.did(list, { items: [{ key: "k0", version: v(1) }] });
    const removed = new Authority([entry(v(1), { key: "k0" }), entry(v(1), { key: "k1", op: "delete" })]);
    expect(messages(story, removed)).toEqual([]);
    const elsewhere = new Authority([entry(v(1), { key: "k0" }), entry(v(1), { key: "t1" })]);
    expect(messages(story, elsewhere)).toEqual([]);
    const later = new Authority([...at(1, "k0", "k1"), entry(v(4), { key: "k1", op: "delete" })]);
    expect(messages(story, later)).toEqual([]);
  });
});
