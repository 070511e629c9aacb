/** Answering reads, level by level, and what an answer says of itself. */
import { afterEach, describe, expect, test } from "vitest";
import type { Position } from "../../src/replication/position.ts";
import type { ClientReply, ReadList, ReadRequest } from "../../src/replication/request.ts";
import {
  type Ask,
  bytesOf,
  Cluster,
  continued,
  type ClusterOptions,
  listOf,
  Node,
  NO_SESSION,
  readOf,
  seen,
  Story,
  valueIn,
  writeOf,
} from "./harness.ts";

let cluster: Cluster;
afterEach(() => cluster.close());

/** Anna and ben are at home in region 0 and 1; anna has one item that everybody has. */
function settled(options: ClusterOptions = {}): Cluster {
  cluster = new Cluster(options);
  cluster.home("anna", 0);
  cluster.home("ben", 1);
  cluster.wrote(0, "anna", "a", "1", { concern: "all" });
  cluster.run(1_000);
  return cluster;
}

function answer(
  region: number,
  level: ReadRequest["level"],
  fields: Partial<ReadRequest> = {},
  user = "anna",
): ClientReply {
  const ask = cluster.read(region, user, "a", level, fields);
  cluster.runUntil(() => ask.reply !== null);
  return ask.reply!;
}

const wrote = (region: number, user: string, key: string, value: string): Position =>
  cluster.wrote(region, user, key, value).receipt.position;

/** What goes to a region, its storage's confirmations aside, waits. */
const deaf = (region: number) => (parcel: { to: number; from: number }) =>
  parcel.to === region && parcel.from !== region;

describe("eventual and prefix", () => {
  test("answer from what is at hand, at once, and say how old it may be", () => {
    settled();
    cluster.hold = deaf(2);
    wrote(0, "anna", "a", "2");
    for (const level of ["eventual", "prefix"] as const) {
      const ask = cluster.read(2, "anna", "a", level);
      expect(valueIn(ask.reply)).toBe("1");
      expect(ask.reply).toMatchObject({
        facts: { servedBy: 2, home: 0, leader: 0, why: "at-hand", leaseLeftMs: null },
      });
    }
  });

  test("know of no user that nobody here has heard of", () => {
    settled();
    expect(answer(2, "eventual", {}, "carl")).toEqual({ kind: "unknown-user" });
  });

  test("find nothing where there is nothing, and show that nothing is forgotten", () => {
    settled();
    const ask = cluster.read(2, "anna", "none", "eventual");
    expect(ask.reply).toMatchObject({ kind: "item", item: null, facts: { shown: [] } });
  });

  test("never show an effect without its cause", () => {
    settled();
    cluster.hold = (parcel) => deaf(2)(parcel) && parcel.from === 1;
    const cause = wrote(1, "ben", "cause", "1");
    cluster.run(100);
    cluster.wrote(0, "anna", "effect", "2", { session: seen(cause) });
    cluster.run(200);
    expect(cluster.log(2, 0).head).toBe(cluster.log(0, 0).head);
    expect(valueIn(cluster.read(2, "anna", "effect", "prefix").reply)).toBeNull();
    cluster.hold = () => false;
    cluster.release();
    cluster.run(100);
    expect(valueIn(cluster.read(2, "anna", "effect", "prefix").reply)).toBe("2");
  });
});

