/** The change feed: what is told, to whom, and when; and that it costs nothing while nothing happens. */
import { afterEach, describe, expect, test } from "vitest";
import type { Effect } from "../../src/replication/effect.ts";
import { OpKind, type Entry } from "../../src/replication/entry.ts";
import type { ChangesRequest, ClientReply, FeedPlace } from "../../src/replication/request.ts";
import {
  bytesOf,
  Cluster,
  type ClusterOptions,
  continued,
  Node,
  NO_SESSION,
  seen,
  Story,
} from "./harness.ts";

let cluster: Cluster;
let clusters: Cluster[] = [];
afterEach(() => {
  for (const each of clusters) each.close();
  clusters = [];
});

const changesOf = (now: number, fields: Partial<ChangesRequest> = {}): ChangesRequest => ({
  op: "changes",
  user: "anna",
  limit: 100,
  bytesMax: 1_000_000,
  values: true,
  waitMs: 0,
  session: NO_SESSION,
  from: 0,
  deadlineAt: now + 5_000,
  ...fields,
});

type Page = Extract<ClientReply, { kind: "changes" }>;

function pageOf(reply: ClientReply | null): Page {
  if (reply?.kind !== "changes") throw new Error(`no page: ${JSON.stringify(reply)}`);
  return reply;
}

const keysOf = (reply: ClientReply | null): string[] => pageOf(reply).changes.map(({ key }) => key);

function settled(options: ClusterOptions = {}): Cluster {
  cluster = new Cluster(options);
  clusters.push(cluster);
  cluster.home("anna", 0);
  cluster.home("ben", 0);
  for (const key of ["a", "b", "c"]) cluster.wrote(0, "anna", key, key, { concern: "all" });
  cluster.wrote(0, "ben", "x", "x", { concern: "all" });
  cluster.run(1_000);
  return cluster;
}

function page(region: number, fields: Partial<ChangesRequest> = {}): ClientReply {
  const ask = cluster.client(region, changesOf(cluster.now, fields));
  cluster.runUntil(() => ask.reply !== null);
  return ask.reply!;
}

/** What goes to a region, its storage's confirmations aside, waits. */
const deaf = (region: number) => (parcel: { to: number; from: number }) =>
  parcel.to === region && parcel.from !== region;

describe("a page", () => {
  test("is the same at every region: the user's changes in order, and nobody else's", () => {
    settled();
    const pages = [0, 1, 2].map((region) => pageOf(page(region)));
    expect(keysOf(pages[0]!)).toEqual(["a", "b", "c"]);
    for (const other of pages) {
      expect(other.changes).toEqual(pages[0]!.changes);
      expect(other.cursor).toEqual(pages[0]!.cursor);
    }
    expect(pages[1]!.facts).toMatchObject({ servedBy: 1, why: "feed", shown: [{ durable: true }] });
  });

  test("goes on where the one before ended, at another region too", () => {
    settled();
    const first = pageOf(page(1, { limit: 2 }));
    expect(keysOf(first)).toEqual(["a", "b"]);
    const second = pageOf(page(2, { after: first.cursor, limit: 2 }));
    expect(keysOf(second)).toEqual(["c"]);
    const third = pageOf(page(0, { after: second.cursor }));
    expect(third).toMatchObject({ changes: [], cursor: second.cursor });
  });

  test("ends early where its bytes would be too many, and holds one entry at least", () => {
    settled();
    const first = pageOf(page(0, { bytesMax: 1 }));
    expect(keysOf(first)).toEqual(["a"]);
    expect(keysOf(page(0, { bytesMax: 1, after: first.cursor }))).toEqual(["b"]);
  });

  test("has values or has not", () => {
    settled();
    const [withValue] = pageOf(page(0)).changes;
    const [without] = pageOf(page(0, { values: false })).changes;
    expect(withValue?.after?.value).toEqual(bytesOf("a"));
    expect(without?.after).toMatchObject({ contentType: "text/plain", value: new Uint8Array(0) });
  });

  test("does not show what is not committed, and shows it when it is", () => {
    settled();
    cluster.hold = (parcel) => parcel.to !== 0 && parcel.kind === "request";
    cluster.wrote(0, "anna", "d", "d", { concern: "local" });
    expect(keysOf(page(0))).toEqual(["a", "b", "c"]);
    cluster.hold = () => false;
    cluster.release();
    cluster.run(200);
    for (const region of [0, 1, 2]) expect(keysOf(page(region)).at(-1)).toBe("d");
  });

  test("of a user that nobody here knows is none; with a claim it is waited for", () => {
    settled();
    expect(page(2, { user: "carl" })).toEqual({ kind: "unknown-user" });
    cluster.hold = deaf(2);
    const claim = cluster.home("carl", 1);
    const ask = cluster.client(2, changesOf(cluster.now, { user: "carl", claim }));
    cluster.run(100);
    expect(ask.reply).toBeNull();
    cluster.hold = () => false;
    cluster.release();
    cluster.run(500);
    expect(pageOf(ask.reply).changes).toEqual([]);
  });
});

