/** What has expired is reclaimed by the leader of its log, at every replica alike, and then nothing ticks any more. */
import { afterEach, describe, expect, test } from "vitest";
import { EntryKind, OpKind, type Entry } from "../../src/replication/entry.ts";
import { wallOf } from "../../src/replication/hlc.ts";
import type { Receipt, WriteRequest } from "../../src/replication/request.ts";
import { RULES } from "../../src/replication/rules.ts";
import { entryCodec } from "../../src/wire/entry-codec.ts";
import { bytesOf, Cluster, continued, listOf, NO_SESSION, Story, valueIn } from "./harness.ts";

let cluster: Cluster;
afterEach(() => cluster.close());

const LINGER_MS = 1_000;
const S = 1_000;

function begin(options: ConstructorParameters<typeof Cluster>[0] = {}, home = 0): void {
  cluster = new Cluster(options);
  cluster.home("anna", home);
  cluster.run(10_000);
}

const expiring = (key: string, expiresInS: number, value = "soon gone") =>
  ({ kind: "put", key, value: bytesOf(value), contentType: "text/plain", expiresInS }) as const;

function put(key: string, expiresInS: number, fields: Partial<WriteRequest> = {}, at = 0): Receipt {
  return cluster.wrote(at, "anna", key, "", { command: expiring(key, expiresInS), ...fields }).receipt;
}

const row = (region: number, key: string, user = "anna") =>
  cluster.node(region).storage.item(user, key, true);
const gone = (region: number, key: string): boolean => row(region, key)?.tombstone === true;
const everywhere = [0, 1, 2];

/** All entries that a region's log has. */
function entries(region: number, o = 0): Entry[] {
  return cluster
    .node(region)
    .storage.entries(o, 0, 1e9, 1e6)
    .entries.map(({ bytes }) => entryCodec.decode(bytes));
}
const expireEntries = (region: number, o = 0): Entry[] =>
  entries(region, o).filter(({ ops }) => ops.some(({ kind }) => kind === OpKind.expire));
const alarms = (): number => cluster.lines.filter((line) => line.endsWith("alarm")).length;

describe("an expired item", () => {
  test("becomes a tombstone at every replica, by one entry, without anybody asking; then there is silence", () => {
    begin();
    put("a", 60);
    cluster.run(60 * S);
    expect(everywhere.map((region) => gone(region, "a"))).toEqual([false, false, false]);
    cluster.run(LINGER_MS + 200);
    expect(everywhere.map((region) => gone(region, "a"))).toEqual([true, true, true]);
    const [entry, ...more] = expireEntries(0);
    expect(more).toEqual([]);
    expect(entry).toMatchObject({
      kind: EntryKind.txn,
      user: "anna",
      principal: "",
      status: 0,
      ops: [{ kind: OpKind.expire, key: "a" }],
    });
    expect(entry!.idempotency).toBeUndefined();
    expect(row(2, "a")).toMatchObject({ s: entry!.s, expiresAt: 0, size: 0 });
    expect(cluster.quietAfter(3_600 * S)).toBeLessThan(10 * S);
    const turns = cluster.turns;
    cluster.run(30 * 24 * 3_600 * S);
    expect(cluster.turns).toBe(turns);
    expect(cluster.log(1, 0).committed).toBe(cluster.log(0, 0).head);
  });

  test("costs nothing while it waits: no turn until its time", () => {
    begin();
    put("a", 7 * 24 * 3_600);
    cluster.run(20 * S);
    const turns = cluster.turns;
    cluster.run(7 * 24 * 3_600 * S - 30 * S);
    expect(cluster.turns).toBe(turns);
  });

  test("an item that never expires sets no alarm and is not looked for", () => {
    begin();
    cluster.wrote(0, "anna", "a", "for ever");
    expect(cluster.quietAfter(24 * 3_600 * S)).toBeLessThan(10 * S);
  });

  test("is what the feed will tell of, and nothing that has a receipt", () => {
    begin();
    put("a", 1);
    cluster.run(5 * S);
    const { o, e, s } = expireEntries(0)[0]!;
    const receipt = cluster.client(0, {
      op: "receipt",
      user: "anna",
      position: { o, e, s },
      from: 0,
      deadlineAt: cluster.now + 1_000,
    });
    cluster.run(1_000);
    expect(receipt.reply).toMatchObject({ kind: "refused", reason: "no-receipt" });
  });

  test("goes at its log's compaction, and an answer that finds nothing stands on the entry that reclaimed it", () => {
    begin({ timing: { retainMs: 1_000 }, limits: { compactEveryEntries: 5 } });
    put("a", 1);
    cluster.run(5 * S);
    const { s } = expireEntries(0)[0]!;
    for (let n = 0; n < 30; n++) {
      cluster.write(0, "anna", `k${n % 5}`, `${n}`);
      cluster.run(100);
    }
    cluster.run(5 * S);
    for (const region of everywhere) {
      expect(cluster.log(region, 0).base).toBeGreaterThanOrEqual(s);
      expect(row(region, "a")).toBeNull();
      expect(cluster.node(region).storage.bases()[0]).toMatchObject({ reclaimed: { s } });
    }
  });
});

