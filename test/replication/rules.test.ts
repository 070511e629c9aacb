/** Each rule at its edges. The simulator breaks them one at a time; here they are read like the page of the protocol. */
import { describe, expect, test } from "vitest";
import { DEFAULT_TIMING, guardMs } from "../../src/replication/config.ts";
import { CONCERNS } from "../../src/replication/entry.ts";
import { RULES, type Holding, type Standing } from "../../src/replication/rules.ts";
import { promiseOf } from "./harness.ts";

describe("R1: promises", () => {
  test("are given to greater ballots only, and never twice to the same", () => {
    expect(RULES.acceptsPrepare(17, 16)).toBe(true);
    expect(RULES.acceptsPrepare(16, 16)).toBe(false);
    expect(RULES.acceptsPrepare(15, 16)).toBe(false);
    expect(RULES.acceptsPrepare(1, 0)).toBe(true);
  });

  test("report the longest grant to anybody but the candidate and the voter itself", () => {
    const grants = [
      { o: 0, grantee: 0, until: 5_000 },
      { o: 0, grantee: 1, until: 4_000 },
      { o: 0, grantee: 2, until: 3_000 },
      { o: 0, grantee: 3, until: 2_000 },
      { o: 1, grantee: 3, until: 9_000 },
    ];
    expect(RULES.leaseRemainingMs(grants, 0, 0, 1, 1_000)).toBe(2_000);
    expect(RULES.leaseRemainingMs(grants, 0, 3, 4, 1_000)).toBe(4_000);
    expect(RULES.leaseRemainingMs(grants, 0, 0, 1, 3_000)).toBe(0);
    expect(RULES.leaseRemainingMs(grants, 0, 0, 1, 9_000)).toBe(0);
    expect(RULES.leaseRemainingMs([], 0, 0, 1, 0)).toBe(0);
  });
});

test("R2: appends need the promise or more", () => {
  expect(RULES.acceptsAppend(16, 16)).toBe(true);
  expect(RULES.acceptsAppend(17, 16)).toBe(true);
  expect(RULES.acceptsAppend(15, 16)).toBe(false);
});

test("R3: the greatest tail is adopted, by epoch before seq, and the first of equals", () => {
  const of = (from: number, e: number, s: number) => ({ from, last: { e, s } });
  expect(RULES.bestPromise([of(0, 16, 9), of(1, 32, 2), of(2, 16, 10)]).from).toBe(1);
  expect(RULES.bestPromise([of(0, 16, 9), of(1, 16, 10)]).from).toBe(1);
  expect(RULES.bestPromise([of(0, 16, 9), of(1, 16, 9)]).from).toBe(0);
});

describe("R4: the commit position", () => {
  test("is what a majority holds, once that is of the leader's own epoch", () => {
    expect(RULES.commitPosition([9, 7, 3], 2, 5, 0)).toBe(7);
    expect(RULES.commitPosition([9, 4, 3], 2, 5, 2)).toBe(2);
    expect(RULES.commitPosition([9, 5, 0], 2, 5, 0)).toBe(5);
    expect(RULES.commitPosition([9, 8, 7, 2, 0], 3, 1, 0)).toBe(7);
  });

  test("never goes back, and needs a majority", () => {
    expect(RULES.commitPosition([9, 6, 0], 2, 5, 8)).toBe(8);
    expect(RULES.commitPosition([9, 0, 0], 2, 1, 0)).toBe(0);
  });

  test("is believed by a follower as far as its log is verified", () => {
    expect(RULES.followerCommit(9, 4, 2)).toBe(4);
    expect(RULES.followerCommit(3, 4, 2)).toBe(3);
    expect(RULES.followerCommit(1, 4, 2)).toBe(2);
  });
});

