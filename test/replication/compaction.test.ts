/** Dropping the old part of a log, and never too much of it. */
import { afterEach, describe, expect, test } from "vitest";
import { type ClusterOptions, Cluster, Node, Story } from "./harness.ts";

let cluster: Cluster;
afterEach(() => cluster.close());

const EAGER: ClusterOptions = {
  timing: { retainMs: 1_000 },
  limits: { compactEveryEntries: 5 },
};

function settled(options: ClusterOptions = EAGER): Cluster {
  cluster = new Cluster(options);
  cluster.home("anna", 0);
  cluster.run(1_000);
  return cluster;
}

/** Writes, with time passing: what lies further back is old. */
function write(count: number, everyMs = 100): void {
  for (let n = 0; n < count; n++) {
    cluster.write(0, "anna", `k${n % 5}`, `${n}`);
    cluster.run(everyMs);
  }
}

const base = (region: number) => cluster.log(region, 0).base;
const rows = (region: number) =>
  cluster
    .node(region)
    .storage.entries(0, 0, 1e9, 1e6)
    .entries.map(({ s }) => s);

describe("a log", () => {
  test("keeps what is young, drops what is old, at every replica by itself", () => {
    settled();
    write(50);
    const { head } = cluster.log(0, 0);
    for (const region of [0, 1, 2]) {
      // A second is ten entries; looks are five apart.
      expect(head - base(region)).toBeGreaterThanOrEqual(9);
      expect(head - base(region)).toBeLessThanOrEqual(20);
      expect(rows(region)).toEqual(
        Array.from({ length: head - base(region) }, (_, n) => base(region) + 1 + n),
      );
    }
    expect(cluster.node(0).state()).toEqual(cluster.node(1).state());
  });

  test("is left alone while it is idle", () => {
    settled();
    write(20, 10);
    const before = base(0);
    cluster.run(3_600_000);
    expect(base(0)).toBe(before);
  });

  test("begins at its base after a restart, and goes on", () => {
    settled();
    write(50);
    const before = cluster.log(1, 0);
    cluster.restart(1);
    expect(cluster.log(1, 0)).toMatchObject({
      base: before.base,
      head: before.head,
      applied: before.applied,
    });
    write(10);
    expect(cluster.log(1, 0).head).toBe(cluster.log(0, 0).head);
  });
});

describe("never dropped is", () => {
  test("what is not committed", () => {
    settled();
    write(20);
    cluster.isolate(0, "refused");
    const { committed } = cluster.log(0, 0);
    for (let n = 0; n < 30; n++) {
      cluster.write(0, "anna", "a", "v");
      cluster.run(200);
    }
    expect(cluster.log(0, 0).head).toBeGreaterThan(committed + 9);
    expect(base(0)).toBeLessThanOrEqual(committed);
  });

  test("what a peer has not acknowledged, by the leader", () => {
    settled();
    write(20);
    cluster.crash(2);
    const { head } = cluster.log(2, 0);
    write(50);
    expect(base(0)).toBeLessThanOrEqual(head);
    expect(base(1)).toBeGreaterThan(head);
    cluster.restart(2);
    write(10);
    cluster.run(10_000);
    expect(cluster.log(2, 0)).toMatchObject({ head: cluster.log(0, 0).head });
    expect(cluster.lines.some((line) => line.includes("begin a snapshot"))).toBe(false);
  });

  test("until the log is too long: then the laggard takes a snapshot", () => {
    settled({ ...EAGER, limits: { ...EAGER.limits, logBytesMax: 5_000 } });
    write(5);
    cluster.crash(2);
    write(60);
    expect(base(0)).toBeGreaterThan(cluster.log(2, 0).head);
    cluster.restart(2);
    write(2);
    cluster.run(30_000);
    expect(cluster.log(2, 0)).toMatchObject({
      head: cluster.log(0, 0).head,
      applied: cluster.log(0, 0).head,
    });
    expect(cluster.node(2).state()).toEqual(cluster.node(0).state());
  });

  test("what a snapshot still replays from, as long as its pin holds", () => {
    settled();
    write(20);
    const begun = cluster.peer(1, 2, { type: "snapshot-begin", id: "s" });
    const pinned = begun.type === "snapshot-begun" ? begun.from[0]!.s : 0;
    write(50);
    expect(base(1)).toBeLessThanOrEqual(pinned);
    expect(base(2)).toBeGreaterThan(pinned);
    cluster.run(900_000);
    write(10);
    expect(base(1)).toBeGreaterThan(pinned);
    expect(cluster.node(1).storage.pins()).toEqual([]);
  });

  test("what is not applied", () => {
    const node = new Node({ ...EAGER, region: 1 });
    cluster = new Cluster();
    const story = new Story(0)
      .open(16)
      .claim("anna", 0)
      .put("anna", "a", "1", { deps: [{ o: 2, e: 18, s: 1 }] });
    for (let n = 0; n < 40; n++) story.put("anna", "b", `${n}`);
    for (let s = 0; s < story.last.s; s += 4) {
      node.now += 10_000;
      node.peer(0, story.append(s, Math.min(s + 4, story.last.s), { commit: s }));
    }
    expect(node.log(0)).toMatchObject({ applied: 2, base: 2 });
    node.close();
  });
});

describe("tombstones", () => {
  const remove = (key: string) =>
    cluster.wrote(0, "anna", key, "", { command: { kind: "delete", key }, concern: "all" });

  test("go with the entry that made them, and an answer that finds nothing stands on that", () => {
    settled();
    cluster.wrote(0, "anna", "gone", "1");
    const { s } = remove("gone").receipt.position;
    expect(cluster.node(0).storage.item("anna", "gone", false)).toMatchObject({ tombstone: true, s });
    write(3, 10);
    expect(cluster.node(0).storage.item("anna", "gone", false)).not.toBeNull();
    for (let n = 0; n < 40; n++) {
      cluster.write(0, "anna", "other", `${n}`);
      cluster.run(100);
    }
    for (const region of [0, 1, 2]) {
      expect(cluster.node(region).storage.item("anna", "gone", false)).toBeNull();
      expect(cluster.node(region).storage.bases()).toMatchObject([{ o: 0, reclaimed: { e: 16, s } }]);
    }
    const { reply } = cluster.read(1, "anna", "gone", "eventual");
    expect(reply).toMatchObject({ item: null, facts: { shown: [{ o: 0, e: 16, s, durable: true }] } });
  });

  test("that were written over stay written over", () => {
    settled();
    write(5);
    remove("k1");
    cluster.wrote(0, "anna", "k1", "back");
    write(40);
    expect(cluster.node(2).storage.item("anna", "k1", false)).toMatchObject({ tombstone: false });
  });
});
