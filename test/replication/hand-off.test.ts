/** A log is handed over: nothing is lost, nobody fails, two never lead, and who does not make it is not waited for. */
import { afterEach, describe, expect, test } from "vitest";
import { EntryKind, type Entry } from "../../src/replication/entry.ts";
import { entryCodec } from "../../src/wire/entry-codec.ts";
import type { Transfer } from "../../src/replication/message.ts";
import {
  Cluster,
  Node,
  promiseOf,
  Story,
  valueIn,
  readOf,
  type ClusterOptions,
  type Sent,
  settledCluster,
} from "./harness.ts";

let cluster: Cluster;
afterEach(() => cluster.close());

/** Region 0 leads its log, holds a lease, and everybody has everything. */
function settled(options: ClusterOptions = {}): void {
  cluster = settledCluster(options);
}

const handOff = (at: number, to: number, ms = 5_000) =>
  cluster.client(at, { op: "hand-off", origin: 0, to, from: at, deadlineAt: cluster.now + ms });
const reads = (region: number) => cluster.client(region, readOf(cluster.now, "anna", "a", "leader"));
const key = (name: string) => ({ key: name, fingerprint: new Uint8Array([1]), by: "edge" }) as const;
const isTransfer = (parcel: Sent): boolean =>
  parcel.kind === "request" && parcel.message.type === "transfer" && parcel.message.promise !== undefined;

