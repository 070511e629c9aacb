/** Taking a snapshot over: the image is whole in the end, whatever happened on the way, and nobody reads it before. */
import { afterEach, describe, expect, test } from "vitest";
import { EntryKind } from "../../src/replication/entry.ts";
import { erasureDigest } from "../../src/replication/erasure.ts";
import type { Append, PeerReply, SnapshotBase, SnapshotRow } from "../../src/replication/message.ts";
import type { ClientReply } from "../../src/replication/request.ts";
import { entryCodec } from "../../src/wire/entry-codec.ts";
import {
  bytesOf,
  callsIn,
  Cluster,
  type ClusterOptions,
  Node,
  readOf,
  sha256,
  START,
  Story,
  tracesOf,
  valueIn,
} from "./harness.ts";

let cluster: Cluster;
afterEach(() => cluster.close());

const BRIEF: ClusterOptions = {
  timing: { retainMs: 1_000 },
  limits: { compactEveryEntries: 5, logBytesMax: 300_000 },
};
const LARGE = "x".repeat(100_000);

/** Region 2 was away while the others wrote 2.5 MB and dropped their old logs. */
function behind(): Cluster {
  cluster = new Cluster(BRIEF);
  cluster.home("anna", 0);
  cluster.home("ben", 1);
  cluster.wrote(0, "anna", "before", "1", { concern: "all" });
  cluster.run(100);
  cluster.crash(2);
  for (let n = 0; n < 25; n++) {
    cluster.wrote(0, "anna", `large${n}`, `${LARGE}${n}`);
    cluster.run(100);
  }
  for (let n = 0; n < 10; n++)
    cluster.wrote(0, "anna", `keyed${n}`, "v", {
      idempotency: { key: `k${n}`, fingerprint: bytesOf("f"), by: "client" },
    });
  cluster.wrote(0, "anna", "gone", "1");
  cluster.wrote(0, "anna", "", "", { command: { kind: "delete", key: "gone" } });
  cluster.wrote(1, "ben", "x", "1");
  cluster.run(3_000);
  expect(cluster.log(0, 0).base).toBeGreaterThan(cluster.log(2, 0).head);
  return cluster;
}

function restored(): boolean {
  const { restoring, logs } = cluster.node(2).status();
  return !restoring && logs.length > 0 && cluster.log(2, 0).applied === cluster.log(0, 0).head;
}

/** Writes of every sort, at both leaders. */
function somethingHappens(n: number): void {
  cluster.write(0, "anna", `large${n % 25}`, `again ${n}`);
  cluster.write(0, "anna", `new${n}`, "v", {
    idempotency: { key: `n${n}`, fingerprint: bytesOf("f"), by: "client" },
  });
  cluster.write(0, "anna", "", "", { command: { kind: "delete", key: `large${(n * 7) % 25}` } });
  cluster.write(1, "ben", `y${n % 3}`, `${n}`);
}

function sameEverywhere(): void {
  // What was told may still be on its way.
  cluster.run(2_000);
  expect(cluster.node(2).state()).toEqual(cluster.node(1).state());
  expect(cluster.node(2).state()).toEqual(cluster.node(0).state());
  for (const o of [0, 1])
    expect(cluster.log(2, o)).toMatchObject({
      head: cluster.log(1, o).head,
      applied: cluster.log(1, o).applied,
    });
}

const isPage = (parcel: { kind: string; message?: { type: string } }) =>
  parcel.kind === "reply" && parcel.message?.type === "snapshot-rows";

test("a region whose log is gone elsewhere takes a snapshot, in pages, and is what the others are", () => {
  behind();
  cluster.restart(2);
  cluster.wrote(0, "anna", "now", "1");
  cluster.runUntil(restored, 60_000);
  expect(cluster.lines.filter((line) => line.includes("rows")).length).toBeGreaterThan(2);
  sameEverywhere();
  expect(cluster.node(2).storage.restore()).toBeNull();
  expect(cluster.node(2).storage.countIdempotency("anna")).toBe(10);
  expect(cluster.quietAfter(600_000)).not.toBeNull();
});

test("a scan under writes equals a replay from the beginning", () => {
  behind();
  cluster.hold = isPage;
  cluster.restart(2);
  somethingHappens(0);
  for (let n = 1; n < 100 && !restored(); n++) {
    cluster.run(100);
    somethingHappens(n);
    // Now and then a page arrives; what is written meanwhile lies before and behind the cursor.
    if (n % 3 === 0) cluster.release();
  }
  cluster.hold = () => false;
  cluster.release();
  cluster.runUntil(restored, 60_000);
  sameEverywhere();
});

