/** Becoming the leader of a log (R1, R3, R6). */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Effect } from "../../src/replication/effect.ts";
import type { Append, PeerReply, PreVoteReply, Promise_ } from "../../src/replication/message.ts";
import { entryCodec } from "../../src/wire/entry-codec.ts";
import { callsIn, Cluster, Node, START, Story, writeOf, promiseOf } from "./harness.ts";

const NOTHING = { e: 0, s: 0 };

/** A candidate whose peers' answers are written here. */
class Campaign {
  readonly node: Node;
  calls: ReturnType<typeof callsIn> = [];
  wakeAt = Infinity;
  ballot = 0;

  constructor(node: Node) {
    this.node = node;
  }

  take(effects: readonly Effect[]): this {
    for (const call of callsIn(effects)) {
      this.calls.push(call);
      if (call.message.type === "prepare") this.ballot = call.message.b;
    }
    for (const effect of effects) if (effect.type === "wake") this.wakeAt = effect.at;
    return this;
  }

  want(fields: { suspects?: number } = {}): this {
    const request = writeOf(this.node.now, "anna", "a", "1", { deadlineAt: START + 60_000, ...fields });
    return this.take(this.node.client(request).effects);
  }

  wake(ms = this.wakeAt - this.node.now): this {
    return this.take(this.node.step({ type: "wake" }, this.node.now + ms));
  }

  /** The call of this type to this peer that has not been answered. */
  asked(to: number, type: string) {
    return this.calls.find((call) => call.to === to && call.message.type === type);
  }

  answer(to: number, type: string, message: PeerReply | null): this {
    const call = this.asked(to, type);
    if (call === undefined) throw new Error(`${to} was not asked to ${type}`);
    this.calls = this.calls.filter((other) => other !== call);
    return this.take(
      this.node.step(
        message === null
          ? { type: "failed", call: call.call, from: to, reason: "timeout" }
          : { type: "answer", call: call.call, from: to, message },
      ),
    );
  }

  /** What a voter says before a campaign. */
  word(to: number, fields: Partial<PreVoteReply> = {}): this {
    return this.answer(to, "pre-vote", {
      type: "pre-vote-reply",
      reachable: false,
      leaseRemainingMs: 0,
      willing: true,
      promised: 0,
      e: 0,
      coolingMs: 0,
      ...fields,
    });
  }

  promise(to: number, fields: Partial<Promise_> = {}): this {
    return this.answer(to, "prepare", promiseOf({ b: this.ballot, storeId: `store${to}`, ...fields }));
  }

  holding(to: number, story: Story, fields: Partial<Promise_> = {}): this {
    return this.promise(to, { last: story.last, epochs: story.epochs, ...fields });
  }

  get appends(): Append[] {
    return this.calls.flatMap(({ message }) => (message.type === "append" ? [message] : []));
  }
}

let node: Node;
let campaign: Campaign;
beforeEach(() => {
  node = new Node();
  node.peer(1, new Story(1).open(17).claim("anna", 0).append());
  campaign = new Campaign(node);
});
afterEach(() => node.close());

