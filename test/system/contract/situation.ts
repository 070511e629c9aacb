/**
 * States of the world that problems belong to. Faults befall the whole deployment, so the test goes through these one after
 * the other, and within one asks everything that belongs to it side by side.
 */
import { expect } from "vitest";
import { until } from "../support/store.ts";
import { AS_JSON, PENDING_MAX, type Stage } from "./stage.ts";

export const SITUATIONS = ["well", "unled", "stalled", "unconfirmed", "busy", "dark"] as const;

/**
 * `well`: all is well. `unled`: the region that leads is down. `stalled`: it takes requests and answers none. `unconfirmed`: only it is
 * up, so that nothing is held elsewhere. `busy`: as before, and its replica is full of requests that wait. `dark`: no region is up.
 */
export type Situation = (typeof SITUATIONS)[number];

const FOR_MS = 120_000;

/** By situation: regions and what befalls them. */
const FAULTS: Readonly<Record<Situation, readonly (readonly [region: string, kind: string])[]>> = {
  well: [],
  unled: [["weur", "down"]],
  stalled: [["weur", "stall"]],
  unconfirmed: [
    ["enam", "down"],
    ["apac", "down"],
  ],
  busy: [
    ["enam", "down"],
    ["apac", "down"],
  ],
  dark: [
    ["weur", "down"],
    ["enam", "down"],
    ["apac", "down"],
  ],
};

/** Runs `act` while it is so, and puts everything in order again. */
export async function during<T>(stage: Stage, situation: Situation, act: () => Promise<T>): Promise<T> {
  let crowd: Promise<unknown> = Promise.resolve();
  try {
    // With a fresh lease nobody takes over within the second that requests are given.
    if (situation !== "well") await recover(stage);
    for (const [region, kind] of FAULTS[situation]) {
      const body = JSON.stringify({ kind, region, forMs: FOR_MS });
      const reply = await stage.store.request("PUT", "/v1/faults", { body });
      expect(reply.status, reply.text).toBe(200);
    }
    if (situation === "unconfirmed") await writeAlone(stage);
    if (situation === "busy") crowd = (await fill(stage)).gone;
    return await act();
  } finally {
    const ended = await stage.store.request("DELETE", "/v1/faults");
    expect(ended.status, ended.text).toBe(200);
    await crowd;
    if (situation !== "well") await recover(stage);
  }
}

/** What only one region holds: the item that reads will ask for. */
async function writeAlone({ store, user }: Stage): Promise<void> {
  const reply = await store.put(user, "k", '{"a":2}', { region: "weur", concern: "local", ...AS_JSON });
  expect(reply.status, reply.text).toBe(200);
}

/**
 * More writes than the replica keeps, all waiting for regions that are down. Answers once it says so. Four times as many: the edge
 * asks for a slice of their time at once, and between two slices they wait elsewhere.
 */
async function fill({ store, user }: Stage): Promise<{ readonly gone: Promise<unknown> }> {
  const crowd = Array.from({ length: 4 * PENDING_MAX }, (_, at) =>
    store.put(user, `crowd/${at}`, "x", { region: "weur", concern: "all", timeoutMs: 30_000 }),
  );
  const full = await until(
    () => store.get(user, "k", { region: "weur", timeoutMs: 500 }),
    (reply) => reply.problemName === "overloaded",
    20_000,
  );
  expect(full.problemName).toBe("overloaded");
  return { gone: Promise.all(crowd) };
}

async function recover({ store, user }: Stage): Promise<void> {
  const written = await until(
    () => store.put(user, "well-again", "x", { concern: "all", region: "weur" }),
    ({ status }) => status < 300,
  );
  expect(written.status, written.text).toBeLessThan(300);
}