describe("until it is whole", () => {
  test("nothing may be read or judged here, while entries are stored and acknowledged", () => {
    behind();
    cluster.hold = isPage;
    cluster.restart(2);
    cluster.wrote(0, "anna", "now", "1");
    cluster.runUntil(() => cluster.node(2).status().restoring, 10_000);
    for (const level of ["eventual", "session", "bounded"] as const)
      expect(cluster.read(2, "anna", "before", level).reply).toEqual({
        kind: "refused",
        reason: "not-ready",
      });
    expect(cluster.write(2, "anna", "a", "1").reply).toEqual({ kind: "refused", reason: "not-ready" });
    expect(cluster.log(2, 0).state).toBe("restoring");
    // Two of three hold it: region 1 is away, region 2 has but half an image.
    cluster.run(2_000);
    cluster.cut(0, 1);
    const write = cluster.write(0, "anna", "during", "1", { concern: "majority" });
    cluster.run(3_000);
    expect(write.reply).toMatchObject({ kind: "written", receipt: { durableIn: [0, 2] } });
    expect(cluster.node(2).storage.item("anna", "during", false)).toBeNull();
    cluster.heal();
    cluster.hold = () => false;
    cluster.release();
    cluster.runUntil(restored, 60_000);
    sameEverywhere();
  });

  test("all that a page may have shown is waited for", () => {
    const { node, page, answer } = restoring();
    answer(page([OWNER], [{ o: 0, e: 16, s: 9 }]));
    expect(node.status().restoring).toBe(true);
    node.peer(0, story.append(6, 8, { commit: 8 }));
    expect(node.status().restoring).toBe(true);
    node.peer(0, story.append(8, 9));
    expect(node.status()).toMatchObject({ restoring: true });
    node.peer(0, story.append(9, 9, { commit: 9 }));
    expect(node.status()).toMatchObject({ restoring: false });
    expect(node.log(0)).toMatchObject({ head: 9, applied: 9 });
    node.close();
  });
});

const story = new Story(0).open(16).claim("anna", 0);
for (let n = 3; n <= 9; n++) story.put("anna", `k${n}`, `${n}`);

const OWNER: SnapshotRow = {
  kind: "owner",
  owner: { user: "anna", home: 0, version: 1, o: 0, e: 16, s: 2, past: [] },
};

/**
 * A receiver whose source is written here: it holds entries 1 to 6 of region 0's log, and its snapshot begins at 4. `anchor`: where the
 * claim of anna stands, if it is not that log.
 */
function restoring(anchor?: Story) {
  const node = new Node({ region: 1, ...(anchor === undefined ? {} : { anchor: anchor.o }) });
  cluster = new Cluster();
  if (anchor !== undefined) node.peer(anchor.o, anchor.append());
  node.peer(0, story.append(0, 6));
  const other = new Story(2).open(18);
  let call = callsIn(
    node.step({ type: "batch", id: 1, messages: [other.batch(1, 1, { last: { e: 18, s: 50 } })] }),
  )[0]!;
  const answer = (message: PeerReply): void => {
    const calls = callsIn(node.step({ type: "answer", call: call.call, from: call.to, message }));
    call = calls.find(({ message }) => message.type.startsWith("snapshot")) ?? call;
  };
  answer({ type: "need-snapshot", base: { e: 18, s: 50 } });
  const { message } = call;
  if (message.type !== "snapshot-begin") throw new Error(message.type);
  const base = (o: number, e: number, s: number, chain: Uint8Array): SnapshotBase => ({
    o,
    e,
    s,
    chain,
    hlc: 1,
    epochs: e === 0 ? [] : [{ e, start: 1 }],
  });
  const from = [
    base(0, 16, 4, story.chainAt(4)),
    base(1, 0, 0, new Uint8Array(16)),
    base(2, 18, 50, new Uint8Array(16)),
  ];
  answer({ type: "snapshot-begun", id: message.id, from });
  const page = (
    rows: SnapshotRow[],
    until: { o: number; e: number; s: number }[],
    cursor = new Uint8Array(0),
  ): PeerReply => ({
    type: "snapshot-rows",
    rows,
    cursor,
    until,
  });
  return { node, answer, page, asked: () => call };
}