describe("a transaction", () => {
  const op = (key: string) => ({
    kind: OpKind.put,
    key,
    after: { contentType: "text/plain", value: bytesOf(key), expiresAt: 0 },
  });
  const ops = (...keys: string[]): Partial<Entry> => ({ user: "anna", status: 200, ops: keys.map(op) });

  test("is never split between pages", () => {
    const node = new Node({ region: 1 });
    const story = new Story(0)
      .open(16)
      .claim("anna", 0)
      .add(ops("a", "b"))
      .add(ops("c", "d", "e"))
      .add(ops("f"));
    node.peer(0, story.append(0, 5, { commit: 5 }));
    const read = (after?: FeedPlace) =>
      pageOf(node.client(changesOf(node.now, { limit: 2, ...(after === undefined ? {} : { after }) })).reply);
    const first = read();
    const second = read(first.cursor);
    const third = read(second.cursor);
    expect([first, second, third].map(keysOf)).toEqual([["a", "b"], ["c", "d", "e"], ["f"]]);
    node.close();
  });
});

describe("a long poll", () => {
  test("of one user waits at most fifty times at a replica; what can be answered at once always is", () => {
    settled();
    const { cursor } = pageOf(page(2));
    const poll = (waitMs: number) => cluster.client(2, changesOf(cluster.now, { after: cursor, waitMs }));
    const waiting = Array.from({ length: 50 }, () => poll(4_000));
    expect(waiting.every(({ reply }) => reply === null)).toBe(true);
    expect(poll(4_000).reply).toMatchObject({ kind: "refused", reason: "overloaded" });
    expect(poll(0).reply).toMatchObject({ kind: "changes", changes: [] });
    cluster.run(5_000);
    expect(waiting.every(({ reply }) => reply?.kind === "changes")).toBe(true);
    expect(poll(4_000).reply).toBeNull();
  });

  test("is answered as soon as something is committed, without a message that would not be sent anyway", () => {
    settled();
    const { cursor } = pageOf(page(2));
    const ask = cluster.client(2, changesOf(cluster.now, { after: cursor, waitMs: 4_000 }));
    cluster.run(1_000);
    expect(ask.reply).toBeNull();
    const wroteAt = cluster.now;
    cluster.wrote(0, "anna", "d", "d");
    cluster.run(1_000);
    expect(keysOf(ask.reply)).toEqual(["d"]);
    // There, the acknowledgements back, and the commit position at once.
    expect(ask.repliedAt! - wroteAt).toBeLessThan(4 * 10);
  });

  test("says that there is nothing when its time is over, with a cursor that has moved on", () => {
    settled();
    const { cursor } = pageOf(page(2));
    cluster.wrote(0, "ben", "y", "y", { concern: "all" });
    const ask = cluster.client(2, changesOf(cluster.now, { after: cursor, waitMs: 300 }));
    cluster.run(299);
    expect(ask.reply).toBeNull();
    cluster.run(1);
    const { changes, cursor: next } = pageOf(ask.reply);
    expect(changes).toEqual([]);
    expect(next.s).toBeGreaterThan(cursor.s);
  });

  test("makes nobody send more once it is over", () => {
    settled();
    const after = pageOf(page(2)).cursor;
    const sent = (): number => {
      cluster.run(5_000);
      const turns = cluster.turns;
      cluster.wrote(0, "anna", "d", "d");
      cluster.run(5_000);
      return cluster.turns - turns;
    };
    const before = sent();
    page(2, { after, waitMs: 300 });
    sent();
    expect(sent()).toBe(before);
  });
});

