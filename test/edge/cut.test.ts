/** POST /v1/read: how many calls, which are repeated, and what the answer says. */
import { describe, expect, it } from "vitest";
import { partitionOf } from "../../src/deployment/deployment.ts";
import type { LogReach } from "../../src/replication/request.ts";
import type { ClientReply, ManyFacts, ReadManyRequest, ReadOutcome } from "../../src/replication/request.ts";
import { bearer, SECRET } from "./support/bearer.ts";
import { bench, deployment, problemOf, type Send } from "./support/deployment.ts";
import { APAC, ENAM, item, unavailable, WEUR, type Answerer, type Asked } from "./support/fake-regions.ts";

type ItemsReply = Extract<ClientReply, { kind: "items" }>;

const user = (partition: number, n = 0): string => {
  const { partitions } = deployment();
  const found = Array.from({ length: 200 }, (_, at) => `user-${at}`).filter(
    (name) => partitionOf({ ...deployment(), partitions }, name) === partition,
  );
  return found[n] ?? "";
};
const [zero, one, two, three] = [user(0), user(1), user(2), user(3)];
const epochOf = (o: number) => 16 + o;
const at = (o: number, s: number) => ({ o, e: epochOf(o), s });

function reach(applied: Partial<Record<number, number>> = {}): LogReach[] {
  return [WEUR, ENAM, APAC].map((o) => ({
    o,
    applied: applied[o] ?? 100,
    commit: applied[o] ?? 100,
    epochs: [{ e: epochOf(o), start: 1 }],
  }));
}

function many(more: Partial<ManyFacts> = {}): ManyFacts {
  return {
    servedBy: WEUR,
    stalenessMs: 0,
    shown: [],
    shownOthers: [],
    seenAt: 0,
    waitedMs: 0,
    leaseLeftMs: 2_000,
    why: "leader",
    reach: reach(),
    homes: [WEUR],
    lostNeeds: [],
    ...more,
  };
}

const encoder = new TextEncoder();

function found(text: string, more: { home?: number; s?: number; expiresAt?: number } = {}): ReadOutcome {
  const { home = WEUR, s = 7, expiresAt = 0 } = more;
  const value = encoder.encode(text);
  const contentType = "application/json";
  return {
    kind: "item",
    home,
    version: 1,
    item: { key: "k", version: at(home, s), contentType, size: value.length, expiresAt, value },
  };
}

const absent: ReadOutcome = { kind: "item", item: null, home: WEUR, version: 1 };

function items(outcomes: readonly ReadOutcome[], more: Partial<ManyFacts> = {}): ItemsReply {
  const bytes = outcomes.reduce(
    (sum, outcome) => sum + (outcome.kind === "item" ? (outcome.item?.size ?? 0) : 0),
    0,
  );
  return { kind: "items", items: outcomes, bytes, many: many(more) };
}

/** All reads of a request, each found with a value that names it. */
const all = ({ to, request }: Asked): ItemsReply =>
  items(
    asMany(request).reads.map((read) => found(JSON.stringify(read.user), { home: to.region })),
    { servedBy: to.region, homes: [to.region] },
  );

function asMany(request: Asked["request"]): ReadManyRequest {
  if (request.op !== "read-many") throw new Error(`${request.op} was not expected`);
  return request;
}

function read(
  send: Send,
  reads: readonly unknown[],
  headers: Record<string, string> = {},
  path = "/v1/read",
): Promise<Response> {
  return send("POST", path, { body: JSON.stringify({ reads }), headers });
}
const of = (...users: string[]) => users.map((name) => ({ user: name, key: "k" }));

/** "1@0 2@2": partitions and the regions asked, in order. */
const calls = (asked: readonly Asked[]): string =>
  asked.map(({ to }) => `${to.partition}@${to.region}`).join(" ");

const prefix = { "Ithaca-Consistency": "prefix" };