describe("what this replica holds beyond the base", () => {
  test("is kept: it may have been counted towards a majority", () => {
    const { node, page, answer } = restoring();
    expect(node.log(0)).toMatchObject({ base: 0, head: 6, applied: 4, committed: 4 });
    expect(node.peer(2, { type: "prepare", o: 0, b: 50, transfer: false })).toMatchObject({
      last: { e: 16, s: 6 },
    });
    expect(node.log(2)).toMatchObject({ base: 50, head: 50 });
    answer(
      page(
        [OWNER],
        [
          { o: 0, e: 16, s: 4 },
          { o: 2, e: 18, s: 50 },
        ],
      ),
    );
    expect(node.status().restoring).toBe(false);
    expect(node.log(0)).toMatchObject({ head: 6, applied: 6 });
    expect(node.storage.item("anna", "k6", false)).toMatchObject({ s: 6 });
    node.close();
  });

  test("and can still be cut by a newer leader, during the restore and after it", () => {
    for (const when of ["during", "after"]) {
      const { node, page, answer } = restoring();
      const finish = (): void => answer(page([OWNER], [{ o: 0, e: 16, s: 4 }]));
      if (when === "after") finish();
      node.peer(2, story.fork(5).open(34).append(5, 6));
      if (when === "during") finish();
      expect(node.log(0)).toMatchObject({ head: 6, applied: 6, epoch: 34 });
      expect(node.storage.cutPlaces().map(({ s }) => s)).toEqual([6]);
      expect([5, 6].map((n) => node.storage.item("anna", `k${n}`, false)?.s)).toEqual([5, undefined]);
      node.close();
    }
  });
});

describe("a snapshot that goes wrong", () => {
  test("is begun anew when the source does not know it any more, elsewhere if need be", () => {
    const { node, answer, asked } = restoring();
    expect(asked().message).toMatchObject({ type: "snapshot-chunk" });
    const first = asked().to;
    answer({ type: "snapshot-unknown" });
    expect(asked().message).toMatchObject({ type: "snapshot-begin" });
    expect(asked().to).not.toBe(first);
    expect(node.status().restoring).toBe(true);
    node.close();
  });

  test("is left alone after some failures, and tried again by the alarm or by whoever comes", () => {
    const { node, asked } = restoring();
    let tries = 0;
    let call = asked();
    for (let n = 0; n < 100; n++) {
      const effects = node.step({ type: "failed", call: call.call, from: call.to, reason: "refused" });
      const next = [...callsIn(effects), ...callsIn(node.step({ type: "wake" }, node.now + 5_000))].find(
        ({ message }) => message.type.startsWith("snapshot"),
      );
      if (next === undefined) break;
      tries += 1;
      call = next;
    }
    expect(tries).toBe(7);
    expect(
      callsIn(node.step({ type: "alarm" }, node.now + 30_000)).map(({ message }) => message.type),
    ).toContain("snapshot-chunk");
    node.close();
  });

  test("an image that strayed from what was committed is thrown away", () => {
    const { node, page, answer, asked } = restoring();
    answer(page([], [{ o: 0, e: 34, s: 5 }]));
    node.peer(0, story.append(6, 6, { commit: 6 }));
    expect(node.status().restoring).toBe(true);
    expect(asked().message.type).toMatch(/snapshot/);
    node.close();
  });
});

describe("what its source cut off while it gave the pages", () => {
  const reopened = story.fork(6).open(34).put("anna", "k8", "new");
  /** Which messages it sends on an append of region 2. */
  const sentOn = (node: Node, message: Append): string[] =>
    callsIn(node.step({ type: "peer", id: 1, from: 2, message })).map((call) => call.message.type);

  test("was shown by an earlier page: the image is thrown away", () => {
    const { node, page, answer } = restoring();
    const lost: SnapshotRow = {
      kind: "item",
      item: {
        user: "anna",
        key: "k8",
        o: 0,
        e: 16,
        s: 8,
        hlc: 5,
        ownerVersion: 1,
        tombstone: false,
        expiresAt: 0,
        contentType: "text/plain",
        xdeps: new Uint8Array(0),
        value: bytesOf("lost"),
      },
    };
    answer(page([OWNER, lost], [{ o: 0, e: 16, s: 9 }], new Uint8Array([1])));
    answer(page([], [{ o: 0, e: 34, s: 8 }]));
    expect(sentOn(node, reopened.append(6, 8, { commit: 8 }))).toContain("snapshot-begin");
    expect(node.status().restoring).toBe(true);
    node.close();
  });

  test("is not waited for, however quiet the log is", () => {
    const { node, page, answer } = restoring();
    answer(page([OWNER], [{ o: 0, e: 16, s: 9 }]));
    expect(sentOn(node, reopened.append(6, 7))).not.toContain("snapshot-begin");
    expect(sentOn(node, reopened.append(7, 7, { commit: 7 }))).toContain("snapshot-begin");
    node.close();
  });
});

