/** Deciding writes at the leader: the order of the questions, what is logged, and when it may be told. */
import { afterEach, describe, expect, test } from "vitest";
import type { Position } from "../../src/replication/position.ts";
import type { ClientReply, WriteRequest } from "../../src/replication/request.ts";
import { wallOf } from "../../src/replication/hlc.ts";
import { entryCodec } from "../../src/wire/entry-codec.ts";
import {
  bytesOf,
  Cluster,
  continued,
  type ClusterOptions,
  NO_SESSION,
  seen,
  START,
  Story,
} from "./harness.ts";

let cluster: Cluster;
afterEach(() => cluster.close());

/** Anna is at home in region 0, ben in region 1; the anchor is region 0. */
function settled(options: ClusterOptions = {}): Cluster {
  cluster = new Cluster(options);
  cluster.home("anna", 0);
  cluster.home("ben", 1);
  cluster.run(1_000);
  cluster.wrote(0, "anna", "old", "0", { concern: "all" });
  return cluster;
}

function answer(region: number, user: string, key: string, fields: Partial<WriteRequest> = {}): ClientReply {
  const ask = cluster.write(region, user, key, "v", fields);
  cluster.runUntil(() => ask.reply !== null);
  return ask.reply!;
}

/** Region 2 leads region 0's log for a while, under epoch 2, and everybody has what it wrote. */
function takeover(write: (story: Story) => Story): void {
  const append = continued(cluster.node(0), write(new Story(0).open(34)));
  const commit = append.prev.s + append.entries.length;
  for (const region of [0, 1, 2]) cluster.peer(region, 2, { ...append, commit });
}

const DELETE = { command: { kind: "delete", key: "a" } } as const;
const keyed = (key: string, text = "same", by: "client" | "edge" = "client") => ({
  idempotency: { key, fingerprint: bytesOf(text), by },
});
const positionIn = (reply: ClientReply): Position => {
  if (reply.kind !== "written") throw new Error(`not written: ${reply.kind}`);
  return reply.receipt.position;
};

