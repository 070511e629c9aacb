/** Losing writes on purpose: what a region acknowledges alone, before another one takes its logs over. */
import { expect } from "vitest";
import type { Reply } from "./http.ts";
import { until, type Asked, type RegionId, type Store } from "./store.ts";

/** Who writes in weur while weur is cut off. */
export const ALONE = { region: "weur", concern: "local" } as const;
const FOR_MS = 120_000;

export interface Divergent {
  readonly id: string;
  readonly position: string;
  readonly key: string;
  readonly op: string;
  readonly value?: unknown;
  readonly valueBase64?: string;
  readonly patch?: unknown;
  readonly by?: string;
  readonly base: StateOfItem | null;
  readonly current: StateOfItem;
  readonly cause: { readonly epoch: string; readonly leader: string; readonly cutIn: string };
  readonly state: string;
  readonly settledBy?: string;
}

interface StateOfItem {
  readonly found: boolean;
  readonly version?: string;
  readonly value?: unknown;
  readonly valueBase64?: string;
}

export async function fault(store: Store, kind: string, region: RegionId): Promise<void> {
  const body = JSON.stringify({ kind, region, forMs: FOR_MS });
  const reply = await store.request("PUT", "/v1/faults", { body });
  expect(reply.status, reply.text).toBe(200);
}

export async function healed(store: Store): Promise<void> {
  const reply = await store.request("DELETE", "/v1/faults");
  expect(reply.status, reply.text).toBe(200);
}

/** The user is at home in weur. `write` is done in weur alone and lost; answers once another region leads, with weur still cut off. */
export async function loseIn(store: Store, user: string, write: () => Promise<unknown>): Promise<void> {
  const firm = await store.put(user, "firm", "1", { region: "weur", concern: "all", timeoutMs: 30_000 });
  expect(firm.receipt.leader, firm.text).toBe("weur");
  await fault(store, "isolate", "weur");
  await write();
  const after = await until(
    () => store.put(user, "firm", "2", { region: "enam", concern: "majority", timeoutMs: 10_000 }),
    ({ status }) => status === 200,
  );
  expect(after.receipt.leader, after.text).not.toBe("weur");
}

export function divergentOf(store: Store, user: string, asked: Asked = {}): Promise<Reply> {
  return store.request("GET", `/v1/users/${user}/divergent`, asked);
}

/** What a region itself shows, once it shows so many. */
export async function listed(
  store: Store,
  user: string,
  count: number,
  asked: Asked = {},
): Promise<readonly Divergent[]> {
  const entriesIn = (reply: Reply) =>
    reply.status === 200 ? (reply.members["entries"] as readonly Divergent[]) : [];
  const entries = await until(
    async () => entriesIn(await divergentOf(store, user, asked)),
    (found) => found.length === count,
  );
  expect(entries.map(({ key }) => key)).toHaveLength(count);
  return entries;
}

export function settle(
  store: Store,
  user: string,
  id: string,
  action: "replay" | "discard",
  asked: Asked = {},
): Promise<Reply> {
  const body = JSON.stringify({ action });
  return store.request("POST", `/v1/users/${user}/divergent/${id}`, { body, ...asked });
}