describe("session", () => {
  test("is answered near when what was seen is here", () => {
    settled();
    const position = wrote(0, "anna", "a", "2");
    cluster.run(200);
    const ask = cluster.read(1, "anna", "a", "session", { session: seen(position) });
    expect(valueIn(ask.reply)).toBe("2");
    expect(ask.reply).toMatchObject({ facts: { why: "covered", waitedMs: 0, shown: [position] } });
  });

  test("fetches what is missing and waits for it for a moment", () => {
    settled();
    cluster.hold = (parcel) => deaf(2)(parcel) && parcel.kind === "request";
    const position = wrote(0, "anna", "a", "2");
    cluster.run(50);
    const ask = cluster.read(2, "anna", "a", "session", { session: seen(position) });
    expect(ask.reply).toBeNull();
    cluster.run(30);
    expect(valueIn(ask.reply)).toBe("2");
    expect(ask.reply).toMatchObject({ facts: { waitedMs: 20 } });
  });

  test("is sent on when it cannot be covered in time, with what was needed and what is here", () => {
    settled();
    cluster.hold = deaf(2);
    const position = wrote(0, "anna", "a", "2");
    const ask = cluster.read(2, "anna", "a", "session", { session: seen(position), waitMs: 300 });
    cluster.run(300);
    expect(ask.reply).toEqual({
      kind: "behind",
      waitedMs: 300,
      needed: position,
      found: { o: 0, e: 16, s: position.s - 1 },
    });
  });

  test("of an origin that nobody here knows is sent on too", () => {
    settled();
    expect(answer(2, "session", { session: seen({ o: 9, e: 25, s: 1 }) })).toMatchObject({
      kind: "behind",
      needed: { o: 9 },
      found: { s: 0 },
    });
  });

  test("covers every log that was seen", () => {
    settled();
    cluster.hold = deaf(2);
    const own = wrote(0, "anna", "a", "2");
    const other = wrote(1, "ben", "x", "1");
    const session = {
      ...NO_SESSION,
      positions: [own, other].map((position) => ({ ...position, durable: false })),
    };
    const ask = cluster.read(2, "anna", "a", "session", { session });
    cluster.run(200);
    cluster.hold = (parcel) => deaf(2)(parcel) && parcel.from === 1;
    cluster.release((parcel) => parcel.from === 0);
    cluster.run(100);
    expect(ask.reply).toBeNull();
    cluster.hold = () => false;
    cluster.release();
    cluster.run(50);
    expect(ask.reply).toMatchObject({ kind: "item" });
  });

  test("that is lost is said, or reported beside the answer when asked to", () => {
    settled();
    const lost = { o: 0, e: 2, s: 9 };
    expect(answer(1, "session", { session: seen(lost) })).toMatchObject({
      reason: "session-lost",
      lost: [lost],
    });
    const reported = answer(1, "session", { session: seen(lost), reportLost: true });
    expect(reported).toMatchObject({ kind: "item", item: { key: "a" }, lost: [lost] });
    expect(answer(0, "leader", { session: seen(lost) })).toMatchObject({ reason: "session-lost" });
    // Promises of nothing break none.
    expect(answer(1, "eventual", { session: seen(lost) })).toMatchObject({ kind: "item" });
  });

  test("that is lost in part still has to be covered as far as the rest, which is told", () => {
    cluster = new Cluster();
    const node = new Node({ region: 2, regions: 5 });
    const story = new Story(0)
      .open(16)
      .claim("anna", 0)
      .put("anna", "a", "1", { deps: [{ o: 3, e: 19, s: 1 }] });
    node.peer(1, story.fork().open(33).append(0, 4, { commit: 4 }));
    const session = seen({ o: 0, e: 16, s: 5 });
    const lost = [{ o: 0, e: 16, s: 5, from: 4, rest: 3 }];
    const ask = (fields: Partial<ReadRequest>) =>
      readOf(node.now, "anna", "a", "session", { session, ...fields });
    expect(node.client(ask({})).reply).toMatchObject({ reason: "session-lost", lost });
    // What was not lost of it is not applied here.
    expect(node.client(ask({ reportLost: true })).reply).toBeNull();
    node.peer(3, new Story(3).open(19).append());
    expect(node.client(ask({ reportLost: true })).reply).toMatchObject({ item: { version: { s: 3 } }, lost });
    node.close();
  });

  test("that only may be lost is neither given nor called lost", () => {
    settled();
    const uncertain = { o: 0, e: 16, s: cluster.log(1, 0).head + 1 };
    cluster.hold = () => true;
    cluster.peer(1, 2, continued(cluster.node(1), new Story(0).open(34)));
    const ask = cluster.read(1, "anna", "a", "session", { session: seen(uncertain), waitMs: 200 });
    cluster.run(100);
    expect(ask.reply).toBeNull();
    cluster.run(100);
    expect(ask.reply).toMatchObject({ kind: "behind" });
  });

  test("waits for the claim of a user that the edge has just learned of", () => {
    settled();
    cluster.hold = deaf(2);
    const claim = cluster.home("carl", 1);
    const ask = cluster.read(2, "carl", "a", "session", { claim });
    expect(ask.reply).toBeNull();
    cluster.hold = () => false;
    cluster.release();
    cluster.run(100);
    expect(valueIn(ask.reply)).toBeNull();
  });
});

