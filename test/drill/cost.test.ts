import { describe, expect, it } from "vitest";
import { checksumsOf } from "../../src/drill/checksums.ts";
import { costOf } from "../../src/drill/cost.ts";
import { seriesOf, worstLag } from "../../src/drill/report/series.ts";
import type { LogView, RegionView } from "../../src/drill/watch.ts";

const LOG: LogView = {
  partition: 3,
  origin: "weur",
  leader: "weur",
  epoch: "16",
  head: "9",
  applied: "9",
  lagMs: 0,
  state: "following",
  checksum: "aa",
};

function view(region: string, ...logs: Partial<LogView>[]): RegionView {
  return { region, reachable: true, logs: logs.map((log) => ({ ...LOG, ...log })), costs: [] };
}

function costing(since: number, rowsWritten: number, region = "weur"): RegionView {
  const cost = { namespace: "default", partition: 3, since, requests: rowsWritten, rowsRead: 0, rowsWritten };
  return { region, reachable: true, logs: [], costs: [{ ...cost, queueOperations: 1 }] };
}

describe("what a drill cost", () => {
  it("is what came on top of what had been before, over every life of an object", () => {
    const looks = [
      [costing(1, 100)],
      [costing(1, 130)],
      [costing(50, 5)],
      [costing(50, 7), costing(60, 2, "apac")],
    ];
    expect(costOf(looks)).toStrictEqual({
      objectRequests: 39,
      rowsRead: 0,
      rowsWritten: 39,
      queueOperations: 2,
    });
  });

  it("is not lowered by an answer that was overtaken", () => {
    expect(costOf([[costing(1, 0)], [costing(1, 9)], [costing(1, 8)]])?.rowsWritten).toBe(9);
  });

  it("is not known where it is not told", () => {
    expect(costOf([[view("weur")], [view("weur")]])).toBeNull();
  });
});

describe("checksums", () => {
  it("of the same end differ if what came before it does", () => {
    const views = [view("weur", {}), view("enam", { checksum: "bb" }), view("apac", {})];
    const sums = checksumsOf(views, 3, true);
    expect(sums.get("weur")).toBe("weur through 9: aa");
    expect(new Set(sums.values()).size).toBe(2);
    expect(checksumsOf(views, 4, true).size).toBe(0);
  });

  it("are compared at the same end only where others write on, and everywhere where nobody does", () => {
    const views = [
      view("weur", { head: "10", checksum: "cc" }, { origin: "enam" }),
      view("apac", {}, { origin: "enam" }),
    ];
    expect([...checksumsOf(views, 3, false).values()]).toStrictEqual([
      "enam through 9: aa",
      "enam through 9: aa",
    ]);
    expect(new Set(checksumsOf(views, 3, true).values()).size).toBe(2);
  });

  it("are none where a deployment does not tell them", () => {
    expect(checksumsOf([view("weur", { checksum: undefined })], 3, true).size).toBe(0);
  });
});

describe("replication lag", () => {
  it("is the furthest that a region was behind, in entries and in time, and says when nobody could tell", () => {
    const at = (atMs: number, ...regions: RegionView[]) => ({ atMs, from: "weur", regions });
    const silent = { ...view("apac"), reachable: false };
    const series = seriesOf(
      [],
      [
        at(0, view("weur", {}), view("apac", { applied: "2", lagMs: 9_000 })),
        at(
          1_000,
          view("weur", {}),
          view("apac", { applied: "7", lagMs: 120 }, { partition: 4, lagMs: 5_000 }),
        ),
        at(2_000, view("weur", {}), silent),
        at(3_000, view("weur", {}), view("apac", { applied: "9", lagMs: null })),
      ],
      ["weur", "apac"],
      new Set([3]),
      4_000,
    );
    expect(worstLag(series, 1_000, 4_000)).toStrictEqual([
      { region: "weur", entries: 0, ms: 0, looks: 3, unknown: 0 },
      { region: "apac", entries: 2, ms: 120, looks: 3, unknown: 2 },
    ]);
  });
});
