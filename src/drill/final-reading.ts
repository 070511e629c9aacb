/**
 * When all is over: what every region holds of every user of the drill, each out of its own replica; every user's changes at every
 * region; and the list of divergent writes. Read again and again until all regions show the same, or patience ends; what is
 * read last is judged, as it is.
 */
import { HEADER } from "../api/header.ts";
import type { LogEntry } from "../checker/authority.ts";
import type { ReplicaState, StoredItem } from "../checker/convergence.ts";
import type { FeedReading } from "../checker/feed.ts";
import { canonical, type Json } from "../checker/operation.ts";
import { jsonOf, sayProblem, type Caller } from "./caller.ts";
import { checksumsOf } from "./checksums.ts";
import { wholeFeed } from "./change-reader.ts";
import type { Member } from "./cohort.ts";
import { pause } from "./device.ts";
import { shownOf } from "./hearing.ts";
import { look, type RegionView } from "./watch.ts";

/** A write that a failover cut off, as the store lists it. */
export interface DivergentWrite extends LogEntry {
  readonly id: string;
  readonly state: string;
}

/** `unknown`: this deployment does not say, which is not the same as none. */
export type Divergent =
  | {
      readonly known: true;
      readonly writes: readonly DivergentWrite[];
      readonly disagreements: readonly string[];
    }
  | { readonly known: false; readonly reason: string };

export interface FinalReading {
  readonly replicas: readonly ReplicaState[];
  readonly feeds: readonly FeedReading[];
  /** Of each user, the longest reading of the feed that any region gave. */
  readonly entries: readonly LogEntry[];
  readonly divergent: Divergent;
  /** What could not be read. */
  readonly unread: readonly string[];
  readonly convergedMs: number | undefined;
}

export interface FinalReadingOptions {
  readonly caller: Caller;
  readonly members: readonly Member[];
  readonly regions: readonly string[];
  readonly patienceMs: number;
  /** Positions that were acknowledged, by user: the reading is not over while one is in neither list. */
  readonly acknowledged: ReadonlyMap<string, ReadonlySet<string>>;
  /** Nobody but the drill uses the store: all logs have to come to the same end. */
  readonly alone: boolean;
}

const PAUSE_MS = 500;

export async function readFinally(options: FinalReadingOptions): Promise<FinalReading> {
  const began = performance.now();
  for (;;) {
    const reading = await readOnce(options);
    const elapsed = performance.now() - began;
    if (isSettled(reading, options)) return { ...reading, convergedMs: elapsed };
    if (elapsed > options.patienceMs) return reading;
    await pause(PAUSE_MS);
  }
}

async function readOnce({ caller, members, regions, alone }: FinalReadingOptions): Promise<FinalReading> {
  const unread: string[] = [];
  const held = await Promise.all(
    regions.map(async (region) => {
      const users = await Promise.all(members.map((member) => itemsOf(caller, member, region)));
      members.forEach(({ user }, n) => {
        if (users[n] === undefined) unread.push(`items of ${user} in ${region}`);
      });
      return { region, users };
    }),
  );
  const views = await look(caller, regions[0]);
  if (views === undefined) unread.push("what regions say of their logs");
  const replicas = held
    .flatMap(({ region, users }) => statesOf(region, members, users))
    .map((state) => ({ ...state, checksum: checksumOf(state, views ?? [], alone) }));
  const feeds: FeedReading[] = [];
  const entries: LogEntry[] = [];
  for (const { user } of members) {
    const told = await Promise.all(regions.map((region) => wholeFeed(caller, user, region)));
    let longest: readonly LogEntry[] = [];
    told.forEach((reading, n) => {
      const region = regions[n] ?? "";
      if (reading === undefined) unread.push(`changes of ${user} in ${region}`);
      else feeds.push({ reader: `changes in ${region}`, user, after: null, told: reading, complete: true });
      if ((reading?.length ?? 0) > longest.length) longest = reading ?? [];
    });
    entries.push(...longest);
  }
  const divergent = await readDivergent(caller, members, regions);
  return { replicas, feeds, entries, divergent, unread, convergedMs: undefined };
}

function checksumOf(
  { region, partition }: ReplicaState,
  views: readonly RegionView[],
  alone: boolean,
): string | undefined {
  return checksumsOf(views, Number(partition), alone).get(region);
}

