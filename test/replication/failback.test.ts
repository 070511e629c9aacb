/** A log that was taken over goes home once its own region has been well for a while, and only then. */
import { afterEach, expect, test } from "vitest";
import { Cluster, type ClusterOptions } from "./harness.ts";

let cluster: Cluster;
afterEach(() => cluster.close());

/** Region 1 has taken the log of region 0 over, which is cut off. */
function takenOver(options: ClusterOptions = {}): void {
  cluster = new Cluster(options);
  cluster.home("anna", 0);
  cluster.run(500);
  cluster.wrote(0, "anna", "a", "before", { concern: "all" });
  cluster.run(10_000);
  cluster.isolate(0);
  const write = cluster.write(1, "anna", "a", "by 1", { suspects: 0, concern: "majority" });
  cluster.runUntil(() => write.reply !== null);
  expect(write.reply).toMatchObject({ kind: "written", facts: { leader: 1 } });
}

/** Somebody writes every second, wherever the log is led; answers how long until `leader` leads it. */
function workUntilLed(leader: number, withinMs: number): number {
  const from = cluster.now;
  while (cluster.log(1, 0).leader !== leader && cluster.now - from < withinMs) {
    cluster.write(1, "anna", "a", `at ${cluster.now}`);
    cluster.run(1_000);
  }
  return cluster.now - from;
}

test("after a minute of answers from it", () => {
  takenOver();
  cluster.run(20_000);
  expect(cluster.log(1, 0)).not.toHaveProperty("failbackInMs");
  cluster.heal();
  cluster.wrote(1, "anna", "a", "seen again", { concern: "all" });
  cluster.run(10_000);
  cluster.wrote(1, "anna", "a", "still");
  expect(cluster.log(1, 0).failbackInMs).toBeGreaterThan(45_000);
  expect(cluster.log(1, 0).failbackInMs).toBeLessThan(51_000);
  const ms = workUntilLed(0, 100_000);
  expect(ms).toBeGreaterThan(45_000);
  expect(ms).toBeLessThan(55_000);
  expect(cluster.log(0, 0)).toMatchObject({ leader: 0, epoch: 48 });
  cluster.wrote(0, "anna", "a", "at home");
});

test("counted over restarts of who leads meanwhile, and nothing is sent for it", () => {
  takenOver({ timing: { failbackMs: 30_000 } });
  cluster.heal();
  cluster.wrote(1, "anna", "a", "seen again", { concern: "all" });
  cluster.run(10_000);
  const turns = cluster.turns;
  cluster.run(60_000);
  expect(cluster.turns).toBe(turns);
  cluster.restart(1);
  // The request that wakes it is what hands the log over: it is answered all the same.
  const write = cluster.write(1, "anna", "a", "after a long time", { concern: "majority" });
  cluster.run(1_000);
  expect(write.reply).toMatchObject({ kind: "written" });
  expect(cluster.log(0, 0).leader).toBe(0);
});

test("from the beginning, whenever a call to it fails", () => {
  takenOver({ timing: { failbackMs: 30_000 } });
  cluster.heal();
  cluster.wrote(1, "anna", "a", "seen again", { concern: "all" });
  for (let n = 0; n < 6; n++) {
    cluster.run(20_000);
    cluster.cut(0, 1);
    cluster.wrote(1, "anna", "a", "while it is away");
    cluster.run(5_000);
    cluster.heal();
    cluster.wrote(1, "anna", "a", "while it is back", { concern: "all" });
  }
  expect(cluster.log(1, 0)).toMatchObject({ leader: 1, state: "leading" });
  expect(workUntilLed(0, 60_000)).toBeLessThan(35_000);
});

test("not before the pause after the takeover is over", () => {
  takenOver({ timing: { failbackMs: 1_000, cooldownMs: 30_000 } });
  cluster.heal();
  const ms = workUntilLed(0, 60_000);
  expect(ms).toBeGreaterThan(25_000);
  expect(ms).toBeLessThan(35_000);
});

test("and not at all where that is switched off", () => {
  takenOver({ timing: { failbackMs: 0 } });
  cluster.heal();
  expect(workUntilLed(0, 90_000)).toBeGreaterThanOrEqual(90_000);
});

test("nor if it was handed over on purpose, whoever interrupts its leader since", () => {
  cluster = new Cluster({ timing: { failbackMs: 5_000 } });
  cluster.home("anna", 0);
  const ask = cluster.client(0, {
    op: "hand-off",
    origin: 0,
    to: 1,
    from: 0,
    deadlineAt: cluster.now + 5_000,
  });
  cluster.run(500);
  expect(ask.reply?.kind).toBe("handed-off");
  expect(workUntilLed(0, 20_000)).toBeGreaterThanOrEqual(20_000);
  // A campaign that leads to nothing makes it begin anew, under a later epoch.
  cluster.peer(2, 2, { type: "prepare", o: 0, b: 66, transfer: false });
  cluster.peer(1, 2, { type: "prepare", o: 0, b: 66, transfer: false });
  cluster.run(3_000);
  cluster.wrote(1, "anna", "a", "again", { concern: "majority" });
  expect(cluster.log(1, 0).epoch).toBeGreaterThan(66);
  expect(workUntilLed(0, 20_000)).toBeGreaterThanOrEqual(20_000);
});

test("how a log ends is told of the log that was asked for", () => {
  cluster = new Cluster();
  cluster.home("anna", 0);
  cluster.wrote(0, "anna", "a", "1", { concern: "all" });
  cluster.run(200);
  cluster.isolate(0);
  cluster.wrote(0, "anna", "a", "2");
  cluster.run(300);
  const statusOf = (region: number, endOf: number) => {
    const { reply } = cluster.client(region, {
      op: "status",
      endOf,
      from: region,
      deadlineAt: cluster.now + 100,
    });
    return reply?.kind === "status" ? reply.status.logs.find(({ origin }) => origin === 0) : undefined;
  };
  const endAt = (region: number) => statusOf(region, 0)?.end;
  const { last, exposedMs } = endAt(0)!;
  // And the millisecond in which it was confirmed.
  expect(exposedMs).toBe(301);
  expect(endAt(1)).toMatchObject({
    last: { e: 16, s: last.s - 1 },
    epochs: [{ e: 16, start: 1 }],
    exposedMs: null,
  });
  expect(statusOf(0, 1)).not.toHaveProperty("end");
  cluster.heal();
  cluster.wrote(0, "anna", "a", "3", { concern: "all" });
  expect(endAt(0)?.exposedMs).toBe(0);
});
