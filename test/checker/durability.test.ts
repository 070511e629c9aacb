import { describe, expect, it } from "vitest";
import { Authority } from "../../src/checker/authority.ts";
import { checkDurability } from "../../src/checker/durability.ts";
import type { Concern } from "../../src/checker/operation.ts";
import { entry, Story, v } from "./story.ts";

const cut = new Authority([entry(v(1)), entry("weur.33.3")], [entry(v(2))]);

function wrote(concern: Concern, version: string, rest: { committed?: boolean } = {}): Story {
  const story = new Story();
  story.did({ op: "write", concern }, { version, ...rest });
  return story;
}

describe("durability", () => {
  it("is met by writes in the log, and by local ones among the divergent", () => {
    expect(checkDurability(wrote("majority", v(1)).operations, cut).ok).toBe(true);
    const local = checkDurability(wrote("local", v(2)).operations, cut);
    expect(local.ok).toBe(true);
    expect(local.counted).toMatchObject({ acknowledged: 1, local: 1, localLost: 1, majorityLost: 0 });
    expect(local.lost).toMatchObject([{ position: v(2), concern: "local", state: "divergent" }]);
  });

  it.each(["one", "majority", "all"] as const)("catches a lost write of concern %s", (concern) => {
    const verdict = checkDurability(wrote(concern, v(2)).operations, cut);
    expect(verdict.ok).toBe(false);
    expect(verdict.violations[0]?.message).toContain(`lost a write of concern ${concern}: #0 write`);
  });

  it("lets one lose with five voters, but never majority", () => {
    expect(checkDurability(wrote("one", v(2)).operations, cut, { voters: 5 }).ok).toBe(true);
    expect(checkDurability(wrote("majority", v(2)).operations, cut, { voters: 5 }).ok).toBe(false);
  });

  it("catches a silent loss, and only counts it while a region is down", () => {
    const story = wrote("local", v(9));
    expect(checkDurability(story.operations, cut).violations[0]?.message).toContain("lost in silence");
    const waiting = checkDurability(story.operations, cut, { someStillDown: true });
    expect(waiting.ok).toBe(true);
    expect(waiting.counted.missing).toBe(1);
    expect(checkDurability(wrote("all", v(9)).operations, cut, { someStillDown: true }).ok).toBe(false);
  });

  it("holds a receipt to its word committed", () => {
    expect(checkDurability(wrote("local", v(2), { committed: true }).operations, cut).ok).toBe(false);
  });

  it("catches a receipt for a place that holds something else", () => {
    const other = new Authority([entry(v(1), { key: "b" })]);
    expect(checkDurability(wrote("local", v(1)).operations, other).violations[0]?.message).toContain(
      "does not touch",
    );
  });

  it("catches reads of what is in no log, and strong or committed reads of what was lost", () => {
    const read = (version: string, rest: object): boolean | "undecided" => {
      const story = new Story();
      story.did({ op: "read", ...rest }, { version });
      return checkDurability(story.operations, cut).ok;
    };
    expect(read(v(9), { level: "eventual" })).toBe(false);
    expect(read(v(2), { level: "user" })).toBe(true);
    expect(read(v(2), { level: "strong" })).toBe(false);
    expect(read(v(2), { level: "session", readConcern: "committed" })).toBe(false);
    expect(read(v(1), { level: "strong" })).toBe(true);
  });

  it("owes nothing to failures, refusals and unknown outcomes", () => {
    const story = new Story();
    story.failed({ op: "write", concern: "all" });
    story.unknown({ op: "write", concern: "all" }, { version: v(2) });
    story.did({ op: "cas", expected: null }, { applied: false });
    expect(checkDurability(story.operations, cut)).toMatchObject({ ok: true, counted: { acknowledged: 0 } });
  });
});
