/** The store as its users meet it, and nothing of the code behind. */
import { expect } from "vitest";
import { send, type Listed, type Reply } from "./http.ts";

export const REGIONS = ["weur", "enam", "apac"] as const;
export type RegionId = (typeof REGIONS)[number];
export type Level =
  | "user"
  | "strong"
  | "session"
  | "prefix"
  | "eventual"
  | `bounded; max-staleness-ms=${number}`;

/** What a request says beside its method and path. */
export interface Asked {
  readonly region?: RegionId;
  readonly level?: Level;
  readonly session?: string | null;
  readonly concern?: "local" | "one" | "majority" | "all";
  readonly idempotencyKey?: string;
  readonly timeoutMs?: number;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

export class Store {
  readonly url: string;

  /** `url`: without a slash at its end. */
  constructor(url: string) {
    this.url = url;
  }

  request(method: string, path: string, asked: Asked = {}): Promise<Reply> {
    const { body } = asked;
    const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
    const length = bytes === undefined ? {} : { "Content-Length": String(bytes.byteLength) };
    return send(this.url, method, path, {
      headers: { ...headersOf(asked), ...length },
      parts: bytes === undefined ? [] : [bytes],
    });
  }

  get(user: string, key: string, asked?: Asked): Promise<Reply> {
    return this.request("GET", itemPath(user, key), asked);
  }

  put(user: string, key: string, body: string | Uint8Array<ArrayBuffer>, asked?: Asked): Promise<Reply> {
    return this.request("PUT", itemPath(user, key), { ...asked, body });
  }

  delete(user: string, key: string, asked?: Asked): Promise<Reply> {
    return this.request("DELETE", itemPath(user, key), asked);
  }

  list(user: string, query = "", asked?: Asked): Promise<Reply> {
    return this.request("GET", `/v1/users/${encodeURIComponent(user)}/items${query}`, asked);
  }

  /** Makes `region` the home of a user who has none; answers the user's partition. */
  async settle(user: string, region: RegionId): Promise<number> {
    const path = `/v1/users/${encodeURIComponent(user)}/home`;
    const reply = await this.request("PUT", path, { body: JSON.stringify({ region }) });
    expect(reply.home.home).toBe(region);
    return reply.home.partition;
  }
}

export function itemPath(user: string, key: string): string {
  return `/v1/users/${encodeURIComponent(user)}/items/${key.split("/").map(encodeURIComponent).join("/")}`;
}

function headersOf(asked: Asked): Record<string, string> {
  const { region, level, session, concern, idempotencyKey, timeoutMs, token } = asked;
  return {
    ...(region === undefined ? {} : { "Ithaca-Region": region }),
    ...(level === undefined ? {} : { "Ithaca-Consistency": level }),
    ...(session === undefined || session === null ? {} : { "Ithaca-Session": session }),
    ...(concern === undefined ? {} : { "Ithaca-Write-Concern": concern }),
    ...(idempotencyKey === undefined ? {} : { "Idempotency-Key": idempotencyKey }),
    ...(timeoutMs === undefined ? {} : { "Ithaca-Timeout-Ms": String(timeoutMs) }),
    ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    ...asked.headers,
  };
}

export interface Version {
  readonly origin: string;
  readonly epoch: bigint;
  readonly seq: bigint;
}

export function versionOf(text: string): Version {
  const [origin = "", epoch = "", seq = ""] = text.replaceAll('"', "").split(".");
  return { origin, epoch: BigInt(epoch), seq: BigInt(seq) };
}

/** Of two versions out of one log: negative where `a` is the older. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [versionOf(a), versionOf(b)];
  expect(left.origin, "versions of one log").toBe(right.origin);
  if (left.epoch !== right.epoch) return left.epoch < right.epoch ? -1 : 1;
  return left.seq === right.seq ? 0 : left.seq < right.seq ? -1 : 1;
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Asks again until the answer is good; after a generous while the last answer, for the caller's assertion to fail on. */
export async function until<T>(
  probe: () => Promise<T>,
  good: (value: T) => boolean,
  withinMs = 30_000,
): Promise<T> {
  const end = Date.now() + withinMs;
  for (;;) {
    const value = await probe();
    if (good(value) || Date.now() > end) return value;
    await pause(50);
  }
}

/** Every page of a list. */
export async function listAll(store: Store, user: string, asked: Asked = {}): Promise<Listed[]> {
  const items: Listed[] = [];
  let cursor: string | undefined;
  do {
    const after = cursor === undefined ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const reply = await store.list(user, `?limit=1000&values=true${after}`, asked);
    if (reply.problemName === "not-found") return items;
    const { page } = reply;
    items.push(...page.items);
    ({ cursor } = page);
  } while (cursor !== undefined);
  return items;
}

/** All regions come to show the same of this user, each out of its own replica, and what the leader shows. */
export async function converge(store: Store, user: string, withinMs?: number): Promise<readonly Listed[]> {
  const truth = await listAll(store, user);
  for (const region of REGIONS) {
    const shown = await until(
      async () => {
        const reply = await store.list(user, "?limit=1000&values=true", { region, level: "eventual" });
        return { servedBy: reply.servedBy, items: reply.status === 200 ? reply.page.items : [] };
      },
      ({ servedBy, items }) => servedBy === region && JSON.stringify(items) === JSON.stringify(truth),
      withinMs,
    );
    expect(shown).toEqual({ servedBy: region, items: truth });
  }
  return truth;
}
