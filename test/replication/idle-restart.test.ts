/**
 * Everybody was idle, and evicted: what a restart does not know has to be found out when somebody needs it. Found by a
 * reviewer on a healthy system: writes at `majority` answered 504 after a quiet time, because the claim that they
 * depend on was committed and nobody knew it any more.
 */
import { afterEach, expect, test } from "vitest";
import { Cluster } from "./harness.ts";

let cluster: Cluster;
afterEach(() => cluster.close());

function evictedWhileIdle(): void {
  for (const region of [0, 1, 2]) {
    cluster.crash(region);
    cluster.restart(region);
  }
  cluster.run(20_000);
}

test.each([false, true])(
  "a dependency that only a restarted leader can call committed (after a local write: %s)",
  (warm) => {
    cluster = new Cluster();
    cluster.client(0, { op: "home", user: "ben", certain: true, from: 0, deadlineAt: cluster.now + 5_000 });
    cluster.run(20_000);
    evictedWhileIdle();
    cluster.home("ben", 1);
    cluster.wrote(1, "ben", "old", "0", { concern: "all" });
    cluster.run(20_000);
    evictedWhileIdle();
    if (warm) cluster.wrote(1, "ben", "first", "v");
    const mark = { key: "k", fingerprint: new Uint8Array(1), by: "client" } as const;
    const keyed = { concern: "majority", idempotency: mark } as const;
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
  cluster = new Cluster();
  cluster.home("ben", 1);
  cluster.wrote(1, "ben", "old", "0", { concern: "all" });
  cluster.run(20_000);
  evictedWhileIdle();
  // Region 1 does not reach the claim's leader, region 2 does, and neither knows the claim to be committed.
  cluster.cut(0, 1);
  const mark = { key: "k", fingerprint: new Uint8Array(1), by: "client" } as const;
  const keyed = { concern: "majority", idempotency: mark } as const;
  expect(cluster.log(1, 0).committed).toBeLessThan(cluster.log(1, 0).head);
  const first = cluster.write(1, "ben", "a", "v", keyed);
  cluster.run(6_000);
  const again = cluster.write(1, "ben", "a", "v", keyed);
  cluster.run(6_000);
  expect([first.reply?.kind, again.reply?.kind]).toEqual(["concern-timeout", "concern-timeout"]);
});