describe("one round", () => {
  it("asks each partition once when nothing is missing, and answers in the order asked", async () => {
    const { send, regions } = bench(all);
    const response = await read(send, of(three, zero, two, zero, one), {
      ...prefix,
      "Ithaca-Region": "apac",
    });
    expect(response.status).toBe(200);
    const body = (await response.json()) as { items: { user: string; value: string }[] };
    expect(body.items.map(({ user, value }) => [user, value])).toEqual(
      [three, zero, two, zero, one].map((name) => [name, name]),
    );
    expect(regions.asked).toHaveLength(4);
    expect(calls(regions.asked)).toBe("3@2 0@2 2@2 1@2");
    // The same item twice is asked for once.
    expect(regions.asked.map(({ request }) => asMany(request).reads.length)).toEqual([1, 1, 1, 1]);
  });

  it("of 100 items in 16 partitions is 16 calls, all of them sent before any is answered", async () => {
    const { promise: opened, resolve: open } = Promise.withResolvers<undefined>();
    const { send, regions } = bench(
      async (asked) => {
        await opened;
        return all(asked);
      },
      { partitions: 16, anchors: Array.from({ length: 16 }, () => WEUR) },
    );
    const users = Array.from({ length: 100 }, (_, n) => `reader-${n}`);
    const answer = read(send, of(...users), { ...prefix, "Ithaca-Explain": "1" });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(regions.asked).toHaveLength(16);
    open(undefined);
    const response = await answer;
    expect(response.status).toBe(200);
    expect(JSON.parse(response.headers.get("Ithaca-Trace") ?? "")).toMatchObject({ rounds: 1, calls: 16 });
    expect(regions.asked).toHaveLength(16);
  });

  it("at level user goes straight to the leaders that are known: one call for each home in a partition", async () => {
    const homes = new Map([
      [zero, WEUR],
      [user(0, 1), APAC],
      [user(0, 2), WEUR],
    ]);
    const { send, regions } = bench(({ to, request }) => {
      const reads = asMany(request).reads;
      const outcomes = reads.map(({ user }): ReadOutcome => {
        const home = homes.get(user) ?? WEUR;
        if (home === to.region) return found("1", { home });
        return { kind: "moved", home, version: 1, claim: at(WEUR, 3) };
      });
      const elsewhere = outcomes.every(({ kind }) => kind === "moved");
      if (elsewhere) return { kind: "moved", home: homes.get(reads[0]?.user ?? "") ?? WEUR, version: 1 };
      return items(outcomes, { servedBy: to.region, homes: [to.region] });
    });
    const asked = of(...homes.keys());
    expect((await read(send, asked)).status).toBe(200);
    regions.asked.length = 0;
    const response = await read(send, asked);
    expect(response.headers.get("Ithaca-Served-By")).toBe("weur, apac");
    expect(calls(regions.asked)).toBe("0@0 0@2");
    expect(regions.asked.map(({ request }) => asMany(request).reads.map(({ user }) => user))).toEqual([
      [zero, user(0, 2)],
      [user(0, 1)],
    ]);
  });

  it("names nobody's home, and the greatest age", async () => {
    const { send } = bench((asked) => {
      const reply = all(asked);
      return { ...reply, many: { ...reply.many, stalenessMs: asked.to.partition * 10.5 } };
    });
    const { headers } = await read(send, of(zero, two), prefix);
    expect(headers.get("Ithaca-Staleness-Ms")).toBe("21");
    for (const name of ["Ithaca-Home", "Ithaca-Leader", "Ithaca-Position", "ETag"])
      expect(headers.has(name)).toBe(false);
    expect(headers.get("Cache-Control")).toBe("private, no-cache, no-transform");
    expect(headers.get("Server-Timing")).toMatch(
      /^route;dur=\d+, wait;dur=0, replica;dur=\d+, total;dur=\d+$/,
    );
  });
});