describe("whose write it is", () => {
  test("an unknown user's is nobody's, and leaves nothing", () => {
    settled();
    expect(answer(0, "carl", "a")).toEqual({ kind: "unknown-user" });
    expect(answer(2, "carl", "a")).toEqual({ kind: "unknown-user" });
  });

  test("a user's of another region is that region's", () => {
    settled();
    expect(answer(2, "anna", "a")).toMatchObject({
      kind: "moved",
      home: 0,
      version: 1,
      leader: 0,
      epoch: 16,
    });
    expect(answer(0, "ben", "a")).toMatchObject({ kind: "moved", home: 1, version: 1, leader: 1, epoch: 0 });
  });

  test("of a log that somebody else leads goes to whom is known to lead it", () => {
    settled();
    takeover((story) => story);
    expect(answer(0, "anna", "a")).toEqual({ kind: "not-leader", leader: 2, epoch: 34 });
  });

  test("waits for the claim that the edge has just made", () => {
    cluster = new Cluster();
    cluster.home("anna", 0);
    cluster.hold = (parcel) => parcel.to === 1 && parcel.kind !== "sync";
    const claim = cluster.home("carl", 1);
    const write = cluster.write(1, "carl", "a", "1", { claim });
    cluster.run(200);
    expect(write.reply).toBeNull();
    cluster.hold = () => false;
    cluster.release();
    cluster.run(500);
    expect(write.reply).toMatchObject({ kind: "written", status: 201 });
    // Whoever applies the write has the claim first.
    const entry = entryCodec.decode(cluster.node(1).storage.entry(1, positionIn(write.reply!).s)!.bytes);
    expect(entry.deps).toEqual([claim]);
  });

  describe("waits until a majority is known to hold the claim", () => {
    /** Region 1 holds carl's claim, of region 2's epoch in region 0's log, and does not know whether anybody else does. */
    function claimed() {
      settled();
      const append = continued(cluster.node(1), new Story(0).open(34).claim("carl", 1));
      cluster.isolate(2);
      cluster.peer(1, 2, append);
      const { s } = cluster.node(1).storage.head(0)!;
      return { append, claim: { o: 0, e: 34, s } };
    }

    test("and is written then", () => {
      const { append, claim } = claimed();
      const [write, read] = [cluster.write(1, "carl", "a", "1"), cluster.read(1, "carl", "a", "strong")];
      cluster.run(1_000);
      expect([write.reply, read.reply]).toEqual([null, null]);
      cluster.peer(1, 2, { ...append, commit: claim.s });
      cluster.run(200);
      expect(write.reply).toMatchObject({ kind: "written", status: 201 });
    });

    test("or is nobody's, where another leader has cut the claim off", () => {
      const { append } = claimed();
      const write = cluster.write(1, "carl", "a", "1");
      cluster.run(1_000);
      const { head } = cluster.log(1, 1);
      cluster.peer(1, 2, continued(cluster.node(1), new Story(0).open(50), append.prev.s));
      cluster.run(200);
      expect(write.reply).toEqual({ kind: "unknown-user" });
      expect(cluster.log(1, 1).head).toBe(head);
    });

    test("also in the home's own log: what is lost with the claim would be nobody's", () => {
      settled();
      cluster.isolate(0);
      cluster.client(0, {
        op: "claim",
        user: "carl",
        home: 0,
        principal: "carl",
        from: 0,
        deadlineAt: cluster.now + 5_000,
      });
      const [hers, his] = [cluster.write(0, "anna", "a", "1"), cluster.write(0, "carl", "a", "1")];
      cluster.run(300);
      // It is no question of the lease.
      expect([hers.reply?.kind, his.reply]).toEqual(["written", null]);
      cluster.heal();
      cluster.run(2_000);
      expect(his.reply).toMatchObject({ kind: "written" });
    });

    test("or its edge has been told so by the anchor's leader", () => {
      const { claim } = claimed();
      const write = cluster.write(1, "carl", "a", "1", { claim: { ...claim, committed: true } });
      cluster.run(200);
      expect(write.reply).toMatchObject({ kind: "written", status: 201 });
    });

    test("and what was known when the user first wrote is known after a restart, when the anchor's region is gone", () => {
      settled();
      const { s } = cluster.home("carl", 1);
      cluster.wrote(1, "carl", "a", "1");
      cluster.run(5_000);
      cluster.isolate(0);
      for (const region of [1, 2]) {
        cluster.crash(region);
        cluster.restart(region);
      }
      cluster.wrote(1, "carl", "a", "2");
      // By nobody else's word: nobody leads that log, and it ends with the claim.
      expect(cluster.node(1).storage.head(0)).toMatchObject({ e: 16, s });
    });
  });

  test("is refused when nobody leads in time, and when its time is over already", () => {
    settled();
    cluster.run(10_000);
    cluster.isolate(1, "refused");
    expect(answer(1, "ben", "a", { deadlineAt: cluster.now + 1_000 })).toEqual({
      kind: "refused",
      reason: "no-leader",
    });
    cluster.heal();
    expect(answer(0, "anna", "a", { deadlineAt: cluster.now - 1 })).toEqual({
      kind: "refused",
      reason: "no-leader",
    });
    expect(cluster.node(0).storage.item("anna", "a", false)).toBeNull();
  });
});

describe("what is logged", () => {
  test("the after-image, with the time, the status and whatever replay needs", () => {
    settled();
    const { s } = positionIn(
      answer(0, "anna", "a", {
        principal: "somebody",
        concern: "one",
        ...keyed("k"),
        command: { kind: "put", key: "a", value: bytesOf("1"), contentType: "text/x", expiresInS: 60 },
        session: { ...NO_SESSION, others: [{ p: 3, o: 1, e: 17, s: 9 }] },
      }),
    );
    const row = cluster.node(0).storage.entry(0, s)!;
    const entry = entryCodec.decode(row.bytes);
    expect(entry).toMatchObject({
      pv: 1,
      kind: 2,
      o: 0,
      e: 16,
      s,
      inc: 1,
      user: "anna",
      principal: "somebody",
      concern: "one",
      status: 201,
      deps: [],
      xdeps: [{ p: 3, o: 1, e: 17, s: 9 }],
      idempotency: { key: "k", by: "client" },
      ops: [{ kind: 1, key: "a", after: { contentType: "text/x" } }],
    });
    expect(entry.ops[0]!.after!.expiresAt).toBe(Math.floor(entry.hlc / 4096) + 1_767_225_600_000 + 60_000);
    expect(row.hlc).toBe(entry.hlc);
  });

  test("a put that creates is 201, one that replaces 200, a delete 200", () => {
    settled();
    expect(answer(0, "anna", "a")).toMatchObject({ status: 201 });
    expect(answer(0, "anna", "a")).toMatchObject({ status: 200 });
    expect(answer(0, "anna", "a", DELETE)).toMatchObject({ status: 200 });
    expect(answer(0, "anna", "a")).toMatchObject({ status: 201 });
  });

  test("what has expired is not there, by the write's own time", () => {
    settled();
    const put = { kind: "put", key: "a", value: bytesOf("1"), contentType: "text/x", expiresInS: 1 } as const;
    answer(0, "anna", "a", { command: put });
    cluster.run(900);
    expect(answer(0, "anna", "a", { conditions: { ifNoneMatch: "any" } })).toMatchObject({
      reason: "precondition-failed",
    });
    cluster.run(200);
    expect(answer(0, "anna", "a", DELETE)).toMatchObject({ reason: "not-found" });
    expect(answer(0, "anna", "a", { conditions: { ifNoneMatch: "any" } })).toMatchObject({ status: 201 });
  });

  test("positions of other logs that the session has seen are dependencies, each named once", () => {
    settled();
    const other = positionIn(answer(1, "ben", "x", { concern: "all" }));
    const deps = (reply: ClientReply) =>
      entryCodec.decode(cluster.node(0).storage.entry(0, positionIn(reply).s)!.bytes).deps;
    expect(deps(answer(0, "anna", "a", { session: seen(other) }))).toEqual([other]);
    expect(deps(answer(0, "anna", "b", { session: seen(other) }))).toEqual([]);
    const own = positionIn(answer(0, "anna", "c"));
    expect(deps(answer(0, "anna", "d", { session: seen(own) }))).toEqual([]);
  });
});

