/** Several reads of one partition in one answer: what each level lets a replica say, and what the answer tells of its reach. */
import { afterEach, describe, expect, test } from "vitest";
import type { Position } from "../../src/replication/position.ts";
import type { ClientReply, ReadManyRequest } from "../../src/replication/request.ts";
import { Cluster, NO_SESSION, seen, textOf, type ClusterOptions } from "./harness.ts";

let cluster: Cluster;
afterEach(() => cluster.close());

/** Anna is at home in region 0, ben in 1; each has an item "a" that everybody has. The anchor is region 0's log. */
function settled(options: ClusterOptions = {}): Cluster {
  cluster = new Cluster(options);
  cluster.home("anna", 0);
  cluster.home("ben", 1);
  cluster.wrote(0, "anna", "a", "1", { concern: "all" });
  cluster.wrote(1, "ben", "a", "one", { concern: "all" });
  cluster.run(1_000);
  return cluster;
}

function answer(
  region: number,
  reads: readonly string[],
  level: ReadManyRequest["level"],
  fields: Partial<ReadManyRequest> = {},
): ClientReply {
  const ask = cluster.readMany(region, reads, level, fields);
  cluster.runUntil(() => ask.reply !== null);
  return ask.reply!;
}

/** Values, absences as null, and what else there is to say of a read by its kind. */
function shown(reply: ClientReply | null): unknown {
  if (reply?.kind !== "items") return reply;
  return reply.items.map((outcome) =>
    outcome.kind === "item" ? outcome.item && textOf(outcome.item.value) : outcome.kind,
  );
}

const wrote = (region: number, user: string, key: string, value: string, session = NO_SESSION): Position =>
  cluster.wrote(region, user, key, value, { session }).receipt.position;

/** What goes to a region, its storage's confirmations aside, waits. */
const deaf = (region: number) => (parcel: { to: number; from: number }) =>
  parcel.to === region && parcel.from !== region;

describe("at hand", () => {
  test("all users of the partition are shown at once, in the order asked", () => {
    settled();
    const ask = cluster.readMany(2, ["ben/a", "anna/a", "anna/none", "carl/a", "ben/a"], "prefix");
    expect(shown(ask.reply)).toEqual(["one", "1", null, "unknown-user", "one"]);
    expect(ask.reply).toMatchObject({ bytes: 7, many: { servedBy: 2, why: "at-hand", leaseLeftMs: null } });
  });

  test("the answer tells how far every log was applied, and in which of them something later could stand", () => {
    settled();
    cluster.hold = deaf(2);
    const before = [0, 1, 2].map((o) => cluster.log(2, o).applied);
    wrote(0, "anna", "a", "2");
    cluster.run(50);
    const { reply } = cluster.readMany(2, ["anna/a"], "prefix");
    expect(reply).toMatchObject({ kind: "items", many: { homes: [0] } });
    if (reply?.kind === "items") expect(reply.many.reach.map(({ applied }) => applied)).toEqual(before);
    // Who is not known here may have written in any log.
    expect(cluster.readMany(2, ["carl/a"], "prefix").reply).toMatchObject({ many: { homes: [0, 1, 2] } });
  });

  test("waits for what other parts of the cut rest on, and fetches it", () => {
    settled();
    cluster.hold = (parcel) => deaf(2)(parcel) && parcel.kind === "request";
    const need = wrote(0, "anna", "a", "2");
    cluster.run(50);
    const ask = cluster.readMany(2, ["ben/a", "anna/a"], "prefix", { needs: [need] });
    expect(ask.reply).toBeNull();
    cluster.run(50);
    expect(shown(ask.reply)).toEqual(["one", "2"]);
    expect(ask.reply).toMatchObject({ many: { lostNeeds: [] } });
  });

  test("sends the edge on when that does not come in time", () => {
    settled();
    cluster.hold = deaf(2);
    const need = wrote(0, "anna", "a", "2");
    const ask = cluster.readMany(2, ["anna/a"], "prefix", { needs: [need], waitMs: 300 });
    cluster.run(300);
    expect(ask.reply).toEqual({
      kind: "behind",
      waitedMs: 300,
      needed: need,
      found: { o: 0, e: 16, s: need.s - 1 },
    });
  });

  test("what is lost is waited for no more, and named", () => {
    settled();
    const lost = { o: 0, e: 2, s: 9 };
    const reply = answer(2, ["anna/a"], "prefix", { needs: [lost] });
    expect(shown(reply)).toEqual(["1"]);
    expect(reply).toMatchObject({ many: { lostNeeds: [lost] } });
  });

  test("a value that would be too much leaves sizes only", () => {
    settled();
    const all = answer(2, ["anna/a", "ben/a"], "eventual", { bytesMax: 4 });
    expect(all).toMatchObject({ bytes: 4, items: [{ item: { size: 1 } }, { item: { size: 3 } }] });
    expect(shown(all)).toEqual(["1", "one"]);
    const sizes = answer(2, ["anna/a", "ben/a", "anna/a"], "eventual", { bytesMax: 3 });
    expect(sizes).toMatchObject({ bytes: 5, items: [{ item: { size: 1 } }, { item: { size: 3 } }, {}] });
    if (sizes.kind === "items")
      for (const outcome of sizes.items)
        expect(outcome.kind === "item" && outcome.item?.value === undefined).toBe(true);
  });

  test("what was shown of another partition's positions is passed on", () => {
    settled();
    const other = { p: 7, o: 1, e: 17, s: 5 };
    wrote(0, "anna", "reply", "2", { ...NO_SESSION, others: [other] });
    cluster.run(500);
    expect(answer(2, ["ben/a", "anna/reply"], "prefix")).toMatchObject({ many: { shownOthers: [other] } });
  });

  test("expiry is judged at the latest instant that the session has seen", () => {
    settled();
    cluster.write(0, "anna", "brief", "2", {
      command: {
        kind: "put",
        key: "brief",
        value: new Uint8Array([50]),
        contentType: "text/plain",
        expiresInS: 60,
      },
    });
    cluster.run(500);
    expect(shown(answer(2, ["anna/brief"], "prefix"))).toEqual(["2"]);
    const seenAt = cluster.now + 61_000;
    const reply = answer(2, ["anna/brief"], "prefix", { session: { ...NO_SESSION, seenAt } });
    expect(shown(reply)).toEqual([null]);
    expect(reply.kind === "items" && reply.many.seenAt).toBeGreaterThan(cluster.now);
  });
});