describe("bounded", () => {
  const bounded = (stalenessMsMax: number, fields: Partial<ReadRequest> = {}) => ({
    stalenessMsMax,
    ...fields,
  });

  test("asks the leader how far its log is when it does not know, once, and then answers near", () => {
    settled();
    cluster.run(60_000);
    const first = answer(2, "bounded", bounded(5_000));
    expect(first).toMatchObject({ kind: "item", facts: { servedBy: 2, why: "fresh" } });
    if (first.kind === "item") expect(first.facts.stalenessMs).toBeLessThanOrEqual(5_000);
    const asked = () => cluster.lines.filter((line) => line.includes("how far is log")).length;
    const before = asked();
    cluster.run(1_000);
    const ask = cluster.read(2, "anna", "a", "bounded", bounded(5_000));
    expect(ask.reply).toMatchObject({ kind: "item" });
    expect(asked()).toBe(before);
  });

  test("shows every write that was acknowledged before the bound", () => {
    settled();
    cluster.hold = (parcel) => deaf(2)(parcel) && parcel.kind === "request";
    cluster.run(60_000);
    wrote(0, "anna", "a", "2");
    cluster.run(2_000);
    const ask = cluster.read(2, "anna", "a", "bounded", bounded(1_000));
    cluster.run(200);
    expect(valueIn(ask.reply)).toBe("2");
  });

  test("is the leader's to answer when nothing near can be as fresh", () => {
    settled();
    expect(answer(2, "bounded", bounded(0))).toMatchObject({
      kind: "moved",
      home: 0,
      version: 1,
      leader: 0,
      epoch: 16,
    });
    expect(answer(0, "bounded", bounded(0))).toMatchObject({ kind: "item", facts: { stalenessMs: 0 } });
    cluster.close();
    settled({ latencyMs: 400 });
    cluster.run(60_000);
    expect(answer(2, "bounded", bounded(300))).toMatchObject({ kind: "moved" });
  });

  test("rests on the anchor's log too, while nobody here knows whether the claim of the home is committed", () => {
    settled();
    cluster.run(60_000);
    const claimed = continued(cluster.node(1), new Story(0).open(34).claim("carl", 1));
    cluster.peer(1, 2, claimed);
    cluster.isolate(2);
    wrote(1, "ben", "x", "2");
    // Region 1 leads the log of that home; what region 2, which leads the anchor's, has done with the claim since it does not know.
    const ask = (): Ask => cluster.read(1, "carl", "a", "bounded", bounded(5_000));
    const before = ask();
    cluster.run(1_000);
    expect(before.reply).toBeNull();
    cluster.peer(1, 2, { ...claimed, commit: claimed.prev.s + 2 });
    cluster.run(100);
    expect(ask().reply).toMatchObject({ kind: "item", item: null });
  });

  test("is refused at the deadline when nobody can tell", () => {
    settled();
    cluster.run(60_000);
    cluster.isolate(2, "refused");
    expect(answer(2, "bounded", bounded(5_000, { deadlineAt: cluster.now + 1_000 }))).toEqual({
      kind: "refused",
      reason: "no-leader",
    });
  });

  test("is served stale when that was asked for", () => {
    settled();
    cluster.run(60_000);
    cluster.isolate(2);
    expect(answer(2, "bounded", bounded(1, { stale: true }))).toMatchObject({
      kind: "item",
      facts: { why: "stale" },
    });
  });
});

