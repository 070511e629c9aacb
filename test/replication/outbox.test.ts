/** What happens to entries that a region does not acknowledge, and that it ends. */
import { afterEach, describe, expect, test } from "vitest";
import { DEFAULT_TIMING } from "../../src/replication/config.ts";
import type { Batch } from "../../src/replication/message.ts";
import { encodeBatch } from "../../src/wire/batch-codec.ts";
import { Cluster, type ClusterOptions } from "./harness.ts";

let cluster: Cluster;
afterEach(() => cluster.close());

function settled(options: ClusterOptions = {}): Cluster {
  cluster = new Cluster(options);
  cluster.home("anna", 0);
  cluster.run(5_000);
  return cluster;
}

const batchesTo = (region: number): Batch[] =>
  cluster.enqueued.filter(({ to }) => to === region).flatMap(({ messages }) => messages);
const sizeOf = (batch: Batch): number =>
  encodeBatch({ namespace: "production", partition: 15, from: 0, to: 1, pv: 1 }, batch).length;

describe("the queue", () => {
  test("is not used while regions acknowledge", () => {
    settled();
    for (let n = 0; n < 30; n++) {
      cluster.write(0, "anna", `k${n}`, "v");
      cluster.run(50);
    }
    cluster.run(5_000);
    expect(cluster.enqueued).toEqual([]);
    expect(cluster.node(0).storage.outbox()).toEqual([]);
  });

  test("gets what a region has not acknowledged for a moment, once", () => {
    settled();
    cluster.cut(0, 2);
    cluster.write(0, "anna", "a", "1");
    cluster.run(399);
    expect(cluster.enqueued.length).toBe(0);
    cluster.run(2);
    expect(batchesTo(2)).toMatchObject([{ o: 0, prev: { s: 2 }, entries: [{ s: 3 }], last: { s: 3 } }]);
    expect(batchesTo(1)).toEqual([]);
    cluster.run(60_000);
    expect(batchesTo(2).length).toBe(1);
  });

  test("gets only what came since", () => {
    settled();
    cluster.cut(0, 2);
    cluster.wrote(0, "anna", "a", "1");
    cluster.run(1_000);
    cluster.wrote(0, "anna", "b", "2");
    cluster.run(1_000);
    expect(batchesTo(2).map(({ prev, entries }) => [prev.s, entries.map(({ s }) => s)])).toEqual([
      [2, [3]],
      [3, [4]],
    ]);
  });

  test("is left alone again once the region acknowledges", () => {
    settled();
    cluster.cut(0, 2);
    cluster.wrote(0, "anna", "a", "1");
    cluster.run(1_000);
    cluster.wrote(0, "anna", "b", "2");
    cluster.heal();
    cluster.run(20_000);
    const { length } = cluster.enqueued;
    for (let n = 0; n < 10; n++) {
      cluster.wrote(0, "anna", "c", `${n}`);
      cluster.run(1_000);
    }
    expect(cluster.enqueued.length).toBe(length);
  });

  test("carries entries to a region that calls do not reach, which then says so", () => {
    settled({ queueMs: 300 });
    cluster.hold = (parcel) =>
      parcel.kind === "request" && parcel.to === 2 && parcel.message.type === "append";
    cluster.wrote(0, "anna", "a", "1");
    cluster.run(1_500);
    expect(cluster.log(2, 0)).toMatchObject({ head: 3, applied: 3 });
    expect(cluster.log(0, 0).peers).toMatchObject([{ match: 3 }, { match: 3 }]);
  });

  test("may bring entries before a majority has them: until the region knows of the commit, it is not settled", () => {
    settled({ queueMs: 300 });
    cluster.refuseCalls(0, 2);
    cluster.hold = ({ kind, to }) => kind === "request" && to === 1;
    cluster.write(0, "anna", "a", "1");
    cluster.run(450);
    cluster.hold = () => false;
    cluster.release();
    cluster.run(9_000);
    expect(cluster.log(0, 0)).toMatchObject({ committed: 3, peers: [{ match: 3 }, { match: 3 }] });
    expect(cluster.log(2, 0)).toMatchObject({ head: 3, committed: 2 });
    cluster.heal();
    cluster.run(40_000);
    expect(cluster.log(2, 0)).toMatchObject({ head: 3, committed: 3 });
    expect(cluster.node(0).storage.outbox()).toEqual([]);
    expect(cluster.quietAfter(3 * 3_600_000)).not.toBeNull();
  });

  test("that refuses is asked again, and in the end left alone", () => {
    settled();
    cluster.queuesRefuse = true;
    cluster.cut(0, 2);
    cluster.wrote(0, "anna", "a", "1");
    cluster.run(2_000);
    cluster.queuesRefuse = false;
    cluster.run(2_000);
    expect(batchesTo(2).length).toBe(1);

    cluster.queuesRefuse = true;
    cluster.wrote(0, "anna", "b", "1");
    expect(cluster.quietAfter(3 * 3_600_000)).not.toBeNull();
  });
});

