/**
 * Everybody was idle, and evicted: what a restart does not know has to be found out when somebody needs it. Found by a
 * reviewer on a healthy system: writes at `majority` answered 504 after a quiet time, because what they depend on in another
 * log was committed and nobody knew it any more.
 */
import { afterEach, expect, test } from "vitest";
import { Cluster, seen } from "./harness.ts";

let cluster: Cluster;
afterEach(() => cluster.close());

function evictedWhileIdle(): void {
  for (const region of [0, 1, 2]) {
    cluster.crash(region);
    cluster.restart(region);
  }
  cluster.run(20_000);
}

/** Both at home and everybody idle; ben, in region 1, has seen what anna wrote last in region 0. */
function benWhoHasSeenAnna() {
  cluster = new Cluster();
  cluster.home("anna", 0);
  cluster.home("ben", 1);
  cluster.wrote(1, "ben", "old", "0", { concern: "all" });
  const { receipt } = cluster.wrote(0, "anna", "a", "1", { concern: "all" });
  cluster.run(20_000);
  evictedWhileIdle();
  const mark = { key: "k", fingerprint: new Uint8Array(1), by: "client" } as const;
  return {
    keyed: { concern: "majority", idempotency: mark, session: seen(receipt.position) } as const,
  };
}

test.each([false, true])(
  "a dependency that only a restarted leader can call committed (after a local write: %s)",
  (warm) => {
    cluster = new Cluster();
    const { keyed } = benWhoHasSeenAnna();
    if (warm) cluster.wrote(1, "ben", "first", "v");
    const first = cluster.write(1, "ben", "a", "v", keyed);
    cluster.run(1_000);
    expect(first.reply).toMatchObject({ kind: "written", receipt: { committed: true } });
    const [anchor] = [cluster.log(0, 0)];
    expect(anchor.committed).toBe(anchor.head);
    const again = cluster.write(1, "ben", "a", "v", keyed);
    cluster.run(1_000);
    expect(again.reply).toMatchObject({ kind: "written", replayed: true });
  },
);

test("a retry waits for what the first attempt depended on", () => {
  const { keyed } = benWhoHasSeenAnna();
  // Region 1 does not reach the leader of what was seen, region 2 does, and neither knows it to be committed.
  cluster.cut(0, 1);
  expect(cluster.log(1, 0).committed).toBeLessThan(cluster.log(1, 0).head);
  const first = cluster.write(1, "ben", "a", "v", keyed);
  cluster.run(6_000);
  const again = cluster.write(1, "ben", "a", "v", keyed);
  cluster.run(6_000);
  expect([first.reply?.kind, again.reply?.kind]).toEqual(["concern-timeout", "concern-timeout"]);
});
