/** Leading: what is sent, what counts towards the commit position and the lease, and when peers are left alone. */
import { afterEach, describe, expect, test, vi } from "vitest";
import type { Append, PeerReply } from "../../src/replication/message.ts";
import {
  callsIn,
  Cluster,
  type ClusterOptions,
  logOf,
  Node,
  type NodeOptions,
  readOf,
  type Sent,
  START,
  Story,
  writeOf,
  promiseOf,
} from "./harness.ts";

let cluster: Cluster;
afterEach(() => cluster.close());

/** Region 0 leads, anna is at home there, everybody has everything. */
function settled(options: ClusterOptions = {}): Cluster {
  cluster = new Cluster(options);
  cluster.home("anna", 0);
  cluster.run(2_000);
  return cluster;
}

function appendsTo(region: number): Append[] {
  return [...cluster.flight, ...cluster.held].flatMap((parcel) =>
    parcel.kind === "request" && parcel.to === region && parcel.message.type === "append"
      ? [parcel.message]
      : [],
  );
}

/** One leader alone: its peers' answers are written here. */
function leading(options: NodeOptions = {}) {
  const node = new Node(options);
  cluster = new Cluster();
  node.peer(1, new Story(1).open(17).claim("anna", 0).append(0, 2, { commit: 2 }));
  let calls: ReturnType<typeof callsIn> = [];
  const take = (effects: ReturnType<Node["step"]>): void => void calls.push(...callsIn(effects));
  const reply = (to: number, call: number, message: PeerReply): void =>
    take(node.step({ type: "answer", call, from: to, message }));
  take(node.client(writeOf(START, "anna", "a", "1")).effects);
  for (const { call, to, message } of calls.splice(0)) {
    if (message.type !== "prepare") continue;
    reply(to, call, promiseOf({ b: message.b, storeId: `store${to}`, inc: 3 }));
  }
  return {
    node,
    /** Answers what was sent to a peer, and lets the pace pass; answers how many appends there were. */
    answer: (to: number, fields: object = {}): number => {
      const mine = calls.filter((call) => call.to === to && call.message.type === "append");
      calls = calls.filter((call) => !mine.includes(call));
      for (const { call, message } of mine) {
        if (message.type !== "append") continue;
        const match = message.prev.s + message.entries.length;
        const ok = { type: "append-ok", e: message.e, match, stamp: 1, storeId: `store${to}`, inc: 3 };
        reply(to, call, { ...ok, ...fields } as PeerReply);
      }
      node.now += 110;
      take(node.step({ type: "wake" }));
      return mine.length;
    },
    written: () => logOf(node.status(), 0),
  };
}

const isAppend = (parcel: Sent): boolean => parcel.kind === "request" && parcel.message.type === "append";