describe("what is written again", () => {
  test("with a later time is not touched at the earlier one: an alarm finds nothing to do", () => {
    begin();
    put("a", 10);
    cluster.run(5 * S);
    put("a", 3_600);
    cluster.run(3_000 * S);
    expect(expireEntries(0)).toEqual([]);
    expect(cluster.turns).toBeLessThan(80);
    cluster.run(700 * S);
    expect(everywhere.map((region) => gone(region, "a"))).toEqual([true, true, true]);
    expect(expireEntries(0)).toHaveLength(1);
  });

  test("for ever stays", () => {
    begin();
    put("a", 2);
    cluster.wrote(0, "anna", "a", "for ever");
    cluster.run(24 * 3_600 * S);
    expect(expireEntries(0)).toEqual([]);
    expect(everywhere.map((region) => row(region, "a")?.tombstone)).toEqual([false, false, false]);
  });

  test("with an earlier time is gone at that one", () => {
    begin();
    put("a", 3_600);
    cluster.run(20 * S);
    put("a", 5);
    cluster.run(5 * S + LINGER_MS + 200);
    expect(gone(2, "a")).toBe(true);
  });

  test("within the moment between expiry and its entry is a new item", () => {
    begin();
    put("a", 2);
    cluster.run(2 * S + 100);
    const again = cluster.wrote(0, "anna", "a", "anew");
    expect(again.status).toBe(201);
    cluster.run(60 * S);
    expect(expireEntries(0)).toEqual([]);
    expect(row(1, "a")?.tombstone).toBe(false);
  });
});

describe("many", () => {
  test("that expire together cost a few entries of at most a hundred, and a few alarms", () => {
    begin();
    for (let n = 0; n < 250; n++) put(`k${n}`, 60);
    cluster.run(30 * S);
    const before = alarms();
    cluster.run(40 * S);
    const sizes = expireEntries(0).map(({ ops }) => ops.length);
    expect(sizes.reduce((a, b) => a + b, 0)).toBe(250);
    expect(Math.max(...sizes)).toBe(100);
    expect(sizes.length).toBeLessThanOrEqual(6);
    expect(alarms() - before).toBeLessThanOrEqual(6);
    for (const region of everywhere) expect(cluster.node(region).storage.earliestExpiry(0, 0)).toBe(Infinity);
  });

  test("of several users are an entry each, because an entry belongs to one", () => {
    begin();
    cluster.home("ben", 0);
    put("a", 5);
    cluster.wrote(0, "ben", "b", "", { command: expiring("b", 5) });
    put("c", 5);
    cluster.run(10 * S);
    expect(
      expireEntries(0)
        .map(({ user, ops }) => `${user}: ${ops.map(({ key }) => key).join(" ")}`)
        .toSorted(),
    ).toEqual(["anna: a c", "ben: b"]);
  });

  test("of large values go a few at a time: what an entry keeps for its undoing stays within a mebibyte", () => {
    begin();
    const value = "x".repeat(400_000);
    for (let n = 0; n < 7; n++) put("", 5, { command: expiring(`k${n}`, 5, value) });
    cluster.run(20 * S);
    expect(expireEntries(0).map(({ ops }) => ops.length)).toEqual([2, 2, 2, 1]);
    for (const region of everywhere)
      expect(Array.from({ length: 7 }, (_, n) => gone(region, `k${n}`))).toEqual(Array(7).fill(true));
  });

  test("do not lengthen the turn of a client: they go in one of their own", () => {
    begin();
    put("a", 2);
    cluster.run(2 * S + 500);
    // The alarm is lost, as when an object was down for a while.
    cluster.hosts[0]!.alarmAt = Infinity;
    cluster.run(10 * S);
    expect(gone(0, "a")).toBe(false);
    const write = cluster.write(0, "anna", "b", "v");
    expect(entries(0).at(-1)!.ops[0]!.key).toBe("b");
    cluster.run(500);
    expect(write.reply?.kind).toBe("written");
    expect(gone(0, "a")).toBe(true);
  });
});

