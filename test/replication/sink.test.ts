/** Sinks: what is sent when, where it goes on after a crash or under another leader, and when it is given up. */
import { afterEach, describe, expect, test } from "vitest";
import type { SinkConfig } from "../../src/replication/config.ts";
import type { SinkBatch } from "../../src/replication/effect.ts";
import type { SinkReply, SinkRequest, SinkStatus } from "../../src/replication/request.ts";
import type { SinkRow } from "../../src/replication/storage.ts";
import { Cluster, Node, Story, textOf, type ClusterOptions } from "./harness.ts";

const ORDERS: SinkConfig = {
  name: "orders",
  prefix: "orders/",
  from: "now",
  batchChangesMax: 3,
  batchBytesMax: 10_000,
  valueBytesMax: 2_000,
  timeoutMs: 10_000,
  retryMs: [1_000, 5_000, 30_000],
};

let cluster: Cluster;
afterEach(() => cluster.close());

function settled(options: ClusterOptions = {}, sink: Partial<SinkConfig> = {}): Cluster {
  cluster = new Cluster({ sinks: [{ ...ORDERS, ...sink }], ...options });
  cluster.home("anna", 0);
  cluster.run(5_000);
  return cluster;
}

const write = (key: string, value = "v"): void => {
  cluster.wrote(0, "anna", key, value, { concern: "majority" });
};
const sent = (): string[][] =>
  cluster.delivered.map(({ batch }) =>
    batch.changes.map(({ key, after }) => `${key}=${textOf(after?.value)}`),
  );
const places = (): [number, number][] =>
  cluster.delivered.map(({ batch: { after, through } }) => [after, through.s]);
const row = (region = 0, o = 0): SinkRow | undefined =>
  cluster
    .node(region)
    .storage.sinks()
    .find((each) => each.o === o);
const status = (region = 0): SinkStatus | undefined => cluster.log(region, 0).sinks?.[0];
const control = (action: SinkRequest["action"], region = 0, name = "orders"): SinkReply => {
  const ask = cluster.client(region, { op: "sink", name, action, from: 0, deadlineAt: cluster.now + 1_000 });
  if (ask.reply?.kind !== "sink") throw new Error("no answer");
  return ask.reply;
};
const refuses = (): void => {
  cluster.receives = () => ({ ok: false, error: "it answered 500" });
};
const takes = (): void => {
  cluster.receives = () => ({ ok: true });
};

describe("what is sent", () => {
  test("is what a majority holds, of the keys that the sink asked for, in order", () => {
    settled();
    cluster.isolate(0);
    cluster.write(0, "anna", "orders/1", "a");
    cluster.run(2_000);
    expect(cluster.delivered).toEqual([]);
    cluster.heal();
    cluster.run(10_000);
    write("other/1");
    write("orders/2", "b");
    cluster.run(1_000);
    expect(sent()).toEqual([["orders/1=a"], ["orders/2=b"]]);
    // Places follow each other without a gap, whatever was not for this sink.
    expect(places()).toEqual([
      [2, 3],
      [4, 5],
    ]);
    expect(cluster.delivered[0]).toMatchObject({ from: 0, sink: "orders", batch: { round: 0 } });
  });

  test("waits while a batch is under way, and then goes together, up to the bounds and never a part of an entry", () => {
    settled();
    cluster.receives = () => null;
    for (let n = 1; n <= 5; n++) write(`orders/${n}`, String(n));
    expect(sent()).toEqual([["orders/1=1"]]);
    cluster.receives = () => ({ ok: true });
    // The first one is never answered: in the end it counts as failed.
    cluster.run(60_000);
    expect(sent().slice(1)).toEqual([
      ["orders/1=1"],
      ["orders/2=2", "orders/3=3", "orders/4=4"],
      ["orders/5=5"],
    ]);
  });

  test("is bounded in bytes, and a value that is too large does not count", () => {
    settled({}, { batchChangesMax: 100 });
    cluster.receives = () => null;
    write("orders/0");
    write("orders/large", "x".repeat(2_001));
    for (let n = 1; n <= 6; n++) write(`orders/${n}`, "x".repeat(2_000));
    takes();
    cluster.run(60_000);
    expect(cluster.delivered.slice(2).map(({ batch }) => batch.changes.map(({ key }) => key))).toEqual([
      ["orders/large", "orders/1", "orders/2", "orders/3"],
      ["orders/4", "orders/5", "orders/6"],
    ]);
  });

  test("costs a row for each batch, and nothing where nothing is for the sink", () => {
    settled();
    expect(row()).toMatchObject({ delivered: 1, state: "active" });
    write("other/1");
    cluster.run(10_000);
    // Known, and not worth a row.
    expect(row()).toMatchObject({ delivered: 1 });
    expect(status()).toMatchObject({ delivered: { s: 3 }, state: "idle", leads: true });
    write("orders/1");
    cluster.run(10_000);
    expect(row()).toMatchObject({ delivered: 4, attempts: 0, through: 0 });
  });

  test("falls silent, and does not speak after a restart", () => {
    settled();
    write("orders/1");
    expect(cluster.quietAfter(20_000)).toBeLessThan(5_000);
    for (const region of [0, 1, 2]) cluster.restart(region);
    expect(cluster.quietAfter(20_000)).toBe(0);
    expect(sent()).toEqual([["orders/1=v"]]);
  });
});

