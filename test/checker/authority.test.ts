import { describe, expect, it } from "vitest";
import { Authority } from "../../src/checker/authority.ts";
import { entry, v } from "./story.ts";

describe("the final order of a user's writes", () => {
  // 0 ── 1 ── 2 ── 3: a failover after seq 2 cut off 3 and 4 of epoch 16; epoch 33 went on from there.
  const cut = new Authority(
    [entry(v(1)), entry(v(2)), entry("weur.33.4"), entry("weur.33.5")],
    [entry(v(3)), entry(v(4))],
  );

  it("includes what came before, along the line", () => {
    expect(cut.includes("alice", "weur.33.5", v(1))).toBe(true);
    expect(cut.includes("alice", v(2), "weur.33.4")).toBe(false);
  });

  it("takes a lost write for a twig: it includes what was under it and nothing that came after the cut", () => {
    expect(cut.includes("alice", v(4), v(2))).toBe(true);
    expect(cut.includes("alice", v(4), v(3))).toBe(true);
    expect(cut.includes("alice", v(3), v(4))).toBe(false);
    expect(cut.includes("alice", v(4), "weur.33.4")).toBe(false);
    expect(cut.includes("alice", "weur.33.5", v(3))).toBe(false);
    expect(cut.includes("alice", v(2), "weur.16.99")).toBeUndefined();
  });

  it("goes by epochs before seqs: a new leader may well have written past the seq of what was cut", () => {
    const raced = new Authority([entry(v(1)), entry("weur.33.3")], [entry(v(5))]);
    expect(raced.includes("alice", v(5), v(1))).toBe(true);
    expect(raced.includes("alice", v(5), "weur.33.3")).toBe(false);
  });

  it("finds the cut also after the home moved", () => {
    const moved = new Authority(
      [entry(v(1)), entry(v(2)), entry("enam.17.4"), entry("enam.18.6")],
      [entry("enam.17.5"), entry("enam.17.3")],
    );
    expect(moved.includes("alice", "enam.17.5", "enam.17.4")).toBe(true);
    expect(moved.includes("alice", "enam.17.5", "enam.18.6")).toBe(false);
    expect(moved.includes("alice", "enam.17.3", v(2))).toBe(true);
    expect(moved.includes("alice", "enam.17.3", "enam.17.4")).toBe(false);
  });

  it("tells a stay from an earlier one in the same log, and from a home of which nothing is kept", () => {
    const line = [
      entry(v(1), { homeVersion: 1 }),
      entry("enam.17.4", { homeVersion: 2 }),
      entry(v(9), { homeVersion: 3 }),
    ];
    const under = (lost: string, homeVersion?: number) => {
      const place = new Authority(line, [
        entry(lost, homeVersion === undefined ? {} : { homeVersion }),
      ]).place("alice", lost);
      return place?.state === "lost" ? place.base : place;
    };
    expect([under(v(5), 1), under(v(5), 3), under(v(5))]).toEqual([0, 1, 0]);
    expect([under("apac.18.2", 0), under("apac.18.2", 2), under("apac.18.2")]).toEqual([-1, 0, 2]);
  });

  it("keeps the positions of two users apart", () => {
    const authority = new Authority(
      [entry(v(1)), entry(v(2), { user: "bob" })],
      [entry(v(1), { user: "bob" })],
    );
    expect(authority.isLost("alice", v(1))).toBe(false);
    expect(authority.isLost("bob", v(1))).toBe(true);
    expect(authority.place("alice", v(2))).toBeUndefined();
  });

  it("lets absence include a write only if something after it removed the item", () => {
    const item = { user: "alice", key: "a" };
    const gone = new Authority([entry(v(1)), entry(v(2), { op: "delete" }), entry(v(3))]);
    expect(gone.shows(item, null, v(1))).toBe(true);
    expect(gone.shows(item, null, v(2))).toBe(true);
    expect(gone.shows(item, null, v(3))).toBe(false);
    expect(gone.shows(item, null, v(1), () => false)).toBe(false);
  });

  it("gives all of a transaction one place", () => {
    const authority = new Authority([entry(v(1)), entry(v(1), { key: "b" }), entry(v(2))]);
    expect(authority.place("alice", v(2))).toEqual({ state: "kept", at: 1 });
  });
});