describe("a log that is handed over", () => {
  test("is led by the heir at once, under a lease of its own, although the old one has not ended", () => {
    settled();
    const ask = handOff(0, 1);
    cluster.runUntil(() => ask.reply !== null);
    expect(ask.reply).toMatchObject({ kind: "handed-off", position: { o: 0, e: 33 } });
    // The way there, one round trip for the OPEN, and the way back: 10 ms each.
    expect(ask.reply).toMatchObject({ unavailableMs: 40 });
    const written = cluster.wrote(1, "anna", "a", "by the heir");
    expect(written.facts).toMatchObject({ home: 0, leader: 1, epoch: 33 });
    expect(cluster.log(1, 0)).toMatchObject({ state: "leading", leader: 1 });
    expect(cluster.log(0, 0)).toMatchObject({ state: "following", leader: 1 });
    expect(cluster.write(0, "anna", "a", "here?").reply).toMatchObject({
      kind: "not-leader",
      leader: 1,
      epoch: 33,
    });
  });

  test("stays where it is when the heir has lost its memory", () => {
    settled();
    const { node } = cluster.hosts[1]!;
    node.driver.transaction(() => node.storage.setMeta("forgot", cluster.now));
    // It would be taken in again if both others told it what it must know.
    cluster.cut(1, 2);
    cluster.restart(1);
    const ask = handOff(0, 1);
    cluster.runUntil(() => ask.reply !== null);
    expect(ask.reply).toMatchObject({ kind: "not-handed-off", why: "not-ready" });
    cluster.wrote(0, "anna", "a", "after", { concern: "majority" });
    expect(cluster.log(0, 0)).toMatchObject({ state: "leading", epoch: 16 });
  });

  test("costs two round trips more than the pause, which no writer sees as a failure", () => {
    settled();
    const ask = handOff(0, 1);
    const writes: ReturnType<Cluster["write"]>[] = [];
    for (let n = 0; n < 30; n++) {
      writes.push(
        cluster.write(0, "anna", `k${n}`, `${n}`, {
          concern: n % 2 === 0 ? "local" : "majority",
          idempotency: key(`w${n}`),
        }),
      );
      cluster.run(7);
    }
    cluster.run(300);
    expect(ask.reply?.kind).toBe("handed-off");
    for (const [n, { reply }] of writes.entries()) {
      if (reply?.kind === "written") continue;
      expect(reply).toMatchObject({ kind: "not-leader", leader: 1, epoch: 33 });
      // The edge goes on there, with the same key: written once, whoever logged it.
      const again = cluster.wrote(1, "anna", `k${n}`, `${n}`, { idempotency: key(`w${n}`) });
      expect(again.replayed).toBe(reply?.kind === "not-leader" && reply.logged === true);
    }
    expect(writes.filter(({ reply }) => reply?.kind === "written").length).toBeGreaterThan(1);
    cluster.run(500);
    for (let n = 0; n < 30; n++)
      expect(valueIn(cluster.client(2, readOf(cluster.now, "anna", `k${n}`, "eventual")).reply)).toBe(`${n}`);
    expect(cluster.node(0).driver.rows(`SELECT o FROM divergent`)).toEqual([]);
  });

  test("again to the same region is there already", () => {
    settled();
    const first = handOff(0, 1);
    cluster.run(500);
    const elsewhere = handOff(0, 1);
    expect(elsewhere.reply).toMatchObject({ kind: "not-leader", leader: 1 });
    const again = handOff(1, 1);
    cluster.run(100);
    expect(again.reply).toEqual({ ...first.reply, unavailableMs: 0 });
    const back = handOff(1, 0);
    cluster.run(500);
    expect(back.reply).toMatchObject({ kind: "handed-off", position: { e: 48 } });
    cluster.wrote(0, "anna", "a", "home again");
  });

  test("from hand to hand within one lease is led at once each time: what was granted to who gave it up is forgotten", () => {
    settled();
    for (const [from, to] of [
      [0, 1],
      [1, 2],
      [2, 0],
      [0, 2],
    ] as const) {
      const ask = handOff(from, to);
      cluster.run(200);
      expect(ask.reply).toMatchObject({ kind: "handed-off", unavailableMs: 40 });
      cluster.wrote(to, "anna", "a", `by ${to}`);
    }
  });

  test("by two administrators at once is handed over once", () => {
    settled();
    const asks = [handOff(0, 1), handOff(0, 1)];
    cluster.run(500);
    expect(asks[1]!.reply).toEqual(asks[0]!.reply);
    expect(asks[0]!.reply?.kind).toBe("handed-off");
  });

  test("and was never opened is opened there: the first write finds it", () => {
    cluster = new Cluster({ anchor: 1 });
    cluster.home("anna", 0);
    const ask = handOff(0, 2);
    cluster.run(300);
    expect(ask.reply).toMatchObject({ kind: "handed-off", position: { e: 18, s: 1 } });
    expect(cluster.write(0, "anna", "a", "1").reply).toMatchObject({ kind: "not-leader", leader: 2 });
    expect(cluster.wrote(2, "anna", "a", "1").facts).toMatchObject({ home: 0, leader: 2 });
  });

  test("by a leader that has just restarted, which finds out first what the heir has", () => {
    settled();
    cluster.run(60_000);
    cluster.restart(0);
    const ask = handOff(0, 1);
    cluster.run(500);
    expect(ask.reply).toMatchObject({ kind: "handed-off" });
    cluster.wrote(1, "anna", "a", "after");
  });

  test("is not taken over for it, while its leader is missed for others", () => {
    settled();
    cluster.isolate(0);
    const write = cluster.write(1, "anna", "a", "x", { suspects: 0, deadlineAt: cluster.now + 1_600 });
    cluster.run(1_550);
    expect(write.reply).toBeNull();
    expect(handOff(1, 1, 60_000).reply).toMatchObject({ kind: "not-leader", leader: 0, epoch: 16 });
    cluster.run(10_000);
    expect(cluster.log(1, 0)).toMatchObject({ leader: 0, epoch: 16 });
  });

  test("in five regions asks one more, which no longer counts what it granted to who gave up", () => {
    settled({ regions: 5 });
    cluster.hold = (parcel) => parcel.kind === "request" && parcel.message.type === "prepare";
    const ask = handOff(0, 1);
    cluster.run(200);
    expect(cluster.held.map((parcel) => parcel.kind === "request" && parcel.message)).toMatchObject(
      [2, 3, 4].map(() => ({ type: "prepare", b: 33, transfer: true, gaveUp: 16 })),
    );
    cluster.hold = () => false;
    cluster.release();
    cluster.run(200);
    expect(ask.reply).toMatchObject({ kind: "handed-off" });
    expect(cluster.log(1, 0).state).toBe("leading");
  });

  test("is no takeover: no pause follows it", () => {
    settled();
    handOff(0, 1);
    cluster.run(400);
    cluster.isolate(1);
    const write = cluster.write(2, "anna", "a", "after", { suspects: 1, concern: "majority" });
    cluster.runUntil(() => write.reply !== null);
    expect(write.reply).toMatchObject({ kind: "written", facts: { leader: 2 } });
    expect(cluster.lines.join("\n")).not.toContain("cooldown");
  });
});