describe("R4: the commit position", () => {
  test("moves when a majority has the entry, and followers hear of it", () => {
    settled();
    cluster.cut(0, 2);
    cluster.wrote(0, "anna", "a", "1");
    cluster.run(300);
    expect(cluster.log(0, 0)).toMatchObject({ head: 3, committed: 3 });
    expect(cluster.log(1, 0)).toMatchObject({ head: 3, committed: 3 });
    expect(cluster.log(2, 0)).toMatchObject({ head: 2 });
  });

  test("stands still without a majority", () => {
    settled();
    cluster.isolate(0);
    cluster.wrote(0, "anna", "a", "1");
    cluster.run(10_000);
    expect(cluster.log(0, 0)).toMatchObject({ head: 3, committed: 2 });
  });

  test("of five needs three", () => {
    settled({ regions: 5 });
    for (const peer of [2, 3, 4]) cluster.cut(0, peer);
    cluster.wrote(0, "anna", "a", "1");
    cluster.run(5_000);
    expect(cluster.log(0, 0).committed).toBe(2);
    cluster.heal();
    cluster.cut(0, 3);
    cluster.cut(0, 4);
    cluster.wrote(0, "anna", "b", "2", { concern: "majority" });
    expect(cluster.log(0, 0).committed).toBe(4);
  });

  test("entries of older epochs are committed only underneath one of the leader's own", () => {
    cluster = new Cluster();
    // Region 0 holds entries of an old epoch of its own, which nobody else has.
    const old = new Story(0).open(16).claim("anna", 0).put("anna", "a", "1");
    cluster.peer(0, 0, old.append());
    cluster.hold = (parcel) =>
      isAppend(parcel) || (parcel.kind === "reply" && parcel.message.type === "append-mismatch");
    const write = cluster.write(0, "anna", "b", "2", { concern: "majority" });
    cluster.run(200);
    // The OPEN is at 4; a follower has the old entries, and not yet the OPEN.
    expect(cluster.log(0, 0)).toMatchObject({ head: 4, epoch: 32, committed: 0 });
    cluster.peer(1, 0, old.append());
    cluster.step(0, {
      type: "peer",
      id: 9_001,
      from: 1,
      message: { type: "progress", o: 0, e: 32, match: 3, storeId: cluster.node(1).status().storeId, inc: 1 },
    });
    expect(cluster.log(0, 0)).toMatchObject({ committed: 0, state: "waiting" });
    cluster.hold = () => false;
    cluster.release();
    cluster.run(1_000);
    expect(cluster.log(0, 0)).toMatchObject({ committed: 5, state: "leading" });
    expect(write.reply).toMatchObject({ kind: "written", status: 201 });
  });
});

describe("what is sent", () => {
  test("a write nobody waits for goes out at once when nothing is under way, and then with others", () => {
    settled({ latencyMs: 100 });
    for (let n = 0; n < 5; n++) {
      cluster.write(0, "anna", `k${n}`, "v");
      cluster.run(3);
    }
    expect(appendsTo(1).map(({ entries }) => entries.length)).toEqual([1]);
    cluster.run(350);
    expect(cluster.log(1, 0).head).toBe(7);
  });

  test("what somebody waits for is not held back by what is under way", () => {
    settled({ latencyMs: 100 });
    for (let n = 0; n < 3; n++) {
      cluster.write(0, "anna", `k${n}`, "v", { concern: "majority" });
      cluster.run(2);
    }
    expect(appendsTo(1).map(({ entries }) => entries.map(({ s }) => s))).toEqual([[3], [4], [5]]);
    cluster.write(0, "anna", "k3", "v", { concern: "majority" });
    cluster.write(0, "anna", "k4", "v", { concern: "majority" });
    cluster.run(2);
    // At most four at a time: batches form.
    expect(appendsTo(1).length).toBe(4);
    cluster.run(450);
    expect(cluster.log(0, 0).committed).toBe(7);
  });

  test("every peer ends with the log and the commit position, and then there is silence", () => {
    settled();
    for (let n = 0; n < 20; n++) {
      cluster.write(0, "anna", `k${n}`, "v");
      cluster.run(7);
    }
    cluster.run(300);
    for (const region of [0, 1, 2]) expect(cluster.log(region, 0)).toMatchObject({ head: 22, committed: 22 });
    expect(cluster.quietAfter(60_000)).toBeLessThan(3_000);
  });

  test("appends answered in another order than they were sent do no harm", () => {
    settled();
    cluster.hold = (parcel) => parcel.from === 1 && parcel.kind === "reply";
    for (let n = 0; n < 3; n++) cluster.write(0, "anna", `k${n}`, "v", { concern: "all" });
    cluster.run(50);
    cluster.held.reverse();
    cluster.hold = () => false;
    cluster.release();
    cluster.run(100);
    expect(cluster.log(0, 0).peers).toMatchObject([{ match: 5 }, { match: 5 }]);
  });

  test("a lost append is sent again", () => {
    settled();
    cluster.hold = (parcel) => parcel.to === 1 && isAppend(parcel);
    const write = cluster.write(0, "anna", "a", "1", { concern: "all" });
    cluster.run(20);
    const [lost] = cluster.held;
    cluster.lose();
    cluster.hold = () => false;
    if (lost?.kind === "request")
      cluster.step(0, { type: "failed", call: lost.call, from: 1, reason: "timeout" });
    cluster.run(500);
    expect(write.reply).toMatchObject({ kind: "written" });
  });

  test("a peer that lags is fed from where its log parts from ours", () => {
    settled();
    cluster.crash(2);
    for (let n = 0; n < 10; n++) cluster.wrote(0, "anna", `k${n}`, "v");
    cluster.run(3_000);
    cluster.restart(2);
    cluster.wrote(0, "anna", "z", "v", { concern: "all" });
    expect(cluster.log(2, 0).head).toBe(13);
  });
});