describe("a second round", () => {
  /** The answer stands in partition 1 and was written by somebody who had seen the question, partition 0's entry 9. */
  const question = ({ to, request }: Asked): ItemsReply => {
    const { needs = [] } = asMany(request);
    if (to.partition === 1)
      return items([found('"answer"', { home: APAC })], {
        servedBy: to.region,
        homes: [APAC],
        shown: [{ ...at(APAC, 7), durable: false }],
        shownOthers: [{ p: 0, ...at(WEUR, 9) }],
      });
    return needs.length === 0
      ? items([absent], { reach: reach({ [WEUR]: 8 }), homes: [WEUR] })
      : items([found('"question"', { s: 9 })], {
          reach: reach({ [WEUR]: 9 }),
          shown: [{ ...at(WEUR, 9), durable: false }],
        });
  };

  it.each([
    ["prefix", prefix],
    ["user", {}],
    ["strong", { "Ithaca-Consistency": "strong" }],
    ["bounded", { "Ithaca-Consistency": "bounded; max-staleness-ms=5000" }],
  ])("at %s asks the part that lacks a cause once more, and only that one", async (_, headers) => {
    const { send, regions } = bench(question);
    const response = await read(send, of(zero, one), { ...headers, "Ithaca-Explain": "1" });
    const body = (await response.json()) as { items: { found: boolean; value: string }[] };
    expect(body.items).toMatchObject([
      { found: true, value: "question" },
      { found: true, value: "answer" },
    ]);
    expect(calls(regions.asked)).toBe("0@0 1@0 0@0");
    expect(asMany(regions.asked[2]!.request).needs).toEqual([at(WEUR, 9)]);
    const trace = JSON.parse(response.headers.get("Ithaca-Trace") ?? "") as { parts: unknown[] };
    expect(trace).toMatchObject({ rounds: 2, calls: 3 });
    expect(trace.parts).toContainEqual(expect.objectContaining({ partition: 0, needed: ["weur.16.9"] }));
  });

  it("is not asked for at eventual, which promises nothing", async () => {
    const { send, regions } = bench(question);
    const response = await read(send, of(zero, one), { "Ithaca-Consistency": "eventual" });
    const body = (await response.json()) as { items: { found: boolean }[] };
    expect(body.items.map(({ found }) => found)).toEqual([false, true]);
    expect(regions.asked).toHaveLength(2);
  });

  it("goes on to the leader when the replica at hand does not get there in time", async () => {
    const { send, regions } = bench((asked) => {
      const { needs = [], level } = asMany(asked.request);
      if (asked.to.partition === 0 && needs.length > 0 && level === "prefix")
        return { kind: "behind", waitedMs: 400, needed: at(WEUR, 9), found: at(WEUR, 8) };
      return question(asked);
    });
    const response = await read(send, of(zero, one), { ...prefix, "Ithaca-Region": "apac" });
    expect(response.status).toBe(200);
    expect(calls(regions.asked)).toBe("0@2 1@2 0@2 0@0");
    expect(regions.asked.map(({ request }) => asMany(request).level)).toEqual([
      "prefix",
      "prefix",
      "prefix",
      "leader",
    ]);
  });

  it("ends with the caller's time", async () => {
    const { send } = bench((asked) =>
      asMany(asked.request).level === "leader" && (asMany(asked.request).needs ?? []).length > 0
        ? { kind: "refused", reason: "read-timeout" }
        : question(asked),
    );
    const response = await read(send, of(zero, one), { "Ithaca-Timeout-Ms": "300" });
    expect(response.status).toBe(504);
    expect(await problemOf(response)).toMatchObject({ type: "/problems/read-timeout", definite: true });
  });

  it("is followed by a third where the second shows new effects", async () => {
    const { send, regions } = bench((asked) => {
      const { needs = [] } = asMany(asked.request);
      if (asked.to.partition === 2) {
        const s = needs.length === 0 ? 4 : 5;
        return items([found(`${s}`, { s })], { reach: reach({ [WEUR]: s }) });
      }
      const reply = question(asked);
      if (asked.to.partition !== 0 || needs.length === 0) return reply;
      return { ...reply, many: { ...reply.many, shownOthers: [{ p: 2, ...at(WEUR, 5) }] } };
    });
    const response = await read(send, of(zero, one, two), { ...prefix, "Ithaca-Explain": "1" });
    const body = (await response.json()) as { items: { value: unknown }[] };
    expect(body.items.map(({ value }) => value)).toEqual(["question", "answer", 5]);
    expect(calls(regions.asked)).toBe("0@0 1@0 2@0 0@0 2@0");
    expect(JSON.parse(response.headers.get("Ithaca-Trace") ?? "")).toMatchObject({ rounds: 3 });
  });

  it("what expired at one replica has expired at all of them", async () => {
    const { send } = bench(({ to }) =>
      to.partition === 0
        ? items([absent], { seenAt: 5_000 })
        : items([found("1", { expiresAt: to.partition === 1 ? 5_000 : 5_001 })]),
    );
    const response = await read(send, of(zero, one, two), prefix);
    const body = (await response.json()) as { items: { found: boolean }[] };
    expect(body.items.map(({ found }) => found)).toEqual([false, false, true]);
  });
});