describe("conditions", () => {
  test.each([
    ["no item, if-match any", null, { ifMatch: "any" }, false],
    ["no item, if-none-match any", null, { ifNoneMatch: "any" }, true],
    ["an item, if-match any", "there", { ifMatch: "any" }, true],
    ["an item, if-none-match any", "there", { ifNoneMatch: "any" }, false],
    ["an item, its version", "there", "its", true],
    ["an item, another version", "there", "another", false],
    ["an item, not its version", "there", "not its", false],
    ["an item, not another version", "there", "not another", true],
    ["an item, no version of ours", "there", { ifMatch: [] }, false],
    ["a deleted item, its version", "deleted", "its", false],
    ["a deleted item, if-none-match any", "deleted", { ifNoneMatch: "any" }, true],
  ] as const)("%s", (_, state, asked, holds) => {
    settled();
    let current: Position = { o: 0, e: 16, s: 9_999 };
    if (state !== null) current = positionIn(answer(0, "anna", "a"));
    if (state === "deleted") current = positionIn(answer(0, "anna", "a", DELETE));
    const another = { ...current, s: current.s + 100 };
    const named = {
      its: { ifMatch: [another, current] },
      another: { ifMatch: [another] },
      "not its": { ifNoneMatch: [current] },
      "not another": { ifNoneMatch: [another] },
    };
    const conditions = typeof asked === "string" ? named[asked] : asked;
    const reply = answer(0, "anna", "a", { conditions });
    expect(reply.kind).toBe(holds ? "written" : "refused");
    if (!holds)
      expect(reply).toMatchObject({
        reason: "precondition-failed",
        current: state === "there" ? current : null,
      });
  });

  test("a refusal shows what it was judged by", () => {
    settled();
    const version = positionIn(answer(0, "anna", "a"));
    const reply = answer(0, "anna", "a", { conditions: { ifNoneMatch: "any" } });
    expect(reply).toMatchObject({ facts: { shown: [version], why: "leader" } });
    const gone = positionIn(answer(0, "anna", "a", DELETE));
    expect(answer(0, "anna", "a", DELETE)).toMatchObject({ reason: "not-found", facts: { shown: [gone] } });
  });

  test("a refusal is a read: it is not given by a leader that may have been replaced", () => {
    settled();
    cluster.run(10_000);
    cluster.isolate(0);
    const refusal = cluster.write(0, "anna", "old", "1", { conditions: { ifNoneMatch: "any" } });
    cluster.run(4_000);
    expect(refusal.reply).toBeNull();
    cluster.run(1_001);
    expect(refusal.reply).toEqual({ kind: "refused", reason: "no-leader" });
  });

  test("for a majority it waits until what it judged is committed", () => {
    settled();
    cluster.wrote(0, "anna", "x", "0", { concern: "all" });
    cluster.hold = (parcel) => parcel.kind === "request" && parcel.message.type === "append";
    cluster.wrote(0, "anna", "a", "1");
    const local = cluster.write(0, "anna", "a", "2", { conditions: { ifNoneMatch: "any" } });
    const majority = cluster.write(0, "anna", "a", "2", {
      conditions: { ifNoneMatch: "any" },
      concern: "majority",
    });
    cluster.run(100);
    expect([local.reply?.kind, majority.reply]).toEqual(["refused", null]);
    cluster.hold = () => false;
    cluster.release();
    cluster.run(100);
    expect(majority.reply?.kind).toBe("refused");
  });
});

