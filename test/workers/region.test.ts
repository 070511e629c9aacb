import { evictDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { APAC, ask, claim, ENAM, eventually, get, put, replica, textOf, WEUR } from "./asking.ts";

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
  const stub = env.REGION.getByName("default/3/weur");
  await evictDurableObject(stub);
  expect(textOf(await get(home, "bo", "k", "leader"))).toBe("kept");
  await expect(ask(home, { op: "status" })).resolves.toMatchObject({
    kind: "status",
    status: { incarnation: 2 },
  });
});