describe("users whose home is not known", () => {
  it("are followed to their home; it waits for the entry that made it their home", async () => {
    const { send, regions } = bench(({ to, request }) => {
      const { certain, reads } = asMany(request);
      if (certain === true)
        return items(reads.map(() => ({ kind: "moved", home: APAC, version: 1, claim: at(WEUR, 3) })));
      return to.region === APAC
        ? items([found("1", { home: APAC })], { servedBy: APAC, homes: [APAC] })
        : items([{ kind: "unknown-user" }]);
    });
    const response = await read(send, of(zero));
    expect(((await response.json()) as { items: unknown[] }).items).toMatchObject([{ value: 1 }]);
    expect(calls(regions.asked)).toBe("0@0 0@0 0@2");
    expect(asMany(regions.asked[2]!.request)).toMatchObject({ needs: [at(WEUR, 3)] });
  });

  it("are nobody where the anchor's leader says so, and never by a replica that does not know", async () => {
    const { send, regions } = bench(({ request }) =>
      items([{ kind: asMany(request).certain === true ? "no-user" : "unknown-user" }], { homes: [WEUR] }),
    );
    const response = await read(send, of(zero), { "Ithaca-Region": "apac" });
    expect(await response.json()).toEqual({ items: [{ user: zero, key: "k", found: false }] });
    expect(calls(regions.asked)).toBe("0@2 0@0");
    regions.asked.length = 0;
    const atHand = await read(send, of(zero), prefix);
    expect(await atHand.json()).toMatchObject({ items: [{ found: false }] });
    expect(regions.asked).toHaveLength(1);
  });

  it("end somewhere when everybody points at somebody else", async () => {
    const { send } = bench(({ to, request }) => {
      const home = (to.region + 1) % 3;
      return items(
        asMany(request).reads.map(() => ({ kind: "moved", home, version: 1, claim: at(WEUR, 3) })),
      );
    });
    const response = await read(send, of(zero));
    expect(response.status).toBe(503);
    expect(await problemOf(response)).toMatchObject({ type: "/problems/no-leader" });
  });
});