describe("idempotency", () => {
  test.each(["client", "edge"] as const)("the same request again gets the same answer (%s)", (by) => {
    settled();
    const first = answer(0, "anna", "a", keyed("k", "same", by));
    answer(0, "anna", "a");
    const again = answer(0, "anna", "a", keyed("k", "same", by));
    expect(again).toMatchObject({ kind: "written", status: 201, replayed: true });
    expect(positionIn(again)).toEqual(positionIn(first));
    expect(first).toMatchObject({ replayed: false });
  });

  test.each(["client", "edge"] as const)("and after a restart of the leader (%s)", (by) => {
    settled();
    const first = answer(0, "anna", "a", keyed("k", "same", by));
    cluster.restart(0);
    const again = answer(0, "anna", "a", keyed("k", "same", by));
    expect(again).toMatchObject({ replayed: true });
    expect(positionIn(again)).toEqual(positionIn(first));
  });

  test("another request with the same key is refused, and does nothing", () => {
    settled();
    for (const by of ["client", "edge"] as const) {
      answer(0, "anna", by, keyed(`k${by}`, "one", by));
      expect(answer(0, "anna", by, keyed(`k${by}`, "two", by))).toEqual({
        kind: "refused",
        reason: "idempotency-key-reused",
      });
    }
  });

  test("keys of another user, another caller or the other kind are other keys", () => {
    settled();
    const first = positionIn(answer(0, "anna", "a", keyed("k")));
    expect(answer(0, "anna", "a", { ...keyed("k", "other"), principal: "somebody else" })).toMatchObject({
      replayed: false,
    });
    expect(answer(0, "anna", "a", keyed("k", "other", "edge"))).toMatchObject({ replayed: false });
    cluster.home("dora", 0);
    expect(answer(0, "dora", "a", { ...keyed("k", "other"), principal: "anna" })).toMatchObject({
      replayed: false,
    });
    expect(positionIn(answer(0, "anna", "a", keyed("k")))).toEqual(first);
  });

  test("comes before conditions, session and refusals: what was answered once is answered again", () => {
    settled();
    const create = { ...keyed("k"), conditions: { ifNoneMatch: "any" } } as const;
    const first = positionIn(answer(0, "anna", "a", create));
    expect(positionIn(answer(0, "anna", "a", create))).toEqual(first);
    const lost = seen({ o: 0, e: 2, s: 5 });
    expect(positionIn(answer(0, "anna", "a", { ...create, session: lost }))).toEqual(first);
  });

  test("a refused request is not remembered", () => {
    settled();
    expect(answer(0, "anna", "a", { ...keyed("k"), ...DELETE })).toMatchObject({ reason: "not-found" });
    expect(answer(0, "anna", "a", keyed("k"))).toMatchObject({ kind: "written", replayed: false });
  });

  test("a request in flight is joined: both get the answer when its concern is met", () => {
    settled();
    cluster.wrote(0, "anna", "x", "0", { concern: "all" });
    cluster.hold = (parcel) => parcel.kind === "request" && parcel.message.type === "append";
    const one = cluster.write(0, "anna", "a", "1", { ...keyed("k"), concern: "majority" });
    const two = cluster.write(0, "anna", "a", "1", { ...keyed("k"), concern: "majority" });
    cluster.run(100);
    expect([one.reply, two.reply]).toEqual([null, null]);
    cluster.hold = () => false;
    cluster.release();
    cluster.run(100);
    expect(positionIn(two.reply!)).toEqual(positionIn(one.reply!));
    expect(two.reply).toMatchObject({ replayed: true });
  });

  test("expires by the entry's own clock: 48 hours for a client's key, ten minutes for the edge's", () => {
    settled();
    const minutes = 60_000;
    answer(0, "anna", "a", keyed("c", "one", "client"));
    answer(0, "anna", "b", keyed("e", "one", "edge"));
    cluster.run(9.9 * minutes);
    expect(answer(0, "anna", "b", keyed("e", "one", "edge"))).toMatchObject({ replayed: true });
    cluster.run(0.2 * minutes);
    expect(answer(0, "anna", "b", keyed("e", "two", "edge"))).toMatchObject({
      kind: "written",
      replayed: false,
    });
    cluster.run(47.7 * 60 * minutes);
    expect(answer(0, "anna", "a", keyed("c", "one", "client"))).toMatchObject({ replayed: true });
    cluster.run(0.3 * 60 * minutes);
    expect(answer(0, "anna", "a", keyed("c", "two", "client"))).toMatchObject({
      kind: "written",
      replayed: false,
    });
  });

  test("the edge's keys are found among many, and in the log of a restarted leader", () => {
    settled();
    const first = positionIn(answer(0, "anna", "a", keyed("k", "same", "edge")));
    for (let n = 0; n < 700; n++) cluster.write(0, "anna", "b", "v", keyed(`other${n}`, "same", "edge"));
    cluster.run(1_000);
    expect(positionIn(answer(0, "anna", "a", keyed("k", "same", "edge")))).toEqual(first);
    cluster.restart(0);
    expect(positionIn(answer(0, "anna", "a", keyed("k", "same", "edge")))).toEqual(first);
  });

  test("what another leader logged in between is found by the leader that follows it", () => {
    settled();
    // This leader has built its index of the edge's keys.
    answer(0, "anna", "a", keyed("mine", "same", "edge"));
    cluster.run(1_000);
    const theirs = keyed("theirs", "same", "edge");
    takeover((story) => story.put("anna", "a", "theirs", { principal: "anna", ...theirs }));
    expect(answer(0, "anna", "b")).toEqual({ kind: "not-leader", leader: 2, epoch: 34 });
    // Region 0 leads again, once the one that took over is lost in its turn.
    cluster.crash(2);
    cluster.run(10_000);
    cluster.write(0, "anna", "b", "1", { suspects: 2 });
    cluster.run(4_000);
    expect(cluster.log(0, 0)).toMatchObject({ leader: 0, state: "leading" });
    expect(answer(0, "anna", "a", theirs)).toMatchObject({ kind: "written", replayed: true });
    expect(answer(0, "anna", "a", keyed("mine", "same", "edge"))).toMatchObject({ replayed: true });
  });
});