describe("distant peers", () => {
  test("are left to fetch for themselves, and fed again once they have", () => {
    settled({ limits: { inlineEntriesMax: 5 } });
    cluster.crash(2);
    for (let n = 0; n < 20; n++) cluster.wrote(0, "anna", `k${n}`, "v");
    cluster.run(3_000);
    cluster.restart(2);
    cluster.wrote(0, "anna", "y", "v");
    cluster.run(5);
    cluster.runUntil(() => cluster.log(2, 0).head === 23, 60_000);
    cluster.run(100);
    expect(logOf(cluster.node(0).status(), 0).peers[1]).toMatchObject({ match: 23, state: "following" });
    cluster.wrote(0, "anna", "z", "v", { concern: "all" });
    // None of it came by an append of more than was allowed.
    const appends = cluster.lines.filter(
      (line) => line.includes("weur → apac: append") && line.includes("put"),
    );
    expect(Math.max(...appends.map((line) => line.split("put").length - 1))).toBeLessThanOrEqual(5);
  });

  test("a peer whose log parted from ours below our base is not fed in circles", () => {
    const { node, answer, written } = leading({ limits: { logBytesMax: 10_000 } });
    for (let n = 0; n < 600; n++) {
      node.client(writeOf(node.now, "anna", `k${n % 7}`, "v"));
      answer(1);
    }
    const { head, base } = logOf(node.status(), 0);
    expect(base).toBeGreaterThan(200);
    const parted: PeerReply = {
      type: "append-mismatch",
      epochs: [{ e: 15, start: 1 }],
      last: { e: 15, s: head },
      base: { e: 0, s: 0 },
      stamp: 1,
    };
    let asked = 0;
    for (let n = 0; n < 20; n++) asked += answer(2, parted);
    expect(asked).toBeLessThan(4);
    expect(written()).toMatchObject({ peers: [{}, { region: 2, state: "catching-up" }] });
    // It pulls, and is told that what it needs is gone.
    expect(node.peer(2, { ...parted, type: "pull", o: 0, bytesMax: 1e6, wantCommit: false })).toMatchObject({
      type: "need-snapshot",
      base: { s: base },
    });
    node.close();
  });
});

