import {
  createExecutionContext,
  createMessageBatch,
  getQueueResult,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import type { ReplicaName } from "../../durable-objects/replica-name.ts";
import type { RegionTransport } from "../../durable-objects/transport.ts";
import { RegionUnavailable } from "../../durable-objects/region-unavailable.ts";
import { consume } from "../../src/queue/consumer.ts";
import type { Batch } from "../../src/replication/message.ts";
import { encodeBatch } from "../../src/wire/batch-codec.ts";
import { APAC, ask, deployment, ENAM, putFault, replica, transport, transportWith, WEUR } from "./asking.ts";

type Result = Awaited<ReturnType<typeof getQueueResult>>;

/** News of an entry that the receiver does not have: a doorbell. */
function news(s: number): Batch {
  const tail = { e: 16 + WEUR, s };
  return {
    type: "batch",
    o: WEUR,
    e: tail.e,
    inc: 1,
    prev: tail,
    entries: [],
    chain: new Uint8Array(0),
    last: tail,
    commit: 0,
    pv: 1,
  };
}

function addressed(to: ReplicaName, batch: Batch = news(3)): Uint8Array {
  return encodeBatch(
    { namespace: to.namespace, partition: to.partition, from: WEUR, to: to.region, pv: 1 },
    batch,
  );
}

let ids = 0;
async function deliver(
  bodies: Uint8Array[],
  options: { queue?: string; attempts?: number; through?: RegionTransport } = {},
): Promise<Result> {
  const { queue = "ithaca-enam", attempts = 1, through = transport } = options;
  const batch = createMessageBatch(
    queue,
    bodies.map((body) => ({ id: `m${ids++}`, timestamp: new Date(), attempts, body })),
  );
  const ctx = createExecutionContext();
  await consume({ deployment, transport: through }, batch);
  return getQueueResult(batch, ctx);
}

/** The delay with which a message goes round again; null when it was acknowledged. (The platform's helper does not tell.) */
async function delayOf(body: Uint8Array, attempts: number): Promise<number | null> {
  let delay: number | null = null;
  const letter = {
    body,
    attempts,
    ack: () => {},
    retry: (options: { delaySeconds: number }) => (delay = options.delaySeconds),
  };
  await consume({ deployment, transport }, { queue: "ithaca-enam", messages: [letter] });
  return delay;
}

async function poisonIn(name: string): Promise<number> {
  return runInDurableObject(env.REGION.getByName(name), (_, { storage }) =>
    Number(storage.sql.exec(`SELECT count(*) AS n FROM poison`).one()["n"]),
  );
}

test("messages of several partitions are taken by one call for each, and acknowledged", async () => {
  const calls: { partition: number; messages: number }[] = [];
  const counting = transportWith({
    ingest: (...args: Parameters<typeof transport.ingest>) => {
      calls.push({ partition: args[0].partition, messages: args[1].length });
      return transport.ingest(...args);
    },
  });
  const result = await deliver(
    [addressed(replica(0, ENAM)), addressed(replica(1, ENAM)), addressed(replica(0, ENAM), news(4))],
    { through: counting },
  );
  expect(result.explicitAcks).toHaveLength(3);
  expect(result.retryMessages).toEqual([]);
  expect(calls).toEqual([
    { partition: 0, messages: 2 },
    { partition: 1, messages: 1 },
  ]);
});

test("what nobody can read is kept in partition 0 and acknowledged", async () => {
  const before = await poisonIn("default/0/enam");
  const result = await deliver([
    Uint8Array.of(255, 255, 255),
    addressed(replica(2, APAC)),
    addressed({ namespace: "gone", partition: 0, region: ENAM }),
  ]);
  expect(result.explicitAcks).toHaveLength(3);
  expect(await poisonIn("default/0/enam")).toBe(before + 3);
});

test("a message with an address and no sense is kept by its replica", async () => {
  const garbled = addressed(replica(3, ENAM)).slice(0, -4);
  const result = await deliver([garbled]);
  expect(result.explicitAcks).toHaveLength(1);
  expect(await poisonIn("default/3/enam")).toBe(1);
});

test("messages from a region that is cut off stay in the queue, with growing delays", async () => {
  const to = replica(4, ENAM);
  await putFault(to, { kind: "partition", region: WEUR, peer: ENAM });
  const result = await deliver([addressed(to)]);
  expect(result.explicitAcks).toEqual([]);
  expect(result.retryMessages).toHaveLength(1);
  expect(await delayOf(addressed(to), 4)).toBeGreaterThanOrEqual(16);
  expect(await delayOf(addressed(to), 20)).toBe(300);
});

test("a replica that cannot be had makes its own messages wait, and no others", async () => {
  const failing = transportWith({
    ingest: (...args: Parameters<typeof transport.ingest>) =>
      args[0].partition === 5
        ? Promise.reject(new RegionUnavailable("overloaded", false))
        : transport.ingest(...args),
  });
  const result = await deliver([addressed(replica(5, ENAM)), addressed(replica(6, ENAM))], {
    through: failing,
  });
  expect(result.retryMessages).toHaveLength(1);
  expect(result.explicitAcks).toHaveLength(1);
});

test("drop and duplicate strike between the queue and the replica", async () => {
  const to = replica(7, ENAM);
  await putFault(to, { kind: "drop", region: ENAM, probability: 1 });
  expect((await deliver([addressed(to)])).explicitAcks).toHaveLength(1);
  await transport.endFault(to, null);
  await putFault(to, { kind: "duplicate", region: ENAM, probability: 1 });
  expect((await deliver([addressed(to)])).explicitAcks).toHaveLength(1);
  await transport.endFault(to, null);
  await putFault(to, { kind: "reorder", region: ENAM, probability: 1 });
  expect(await delayOf(addressed(to), 1)).toBe(1);
});

test("a dead letter becomes a doorbell", async () => {
  const to = replica(8, ENAM);
  const result = await deliver([addressed(to)], { queue: "ithaca-enam-dead" });
  expect(result.explicitAcks).toHaveLength(1);
  await expect(ask(to, { op: "status" })).resolves.toMatchObject({ kind: "status" });
});

test("a queue that belongs to no region is a mistake in configuration", async () => {
  await expect(deliver([addressed(replica(0, ENAM))], { queue: "ithaca-mars" })).rejects.toThrow("REGIONS");
});
