import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { EntryKind, type EntryCodec } from "../../src/replication/entry.ts";
import type { ClientReply, WriteRequest } from "../../src/replication/request.ts";
import type { Position } from "../../src/replication/position.ts";
import { entryCodec } from "../../src/wire/entry-codec.ts";
import { Cluster, Node, seen, Story, tracesOf, valueIn, bytesOf, sha256, type Ask } from "./harness.ts";
import { erasureDigest } from "../../src/replication/erasure.ts";
import { hlcAt } from "../../src/replication/hlc.ts";

const NAME = "penelope-canary";
const ID = bytesOf("0123456789abcdef");

let cluster: Cluster;
beforeEach(() => {
  cluster = new Cluster();
});
afterEach(() => cluster.close());

function erase(region: number, id = ID): Ask {
  return cluster.client(region, {
    op: "erase",
    user: NAME,
    id,
    from: region,
    deadlineAt: cluster.now + 5_000,
  });
}

function answerOf(ask: Ask): ClientReply | null {
  cluster.runUntil(() => ask.reply !== null);
  return ask.reply;
}

function erased(region: number): Position {
  const reply = answerOf(erase(region));
  if (reply?.kind !== "erasing") throw new Error(`not erased: ${JSON.stringify(reply)}`);
  return reply.position;
}

function stateAt(region: number, position: Position): ClientReply | null {
  return answerOf(
    cluster.client(region, { op: "erasure", position, from: region, deadlineAt: cluster.now + 2_000 }),
  );
}

/** Items, a tombstone, keys and receipts of the user, beside somebody else's. */
function fill(home: number): Position {
  cluster.home(NAME, home);
  cluster.home("other", home);
  const marked: Partial<WriteRequest> = {
    principal: `principal of ${NAME}`,
    idempotency: { key: `key of ${NAME}`, fingerprint: bytesOf("f"), by: "client" },
  };
  cluster.wrote(home, NAME, `item of ${NAME}`, `value of ${NAME}`, marked);
  cluster.wrote(home, "other", "a", "1");
  cluster.wrote(home, NAME, "gone", NAME);
  cluster.wrote(home, NAME, "gone", "", { command: { kind: "delete", key: "gone" } });
  cluster.run(2_000);
  return cluster.wrote(home, NAME, "large", NAME.repeat(1_000)).receipt.position;
}

const traces = (region: number) => tracesOf(cluster.node(region).driver, NAME);

describe.each([0, 1])("erasing a user at home in region %i (the anchor is 0)", (home) => {
  test("leaves nothing of them in any table of any replica, and everything of everybody else", () => {
    fill(home);
    for (const region of [0, 1, 2]) expect(traces(region).length).toBeGreaterThan(5);
    const position = erased(home);
    for (const region of [0, 1, 2])
      expect(stateAt(region, position)).toMatchObject({ kind: "erasure", state: "done" });
    for (const region of [0, 1, 2]) {
      expect(traces(region)).toEqual([]);
      expect(cluster.node(region).storage.item("other", "a", false)).not.toBeNull();
    }
    expect(cluster.quietAfter(60_000)).not.toBeNull();
  });

  test("keeps the logs whole: the same chain hashes, and a newcomer that is only told what is left", () => {
    fill(home);
    const before = cluster.node(home).storage.head(home);
    const position = erased(home);
    expect(stateAt(home, position)).toMatchObject({ state: "done" });
    const { storage } = cluster.node(home);
    expect(storage.entry(home, before!.s)).toMatchObject({ chain: before!.chain, e: before!.e, undo: null });
    expect(entryCodec.decode(storage.entry(home, before!.s)!.bytes).kind).toBe(EntryKind.redacted);

    const newcomer = new Node({ region: 2 });
    for (const o of [0, 1]) {
      const { entries, chain } = storage.entries(o, 0, 1e6, 1e6);
      if (entries.length === 0) continue;
      const raw = entries.at(-1)!;
      newcomer.peer(o, {
        ...new Story(o).append(),
        e: raw.e,
        entries,
        chain,
        commit: raw.s,
      });
    }
    expect(newcomer.log(home)).toMatchObject({ head: position.s, applied: position.s });
    expect(tracesOf(newcomer.driver, NAME)).toEqual([]);
    newcomer.close();
  });

  test("makes the user unknown, and one of the same name a new one", () => {
    const old = fill(home);
    const position = erased(home);
    cluster.run(1_000);
    const read = cluster.read(home, NAME, "large", "leader");
    expect(answerOf(read)).toEqual({ kind: "unknown-user" });
    const receipt = {
      op: "receipt",
      user: NAME,
      position: old,
      from: 0,
      deadlineAt: cluster.now + 5_000,
    } as const;
    expect(answerOf(cluster.client(home, receipt))).toEqual({ kind: "refused", reason: "no-receipt" });
    const other = 1 - home;
    const claim = cluster.home(NAME, other);
    cluster.runUntil(() => cluster.node(other).storage.owner(NAME) !== null);
    cluster.wrote(other, NAME, "new", "2", { claim });
    cluster.run(2_000);
    for (const region of [0, 1, 2]) {
      const found = cluster.read(region, NAME, "new", "prefix");
      expect(valueIn(answerOf(found))).toBe("2");
      expect(cluster.node(region).storage.item(NAME, "large", false)).toBeNull();
      expect(stateAt(region, position)).toMatchObject({ state: "done" });
    }
  });
});

