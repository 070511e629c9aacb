import { describe, expect, it } from "vitest";
import { Authority } from "../../src/checker/authority.ts";
import { checkExactlyOnce } from "../../src/checker/exactly-once.ts";
import { entry, Story, v } from "./story.ts";

const keyed = { op: "write", idempotencyKey: "i", value: 1 } as const;

function messages(story: Story, authority: Authority): string[] {
  return checkExactlyOnce(story.operations, authority).violations.map((violation) => violation.message);
}

describe("exactly once", () => {
  const once = new Authority([entry(v(1), { idempotencyKey: "i", value: 1 })]);

  it("a write that was sent three times, and answered alike, is one entry", () => {
    const story = new Story();
    story.unknown(keyed);
    story.did(keyed, { version: v(1) });
    story.did(keyed, { version: v(1) });
    expect(messages(story, once)).toEqual([]);
    expect(checkExactlyOnce(story.operations, once).counted).toMatchObject({
      writes: 3,
      keys: 1,
      keysRetried: 1,
      unknown: 1,
    });
  });

  it("two entries under one key are caught, whatever the clients saw", () => {
    const twice = new Authority([...once.entries, entry("weur.33.2", { idempotencyKey: "i", value: 1 })]);
    const story = new Story();
    story.unknown(keyed);
    story.did(keyed, { version: "weur.33.2" });
    expect(messages(story, twice)).toEqual([expect.stringContaining("weur.16.1 and weur.33.2")]);
    expect(messages(new Story(), twice)).toHaveLength(1);
  });

  it("a transaction is one entry, and another caller's or user's same key is another", () => {
    const authority = new Authority([
      entry(v(1), { idempotencyKey: "i", principal: "alice" }),
      entry(v(1), { idempotencyKey: "i", principal: "alice", key: "b" }),
      entry(v(2), { idempotencyKey: "i", principal: "service" }),
      entry(v(3), { idempotencyKey: "i", user: "bob", principal: "bob" }),
    ]);
    const story = new Story();
    story.did(keyed, { version: v(1) });
    story.did({ ...keyed, principal: "service" }, { version: v(2) });
    expect(messages(story, authority)).toEqual([]);
  });

  it("different answers to one key are caught, unless a failover took the first away", () => {
    const story = new Story();
    story.did(keyed, { version: v(1) });
    story.did(keyed, { version: v(2) });
    const noKeys = new Authority([entry(v(1)), entry(v(2))]);
    expect(messages(story, noKeys)).toEqual([expect.stringContaining("equal keys, different answers")]);
    const cut = new Authority([entry(v(2), { idempotencyKey: "i" })], [entry(v(1), { idempotencyKey: "i" })]);
    expect(messages(story, cut)).toEqual([]);
  });

  it("acknowledged but in no log is caught, and so is a definite failure that is in one", () => {
    const acknowledged = new Story();
    acknowledged.did(keyed, { version: v(1) });
    expect(messages(acknowledged, new Authority([]))).toEqual([
      expect.stringContaining("acknowledged but not done"),
    ]);
    const refused = new Story();
    refused.failed(keyed);
    expect(messages(refused, once)).toEqual([expect.stringContaining("done though refused")]);
    expect(messages(refused, new Authority([]))).toEqual([]);
    refused.unknown(keyed);
    expect(messages(refused, once)).toEqual([]);
  });

  it("follows writes without a key by version and by value", () => {
    const shared = new Story();
    shared.did({ op: "write" }, { version: v(1) });
    shared.did({ op: "write" }, { version: v(1) });
    expect(messages(shared, new Authority([entry(v(1))]))).toEqual([
      expect.stringContaining("two writes, one version"),
    ]);
    const refused = new Story();
    refused.failed({ op: "write", value: "only mine" });
    const logged = new Authority([entry(v(1), { value: "only mine" })]);
    expect(messages(refused, logged)).toEqual([expect.stringContaining("done though refused")]);
    refused.did({ op: "write", value: "only mine" }, { version: v(1) });
    expect(messages(refused, logged)).toEqual([]);
  });
});