describe("messages", () => {
  const down = (): void => {
    settled({ limits: { logBytesMax: 1e9 } });
    cluster.crash(2);
  };

  test("are of one billing unit each, as bytes on the wire, and nothing is missing", () => {
    for (const size of [10, 100, 700, 5_000, 31_000, 60_000]) {
      down();
      const before = cluster.log(0, 0).head;
      for (let n = 0; n < Math.min(1_500, 200_000 / size + 3); n++)
        cluster.write(0, "anna", `k${n}`, "x".repeat(size));
      cluster.run(3_000);
      const batches = batchesTo(2);
      expect(Math.max(...batches.map(sizeOf)), `values of ${size}`).toBeLessThanOrEqual(64_000);
      const carried = batches.flatMap(({ entries }) => entries.map(({ s }) => s));
      const { head } = cluster.log(0, 0);
      expect(carried).toEqual(Array.from({ length: head - before }, (_, n) => before + 1 + n));
      // Each continues the one before it.
      batches
        .slice(1)
        .forEach((batch, n) => expect(batch.prev).toEqual({ e: 16, s: batches[n]!.entries.at(-1)!.s }));
      cluster.close();
    }
    down();
  });

  test("are well filled", () => {
    down();
    for (let n = 0; n < 300; n++) cluster.write(0, "anna", `k${n}`, "x".repeat(1_000));
    cluster.run(3_000);
    expect(batchesTo(2).length).toBeLessThanOrEqual(Math.ceil((300 * 1_120) / 60_000));
  });

  test("hold a single larger entry up to 96,000 bytes, and a doorbell beyond", () => {
    down();
    cluster.wrote(0, "anna", "a", "x".repeat(90_000));
    cluster.run(1_000);
    expect(batchesTo(2)).toMatchObject([{ entries: [{ s: 3 }] }]);
    expect(sizeOf(batchesTo(2)[0]!)).toBeLessThan(96_000);
    cluster.wrote(0, "anna", "b", "x".repeat(100_000));
    cluster.wrote(0, "anna", "c", "small");
    cluster.run(1_000);
    expect(batchesTo(2)[1]).toMatchObject({ entries: [], prev: { s: 5 }, last: { s: 5 } });
    expect(sizeOf(batchesTo(2)[1]!)).toBeLessThan(200);
  });

  test("are a doorbell for a region that is far behind, and it fetches", () => {
    settled({ limits: { inlineEntriesMax: 10 } });
    cluster.crash(2);
    for (let n = 0; n < 30; n++) cluster.write(0, "anna", `k${n}`, "v");
    cluster.run(3_000);
    expect(batchesTo(2)).toMatchObject([{ entries: [], last: { s: 32 } }]);
    cluster.restart(2);
    cluster.run(10_000);
    expect(cluster.lines.some((line) => line.includes("apac: doorbell"))).toBe(true);
    expect(cluster.log(2, 0).head).toBe(32);
  });
});