describe("R5: the lease", () => {
  test("begins at the sending time of the oldest round that a majority has answered", () => {
    settled({ regions: 5, latencyMs: 20 });
    cluster.run(10_000);
    // Peers 1 and 2 answer at different moments; with the leader they are three of five.
    cluster.hold = (parcel) => parcel.kind === "request" && parcel.to > 1;
    const sentAt = cluster.now;
    const write = cluster.write(0, "anna", "a", "1");
    cluster.run(500);
    expect(write.reply).toBeNull();
    cluster.release((parcel) => parcel.to === 2);
    cluster.hold = () => false;
    cluster.run(50);
    expect(write.reply?.kind).toBe("written");
    if (write.reply?.kind !== "written") return;
    expect(write.reply.facts.leaseLeftMs).toBe(sentAt + 3_000 - write.repliedAt!);
  });

  test("is not held by a leader that nobody answers, and reads and local writes wait for it", () => {
    settled();
    cluster.run(10_000);
    cluster.isolate(0);
    const write = cluster.write(0, "anna", "a", "1");
    const read = cluster.read(0, "anna", "a", "leader");
    cluster.run(4_999);
    expect([write.reply, read.reply]).toEqual([null, null]);
    cluster.run(1);
    expect(write.reply).toMatchObject({ kind: "concern-timeout" });
    expect(read.reply).toMatchObject({ kind: "refused", reason: "no-leader" });
  });

  test("lets an isolated leader acknowledge to its end, and not a millisecond longer", () => {
    settled();
    cluster.run(10_000);
    const renewedAt = cluster.now;
    cluster.wrote(0, "anna", "a", "1");
    cluster.isolate(0);
    let acknowledged = 0;
    for (let n = 0; n < 60; n++) {
      const write = cluster.write(0, "anna", "b", `${n}`);
      cluster.run(100);
      if (write.reply?.kind === "written") acknowledged = write.repliedAt!;
    }
    expect(acknowledged).toBeLessThan(renewedAt + 3_000 + 100);
    expect(acknowledged).toBeGreaterThan(renewedAt + 2_500);
  });

  test("is renewed by those who use it, when half of it is gone, and by nobody else", () => {
    settled();
    cluster.run(10_000);
    const grants = () => cluster.lines.filter((line) => line.includes("grant me a lease")).length;
    const before = grants();
    cluster.run(60_000);
    expect(grants()).toBe(before);
    for (let n = 0; n < 100; n++) {
      cluster.read(0, "anna", "a", "leader");
      cluster.run(100);
    }
    // Ten seconds of reading: two peers, a renewal each one and a half seconds or so.
    expect(grants() - before).toBeGreaterThan(10);
    expect(grants() - before).toBeLessThan(24);
  });

  test("goes on over a restart, as far as it was granted", () => {
    settled();
    cluster.wrote(0, "anna", "a", "1");
    cluster.run(500);
    cluster.isolate(0);
    cluster.restart(0);
    const read = cluster.read(0, "anna", "a", "leader");
    cluster.run(50);
    expect(read.reply).toMatchObject({ kind: "item", item: { key: "a" } });
    cluster.run(5_000);
    const late = cluster.read(0, "anna", "a", "leader");
    cluster.run(6_000);
    expect(late.reply).toMatchObject({ kind: "refused", reason: "no-leader" });
  });

  test("ends with the leadership", () => {
    settled();
    cluster.wrote(0, "anna", "a", "1");
    const node = cluster.node(0);
    expect(node.peer(2, { type: "prepare", o: 0, b: 34, transfer: false })).toMatchObject({
      type: "promise",
    });
    cluster.hold = () => true;
    const read = cluster.read(0, "anna", "a", "leader");
    cluster.run(100);
    expect(read.reply).toBeNull();
  });
});