describe("a cursor", () => {
  test("of which this replica has not heard yet is fetched, or waited for, and is never an error", () => {
    settled();
    cluster.hold = (parcel) => parcel.to === 2 && parcel.from === 0 && parcel.kind === "request";
    cluster.wrote(0, "anna", "d", "d", { concern: "majority" });
    cluster.run(100);
    const { cursor } = pageOf(page(0));
    expect(pageOf(page(2, { after: cursor }))).toMatchObject({ changes: [], cursor });
    cluster.isolate(2, "refused");
    expect(pageOf(page(2, { after: cursor, deadlineAt: cluster.now + 400 }))).toMatchObject({
      changes: [],
      cursor,
    });
  });

  test("below what the log still holds has expired, and the new one goes on after a list that covers the token", () => {
    settled({ timing: { retainMs: 2_000 }, limits: { compactEveryEntries: 2 } });
    const old = pageOf(page(0, { limit: 1 })).cursor;
    cluster.run(5_000);
    for (const key of ["d", "e", "f", "g"]) cluster.wrote(0, "anna", key, key, { concern: "all" });
    cluster.run(1_000);
    expect(cluster.log(0, 0).base).toBeGreaterThan(old.s);
    for (const fields of [{ after: old }, {}]) {
      const reply = page(0, fields);
      if (reply.kind !== "refused" || reply.reason !== "cursor-expired")
        throw new Error(JSON.stringify(reply));
      const { version: _version, ...position } = reply.cursor;
      expect(reply.facts.shown).toEqual([{ ...position, durable: true }]);
      cluster.wrote(0, "anna", "h", "h", { concern: "all" });
      cluster.run(500);
      expect(keysOf(page(1, { after: reply.cursor }))).toContain("h");
    }
  });

  test("of nobody's history begins with it, as long as all of it is there", () => {
    settled({ timing: { retainMs: 2_000 }, limits: { compactEveryEntries: 2 } });
    cluster.run(5_000);
    for (const key of ["d", "e", "f", "g"]) cluster.wrote(0, "anna", key, key, { concern: "all" });
    cluster.run(1_000);
    cluster.home("dora", 0);
    cluster.wrote(0, "dora", "first", "1", { concern: "all" });
    cluster.run(500);
    expect(cluster.log(0, 0).base).toBeGreaterThan(0);
    expect(keysOf(page(0, { user: "dora" }))).toEqual(["first"]);
  });

  test("of another home has expired", () => {
    settled();
    const { cursor } = pageOf(page(0));
    expect(page(0, { after: { ...cursor, version: 0 } })).toMatchObject({ reason: "cursor-expired" });
    expect(page(0, { after: { ...cursor, o: 1 } })).toMatchObject({ reason: "cursor-expired" });
    expect(page(0, { after: { ...cursor, e: 32 } })).toMatchObject({ reason: "cursor-expired" });
    // A later home than this replica knows of.
    expect(page(0, { after: { ...cursor, version: 2 } })).toMatchObject({
      changes: [],
      cursor: { version: 2 },
    });
  });
});