test("is known by whoever asks again, under the first one's position", () => {
  fill(1);
  const position = erased(1);
  expect(answerOf(erase(1, bytesOf("another id, 16 b")))).toMatchObject({ kind: "erasing", position });
  cluster.run(1_000);
  expect(answerOf(erase(0))).toMatchObject({ kind: "erasing", position });
});

test("of somebody unknown is told apart", () => {
  expect(answerOf(erase(0))).toEqual({ kind: "unknown-user" });
  fill(1);
  expect(answerOf(erase(2))).toMatchObject({ kind: "moved", home: 1 });
});

test("does not begin without a majority, so that nobody's writes wait for it", () => {
  fill(1);
  cluster.isolate(1);
  const ask = erase(1);
  cluster.run(1_000);
  expect(ask.reply).toBeNull();
  const { head, applied } = cluster.log(1, 1);
  expect(applied).toBe(head);
  cluster.run(5_000);
  expect(ask.reply).toEqual({ kind: "refused", reason: "no-leader" });
  cluster.heal();
  cluster.run(5_000);
  expect(traces(1).length).toBeGreaterThan(5);
});

test("is applied nowhere before a majority holds it; writes to the log wait for that", () => {
  fill(1);
  cluster.hold = (parcel) =>
    parcel.kind === "batch" ||
    ("message" in parcel && "entries" in parcel.message && parcel.message.entries.length > 0);
  const ask = erase(1);
  cluster.runUntil(() => cluster.held.length > 0);
  const write = cluster.write(1, "other", "b", "2");
  cluster.run(500);
  expect(ask.reply).toBeNull();
  expect(write.reply).toBeNull();
  for (const region of [0, 1, 2]) expect(cluster.node(region).storage.owner(NAME)).not.toBeNull();
  cluster.hold = () => false;
  cluster.release();
  expect(answerOf(ask)).toMatchObject({ kind: "erasing" });
  expect(answerOf(write)).toMatchObject({ kind: "written" });
  cluster.run(5_000);
  for (const region of [0, 1, 2]) expect(traces(region)).toEqual([]);
});

test("reaches a replica that was away, when it is back or when it is asked", () => {
  fill(1);
  cluster.crash(2);
  const position = erased(1);
  cluster.run(10_000);
  expect(traces(2).length).toBeGreaterThan(5);
  cluster.restart(2);
  expect(stateAt(2, position)).toMatchObject({ state: "done" });
  expect(traces(2)).toEqual([]);
});

test("goes on after a restart at any step", () => {
  fill(1);
  const position = erased(1);
  for (let n = 0; n < 20; n++) {
    for (const region of [0, 1, 2]) cluster.restart(region);
    cluster.run(1);
  }
  for (const region of [0, 1, 2]) expect(stateAt(region, position)).toMatchObject({ state: "done" });
  for (const region of [0, 1, 2]) expect(traces(region)).toEqual([]);
});