describe("without leases", () => {
  const timing = { leaseMs: 0 };

  test("an answer that relies on being the leader waits for a majority to answer a later append", () => {
    settled({ timing });
    cluster.wrote(0, "anna", "a", "1", { concern: "majority" });
    cluster.run(1_000);
    cluster.hold = (parcel) => isAppend(parcel);
    const read = cluster.read(0, "anna", "a", "strong");
    cluster.run(200);
    expect(read.reply).toBeNull();
    expect(appendsTo(1).length).toBe(1);
    cluster.hold = () => false;
    cluster.release((parcel) => parcel.to === 2);
    cluster.run(20);
    expect(read.reply).toMatchObject({ kind: "item", item: { key: "a" } });
  });

  test("a round that is lost is asked for again", () => {
    settled({ timing });
    cluster.wrote(0, "anna", "a", "1", { concern: "majority" });
    cluster.run(1_000);
    cluster.isolate(0, "refused");
    const read = cluster.read(0, "anna", "a", "strong");
    cluster.run(100);
    cluster.heal();
    cluster.run(1_000);
    expect(read.reply).toMatchObject({ kind: "item" });
  });

  test("a local write is acknowledged when a majority has it", () => {
    settled({ timing });
    cluster.isolate(0, "refused");
    const write = cluster.write(0, "anna", "a", "1");
    cluster.run(1_000);
    expect(write.reply).toBeNull();
    cluster.heal();
    cluster.run(2_000);
    expect(write.reply).toMatchObject({ kind: "written", receipt: { committed: true } });
  });

  test("a voter says nothing that is counted without writing: one that was replaced cannot", () => {
    settled({ timing });
    cluster.wrote(0, "anna", "a", "1", { concern: "all" });
    cluster.run(1_000);
    const { node } = cluster.hosts[1]!;
    const { e, s } = node.storage.head(0)!;
    const written = vi.spyOn(node.storage, "setMeta");
    const empty = new Story(0).append(0, 0, { e, prev: { e, s }, chain: new Uint8Array(0), commit: s });
    expect(node.peer(0, empty)).toMatchObject({ type: "append-ok", match: s });
    expect(written.mock.calls.map(([key]) => key)).toEqual(["fence"]);
  });

  test("nobody grants a lease, and a new leader waits for none", () => {
    settled({ timing });
    cluster.wrote(0, "anna", "a", "1", { concern: "majority" });
    expect(cluster.node(1).storage.grants()).toEqual([]);
  });
});

