/** SINKS, and what is refused of it by name. */
import { describe, expect, test } from "vitest";
import { readSinks } from "../../src/deployment/sink-setting.ts";

const AROUND = { namespaces: ["default", "billing"], regions: ["weur", "apac-ne"], localDev: false };
const SECRET = "x".repeat(32);
const ORDERS = { name: "orders", namespace: "default", url: "https://shop.example/changes" };
const QUEUE = { sendBatch: () => {} };

const read = (sinks: unknown, env: Record<string, unknown> = {}, localDev = false) =>
  readSinks({ SINKS: JSON.stringify(sinks), SINK_SECRET_ORDERS: SECRET, ...env }, { ...AROUND, localDev });

describe("sinks", () => {
  test("are none where nothing is said", () => {
    expect(readSinks({}, AROUND)).toEqual([]);
    expect(readSinks({ SINKS: " " }, AROUND)).toEqual([]);
    expect(read([])).toEqual([]);
  });

  test("have defaults", () => {
    const [sink] = read([ORDERS]);
    expect(sink).toMatchObject({
      name: "orders",
      namespace: "default",
      prefix: "",
      from: "now",
      values: true,
      timeoutMs: 10_000,
      target: { kind: "https", url: "https://shop.example/changes", secrets: [SECRET] },
    });
    // Seconds to an hour, and an end within the day that the log is kept.
    expect(sink?.retryMs[0]).toBe(1_000);
    expect(sink?.retryMs.at(-1)).toBe(3_600_000);
    expect(sink?.retryMs.reduce((sum, delay) => sum + delay, 0)).toBeLessThan(12 * 3_600_000);
  });

  test("may be a list in wrangler.toml, a queue, and signed with two secrets", () => {
    const env = {
      SINKS: [
        { ...ORDERS, name: "a-b" },
        { name: "q", namespace: "billing", queue: "CHANGES" },
      ],
    };
    const secrets = { SINK_SECRET_A_B: `whsec_${btoa(SECRET)}, ${SECRET}`, CHANGES: QUEUE };
    expect(readSinks({ ...env, ...secrets }, AROUND).map(({ target }) => target)).toEqual([
      { kind: "https", url: ORDERS.url, secrets: [`whsec_${btoa(SECRET)}`, SECRET] },
      { kind: "queue", binding: "CHANGES" },
    ]);
  });

  test.each([
    "https://shop.example",
    "https://shop.example:8443/a?b=c%20d",
    "https://192.0.2.1/changes",
    "https://[2001:db8::1]/changes",
  ])("may be at %s", (url) => {
    expect(read([{ ...ORDERS, url }])[0]?.target).toMatchObject({ url });
  });

  test.each([
    "http://shop.example/changes",
    "http://127.0.0.1/changes",
    "ftp://shop.example",
    "https://name:password@shop.example/",
    "https://shop.example/#fragment",
    "https://shop.example/a b",
    "https://shop.example\\@evil.example/",
    "https://",
    "shop.example",
    7,
  ])("may not be at %s", (url) => {
    expect(() => read([{ ...ORDERS, url }])).toThrow(/^SINKS: orders: url has to be an https:\/\/ address/);
  });

  test("may be on the developer's own machine without TLS, in local development", () => {
    for (const url of ["http://127.0.0.1:9000/x", "http://localhost/x", "http://[::1]:1/"])
      expect(read([{ ...ORDERS, url }], {}, true)[0]?.target).toMatchObject({ url });
    for (const url of ["http://10.0.0.1/", "http://localhost.example/", "http://127.0.0.1@evil.example/"])
      expect(() => read([{ ...ORDERS, url }], {}, true)).toThrow(/url has to be/);
  });

  test.each<[unknown, RegExp]>([
    [{}, /^SINKS: has to be a list of sinks/],
    [["orders"], /^SINKS: has to be a list of sinks/],
    [[{ ...ORDERS, name: "Orders" }], /the name "Orders" has to be/],
    [[{ ...ORDERS, name: "x".repeat(33) }], /has to be 1 to 32/],
    [[{ ...ORDERS, name: 5 }], /the name "" has to be/],
    [[ORDERS, ORDERS], /names "orders" twice/],
    [[{ ...ORDERS, namespace: "nobody" }], /orders: namespace has to be one of NAMESPACES/],
    [[{ ...ORDERS, prefix: 5 }], /orders: prefix has to be text/],
    [[{ ...ORDERS, from: "yesterday" }], /orders: from has to be/],
    [[{ ...ORDERS, values: "yes" }], /orders: values has to be/],
    [[{ ...ORDERS, timeoutMs: 49 }], /orders: timeoutMs has to be an integer from 50 to 30000/],
    [[{ ...ORDERS, timeoutMs: 30_001 }], /timeoutMs/],
    [[{ ...ORDERS, retryMs: [0] }], /orders: retryMs has to be at most 30 integers from 1 to 3600000/],
    [[{ ...ORDERS, retryMs: [3_600_001] }], /retryMs/],
    [[{ ...ORDERS, retryMs: Array.from({ length: 31 }, () => 1) }], /retryMs/],
    [[{ ...ORDERS, retires: [] }], /orders: there is no setting "retires"/],
    [[{ ...ORDERS, queue: "CHANGES" }], /orders: has to have either url or queue/],
    [[{ name: "orders", namespace: "default" }], /orders: has to have either url or queue/],
    [[{ name: "q", namespace: "default", queue: "NOBODY" }], /q: there is no queue binding NOBODY/],
    [[{ name: "q", namespace: "default", queue: "SINKS" }], /q: there is no queue binding SINKS/],
    [
      [{ name: "q", namespace: "default", queue: "QUEUE_APAC_NE" }],
      /q: the queue QUEUE_APAC_NE is for replication/,
    ],
    [
      Array.from({ length: 17 }, (_, n) => ({ ...ORDERS, name: `s${n}`, url: undefined, queue: "CHANGES" })),
      /at most 16 sinks/,
    ],
  ])("are refused: %j", (sinks, message) => {
    expect(() => read(sinks, { CHANGES: QUEUE })).toThrow(message);
  });

  test("that are no JSON are refused", () => {
    expect(() => readSinks({ SINKS: "[" }, AROUND)).toThrow("SINKS: has to be a list in JSON");
  });

  test.each<[string | undefined, RegExp]>([
    [undefined, /^SINK_SECRET_ORDERS: is not set/],
    ["short", /^SINK_SECRET_ORDERS: has to have at least 32 bytes/],
    [`whsec_${btoa("x".repeat(31))}`, /at least 32 bytes/],
    ["whsec_*", /has to have base64 after whsec_/],
    [`${SECRET},short`, /at least 32 bytes/],
  ])("with the secret %s are refused", (secret, message) => {
    expect(() => read([ORDERS], { SINK_SECRET_ORDERS: secret })).toThrow(message);
  });

  test("in local development may have a short secret, and need one all the same", () => {
    expect(read([ORDERS], { SINK_SECRET_ORDERS: "short" }, true)).toHaveLength(1);
    expect(() => read([ORDERS], { SINK_SECRET_ORDERS: "" }, true)).toThrow(/is not set/);
  });
});