describe("leader and strong", () => {
  test("are answered by the leader under its lease, and sent to it by others", () => {
    settled();
    expect(answer(0, "leader")).toMatchObject({
      kind: "item",
      facts: { why: "leader", stalenessMs: 0, servedBy: 0 },
    });
    for (const level of ["leader", "strong"] as const)
      expect(answer(1, level)).toMatchObject({ kind: "moved", home: 0, version: 1, leader: 0, epoch: 16 });
  });

  test("write a row that a replaced instance could not get confirmed, shared by those that wait", () => {
    settled();
    const fence = cluster.node(0).storage.meta("fence");
    cluster.run(5);
    wrote(0, "anna", "b", "1");
    const asks = [1, 2, 3].map(() => cluster.read(0, "anna", "a", "leader"));
    const syncs = cluster.flight.filter(({ kind }) => kind === "sync").length;
    expect(syncs).toBe(1);
    cluster.run(100);
    expect(asks.every(({ reply }) => reply?.kind === "item")).toBe(true);
    expect(cluster.node(0).storage.meta("fence")).not.toBe(fence);
  });

  test("strong waits until a majority has what it shows, leader does not", () => {
    settled();
    cluster.hold = (parcel) => parcel.from === 0 && parcel.kind === "request";
    const position = wrote(0, "anna", "a", "2");
    const [strong, leader] = [cluster.read(0, "anna", "a", "strong"), cluster.read(0, "anna", "a", "leader")];
    cluster.run(50);
    expect([strong.reply, valueIn(leader.reply)]).toEqual([null, "2"]);
    cluster.hold = () => false;
    cluster.release();
    cluster.run(50);
    expect(valueIn(strong.reply)).toBe("2");
    expect(strong.reply).toMatchObject({
      kind: "item",
      facts: { shown: [{ s: position.s, durable: true }] },
    });
  });

  test("are not answered by a leader whose lease is over", () => {
    settled();
    cluster.run(10_000);
    cluster.isolate(0);
    expect(answer(0, "strong")).toEqual({ kind: "refused", reason: "no-leader" });
  });
});

describe("committed", () => {
  test("near levels wait until what they show is committed, and bring it about", () => {
    settled();
    cluster.hold = (parcel) => parcel.from === 0 && parcel.to === 1;
    const position = wrote(0, "anna", "a", "2");
    // Region 2 has it and has not heard that it is committed.
    cluster.run(15);
    const ask = cluster.read(2, "anna", "a", "session", { session: seen(position), committed: true });
    expect([cluster.log(2, 0).head, ask.reply]).toEqual([position.s, null]);
    cluster.run(200);
    expect(valueIn(ask.reply)).toBe("2");
    expect(ask.reply).toMatchObject({ facts: { shown: [{ durable: true }] } });
  });

  test("and are refused at the deadline", () => {
    settled();
    cluster.hold = (parcel) => parcel.from === 1 || (parcel.from === 2 && parcel.to !== 2);
    const position = wrote(0, "anna", "a", "2");
    cluster.run(50);
    const session = cluster.read(2, "anna", "a", "session", { session: seen(position), committed: true });
    const eventual = cluster.read(2, "anna", "a", "eventual", {
      committed: true,
      deadlineAt: cluster.now + 700,
    });
    cluster.run(700);
    expect(session.reply).toMatchObject({ kind: "behind" });
    expect(eventual.reply).toEqual({ kind: "refused", reason: "read-timeout" });
  });
});

describe("expiry", () => {
  const expiring = (expiresInS: number) =>
    cluster.wrote(0, "anna", "a", "", {
      concern: "all",
      command: { kind: "put", key: "a", value: bytesOf("soon"), contentType: "text/plain", expiresInS },
    });

  test("is judged by the clock, or by the token's when that is later", () => {
    settled();
    expiring(10);
    const expiresAt = cluster.node(0).storage.item("anna", "a", false)!.expiresAt;
    cluster.now = expiresAt - 1;
    const before = cluster.read(1, "anna", "a", "eventual").reply;
    expect(before).toMatchObject({ item: { expiresAt }, facts: { seenAt: 0 } });
    const session = { ...NO_SESSION, seenAt: expiresAt };
    expect(cluster.read(1, "anna", "a", "eventual", { session }).reply).toMatchObject({
      item: null,
      facts: { seenAt: expiresAt },
    });
    cluster.now = expiresAt;
    expect(cluster.read(1, "anna", "a", "eventual").reply).toMatchObject({
      item: null,
      facts: { seenAt: expiresAt },
    });
  });

  test("what expired is not listed, and the list says that it let it pass", () => {
    settled();
    wrote(0, "anna", "b", "2");
    expiring(1);
    cluster.run(2_000);
    const ask = cluster.read(1, "anna", "", "eventual", { what: listOf() });
    expect(ask.reply).toMatchObject({ kind: "list", items: [{ key: "b" }] });
    expect(ask.reply?.kind === "list" && ask.reply.facts.seenAt).toBeGreaterThan(0);
  });
});