function isSettled(reading: FinalReading, { regions, acknowledged }: FinalReadingOptions): boolean {
  if (reading.unread.length > 0) return false;
  const byPartition = Map.groupBy(reading.replicas, ({ partition }) => partition);
  for (const states of byPartition.values()) {
    const texts = new Set(states.map(({ items }) => canonical(items as unknown as Json)));
    if (texts.size > 1 || states.length !== regions.length) return false;
    if (new Set(states.map(({ checksum }) => checksum)).size > 1) return false;
  }
  for (const feeds of Map.groupBy(reading.feeds, ({ user }) => user).values()) {
    if (new Set(feeds.map(({ told }) => told.length)).size > 1) return false;
  }
  if (!reading.divergent.known) return true;
  if (reading.divergent.disagreements.length > 0) return false;
  const found = new Set(
    [...reading.entries, ...reading.divergent.writes].map(({ user, position }) => `${user} ${position}`),
  );
  return [...acknowledged].every(([user, positions]) =>
    [...positions].every((position) => found.has(`${user} ${position}`)),
  );
}

/** Out of that region's own replica, whatever it holds. */
async function itemsOf(caller: Caller, { user }: Member, region: string): Promise<StoredItem[] | undefined> {
  const items: StoredItem[] = [];
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({
      limit: "1000",
      values: "true",
      ...(cursor === undefined ? {} : { cursor }),
    });
    const reply = await caller.ask({
      method: "GET",
      path: `/v1/users/${encodeURIComponent(user)}/items?${query.toString()}`,
      headers: { [HEADER.region]: region, [HEADER.consistency]: "eventual" },
    });
    if (reply?.status === 404) return items;
    const body = jsonOf(reply);
    if (reply?.status !== 200 || !Array.isArray(body["items"])) return undefined;
    // The near replica was silent and another one stood in: that says nothing about this one.
    if (reply.headers.get(HEADER.servedBy) !== region) return undefined;
    for (const listed of body["items"] as Parameters<typeof shownOf>[0][]) {
      const { key, version, value } = shownOf(listed);
      items.push({ user, key, version: version ?? "", value });
    }
    cursor = typeof body["cursor"] === "string" ? body["cursor"] : undefined;
  } while (cursor !== undefined);
  return items;
}

function statesOf(
  region: string,
  members: readonly Member[],
  users: readonly (readonly StoredItem[] | undefined)[],
): ReplicaState[] {
  const indexed = members.map(({ partition }, n) => ({ partition, items: users[n] }));
  return [...Map.groupBy(indexed, ({ partition }) => partition)].flatMap(
    ([partition, own]): ReplicaState[] => {
      if (own.some(({ items }) => items === undefined)) return [];
      return [{ region, partition: String(partition), items: own.flatMap(({ items = [] }) => items) }];
    },
  );
}

async function readDivergent(
  caller: Caller,
  members: readonly Member[],
  regions: readonly string[],
): Promise<Divergent> {
  const writes: DivergentWrite[] = [];
  const disagreements: string[] = [];
  for (const { user } of members) {
    const lists = await Promise.all(regions.map((region) => divergentOf(caller, user, region)));
    const missing = lists.find((list) => typeof list === "string");
    if (typeof missing === "string") return { known: false, reason: missing };
    const [first = [], ...others] = lists.filter((list) => typeof list !== "string");
    others.forEach((list, n) => {
      if (namesOf(list) !== namesOf(first))
        disagreements.push(
          `divergent writes of ${user}: ${regions[0]} lists ${namesOf(first) || "none"}, ${regions[n + 1]} lists ${namesOf(list) || "none"}`,
        );
    });
    writes.push(...[first, ...others].reduce((a, b) => (b.length > a.length ? b : a)));
  }
  return { known: true, writes, disagreements };
}

function namesOf(list: readonly DivergentWrite[]): string {
  return list
    .map(({ position, key }) => `${position} ${key}`)
    .toSorted()
    .join(", ");
}

interface DivergentBody {
  readonly id: string;
  readonly position: string;
  readonly key: string;
  readonly op: LogEntry["op"];
  readonly value?: Json;
  readonly state: string;
}

/** As that region's own replica has it. In words, where the list cannot be had. */
async function divergentOf(caller: Caller, user: string, region: string): Promise<DivergentWrite[] | string> {
  const writes: DivergentWrite[] = [];
  let cursor: string | undefined;
  do {
    const query = new URLSearchParams({ limit: "1000", ...(cursor === undefined ? {} : { cursor }) });
    const reply = await caller.ask({
      method: "GET",
      path: `/v1/users/${encodeURIComponent(user)}/divergent?${query.toString()}`,
      headers: { [HEADER.region]: region, [HEADER.consistency]: "eventual" },
    });
    const body = jsonOf(reply);
    if (reply?.status !== 200 || !Array.isArray(body["entries"]))
      return `GET /v1/users/{user}/divergent: ${sayProblem(reply)}`;
    for (const { id, position, key, op, value, state } of body["entries"] as readonly DivergentBody[])
      writes.push({ id, state, user, position, key, op, value });
    cursor = typeof body["cursor"] === "string" ? body["cursor"] : undefined;
  } while (cursor !== undefined);
  return writes;
}
