/** Accepting entries from wherever they come (R2, R7), and fetching what is missing. */
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { AssertionFailed } from "../../src/lib/assert.ts";
import type { Pull } from "../../src/replication/message.ts";
import { callsIn, Cluster, Node, START, Story } from "./harness.ts";

let node: Node;
beforeEach(() => {
  node = new Node({ region: 1 });
});
afterEach(() => node.close());

const ok = (match: number) => ({ type: "append-ok", match });
const told = (): Story => new Story(0).open(16).claim("anna", 0).put("anna", "a", "1").put("anna", "b", "2");

describe("R2: what an append does", () => {
  test("entries that follow are added, and the answer says how far the log is the leader's", () => {
    const story = told();
    expect(node.peer(0, story.append(0, 2))).toMatchObject({ ...ok(2), e: 16, stamp: START, inc: 1 });
    expect(node.peer(0, story.append(2, 4, { commit: 3 }))).toMatchObject(ok(4));
    expect(node.log(0)).toMatchObject({ head: 4, applied: 4, committed: 3 });
  });

  test("an epoch below the promise adds nothing, whatever brings it", () => {
    const story = told();
    node.peer(2, { type: "prepare", o: 0, b: 34, transfer: false });
    expect(node.peer(0, story.append())).toEqual({ type: "append-stale", promised: 34 });
    expect(node.batch(story.batch())).toEqual(["stale"]);
    expect(node.log(0).head).toBe(0);
  });

  test("an append by somebody else than the epoch's leader adds nothing", () => {
    expect(node.peer(2, told().append())).toMatchObject({ type: "append-stale" });
    expect(node.log(0).head).toBe(0);
  });

  test("an append promises its epoch", () => {
    node.peer(0, told().append());
    expect(node.peer(2, { type: "prepare", o: 0, b: 2, transfer: false })).toEqual({
      type: "nack",
      promised: 16,
    });
  });

  test("the same entries again change nothing", () => {
    const story = told();
    node.peer(0, story.append());
    const before = node.state();
    for (const [from, to] of [
      [0, 4],
      [1, 3],
      [4, 4],
    ] as const)
      expect(node.peer(0, story.append(from, to))).toMatchObject(ok(to));
    expect(node.state()).toEqual(before);
    expect(node.log(0).head).toBe(4);
  });

  test("a shorter message cuts nothing, and does not vouch for what is beyond it", () => {
    const story = told();
    node.peer(0, story.append());
    expect(node.peer(0, story.append(1, 2, { commit: 4 }))).toMatchObject(ok(2));
    expect(node.log(0)).toMatchObject({ head: 4, committed: 2 });
    expect(node.peer(0, story.append(2, 2, { commit: 4 }))).toMatchObject(ok(2));
    expect(node.log(0)).toMatchObject({ head: 4, committed: 2 });
  });

  test("a gap is answered with where the log ends, and what came is not kept", () => {
    const story = told();
    node.peer(0, story.append(0, 1));
    expect(node.peer(0, story.append(3, 4))).toMatchObject({
      type: "append-mismatch",
      epochs: [{ e: 16, start: 1 }],
      last: { e: 16, s: 1 },
      base: { e: 0, s: 0 },
    });
    expect(node.log(0).head).toBe(1);
  });

  test("entries of a newer epoch replace ours from where they differ", () => {
    node.peer(0, told().append());
    const other = told().fork(2).open(34).put("anna", "c", "3");
    expect(node.peer(2, other.append(3))).toMatchObject({ type: "append-mismatch", last: { e: 16, s: 4 } });
    expect(node.peer(2, other.append(1))).toMatchObject(ok(4));
    expect(node.log(0)).toMatchObject({ head: 4, epoch: 34, leader: 2 });
    expect(node.storage.cutPlaces().map(({ s }) => s)).toEqual([3, 4]);
  });

  test("a newer leader's heartbeat at a common place cuts nothing either", () => {
    node.peer(0, told().append());
    expect(node.peer(2, told().append(2, 2, { e: 34 }))).toMatchObject({ ...ok(2), e: 34 });
    expect(node.log(0)).toMatchObject({ head: 4 });
  });

  test("another history in the same place is a mistake of ours, and stops the turn", () => {
    const one = told();
    const other = told().fork(3).put("anna", "b", "another");
    node.peer(0, one.append());
    expect(() => node.peer(0, other.append(3))).toThrow(AssertionFailed);
  });

  test("a grant is counted from the moment of the append, for its sender, and only when it fits", () => {
    const story = told();
    expect(node.storage.grants()).toEqual([]);
    node.now += 100;
    node.peer(0, story.append(3, 4, { grant: true }));
    expect(node.storage.grants()).toEqual([]);
    node.peer(0, story.append(0, 4, { grant: true }));
    const until = START + 100 + 3_000 + 753;
    expect(node.storage.grants()).toEqual([{ o: 0, grantee: 0, until }]);
    node.peer(0, story.append(4, 4));
    node.batch(story.batch(4, 4));
    expect(node.storage.grants()).toEqual([{ o: 0, grantee: 0, until }]);
  });
});