describe("the schedule of retries", () => {
  test("tries directly after 1 s, 5 s, 30 s, 5 min and 1 h, and then there is silence", () => {
    settled();
    cluster.cut(0, 2, "refused");
    const from = cluster.now;
    cluster.wrote(0, "anna", "a", "1");
    const tries: number[] = [];
    let failures = 0;
    cluster.run(900);
    while (cluster.now < from + 3 * 3_600_000) {
      const before = cluster.lines.length;
      cluster.run(1_000);
      failures = cluster.lines.slice(before).filter((line) => line.includes("weur ← apac: refused")).length;
      if (failures > 0) tries.push(Math.round((cluster.now - from) / 1_000));
    }
    const expected = DEFAULT_TIMING.retryMs.map(
      (_, n) => DEFAULT_TIMING.retryMs.slice(0, n + 1).reduce((a, b) => a + b) / 1_000,
    );
    expect(tries.length).toBe(expected.length);
    tries.forEach((at, n) => expect(Math.abs(at - expected[n]!)).toBeLessThan(10));
    expect(cluster.node(0).storage.outbox()).toMatchObject([{ dest: 2, stage: 5 }]);
    expect(cluster.quietAfter(10 * 3_600_000)).not.toBeNull();
  });

  test.each(["local", "one", "majority", "all"] as const)(
    "L4: silence follows a write at %s while a region is unreachable",
    (concern) => {
      settled();
      cluster.isolate(2, "refused");
      cluster.write(0, "anna", "a", "1", { concern });
      cluster.run(3 * 3_600_000);
      const { turns } = cluster;
      cluster.run(24 * 3_600_000);
      expect(cluster.turns - turns).toBe(0);
    },
  );

  test.each(["local", "majority"] as const)(
    "L4: silence follows a write at %s while the leader reaches nobody",
    (concern) => {
      settled();
      cluster.isolate(0);
      cluster.write(0, "anna", "a", "1", { concern });
      cluster.read(0, "anna", "a", "strong");
      cluster.run(3 * 3_600_000);
      const { turns } = cluster;
      cluster.run(24 * 3_600_000);
      expect(cluster.turns - turns).toBe(0);
    },
  );

  test("begins again with the next write", () => {
    settled();
    cluster.cut(0, 2, "refused");
    cluster.wrote(0, "anna", "a", "1");
    cluster.run(3 * 3_600_000);
    cluster.wrote(0, "anna", "b", "2");
    expect(cluster.node(0).storage.outbox()).toMatchObject([{ dest: 2, stage: 0 }]);
    cluster.heal();
    cluster.run(10_000);
    expect(cluster.log(2, 0).head).toBe(4);
    expect(cluster.node(0).storage.outbox()).toEqual([]);
  });

  test("survives a crash of the leader right after an acknowledgement", () => {
    settled();
    cluster.wrote(0, "anna", "z", "0", { concern: "all" });
    cluster.hold = (parcel) => parcel.kind === "request";
    cluster.wrote(0, "anna", "a", "1");
    cluster.lose();
    cluster.hold = () => false;
    cluster.restart(0);
    expect(cluster.log(1, 0).head).toBe(3);
    cluster.run(3_000);
    expect([cluster.log(1, 0).head, cluster.log(2, 0).head]).toEqual([4, 4]);
    expect(cluster.quietAfter(60_000)).not.toBeNull();
  });

  test("survives crashes in the middle of it", () => {
    settled();
    cluster.cut(0, 2, "refused");
    cluster.wrote(0, "anna", "a", "1");
    cluster.run(10_000);
    cluster.restart(0);
    cluster.run(20_000);
    cluster.restart(0);
    cluster.heal();
    cluster.run(3_600_000);
    expect(cluster.log(2, 0).head).toBe(3);
    expect(cluster.node(0).storage.outbox()).toEqual([]);
  });

  test("a schedule that ends unsettled wants attention, and a visit begins it again", () => {
    settled();
    cluster.isolate(2);
    cluster.queuesRefuse = true;
    cluster.wrote(0, "anna", "a", "1");
    cluster.run(3_600_000);
    expect([...cluster.wantingAttention]).toEqual([]);
    expect(cluster.quietAfter(3_600_000)).not.toBeNull();
    expect([...cluster.wantingAttention]).toEqual([0]);
    cluster.wantingAttention.clear();
    cluster.heal();
    // Nobody writes: without a visit it would stay so.
    cluster.run(3_600_000);
    expect(cluster.log(2, 0).head).toBe(2);
    cluster.restart(0);
    for (const region of [0, 1, 2]) cluster.step(region, { type: "visit" });
    cluster.run(5_000);
    expect(cluster.log(2, 0).head).toBe(3);
    expect(cluster.node(0).storage.outbox()).toEqual([]);
    expect(cluster.quietAfter(60_000)).not.toBeNull();
    expect([...cluster.wantingAttention]).toEqual([]);
  });

  test("a visit of who has nothing left to do does nothing", () => {
    settled();
    cluster.wrote(0, "anna", "a", "1", { concern: "all" });
    cluster.run(60_000);
    for (const region of [0, 1, 2]) expect(cluster.step(region, { type: "visit" })).toEqual([]);
  });

  test("a restarted leader that has nothing to say is silent", () => {
    settled();
    cluster.wrote(0, "anna", "a", "1", { concern: "all" });
    cluster.run(5_000);
    cluster.restart(0);
    const before = cluster.lines.length;
    cluster.run(60_000);
    expect(cluster.lines.length - before).toBe(0);
  });
});