describe("a token", () => {
  test("is covered, with what is committed of it", () => {
    settled();
    cluster.hold = (parcel) => parcel.to !== 0 && parcel.kind === "request";
    const { receipt } = cluster.wrote(0, "anna", "d", "d", { concern: "local" });
    const ask = cluster.client(0, changesOf(cluster.now, { session: seen(receipt.position) }));
    cluster.run(100);
    expect(ask.reply).toBeNull();
    cluster.hold = () => false;
    cluster.release();
    cluster.run(100);
    expect(keysOf(ask.reply)).toEqual(["a", "b", "c", "d"]);
  });

  test("that cannot be covered in time is said so, and one that is lost too", () => {
    settled();
    cluster.isolate(2, "refused");
    const { receipt } = cluster.wrote(0, "anna", "d", "d", { concern: "local" });
    const session = seen(receipt.position);
    expect(page(2, { session })).toEqual({ kind: "refused", reason: "read-timeout" });
    const node = new Node({ region: 1 });
    const story = new Story(0).open(16).claim("anna", 0).put("anna", "a", "1").put("anna", "b", "2");
    node.peer(0, story.append(0, 4, { commit: 3 }));
    const lost = story.position(4);
    node.peer(2, continued(node, new Story(0).open(34), 3, { e: 34, commit: 4 }));
    const reply = node.client(changesOf(node.now, { session: seen(lost) })).reply;
    expect(reply).toMatchObject({ reason: "session-lost", lost: [lost] });
    const reported = node.client(changesOf(node.now, { session: seen(lost), reportLost: true })).reply;
    expect(pageOf(reported)).toMatchObject({ changes: [{ key: "a" }], lost: [lost] });
    node.close();
  });
});