describe("an entry of an erased user that comes later", () => {
  const mark = { id: ID, digest: erasureDigest(sha256, ID, NAME) };

  test("from another log, out of order, is stored without what it said", () => {
    const node = new Node({ region: 2, anchor: 0 });
    // The home is 1. Its log comes redacted from somebody who is done, the anchor's as it was from somebody who is not.
    const at = hlcAt(node.now);
    const home = new Story(1)
      .open(17)
      .add({ kind: EntryKind.redacted })
      .add({ kind: EntryKind.erase, hlc: at + 50, erase: mark });
    const anchor = new Story(0).open(16).claim(NAME, 1);
    node.peer(1, home.append(0, 3, { commit: 3 }));
    expect(node.log(1).applied).toBe(3);
    node.peer(0, anchor.append(0, 2, { commit: 2 }));
    expect(node.log(0).applied).toBe(2);
    expect(node.storage.owner(NAME)).toBeNull();
    expect(tracesOf(node.driver, NAME)).toEqual([]);
    expect(node.storage.head(0)?.chain).toEqual(anchor.chainAt(2));
    node.close();
  });

  test("whose claim is redacted already changes nothing", () => {
    const node = new Node({ region: 2, anchor: 0 });
    node.peer(0, new Story(0).open(16).add({ kind: EntryKind.redacted }).append(0, 2, { commit: 2 }));
    const home = new Story(1).open(17).put(NAME, "a", "1", {
      deps: [{ o: 0, e: 16, s: 2 }],
      idempotency: { key: "k", fingerprint: bytesOf("f"), by: "client" },
    });
    node.peer(1, home.append(0, 2, { commit: 2 }));
    expect(node.log(1).applied).toBe(2);
    expect(node.storage.item(NAME, "a", false)).toBeNull();
    expect(node.storage.countIdempotency(NAME)).toBe(0);
    node.close();
  });

  test.each(["before", "after"])("is not kept when it is cut off %s the erasure is known", (when) => {
    const node = new Node({ region: 2, anchor: 1 });
    const common = new Story(1).open(17).claim(NAME, 1).claim("other", 1);
    // An old leader whose clock was ahead wrote more.
    const old = common
      .fork()
      .put(NAME, "a", NAME, { hlc: hlcAt(node.now + 60_000) })
      .put("other", "b", "2");
    const next = common.fork().open(33).add({ kind: EntryKind.erase, erase: mark });
    node.peer(1, old.append(0, 5));
    if (when === "after") {
      // It takes the erasure out of a snapshot that it was given meanwhile.
      node.storage.putErasure({
        ...next.position(5),
        hlc: hlcAt(node.now),
        ...mark,
        stage: 2,
        log: 0,
        through: 0,
        doneAt: 0,
      });
      node.start();
    }
    node.peer(1, next.append(3, 4, { e: 33 }));
    expect(node.storage.cutPlaces().map(({ s }) => s)).toEqual(when === "after" ? [5] : [4, 5]);
    node.peer(1, next.append(4, 5, { e: 33, commit: 5 }));
    expect(node.storage.cutPlaces().map(({ s }) => s)).toEqual([5]);
    node.close();
  });
});

test("a snapshot tells of those who were erased, and a token of theirs harms nobody", () => {
  const old = fill(1);
  const position = erased(1);
  cluster.run(3_000);
  const page = cluster.node(0).storage.scan(new Uint8Array(0), 1e9);
  expect(page.erasures).toMatchObject([position]);
  const read = cluster.read(0, "other", "a", "session", { session: seen(old) });
  expect(valueIn(answerOf(read))).toBe("1");
});

test("waits, without failing and in silence, for code that can read what stands in the logs", () => {
  fill(0);
  const strange = cluster.wrote(0, NAME, "new", NAME, { concern: "all" }).receipt.position;
  cluster.run(1_000);
  const codec: EntryCodec = {
    encode: (entry) => entryCodec.encode(entry),
    decode: (bytes) => {
      const entry = entryCodec.decode(bytes);
      if (entry.o === strange.o && entry.e === strange.e && entry.s === strange.s)
        throw new Error("no entry");
      return entry;
    },
  };
  cluster.restart(2, { codec });
  const position = erased(0);
  cluster.run(5_000);
  expect(stateAt(0, position)).toMatchObject({ kind: "erasure", state: "done" });
  const work = () => cluster.node(2).storage.erasures()[0];
  expect(work()).toMatchObject({ stage: 0, log: 0, through: strange.s - 1 });
  // What it can read is gone.
  expect(traces(2).filter((trace) => !trace.startsWith("log,"))).toEqual([]);
  expect(cluster.quietAfter(60_000)).not.toBeNull();
  cluster.restart(2, { codec: entryCodec });
  cluster.run(10_000);
  expect(traces(2)).toEqual([]);
  expect(stateAt(2, position)).toMatchObject({ kind: "erasure", state: "done" });
});
