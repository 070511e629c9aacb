/** Cron visits: who is on the lists is visited, and nobody else is woken. */
import { createScheduledController, listDurableObjectIds } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { RegionUnavailable } from "../../durable-objects/region-unavailable.ts";
import { visitWhoNeedsIt } from "../../src/cron/visits.ts";
import worker from "../../src/worker.ts";
import { APAC, deployment, ENAM, replica, transport, transportWith, WEUR } from "./asking.ts";

test("where nothing is the matter one object of each region is asked", async () => {
  await worker.scheduled(createScheduledController(), env);
  const ids = await listDurableObjectIds(env.REGION);
  expect(ids).toHaveLength(3);
});

test("each region's list is worked off", async () => {
  await transport.noteAttention(replica(0, WEUR), 5);
  await transport.noteAttention(replica(0, WEUR), 5);
  await transport.noteAttention(replica(0, WEUR), 3);
  await transport.noteAttention(replica(0, APAC), 0);
  expect(await visitWhoNeedsIt({ deployment, transport })).toEqual([
    replica(3, WEUR),
    replica(5, WEUR),
    replica(0, APAC),
  ]);
  expect(await visitWhoNeedsIt({ deployment, transport })).toEqual([]);
});

test("who could not be visited stays on the list; a region that does not answer stops nobody", async () => {
  await transport.noteAttention(replica(0, ENAM), 4);
  await transport.noteAttention(replica(0, APAC), 4);
  const unavailable = () => Promise.reject(new RegionUnavailable("timeout", true));
  const ill = transportWith({
    takeAttention: (to) => (to.region === WEUR ? unavailable() : transport.takeAttention(to)),
    visit: (to) => (to.region === ENAM ? unavailable() : transport.visit(to)),
  });
  await visitWhoNeedsIt({ deployment, transport: ill });
  expect(await transport.takeAttention(replica(0, ENAM))).toEqual([4]);
  expect(await transport.takeAttention(replica(0, APAC))).toEqual([]);
});
