/** When are the answers of several replicas one cut? */
import { describe, expect, test } from "vitest";
import { fateOf, isLostIn, lackingOf, neededOf, type CutPart } from "../../src/replication/cut.ts";
import type { LogReach } from "../../src/replication/request.ts";
import type { CrossPosition, Position } from "../../src/replication/position.ts";

/** Log 0 is weur's (epoch 16), log 2 apac's (epoch 18). */
const weur = (s: number): Position => ({ o: 0, e: 16, s });
const apac = (s: number): Position => ({ o: 2, e: 18, s });
const reach = (applied: { weur: number; apac: number }): LogReach[] => [
  { o: 0, applied: applied.weur, commit: applied.weur, epochs: [{ e: 16, start: 1 }] },
  { o: 2, applied: applied.apac, commit: applied.apac, epochs: [{ e: 18, start: 1 }] },
];
const part = (
  partition: number,
  fields: Partial<CutPart> & { at?: { weur: number; apac: number } } = {},
): CutPart => ({
  partition,
  reach: reach(fields.at ?? { weur: 9, apac: 9 }),
  homes: [0, 2],
  shown: [],
  others: [],
  held: [],
  lost: [],
  ...fields,
});
const across = (p: number, position: Position): CrossPosition => ({ p, ...position });

describe("what a part lacks", () => {
  test("is nothing when nobody rests on anything of its partition", () => {
    const parts = [part(0, { shown: [weur(9)] }), part(1, { shown: [apac(9)] })];
    expect(parts.map((each) => lackingOf(each, parts))).toEqual([[], []]);
  });

  test("is the cause of what another partition shows, while it is not applied", () => {
    const answer = part(1, { shown: [apac(4)], others: [across(0, weur(7))] });
    const early = part(0, { at: { weur: 6, apac: 9 } });
    const late = part(0, { at: { weur: 7, apac: 0 } });
    expect(lackingOf(early, [early, answer])).toEqual([weur(7)]);
    expect(lackingOf(late, [late, answer])).toEqual([]);
  });

  test("is no more once the replica was asked for it and answered: it has it, or knows that it is lost", () => {
    const answer = part(1, { others: [across(0, weur(7))] });
    const asked = part(0, { at: { weur: 6, apac: 0 }, held: [weur(7)] });
    expect(lackingOf(asked, [asked, answer])).toEqual([]);
    const further = part(1, { others: [across(0, weur(8))] });
    expect(lackingOf(asked, [asked, further])).toEqual([weur(8)]);
  });

  test("is judged for each position of each log", () => {
    const parts = [
      part(0, { shown: [weur(3), apac(2)] }),
      part(1, { others: [across(0, weur(5)), across(0, weur(3)), across(2, weur(9))] }),
    ];
    expect(neededOf(0, parts)).toEqual([weur(3), apac(2), weur(5)]);
  });

  test("is still an entry before the one of its epoch that is lost", () => {
    const answer = part(1, { others: [across(0, weur(5)), across(0, weur(8)), across(0, weur(9))] });
    const asked = part(0, { at: { weur: 4, apac: 0 }, lost: [weur(8)] });
    expect(lackingOf(asked, [asked, answer])).toEqual([weur(5)]);
    expect([5, 8, 9].map((s) => isLostIn([asked], 0, weur(s)))).toEqual([false, true, true]);
    expect(isLostIn([asked], 1, weur(9))).toBe(false);
  });
});

describe("two leaders in one partition", () => {
  // Each shows only users at home in its own log.
  const atWeur = (at: { weur: number; apac: number }) => part(0, { homes: [0], shown: [weur(at.weur)], at });
  const atApac = (at: { weur: number; apac: number }) => part(0, { homes: [2], shown: [apac(at.apac)], at });

  test("do not wait for each other's latest writes", () => {
    const parts = [atWeur({ weur: 20, apac: 5 }), atApac({ weur: 15, apac: 8 })];
    expect(parts.map((each) => lackingOf(each, parts))).toEqual([[], []]);
  });

  test("do when one had seen more of the other's log than the other when it answered", () => {
    // weur answered at 20; then it wrote 21, apac applied that and wrote 9 on top of it, and showed 9.
    const parts = [atWeur({ weur: 20, apac: 5 }), atApac({ weur: 21, apac: 9 })];
    expect(lackingOf(parts[0]!, parts)).toEqual([apac(9)]);
    expect(lackingOf(parts[1]!, parts)).toEqual([]);
  });

  test("vouch for what a third partition needs of them only where they have it", () => {
    const answer = part(1, { others: [across(0, weur(18))] });
    const parts = [answer, atWeur({ weur: 20, apac: 5 }), atApac({ weur: 15, apac: 8 })];
    expect(lackingOf(parts[2]!, parts)).toEqual([]);
    const alone = [answer, atApac({ weur: 15, apac: 8 })];
    expect(lackingOf(alone[1]!, alone)).toEqual([weur(18)]);
  });

  test("vouch for nobody who does not tell of a log in which they are at home", () => {
    const blind = part(0, { homes: [0], shown: [weur(20)], reach: [] });
    const parts = [blind, atApac({ weur: 15, apac: 8 })];
    expect(lackingOf(blind, parts)).toEqual([weur(20), apac(8)]);
    expect(lackingOf(parts[1]!, parts)).toEqual([weur(20)]);
  });
});

describe("the fate of a position after a failover", () => {
  const log = (commit: number): LogReach[] => [
    {
      o: 0,
      applied: 9,
      commit,
      epochs: [
        { e: 16, start: 1 },
        { e: 33, start: 6 },
      ],
    },
  ];
  test.each([
    ["before the cut", { e: 16, s: 5 }, 6, "contained"],
    ["after it, while the new epoch is not committed", { e: 16, s: 6 }, 5, "unknown"],
    ["after it", { e: 16, s: 6 }, 6, "lost"],
    ["of the new epoch", { e: 33, s: 9 }, 6, "contained"],
    ["not applied", { e: 33, s: 10 }, 6, "unknown"],
    ["of an epoch that nobody told of", { e: 48, s: 3 }, 6, "unknown"],
  ] as const)("%s", (_, { e, s }, commit, fate) => {
    expect(fateOf(log(commit), { o: 0, e, s })).toBe(fate);
  });

  test("of an epoch before those that are told", () => {
    const latest = log(6).map((each) => ({ ...each, epochs: each.epochs.slice(1) }));
    expect(fateOf(latest, { o: 0, e: 16, s: 5 })).toBe("unknown");
    expect(fateOf(latest, { o: 0, e: 16, s: 6 })).toBe("lost");
  });

  test("of a log that is not told of", () => {
    expect(fateOf(log(6), { o: 1, e: 17, s: 1 })).toBe("unknown");
  });

  test("a lost cause is waited for no more", () => {
    const needed = part(1, { others: [across(0, { o: 0, e: 16, s: 7 })] });
    const cut = part(0, { reach: log(6) });
    expect(lackingOf(cut, [cut, needed])).toEqual([]);
    const undecided = part(0, { reach: log(5) });
    expect(lackingOf(undecided, [undecided, needed])).toEqual([{ o: 0, e: 16, s: 7 }]);
  });
});
