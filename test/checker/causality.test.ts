import { describe, expect, it } from "vitest";
import { Authority } from "../../src/checker/authority.ts";
import { checkCausality } from "../../src/checker/causality.ts";
import type { Level } from "../../src/checker/operation.ts";
import { entry, Story, v } from "./story.ts";

function messages(story: Story, authority: Authority): string[] {
  return checkCausality(story.operations, authority).violations.map((violation) => violation.message);
}

/** Alice posts (bob's log knows nothing of it), bob reads the post and replies in his own log. */
const post = { user: "alice", key: "post" };
const reply = { user: "bob", key: "reply" };
const across = new Authority([
  entry("weur.16.1", { user: "alice", key: "post" }),
  entry("weur.16.2", { user: "alice", key: "post" }),
  entry("enam.17.1", { user: "bob", key: "reply" }),
]);

function posted(): Story {
  const story = new Story();
  story.did({ op: "write", ...post, session: "alice" }, { version: "weur.16.1" });
  story.did({ op: "write", ...post, session: "alice" }, { version: "weur.16.2" });
  story.did({ op: "read", ...post, level: "session", session: "bob" }, { version: "weur.16.2" });
  story.did({ op: "write", ...reply, session: "bob" }, { version: "enam.17.1" });
  return story;
}

const both = (postVersion: string | null, replyVersion: string | null) => ({
  items: [
    { ...post, version: postVersion },
    { ...reply, version: replyVersion },
  ],
});