describe("items and lists", () => {
  function listed(fields: Partial<ReadList> = {}): {
    keys: string[];
    next: string | undefined;
    reply: ClientReply;
  } {
    const { reply } = cluster.read(1, "anna", "", "eventual", { what: listOf(fields) });
    if (reply?.kind !== "list") throw new Error("no list");
    return { keys: reply.items.map(({ key }) => key), next: reply.next, reply };
  }

  function filled(): void {
    settled();
    for (const key of ["b/1", "b/2", "b/3", "b/4", "c", "\uFFFD", "\u{10000}"])
      wrote(0, "anna", key, `value of ${key}`);
    cluster.wrote(0, "anna", "b/2", "", { command: { kind: "delete", key: "b/2" }, concern: "all" });
    cluster.run(200);
  }

  test("an item has its version, size and value; a head everything but the value", () => {
    settled();
    const item = { key: "a", version: { o: 0, e: 16 }, contentType: "text/plain", size: 1, expiresAt: 0 };
    expect(answer(1, "eventual")).toMatchObject({ item: { ...item, value: bytesOf("1") } });
    const head = answer(1, "eventual", { what: { kind: "item", key: "a", head: true } });
    expect(head).toMatchObject({ item });
    expect(head.kind === "item" && "value" in head.item!).toBe(false);
  });

  test("a deleted item is none, and shows its deletion", () => {
    settled();
    const gone = cluster.wrote(0, "anna", "a", "", { command: { kind: "delete", key: "a" }, concern: "all" })
      .receipt.position;
    cluster.run(100);
    expect(answer(1, "eventual")).toMatchObject({ item: null, facts: { shown: [gone] } });
  });

  test("lists are in byte order, without what was deleted, within prefix, start and end", () => {
    filled();
    expect(listed().keys).toEqual(["a", "b/1", "b/3", "b/4", "c", "\uFFFD", "\u{10000}"]);
    expect(listed({ prefix: "b/" }).keys).toEqual(["b/1", "b/3", "b/4"]);
    expect(listed({ start: "b/3", end: "c" }).keys).toEqual(["b/3", "b/4"]);
    expect(listed({ prefix: "b/", reverse: true }).keys).toEqual(["b/4", "b/3", "b/1"]);
    expect(listed({ prefix: "x" })).toMatchObject({ keys: [], next: undefined });
  });

  test.each([false, true])("pages of any size make up the whole (reverse: %s)", (reverse) => {
    filled();
    const whole = listed({ reverse }).keys;
    for (const limit of [1, 2, 3, 6, 7, 8]) {
      const keys: string[] = [];
      let after: string | undefined;
      let pages = 0;
      do {
        const page = listed({ limit, reverse, ...(after === undefined ? {} : { after }) });
        expect(page.keys.length).toBeLessThanOrEqual(limit);
        keys.push(...page.keys);
        after = page.next;
        pages += 1;
      } while (after !== undefined);
      expect(keys).toEqual(whole);
      expect(pages).toBe(Math.ceil(whole.length / limit));
    }
  });

  test("a page ends early when its bytes are spent, and holds at least one item", () => {
    filled();
    const sized = (bytesMax: number, values: boolean) => listed({ prefix: "b/", values, bytesMax }).keys;
    expect(sized(1, true)).toEqual(["b/1"]);
    expect(sized(29, true)).toEqual(["b/1"]);
    expect(sized(30, true)).toEqual(["b/1", "b/3"]);
    expect(sized(6, false)).toEqual(["b/1", "b/3"]);
    const page = listed({ prefix: "b/", values: true, bytesMax: 29 });
    expect(listed({ prefix: "b/", ...(page.next === undefined ? {} : { after: page.next }) }).keys).toEqual([
      "b/3",
      "b/4",
    ]);
  });

  test("values come when asked for", () => {
    filled();
    const { reply } = listed({ prefix: "b/", values: true });
    expect(reply).toMatchObject({ items: [{ value: bytesOf("value of b/1"), size: 12 }, {}, {}] });
    const bare = listed({ prefix: "b/" }).reply;
    expect(bare.kind === "list" && bare.items.every((item) => !("value" in item))).toBe(true);
  });

  test("many deleted items between two pages are stepped over", () => {
    settled();
    const key = (n: number): string => `d${String(n).padStart(4, "0")}`;
    for (let n = 0; n < 1_200; n++) cluster.write(0, "anna", key(n), "v");
    cluster.run(100);
    for (let n = 0; n < 1_200; n++)
      cluster.write(0, "anna", "", "", { command: { kind: "delete", key: key(n) } });
    cluster.run(100);
    wrote(0, "anna", "e", "v");
    cluster.run(2_000);
    expect(listed({ limit: 1 })).toMatchObject({ keys: ["a"] });
    expect(listed({ limit: 1, after: "a" })).toMatchObject({ keys: ["e"], next: undefined });
  });

  test("a strong list waits for all that it shows", () => {
    settled();
    cluster.hold = (parcel) => parcel.from === 0 && parcel.kind === "request";
    wrote(0, "anna", "b", "2");
    const ask = cluster.read(0, "anna", "", "strong", { what: listOf() });
    cluster.run(100);
    expect(ask.reply).toBeNull();
    cluster.hold = () => false;
    cluster.release();
    cluster.run(100);
    expect(ask.reply).toMatchObject({ kind: "list", items: [{ key: "a" }, { key: "b" }] });
  });

  test("positions in other partitions that an item depends on are shown, the latest of each log", () => {
    settled();
    const others = [
      { p: 3, o: 1, e: 17, s: 5 },
      { p: 4, o: 0, e: 16, s: 2 },
    ];
    cluster.wrote(0, "anna", "b", "2", { session: { ...NO_SESSION, others }, concern: "all" });
    cluster.wrote(0, "anna", "c", "3", {
      session: { ...NO_SESSION, others: [{ p: 3, o: 1, e: 17, s: 9 }] },
      concern: "all",
    });
    const { reply } = listed();
    expect(reply.kind === "list" && reply.facts.shownOthers).toEqual([
      { p: 3, o: 1, e: 17, s: 9 },
      others[1],
    ]);
  });
});