describe("where a sink begins", () => {
  test("one that is new begins at what is written from now on", () => {
    settled({ sinks: [] });
    write("orders/1");
    cluster.run(1_000);
    cluster.restart(0, { sinks: [ORDERS] });
    write("orders/2");
    cluster.run(1_000);
    expect(sent()).toEqual([["orders/2=v"]]);
  });

  test("or, if it says so, at the beginning", () => {
    settled({ sinks: [] });
    write("orders/1");
    cluster.run(1_000);
    cluster.restart(0, { sinks: [{ ...ORDERS, from: "start" }] });
    cluster.run(1_000);
    // What was committed before the restart is found out with the next write.
    write("orders/2");
    cluster.run(1_000);
    expect(sent().flat()).toEqual(["orders/1=v", "orders/2=v"]);
  });

  test("a leader that follows another one and was told nothing repeats everything", () => {
    cluster = new Cluster({ sinks: [ORDERS] });
    // Region 2 has led the log of region 0 before.
    const story = new Story(0).open(18).claim("anna", 0).put("anna", "orders/1", "theirs");
    for (const region of [0, 1]) cluster.peer(region, 2, story.append(0, 3, { commit: 3 }));
    // It is lost, and the first one who misses it makes region 0 campaign.
    cluster.crash(2);
    cluster.run(20_000);
    cluster.write(0, "anna", "orders/2", "ours", { suspects: 2 });
    cluster.run(6_000);
    expect(sent().flat()).toEqual(["orders/1=theirs", "orders/2=ours"]);
  });
});

describe("what a crash leaves", () => {
  test("is found by the alarm that the write has armed, and is sent again", () => {
    settled();
    cluster.receives = () => null;
    write("orders/1", "a");
    expect(sent()).toEqual([["orders/1=a"]]);
    cluster.crash(0);
    takes();
    cluster.restart(0);
    expect(cluster.quietAfter(60_000)).not.toBeNull();
    expect(sent()).toEqual([["orders/1=a"], ["orders/1=a"]]);
    expect(row()).toMatchObject({ delivered: 3 });
  });

  test("goes on where it was: a batch that failed is the same batch again", () => {
    settled();
    refuses();
    write("orders/1", "a");
    cluster.run(100);
    write("orders/2", "b");
    cluster.crash(0);
    takes();
    cluster.restart(0);
    cluster.run(60_000);
    expect(sent()).toEqual([["orders/1=a"], ["orders/1=a"], ["orders/2=b"]]);
    expect(places()).toEqual([
      [2, 3],
      [2, 3],
      [3, 4],
    ]);
  });
});

