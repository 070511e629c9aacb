/**
 * States of the world that problems belong to. Faults befall the whole deployment, so the test goes through these one after
 * the other, and within one asks everything that belongs to it side by side.
 */
import { expect } from "vitest";
import { until } from "../support/store.ts";
import { Crowd } from "./crowd.ts";
import { AS_JSON, type Stage } from "./stage.ts";

export const SITUATIONS = ["well", "unled", "stalled", "unconfirmed", "busy", "dark"] as const;

/**
 * `well`: all is well. `unled`: the region that leads is down. `stalled`: it takes requests and answers none. `unconfirmed`: only it is
 * up, so that nothing is held elsewhere. `busy`: as before, and its replica is full of requests that wait. `dark`: no region is up.
 */
export type Situation = (typeof SITUATIONS)[number];

/** Longer than any test: what ends a fault is that it is over here. */
const FOR_MS = 600_000;
const WELL_WITHIN_MS = 60_000;

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
  if (situation === "well") return act();
  let crowd: Crowd | null = null;
  const begin = async (): Promise<T> => {
    // With a fresh lease nobody takes over within the time that requests are given.
    await recover(stage);
    for (const [region, kind] of FAULTS[situation]) {
      const body = JSON.stringify({ kind, region, forMs: FOR_MS });
      const reply = await stage.store.request("PUT", "/v1/faults", { body });
      expect(reply.status, reply.text).toBe(200);
    }
    if (situation === "unconfirmed") await writeAlone(stage);
    if (situation === "busy") {
      crowd = await Crowd.gather(stage);
      await crowd.fills(stage.user);
    }
    return act();
  };
  const end = async (): Promise<void> => {
    const ended = await stage.store.request("DELETE", "/v1/faults");
    expect(ended.status, ended.text).toBe(200);
    await crowd?.isGone();
    await recover(stage);
  };
  const [acted] = await Promise.allSettled([begin()]);
  const [ended] = await Promise.allSettled([end()]);
  // What cannot be put in order again may follow from what went wrong before, and is not to hide it.
  if (acted.status === "rejected" && ended.status === "rejected")
    throw new AggregateError([acted.reason, ended.reason], `${situation}: failed, and is not well again`);
  if (acted.status === "rejected") throw acted.reason;
  if (ended.status === "rejected") throw ended.reason;
  return acted.value;
}

/** What only one region holds: the item that reads will ask for. */
async function writeAlone({ store, user }: Stage): Promise<void> {
  const reply = await store.put(user, "k", '{"a":2}', { region: "weur", concern: "local", ...AS_JSON });
  expect(reply.status, reply.text).toBe(200);
}

async function recover({ store, user }: Stage): Promise<void> {
  const written = await until(
    () => store.put(user, "well-again", "x", { concern: "all", region: "weur" }),
    ({ status }) => status < 300,
    WELL_WITHIN_MS,
  );
  expect(written.status, written.text).toBeLessThan(300);
}
