import { expect, test } from "vitest";
import { Correspondent } from "../../durable-objects/correspondent.ts";
import { chunksOf, QUEUE_MESSAGE_BYTES_MAX } from "../../durable-objects/queue-chunks.ts";
import type { Batch } from "../../src/replication/message.ts";
import { decodeBatch } from "../../src/wire/batch-codec.ts";
import { ENAM, replica, transport, WEUR } from "./asking.ts";

function batchOf(bytes: number): Batch {
  const tail = { e: 16 + WEUR, s: 7 };
  const entries = [{ e: tail.e, s: 7, bytes: new Uint8Array(bytes) }];
  const prev = { e: tail.e, s: 6 };
  return {
    type: "batch",
    o: WEUR,
    e: tail.e,
    inc: 1,
    prev,
    entries,
    chain: new Uint8Array(16),
    last: tail,
    commit: 0,
    pv: 1,
  };
}

/** A queue that keeps what it is sent. */
function keepingQueue(): { queue: Queue; sends: Uint8Array[][] } {
  const sends: Uint8Array[][] = [];
  const queue = {
    sendBatch: async (messages: Iterable<MessageSendRequest<Uint8Array>>) => {
      const all = [...messages];
      expect(all.every((message) => message.contentType === "bytes")).toBe(true);
      sends.push(all.map((message) => message.body));
    },
  };
  return { queue: queue as unknown as Queue, sends };
}

function correspondent(queue: Queue): Correspondent {
  return new Correspondent({
    self: replica(3, WEUR),
    where: "test",
    transport,
    queues: new Map([[ENAM, queue]]),
  });
}

test("batches go to the region's queue, addressed", async () => {
  const { queue, sends } = keepingQueue();
  const end = await correspondent(queue).enqueue(9, ENAM, [batchOf(10), batchOf(20)]);
  expect(end).toEqual({ type: "enqueued", call: 9, ok: true });
  expect(sends).toHaveLength(1);
  const messages = sends[0]?.map((body) => decodeBatch(body)) ?? [];
  expect(messages.map(({ batch }) => batch)).toEqual([batchOf(10), batchOf(20)]);
  expect(messages[0]?.envelope).toEqual({ namespace: "default", partition: 3, from: WEUR, to: ENAM, pv: 1 });
});

test("what no queue takes becomes a doorbell", async () => {
  const { queue, sends } = keepingQueue();
  await correspondent(queue).enqueue(9, ENAM, [batchOf(QUEUE_MESSAGE_BYTES_MAX + 1)]);
  const [body = new Uint8Array(0)] = sends[0] ?? [];
  expect(decodeBatch(body).batch).toMatchObject({ entries: [], last: { s: 7 } });
});

test("a send has at most 100 messages and 250,000 bytes, metadata included, in order", () => {
  const many = Array.from({ length: 250 }, (_, at) => Uint8Array.of(at));
  expect(chunksOf(many).map((chunk) => chunk.length)).toEqual([100, 100, 50]);
  expect(chunksOf(many).flat()).toEqual(many);
  const large = Array.from({ length: 5 }, () => new Uint8Array(96_000));
  expect(chunksOf(large).map((chunk) => chunk.length)).toEqual([2, 2, 1]);
  expect(chunksOf([new Uint8Array(QUEUE_MESSAGE_BYTES_MAX)]).map((chunk) => chunk.length)).toEqual([1]);
  expect(chunksOf([])).toEqual([]);
});
