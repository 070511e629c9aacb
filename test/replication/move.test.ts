/** Moving a user's home: what waits and what does not, who does what when somebody dies, and what everybody is told afterwards. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EntryKind, type Entry } from "../../src/replication/entry.ts";
import {
  erasuresBefore,
  firstVersion,
  moved,
  nextVersion,
  staysOf,
  versionAt,
} from "../../src/replication/home.ts";
import type { ClientReply, MoveRequest } from "../../src/replication/request.ts";
import type { OwnerRow } from "../../src/replication/state-row.ts";
import { entryCodec } from "../../src/wire/entry-codec.ts";
import { bytesOf, Cluster, Node, NO_SESSION, Story, tracesOf, type Ask } from "./harness.ts";

const APAC = 2;

let cluster: Cluster;
beforeEach(() => {
  cluster = new Cluster();
  cluster.home("anna", 0);
  cluster.home("ben", APAC);
  cluster.wrote(0, "anna", "a", "1", { concern: "all" });
  cluster.wrote(APAC, "ben", "b", "1", { concern: "all" });
  cluster.run(1_000);
});
afterEach(() => cluster.close());

function move(region: number, to: number, fields: Partial<MoveRequest> = {}): Ask {
  return cluster.client(region, {
    op: "move",
    user: "anna",
    to,
    principal: "anna",
    from: region,
    deadlineAt: cluster.now + 5_000,
    ...fields,
  });
}

function answerOf(ask: Ask): ClientReply | null {
  cluster.runUntil(() => ask.reply !== null, 15_000);
  return ask.reply;
}

function movedTo(to: number, from = 0): void {
  expect(answerOf(move(from, to))).toMatchObject({ kind: "home", home: to });
  cluster.run(1_000);
}

const homesOf = (user: string) => [0, 1, 2].map((region) => cluster.node(region).storage.owner(user)?.home);

function kindsIn(o: number): number[] {
  return cluster
    .node(0)
    .storage.entries(o, 0, 1_000_000, 1_000)
    .entries.map(({ bytes }) => entryCodec.decode(bytes).kind);
}

function readOf(region: number, key: string, level: "leader" | "eventual"): ClientReply | null {
  return answerOf(cluster.read(region, "anna", key, level));
}

function changesAt(region: number, after: object = {}) {
  const ask = cluster.client(region, {
    op: "changes",
    user: "anna",
    limit: 100,
    bytesMax: 1_000_000,
    values: true,
    waitMs: 0,
    session: NO_SESSION,
    from: region,
    deadlineAt: cluster.now + 5_000,
    ...after,
  });
  const reply = answerOf(ask);
  if (reply?.kind !== "changes") throw new Error(`no page: ${JSON.stringify(reply)}`);
  return reply;
}

describe("a move", () => {
  test("is one entry in each log, and the same home everywhere", () => {
    movedTo(APAC);
    expect(homesOf("anna")).toEqual([2, 2, 2]);
    expect(kindsIn(0).filter((kind) => kind === EntryKind.handoffOut)).toHaveLength(1);
    expect(kindsIn(2).filter((kind) => kind === EntryKind.handoffIn)).toHaveLength(1);
    expect(cluster.node(0).storage.owner("anna")).toMatchObject({
      version: 2,
      past: [{ home: 0, version: 1, sinceS: 0 }],
    });
    expect(cluster.node(0).state()).toEqual(cluster.node(1).state());
    expect(readOf(APAC, "a", "leader")).toMatchObject({ kind: "item", item: { size: 1 } });
  });

  test("to where the user is already is none", () => {
    const before = cluster.log(0, 0).head;
    expect(answerOf(move(0, 0))).toMatchObject({ kind: "home", home: 0, version: 1 });
    expect(cluster.log(0, 0).head).toBe(before);
  });

  test("is sent on by whoever does not lead the user's log, with the entry that says so", () => {
    movedTo(APAC);
    const { o, e, s } = cluster.node(0).storage.owner("anna")!;
    expect(answerOf(move(0, 1))).toMatchObject({ kind: "moved", home: 2, version: 2, claim: { o, e, s } });
  });

  test("holds the user's writes, which are sent on and done there; nearer reads do not wait", () => {
    cluster.hold = (parcel) => parcel.kind === "request" && parcel.to === APAC && parcel.from === 0;
    const asked = move(0, APAC, { deadlineAt: cluster.now + 3_000 });
    // Not before the target is known to be there.
    cluster.run(200);
    expect(kindsIn(0)).not.toContain(EntryKind.handoffOut);
    cluster.hold = () => false;
    cluster.release();
    cluster.runUntil(() => cluster.node(0).storage.owner("anna")?.moving !== undefined);
    const write = cluster.write(0, "anna", "a", "2");
    const read = cluster.read(0, "anna", "a", "leader");
    const others = cluster.write(0, "carl", "c", "1");
    expect(readOf(0, "a", "eventual")).toMatchObject({ kind: "item" });
    expect(write.reply).toBeNull();
    expect(read.reply).toBeNull();
    expect(answerOf(others)).toMatchObject({ kind: "unknown-user" });
    expect(answerOf(write)).toMatchObject({ kind: "moved", home: 2, version: 2 });
    expect(answerOf(read)).toMatchObject({ kind: "moved", home: 2 });
    expect(answerOf(asked)).toMatchObject({ kind: "home", home: 2 });
    expect(cluster.wrote(APAC, "anna", "a", "2").receipt.position.o).toBe(2);
  });

  test("that another one meets goes on from there", () => {
    const first = move(0, APAC);
    cluster.runUntil(() => cluster.node(0).storage.owner("anna")?.moving !== undefined);
    const second = move(0, 1);
    expect(answerOf(first)).toMatchObject({ kind: "home", home: 2 });
    expect(answerOf(second)).toMatchObject({ kind: "moved", home: 2 });
    expect(answerOf(move(APAC, 1))).toMatchObject({ kind: "home", home: 1, version: 3 });
    cluster.run(1_000);
    expect(homesOf("anna")).toEqual([1, 1, 1]);
  });

  test("back home again keeps the order of what was written", () => {
    movedTo(APAC);
    cluster.wrote(APAC, "anna", "a", "2", { concern: "all" });
    movedTo(0, APAC);
    cluster.wrote(0, "anna", "a", "3", { concern: "all" });
    cluster.run(1_000);
    for (const region of [0, 1, 2])
      expect(cluster.node(region).storage.item("anna", "a", true)?.value).toEqual(bytesOf("3"));
    expect(changesAt(1).changes.map(({ position }) => position.o)).toEqual([0, 2, 0]);
  });

  test("does not begin where the region is not reached, and nothing is frozen", () => {
    cluster.isolate(APAC);
    expect(answerOf(move(0, APAC, { deadlineAt: cluster.now + 1_500 }))).toMatchObject({
      reason: "not-there",
    });
    expect(kindsIn(0)).not.toContain(EntryKind.handoffOut);
    cluster.wrote(0, "anna", "a", "2");
  });

  test("does not go to a region that does not lead its own log", () => {
    cluster.isolate(APAC);
    const write = cluster.write(0, "ben", "b", "2", { suspects: APAC, deadlineAt: cluster.now + 10_000 });
    expect(answerOf(write)?.kind).toBe("written");
    cluster.heal();
    cluster.run(2_000);
    expect(cluster.log(0, APAC).leader).toBe(0);
    expect(answerOf(move(0, APAC))).toMatchObject({ reason: "not-there" });
  });
});

describe("afterwards", () => {
  test("a repeated request is answered out of the log that was left", () => {
    const marked = { idempotency: { key: "k", fingerprint: bytesOf("f"), by: "client" } } as const;
    const first = cluster.wrote(0, "anna", "x", "1", marked);
    movedTo(APAC);
    const again = cluster.wrote(APAC, "anna", "x", "1", marked);
    expect(again).toMatchObject({
      replayed: true,
      receipt: { position: first.receipt.position, committed: true },
    });
    expect(cluster.node(APAC).storage.item("anna", "x", false)?.o).toBe(0);
  });

  test("that every region has it only the leader of that log can tell", () => {
    const marked = {
      idempotency: { key: "k", fingerprint: bytesOf("f"), by: "client" },
      concern: "all",
    } as const;
    const first = cluster.wrote(0, "anna", "x", "1", marked);
    movedTo(APAC);
    expect(answerOf(cluster.write(APAC, "anna", "x", "1", marked))).toEqual({ kind: "ask", to: 0 });
    const told = answerOf(cluster.write(0, "anna", "x", "1", { ...marked, asking: true }));
    expect(told).toMatchObject({
      kind: "written",
      replayed: true,
      receipt: { position: first.receipt.position, durableIn: [0, 1, 2] },
    });
  });

  test("an attempt under the edge's key that was not answered is found where the user was", () => {
    const marked = { idempotency: { key: "e1", fingerprint: new Uint8Array(0), by: "edge" } } as const;
    const first = cluster.wrote(0, "anna", "x", "1", marked);
    movedTo(APAC);
    expect(cluster.wrote(APAC, "anna", "x", "1", marked)).toMatchObject({
      replayed: true,
      receipt: { position: first.receipt.position },
    });
  });

  test("the receipt of a write under the earlier home is told by the leader of its log", () => {
    const { position } = cluster.wrote(0, "anna", "x", "1").receipt;
    movedTo(APAC);
    const ask = cluster.client(0, {
      op: "receipt",
      user: "anna",
      position,
      from: 0,
      deadlineAt: cluster.now + 5_000,
    });
    expect(answerOf(ask)).toMatchObject({ kind: "receipt", state: "committed", facts: { home: 2 } });
  });

  test("a cursor of before goes on, at every region and in the order of the story", () => {
    const before = changesAt(1);
    cluster.wrote(0, "anna", "b", "1", { concern: "all" });
    movedTo(APAC);
    cluster.wrote(APAC, "anna", "c", "1", { concern: "all" });
    cluster.run(1_000);
    for (const region of [0, 1, 2]) {
      const page = changesAt(region, { after: before.cursor });
      expect(page.changes.map(({ key }) => key)).toEqual(["b", "c"]);
      expect(page.cursor).toMatchObject({ o: 2, version: 2 });
      expect(changesAt(region, { after: page.cursor }).changes).toEqual([]);
      const small = changesAt(region, { after: before.cursor, limit: 1 });
      expect(changesAt(region, { after: small.cursor }).changes.map(({ key }) => key)).toEqual(["c"]);
    }
  });

  test("what expires is reclaimed by the new home, however lost the old one is", () => {
    const put = {
      kind: "put",
      key: "x",
      value: bytesOf("1"),
      contentType: "text/plain",
      expiresInS: 10,
    } as const;
    cluster.wrote(0, "anna", "x", "1", { command: put, concern: "all" });
    movedTo(APAC);
    cluster.isolate(0);
    cluster.run(15_000);
    for (const region of [1, 2])
      expect(cluster.node(region).storage.item("anna", "x", false)).toMatchObject({ tombstone: true, o: 2 });
  });

  test("an erasure removes what was written under every home, and the way between them", () => {
    cluster.wrote(0, "anna", "named-by-anna", "1");
    movedTo(APAC);
    cluster.wrote(APAC, "anna", "named-by-anna", "2");
    const id = bytesOf("0123456789abcdef");
    const ask = cluster.client(APAC, {
      op: "erase",
      user: "anna",
      id,
      from: APAC,
      deadlineAt: cluster.now + 5_000,
    });
    expect(answerOf(ask)?.kind).toBe("erasing");
    cluster.run(20_000);
    for (const region of [0, 1, 2]) expect(tracesOf(cluster.node(region).driver, "anna")).toEqual([]);
    // Somebody else of the same name, who has a greater version than anybody before.
    cluster.home("anna", 1);
    expect(cluster.node(0).storage.owner("anna")).toMatchObject({
      home: 1,
      version: firstVersion(1),
      past: [],
    });
  });
});

describe("when somebody dies on the way", () => {
  test("the target, after the OUT: whoever takes its log over refuses, and the user goes on where they were", () => {
    const asked = move(0, APAC, { deadlineAt: cluster.now + 15_000 });
    cluster.runUntil(() => cluster.node(0).storage.owner("anna")?.moving !== undefined);
    cluster.isolate(APAC);
    const held = cluster.write(0, "anna", "a", "2", { deadlineAt: cluster.now + 15_000 });
    expect(answerOf(held)).toMatchObject({ kind: "written", receipt: { position: { o: 0 } } });
    expect(answerOf(asked)).toMatchObject({ reason: "not-there" });
    expect(kindsIn(0)).toContain(EntryKind.handoffAbort);
    cluster.heal();
    cluster.run(5_000);
    expect(homesOf("anna")).toEqual([0, 0, 0]);
    for (const region of [0, 1, 2]) expect(cluster.node(region).storage.movingUsers().size).toBe(0);
  });

  test("the home, after the OUT: the target takes the user in without it", () => {
    const asked = move(0, APAC);
    cluster.runUntil(() => cluster.node(APAC).storage.owner("anna")?.moving !== undefined);
    cluster.isolate(0);
    const write = cluster.write(APAC, "anna", "a", "2", { suspects: 0, deadlineAt: cluster.now + 20_000 });
    cluster.runUntil(() => write.reply !== null, 20_000);
    // By then the other regions lead the log that the user left, or the user has arrived before.
    expect(["written", "moved"]).toContain(write.reply?.kind);
    expect(asked.reply).not.toMatchObject({ kind: "home" });
    cluster.heal();
    cluster.run(10_000);
    expect(new Set(homesOf("anna")).size).toBe(1);
    for (const region of [0, 1, 2]) expect(cluster.node(region).storage.movingUsers().size).toBe(0);
  });

  test("both restart at every moment of it, and nobody stays on the way", () => {
    for (const region of [0, APAC]) {
      move(0, APAC);
      cluster.runUntil(() => cluster.node(0).storage.owner("anna")?.moving !== undefined);
      cluster.restart(region);
      cluster.run(3_000);
      for (const each of [0, 1, 2]) expect(cluster.node(each).storage.movingUsers().size).toBe(0);
      if (homesOf("anna")[0] === APAC) movedTo(0, APAC);
    }
  });
});

describe("what the entries do", () => {
  const handoff = { from: 0, to: 1, version: 2 };

  test("an IN that is cut off is undone exactly, and a REFUSE in its place counts", () => {
    const node = new Node({ region: 2, regions: 5 });
    const home = new Story(0).open(16).claim("anna", 0).put("anna", "a", "1");
    home.add({ kind: EntryKind.handoffOut, user: "anna", handoff });
    const out = home.position(4);
    const target = new Story(1).open(17);
    const other = target.fork().open(35);
    target.add({ kind: EntryKind.handoffIn, user: "anna", deps: [out], handoff: { ...handoff, out } });
    target.put("anna", "a", "2");
    other.add({ kind: EntryKind.handoffRefuse, user: "anna", deps: [out], handoff: { ...handoff, out } });
    node.peer(1, target.append(0, 1));
    // What depends on the OUT waits for it.
    node.peer(1, target.append(1));
    expect(node.log(1).applied).toBe(1);
    node.peer(0, home.append());
    expect(node.storage.owner("anna")).toMatchObject({ home: 1, version: 2, past: [{ home: 0, endS: 4 }] });
    expect(node.storage.item("anna", "a", false)).toMatchObject({ o: 1, ownerVersion: 2 });
    node.peer(3, other.append(1));
    expect(node.storage.owner("anna")).toMatchObject({
      home: 0,
      version: 1,
      past: [],
      moving: { ...out, to: 1, version: 2, refused: { o: 1, e: 35 } },
    });
    expect(node.storage.item("anna", "a", false)).toMatchObject({ o: 0, ownerVersion: 1 });
    node.close();
  });

  const OWNER: OwnerRow = { user: "anna", home: 0, version: 1, o: 0, e: 16, s: 2, past: [] };
  const step = (kind: number, fields: Partial<Entry["handoff"]> = {}, at = { o: 0, e: 16, s: 9 }): Entry =>
    ({ ...at, kind, user: "anna", handoff: { ...handoff, ...fields } }) as Entry;

  test("what is known already, or of another move, does nothing", () => {
    const out = step(EntryKind.handoffOut);
    const leaving = moved(OWNER, out)!;
    expect(leaving.moving).toEqual({ o: 0, e: 16, s: 9, to: 1, version: 2 });
    expect(moved(leaving, out)).toBeNull();
    expect(moved({ ...OWNER, version: 2 }, out)).toBeNull();
    const other = { out: { o: 0, e: 16, s: 8 } };
    for (const kind of [EntryKind.handoffRefuse, EntryKind.handoffAbort])
      expect(moved(leaving, step(kind, other))).toBeNull();
    expect(moved(OWNER, step(EntryKind.handoffAbort, other))).toBeNull();
    expect(moved(OWNER, step(EntryKind.handoffIn))).toBeNull();
  });

  test("the last 32 homes are remembered, and which entry belongs to which", () => {
    let owner: OwnerRow = OWNER;
    for (let n = 1; n <= 40; n++) {
      const from = owner.home;
      const out = { o: from, e: 16, s: n * 10 };
      const fields = { from, to: 1 - from, version: n + 1, out };
      owner = moved(owner, step(EntryKind.handoffOut, fields, out))!;
      owner = moved(owner, step(EntryKind.handoffIn, fields, { o: 1 - from, e: 17, s: n * 10 + 5 }))!;
    }
    expect(owner.past).toHaveLength(32);
    expect(staysOf(owner)).toHaveLength(33);
    expect(owner).toMatchObject({ version: 41, home: 0, o: 0, s: 405 });
    expect(versionAt(owner, 0, 406)).toBe(41);
    // Between its IN at 395 and its OUT at 400.
    expect(versionAt(owner, 1, 399)).toBe(40);
    expect(versionAt(owner, 0, 389)).toBe(39);
  });

  test("versions of one life end before the next life's begin", () => {
    expect(firstVersion(0)).toBe(1);
    expect(erasuresBefore(1)).toBe(0);
    expect(nextVersion(1)).toBe(2);
    const last = firstVersion(1) - 1;
    expect(erasuresBefore(last)).toBe(0);
    expect(nextVersion(last - 1)).toBe(last);
    expect(nextVersion(last)).toBeNull();
    expect(erasuresBefore(last + 1)).toBe(1);
  });
});