describe("sessions", () => {
  test("what the session has seen has to be here first", () => {
    settled();
    cluster.hold = (parcel) => parcel.to === 0 && parcel.kind === "request";
    const other = positionIn(answer(1, "ben", "x"));
    const write = cluster.write(0, "anna", "a", "1", { session: seen(other) });
    expect(write.reply).toBeNull();
    cluster.hold = () => false;
    cluster.run(500);
    expect(write.reply).toMatchObject({ kind: "written" });
    expect(cluster.log(0, 1).applied).toBeGreaterThanOrEqual(other.s);
  });

  test("what is lost is said, and nothing is written", () => {
    settled();
    const lost = { o: 0, e: 2, s: 5 };
    expect(answer(0, "anna", "a", { session: seen(lost) })).toMatchObject({
      reason: "session-lost",
      lost: [lost],
    });
    expect(cluster.node(0).storage.item("anna", "a", false)).toBeNull();
  });

  test("what nobody can judge ends in no-leader at the deadline", () => {
    settled();
    const nowhere = seen({ o: 9, e: 25, s: 5 });
    expect(answer(0, "anna", "a", { session: nowhere })).toEqual({ kind: "refused", reason: "no-leader" });
    expect(answer(0, "anna", "a", { session: seen({ o: 1, e: 16 * 90 + 1, s: 5 }) })).toEqual({
      kind: "refused",
      reason: "no-leader",
    });
  });
});