describe("a receiver that fails", () => {
  test("is tried again by the schedule, then left alone, and holds up nobody", () => {
    settled();
    refuses();
    const at: number[] = [];
    cluster.receives = (_, batch: SinkBatch) => {
      at.push(cluster.now);
      return { ok: false, error: `it answered 500 to ${batch.changes.length}` };
    };
    write("orders/1");
    cluster.run(50);
    expect(status()).toMatchObject({ state: "retrying", attempts: 1, error: "it answered 500 to 1" });
    expect(status()?.dueInMs).toBeGreaterThan(900);
    expect(cluster.quietAfter(120_000)).not.toBeNull();
    expect(at.slice(1).map((each, n) => Math.round((each - at[n]!) / 500) * 500)).toEqual([
      1_000, 5_000, 30_000,
    ]);
    expect(status()).toMatchObject({ state: "parked", attempts: 4, dueInMs: null });
    write("orders/2");
    cluster.run(60_000);
    expect(at.length).toBe(4);
  });

  test("may put itself off, for an hour at most", () => {
    settled();
    cluster.receives = () => ({ ok: false, error: "it answered 503", retryAfterMs: 20_000 });
    write("orders/1");
    cluster.run(19_000);
    expect(cluster.delivered.length).toBe(1);
    cluster.receives = () => ({ ok: false, error: "it answered 503", retryAfterMs: 10 * 3_600_000 });
    cluster.run(2_000);
    expect(cluster.delivered.length).toBe(2);
    takes();
    cluster.run(3_600_000);
    expect(status()).toMatchObject({ state: "idle", delivered: { s: 3 } });
  });

  test("may say that it wants no more", () => {
    settled();
    cluster.receives = () => ({ ok: false, error: "it answered 410", park: true });
    write("orders/1");
    cluster.run(1_000);
    expect(status()).toMatchObject({ state: "parked", error: "it answered 410" });
    expect(cluster.quietAfter(60_000)).not.toBeNull();
    expect(cluster.delivered.length).toBe(1);
  });

  test("that is resumed gets everything that it missed", () => {
    settled({}, { retryMs: [] });
    refuses();
    for (const n of [1, 2, 3, 4]) write(`orders/${n}`);
    cluster.run(1_000);
    expect(status()?.state).toBe("parked");
    takes();
    expect(control({ kind: "resume" })).toEqual({
      kind: "sink",
      outcome: "done",
      logs: [{ origin: 0, position: { o: 0, e: 16, s: 2 } }],
    });
    cluster.run(1_000);
    expect(sent().slice(1).flat()).toEqual(["orders/1=v", "orders/2=v", "orders/3=v", "orders/4=v"]);
    // Nothing is left to resume.
    expect(control({ kind: "resume" }).logs).toEqual([]);
    expect(control({ kind: "resume" }, 1).logs).toEqual([]);
    expect(control({ kind: "resume" }, 0, "nobody").outcome).toBe("unknown-sink");
  });

  test("one sink that fails does not hold up another", () => {
    settled({ sinks: [ORDERS, { ...ORDERS, name: "search" }] });
    cluster.receives = (sink) => (sink === "orders" ? { ok: false, error: "no" } : { ok: true });
    for (const n of [1, 2, 3, 4]) write(`orders/${n}`);
    cluster.run(500);
    expect(
      cluster.delivered
        .filter(({ sink }) => sink === "search")
        .flatMap(({ batch }) => batch.changes.map(({ key }) => key)),
    ).toEqual(["orders/1", "orders/2", "orders/3", "orders/4"]);
  });
});

describe("a replay", () => {
  test("sends again what follows a position, under another round", () => {
    settled();
    for (const n of [1, 2, 3]) write(`orders/${n}`);
    cluster.run(1_000);
    cluster.delivered.length = 0;
    const position = { o: 0, e: 16, s: 3 };
    expect(control({ kind: "replay", position })).toMatchObject({ outcome: "done", logs: [{ position }] });
    cluster.run(1_000);
    expect(sent().flat()).toEqual(["orders/2=v", "orders/3=v"]);
    expect(cluster.delivered[0]?.batch.round).toBe(1);
    // From the very beginning, and to a place further on: what lies between is skipped.
    expect(control({ kind: "replay", position: { o: 0, e: 0, s: 0 } }).outcome).toBe("done");
  });

  test("is refused for a position that is none, and by who does not lead the log", () => {
    settled();
    write("orders/1");
    cluster.run(1_000);
    const outcome = (e: number, s: number, region = 0, o = 0): string =>
      control({ kind: "replay", position: { o, e, s } }, region).outcome;
    expect(outcome(16, 4)).toBe("no-position");
    expect(outcome(32, 3)).toBe("no-position");
    expect(outcome(16, 3)).toBe("done");
    expect(outcome(16, 3, 1)).toBe("not-leader");
    expect(outcome(16, 3, 0, 9)).toBe("not-leader");
  });

  test("takes the place of a batch that is under way", () => {
    settled();
    cluster.receives = () => null;
    write("orders/1", "bad");
    takes();
    write("orders/2", "good");
    expect(control({ kind: "replay", position: { o: 0, e: 16, s: 3 } }).outcome).toBe("done");
    cluster.run(60_000);
    expect(sent()).toEqual([["orders/1=bad"], ["orders/2=good"]]);
  });
});