describe("clocks", () => {
  test("a leader's decides: it never reclaims before its own clock says so, however far hybrid time is ahead", () => {
    begin();
    put("a", 60);
    // Another region's clock is an hour ahead, and its entries arrive here.
    cluster.skew(1, 3_600 * S);
    cluster.home("ben", 1);
    cluster.wrote(1, "ben", "b", "v");
    cluster.run(5 * S);
    cluster.wrote(0, "anna", "other", "v");
    expect(wallOf(entries(0).at(-1)!.hlc)).toBeGreaterThan(cluster.now + 3_000 * S);
    cluster.run(30 * S);
    expect(gone(0, "a")).toBe(false);
    cluster.run(40 * S);
    expect(gone(0, "a")).toBe(true);
  });

  test("every entry's own time is past the expiry of what it names", () => {
    for (const skewMs of [-3_600 * S, -200, 0, 200, 3_600 * S]) {
      begin();
      cluster.skew(0, skewMs);
      cluster.write(0, "anna", "a", "", { command: expiring("a", 3) });
      const expiresAt = row(0, "a")!.expiresAt;
      // By the leader's own clock: one that was set back has longer to wait.
      cluster.run(expiresAt - cluster.clock(0) + 5 * S);
      const [entry] = expireEntries(0);
      expect(wallOf(entry!.hlc)).toBeGreaterThanOrEqual(expiresAt);
      expect(everywhere.map((region) => gone(region, "a"))).toEqual([true, true, true]);
      cluster.close();
    }
    begin();
  });

  test("followers judge nothing: one whose clock lags takes the tombstone, one that is ahead waits for it", () => {
    begin();
    cluster.skew(1, -3_600 * S);
    cluster.skew(2, 3_600 * S);
    put("a", 60);
    cluster.run(30 * S);
    expect([gone(1, "a"), gone(2, "a")]).toEqual([false, false]);
    const ahead = cluster.read(2, "anna", "a", "eventual");
    cluster.run(10);
    expect(valueIn(ahead.reply)).toBeNull();
    cluster.run(40 * S);
    expect([gone(1, "a"), gone(2, "a")]).toEqual([true, true]);
  });

  test("an item does not come back at a replica whose clock lags and that has not heard of the entry", () => {
    begin();
    put("a", 5);
    cluster.run(2 * S);
    cluster.cut(0, 2);
    cluster.skew(2, -60 * S);
    cluster.run(10 * S);
    // At home it is reclaimed; whoever has seen that carries the time with them.
    expect(gone(0, "a")).toBe(true);
    const home = cluster.read(0, "anna", "a", "leader");
    cluster.run(200);
    if (home.reply?.kind !== "item") throw new Error("no answer");
    expect(home.reply.item).toBeNull();
    const { seenAt } = home.reply.facts;
    const far = (session = NO_SESSION) => {
      const ask = cluster.read(2, "anna", "a", "eventual", { session });
      cluster.run(10);
      return valueIn(ask.reply);
    };
    expect(far()).toBe("soon gone");
    expect(far({ ...NO_SESSION, seenAt })).toBeNull();
    const list = cluster.read(0, "anna", "", "leader", { what: listOf() });
    cluster.run(200);
    expect(list.reply).toMatchObject({ items: [], facts: { seenAt } });
  });

  test("that jump back make the alarm early: it is set again", () => {
    begin();
    put("a", 60);
    cluster.run(30 * S);
    cluster.skew(0, -100 * S);
    cluster.run(80 * S);
    expect(gone(0, "a")).toBe(false);
    cluster.run(60 * S);
    expect(gone(0, "a")).toBe(true);
  });
});

describe("restarts", () => {
  test("an instance that starts after the time reclaims without being asked", () => {
    begin();
    put("a", 60);
    cluster.run(5 * S);
    cluster.crash(0);
    cluster.run(600 * S);
    cluster.restart(0);
    cluster.run(5 * S);
    expect(everywhere.map((region) => gone(region, "a"))).toEqual([true, true, true]);
  });

  test("the first turn of an instance arms the alarm again, whatever became of the one before", () => {
    begin();
    put("a", 60);
    cluster.run(5 * S);
    cluster.hosts[0]!.alarmAt = Infinity;
    cluster.restart(0);
    cluster.run(70 * S);
    expect(gone(2, "a")).toBe(true);
  });

  test("a database of before the index had it is served like any other", () => {
    begin();
    put("a", 60);
    const { driver } = cluster.node(0);
    driver.run(`DROP INDEX items_expiring`);
    driver.run(`DELETE FROM migrations WHERE id = 2`);
    cluster.crash(0);
    cluster.node(0).migrate();
    cluster.restart(0);
    cluster.run(70 * S);
    expect(gone(0, "a")).toBe(true);
  });
});