describe("session", () => {
  test("is answered near when what was seen is here, and sent on when it is not", () => {
    settled();
    const position = wrote(0, "anna", "a", "2");
    cluster.run(200);
    expect(answer(2, ["anna/a", "ben/a"], "session", { session: seen(position) })).toMatchObject({
      many: { why: "covered" },
    });
    cluster.hold = deaf(2);
    const next = wrote(0, "anna", "a", "3");
    expect(answer(2, ["anna/a", "ben/a"], "session", { session: seen(next) })).toMatchObject({
      kind: "behind",
      needed: next,
    });
  });

  test("that lost something is told so, or shown the rest when it asked for that", () => {
    settled();
    const lost = { o: 0, e: 2, s: 9 };
    expect(answer(2, ["anna/a"], "session", { session: seen(lost) })).toEqual({
      kind: "items-lost",
      servedBy: 2,
      lost: [{ ...lost, from: 1 }],
    });
    expect(answer(2, ["anna/a"], "session", { session: seen(lost), reportLost: true })).toMatchObject({
      kind: "items",
      lost: [lost],
    });
  });
});

describe("bounded", () => {
  test("asks the leaders of all logs that it shows, once, and then answers near", () => {
    settled();
    cluster.run(60_000);
    const reply = answer(2, ["anna/a", "ben/a"], "bounded", { stalenessMsMax: 5_000 });
    expect(shown(reply)).toEqual(["1", "one"]);
    expect(reply).toMatchObject({ many: { why: "fresh", servedBy: 2 } });
  });

  test("shows those whose log is fresh enough, and names the leader of the others", () => {
    settled();
    expect(shown(answer(0, ["anna/a", "ben/a"], "bounded", { stalenessMsMax: 0 }))).toEqual(["1", "moved"]);
  });
});

describe("leader and strong", () => {
  test("show the users whose logs the replica leads, and say where the others are", () => {
    settled();
    const reply = answer(0, ["anna/a", "ben/a", "carl/a"], "leader");
    expect(shown(reply)).toEqual(["1", "moved", "unknown-user"]);
    expect(reply).toMatchObject({
      items: [{ home: 0, version: 1 }, { home: 1, version: 1, claim: { o: 0 } }, {}],
      many: { stalenessMs: 0, why: "leader" },
    });
  });

  test("are redirected like a single read where all are at home in one log that another leads", () => {
    settled();
    for (const level of ["leader", "strong"] as const)
      expect(answer(1, ["anna/a", "anna/b"], level)).toMatchObject({
        kind: "moved",
        home: 0,
        version: 1,
        leader: 0,
        epoch: 16,
      });
  });

  test("the anchor's leader says for certain that somebody has no home, and nobody else does", () => {
    settled();
    expect(shown(answer(0, ["carl/a", "anna/a"], "leader", { certain: true }))).toEqual(["no-user", "1"]);
    expect(answer(0, ["carl/a"], "leader", { certain: true })).toMatchObject({ many: { homes: [0] } });
    expect(answer(1, ["carl/a", "ben/a"], "leader", { certain: true })).toEqual({
      kind: "not-leader",
      leader: 0,
      epoch: 16,
    });
  });

  test("strong waits until a majority has all that it shows", () => {
    settled();
    cluster.hold = (parcel) => parcel.from === 0 && parcel.kind === "request";
    const position = wrote(0, "anna", "b", "2");
    const [strong, leader] = [
      cluster.readMany(0, ["anna/a", "anna/b"], "strong"),
      cluster.readMany(0, ["anna/a", "anna/b"], "leader"),
    ];
    cluster.run(50);
    expect([strong.reply, shown(leader.reply)]).toEqual([null, ["1", "2"]]);
    cluster.hold = () => false;
    cluster.release();
    cluster.run(50);
    expect(shown(strong.reply)).toEqual(["1", "2"]);
    expect(strong.reply).toMatchObject({ many: { shown: [{ s: position.s, durable: true }] } });
  });

  test("are given under a valid lease only", () => {
    settled();
    cluster.run(10_000);
    cluster.isolate(0);
    for (const level of ["leader", "strong"] as const)
      expect(answer(0, ["anna/a"], level)).toEqual({ kind: "refused", reason: "no-leader" });
  });

  test("wait for what other parts rest on, and end at the deadline", () => {
    settled();
    cluster.hold = deaf(0);
    const need = wrote(1, "ben", "a", "two");
    const ask = cluster.readMany(0, ["anna/a"], "leader", { needs: [need], deadlineAt: cluster.now + 500 });
    cluster.run(500);
    expect(ask.reply).toEqual({ kind: "refused", reason: "read-timeout" });
  });
});