describe("the token", () => {
  it("covers all that was shown, and sends each partition what it has of it", async () => {
    const { send, regions } = bench(({ to }) =>
      items([found("1")], { shown: [{ ...at(WEUR, to.partition + 1), durable: true }] }),
    );
    const first = await read(send, of(zero, one), prefix);
    const token = first.headers.get("Ithaca-Session") ?? "";
    regions.asked.length = 0;
    const again = await read(send, of(zero, one), {
      "Ithaca-Consistency": "session",
      "Ithaca-Session": token,
    });
    expect(regions.asked.map(({ request }) => asMany(request).session.positions)).toEqual([
      [{ ...at(WEUR, 1), durable: true }],
      [{ ...at(WEUR, 2), durable: true }],
    ]);
    expect(again.headers.get("Ithaca-Session")).toBe(token);
  });

  it("that lost something is refused, with one that lost exactly that; or reported", async () => {
    const shown = { ...at(WEUR, 9), durable: false };
    let lost = false;
    const { send, regions } = bench(({ request, to }) => {
      const { reportLost } = asMany(request);
      if (!lost || to.partition === 1) return items([found("1")], { shown: [shown] });
      if (reportLost !== true)
        return { kind: "items-lost", servedBy: WEUR, lost: [{ ...at(WEUR, 9), from: 7 }] };
      const reply = items([found("2")], { shown: [{ ...at(WEUR, 5), durable: true }] });
      return { ...reply, lost: [at(WEUR, 9)] };
    });
    const token = (await read(send, of(zero, one))).headers.get("Ithaca-Session") ?? "";
    lost = true;
    const refused = await read(send, of(zero, one), { "Ithaca-Session": token });
    expect(refused.status).toBe(409);
    const problem = await problemOf(refused);
    expect(problem).toMatchObject({
      type: "/problems/session-lost",
      lost: [{ from: "weur.16.7", to: "weur.16.9" }],
      divergent: [`/v1/users/${zero}/divergent`],
    });
    const reported = await read(send, of(zero, one), {
      "Ithaca-Session": token,
      "Ithaca-On-Lost": "report",
    });
    expect(reported.status).toBe(200);
    expect(JSON.parse(reported.headers.get("Ithaca-Session-Lost") ?? "")).toMatchObject({
      lost: [{ from: "weur.16.9" }],
    });
    lost = false;
    regions.asked.length = 0;
    await read(send, of(zero, one), { "Ithaca-Session": refused.headers.get("Ithaca-Session") ?? "" });
    expect(regions.asked.map(({ request }) => asMany(request).session.positions)).toEqual([
      [],
      [{ ...at(WEUR, 9), durable: false }],
    ]);
  });

  it("does not come to hold a lost cause of something shown", async () => {
    const { send, regions } = bench(({ to, request }) => {
      if (to.partition === 1) return items([found("1")], { shownOthers: [{ p: 0, ...at(WEUR, 9) }] });
      const { needs = [] } = asMany(request);
      return items([absent], { reach: reach({ [WEUR]: 5 }), lostNeeds: needs });
    });
    const first = await read(send, of(zero, one), prefix);
    expect(first.status).toBe(200);
    regions.asked.length = 0;
    await read(send, of(zero), {
      "Ithaca-Consistency": "session",
      "Ithaca-Session": first.headers.get("Ithaca-Session") ?? "",
    });
    expect(asMany(regions.asked[0]!.request).session).toMatchObject({ positions: [] });
  });
});

describe("failures", () => {
  it("of one partition fail the request", async () => {
    const { send } = bench((asked) => {
      if (asked.to.partition === 1) unavailable("refused", false);
      return all(asked);
    });
    const response = await read(send, of(zero, one), { "Ithaca-Timeout-Ms": "200" });
    expect(response.status).toBe(503);
    expect(await problemOf(response)).toMatchObject({ type: "/problems/region-unavailable", definite: true });
  });

  it("are answered stale where that was asked for, all of it", async () => {
    const { send, regions } = bench((asked) => {
      if (asMany(asked.request).stale !== true) {
        if (asked.to.partition === 1) return { kind: "refused", reason: "no-leader" };
        return all(asked);
      }
      return all(asked);
    });
    const response = await read(send, of(zero, one), {
      "Ithaca-Timeout-Ms": "200",
      "Ithaca-On-Unreachable": "stale",
    });
    expect(response.status).toBe(200);
    expect(response.headers.get("Ithaca-Anchored")).toBe("no");
    const stale = regions.asked.filter(({ request }) => asMany(request).stale === true);
    expect(calls(stale)).toBe("0@0 1@0");
  });

  it("overload is passed on", async () => {
    const { send } = bench(() => ({ kind: "refused", reason: "overloaded", retryAfterMs: 2_000 }));
    const response = await read(send, of(zero), prefix);
    expect([response.status, response.headers.get("Retry-After")]).toEqual([503, "2"]);
  });
});