describe("concerns", () => {
  const reached = (reply: ClientReply | null) =>
    reply?.kind === "written" ? reply.receipt.durableIn : reply?.kind;

  test("local is told when it is durable here and the lease is valid, the others when others have it", () => {
    settled({ latencyMs: 50 });
    const asked = (["local", "one", "majority", "all"] as const).map((concern) =>
      cluster.write(0, "anna", concern, "1", { concern }),
    );
    cluster.run(10);
    expect(asked.map(({ reply }) => reached(reply))).toEqual([[0], undefined, undefined, undefined]);
    cluster.run(500);
    expect(asked.map(({ reply }) => reached(reply))).toEqual([[0], [0, 1], [0, 1], [0, 1, 2]]);
    expect(asked.slice(2).every(({ reply }) => reply?.kind === "written" && reply.receipt.committed)).toBe(
      true,
    );
  });

  test("nothing is told before the storage has confirmed it", () => {
    settled();
    cluster.hold = (parcel) => parcel.kind === "sync";
    const write = cluster.write(0, "anna", "a", "1");
    cluster.run(1_000);
    expect(write.reply).toBeNull();
    cluster.hold = () => false;
    cluster.release();
    expect(write.reply).toMatchObject({ kind: "written" });
  });

  test("a lease that ends while the storage confirms is no lease", () => {
    settled();
    cluster.run(10_000);
    cluster.wrote(0, "anna", "x", "1");
    cluster.hold = (parcel) => parcel.kind === "sync";
    const write = cluster.write(0, "anna", "a", "1");
    cluster.isolate(0);
    cluster.run(3_100);
    cluster.hold = () => false;
    cluster.release();
    cluster.run(100);
    expect(write.reply).toBeNull();
  });

  test("one that is not met in time says so, and stands", () => {
    settled();
    cluster.cut(0, 2);
    const all = cluster.write(0, "anna", "a", "1", { concern: "all", deadlineAt: cluster.now + 1_000 });
    cluster.run(1_000);
    expect(all.reply).toMatchObject({
      kind: "concern-timeout",
      status: 201,
      receipt: { durableIn: [0, 1], committed: true, concern: "all" },
    });
    expect(all.repliedAt).toBe(cluster.now);
    expect(cluster.node(0).storage.item("anna", "a", false)).not.toBeNull();
  });

  test("a majority waits until the dependencies are on one too", () => {
    settled();
    cluster.wrote(0, "anna", "x", "0", { concern: "all" });
    cluster.wrote(1, "ben", "w", "0", { concern: "all" });
    cluster.run(1_000);
    // Region 0 has ben's write, region 1 does not know that anybody has it.
    cluster.hold = (parcel) =>
      parcel.kind !== "sync" && (parcel.from === 1 || parcel.to === 1) && parcel.from !== parcel.to;
    const other = positionIn(answer(1, "ben", "x"));
    cluster.run(20);
    cluster.release((parcel) => parcel.to === 0 && parcel.kind === "request");
    const asked = { session: seen(other), concern: "majority", ...keyed("k") } as const;
    const write = cluster.write(0, "anna", "a", "1", asked);
    cluster.run(300);
    const again = cluster.write(0, "anna", "a", "1", asked);
    // The first one's entry names the dependency already; whoever saw it waits for it all the same.
    const next = cluster.write(0, "anna", "b", "2", { session: seen(other), concern: "majority" });
    const stranger = cluster.write(0, "anna", "c", "3", { concern: "majority" });
    cluster.run(300);
    expect(cluster.log(0, 0).committed).toBe(cluster.log(0, 0).head);
    expect([write.reply, again.reply, next.reply, stranger.reply?.kind]).toEqual([
      null,
      null,
      null,
      "written",
    ]);
    cluster.hold = () => false;
    cluster.release();
    cluster.run(1_000);
    for (const { reply } of [write, again, next]) expect(reply).toMatchObject({ kind: "written" });
  });

  test("a leader deposed before it could tell answers that it does not know", () => {
    settled();
    cluster.wrote(0, "anna", "x", "0", { concern: "all" });
    cluster.isolate(0);
    const write = cluster.write(0, "anna", "a", "1", { concern: "majority" });
    cluster.run(10);
    const { node } = cluster.hosts[0]!;
    cluster.peer(0, 2, continued(node, new Story(0).open(34), node.log(0).head - 1));
    expect(write.reply).toEqual({ kind: "outcome-unknown" });
    expect(node.storage.cutPlaces().length).toBe(1);
    expect(node.storage.item("anna", "a", false)).toBeNull();
  });
});

