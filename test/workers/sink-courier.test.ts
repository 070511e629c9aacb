/** Batches become signed requests and queue messages, and what receivers do becomes the core's event. */
import { expect, test } from "vitest";
import { SinkCourier, type SinkPost } from "../../durable-objects/sink-courier.ts";
import type { SinkSetting, SinkTarget } from "../../src/deployment/sink-setting.ts";
import type { Change } from "../../src/replication/change.ts";
import type { DeliveryEnd, SinkBatch } from "../../src/replication/effect.ts";
import { deployment, replica, WEUR } from "./asking.ts";

const UTF8 = new TextEncoder();
const URL_OF_SINK = "https://shop.example/changes?token=s";
const ADDRESS: SinkTarget = {
  kind: "https",
  url: URL_OF_SINK,
  secrets: ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "an older secret of any text"],
};

function change(s: number, key: string, value?: string, contentType = "application/json"): Change {
  const position = { o: WEUR, e: 16, s };
  const after =
    value === undefined ? {} : { after: { contentType, value: UTF8.encode(value), expiresAt: 0 } };
  return {
    position,
    user: 'a"b',
    key,
    op: value === undefined ? "delete" : "put",
    at: 1_800_000_000_000,
    ...after,
  };
}

function batchOf(...changes: Change[]): SinkBatch {
  return { round: 0, after: 40, through: { o: WEUR, e: 16, s: 42 }, changes };
}

async function deliver(
  target: SinkTarget,
  post: Partial<SinkPost>,
  batch = batchOf(change(41, "orders/1", "1")),
  more: Partial<SinkSetting> = {},
): Promise<DeliveryEnd> {
  const sink: SinkSetting = {
    name: "orders",
    namespace: "default",
    prefix: "orders/",
    from: "now",
    values: true,
    retryMs: [],
    timeoutMs: 1_000,
    target,
    ...more,
  };
  const refuse = (): Promise<never> => Promise.reject(new Error("not this way"));
  const courier = new SinkCourier({
    deployment: { ...deployment, sinks: [sink] },
    self: replica(3, WEUR),
    where: "stage",
    post: { fetch: refuse, send: refuse, ...post },
  });
  const event = await courier.deliver(7, "orders", batch, 50);
  expect(event).toMatchObject({ type: "delivered", call: 7 });
  return event.type === "delivered" ? event.end : { ok: true };
}

const answers =
  (status: number, headers: Record<string, string> = {}): SinkPost["fetch"] =>
  () =>
    Promise.resolve(new Response(status === 204 ? null : "the name of a user", { status, headers }));

test("a request is signed as Standard Webhooks has it, with every secret", async () => {
  const requests: { url: string; init: RequestInit }[] = [];
  const fetch: SinkPost["fetch"] = async (url, init) => {
    requests.push({ url, init });
    return new Response(null, { status: 204 });
  };
  const before = Math.floor(Date.now() / 1000);
  expect(
    await deliver(
      ADDRESS,
      { fetch },
      batchOf(change(41, "orders/1", "9007199254740993"), change(42, "orders/2")),
    ),
  ).toEqual({ ok: true });
  const [request] = requests;
  expect(request?.url).toBe(URL_OF_SINK);
  expect(request?.init).toMatchObject({ method: "POST", redirect: "manual" });
  const headers = new Headers(request?.init.headers);
  const body = typeof request?.init.body === "string" ? request.init.body : "";
  const id = headers.get("webhook-id");
  const timestamp = headers.get("webhook-timestamp");
  expect(id).toBe("orders-default-3-weur-41-42");
  expect(Number(timestamp)).toBeGreaterThanOrEqual(before);
  expect(body).toBe(
    `{"id":"orders-default-3-weur-41-42","sink":"orders","namespace":"default","partition":3,"origin":"weur","position":"weur.16.42","changes":[` +
      `{"user":"a\\"b","position":"weur.16.41","key":"orders/1","op":"put","version":"weur.16.41","at":1800000000000,"contentType":"application/json","value":9007199254740993},` +
      `{"user":"a\\"b","position":"weur.16.42","key":"orders/2","op":"delete","version":"weur.16.42","at":1800000000000}]}`,
  );
  const keys = [
    Uint8Array.from(atob("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), (character) => character.codePointAt(0)!),
    UTF8.encode("an older secret of any text"),
  ];
  const signatures = headers.get("webhook-signature")?.split(" ") ?? [];
  expect(signatures.length).toBe(2);
  for (const [n, key] of keys.entries()) {
    const hmac = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, [
      "verify",
    ]);
    const [version, base64 = ""] = signatures[n]?.split(",") ?? [];
    const bytes = Uint8Array.from(atob(base64), (character) => character.codePointAt(0)!);
    expect(version).toBe("v1");
    expect(await crypto.subtle.verify("HMAC", hmac, bytes, UTF8.encode(`${id}.${timestamp}.${body}`))).toBe(
      true,
    );
  }
});

test.each<[string, SinkPost["fetch"], DeliveryEnd]>([
  ["any 2xx", answers(299), { ok: true }],
  ["500", answers(500), { ok: false, error: "it answered 500" }],
  ["404", answers(404, { "Retry-After": "9" }), { ok: false, error: "it answered 404" }],
  ["410", answers(410), { ok: false, error: "it answered 410: it wants no more", park: true }],
  [
    "302",
    answers(302, { Location: "http://10.0.0.1/" }),
    { ok: false, error: "it answered 302: redirects are not followed" },
  ],
  [
    "429 and seconds",
    answers(429, { "Retry-After": "9" }),
    { ok: false, error: "it answered 429", retryAfterMs: 9_000 },
  ],
  ["503 and nonsense", answers(503, { "Retry-After": "soon" }), { ok: false, error: "it answered 503" }],
  [
    "503 and a past instant",
    answers(503, { "Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT" }),
    { ok: false, error: "it answered 503", retryAfterMs: 0 },
  ],
  [
    "no connection",
    () => Promise.reject(new Error(`cannot reach ${URL_OF_SINK}`)),
    { ok: false, error: "could not be reached" },
  ],
])("a receiver that says %s", async (_, fetch, end) => {
  expect(await deliver(ADDRESS, { fetch })).toEqual(end);
});

test("a receiver that says nothing is given up in time", async () => {
  const fetch: SinkPost["fetch"] = (_, { signal }) =>
    new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason)));
  expect(await deliver(ADDRESS, { fetch })).toEqual({ ok: false, error: "no answer within 50 ms" });
  const send: SinkPost["send"] = () => new Promise(() => {});
  expect(await deliver({ kind: "queue", binding: "CHANGES" }, { send })).toEqual({
    ok: false,
    error: "no answer within 50 ms",
  });
});

