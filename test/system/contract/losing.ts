/**
 * A deployment in which writes were lost, and what is asked about them. Each of these changes the world of the others, so they go one
 * after the other.
 */
import { expect } from "vitest";
import type { Reply } from "../support/http.ts";
import { startRuntime, type Runtime } from "../support/runtime.ts";
import { ALONE, fault, healed, listed, loseIn, type Divergent } from "../support/loss.ts";
import { until, type Asked, type Store } from "../support/store.ts";

const USER = "loser";
const AS_PATCH = { "Content-Type": "application/merge-patch+json" } as const;
const AS_JSON = { "Content-Type": "application/json" } as const;
const AS_TEXT = { "Content-Type": "text/plain" } as const;
const LARGE = "x".repeat(600_000);

/** How old a write without a majority may be there before the next at `local` is refused. */
const RPO_MS = 6_000;

export class Losing {
  readonly #begun: Promise<{ readonly runtime: Runtime; readonly lost: readonly Divergent[] }>;
  #last: Promise<unknown> = Promise.resolve();

  constructor(vars: Readonly<Record<string, string>>) {
    this.#begun = begin({ ...vars, LEASE_MS: "6000", COOLDOWN_MS: "0", RPO_MS_MAX: String(RPO_MS) });
    // Whoever asks hears of it.
    this.#begun.catch(() => {});
  }

  /** Asks about the lost write of this key. */
  ask(key: string, ask: (store: Store, path: string) => Promise<Reply>): Promise<Reply> {
    const asked = this.#last.then(async () => {
      const { runtime, lost } = await this.#begun;
      const entry = lost.find((each) => each.key === key);
      expect(entry, `the lost write of ${key}`).toBeDefined();
      return ask(runtime.store, `/v1/users/${USER}/divergent/${entry?.id}`);
    });
    this.#last = asked.catch(() => {});
    return asked;
  }

  /** The same, while only the region that leads is up and something is not held elsewhere: `read`. */
  askAlone(key: string, ask: (store: Store, path: string, local: Local) => Promise<Reply>): Promise<Reply> {
    return this.ask(key, async (store, path) => {
      const leading = await put(store, "other", "1", {});
      const region = leading.receipt.leader as "weur" | "enam" | "apac";
      for (const other of (["weur", "enam", "apac"] as const).filter((each) => each !== region))
        await fault(store, "down", other);
      try {
        const local = () => put(store, "read", "1", { region, concern: "local" });
        await local();
        return await ask(store, path, local);
      } finally {
        await healed(store);
        await until(
          () => put(store, "other", "2", { concern: "all" }),
          ({ status }) => status < 300,
        );
      }
    });
  }

  async end(): Promise<void> {
    const { runtime } = await this.#begun;
    await runtime.stop();
  }
}

/** Another write that nobody else will hold. */
export type Local = () => Promise<Reply>;

function put(store: Store, key: string, body: string, asked: Asked): Promise<Reply> {
  return store.put(USER, key, body, { timeoutMs: 30_000, ...asked });
}

async function begin(vars: Readonly<Record<string, string>>) {
  const runtime = await startRuntime(vars);
  const { store } = runtime;
  await store.settle(USER, "weur");
  for (const key of ["json", "large"]) await put(store, key, "{}", { headers: AS_JSON, concern: "all" });
  const keys = ["put", "twice", "rpo", "slow", "read"];
  const counters = ["text", "full"];
  await loseIn(store, USER, async () => {
    const patch = (key: string, members: object) =>
      store.request("PATCH", `/v1/users/${USER}/items/${key}`, {
        ...ALONE,
        headers: AS_PATCH,
        body: JSON.stringify(members),
      });
    const writes = counters.map((key) => ({ op: "add", key, by: 1 }));
    const body = JSON.stringify({ writes });
    // At once: only as long as the lease lasts.
    const replies = await Promise.all([
      ...keys.map((key) => put(store, key, "lost", ALONE)),
      patch("json", { x: 1 }),
      patch("large", { x: LARGE }),
      store.request("POST", `/v1/users/${USER}/transactions`, { ...ALONE, body }),
    ]);
    for (const { status, text } of replies) expect(status, text).toBeLessThan(300);
  });
  await healed(store);
  const lost = await listed(store, USER, keys.length + counters.length + 2);
  await put(store, "json", "text", { headers: AS_TEXT });
  await put(store, "large", JSON.stringify({ y: LARGE }), { headers: AS_JSON });
  return { runtime, lost };
}

/** Of the two counters, which one transaction had: one of them does not count any more. */
export async function spoil(store: Store, key: "text" | "full"): Promise<void> {
  const other = key === "text" ? "full" : "text";
  await put(store, other, "0", { headers: AS_TEXT });
  await put(store, key, key === "text" ? "not a number" : "9223372036854775807", { headers: AS_TEXT });
}