describe("bounds", () => {
  test("local writes are refused while the oldest entry without a majority is too old", () => {
    settled({ timing: { rpoMsMax: 1_000 } });
    cluster.isolate(0, "refused");
    cluster.wrote(0, "anna", "a", "1");
    cluster.run(500);
    expect(answer(0, "anna", "b")).toMatchObject({ kind: "written" });
    cluster.run(600);
    expect(answer(0, "anna", "c")).toEqual({ kind: "refused", reason: "rpo-bound", retryAfterMs: 1_000 });
    cluster.heal();
    cluster.run(2_000);
    expect(answer(0, "anna", "c")).toMatchObject({ kind: "written" });
  });

  describe("one: whoever is quickest is the synchronous follower", () => {
    /** How long the write took, and where it is. */
    const took = (n: number): { ms: number; durableIn: readonly number[] } => {
      const from = cluster.now;
      const ask = cluster.write(0, "anna", `one${n}`, "v", { concern: "one" });
      cluster.runUntil(() => ask.reply !== null);
      if (ask.reply?.kind !== "written") throw new Error(JSON.stringify(ask.reply));
      return { ms: ask.repliedAt! - from, durableIn: ask.reply.receipt.durableIn };
    };
    const toOrFrom = (region: number) => (parcel: { from: number; to: number; kind: string }) =>
      parcel.kind !== "sync" && (parcel.from === region || parcel.to === region);

    test("a peer that is slow is not waited for, whichever it is", () => {
      settled();
      for (const slow of [1, 2, 1]) {
        cluster.hold = toOrFrom(slow);
        for (let n = 0; n < 5; n++) {
          const { ms, durableIn } = took(n);
          expect(ms).toBeLessThanOrEqual(25);
          expect(durableIn).toEqual([0, slow === 1 ? 2 : 1]);
          cluster.run(30);
        }
        // Late, and all at once.
        cluster.hold = () => false;
        cluster.release();
        cluster.run(500);
      }
    });

    test("nor one that is lost, from the first write on", () => {
      settled();
      cluster.isolate(1);
      for (let n = 0; n < 20; n++) {
        expect(took(n).ms).toBeLessThanOrEqual(25);
        cluster.run(200);
      }
      expect(cluster.log(0, 0).peers.map(({ region, state }) => [region, state])).toEqual([
        [1, "unreachable"],
        [2, "following"],
      ]);
    });

    test("nor two of four", () => {
      settled({ regions: 5 });
      cluster.isolate(1);
      cluster.hold = toOrFrom(3);
      for (let n = 0; n < 5; n++) expect(took(n).ms).toBeLessThanOrEqual(25);
    });

    test("without any it is not met in time, and never less than was asked for", () => {
      settled();
      cluster.isolate(0);
      const fields = { concern: "one", ...keyed("alone") } as const;
      const ask = cluster.write(0, "anna", "a", "1", { ...fields, deadlineAt: cluster.now + 800 });
      cluster.run(800);
      expect(ask.reply).toMatchObject({
        kind: "concern-timeout",
        receipt: { concern: "one", durableIn: [0], committed: false },
      });
      cluster.heal();
      const again = cluster.write(0, "anna", "a", "1", fields);
      cluster.runUntil(() => again.reply !== null);
      expect(again.reply).toMatchObject({ kind: "written", replayed: true, receipt: { concern: "one" } });
      expect(again.reply?.kind === "written" && again.reply.receipt.durableIn.length).toBeGreaterThan(1);
    });
  });

  test("the bound on exposure is inclusive, and is no business of a write that waits for others", () => {
    settled({ timing: { rpoMsMax: 1_000 } });
    cluster.isolate(0, "refused");
    cluster.wrote(0, "anna", "a", "1");
    const { hlc } = cluster.node(0).storage.head(0)!;
    cluster.run(wallOf(hlc) + 1_000 - cluster.now);
    expect(answer(0, "anna", "b")).toMatchObject({ kind: "written" });
    cluster.run(1);
    expect(answer(0, "anna", "c")).toMatchObject({ kind: "refused", reason: "rpo-bound" });
    for (const concern of ["one", "majority", "all"] as const) {
      const ask = cluster.write(0, "anna", "d", "2", { concern, deadlineAt: cluster.now + 300 });
      cluster.run(300);
      expect(ask.reply).toMatchObject({ kind: "concern-timeout" });
    }
    // One region that has it all is a majority of three.
    cluster.heal();
    cluster.cut(0, 2, "refused");
    cluster.run(2_000);
    expect(answer(0, "anna", "e")).toMatchObject({ kind: "written" });
  });

  test("a clock that was ahead when it was written does not make what is exposed look young", () => {
    settled({ timing: { rpoMsMax: 1_000 } });
    cluster.skew(0, 200);
    cluster.wrote(0, "anna", "a", "0", { concern: "all" });
    cluster.isolate(0, "refused");
    cluster.wrote(0, "anna", "a", "1");
    cluster.skew(0, 0);
    cluster.run(1_100);
    expect(answer(0, "anna", "b")).toMatchObject({ kind: "refused", reason: "rpo-bound" });
  });

  test("nor does somebody else's clock, from which its own hybrid time comes", () => {
    settled({ timing: { rpoMsMax: 1_000 } });
    cluster.skew(1, 3_600_000);
    cluster.home("ben", 1);
    cluster.wrote(1, "ben", "b", "1", { concern: "all" });
    cluster.isolate(0, "refused");
    cluster.wrote(0, "anna", "a", "1");
    expect(wallOf(cluster.node(0).storage.head(0)!.hlc)).toBeGreaterThan(cluster.now + 3_000_000);
    cluster.run(1_100);
    expect(answer(0, "anna", "b")).toMatchObject({ kind: "refused", reason: "rpo-bound" });
  });

  test("a restart that does not know what the others have asks them before it refuses for their sake", () => {
    settled({ timing: { rpoMsMax: 1_000 } });
    cluster.wrote(0, "anna", "a", "1", { concern: "all" });
    cluster.run(3_600_000);
    cluster.restart(0);
    expect(cluster.log(0, 0).committed).toBeLessThan(cluster.log(0, 0).head);
    expect(answer(0, "anna", "b")).toMatchObject({ kind: "written" });
    cluster.run(3_600_000);
    cluster.restart(0);
    cluster.isolate(0, "refused");
    expect(answer(0, "anna", "c")).toMatchObject({ kind: "refused", reason: "rpo-bound" });
  });

  test("a replica takes so many requests at once", () => {
    settled({ limits: { pendingRequestsMax: 3 } });
    cluster.isolate(0);
    const asked = [1, 2, 3, 4].map(() => cluster.write(0, "anna", "a", "1", { concern: "majority" }));
    expect(asked.map(({ reply }) => reply?.kind === "refused" && reply.reason)).toEqual([
      false,
      false,
      false,
      "overloaded",
    ]);
    cluster.run(5_000);
    expect(cluster.write(0, "anna", "a", "1", { concern: "majority" }).reply).toBeNull();
  });

  test("idempotency rows of a user are bounded, and old ones swept", () => {
    settled({ limits: { idempotencyPerUserMax: 10 } });
    for (let n = 0; n < 1_100; n++) cluster.write(0, "anna", "a", "v", keyed(`k${n}`));
    cluster.run(1_000);
    expect(cluster.node(0).storage.countIdempotency("anna")).toBeLessThan(120);
  });
});