describe("R7: incarnations", () => {
  test("an older instance adds nothing to an epoch that a younger one leads", () => {
    const story = told();
    node.peer(0, story.append(0, 2, { inc: 4 }));
    expect(node.peer(0, story.append(2, 3, { inc: 3 }))).toMatchObject({
      type: "append-stale",
      promised: 16,
    });
    expect(node.peer(0, story.append(2, 3, { inc: 5 }))).toMatchObject(ok(3));
    expect(node.peer(0, story.append(3, 4, { inc: 4 }))).toMatchObject({ type: "append-stale" });
  });

  test("is remembered across a restart", () => {
    const story = told();
    node.peer(0, story.append(0, 2, { inc: 4 }));
    node.start();
    expect(node.peer(0, story.append(2, 3, { inc: 3 }))).toMatchObject({ type: "append-stale" });
  });

  test("begins anew with an epoch", () => {
    node.peer(0, told().append(0, 2, { inc: 9 }));
    expect(node.peer(2, told().fork(2).open(34).append(2, 3, { inc: 1 }))).toMatchObject(ok(3));
  });

  test("a batch that an older instance had queued is not taken, and asked for instead", () => {
    const story = told();
    node.peer(0, story.append(0, 2, { inc: 4 }));
    expect(node.batch(story.batch(2, 4, { inc: 3 }))).toEqual(["stale"]);
    const pulls = callsIn(node.step({ type: "wake" }));
    expect(node.log(0).head + pulls.length).toBeGreaterThanOrEqual(2);
  });
});

describe("queue batches", () => {
  test("have a verdict each, in their order", () => {
    const story = told();
    const strange = { ...story.batch(), o: 9 };
    node.peer(0, story.append(0, 1));
    expect(
      node.batch(null, story.batch(1, 2), story.batch(1, 2), story.batch(3, 4), strange, story.batch(2, 3)),
    ).toEqual(["poison", "accepted", "duplicate", "buffered", "poison", "accepted"]);
    expect(node.log(0).head).toBe(4);
  });

  test("in any order, any number of times, end in the same log", () => {
    const story = told().put("anna", "c", "3").delete("anna", "a").put("anna", "d", "4");
    const cuts = fc.array(fc.tuple(fc.nat({ max: 6 }), fc.nat({ max: 6 })), { maxLength: 20 });
    fc.assert(
      fc.property(cuts, (pairs) => {
        const follower = new Node({ region: 1 });
        for (const [a, b] of pairs) follower.batch(story.batch(Math.min(a, b), Math.max(a, b)));
        for (let s = 0; s < story.last.s; s++) follower.batch(story.batch(s, s + 1));
        expect(follower.log(0)).toMatchObject({ head: story.last.s, applied: story.last.s });
        node.peer(0, story.append());
        expect(follower.state()).toEqual(node.state());
        follower.close();
      }),
      { numRuns: 60 },
    );
  });

  test("tell the leader how far the log is, once for each log", () => {
    const story = told();
    const effects = node.step({ type: "batch", id: 7, messages: [story.batch(0, 2), story.batch(2, 4)] });
    expect(effects.find(({ type }) => type === "batch-done")).toMatchObject({
      id: 7,
      progress: [{ to: 0, message: { type: "progress", o: 0, e: 16, match: 4 } }],
    });
  });

  test("that come too early wait within bounds", () => {
    const small = new Node({ region: 1, limits: { inboxEntriesMax: 2 } });
    const story = told();
    expect(small.batch(story.batch(1, 2), story.batch(2, 3), story.batch(3, 4))).toEqual([
      "buffered",
      "buffered",
      "dropped",
    ]);
    expect(small.batch(story.batch(0, 1))).toEqual(["accepted"]);
    expect(small.log(0).head).toBe(3);
    small.close();
  });

  test("that waited under an epoch which is over do not come in", () => {
    const story = told();
    node.batch(story.batch(1, 4));
    node.peer(2, { type: "prepare", o: 0, b: 34, transfer: false });
    const other = story.fork(1).open(34);
    node.peer(2, other.append());
    expect(node.log(0)).toMatchObject({ head: 2, epoch: 34 });
  });

  test("a doorbell makes the replica fetch", () => {
    const story = told();
    node.peer(0, story.append(0, 1));
    const effects = node.step({ type: "batch", id: 1, messages: [story.doorbell()] });
    expect(callsIn(effects)).toMatchObject([
      { to: 0, message: { type: "pull", o: 0, last: { e: 16, s: 1 } } },
    ]);
    expect(node.batch(told().fork(1).doorbell())).toEqual(["duplicate"]);
  });
});