describe("a campaign", () => {
  test("begins when somebody waits for a leader of the region's own log, with a ballot that is durable first", () => {
    expect(node.storage.acceptors().find(({ o }) => o === 0)).toBeUndefined();
    campaign.want();
    expect(campaign.calls.map(({ to, message }) => [to, message])).toEqual([
      [1, { type: "prepare", o: 0, b: 16, transfer: false, storeId: node.status().storeId }],
      [2, { type: "prepare", o: 0, b: 16, transfer: false, storeId: node.status().storeId }],
    ]);
    expect(node.storage.acceptors().find(({ o }) => o === 0)).toMatchObject({ promised: 16, maxCounter: 1 });
    expect(node.log(0).state).not.toBe("following");
  });

  test("with a majority waits a moment for the others, and then opens", () => {
    campaign.want().promise(1);
    expect(campaign.appends).toEqual([]);
    expect(campaign.wakeAt).toBe(START + 50);
    campaign.wake();
    expect(campaign.appends).toMatchObject([
      { e: 16, prev: NOTHING, entries: [{ e: 16, s: 1 }], commit: 0, grant: true },
      { e: 16 },
    ]);
    expect(entryCodec.decode(campaign.appends[0]!.entries[0]!.bytes)).toMatchObject({ open: { leader: 0 } });
  });

  test("opens at once when everybody has answered", () => {
    campaign.want().promise(1).promise(2);
    expect(campaign.appends.length).toBeGreaterThan(0);
    const failed = new Campaign(new Node());
    failed.node.peer(1, new Story(1).open(17).claim("anna", 0).append());
    failed.want().promise(1).answer(2, "prepare", null);
    expect(failed.appends.length).toBeGreaterThan(0);
    failed.node.close();
  });

  test("of its own that came to nothing takes no successor its place: it asks before it goes on", () => {
    campaign.want().answer(1, "prepare", null).answer(2, "prepare", null);
    node.start();
    const back = new Campaign(node).want();
    expect(back.asked(1, "prepare")).toBeUndefined();
    back
      .word(1, { willing: false, reachable: true, e: 34 })
      .word(2, { willing: false, reachable: true, e: 34 });
    back.wake(10_000);
    expect(back.ballot).toBe(0);
  });

  test("without a majority fails, pauses ever longer, and takes a greater ballot each time", () => {
    const ballots: number[] = [];
    const pauses: number[] = [];
    campaign.want();
    for (let n = 0; n < 6; n++) {
      ballots.push(campaign.ballot);
      campaign.answer(1, "prepare", null);
      campaign.answer(2, "prepare", null);
      pauses.push(campaign.wakeAt - node.now);
      // The others may have gone on to a successor: it asks them first.
      campaign.wake().word(1).word(2);
    }
    expect(ballots).toEqual([16, 32, 48, 64, 80, 96]);
    expect(pauses).toEqual([150, 300, 600, 1_200, 2_000, 2_000]);
  });

  test("goes beyond the ballot that a refusal names, once the voters are willing", () => {
    campaign
      .want()
      .answer(1, "prepare", { type: "nack", promised: 16 * 7 + 2 })
      .answer(2, "prepare", null);
    campaign.wake().word(1).word(2);
    expect(campaign.ballot).toBe(16 * 8);
  });

  test("ends when another ballot is promised here meanwhile", () => {
    campaign.want();
    expect(node.peer(2, { type: "prepare", o: 0, b: 18, transfer: false })).toMatchObject({
      type: "promise",
      b: 18,
    });
    campaign.promise(1);
    campaign.wake(10_000).word(1).word(2);
    expect(campaign.appends).toEqual([]);
    expect(campaign.ballot).toBe(32);
  });

  test("takes no notice of promises for an earlier ballot, nor of late ones", () => {
    campaign.want();
    const late = campaign.asked(1, "prepare")!;
    campaign.answer(1, "prepare", null).answer(2, "prepare", null).wake().word(1).word(2);
    const promise = {
      type: "promise",
      b: 16,
      last: NOTHING,
      base: NOTHING,
      epochs: [],
      commit: 0,
      leaseRemainingMs: 0,
      hlc: 0,
      storeId: "",
      inc: 1,
    } as const;
    campaign.take(node.step({ type: "answer", call: late.call, from: 1, message: promise }));
    campaign.answer(2, "prepare", promise).answer(1, "prepare", null);
    expect(campaign.appends).toEqual([]);
  });

  test("stops when nobody waits any more", () => {
    campaign.take(node.client(writeOf(START, "anna", "a", "1", { deadlineAt: START + 1_000 })).effects);
    campaign.answer(1, "prepare", null).answer(2, "prepare", null);
    campaign.wake(1_000);
    campaign.calls = [];
    campaign.wake(60_000);
    expect(campaign.calls).toEqual([]);
  });

  test("a restart forgets it, and never proposes the same ballot again", () => {
    campaign.want();
    node.start();
    const again = new Campaign(node).want().word(1).word(2);
    expect(again.ballot).toBe(32);
  });

  test("of five needs two promises beside its own", () => {
    const five = new Campaign(new Node({ regions: 5 }));
    five.node.peer(1, new Story(1).open(17).claim("anna", 0).append());
    five.want().promise(1);
    expect(five.wakeAt).toBeGreaterThan(START + 50);
    five.promise(2).wake();
    expect(five.appends.length).toBe(4);
    five.node.close();
  });
});