describe("R8: voters that have lost their memory", () => {
  test("are not counted any more, and shown as such", () => {
    const { node, answer, written } = leading();
    answer(1);
    expect(written()).toMatchObject({ committed: 1, state: "leading" });
    answer(1, { storeId: "another" });
    expect(written()).toMatchObject({
      committed: 1,
      peers: [{ region: 1, state: "amnesiac" }, { region: 2 }],
    });
    answer(2);
    answer(2);
    expect(written()).toMatchObject({ committed: 2 });
    node.close();
  });

  test("a lower incarnation that had nothing to write may be a replaced instance: it is passed over", () => {
    const { node, answer, written } = leading();
    answer(1);
    answer(1, { inc: 2 });
    expect(written()).toMatchObject({ committed: 1, peers: [{ state: "following" }, {}] });
    node.close();
  });

  test("are known as such over a restart of the leader, which forgets nobody", () => {
    const { node, answer, written } = leading();
    answer(1);
    answer(1, { storeId: "another" });
    node.start();
    expect(node.status().forgetful).toEqual([1]);
    expect(written()).toMatchObject({ peers: [{ region: 1, state: "amnesiac" }, { region: 2 }] });
    node.close();
  });

  test("whose storage was exchanged while the leader was away are noticed by what it wrote with its lease", () => {
    const { node, answer } = leading();
    answer(1);
    answer(2);
    node.start();
    expect(node.status().forgetful).toEqual([]);
    const prepare = { type: "prepare", o: 2, b: 50, transfer: false, storeId: "another" } as const;
    expect(node.peer(2, prepare)).toMatchObject({ type: "nack", forgotten: true });
    expect(node.peer(1, { ...prepare, o: 1, b: 49, storeId: "store1" })).toMatchObject({ type: "promise" });
    expect(node.status().forgetful).toEqual([2]);
    node.close();
  });

  /** Its storage is another one, and has nothing. */
  function empty(region: number): void {
    cluster.crash(region);
    cluster.node(region).close();
    const node = new Node({ region });
    // Made now, and not when everything began.
    node.driver.transaction(() => node.driver.run(`DELETE FROM meta`));
    cluster.hosts[region] = { ...cluster.hosts[region]!, node };
    cluster.restart(region);
  }
  const promisedBy = (region: number): number =>
    cluster
      .node(region)
      .storage.acceptors()
      .find(({ o }) => o === 0)?.promised ?? 0;

  test("are taken in again once all others have told them what they must know, and they have it", () => {
    settled();
    cluster.home("ben", 1);
    cluster.wrote(0, "anna", "a", "1", { concern: "all" });
    cluster.wrote(1, "ben", "b", "1", { concern: "all" });
    const before = cluster.node(1).status().storeId;
    cluster.isolate(2);
    cluster.wrote(0, "anna", "a", "2", { concern: "majority" });
    empty(1);
    cluster.wrote(0, "anna", "a", "3");
    cluster.wrote(0, "anna", "a", "4");
    cluster.run(3_000);
    // The leader tells it; the third does not answer.
    expect(cluster.node(0).status().forgetful).toEqual([1]);
    expect(logOf(cluster.node(0).status(), 0).committed).toBeLessThan(cluster.log(0, 0).head);
    expect(cluster.node(1).peer(2, { type: "prepare", o: 0, b: 50, transfer: false })).toMatchObject({
      type: "nack",
    });
    cluster.heal();
    cluster.wrote(0, "anna", "a", "5", { concern: "majority" });
    cluster.run(6_000);
    cluster.wrote(0, "anna", "a", "6", { concern: "all" });
    expect(cluster.node(0).status().forgetful).toEqual([]);
    expect(cluster.node(1).status().storeId).not.toBe(before);
    expect(promisedBy(1)).toBe(promisedBy(0));
    expect(cluster.node(1).state()).toEqual(cluster.node(0).state());
    // It is needed, and counts.
    cluster.crash(2);
    cluster.wrote(0, "anna", "a", "7", { concern: "majority" });
    cluster.restart(0);
    cluster.run(5_000);
    cluster.wrote(0, "anna", "a", "8", { concern: "majority" });
    expect(cluster.quietAfter(7_200_000)).not.toBeNull();
  });

  test("hold every other one to have what they may have granted", () => {
    settled();
    cluster.wrote(0, "anna", "a", "1", { concern: "all" });
    empty(1);
    cluster.wrote(0, "anna", "a", "2");
    cluster.wrote(0, "anna", "a", "3");
    cluster.runUntil(() => cluster.node(1).storage.grants().length > 0);
    const { grants } = { grants: cluster.node(1).storage.grants() };
    expect(grants.filter(({ o }) => o === 0).map(({ grantee }) => grantee)).toEqual([0, 2]);
    for (const { until } of grants) expect(until).toBe(cluster.now + 3_000 + 753);
  });

  test("do not take the word of one that has forgotten too, and does not know it", () => {
    settled();
    cluster.home("ben", 2);
    cluster.wrote(0, "anna", "a", "1", { concern: "all" });
    cluster.run(2_000);
    // What the two have without the leader, who knows both, and whom only one of them reaches afterwards.
    empty(1);
    empty(2);
    cluster.cut(0, 2);
    cluster.wrote(0, "anna", "a", "2");
    cluster.wrote(0, "anna", "a", "3");
    cluster.run(20_000);
    cluster.write(0, "anna", "a", "4");
    cluster.run(20_000);
    expect(cluster.node(0).status().forgetful).toEqual([1]);
    expect(cluster.peer(1, 2, { type: "prepare", o: 0, b: 50, transfer: false })).toMatchObject({
      type: "nack",
    });
    expect(cluster.quietAfter(7_200_000)).not.toBeNull();
    // Told too, it vouches for nobody.
    cluster.heal();
    cluster.write(0, "anna", "a", "5");
    cluster.run(20_000);
    cluster.write(0, "anna", "a", "6");
    cluster.run(20_000);
    expect(cluster.node(0).status().forgetful).toEqual([1, 2]);
    // Each of them asks the other, and neither takes that for a visit.
    expect(cluster.quietAfter(7_200_000)).not.toBeNull();
  });

  test("are handed no log while they do not know it", () => {
    settled();
    cluster.wrote(0, "anna", "a", "1", { concern: "all" });
    cluster.run(500);
    empty(1);
    // Or it would be taken in again, and could lead.
    cluster.cut(1, 2);
    const request = { op: "hand-off", origin: 0, to: 1, from: 0, deadlineAt: cluster.now + 5_000 } as const;
    const ask = cluster.client(0, request);
    cluster.runUntil(() => ask.reply !== null);
    expect(ask.reply).toMatchObject({ kind: "not-handed-off", why: "not-ready" });
    expect(cluster.node(0).status().forgetful).toEqual([1]);
  });

  test("that have forgotten too vouch for nobody", () => {
    settled();
    cluster.wrote(0, "anna", "a", "1", { concern: "all" });
    for (const region of [1, 2]) {
      const { node } = cluster.hosts[region]!;
      node.driver.transaction(() => node.storage.setMeta("forgot", START));
      cluster.restart(region);
    }
    cluster.run(30_000);
    cluster.write(0, "anna", "a", "2");
    cluster.run(30_000);
    expect(cluster.peer(1, 2, { type: "return", storeId: "x" })).toMatchObject({ type: "nack" });
    expect(cluster.peer(2, 0, { type: "prepare", o: 0, b: 48, transfer: false })).toMatchObject({
      type: "nack",
    });
  });

  test("are told that they are by the storage that they had: what comes late is not for the one that is back", () => {
    const node = new Node({ region: 1 });
    cluster = new Cluster();
    const story = new Story(0).open(16).claim("anna", 0);
    node.peer(0, story.append(0, 2, { forgotten: "another" }));
    expect(node.peer(0, story.append(2, 2, { commit: 2 }))).toMatchObject({ storeId: node.status().storeId });
    node.peer(0, story.append(2, 2, { forgotten: node.status().storeId }));
    expect(node.peer(0, story.append(2, 2))).toMatchObject({ type: "append-ok", storeId: "" });
    node.close();
  });

  test("an answer that an instance gave before it was restarted, and that comes late, is no amnesia", () => {
    settled();
    cluster.hold = (parcel) => parcel.from === 1 && parcel.kind === "reply";
    cluster.write(0, "anna", "a", "1");
    cluster.run(50);
    cluster.hold = () => false;
    expect(cluster.held.length).toBe(1);
    const old = cluster.held;
    cluster.restart(1);
    cluster.wrote(0, "anna", "b", "2", { concern: "majority" });
    cluster.wrote(0, "anna", "c", "3", { concern: "all" });
    cluster.held = old;
    cluster.release();
    cluster.run(100);
    expect(logOf(cluster.node(0).status(), 0).peers[0]).toMatchObject({ region: 1, state: "following" });
  });

  test("nor is a promise of what a voter had after the first batch of a leader whose OPEN was still to come", () => {
    cluster = new Cluster({ limits: { batchEntriesMax: 1 } });
    cluster.peer(0, 0, new Story(0).open(16).claim("anna", 0).put("anna", "a", "1").append());
    cluster.hold = (parcel) =>
      parcel.to === 2 ||
      (parcel.kind === "request" && parcel.message.type === "append" && parcel.message.prev.s === 1);
    cluster.write(0, "anna", "b", "2", { concern: "majority" });
    cluster.run(200);
    expect(cluster.log(1, 0).head).toBe(1);
    expect(logOf(cluster.node(0).status(), 0)).toMatchObject({ epoch: 32, peers: [{ match: 1 }, {}] });
    // It is stopped, and asks for promises again.
    cluster.peer(0, 2, { type: "prepare", o: 0, b: 34, transfer: false });
    cluster.hold = () => false;
    cluster.lose();
    cluster.run(3_000);
    cluster.wrote(0, "anna", "c", "3", { concern: "all" });
    expect(cluster.node(0).status().forgetful).toEqual([]);
  });

  test("a client of one that knows it is told to look elsewhere, at every level", () => {
    settled();
    cluster.wrote(0, "anna", "a", "1", { concern: "all" });
    const { node } = cluster.hosts[1]!;
    node.driver.transaction(() => node.storage.setMeta("forgot", START));
    cluster.restart(1);
    for (const level of ["leader", "session", "eventual"] as const)
      expect(cluster.read(1, "anna", "a", level).reply).toEqual({ kind: "refused", reason: "not-ready" });
    expect(node.replica.peek(readOf(cluster.now, "anna", "a", "eventual"), cluster.now)).toBeNull();
    expect(cluster.write(1, "anna", "a", "2").reply).toEqual({ kind: "refused", reason: "not-ready" });
    expect(cluster.client(1, { op: "status", from: 1, deadlineAt: cluster.now }).reply).toMatchObject({
      kind: "status",
    });
  });

  test("nor is the progress that a queue consumer reports for an instance that is gone", () => {
    settled();
    const { storeId, incarnation } = cluster.node(1).status();
    cluster.restart(1);
    cluster.wrote(0, "anna", "a", "1", { concern: "all" });
    cluster.peer(0, 1, { type: "progress", o: 0, e: 16, match: 2, storeId, inc: incarnation });
    expect(logOf(cluster.node(0).status(), 0).peers[0]).toMatchObject({ region: 1, state: "following" });
  });
});