describe("fetching", () => {
  const pullsIn = (effects: ReturnType<Node["step"]>) =>
    callsIn(effects).filter(({ message }) => message.type === "pull");

  test("a gap that reordering does not close is pulled after a while, from the leader", () => {
    const story = told();
    node.peer(0, story.append(0, 1));
    const effects = node.step({ type: "batch", id: 1, messages: [story.batch(2, 3)] });
    expect(pullsIn(effects)).toEqual([]);
    expect(effects.findLast(({ type }) => type === "wake")).toEqual({ type: "wake", at: START + 250 });
    expect(pullsIn(node.step({ type: "wake" }, START + 250))).toMatchObject([{ to: 0 }]);
  });

  test("a gap that reordering closes is not", () => {
    const story = told();
    node.peer(0, story.append(0, 1));
    node.batch(story.batch(2, 4));
    node.batch(story.batch(1, 2));
    expect(node.log(0).head).toBe(4);
    expect(pullsIn(node.step({ type: "wake" }, START + 250))).toEqual([]);
  });

  test("goes on page by page, and says so to the leader when it has caught up", () => {
    const story = told();
    let [pull] = pullsIn(node.step({ type: "batch", id: 1, messages: [story.doorbell()] }));
    for (let after = 0; after < 4; after++) {
      const effects = node.step({
        type: "answer",
        call: pull!.call,
        from: 0,
        message: story.pulled(after, after + 1),
      });
      if (after < 3) [pull] = pullsIn(effects);
      else expect(callsIn(effects)).toMatchObject([{ to: 0, message: { type: "progress", match: 4 } }]);
      expect((pull!.message as Pull).last.s).toBe(Math.min(after + 1, 3));
    }
    expect(node.log(0).head).toBe(4);
  });

  test("asks the others in turn when the leader does not answer, and pauses ever longer", () => {
    const story = told();
    node.peer(0, story.append(0, 1));
    let effects = node.step({ type: "batch", id: 1, messages: [story.doorbell()] });
    const asked: number[] = [];
    const pauses: number[] = [];
    for (let n = 0; n < 8; n++) {
      const [pull] = pullsIn(effects);
      asked.push(pull!.to);
      effects = node.step({ type: "failed", call: pull!.call, from: pull!.to, reason: "refused" });
      const wake = effects.findLast((effect) => effect.type === "wake");
      if (wake?.type !== "wake") break;
      pauses.push(wake.at - node.now);
      effects = node.step({ type: "wake" }, wake.at);
    }
    expect(asked).toEqual([0, 2, 0, 2, 0, 2, 0, 2]);
    expect(pauses).toEqual([20, 40, 80, 160, 320, 500, 500]);
    // Then silence, until there is a reason again.
    expect(pullsIn(node.step({ type: "wake" }, node.now + 60_000))).toEqual([]);
    story.put("anna", "z", "9");
    expect(
      pullsIn(node.step({ type: "batch", id: 2, messages: [story.doorbell()] }, node.now + 60_000)).length,
    ).toBe(1);
  });

  test("takes entries of any replica, cuts what a newer epoch replaced, and refuses an older one", () => {
    node.peer(0, told().append());
    const newer = told().fork(2).open(34).put("anna", "c", "3").put("anna", "d", "4");
    const [pull] = pullsIn(node.step({ type: "batch", id: 1, messages: [newer.doorbell()] }));
    node.step({ type: "answer", call: pull!.call, from: 0, message: newer.pulled(2, 5, { commit: 4 }) });
    expect(node.log(0)).toMatchObject({ head: 5, epoch: 34, committed: 4, leader: 2 });
    expect(node.storage.cutPlaces().length).toBe(2);

    newer.put("anna", "e", "5");
    const [again] = pullsIn(node.step({ type: "batch", id: 2, messages: [newer.doorbell()] }));
    const old = told().put("anna", "x", "9").put("anna", "y", "9").put("anna", "z", "9");
    node.step({ type: "answer", call: again!.call, from: 0, message: old.pulled(2, 7) });
    expect(node.log(0)).toMatchObject({ head: 5, epoch: 34 });
  });

  test("one pull at a time", () => {
    const story = told();
    const first = pullsIn(node.step({ type: "batch", id: 1, messages: [story.doorbell()] }));
    story.put("anna", "c", "3");
    expect(pullsIn(node.step({ type: "batch", id: 2, messages: [story.doorbell()] }))).toEqual([]);
    expect(first.length).toBe(1);
  });

  test("a claim of length that the leader does not confirm is dropped", () => {
    const story = told();
    node.peer(0, story.append());
    const [pull] = pullsIn(
      node.step({ type: "batch", id: 1, messages: [{ ...story.doorbell(), last: { e: 16, s: 99 } }] }),
    );
    node.step({ type: "answer", call: pull!.call, from: 0, message: story.pulled(4, 4) });
    expect(pullsIn(node.step({ type: "wake" }, node.now + 10_000))).toEqual([]);
  });
});