describe("another history", () => {
  test("an entry that is cut off gives the item back, expired as it was; the next leader reclaims it", () => {
    begin();
    put("a", 20, { concern: "all" });
    cluster.run(5 * S);
    cluster.isolate(0);
    cluster.run(20 * S);
    expect(gone(0, "a")).toBe(true);
    const cut = cluster.log(0, 0).head;
    expect(cluster.log(0, 0).committed).toBeLessThan(cut);
    // Another leader's history takes the place of the entry.
    const story = new Story(0).open(18 + 16);
    const other = continued(cluster.node(0), story, cut - 1);
    expect(cluster.peer(0, 2, other)).toMatchObject({ type: "append-ok" });
    expect(row(0, "a")).toMatchObject({ tombstone: false, s: expect.any(Number) });
    const read = cluster.read(0, "anna", "a", "eventual");
    cluster.run(10);
    expect(valueIn(read.reply)).toBeNull();
    // Region 0 leads again, once the one that took over is lost in its turn.
    cluster.heal();
    cluster.crash(2);
    cluster.run(10 * S);
    cluster.write(0, "anna", "b", "v", { suspects: 2 });
    cluster.run(10 * S);
    cluster.restart(2);
    cluster.write(0, "anna", "c", "v");
    cluster.run(10 * S);
    expect(everywhere.map((region) => gone(region, "a"))).toEqual([true, true, true]);
  });

  test("what a snapshot brought is reclaimed by whoever leads the log", () => {
    begin({ timing: { retainMs: 1_000 }, limits: { logBytesMax: 1_500, compactEveryEntries: 4 } });
    put("a", 120);
    cluster.crash(2);
    for (let n = 0; n < 60; n++) {
      cluster.write(0, "anna", `k${n % 5}`, `${n}`);
      cluster.run(100);
    }
    cluster.restart(2);
    cluster.write(0, "anna", "k", "v");
    cluster.run(20 * S);
    expect(cluster.lines.some((line) => line.includes("begin a snapshot"))).toBe(true);
    expect(cluster.node(2).storage.earliestExpiry(0, Infinity)).toBe(row(0, "a")!.expiresAt);
    cluster.run(100 * S);
    expect(everywhere.map((region) => gone(region, "a"))).toEqual([true, true, true]);
  });
});

describe("a log that cannot be written just then", () => {
  /** The leader promised somebody who never opened; nobody else answers. */
  function leaderless(): void {
    begin();
    put("a", 60, { concern: "all" });
    cluster.run(5 * S);
    cluster.peer(0, 2, { type: "prepare", o: 0, b: 34, transfer: false });
    cluster.isolate(0, "refused");
  }
  const campaigns = (from = 0): number =>
    cluster.lines.slice(from).filter((line) => line.includes("prepare log of weur")).length;
  const refusals = (): number => cluster.lines.filter((line) => line.endsWith("refused")).length;

  test("is tried again for an hour and more, and then left alone", () => {
    leaderless();
    expect(cluster.quietAfter(24 * 3_600 * S)).toBeGreaterThan(3_600 * S);
    expect(refusals()).toBeLessThanOrEqual(2 * 7);
    const turns = cluster.turns;
    cluster.run(30 * 24 * 3_600 * S);
    expect(cluster.turns).toBe(turns);
    expect(gone(0, "a")).toBe(false);
    // Somebody comes, and the log gets its leader.
    cluster.heal();
    cluster.write(0, "anna", "b", "v");
    cluster.run(10 * S);
    expect(everywhere.map((region) => gone(region, "a"))).toEqual([true, true, true]);
  });

  test("the schedule is counted from the expiry: restarts in between do not prolong it", () => {
    leaderless();
    for (let n = 0; n < 40; n++) {
      cluster.run(200 * S);
      cluster.restart(0);
    }
    cluster.run(3_600 * S);
    const turns = cluster.turns;
    cluster.restart(0);
    expect(cluster.quietAfter(24 * 3_600 * S)).not.toBeNull();
    expect(cluster.turns - turns).toBeLessThan(5);
  });

  test("gets its leader by the alarm when the others can be reached again", () => {
    leaderless();
    cluster.run(62 * S);
    cluster.heal();
    const from = cluster.lines.length;
    cluster.run(60 * S);
    expect(campaigns(from)).toBeGreaterThan(0);
    expect(everywhere.map((region) => gone(region, "a"))).toEqual([true, true, true]);
  });

  test("of another region's leading is that region's: nobody else tries", () => {
    begin({}, 1);
    cluster.wrote(1, "anna", "a", "", { command: expiring("a", 60), concern: "all" });
    cluster.run(5 * S);
    cluster.crash(1);
    const turns = cluster.turns;
    cluster.run(24 * 3_600 * S);
    expect(cluster.turns).toBe(turns);
    expect(row(0, "a")?.tombstone).toBe(false);
    cluster.restart(1);
    cluster.run(5 * S);
    expect(everywhere.map((region) => gone(region, "a"))).toEqual([true, true, true]);
  });

  test("what a broken rule would reclaim too early, or not at all, ends in silence too", () => {
    begin({ rules: { ...RULES, reclaims: () => [] } });
    put("a", 5);
    expect(cluster.quietAfter(24 * 3_600 * S)).not.toBeNull();
    expect(gone(0, "a")).toBe(false);
  });
});