describe("receipts", () => {
  const receipt = (region: number, position: Position, fields: object = {}) =>
    cluster.client(region, {
      op: "receipt",
      user: "anna",
      position,
      from: region,
      deadlineAt: cluster.now + 1_000,
      ...fields,
    });
  const answered = (...args: Parameters<typeof receipt>) => {
    const ask = receipt(...args);
    cluster.runUntil(() => ask.reply !== null);
    return ask.reply;
  };

  test("pending, then committed", () => {
    settled();
    cluster.hold = (parcel) => parcel.from === 0 && parcel.kind === "request";
    const position = wrote(0, "anna", "a", "2");
    expect(answered(0, position)).toMatchObject({
      kind: "receipt",
      state: "pending",
      met: true,
      receipt: { key: "a", version: position, committed: false, durableIn: [0], concern: "local" },
    });
    cluster.hold = () => false;
    cluster.release();
    cluster.run(100);
    expect(answered(0, position)).toMatchObject({
      state: "committed",
      receipt: { committed: true, durableIn: [0, 1, 2] },
    });
  });

  test("wait for a concern, and say at the deadline that it was not met", () => {
    settled();
    cluster.cut(0, 2);
    const position = wrote(0, "anna", "a", "2");
    expect(answered(0, position, { concern: "majority" })).toMatchObject({ state: "committed", met: true });
    const from = cluster.now;
    expect(answered(0, position, { concern: "all" })).toMatchObject({ state: "committed", met: false });
    expect(cluster.now - from).toBe(1_000);
  });

  test("are the leader's to give", () => {
    settled();
    expect(answered(1, { o: 0, e: 16, s: 3 })).toEqual({ kind: "not-leader", leader: 0, epoch: 16 });
    cluster.run(10_000);
    cluster.isolate(0);
    expect(answered(0, { o: 0, e: 16, s: 3 })).toEqual({ kind: "refused", reason: "no-leader" });
  });

  test("are none for what is no write of this user", () => {
    settled();
    for (const position of [
      { o: 0, e: 16, s: 1 },
      { o: 0, e: 16, s: 0 },
      { o: 0, e: 16, s: 99 },
      { o: 0, e: 32, s: 4 },
      { o: 9, e: 25, s: 1 },
    ])
      expect(answered(0, position)).toEqual({ kind: "refused", reason: "no-receipt" });
    const position = wrote(0, "anna", "a", "2");
    expect(answered(0, position, { user: "ben" })).toEqual({ kind: "refused", reason: "no-receipt" });
  });

  test("say lost for what a failover cut off, to the user it belonged to", () => {
    settled();
    cluster.isolate(0);
    const position = wrote(0, "anna", "a", "lost");
    const append = continued(cluster.node(1), new Story(0).open(34), undefined, { commit: position.s });
    for (const region of [0, 1, 2]) cluster.peer(region, 2, append);
    cluster.heal();
    // Region 0 leads again, once the one that took over is lost in its turn.
    cluster.crash(2);
    cluster.run(10_000);
    receipt(0, position, { suspects: 2 });
    cluster.run(4_000);
    expect(answered(0, position)).toMatchObject({
      state: "lost",
      met: false,
      receipt: { committed: false, durableIn: [], key: "a" },
    });
    expect(answered(0, position, { user: "ben" })).toEqual({ kind: "refused", reason: "no-receipt" });
  });
});