describe("an heir", () => {
  test("that does not answer is not waited for: the leader has given nothing up", () => {
    settled();
    cluster.cut(0, 1);
    const ask = handOff(0, 1);
    for (let n = 0; n < 20; n++) {
      cluster.wrote(0, "anna", "a", `${n}`);
      cluster.run(100);
    }
    cluster.run(1_000);
    expect(ask.reply).toEqual({ kind: "not-handed-off", why: "silent" });
    expect(cluster.log(0, 0)).toMatchObject({ state: "leading", epoch: 16 });
  });

  test("that does not understand the log is not handed it", () => {
    settled();
    const older = (bytes: Uint8Array): Entry => {
      const entry = entryCodec.decode(bytes);
      return entry.kind === EntryKind.txn ? { ...entry, kind: 99 } : entry;
    };
    cluster.restart(1, { codec: { ...entryCodec, decode: older } });
    cluster.wrote(0, "anna", "a", "of newer code", { concern: "all" });
    const ask = handOff(0, 1);
    cluster.runUntil(() => ask.reply !== null);
    expect(ask.reply).toEqual({ kind: "not-handed-off", why: "not-ready" });
    expect(cluster.log(0, 0)).toMatchObject({ state: "leading", epoch: 16 });
  });

  test("that is far behind is fed first, and nobody waits for that", () => {
    settled();
    cluster.cut(0, 1);
    for (let n = 0; n < 50; n++) cluster.wrote(0, "anna", "a", `${n}`, { concern: "majority" });
    cluster.run(4_000);
    cluster.heal();
    const ask = handOff(0, 1);
    const write = cluster.wrote(0, "anna", "a", "meanwhile");
    expect(write.facts.leader).toBe(0);
    cluster.runUntil(() => ask.reply !== null);
    expect(ask.reply).toMatchObject({ kind: "handed-off", unavailableMs: 40 });
  });

  test("without the last entries fetches them from who gave up", () => {
    settled();
    cluster.hold = (parcel) =>
      parcel.kind === "request" &&
      parcel.to === 1 &&
      parcel.message.type === "append" &&
      parcel.message.entries.length > 0;
    const ask = handOff(0, 1);
    cluster.run(12);
    const write = cluster.write(0, "anna", "a", "at the last moment", { idempotency: key("last") });
    cluster.run(200);
    expect(ask.reply?.kind).toBe("handed-off");
    expect(write.reply?.kind).toMatch(/written|not-leader/);
    cluster.run(100);
    expect(valueIn(cluster.client(1, readOf(cluster.now, "anna", "a", "eventual")).reply)).toBe(
      "at the last moment",
    );
  });

  test("that is gone when it should lead is taken back from, and the leader before leads under a later epoch", () => {
    settled();
    // It says that it could, and is not heard of again.
    cluster.hold = (parcel) => parcel.kind === "reply" && parcel.message.type === "transfer-reply";
    const ask = handOff(0, 1);
    cluster.run(50);
    cluster.isolate(1);
    cluster.hold = () => false;
    cluster.release();
    const write = cluster.write(0, "anna", "a", "held");
    const read = reads(0);
    expect(cluster.log(0, 0).state).toBe("handing-over");
    cluster.run(1_500);
    expect([write.reply, read.reply]).toEqual([null, null]);
    cluster.run(1_500);
    expect(ask.reply).toEqual({ kind: "not-handed-off", why: "taken-back" });
    expect(write.reply).toMatchObject({ kind: "written", facts: { leader: 0, epoch: 48 } });
    expect(read.reply).toMatchObject({ kind: "item", facts: { leader: 0 } });
    // The word comes late: it is for a ballot that no majority takes entries of any more.
    cluster.heal();
    const promise = promiseOf({ b: 33, last: { e: 16, s: 3 }, epochs: [{ e: 16, start: 1 }] });
    cluster.step(1, {
      type: "peer",
      id: 9_999,
      from: 0,
      message: { type: "transfer", o: 0, e: 16, promise },
    });
    cluster.run(3_000);
    expect(cluster.log(0, 0)).toMatchObject({ state: "leading", epoch: 48 });
    expect(cluster.log(1, 0)).toMatchObject({ leader: 0 });
    cluster.wrote(0, "anna", "a", "after", { concern: "all" });
  });
});