test("an endless answer is not read", async () => {
  let cancelled = false;
  const body = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(1_000)),
    cancel: () => {
      cancelled = true;
    },
  });
  expect(await deliver(ADDRESS, { fetch: () => Promise.resolve(new Response(body)) })).toEqual({ ok: true });
  expect(cancelled).toBe(true);
});

test("a queue gets one message for a batch, and several where one would be too large", async () => {
  const sends: (readonly string[])[] = [];
  const send: SinkPost["send"] = async (binding, messages) => {
    expect(binding).toBe("CHANGES");
    sends.push(messages);
  };
  const queue: SinkTarget = { kind: "queue", binding: "CHANGES" };
  expect(await deliver(queue, { send })).toEqual({ ok: true });
  expect(sends.map((messages) => messages.length)).toEqual([1]);
  expect(JSON.parse(sends[0]![0]!)).toMatchObject({
    id: "orders-default-3-weur-41-42",
    changes: [{ key: "orders/1" }],
  });
  sends.length = 0;
  const many = Array.from({ length: 20 }, (_, n) =>
    change(41, `orders/${n}`, "x".repeat(30_000), "text/plain"),
  );
  await deliver(queue, { send }, batchOf(...many));
  const messages = sends.flat().map((text) => JSON.parse(text) as { id: string; changes: { key: string }[] });
  expect(messages.map(({ id }) => id)).toEqual(
    messages.map((_, n) => `orders-default-3-weur-41-42-p${n + 1}`),
  );
  expect(messages.flatMap(({ changes }) => changes.map(({ key }) => key))).toEqual(
    many.map(({ key }) => key),
  );
  for (const texts of sends) {
    expect(texts.every((text) => UTF8.encode(text).length <= 127_800)).toBe(true);
    expect(texts.reduce((sum, text) => sum + UTF8.encode(text).length + 100, 0)).toBeLessThanOrEqual(256_000);
  }
});

test("a value that is too large for a queue's message is left out, and its change says where it is", async () => {
  const bodies: string[] = [];
  const send: SinkPost["send"] = async (_, messages) => void bodies.push(...messages);
  const queue: SinkTarget = { kind: "queue", binding: "CHANGES" };
  const edges = batchOf(
    change(41, "orders/ä/1", "x".repeat(64_000), "x/y"),
    change(42, "orders/b c", "x".repeat(64_001), "x/y"),
  );
  await deliver(queue, { send }, edges);
  const changes = bodies.flatMap(
    (text) => (JSON.parse(text) as { changes: Record<string, unknown>[] }).changes,
  );
  expect(changes[0]).not.toHaveProperty("truncated");
  expect(changes[0]).toHaveProperty("valueBase64");
  expect(changes[1]).toMatchObject({
    truncated: true,
    href: "/v1/users/a%22b/items/orders/b%20c",
    contentType: "x/y",
  });
  expect(changes[1]).not.toHaveProperty("valueBase64");
  bodies.length = 0;
  await deliver(queue, { send }, edges, { values: false });
  expect(bodies.join()).not.toContain("truncated");
  expect(bodies.join()).not.toContain("valueBase64");
});

test("a replay has ids of its own", async () => {
  const bodies: string[] = [];
  const send: SinkPost["send"] = async (_, messages) => void bodies.push(...messages);
  await deliver(
    { kind: "queue", binding: "CHANGES" },
    { send },
    { ...batchOf(change(41, "orders/1", "1")), round: 2 },
  );
  expect(JSON.parse(bodies[0]!)).toMatchObject({ id: "orders-default-3-weur-41-42-r2" });
});
