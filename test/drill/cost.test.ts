import { describe, expect, it } from "vitest";
import { History } from "../../src/checker/history.ts";
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
  it("is what a region had not applied, in entries, and since the oldest write of it was acknowledged", () => {
    const history = new History();
    const wrote = (seq: number, atMs: number) => {
      const asked = { process: 1, op: "write", user: "alice", key: "a", region: "weur", value: seq } as const;
      history.ok(history.invoke(asked, atMs * 1e6 - 1), { version: `weur.16.${seq}` }, atMs * 1e6);
      return { user: "alice", key: "a", op: "put", position: `weur.16.${seq}`, value: seq } as const;
    };
    const kept = [wrote(7, 500), wrote(8, 900), wrote(9, 1_900)];
    // Cut off by a failover: nothing to wait for.
    wrote(12, 600);
    const at = (atMs: number, ...regions: RegionView[]) => ({ atMs, askedMs: atMs, from: "weur", regions });
    const series = seriesOf(
      history.operations(),
      [
        at(950, view("weur", { head: "8", applied: "8" }), view("apac", { head: "6", applied: "6" })),
        at(1_000, view("weur", { head: "8", applied: "8" }), view("apac", { head: "7", applied: "7" })),
        at(2_000, view("weur", {}), { ...view("apac"), reachable: false }),
        at(3_000, view("weur", {}), view("apac", {}, { partition: 4, applied: "1", head: "99" })),
      ],
      ["weur", "apac"],
      [{ user: "alice", home: "weur", partition: 3 }],
      kept,
      4_000,
    );
    expect(series.lag[1]?.points.map(({ entries, ms }) => [entries, ms])).toStrictEqual([
      [2, 450],
      [1, 100],
      [null, null],
      [0, 0],
    ]);
    expect(worstLag(series, 1_000, 4_000)).toStrictEqual([
      { region: "weur", entries: 0, ms: 0, looks: 3, unknown: 0 },
      { region: "apac", entries: 1, ms: 100, looks: 3, unknown: 1 },
    ]);
  });
});