test("a source that has erased a user since shows nothing of them, and what is kept here of theirs is not done again", () => {
  const id = bytesOf("0123456789abcdef");
  const erase = { id, digest: erasureDigest(sha256, id, "anna") };
  const { node, page, answer } = restoring(new Story(2).open(18).claim("anna", 0));
  const erased = story.fork(6).add({ kind: EntryKind.erase, erase });
  const { hlc } = entryCodec.decode(erased.entries[6]!.bytes);
  answer(
    page([{ kind: "erasure", erasure: { ...erased.position(7), hlc, ...erase } }], [erased.position(7)]),
  );
  node.peer(0, erased.append(6, 7, { commit: 7 }));
  expect(node.status().restoring).toBe(false);
  expect(node.log(0)).toMatchObject({ head: 7, applied: 7 });
  for (let n = 0; n < 10; n++) node.step({ type: "wake" });
  expect(tracesOf(node.driver, "anna")).toEqual([]);
  node.close();
});

describe("crashes on the way", () => {
  const steps = (region: number): number[] =>
    Array.from({ length: region === 2 ? 20 : 14 }, (_, n) => 2 * n + 1);

  test.each([
    ["the receiver", 2],
    ["the source", 0],
  ] as const)("of %s, all along the way, change nothing in the end", (_, region) => {
    for (const step of steps(region)) {
      behind();
      cluster.restart(2);
      cluster.write(0, "anna", "now", "1");
      const from = cluster.turns;
      cluster.runUntil(() => cluster.turns >= from + step || restored(), 60_000);
      somethingHappens(step);
      cluster.crash(region);
      cluster.run(40);
      cluster.restart(region);
      cluster.run(200);
      somethingHappens(step + 1);
      cluster.runUntil(restored, 120_000);
      sameEverywhere();
      cluster.close();
    }
    cluster = new Cluster();
  });
});

test("a region with nothing left takes all of it over, its own log too, and leads again", () => {
  behind();
  const wiped = cluster.hosts[2]!;
  wiped.node.close();
  const fresh = new Node({ ...BRIEF, region: 2 });
  Object.assign(wiped, { node: fresh });
  fresh.now = cluster.now;
  cluster.restart(2);
  cluster.wrote(0, "anna", "now", "1");
  cluster.runUntil(restored, 60_000);
  sameEverywhere();
  const replies: (ClientReply | null)[] = [];
  cluster.home("carl", 2);
  cluster.run(1_000);
  replies.push(cluster.wrote(2, "carl", "a", "1", { concern: "majority" }));
  expect(replies).toMatchObject([{ kind: "written" }]);
  expect(
    valueIn(fresh.client(readOf(START, "anna", "before", "eventual", { deadlineAt: cluster.now + 1 })).reply),
  ).toBe("1");
});

test("a region that lost the log it leads takes it over from the others when somebody needs its leader", () => {
  behind();
  cluster.restart(2);
  cluster.wrote(0, "anna", "now", "1", { concern: "all" });
  cluster.run(10_000);
  const wiped = cluster.hosts[0]!;
  wiped.node.close();
  const fresh = new Node({ ...BRIEF, region: 0 });
  Object.assign(wiped, { node: fresh });
  fresh.now = cluster.now;
  cluster.restart(0);
  // It knows nobody, and only its campaign tells it that there is a log: the beginning of it is gone elsewhere.
  const home = () =>
    cluster.client(0, { op: "home", user: "anna", certain: true, from: 0, deadlineAt: cluster.now + 4_000 });
  let ask = home();
  for (let n = 0; n < 10 && ask.reply?.kind !== "home"; n++) {
    cluster.run(4_001);
    ask = home();
  }
  cluster.run(4_001);
  expect(ask.reply).toMatchObject({ kind: "home", home: 0 });
  expect(fresh.state()).toEqual(cluster.node(1).state());
});