describe("compaction", () => {
  const SHORT = {
    timing: { retainMs: 1_000 },
    limits: { compactEveryEntries: 1 },
  };

  test("waits for a sink that is active, and not for one that is parked: that one is lost", () => {
    settled(SHORT, { retryMs: [60_000] });
    refuses();
    write("orders/1");
    for (let n = 0; n < 4; n++) {
      cluster.run(2_000);
      write("other");
    }
    expect(status()?.state).toBe("retrying");
    // The claim's entry lies before it.
    expect(cluster.log(0, 0).base).toBe(2);
    cluster.run(70_000);
    expect(status()?.state).toBe("parked");
    for (let n = 0; n < 3; n++) {
      cluster.run(2_000);
      write("orders/2");
    }
    const { base } = cluster.log(0, 0);
    expect(base).toBeGreaterThan(3);
    expect(status()).toMatchObject({ state: "lost", delivered: { e: 16, s: 2 } });
    takes();
    expect(control({ kind: "replay", position: { o: 0, e: 16, s: 2 } })).toMatchObject({
      outcome: "gone",
      logs: [{ position: { s: base } }],
    });
    expect(control({ kind: "resume" })).toMatchObject({ logs: [{ position: { s: base } }] });
    cluster.run(1_000);
    expect(status()?.state).toBe("idle");
    expect(cluster.delivered.at(-1)?.batch.through.s).toBe(cluster.log(0, 0).head);
  });

  test("does not make a sink look lost that has skipped what is gone", () => {
    settled(SHORT);
    for (let n = 0; n < 5; n++) {
      write("other");
      cluster.run(2_000);
    }
    expect(cluster.log(0, 0).base).toBeGreaterThan(2);
    cluster.restart(0);
    cluster.run(1_000);
    expect(status()?.state).not.toBe("lost");
    write("orders/1");
    cluster.run(1_000);
    expect(sent()).toEqual([["orders/1=v"]]);
  });
});

describe("a successor", () => {
  test("goes on from what the leader has said with its appends", () => {
    settled();
    write("orders/1");
    cluster.run(200);
    write("orders/2");
    cluster.run(200);
    // With the append after: the second one as well, or not yet.
    expect(row(1)).toMatchObject({ name: "orders", round: 0 });
    const told = status(1)?.delivered.s ?? 0;
    expect(told).toBeGreaterThanOrEqual(3);
    expect(told).toBeLessThanOrEqual(4);
    expect(status(1)).toMatchObject({ leads: false, state: "unknown" });
  });

  test("delivers from there, and not from where the log begins", () => {
    cluster = new Cluster();
    const node = new Node({ region: 1, sinks: [ORDERS] });
    const story = new Story(0)
      .open(16)
      .claim("anna", 0)
      .put("anna", "orders/1", "a")
      .put("anna", "orders/2", "b");
    node.peer(0, story.append(0, 4, { commit: 4, sinks: [{ name: "orders", round: 2, s: 3 }] }));
    // It has taken the log over: its OPEN is in everybody's log.
    story.open(33);
    node.batch(story.batch(4, 5, { e: 33, commit: 5 }));
    node.storage.putLeadership({ o: 0, e: 33, opened: true, ackAfter: 0, leaseUntil: 0 });
    const delivered = node.start().flatMap((effect) => (effect.type === "deliver" ? [effect.batch] : []));
    expect(delivered).toMatchObject([
      { round: 2, after: 3, through: { e: 33, s: 5 }, changes: [{ key: "orders/2" }] },
    ]);
    node.close();
  });

  test("is told a replay, too: a later round counts whatever its place", () => {
    cluster = new Cluster();
    const node = new Node({ region: 1, sinks: [ORDERS] });
    const story = new Story(0).open(16).claim("anna", 0).put("anna", "orders/1", "a");
    const told = (round: number, s: number): number | undefined => {
      node.peer(0, story.append(0, 3, { sinks: [{ name: "orders", round, s }] }));
      return node.log(0).sinks?.[0]?.delivered.s;
    };
    expect(told(0, 3)).toBe(3);
    // Late on the way.
    expect(told(0, 2)).toBe(3);
    expect(told(1, 1)).toBe(1);
    expect(told(0, 3)).toBe(1);
    node.start();
    expect(node.log(0).sinks?.[0]?.delivered.s).toBe(1);
    node.close();
  });

  test("knows of a sink that it was told of before its own configuration names it", () => {
    cluster = new Cluster();
    const node = new Node({ region: 1 });
    const story = new Story(0).open(16);
    node.peer(0, story.append(0, 1, { sinks: [{ name: "orders", round: 0, s: 1 }] }));
    expect(node.storage.sinks()).toMatchObject([{ o: 0, name: "orders", delivered: 1 }]);
    node.close();
  });

  test("is told again after it was restarted", () => {
    settled();
    write("orders/1");
    cluster.run(1_000);
    cluster.restart(1);
    write("other/1");
    cluster.run(1_000);
    write("other/2");
    cluster.run(1_000);
    expect(status(1)?.delivered.s).toBeGreaterThanOrEqual(4);
  });
});
