/** How far behind a region was seen to be. */
import { describe, expect, it } from "vitest";
import { History } from "../../src/checker/history.ts";
import { seriesOf, worstLag } from "../../src/drill/report/series.ts";
import type { LogView, RegionView, Sighting } from "../../src/drill/watch.ts";

const MEMBERS = [
  { user: "alice", home: "weur", partition: 3 },
  { user: "bob", home: "weur", partition: 5 },
];

function log(partition: number, head: string, applied: string): LogView {
  return {
    partition,
    origin: "weur",
    leader: "weur",
    epoch: "16",
    head,
    applied,
    lagMs: 0,
    state: "leading",
  };
}

function view(region: string, logs: readonly LogView[], silent: readonly number[] = []): RegionView {
  const costs = MEMBERS.filter(({ partition }) => !silent.includes(partition)).map(({ partition }) => {
    return {
      namespace: "default",
      partition,
      since: 0,
      requests: 1,
      rowsRead: 0,
      rowsWritten: 0,
      queueOperations: 0,
    };
  });
  return { region, reachable: logs.length + costs.length > 0, logs, costs };
}

function lagOf(apac: RegionView) {
  const history = new History();
  const id = history.invoke(
    { process: 1, op: "write", user: "alice", key: "a", region: "weur", concern: "local" },
    100e6,
  );
  history.ok(id, { version: "weur.16.9", leader: "weur" }, 200e6);
  const seen: Sighting = {
    atMs: 1_000,
    askedMs: 900,
    from: "weur",
    regions: [view("weur", [log(3, "9", "9"), log(5, "4", "4")]), apac],
  };
  const kept = [{ user: "alice", position: "weur.16.9", key: "a", op: "put" }] as const;
  const series = seriesOf(history.operations(), [seen], ["weur", "apac"], MEMBERS, kept, 2_000);
  return worstLag(series, 0, 2_000).find(({ region }) => region === "apac");
}

describe("how far behind a region is", () => {
  it("in entries, and by the age of the oldest acknowledged write that it has not applied", () => {
    const behind = lagOf(view("apac", [log(3, "9", "7"), log(5, "4", "4")]));
    expect(behind).toMatchObject({ entries: 2, ms: 700, looks: 1, unknown: 0 });
  });

  it("counts all of a log that was never opened there", () => {
    expect(lagOf(view("apac", [log(5, "4", "4")]))).toMatchObject({ entries: 9, ms: 700, unknown: 0 });
  });

  it("is not known while one of its replicas is silent, although others answer", () => {
    const behind = lagOf(view("apac", [log(5, "4", "4")], [3]));
    expect(behind).toMatchObject({ entries: 0, ms: 0, looks: 1, unknown: 1 });
  });
});