describe("R3: the log it adopts", () => {
  /** Entries of the log that this region once opened, of which it has lost all or some. */
  const story = (): Story => new Story(0).open(16).put("anna", "x", "1").put("anna", "y", "2");

  test("is the greatest of the promised ones, fetched whole before anything is opened", () => {
    campaign.want().holding(1, story().fork(2)).holding(2, story());
    expect(campaign.asked(2, "pull")?.message).toMatchObject({ last: NOTHING, epochs: [] });
    campaign.answer(2, "pull", story().pulled(0, 2, { last: story().last }));
    expect(campaign.appends).toEqual([]);
    campaign.answer(2, "pull", story().pulled(2, 3));
    expect(node.log(0)).toMatchObject({ head: 4, applied: 4, epoch: campaign.appends[0]!.e });
    expect(node.storage.item("anna", "y", false)).toMatchObject({ s: 3 });
  });

  test("is its own when that is as great", () => {
    node.peer(0, story().append());
    campaign.want().holding(1, story()).holding(2, story().fork(1));
    expect(campaign.asked(1, "pull")).toBeUndefined();
    expect(campaign.appends.length).toBeGreaterThan(0);
  });

  test("replaces what it holds itself of an older epoch", () => {
    node.peer(0, story().append());
    const newer = story().fork(1).open(18).put("anna", "z", "3");
    campaign.want().holding(1, newer).answer(2, "prepare", null);
    campaign.answer(1, "pull", newer.pulled(1, 3));
    expect(node.log(0)).toMatchObject({ head: 4 });
    expect(node.storage.cutPlaces().map(({ s }) => s)).toEqual([2, 3]);
    expect(node.storage.item("anna", "x", false)).toBeNull();
  });

  test("may not be the second best: when it cannot be had, the campaign begins again", () => {
    campaign.want().holding(1, story().fork(2)).holding(2, story());
    const before = campaign.ballot;
    campaign.answer(2, "pull", null);
    expect(campaign.appends).toEqual([]);
    expect(campaign.asked(1, "pull")).toBeUndefined();
    campaign.wake().word(1).word(2);
    expect(campaign.ballot).toBe(before + 16);
  });

  test("nor another one than was promised", () => {
    for (const wrong of [
      story().open(32).pulled(0, 4),
      story().pulled(3, 3),
      story().pulled(0, 0),
      { type: "need-snapshot", base: { e: 16, s: 2 } } as const,
      { type: "unsupported" } as const,
    ]) {
      campaign.want();
      if (campaign.asked(1, "prepare") === undefined) campaign.wake().word(1).word(2);
      campaign.holding(1, story()).answer(2, "prepare", null);
      campaign.answer(1, "pull", wrong);
      expect(campaign.appends).toEqual([]);
      expect(node.log(0).head).toBe(0);
      campaign.wake().word(1).word(2);
      campaign.answer(1, "prepare", null).answer(2, "prepare", null).wake().word(1).word(2);
    }
  });

  test("is not opened when another ballot was promised while it was fetched", () => {
    campaign.want().holding(1, story()).answer(2, "prepare", null);
    node.peer(2, { type: "prepare", o: 0, b: 50, transfer: false });
    campaign.answer(1, "pull", story().pulled(0, 3));
    expect(campaign.appends).toEqual([]);
    expect(node.log(0).head).toBe(0);
  });

  test("and its clock is beyond all that a promise has seen", () => {
    const hlc = 4096 * 50_000_000;
    campaign.want().promise(1, { hlc }).promise(2);
    expect(entryCodec.decode(campaign.appends[0]!.entries[0]!.bytes).hlc).toBe(hlc + 1);
  });
});

