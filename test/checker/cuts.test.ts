/** Good and bad cuts, by what the values say of each other. */
import { describe, expect, it } from "vitest";
import { Authority } from "../../src/checker/authority.ts";
import { checkCuts, questionOf } from "../../src/checker/cuts.ts";
import type { Level, ShownItem } from "../../src/checker/operation.ts";
import { entry, Story } from "./story.ts";

const asked = { user: "alice", key: "q" };
const answered = { user: "bob", key: "a" };
/** Alice asks twice and takes the question back; what she asked in a leadership that was cut off is lost. */
const authority = new Authority(
  [
    entry("weur.16.1", asked),
    entry("weur.16.2", asked),
    entry("weur.16.3", { ...asked, op: "delete" }),
    entry("enam.17.1", answered),
  ],
  [entry("weur.32.9", asked)],
);
const answering = (version: string) => ({ answers: { ...asked, version } });

/** All of it was written, and then one cut was read. */
function read(items: readonly ShownItem[], level: Level = "prefix", anchored?: boolean) {
  const story = new Story();
  story.did({ op: "write", ...asked }, { version: "weur.16.1" });
  story.did({ op: "write", ...asked }, { version: "weur.16.2" });
  story.did({ op: "delete", ...asked }, { version: "weur.16.3" });
  story.did({ op: "read-many", level }, { items, anchored });
  return checkCuts(story.operations, authority);
}
const cut = (question: string | null, answers: string): ShownItem[] => [
  { ...asked, version: question },
  { ...answered, version: "enam.17.1", value: answering(answers) },
];

describe("a cut", () => {
  it.each([
    ["the question itself", "weur.16.1", "weur.16.1"],
    ["a later one in its place", "weur.16.2", "weur.16.1"],
    ["that it was taken back since", null, "weur.16.2"],
  ])("is good when it shows %s", (_, shown, answers) => {
    const verdict = read(cut(shown, answers));
    expect(verdict.violations).toEqual([]);
    expect(verdict.counted).toMatchObject({ cuts: 1, answersWithQuestion: 1, acrossUsers: 1 });
  });

  it.each(["prefix", "session", "bounded", "user", "strong"] as const)(
    "that shows the answer and an earlier question is bad at %s",
    (level) => {
      const { violations } = read(cut("weur.16.1", "weur.16.2"), level);
      expect(violations.map(({ message }) => message)).toEqual([
        expect.stringContaining("an answer without its question"),
      ]);
    },
  );

  it("that shows the answer and no question is bad, unless somebody took the question back", () => {
    const story = new Story();
    story.did({ op: "write", ...asked }, { version: "weur.16.1" });
    story.did({ op: "read-many", level: "prefix" }, { items: cut(null, "weur.16.1") });
    // The removal came after it: it excuses nothing.
    story.did({ op: "delete", ...asked }, { version: "weur.16.3" });
    expect(checkCuts(story.operations, authority).violations).toHaveLength(1);
  });

  it("is not judged at eventual, nor where it was served stale by request, nor in other reads", () => {
    expect(read(cut("weur.16.1", "weur.16.2"), "eventual").counted).toMatchObject({ cuts: 0 });
    expect(read(cut("weur.16.1", "weur.16.2"), "user", false).counted).toMatchObject({ cuts: 0 });
    const story = new Story();
    story.did({ op: "list", level: "prefix" }, { items: cut("weur.16.1", "weur.16.2") });
    expect(checkCuts(story.operations, authority).violations).toEqual([]);
  });

  it("owes nobody a question that a failover took away, nor one that was not asked for", () => {
    const lost = read(cut(null, "weur.32.9"));
    expect(lost.violations).toEqual([]);
    expect(lost.counted).toMatchObject({ questionsLost: 1, answersWithQuestion: 0 });
    const alone = read(cut(null, "weur.16.2").slice(1));
    expect(alone.counted).toMatchObject({ cuts: 1, answersWithQuestion: 0 });
  });
});

describe("what a value answers", () => {
  it.each([
    [{ answers: { user: "a", key: "q", version: "weur.16.1" }, text: "yes" }, "weur.16.1"],
    [{ answers: { user: "a", key: "q" } }, undefined],
    [{ answers: "a" }, undefined],
    [["answers"], undefined],
    [null, undefined],
    [7, undefined],
    [undefined, undefined],
  ])("%j", (value, version) => {
    expect(questionOf(value)?.version).toBe(version);
  });
});
