import { describe, expect, it } from "vitest";
import { Authority } from "../../src/checker/authority.ts";
import { checkCrossDevice } from "../../src/checker/cross-device.ts";
import { entry, Story, v } from "./story.ts";

const phone = { op: "write", session: "phone" } as const;
const laptop = { op: "read", level: "user", session: "laptop", token: false } as const;
const line = new Authority([entry(v(1)), entry(v(2)), entry(v(3), { op: "delete" })]);

function messages(story: Story, authority = line): string[] {
  return checkCrossDevice(story.operations, authority).violations.map((violation) => violation.message);
}

describe("cross-device visibility", () => {
  it("is met by the write itself or a later one, with a token or without", () => {
    const story = new Story();
    story.did(phone, { version: v(1) });
    story.did(laptop, { version: v(1) });
    story.did({ ...laptop, level: "strong" }, { version: v(2) });
    story.did({ op: "delete" }, { version: v(3) });
    story.did(laptop, { version: null });
    expect(messages(story)).toEqual([]);
    const { counted } = checkCrossDevice(story.operations, line);
    expect(counted).toMatchObject({ writes: 2, reads: 3, readsAfterWrites: 3 });
  });

  it("catches a stale read on another device after the acknowledgement", () => {
    const story = new Story();
    story.did(phone, { version: v(1) });
    story.did(phone, { version: v(2) });
    story.did(laptop, { version: v(1), servedBy: "apac" });
    expect(messages(story)).toEqual([
      expect.stringMatching(/#2 read .* in apac .*saw weur.16.1.* began after #1 write/u),
    ]);
  });

  it("catches absence after a write, and presence after a delete, in lists too", () => {
    const absent = new Story();
    absent.did(phone, { version: v(2) });
    absent.did(laptop, { version: null });
    absent.did({ op: "delete" }, { version: v(3) });
    expect(messages(absent)).toHaveLength(1);
    const undead = new Story();
    undead.did({ op: "delete" }, { version: v(3) });
    undead.did({ op: "list", level: "user" }, { items: [{ key: "a", version: v(2) }] });
    expect(messages(undead)).toHaveLength(1);
  });

  it("asks nothing of a read that began before the acknowledgement, of other levels, or of unanchored answers", () => {
    const story = new Story();
    const writing = story.begin(phone);
    const reading = story.begin(laptop);
    story.ok(writing, { version: v(2) });
    story.ok(reading, { version: v(1) });
    story.did({ ...laptop, level: "session" }, { version: v(1) });
    story.did({ ...laptop, level: "prefix" }, { version: null });
    story.did(laptop, { version: v(1), anchored: false });
    story.unknown({ op: "write" });
    expect(messages(story)).toEqual([]);
  });

  it("excuses a write that a failover lost, but not while the answering replica still had it", () => {
    const cut = new Authority([entry(v(1)), entry("weur.33.3")], [entry(v(2))]);
    const story = (position: string): Story => {
      const made = new Story();
      made.did(phone, { version: v(2) });
      made.did(laptop, { version: v(1), position });
      return made;
    };
    expect(messages(story("weur.33.3"), cut)).toEqual([]);
    expect(messages(story(v(1)), cut)).toEqual([]);
    expect(messages(story(v(2)), cut)).toHaveLength(1);
    expect(checkCrossDevice(story(v(1)).operations, cut).counted.readsAfterLost).toBe(1);
  });
});
