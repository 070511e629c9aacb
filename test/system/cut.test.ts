/**
 * Somebody who sees an answer also sees the question, over the real runtime: the two users live in different regions and
 * partitions, and where the reader is the answer arrives early and the question late.
 */
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { startRuntime, type Runtime } from "./support/runtime.ts";
import type { Reply } from "./support/http.ts";
import { until, type Asked, type Level, type Store } from "./support/store.ts";

const PLENTY_MS = 20_000;

let runtime: Runtime;
let store: Store;
/** At home in weur, in apac, and in enam; the first two in different partitions. */
let asker = "";
let answerer = "";
const reader = "reader";

beforeAll(async () => {
  runtime = await startRuntime({ PARTITIONS: "3", ANCHORS: "weur,enam,apac", LEASE_MS: "15000" });
  ({ store } = runtime);
  asker = "asker";
  const partition = await store.settle(asker, "weur");
  for (let n = 0; answerer === ""; n++) {
    if ((await store.settle(`answerer-${n}`, "apac")) !== partition) answerer = `answerer-${n}`;
  }
  await store.settle(reader, "enam");
  for (const user of [asker, answerer, reader]) await store.put(user, "before", "1", { concern: "all" });
});
afterEach(async () => {
  await store.request("DELETE", "/v1/faults");
});
afterAll(() => runtime.stop());

interface Shown {
  readonly user: string;
  readonly key: string;
  readonly found: boolean;
  readonly version?: string;
  readonly contentType?: string;
  readonly value?: unknown;
  readonly valueBase64?: string;
}

function read(reads: readonly (readonly [user: string, key: string])[], asked: Asked = {}): Promise<Reply> {
  const body = JSON.stringify({ reads: reads.map(([user, key]) => ({ user, key })) });
  return store.request("POST", "/v1/read", { timeoutMs: PLENTY_MS, ...asked, body });
}

function shownIn(reply: Reply): readonly Shown[] {
  expect(reply.status, reply.text).toBe(200);
  return reply.members["items"] as Shown[];
}

/** The asker asks in weur; the answerer reads that in apac, and answers there. */
async function converse(n: number): Promise<void> {
  const question = await store.put(asker, `q${n}`, `"question ${n}"`, {
    region: "weur",
    headers: { "Content-Type": "application/json" },
  });
  expect(question.status, question.text).toBe(201);
  const seen = await until(
    () => store.get(asker, `q${n}`, { region: "apac", level: "eventual" }),
    ({ status }) => status === 200,
  );
  const answer = await store.put(answerer, `a${n}`, `"answer ${n}"`, {
    region: "apac",
    session: seen.session,
    headers: { "Content-Type": "application/json" },
  });
  expect(answer.status, answer.text).toBe(201);
  await until(
    () => store.get(answerer, `a${n}`, { region: "enam", level: "eventual" }),
    ({ status }) => status === 200,
  );
}

async function fault(kind: string, more: object = {}): Promise<void> {
  const body = JSON.stringify({ kind, region: "weur", peer: "enam", forMs: 120_000, ...more });
  const reply = await store.request("PUT", "/v1/faults", { body });
  expect(reply.status, reply.text).toBe(200);
}

const LEVELS: readonly Level[] = ["prefix", "session", "user", "strong", "bounded; max-staleness-ms=60000"];

test("where the question is late, every level but eventual waits for it", async () => {
  await fault("delay", { ms: 900 });
  let late = 0;
  for (const [n, level] of LEVELS.entries()) {
    const { session } = await store.put(reader, "mine", String(n), { region: "enam" });
    await converse(n);
    const pair = [
      [answerer, `a${n}`],
      [asker, `q${n}`],
    ] as const;
    const [loose, cut] = await Promise.all([
      read(pair, { region: "enam", level: "eventual" }),
      read(pair, { region: "enam", level, session, headers: { "Ithaca-Explain": "1" } }),
    ]);
    const [answer, question] = shownIn(cut);
    expect([level, answer, question]).toEqual([
      level,
      expect.objectContaining({ user: answerer, found: true, value: `answer ${n}` }),
      expect.objectContaining({ user: asker, found: true, value: `question ${n}` }),
    ]);
    // At eventual each is shown as it is at hand: that is how it is seen that there was something to wait for.
    const [looseAnswer, looseQuestion] = shownIn(loose);
    if (looseAnswer?.found === true && looseQuestion?.found === false) late += 1;
    // Whoever saw the cut has both in their token: a near read right after shows the question too.
    const after = await store.get(asker, `q${n}`, {
      region: "enam",
      level: "session",
      session: cut.session,
      timeoutMs: PLENTY_MS,
    });
    expect(after.status, after.text).toBe(200);
  }
  expect(late, "the question was never late").toBeGreaterThan(0);
});

test("where the two regions do not reach each other, there is a cut or no answer", async () => {
  await fault("partition");
  const n = 100;
  const { session } = await store.put(reader, "mine", "again", { region: "enam" });
  await converse(n);
  const pair = [
    [answerer, `a${n}`],
    [asker, `q${n}`],
  ] as const;
  for (const level of ["prefix", "session"] as const) {
    const cut = await read(pair, { region: "enam", level, session, timeoutMs: 5_000 });
    if (cut.status !== 200) {
      expect([503, 504], cut.text).toContain(cut.status);
      expect(cut.problem).toMatchObject({ definite: true, retryable: true });
      continue;
    }
    expect(shownIn(cut).map(({ found }) => found)).toEqual([true, true]);
  }
  const stale = await read(pair, {
    region: "enam",
    level: "user",
    timeoutMs: 3_000,
    headers: { "Ithaca-On-Unreachable": "stale" },
  });
  expect(stale.header("Ithaca-Anchored")).toBe("no");
  expect(shownIn(stale)).toHaveLength(2);
});

test("many items of many users are answered in the order asked, with what was stored", async () => {
  const users = Array.from({ length: 8 }, (_, n) => `many-${n}`);
  await Promise.all(
    users.map((user, n) =>
      store.put(user, "k", n % 2 === 0 ? `{"n":${n},"big":12345678901234567890}` : Uint8Array.of(n, 255), {
        region: "weur",
        headers: { "Content-Type": n % 2 === 0 ? "application/json" : "image/png" },
      }),
    ),
  );
  const asked = [
    ...users.map((user) => [user, "k"] as const),
    ["nobody-yet", "k"] as const,
    [users[0]!, "none"] as const,
  ];
  const reply = await read(asked, { region: "weur", headers: { "Ithaca-Explain": "1" } });
  const shown = shownIn(reply);
  expect(shown.map(({ user, key }) => [user, key])).toEqual(asked);
  expect(shown.map(({ found }) => found)).toEqual([...users.map(() => true), false, false]);
  expect(reply.text).toContain('"value":{"n":0,"big":12345678901234567890}');
  expect(shown[1]).toMatchObject({ contentType: "image/png", valueBase64: "Af8=" });
  const single = await store.get(users[0]!, "k");
  expect(`"${shown[0]?.version}"`).toBe(single.header("ETag"));
  // Now that the homes are known and nothing is missing: one call for each partition, all in one round.
  const again = await read(asked.slice(0, 8), { region: "weur", headers: { "Ithaca-Explain": "1" } });
  const trace = JSON.parse(again.header("Ithaca-Trace")) as {
    rounds: number;
    calls: number;
    parts: unknown[];
  };
  expect(trace).toMatchObject({ rounds: 1, calls: trace.parts.length });
  expect(trace.calls).toBeLessThanOrEqual(3);
  expect(again.servedBy).toBe("weur");
});
