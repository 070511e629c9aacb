/**
 * Scale to zero: after the last request and the stated retry schedule nothing happens any more, in any region, whatever is
 * wrong and whoever still listens. `quietAfter` is null while anything is under way or armed: a message, a wake, an alarm.
 */
import { afterEach, describe, expect, test } from "vitest";
import { type Cluster, type ClusterOptions, settledCluster } from "./harness.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
/** The schedule: 1 s, 5 s, 30 s, 5 min and 1 h after each other, and what the last attempt takes. */
const SCHEDULE_MS = HOUR + 6 * MINUTE;

let cluster: Cluster;
afterEach(() => cluster.close());

function settled(options: ClusterOptions = {}): void {
  cluster = settledCluster(options);
}

/** Somebody at each region's replica has a socket open for anna's changes. */
function everybodyListens(): void {
  const after = { version: 1, o: 0, e: 16, s: 3 };
  for (const region of [0, 1, 2])
    cluster.step(region, { type: "subscribe", id: 1, subscription: { user: "anna", after, values: true } });
}

function quietWithin(ms: number): void {
  const after = cluster.quietAfter(2 * SCHEDULE_MS);
  expect(after).not.toBeNull();
  expect(after).toBeLessThan(ms);
  // And it is silence, not a long breath: a day later nothing has moved.
  const turns = cluster.turns;
  cluster.run(24 * HOUR);
  expect(cluster.turns).toBe(turns);
}

describe.each([
  { who: "with nobody listening", listen: () => {} },
  { who: "with a live subscriber in every region", listen: everybodyListens },
])("$who", ({ listen }) => {
  test("all are well: seconds after the last write", () => {
    settled();
    listen();
    cluster.wrote(0, "anna", "a", "1");
    quietWithin(MINUTE);
  });

  test.each(["timeout", "refused"] as const)(
    "a follower is lost (%s): at the end of the schedule",
    (reason) => {
      settled();
      listen();
      cluster.isolate(2, reason);
      cluster.wrote(0, "anna", "a", "1");
      quietWithin(SCHEDULE_MS);
      // It has what it missed with the first thing that happens once it is back.
      cluster.heal();
      cluster.wrote(0, "anna", "b", "2");
      cluster.run(5_000);
      expect(cluster.log(2, 0)).toMatchObject({ head: cluster.log(0, 0).head });
    },
  );

  test("the leader is lost and nobody asks: at the end of the schedule", () => {
    settled();
    listen();
    cluster.wrote(0, "anna", "a", "1");
    cluster.isolate(0);
    quietWithin(SCHEDULE_MS);
  });

  test("the leader is lost and taken over from: at the end of the successor's schedule", () => {
    settled();
    listen();
    cluster.isolate(0);
    const write = cluster.write(2, "anna", "a", "2", { suspects: 0, concern: "majority" });
    cluster.runUntil(() => write.reply !== null);
    expect(write.reply).toMatchObject({ kind: "written", facts: { leader: 2 } });
    quietWithin(SCHEDULE_MS);
  });

  test("two regions are lost and somebody asked in vain: a little after they were refused", () => {
    settled();
    cluster.run(MINUTE);
    listen();
    cluster.crash(0);
    cluster.crash(1);
    const write = cluster.write(2, "anna", "a", "2", { suspects: 0, concern: "majority" });
    cluster.runUntil(() => write.reply !== null);
    expect(write.reply).toMatchObject({ kind: "refused", reason: "no-leader" });
    quietWithin(MINUTE);
  });
});