describe("answering pulls", () => {
  const pull = (story: Story, s: number, fields: Partial<Pull> = {}): Pull => ({
    type: "pull",
    o: 0,
    last: story.tailAt(s),
    base: { e: 0, s: 0 },
    epochs: story.epochs.filter(({ start }) => start <= s),
    bytesMax: 1_000_000,
    wantCommit: false,
    ...fields,
  });

  test("gives what follows, with the chain after it, whoever leads", () => {
    const story = told();
    node.peer(0, story.append(0, 4, { commit: 2 }));
    expect(node.peer(2, pull(story, 1))).toEqual({
      type: "pull-ok",
      e: 16,
      prev: { e: 16, s: 1 },
      entries: story.entries.slice(1),
      chain: story.chainAt(4),
      commit: 2,
      last: { e: 16, s: 4 },
    });
    expect(node.peer(2, pull(story, 4))).toMatchObject({ entries: [], prev: { s: 4 } });
  });

  test("gives a page of the size asked for, at least one entry", () => {
    const story = told();
    node.peer(0, story.append());
    expect(node.peer(2, pull(story, 0, { bytesMax: 1 }))).toMatchObject({
      entries: [{ s: 1 }],
      chain: story.chainAt(1),
    });
  });

  test("begins where the two logs part", () => {
    const story = told();
    const other = told().fork(2).open(34).put("anna", "c", "3").put("anna", "d", "4").put("anna", "e", "5");
    node.peer(2, other.append());
    expect(node.peer(0, pull(story, 4))).toMatchObject({
      prev: { e: 16, s: 2 },
      entries: [{ s: 3, e: 34 }, {}, {}, {}],
    });
    // Who asks may be longer.
    expect(
      node.peer(0, pull(told().put("anna", "x", "").put("anna", "y", "").put("anna", "z", ""), 7)),
    ).toMatchObject({
      prev: { s: 2 },
      entries: [{ s: 3 }, {}, {}, {}],
    });
  });

  test("an empty log has nothing", () => {
    expect(node.peer(2, pull(told(), 0))).toMatchObject({
      type: "pull-ok",
      e: 0,
      entries: [],
      last: { e: 0, s: 0 },
    });
  });
});

describe("freshness", () => {
  test("is unknown until a leader that may acknowledge says how far its log is, and counts from the echo", () => {
    const story = told();
    node.peer(0, story.append());
    expect(node.log(0).lagMs).toBeNull();
    node.now = START + 100;
    node.peer(0, story.append(4, 4, { closed: { s: 4, hlc: 1, echo: START } }));
    expect(node.log(0).lagMs).toBe(100);
    node.peer(0, story.append(4, 4, { closed: { s: 4, hlc: 1, echo: START + 60 } }));
    expect(node.log(0).lagMs).toBe(40);
    // An older echo makes it no older; no echo says nothing.
    node.peer(0, story.append(4, 4, { closed: { s: 4, hlc: 1, echo: START + 10 } }));
    node.peer(0, story.append(4, 4, { closed: { s: 9, hlc: 1, echo: 0 } }));
    expect(node.log(0).lagMs).toBe(40);
  });

  test("is unknown again while what was closed is not applied", () => {
    const story = told();
    node.peer(0, story.append(0, 3));
    node.peer(0, story.append(3, 3, { closed: { s: 4, hlc: 1, echo: START } }));
    expect(node.log(0).lagMs).toBeNull();
    node.peer(0, story.append(3, 4));
    expect(node.log(0).lagMs).toBe(0);
  });

  test("a leader that refuses at once is not asked again at once", () => {
    const cluster = new Cluster();
    cluster.home("anna", 0);
    cluster.run(1_000);
    cluster.cut(0, 1, "refused");
    cluster.now += 60_000;
    cluster.read(1, "anna", "a", "bounded", { stalenessMsMax: 1_000 });
    const before = cluster.turns;
    cluster.run(5_000);
    expect(cluster.turns - before).toBeLessThan(100);
    cluster.close();
  });
});