describe("R6: acknowledgements wait for the leases of others", () => {
  test("from the receipt of the promise that reports the longest, by the candidate's clock", () => {
    campaign.want();
    node.now += 20;
    campaign.promise(1, { leaseRemainingMs: 2_000 });
    node.now += 10;
    campaign.promise(2, { leaseRemainingMs: 100 });
    expect(node.storage.leaderships()).toMatchObject([
      { o: 0, e: 16, opened: false, ackAfter: START + 20 + 2_002 },
    ]);
  });

  test("what was granted here counts too, and a restart does not forget", () => {
    const mine = new Story(0).open(16).open(18);
    node.peer(2, mine.append(0, 2, { grant: true }));
    // Region 2 led last: whoever wants another leader says that it does not answer.
    campaign.want({ suspects: 2 });
    campaign.wake().wake();
    node.now = START;
    campaign.word(1).word(2);
    campaign.holding(1, mine).holding(2, mine);
    const [row] = node.storage.leaderships();
    expect(row!.ackAfter).toBe(START + Math.ceil(3_753 * 1.001));
    node.start();
    expect(node.storage.leaderships()).toEqual([row]);
  });

  test("a write is told only then, and is sent before", () => {
    const cluster = new Cluster({ timing: { leaseGraceMs: 10_000 } });
    cluster.home("anna", 0);
    cluster.run(1_000);
    // Region 2 holds a lease on region 0's log: voter 1 has granted it.
    const other = new Story(0).fork();
    void other;
    cluster.node(1).storage.putGrant({ o: 0, grantee: 2, until: cluster.now + 2_000 });
    cluster.peer(0, 2, { type: "prepare", o: 0, b: 34, transfer: false });
    const from = cluster.now;
    const write = cluster.write(0, "anna", "a", "1", { concern: "majority" });
    cluster.run(1_000);
    expect(write.reply).toBeNull();
    expect(cluster.log(1, 0)).toMatchObject({ head: 4 });
    expect(cluster.log(0, 0)).toMatchObject({ state: "waiting", committed: 4 });
    cluster.runUntil(() => write.reply !== null);
    expect(write.reply).toMatchObject({ kind: "written", receipt: { committed: true } });
    expect(write.repliedAt! - from).toBeGreaterThanOrEqual(2_000);
    expect(write.repliedAt! - from).toBeLessThan(2_100);
    cluster.close();
  });
});

describe("R1: the voter's side", () => {
  const prepare = (b: number) => ({ type: "prepare", o: 2, b, transfer: false }) as const;

  test("a promise is durable, and carries tail, epochs, commit position and clock", () => {
    const story = new Story(2).open(18).claim("ben", 0);
    node.peer(2, story.append(0, 2, { commit: 1 }));
    expect(node.peer(2, prepare(34))).toMatchObject({
      type: "promise",
      b: 34,
      last: { e: 18, s: 2 },
      base: NOTHING,
      epochs: [{ e: 18, start: 1 }],
      commit: 1,
      storeId: node.status().storeId,
      inc: 1,
    });
    node.start();
    expect(node.peer(2, prepare(34))).toEqual({ type: "nack", promised: 34 });
    expect(node.peer(2, prepare(18))).toEqual({ type: "nack", promised: 34 });
  });

  test("a ballot of somebody else than its sender is refused", () => {
    expect(node.peer(1, prepare(34))).toEqual({ type: "nack", promised: 0 });
  });

  test("the longest grant to anybody else is reported, whoever was granted last", () => {
    node.peer(2, new Story(2).open(18).append(0, 1, { grant: true }));
    node.now += 1_000;
    const grantOf = 3_753;
    expect(node.peer(2, prepare(34))).toMatchObject({ leaseRemainingMs: 0 });
    expect(node.peer(1, prepare(49))).toMatchObject({ leaseRemainingMs: grantOf - 1_000 });
    // Granted to 1 as well now: 2's grant is not forgotten for it (two leases at once otherwise).
    node.now += 500;
    node.peer(1, new Story(2).open(18).open(49).append(0, 2, { grant: true }));
    expect(node.peer(1, prepare(65))).toMatchObject({ type: "promise", leaseRemainingMs: grantOf - 1_500 });
    expect(node.peer(2, prepare(82))).toMatchObject({ leaseRemainingMs: grantOf });
    node.now += 10_000;
    expect(node.peer(1, prepare(97))).toMatchObject({ leaseRemainingMs: 0 });
  });
});