describe("causality within one answer", () => {
  const line = new Authority([
    entry(v(1)),
    entry(v(2), { key: "b" }),
    entry(v(3)),
    entry(v(4), { key: "b", op: "delete" }),
  ]);
  const list = (a: string | null, b: string | null, level: Level = "prefix"): string[] => {
    const story = new Story();
    const items = [
      { key: "a", version: a },
      { key: "b", version: b },
    ];
    story.did({ op: "list", level }, { items });
    return messages(story, line);
  };

  it("a list of one user is its log up to one place", () => {
    expect(list(null, null)).toEqual([]);
    expect(list(v(1), null)).toEqual([]);
    expect(list(v(1), v(2))).toEqual([]);
    expect(list(v(3), v(2))).toEqual([]);
    expect(list(v(3), null)).toEqual([]);
  });

  it("a later write without an earlier one is caught", () => {
    expect(list(null, v(2))).toEqual([
      expect.stringMatching(/in one answer: #0 list .*alice\/"a" at nothing/u),
    ]);
    const lost = new Authority([entry(v(1)), entry(v(2), { key: "b" }), entry(v(3))]);
    const story = new Story();
    const items = [
      { key: "a", version: v(3) },
      { key: "b", version: null },
    ];
    story.did({ op: "list", level: "prefix" }, { items });
    expect(messages(story, lost)).toHaveLength(1);
  });

  it("eventual answers promise nothing", () => {
    expect(list(null, v(2), "eventual")).toEqual([]);
  });

  it("a list from a replica on the cut-off branch is judged by what was under the cut", () => {
    const cut = new Authority(
      [entry(v(1)), entry(v(2), { key: "b" }), entry("weur.33.4", { key: "b" })],
      [entry(v(3))],
    );
    const shown = (b: string | null): string[] => {
      const story = new Story();
      const items = [
        { key: "a", version: v(3) },
        { key: "b", version: b },
      ];
      story.did({ op: "list", level: "prefix" }, { items });
      return messages(story, cut);
    };
    expect(shown(v(2))).toEqual([]);
    expect(shown(null)).toHaveLength(1);
  });

  it("across users: the reply with the post is fine, the reply without it is caught, at any region", () => {
    const story = posted();
    story.did({ op: "read-many", level: "prefix" }, both("weur.16.2", "enam.17.1"));
    story.did({ op: "read-many", level: "prefix" }, both("weur.16.1", null));
    expect(messages(story, across)).toEqual([]);
    story.did({ op: "read-many", level: "prefix" }, both("weur.16.1", "enam.17.1"));
    story.did({ op: "read-many", level: "prefix" }, both(null, "enam.17.1"));
    expect(messages(story, across)).toHaveLength(2);
  });

  it("what the writer did not know is no cause", () => {
    const story = new Story();
    story.did({ op: "write", ...reply, session: "bob" }, { version: "enam.17.1" });
    story.did({ op: "write", ...post, session: "alice" }, { version: "weur.16.1" });
    story.did({ op: "read-many", level: "prefix" }, both(null, "enam.17.1"));
    expect(messages(story, across)).toEqual([]);
  });
});

describe("causality along a session", () => {
  it("who saw the reply must find the post, though never having looked at alice before", () => {
    const story = posted();
    story.did({ op: "read", ...reply, level: "eventual", session: "carol" }, { version: "enam.17.1" });
    story.did({ op: "read", ...post, level: "session", session: "carol" }, { version: "weur.16.2" });
    expect(messages(story, across)).toEqual([]);
    story.did({ op: "read", ...post, level: "session", session: "carol" }, { version: "weur.16.1" });
    expect(messages(story, across)).toEqual([
      expect.stringMatching(
        /along its session: #6 read .*leaves out weur.16.2, on which what is known through #2 read/u,
      ),
    ]);
  });

  it("goes through a chain of sessions, and through a write whose answer never came", () => {
    const chain = new Authority([
      ...across.entries,
      entry("apac.18.1", { user: "carol", key: "digest", idempotencyKey: "d" }),
    ]);
    const story = posted();
    story.did({ op: "read", ...reply, level: "session", session: "carol" }, { version: "enam.17.1" });
    story.unknown({ op: "write", user: "carol", key: "digest", session: "carol", idempotencyKey: "d" });
    story.did(
      { op: "read", user: "carol", key: "digest", level: "session", session: "dave" },
      { version: "apac.18.1" },
    );
    story.did({ op: "read", ...post, level: "session", session: "dave" }, { version: null });
    expect(messages(story, chain)).toEqual([expect.stringContaining("along its session")]);
  });

  it("holds nothing against prefix reads, requests without the token, or unanchored answers", () => {
    const story = posted();
    story.did({ op: "read", ...reply, level: "session", session: "carol" }, { version: "enam.17.1" });
    story.did({ op: "read", ...post, level: "prefix", session: "carol" }, { version: null });
    story.did(
      { op: "read", ...post, level: "session", session: "carol" },
      { version: null, anchored: false },
    );
    story.did({ op: "read", ...post, level: "session", session: "carol", token: false }, { version: null });
    story.did({ op: "read", ...post, level: "session", session: "carol" }, { version: null });
    expect(messages(story, across)).toEqual([]);
  });

  it("a cause that a failover took away is none any more", () => {
    const cut = new Authority(
      [entry("weur.16.1", post), entry("enam.17.1", reply)],
      [entry("weur.16.2", post)],
    );
    const story = posted();
    story.did({ op: "read", ...reply, level: "session", session: "carol" }, { version: "enam.17.1" });
    story.did({ op: "read", ...post, level: "session", session: "carol" }, { version: "weur.16.1" });
    expect(messages(story, cut)).toEqual([]);
    story.did({ op: "read", ...post, level: "session", session: "carol" }, { version: null });
    expect(messages(story, cut)).toHaveLength(1);
  });

  it("knows that one request may stand in two logs' histories, of which its client was told one", () => {
    // A leader took it and was deposed; a successor has it too, from the same attempt. Its client heard of the first.
    const story = new Story();
    story.unknown({ op: "write", idempotencyKey: "i" }, { version: v(9) });
    story.did({ op: "read", level: "eventual" }, { version: "weur.33.2" });
    story.did({ op: "write", idempotencyKey: "i" }, { version: "weur.33.2" });
    const twice = new Authority(
      [entry("weur.33.2", { idempotencyKey: "i" })],
      [entry(v(9), { idempotencyKey: "i" })],
    );
    expect(messages(story, twice)).toEqual([]);
    // Without the first attempt it would have come from the future.
    const late = new Story();
    late.did({ op: "read", level: "eventual" }, { version: "weur.33.2" });
    late.did({ op: "write", idempotencyKey: "i" }, { version: "weur.33.2" });
    expect(messages(late, twice)).toHaveLength(1);
  });

  it("catches an answer that shows what was only written afterwards", () => {
    const story = new Story();
    story.did({ op: "read", level: "eventual" }, { version: v(1) });
    story.did({ op: "write" }, { version: v(1) });
    expect(messages(story, new Authority([entry(v(1))]))).toEqual([
      expect.stringContaining("effect before its cause"),
    ]);
  });
});

describe("causality within a read of several items", () => {
  const cut = (postVersion: string | null, level: Level): string[] => {
    const story = posted();
    story.did({ op: "read-many", level }, both(postVersion, "enam.17.1"));
    return messages(story, across);
  };

  it.each(["prefix", "bounded", "session", "user", "strong"] as const)("is owed at %s", (level) => {
    expect(cut("weur.16.2", level)).toEqual([]);
    expect(cut("weur.16.1", level)).toHaveLength(1);
    expect(cut(null, level)).toHaveLength(1);
  });

  it("is not owed at eventual, nor at bounded by other answers", () => {
    expect(cut(null, "eventual")).toEqual([]);
    const story = posted();
    story.did({ op: "list", level: "bounded" }, both(null, "enam.17.1"));
    expect(messages(story, across)).toEqual([]);
  });
});