describe("R5: leases", () => {
  test("a voter counts the guard on top, the leader does not", () => {
    expect(guardMs(DEFAULT_TIMING)).toBe(3 * 250 + 3);
    expect(RULES.grantUntil(1_000, DEFAULT_TIMING)).toBe(1_000 + 3_000 + 753);
    expect(RULES.leaseUntil(1_000, DEFAULT_TIMING)).toBe(4_000);
  });

  test("is valid from ackAfter on and before leaseUntil", () => {
    const standing: Standing = { leads: true, ackAfter: 100, leaseUntil: 200 };
    expect([99, 100, 199, 200].map((now) => RULES.leaseValid(standing, now))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    expect(RULES.leaseValid({ ...standing, leads: false }, 150)).toBe(false);
  });
});

test("R6: acknowledgements wait until the longest lease that any promise reported has surely ended", () => {
  const at = (receivedAt: number, leaseRemainingMs: number) => ({
    receivedAt,
    promise: promiseOf({ leaseRemainingMs }),
  });
  expect(RULES.ackAfter([at(1_000, 0), at(1_100, 2_000), at(1_200, 100)], DEFAULT_TIMING)).toBe(
    1_100 + 2_002,
  );
  expect(RULES.ackAfter([at(1_000, 0)], DEFAULT_TIMING)).toBe(1_000);
});

test("R7: an older instance adds nothing to an epoch that a younger one leads", () => {
  expect([1, 2, 3].map((inc) => RULES.acceptsIncarnation(inc, 2))).toEqual([false, true, true]);
});

describe("write concerns", () => {
  const leased: Standing = { leads: true, ackAfter: 0, leaseUntil: 1_000 };
  const unleased: Standing = { ...leased, leaseUntil: 0 };
  const deferred: Standing = { ...leased, ackAfter: 600 };
  const deposed: Standing = { ...leased, leads: false };
  const fresh: Holding = { s: 5, commit: 4, matches: [4, 4], depsSettled: true };
  const copied: Holding = { ...fresh, matches: [5, 4] };
  const committed: Holding = { ...copied, commit: 5 };
  const everywhere: Holding = { ...committed, matches: [5, 5] };
  const dependent: Holding = { ...everywhere, depsSettled: false };
  const met = (standing: Standing, holding: Holding) =>
    CONCERNS.filter((concern) => RULES.concernMet(concern, standing, holding, 500)).join(" ");

  test.each([
    ["only the leader has it", leased, fresh, "local"],
    ["one other has it", leased, copied, "local one"],
    ["a majority has it", leased, committed, "local one majority"],
    ["all have it", leased, everywhere, "local one majority all"],
    ["its dependencies are not settled", leased, dependent, "local one"],
    ["no lease, and only the leader has it", unleased, fresh, ""],
    ["no lease, and one other has it", unleased, copied, ""],
    ["no lease, and a majority has it", unleased, committed, "local one majority"],
    ["no lease, and all have it", unleased, everywhere, "local one majority all"],
    ["acknowledgements are deferred", deferred, everywhere, ""],
    ["the leader is deposed", deposed, everywhere, ""],
  ])("%s", (_, standing, holding, concerns) => {
    expect(met(standing, holding)).toBe(concerns);
  });
});

test("a dependency is satisfied when it is contained, and when it is lost for good and what was not lost before it is there", () => {
  const satisfied = (there: boolean) =>
    (["contained", "not-applied", "behind", "lost", "uncertain"] as const).filter((judgement) =>
      RULES.dependencySatisfied(judgement, there),
    );
  expect(satisfied(true)).toEqual(["contained", "lost"]);
  expect(satisfied(false)).toEqual(["contained"]);
});

test("compaction stops at the commit position, at what is applied, at pins, at the slowest peer and at the slowest sink", () => {
  const bounds = { commit: 10, applied: 10, pinned: Infinity, matches: [10, 10], held: Infinity };
  expect(RULES.mayCompact(10, bounds)).toBe(true);
  for (const narrower of [{ commit: 9 }, { applied: 9 }, { pinned: 9 }, { matches: [10, 9] }, { held: 9 }])
    expect(RULES.mayCompact(10, { ...bounds, ...narrower })).toBe(false);
});

test("a snapshot's image is whole when all that it may show is committed", () => {
  const until = [
    { o: 0, e: 16, s: 5 },
    { o: 1, e: 17, s: 2 },
  ];
  const commit = (first: number, second: number) => (o: number) => (o === 0 ? first : second);
  expect(RULES.imageWhole(until, commit(5, 2))).toBe(true);
  expect(RULES.imageWhole(until, commit(4, 2))).toBe(false);
  expect(RULES.imageWhole(until, commit(5, 1))).toBe(false);
  expect(RULES.imageWhole([], commit(0, 0))).toBe(true);
});

test("a check wants the very version, or no item; an entry is applied whole", () => {
  const version = { o: 0, e: 16, s: 5 };
  expect(RULES.checkHolds(version, { ...version })).toBe(true);
  expect(RULES.checkHolds(version, { ...version, s: 6 })).toBe(false);
  expect(RULES.checkHolds(version, { ...version, e: 32 })).toBe(false);
  expect(RULES.checkHolds(version, null)).toBe(false);
  expect(RULES.checkHolds(null, null)).toBe(true);
  expect(RULES.checkHolds(null, version)).toBe(false);
  const ops = [
    { kind: 2, key: "a" },
    { kind: 2, key: "b" },
  ];
  expect(RULES.opsApplied(ops)).toEqual(ops);
});

test("R8: another storage has forgotten; a lower incarnation or a shorter log only where it had to write to say so", () => {
  const known = { storeId: "a", inc: 3, tail: { e: 16, s: 5 } };
  const forgot = (said: Partial<typeof known>, proves = true, whole = true): boolean =>
    RULES.hasForgotten(known, { ...known, ...said }, { proves, whole });
  expect(forgot({})).toBe(false);
  expect(forgot({ storeId: "b" }, false, false)).toBe(true);
  expect(forgot({ storeId: "" }, false, false)).toBe(true);
  expect([forgot({ inc: 2 }), forgot({ inc: 2 }, false), forgot({ inc: 4 })]).toEqual([true, false, false]);
  expect(forgot({ tail: { e: 16, s: 4 } })).toBe(true);
  expect(forgot({ tail: { e: 16, s: 4 } }, true, false)).toBe(false);
  expect(forgot({ tail: { e: 33, s: 1 } })).toBe(false);
  const nobody = { storeId: "", inc: 0, tail: { e: 0, s: 0 } };
  expect(RULES.hasForgotten(nobody, known, { proves: true, whole: true })).toBe(false);
});
