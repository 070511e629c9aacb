/** What has expired is really gone from every region's table, by the alarm of the leader's object and nobody's request. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import {
  APAC,
  ask,
  claim,
  deployment,
  ENAM,
  eventually,
  get,
  put,
  putFaultEverywhere,
  replica,
  textOf,
  transport,
  WEUR,
} from "./asking.ts";

const REGIONS = ["weur", "enam", "apac"] as const;

async function putExpiring(partition: number, user: string, key: string, expiresInS: number): Promise<void> {
  const value = new TextEncoder().encode("soon gone");
  const reply = await ask(replica(partition, WEUR), {
    op: "write",
    user,
    principal: user,
    command: { kind: "put", key, value, contentType: "text/plain", expiresInS },
    conditions: {},
    concern: "all",
    session: { positions: [], others: [], seenAt: 0 },
  });
  expect(reply).toMatchObject({ kind: "written" });
}

/** What each region's table holds of an item: looked up in the database, past the replica. */
function rows(partition: number, key: string, regions: readonly string[] = REGIONS): Promise<string[]> {
  return Promise.all(
    regions.map((region) =>
      runInDurableObject(env.REGION.getByName(`default/${partition}/${region}`), (_, { storage }) => {
        const found = storage.sql.exec(`SELECT tombstone, expires_at, size FROM items WHERE key = ?`, key);
        const [row] = [...found.raw()];
        if (row === undefined) return "nothing";
        return row[0] === 1 ? `tombstone, expires ${Number(row[1])}, ${Number(row[2])} bytes` : "there";
      }),
    ),
  );
}

const GONE = Array(3).fill("tombstone, expires 0, 0 bytes");
const allGone = (found: readonly string[]): boolean => found.every((row) => row.startsWith("tombstone"));

test("an item is gone from the table of every region, and what was written again is not", async () => {
  await claim(replica(0, WEUR), "ann", WEUR);
  await putExpiring(0, "ann", "short", 1);
  await putExpiring(0, "ann", "again", 1);
  await putExpiring(0, "ann", "long", 3_600);
  await put(replica(0, WEUR), "ann", "again", "for ever");
  expect(await rows(0, "short")).toEqual(["there", "there", "there"]);
  expect(await eventually(() => rows(0, "short"), allGone)).toEqual(GONE);
  expect(await rows(0, "again")).toEqual(["there", "there", "there"]);
  expect(await rows(0, "long")).toEqual(["there", "there", "there"]);
});

test("the alarm outlives every instance", async () => {
  await claim(replica(3, WEUR), "bo", WEUR);
  await putExpiring(3, "bo", "k", 2);
  for (const region of REGIONS) await evictDurableObject(env.REGION.getByName(`default/3/${region}`));
  // Only a follower's object is looked into: nothing but its alarm wakes the leader's.
  expect(await eventually(() => rows(3, "k", ["enam"]), allGone)).toEqual([GONE[0]]);
  expect(await eventually(() => rows(3, "k"), allGone)).toEqual(GONE);
});

test("a leader whose clock lags keeps the item until it is right, and others hide it meanwhile", async () => {
  await claim(replica(6, WEUR), "cy", WEUR);
  await putExpiring(6, "cy", "k", 1);
  await putFaultEverywhere(6, { kind: "skew", region: WEUR, ms: -60_000 });
  const hidden = await eventually(
    () => get(replica(6, ENAM), "cy", "k", "eventual"),
    (reply) => textOf(reply) === null,
  );
  expect(hidden).toMatchObject({ kind: "item", item: null });
  // Longer than it takes a leader whose clock is right.
  await new Promise((resolve) => setTimeout(resolve, 2_500));
  expect(await rows(6, "k")).toEqual(["there", "there", "there"]);
  for (const { index } of deployment.regions) await transport.endFault(replica(6, index), null);
  expect(await eventually(() => rows(6, "k"), allGone)).toEqual(GONE);
});

test("a follower whose clock is ahead hides the item, reclaims nothing, and takes the leader's word", async () => {
  await claim(replica(9, WEUR), "dee", WEUR);
  await putFaultEverywhere(9, { kind: "skew", region: APAC, ms: 3_600_000 });
  await putExpiring(9, "dee", "k", 2);
  expect(await get(replica(9, APAC), "dee", "k", "eventual")).toMatchObject({ item: null });
  expect(await rows(9, "k")).toEqual(["there", "there", "there"]);
  expect(await eventually(() => rows(9, "k"), allGone)).toEqual(GONE);
});

test("what never expires pays nothing for what does: the index row is written for that alone", async () => {
  await claim(replica(12, WEUR), "eve", WEUR);
  const written = await runInDurableObject(
    env.REGION.getByName("default/12/weur"),
    (_, { storage }): number[] =>
      [0, 5, 5, 9, 0, 0].map(
        (expiresAt) =>
          storage.sql.exec(
            `INSERT INTO items(user, key, o, e, s, hlc, owner_version, tombstone, expires_at, content_type, size, xdeps, value)
             VALUES('somebody', 'k', 0, 16, 1, 1, 1, 0, ?, '', 0, x'', x'')
             ON CONFLICT(user, key) DO UPDATE SET o = excluded.o, expires_at = excluded.expires_at`,
            expiresAt,
          ).rowsWritten,
      ),
  );
  expect([written[0], written[5]]).toEqual([1, 1]);
  expect(written[1]).toBe(2);
  for (const rowsOfOne of written) expect(rowsOfOne).toBeLessThanOrEqual(2);
});