describe("who has given a log up", () => {
  test("acknowledges nothing, after a restart neither, and leads again only under a later epoch", () => {
    settled();
    cluster.hold = isTransfer;
    handOff(0, 1);
    cluster.run(100);
    cluster.restart(0);
    expect(
      cluster
        .node(0)
        .storage.leaderships()
        .find(({ o }) => o === 0)?.e,
    ).toBe(0);
    expect(
      cluster
        .node(0)
        .storage.acceptors()
        .find(({ o }) => o === 0)?.promised,
    ).toBe(33);
    cluster.hold = (parcel) => parcel.from === 0 || parcel.to === 0;
    const write = cluster.write(0, "anna", "a", "alone?");
    const read = reads(0);
    cluster.run(1_000);
    expect([write.reply, read.reply]).toEqual([null, null]);
  });

  test("twice over tells the heir once: the same word again changes nothing", () => {
    settled();
    let word: Transfer | undefined;
    cluster.hold = (parcel) => {
      if (isTransfer(parcel) && parcel.kind === "request") word = parcel.message as Transfer;
      return false;
    };
    const ask = handOff(0, 1);
    cluster.run(300);
    expect(ask.reply?.kind).toBe("handed-off");
    const before = cluster.log(1, 0);
    cluster.step(1, { type: "peer", id: 9_999, from: 0, message: word! });
    expect(cluster.log(1, 0)).toEqual(before);
    // And when somebody else has taken over since: not ready, whatever it was promised.
    cluster.restart(1);
    for (const region of [0, 1, 2])
      cluster.peer(region, 2, { type: "prepare", o: 0, b: 50, transfer: false });
    cluster.step(1, { type: "peer", id: 10_000, from: 0, message: word! });
    expect(
      cluster
        .node(1)
        .storage.acceptors()
        .find(({ o }) => o === 0)?.promised,
    ).toBe(50);
  });
});

describe("a grant", () => {
  const grants = (node: Node): void => {
    node.peer(0, new Story(0).open(16).claim("anna", 0).append(0, 2, { grant: true }));
  };

  test("to who gave up its epoch binds nobody; to anybody else it does", () => {
    cluster = new Cluster();
    const node = new Node({ region: 2 });
    grants(node);
    const asked = { type: "prepare", o: 0, transfer: true } as const;
    expect(node.peer(1, { ...asked, b: 33, gaveUp: 16 })).toMatchObject({
      type: "promise",
      leaseRemainingMs: 0,
    });
    node.storage.putGrant({ o: 0, grantee: 3, until: node.now + 500 });
    expect(node.peer(1, { ...asked, b: 49, gaveUp: 16 })).toMatchObject({ leaseRemainingMs: 500 });
    node.close();
  });

  test("of a later epoch than the one that was given up binds", () => {
    cluster = new Cluster();
    const node = new Node({ region: 2 });
    const story = new Story(0).open(16).claim("anna", 0).open(48);
    node.peer(0, story.append(0, 3, { grant: true }));
    const promise = node.peer(1, { type: "prepare", o: 0, b: 65, transfer: true, gaveUp: 16 });
    expect(promise).toMatchObject({ type: "promise" });
    expect(promise.type === "promise" && promise.leaseRemainingMs).toBeGreaterThan(3_000);
    node.close();
  });
});