describe("claims", () => {
  const claim = (region: number, user: string, home: number) =>
    cluster.client(region, {
      op: "claim",
      user,
      home,
      principal: user,
      from: region,
      deadlineAt: cluster.now + 5_000,
    });

  test("the first one counts, and everybody is told of it once a majority has it", () => {
    settled();
    cluster.hold = (parcel) => parcel.kind === "request" && parcel.message.type === "append";
    const [first, second] = [claim(0, "carl", 2), claim(0, "carl", 1)];
    cluster.run(200);
    expect([first.reply, second.reply]).toEqual([null, null]);
    cluster.hold = () => false;
    cluster.release();
    cluster.run(300);
    expect(first.reply).toMatchObject({ kind: "home", home: 2, version: 1, position: { o: 0 } });
    expect(second.reply).toEqual(first.reply);
    expect(cluster.node(2).storage.owner("carl")).toMatchObject({ home: 2 });
  });

  test("are the anchor's to decide", () => {
    settled();
    expect(claim(1, "carl", 1).reply).toEqual({ kind: "not-leader", leader: 0, epoch: 16 });
    cluster.isolate(0);
    const late = claim(0, "dora", 0);
    cluster.run(6_000);
    expect(late.reply).toEqual({ kind: "refused", reason: "no-leader" });
  });
});

test("every clock is beyond what it has seen, also of other logs", () => {
  settled();
  const future = START + 1_000_000;
  const other = new Story(2, future).open(18);
  cluster.peer(0, 2, other.append());
  const written = answer(0, "anna", "a");
  expect(written.kind === "written" && written.receipt.at).toBeGreaterThanOrEqual(future);
});

test("values that wait to be logged are bounded; what is logged waits for its concern without them", () => {
  settled({ limits: { pendingBytesMax: 1_000 } });
  const big = "x".repeat(600);
  const overloaded = { kind: "refused", reason: "overloaded" };
  cluster.home("cora", 2);
  cluster.run(1_000);
  cluster.isolate(0);
  cluster.isolate(2);
  const logged = ["a", "b", "c"].map((key) => cluster.write(0, "anna", key, big, { concern: "majority" }));
  expect(logged.map(({ reply }) => reply)).toEqual([null, null, null]);
  // Region 2 has led nothing yet, and cannot without the others.
  const waiting = ["a", "b", "c"].map((key) => cluster.write(2, "cora", key, big));
  expect(waiting.map(({ reply }) => reply)).toMatchObject([null, null, overloaded]);
});