describe("size", () => {
  const MIB = 1_048_576;
  /** A value of so many bytes in each partition; where more is asked for than the share, only sizes. */
  const sized =
    (sizes: readonly number[]): Answerer =>
    ({ to, request }) => {
      const { bytesMax, reads } = asMany(request);
      const size = sizes[to.partition] ?? 0;
      const value = new Uint8Array(size).fill(0x31);
      value[0] = value[size - 1] = 0x22;
      const contentType = "application/json";
      const item = { key: "k", version: at(WEUR, 7), contentType, size, expiresAt: 0 };
      const whole = size * reads.length <= bytesMax;
      return {
        kind: "items",
        bytes: size * reads.length,
        items: reads.map(() => ({
          kind: "item",
          item: whole ? { ...item, value } : item,
          home: WEUR,
          version: 1,
        })),
        many: many(),
      };
    };

  it("each replica is told its share of what may be on the way", async () => {
    const { send, regions } = bench(sized([2, 2, 2, 2]));
    await read(send, of(zero, one, two, three), prefix);
    expect(regions.asked.map(({ request }) => asMany(request).bytesMax)).toEqual([
      8 * MIB,
      8 * MIB,
      8 * MIB,
      8 * MIB,
    ]);
  });

  it("a part beyond its share is fetched when all of it may be answered", async () => {
    const { send, regions } = bench(sized([9 * MIB, 100, 100, 100]));
    const response = await read(send, of(zero, one, two, three), prefix);
    expect(response.status).toBe(200);
    const { items } = (await response.json()) as { items: { value: string }[] };
    expect(items[0]?.value).toHaveLength(9 * MIB - 2);
    expect(calls(regions.asked)).toBe("0@0 1@0 2@0 3@0 0@0");
  });

  it("an answer above 16 MiB is refused by its sizes, before anything is fetched", async () => {
    const { send, regions } = bench(sized([9 * MIB, 9 * MIB]));
    const response = await read(send, of(zero, one), { ...prefix, "Ithaca-Region": "apac" });
    expect(response.status).toBe(413);
    expect(await problemOf(response)).toMatchObject({ type: "/problems/answer-too-large" });
    expect(regions.asked).toHaveLength(2);
  });

  /** `{"items":[` … `]}` around one item. */
  it("the bound is that of the body, to the byte", async () => {
    const fixed = JSON.stringify({
      items: [
        {
          user: zero,
          key: "k",
          found: true,
          version: "weur.16.7",
          contentType: "application/json",
          value: "",
        },
      ],
    }).length;
    const answerOf =
      (length: number): Answerer =>
      () => {
        const value = new Uint8Array(length).fill(0x31);
        value[0] = value[length - 1] = 0x22;
        const contentType = "application/json";
        const item = { key: "k", version: at(WEUR, 7), contentType, size: length, expiresAt: 0, value };
        return {
          kind: "items",
          bytes: length,
          items: [{ kind: "item", item, home: WEUR, version: 1 }],
          many: many(),
        };
      };
    const fits = await read(bench(answerOf(16 * MIB - fixed + 2)).send, of(zero), prefix);
    expect(fits.status).toBe(200);
    expect((await fits.arrayBuffer()).byteLength).toBe(16 * MIB);
    const above = await read(bench(answerOf(16 * MIB - fixed + 3)).send, of(zero), prefix);
    expect(above.status).toBe(413);
  });
});

