import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import {
  APAC,
  ask,
  claim,
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

test("a write is answered by the home's replica, read there at once, and elsewhere soon", async () => {
  const anchor = replica(0, WEUR);
  await expect(claim(anchor, "ann", WEUR)).resolves.toMatchObject({ kind: "home", home: WEUR });
  await expect(put(anchor, "ann", "k", "one")).resolves.toMatchObject({ kind: "written", status: 201 });
  expect(textOf(await get(anchor, "ann", "k", "leader"))).toBe("one");
  for (const region of [ENAM, APAC]) {
    const far = await eventually(
      () => get(replica(0, region), "ann", "k", "eventual"),
      (reply) => textOf(reply) === "one",
    );
    expect(textOf(far)).toBe("one");
  }
});

test("what was acknowledged is there after the object was evicted", async () => {
  const home = replica(3, WEUR);
  await claim(home, "bo", WEUR);
  await put(home, "bo", "k", "kept");
  await evictDurableObject(env.REGION.getByName("default/3/weur"));
  expect(textOf(await get(home, "bo", "k", "leader"))).toBe("kept");
  await expect(ask(home, { op: "status" })).resolves.toMatchObject({
    kind: "status",
    status: { incarnation: 2 },
  });
});

test("an object whose region has another index than its storage says does not answer", async () => {
  const to = replica(6, WEUR);
  await ask(to, { op: "status" });
  await runInDurableObject(env.REGION.getByName("default/6/weur"), (_, { storage }) => {
    storage.sql.exec(`UPDATE meta SET v = 9 WHERE k = 'region'`);
  });
  await evictDurableObject(env.REGION.getByName("default/6/weur"));
  await expect(ask(to, { op: "status" })).rejects.toMatchObject({ reason: "refused" });
});

test("a region that cannot be reached leaves an alarm, which the object survives being asleep for", async () => {
  const home = replica(9, WEUR);
  await claim(home, "cy", WEUR);
  await putFaultEverywhere(9, { kind: "isolate", region: APAC });
  await put(home, "cy", "k", "late");
  const stub = env.REGION.getByName("default/9/weur");
  const alarmAt = await eventually(
    () => runInDurableObject(stub, (_, { storage }) => storage.getAlarm()),
    (at) => at !== null,
  );
  expect(alarmAt).toBeGreaterThan(0);
  for (const region of [WEUR, ENAM, APAC]) await transport.endFault(replica(9, region), null);
  await evictDurableObject(stub);
  await runDurableObjectAlarm(stub);
  const far = await eventually(
    () => get(replica(9, APAC), "cy", "k", "eventual"),
    (reply) => textOf(reply) === "late",
  );
  expect(textOf(far)).toBe("late");
});

test("what is sent to a region's queue arrives at its replicas", async () => {
  await env.QUEUE_ENAM.send(Uint8Array.of(255, 0, 255), { contentType: "bytes" });
  const kept = await eventually(
    () =>
      runInDurableObject(env.REGION.getByName("default/0/enam"), (_, { storage }) =>
        storage.sql.exec(`SELECT raw FROM poison`).toArray(),
      ),
    (rows) => rows.length > 0,
  );
  expect(kept).toEqual([{ raw: Uint8Array.of(255, 0, 255).buffer }]);
});