describe("a subscriber", () => {
  const subscription = (after: FeedPlace, user = "anna") => ({ user, after, values: true });
  const feeds = (effects: readonly Effect[]) => effects.filter((effect) => effect.type === "feed");
  const START: FeedPlace = { version: 1, o: 0, e: 0, s: 0 };

  function followed(): { node: Node; story: Story } {
    const node = new Node({ region: 1 });
    const story = new Story(0).open(16).claim("anna", 0).claim("ben", 0).put("anna", "a", "1");
    node.peer(0, story.append(0, 4, { commit: 4 }));
    return { node, story };
  }

  test("is told what there is, then what comes, once it is committed", () => {
    const { node, story } = followed();
    const told = feeds(node.step({ type: "subscribe", id: 7, subscription: subscription(START) }));
    expect(told).toMatchObject([{ id: 7, changes: [{ key: "a" }], cursor: { s: 4 } }]);
    story.put("anna", "b", "2").put("ben", "x", "3");
    const stored = node.step({ type: "peer", id: 1, from: 0, message: story.append(4, 6, { commit: 4 }) });
    expect(feeds(stored)).toEqual([]);
    // The leader is asked to say at once what is committed.
    expect(stored).toContainEqual(
      expect.objectContaining({ type: "reply", message: expect.objectContaining({ eager: true }) }),
    );
    const news = node.step({ type: "peer", id: 2, from: 0, message: story.append(6, 6, { commit: 6 }) });
    expect(feeds(news)).toMatchObject([{ id: 7, changes: [{ key: "b" }], cursor: { s: 6 } }]);
    node.close();
  });

  test("that is gone is told nothing, and asks for nothing", () => {
    const { node, story } = followed();
    node.step({ type: "subscribe", id: 7, subscription: subscription(START) });
    node.step({ type: "unsubscribe", id: 7 });
    story.put("anna", "b", "2");
    const effects = node.step({ type: "peer", id: 1, from: 0, message: story.append(4, 5, { commit: 5 }) });
    expect(feeds(effects)).toEqual([]);
    expect(JSON.stringify(effects)).not.toContain("eager");
    node.close();
  });

  test("of a silent user is given a new cursor now and then, lest its own expires", () => {
    const { node, story } = followed();
    node.step({ type: "subscribe", id: 7, subscription: subscription({ version: 1, o: 0, e: 16, s: 4 }) });
    for (let n = 0; n < 1_000; n++) story.put("ben", "x", "1");
    expect(
      feeds(node.step({ type: "peer", id: 1, from: 0, message: story.append(4, 1_003, { commit: 1_003 }) })),
    ).toEqual([]);
    const effects = node.step({
      type: "peer",
      id: 2,
      from: 0,
      message: story.append(1_003, 1_004, { commit: 1_004 }),
    });
    expect(feeds(effects)).toMatchObject([{ changes: [], cursor: { s: 1_004 } }]);
    node.close();
  });

  test("far behind is told in several turns, in order", () => {
    const { node, story } = followed();
    for (let n = 0; n < 5_000; n++) story.put("anna", `k${n}`, "1");
    for (let at = 4; at < 5_004; at += 1_000)
      node.peer(0, story.append(at, at + 1_000, { commit: at + 1_000 }));
    const keys: string[] = [];
    let effects = node.step({ type: "subscribe", id: 7, subscription: subscription(START) });
    let turns = 1;
    for (;;) {
      for (const feed of feeds(effects)) keys.push(...feed.changes.map(({ key }) => key));
      if (!effects.some(({ type }) => type === "wake") || turns > 100) break;
      effects = node.step({ type: "wake" });
      turns += 1;
    }
    expect(keys).toEqual(["a", ...Array.from({ length: 5_000 }, (_, n) => `k${n}`)]);
    expect(turns).toBeGreaterThan(1);
    node.close();
  });

  test("whose cursor has expired is told so and is none any more", () => {
    const node = new Node({ region: 1, timing: { retainMs: 1_000 }, limits: { compactEveryEntries: 2 } });
    const story = new Story(0).open(16).claim("anna", 0);
    for (let n = 0; n < 6; n++) story.put("anna", `k${n}`, "1");
    node.peer(0, story.append(0, 8, { commit: 8 }));
    node.now += 10_000;
    story.put("anna", "later", "1").put("anna", "later", "2");
    node.peer(0, story.append(8, 10, { commit: 10 }));
    expect(node.log(0).base).toBeGreaterThan(1);
    const effects = node.step({
      type: "subscribe",
      id: 7,
      subscription: subscription({ version: 1, o: 0, e: 16, s: 1 }),
    });
    expect(effects).toContainEqual({ type: "feed-end", id: 7 });
    node.close();
  });

  test("costs nothing while nothing happens: no turn, no message, no write", () => {
    settled();
    const after = pageOf(page(2)).cursor;
    cluster.run(10_000);
    cluster.step(2, { type: "subscribe", id: 1, subscription: subscription(after) });
    cluster.wrote(0, "anna", "d", "d");
    const quiet = cluster.quietAfter(3_600_000);
    expect(quiet).not.toBeNull();
    expect(quiet).toBeLessThan(10_000);
  });

  test("leaves an idle replica alone although the last entry never turns out to be committed", () => {
    const { node, story } = followed();
    node.step({ type: "subscribe", id: 7, subscription: subscription(START) });
    story.put("anna", "b", "2");
    let effects = node.step({ type: "peer", id: 1, from: 0, message: story.append(4, 5, { commit: 4 }) });
    let asked = 0;
    const begun = node.now;
    for (let turns = 0; turns < 500; turns++) {
      const calls = effects.filter((effect) => effect.type === "call");
      asked += calls.length;
      const wake = effects.find((effect) => effect.type === "wake");
      if (calls[0]?.type === "call")
        effects = node.step({ type: "failed", call: calls[0].call, from: 0, reason: "refused" });
      else if (wake?.type === "wake") effects = node.step({ type: "wake" }, Math.max(node.now, wake.at));
      else break;
    }
    expect(asked).toBeGreaterThan(3);
    expect(node.now - begun).toBeLessThan(12_000);
    node.close();
  });
});