describe("the request", () => {
  const refusal = async (body: string, headers: Record<string, string> = {}, path = "/v1/read") => {
    const { send, regions } = bench(all);
    const response = await send("POST", path, { body, headers });
    expect(regions.asked).toHaveLength(0);
    return { status: response.status, ...(await problemOf(response)) };
  };
  const body = (...reads: unknown[]): string => JSON.stringify({ reads });

  it.each([
    ["no JSON", "{", "JSON"],
    ["no list", "{}", "reads"],
    ["an empty list", body(), "reads"],
    ["something else beside it", '{"reads":[{"user":"a","key":"b"}],"more":1}', "more"],
    ["a read without a key", body({ user: "a" }), "reads[0].key"],
    ["a read with more", body({ user: "a", key: "b", at: 1 }), "reads[0]"],
    ["a user that is no text", body({ user: "a", key: "b" }, { user: 7, key: "b" }), "reads[1].user"],
    ["an empty user", body({ user: "", key: "b" }), "reads[0].user has 0 bytes"],
    ["a user that is too long", body({ user: "a".repeat(129), key: "b" }), "reads[0].user has 129 bytes"],
    ["an empty key", body({ user: "a", key: "b" }, { user: "a", key: "" }), "reads[1].key has 0 bytes"],
    ["a key that is too long", body({ user: "a", key: "é".repeat(257) }), "reads[0].key has 514 bytes"],
    ["a key of dots", body({ user: "a", key: "x/../y" }), "reads[0].key has a segment"],
    ["a key with an empty segment", body({ user: "a", key: "x//y" }), "reads[0].key has a segment"],
    ["a control character", body({ user: "a", key: "\u0000" }), "reads[0].key contains a control character"],
    ["half a character", '{"reads":[{"user":"a","key":"\\ud800"}]}', "reads[0].key is not valid Unicode"],
    ["more than 100", body(...Array.from({ length: 101 }, () => ({ user: "a", key: "b" }))), "reads"],
  ])("%s is refused", async (_, text, detail) => {
    const refused = await refusal(text);
    expect(refused).toMatchObject({ status: 400, type: "/problems/invalid-request", definite: true });
    expect((refused as { detail?: string }).detail).toContain(detail);
  });

  it("of 100 of the longest users and keys is taken, however they are escaped", async () => {
    const { send } = bench(all);
    const escaped = (text: string, times: number) => `"${text.repeat(times)}"`;
    const one = `{"user":${escaped("\\u0041", 128)},"key":${escaped("\\u0042", 512)}}`;
    const text = `{"reads":[${Array.from({ length: 100 }, () => one).join(",")}]}`;
    expect((await send("POST", "/v1/read", { body: text })).status).toBe(200);
  });

  it("that is larger than any of those is refused unread", async () => {
    const refused = await refusal(" ".repeat(524_289));
    expect(refused).toMatchObject({ status: 400 });
  });

  it.each([
    ["an unknown level", { "Ithaca-Consistency": "most" }],
    ["a token that is not ours", { "Ithaca-Session": "s1.1.x.y" }],
    ["a region that is none", { "Ithaca-Region": "moon" }],
  ])("%s is refused", async (_, headers) => {
    expect(await refusal(body({ user: "a", key: "b" }), headers)).toMatchObject({ status: 400 });
  });

  it("in another namespace asks its replicas; an undeclared one is not there", async () => {
    const { send, regions } = bench(all);
    expect((await read(send, of(zero), prefix, "/v1/ns/other/read")).status).toBe(200);
    expect(regions.asked[0]?.to.namespace).toBe("other");
    expect(await refusal(body({ user: "a", key: "b" }), {}, "/v1/ns/nowhere/read")).toMatchObject({
      status: 404,
    });
  });

  it("takes POST only", async () => {
    const { send } = bench(() => item());
    const response = await send("GET", "/v1/read");
    expect([response.status, response.headers.get("Allow")]).toEqual([405, "POST, OPTIONS"]);
  });
});

describe("who may read", () => {
  const guarded = () => bench(all, { authMode: "jwt", authSecret: SECRET, localDev: false });
  const claims = { sub: zero, read: [`users/${one}/shared/*`] };

  it("own items, public ones, and those that a pattern names", async () => {
    const { send } = guarded();
    const reads = [
      { user: zero, key: "private" },
      { user: two, key: "public/name" },
      { user: one, key: "shared/a" },
    ];
    expect((await read(send, reads, { ...bearer(claims), ...prefix })).status).toBe(200);
  });

  it("one forbidden item refuses all and is named, whether it is there or not", async () => {
    const { send, regions } = guarded();
    const reads = [
      { user: zero, key: "private" },
      { user: one, key: "private/a" },
    ];
    const response = await read(send, reads, bearer(claims));
    expect(response.status).toBe(403);
    expect(await problemOf(response)).toMatchObject({
      type: "/problems/forbidden",
      index: 1,
      user: one,
      key: "private/a",
    });
    expect(regions.asked).toHaveLength(0);
  });

  it("nobody without a token, and nobody in a namespace that the token is not for", async () => {
    const { send } = guarded();
    expect((await read(send, of(zero))).status).toBe(401);
    expect((await read(send, of(zero), bearer(claims), "/v1/ns/other/read")).status).toBe(403);
  });
});
