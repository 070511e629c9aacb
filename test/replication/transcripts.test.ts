/**
 * Stories of the protocol, as they happen on three regions: read them beside this file, in transcripts/. A difference is
 * either a mistake or a change of the protocol; only who understands which of the two writes a story anew (vitest -u).
 */
import { afterEach, expect, test } from "vitest";
import { Cluster, type ClusterOptions } from "./harness.ts";

let cluster: Cluster;
afterEach(() => cluster.close());

function begin(options: ClusterOptions = {}): Cluster {
  cluster = new Cluster({ latencyMs: 40, queueMs: 300, syncMs: 5, ...options });
  return cluster;
}

function told(name: string): Promise<void> {
  return expect(cluster.transcript()).toMatchFileSnapshot(`transcripts/${name}.txt`);
}

/** What came before the story is left out of it. */
function quietly(prepare: () => void): void {
  prepare();
  cluster.lines.length = 0;
}

test("the first write of a user", async () => {
  begin();
  cluster.chapter("A home for anna is claimed in the anchor's log, which nobody leads yet");
  cluster.home("anna", 1);
  cluster.run(500);
  cluster.chapter("She writes at home, in enam");
  cluster.wrote(1, "anna", "a", "one", { concern: "majority" });
  cluster.run(2_000);
  cluster.chapter("And reads it nearby, in apac");
  cluster.read(2, "anna", "a", "eventual");
  await told("first-write");
});

test("a gap is repaired by a pull", async () => {
  begin();
  quietly(() => {
    cluster.home("anna", 0);
    cluster.wrote(0, "anna", "a", "0", { concern: "all" });
    cluster.run(3_000);
  });
  cluster.chapter("Calls from weur to apac are lost; the queue delivers the second write before the first");
  cluster.hold = (parcel) =>
    (parcel.to === 2 && parcel.from === 0 && parcel.kind === "request") ||
    (parcel.kind === "batch" && parcel.message.entries.some(({ s }) => s === 4));
  cluster.wrote(0, "anna", "a", "1");
  cluster.run(450);
  cluster.wrote(0, "anna", "b", "2");
  cluster.run(1_000);
  cluster.chapter("apac has waited long enough for what is missing, and fetches it");
  cluster.hold = (parcel) => parcel.to === 2 && parcel.from === 0 && parcel.kind === "request";
  cluster.run(1_000);
  cluster.chapter("The first batch comes at last, and changes nothing");
  cluster.release((parcel) => parcel.kind === "batch");
  await told("gap-repaired");
});

test("a leader restarts within its lease", async () => {
  begin();
  quietly(() => {
    cluster.home("anna", 0);
    cluster.run(1_000);
    cluster.wrote(0, "anna", "a", "1", { concern: "all" });
    cluster.run(500);
  });
  cluster.chapter("weur restarts; its lease is durable, and it answers at once");
  cluster.restart(0);
  cluster.read(0, "anna", "a", "leader");
  cluster.run(20);
  cluster.chapter("It writes under the same epoch");
  cluster.wrote(0, "anna", "a", "2");
  cluster.run(500);
  cluster.chapter("It restarts again, alone now, and answers until the lease ends");
  cluster.isolate(0);
  cluster.restart(0);
  cluster.wrote(0, "anna", "a", "3");
  cluster.run(3_000);
  cluster.write(0, "anna", "a", "4", { deadlineAt: cluster.now + 500 });
  cluster.run(1_000);
  await told("restart-within-lease");
});

test("a region comes back after its log was dropped, and takes a snapshot", async () => {
  begin({ timing: { retainMs: 500 }, limits: { compactEveryEntries: 2, logBytesMax: 1_500 } });
  quietly(() => {
    cluster.home("anna", 0);
    cluster.run(500);
    cluster.crash(2);
    for (let n = 0; n < 8; n++) {
      cluster.wrote(0, "anna", `k${n}`, "v");
      cluster.run(300);
    }
    cluster.run(10_000);
  });
  cluster.chapter("apac is back, and the next write does not fit its log");
  cluster.restart(2);
  cluster.wrote(0, "anna", "new", "1");
  cluster.run(30);
  cluster.chapter("weur no longer has what apac needs");
  cluster.read(2, "anna", "k1", "eventual");
  cluster.run(3_000);
  cluster.chapter("It is whole now");
  cluster.read(2, "anna", "k1", "eventual");
  cluster.run(10_000);
  await told("snapshot");
});

test("what an isolated leader wrote is cut off, and kept", async () => {
  begin();
  quietly(() => {
    cluster.home("anna", 0);
    cluster.wrote(0, "anna", "a", "before", { concern: "all" });
    cluster.run(500);
  });
  cluster.chapter("weur is cut off and goes on until its lease ends");
  cluster.isolate(0);
  cluster.wrote(0, "anna", "a", "alone");
  cluster.chapter(
    "A client in apac was told that weur does not answer: apac looks, and asks the others to look",
  );
  cluster.write(2, "anna", "a", "after", { suspects: 0, concern: "majority" });
  cluster.run(5_000);
  cluster.chapter("weur is back; who asks makes it find out, and is sent on");
  cluster.heal();
  cluster.read(0, "anna", "a", "strong");
  cluster.run(2_000);
  const lost = cluster.node(2).storage.lostAfter("anna", null);
  cluster.chapter(`What was cut off is kept for its user, everywhere: entry ${lost?.s} of epoch 1.weur`);
  await told("divergence");
});

test("a region is unreachable, gets its queue, and settles when it is back", async () => {
  begin();
  quietly(() => {
    cluster.home("anna", 0);
    cluster.wrote(0, "anna", "a", "0", { concern: "all" });
    cluster.run(2_000);
  });
  cluster.chapter("apac does not answer");
  cluster.cut(0, 2, "refused");
  cluster.wrote(0, "anna", "a", "1", { concern: "majority" });
  cluster.run(3_000);
  cluster.chapter("It is back, and its queue still has what it missed");
  cluster.heal();
  cluster.run(10_000);
  await told("queue");
});
