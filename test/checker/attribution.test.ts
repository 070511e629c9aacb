import { describe, expect, it } from "vitest";
import { attribute } from "../../src/checker/attribution.ts";
import { entry, Story, v } from "./story.ts";

function keys(story: Story, ...entries: Parameters<typeof attribute>[0]): (string | undefined)[] {
  return attribute(entries, story.operations).map(({ idempotencyKey }) => idempotencyKey);
}

describe("attribution", () => {
  it("recognises a write by a value that nobody else wrote, its answer or none", () => {
    const story = new Story();
    story.did({ op: "write", value: 1, idempotencyKey: "one" }, { version: v(1) });
    story.unknown({ op: "write", value: 2, idempotencyKey: "two" });
    expect(keys(story, entry(v(1), { value: 1 }), entry(v(2), { value: 2 }))).toStrictEqual(["one", "two"]);
  });

  it("recognises all of a transaction by one of its values", () => {
    const story = new Story();
    const writes = [
      { op: "add", key: "c", value: 3 },
      { op: "write", key: "mark", value: 7 },
    ] as const;
    story.unknown({ op: "transaction", writes, idempotencyKey: "both" });
    const added = entry(v(1), { key: "c", op: "add", value: "3" });
    expect(keys(story, added, entry(v(1), { key: "mark", value: 7 }))).toStrictEqual(["both", "both"]);
  });

  it("recognises an append by the last element", () => {
    const story = new Story();
    story.unknown({ op: "append", value: 9, idempotencyKey: "nine" });
    expect(keys(story, entry(v(1), { value: [4, 9] }), entry(v(2), { value: [4, 9, 5] }))).toStrictEqual([
      "nine",
      undefined,
    ]);
  });

  it("recognises a delete by the position that a later attempt at it was told", () => {
    const story = new Story();
    story.unknown({ op: "delete", idempotencyKey: "gone" });
    story.did({ op: "delete", idempotencyKey: "gone" }, { version: v(2) });
    const deleted = entry(v(2), { op: "delete" });
    expect(keys(story, deleted, entry(v(3), { op: "delete" }))).toStrictEqual(["gone", undefined]);
    // Somebody else's item at that position is not what was deleted.
    expect(keys(story, entry(v(2), { op: "delete", key: "other" }))).toStrictEqual([undefined]);
  });

  it("recognises nobody where two may have been it, or where the item is another", () => {
    const story = new Story();
    story.did({ op: "write", value: 1, idempotencyKey: "one" }, { version: v(1) });
    story.did({ op: "write", value: 1, idempotencyKey: "again" }, { version: v(2) });
    story.did({ op: "write", key: "b", value: 5, idempotencyKey: "b" }, { version: v(3) });
    expect(keys(story, entry(v(1), { value: 1 }), entry(v(3), { value: 5 }))).toStrictEqual([
      undefined,
      undefined,
    ]);
  });
});