describe("homes", () => {
  const home = (region: number, user: string, certain: boolean) =>
    cluster.client(region, { op: "home", user, certain, from: region, deadlineAt: cluster.now + 1_000 });

  test("are known near; that there is none only by the anchor's leader", () => {
    settled();
    expect(home(2, "ben", false).reply).toMatchObject({
      kind: "home",
      home: 1,
      version: 1,
      leader: 1,
      position: { o: 0, s: 3 },
    });
    expect(home(2, "carl", false).reply).toEqual({ kind: "unknown-user" });
    expect(home(2, "carl", true).reply).toEqual({ kind: "not-leader", leader: 0, epoch: 16 });
    const none = home(0, "carl", true);
    cluster.run(100);
    expect(none.reply).toEqual({ kind: "refused", reason: "no-user" });
    const there = home(0, "ben", true);
    cluster.run(100);
    expect(there.reply).toMatchObject({ kind: "home", home: 1 });
  });

  test("that there is none is not said by an anchor that may have been replaced", () => {
    settled();
    cluster.run(10_000);
    cluster.isolate(0);
    const ask = home(0, "carl", true);
    cluster.run(1_001);
    expect(ask.reply).toEqual({ kind: "refused", reason: "no-leader" });
  });
});

describe("what can be had without a turn", () => {
  test("is what a turn would answer, and nothing else is", () => {
    settled();
    const position = wrote(0, "anna", "a", "2");
    cluster.run(500);
    const { node } = cluster.hosts[2]!;
    const requests = (["eventual", "prefix", "session", "bounded", "leader", "strong"] as const).flatMap(
      (level) =>
        [
          {},
          { session: seen(position) },
          { session: seen({ ...position, s: 99 }) },
          { committed: true },
          { stale: true },
        ].map((fields) => readOf(cluster.now, "anna", "a", level, { stalenessMsMax: 0, ...fields })),
    );
    let peeked = 0;
    for (const request of requests) {
      const at = node.replica.peek(request, cluster.now);
      const { reply } = cluster.client(2, request);
      if (at === null) continue;
      peeked += 1;
      expect(at).toEqual(reply);
    }
    expect(peeked).toBeGreaterThan(6);
    const others = [writeOf(cluster.now, "anna", "a", "3"), readOf(cluster.now, "carl", "a", "eventual")];
    expect(others.map((request) => node.replica.peek(request, cluster.now))).toEqual([null, null]);
  });
});