describe("being deposed", () => {
  test("by a promise: nothing more is sent or acknowledged under the old epoch, over a restart too", () => {
    settled();
    const node = cluster.node(0);
    cluster.hold = () => true;
    const write = cluster.write(0, "anna", "a", "1", { concern: "majority" });
    node.peer(2, { type: "prepare", o: 0, b: 34, transfer: false });
    cluster.release();
    cluster.run(1_000);
    expect(write.reply).toBeNull();
    expect(node.storage.leaderships()).toMatchObject([
      { o: 0, e: 0, opened: false, ackAfter: 0, leaseUntil: 0 },
    ]);
    node.start();
    expect(node.log(0).state).toBe("following");
  });

  test("a read that waits for it is answered by the leader that follows, here too", () => {
    settled();
    cluster.run(10_000);
    for (const region of [1, 2]) cluster.peer(region, 2, { type: "prepare", o: 0, b: 34, transfer: false });
    const asked = [
      cluster.read(0, "anna", "a", "leader"),
      cluster.read(0, "anna", "a", "strong"),
      cluster.write(0, "anna", "a", "1", { conditions: { ifMatch: "any" } }),
      cluster.client(0, {
        op: "home",
        user: "carl",
        certain: true,
        from: 0,
        deadlineAt: cluster.now + 5_000,
      }),
    ];
    // The promise to region 2 has come to nothing; until that is certain nobody else may campaign.
    cluster.run(4_900);
    expect(asked.map(({ reply }) => (reply?.kind === "refused" ? reply.reason : reply?.kind))).toEqual([
      "item",
      "item",
      "precondition-failed",
      "no-user",
    ]);
    expect(cluster.log(0, 0).epoch).toBe(48);
  });

  test("by an answer that names a greater promise", () => {
    settled();
    cluster.peer(1, 2, { type: "prepare", o: 0, b: 34, transfer: false });
    cluster.peer(2, 2, { type: "prepare", o: 0, b: 34, transfer: false });
    const write = cluster.write(0, "anna", "a", "1", { concern: "majority" });
    cluster.run(100);
    expect(cluster.log(0, 0).state).toBe("following");
    cluster.run(5_000);
    expect(write.reply).toEqual({ kind: "outcome-unknown" });
    // Who asks next makes it campaign, with a counter beyond what it was told.
    cluster.wrote(0, "anna", "b", "2");
    expect(cluster.log(0, 0)).toMatchObject({ epoch: 48, state: "leading" });
  });
});
