/** Provocations of what reads and writes items, and of receipts. */
import {
  at,
  body,
  BY_PROBLEM,
  changed,
  nowhere,
  ofNobody,
  path,
  plain,
  well,
  type Provocation,
  type Table,
  type Unprovoked,
} from "./provocation.ts";
import type { Reply } from "../support/http.ts";
import { until, type Asked, type Store } from "../support/store.ts";
import { spoil } from "./losing.ts";
import { reads } from "./sample.ts";
import { AS_JSON, type Sample } from "./stage.ts";

const ofNoItem = path((at) => at.replace("/items/k", "/items/none"));

/** Of an item that is no JSON. */
const ofText = (make: (key: string) => Partial<Sample>): Provocation =>
  well(async (stage, sample) => {
    const key = stage.fresh("text");
    await stage.put(stage.user, key, "not a number", { headers: { "Content-Type": "text/plain" } });
    return stage.ask({ ...sample, ...make(key) });
  });
const transaction = (...writes: readonly object[]) => JSON.stringify({ writes });

/** A deletion of something that is there. */
const ofDeletable = (provocation: Provocation | Unprovoked | undefined): Provocation => {
  if (provocation === undefined || !("ask" in provocation)) throw new Error("cannot be asked");
  return at(provocation.in, async (stage, sample, short) => {
    const key = stage.fresh("d");
    await stage.put(stage.user, key, "to be deleted", { region: "weur", concern: "local" });
    return provocation.ask(stage, { ...sample, path: sample.path.replace("d/1", key) }, short);
  });
};

const ofLost = (key: string, ask: (store: Store, path: string) => Promise<Reply>): Provocation =>
  well((stage) => stage.losing.ask(key, ask));
const settled = (store: Store, path: string, action: "replay" | "discard", asked: Asked = {}) =>
  store.request("POST", path, { timeoutMs: 30_000, body: JSON.stringify({ action }), ...asked });

export const ITEMS: Table = {
  "listItems 200": plain,
  "listItems 404 not-found": ofNobody,

  "getItem 200": plain,
  "getItem 304": well((stage, sample) => stage.ask(sample, { headers: { "If-None-Match": "*" } })),
  "getItem 404 not-found": ofNoItem,

  "getItemHead 200": plain,
  "getItemHead 304": well((stage, sample) => stage.ask(sample, { headers: { "If-None-Match": "*" } })),
  "getItemHead 404 not-found": ofNoItem,

  "putItem 200": plain,
  "putItem 201": path((at, stage) => at.replace("/items/k", `/items/${stage.fresh("new")}`)),
  "putItem 413 value-too-large": body(new Uint8Array(1_048_577)),
  "putItem 404 not-found": nowhere,

  "patchItem 200": plain,
  "patchItem 404 not-found": nowhere,
  "patchItem 409 not-json": ofText((key) => ({ path: `/v1/users/wilma/items/${key}` })),
  "patchItem 413 value-too-large": body(JSON.stringify({ a: "x".repeat(1_048_576) })),
  "patchItem 415 unsupported-media-type": changed(() => AS_JSON),

  "transact 200": plain,
  "transact 404 not-found": nowhere,
  "transact 409 check-failed": body(JSON.stringify({ checks: [{ key: "k", version: null }], writes: [] })),
  "transact 409 not-json": ofText((key) => ({ body: transaction({ op: "merge", key, patch: {} }) })),
  "transact 409 not-a-counter": ofText((key) => ({ body: transaction({ op: "add", key, by: 1 }) })),
  "transact 409 counter-overflow": well(async (stage, sample) => {
    const key = stage.fresh("full");
    const add = (by: string) => stage.ask({ ...sample, body: transaction({ op: "add", key, by }) });
    await add("9223372036854775807");
    return add("1");
  }),
  "transact 413 transaction-too-large": body(
    transaction({ op: "put", key: "large", value: "x".repeat(1_048_576) }),
  ),

  "deleteItem 200": ofDeletable(plain),
  "deleteItem 404 not-found": path((at) => at.replace("/items/d/1", "/items/none")),
  "deleteItem 412 precondition-failed": ofDeletable(BY_PROBLEM["412 precondition-failed"]),
  "deleteItem 429 rpo-bound": ofDeletable(BY_PROBLEM["429 rpo-bound"]),
  "deleteItem 504 write-concern-timeout": ofDeletable(BY_PROBLEM["504 write-concern-timeout"]),

  "readMany 200": plain,
  "readMany 404 not-found": nowhere,
  "readMany 413 answer-too-large": well(async (stage, sample) => {
    const { user } = stage;
    await stage.put(user, "large", new Uint8Array(1_048_576));
    const large = Array.from({ length: 17 }, () => ({ user, key: "large" }));
    return stage.ask({ ...sample, body: reads(...large) });
  }),

  "listDivergent 200": plain,
  "listDivergent 404 not-found": ofNobody,
  "listDivergent 504 read-timeout": well((stage) =>
    stage.losing.askAlone("read", (store, path) =>
      store.request("GET", path.slice(0, path.lastIndexOf("/")), {
        timeoutMs: 1_000,
        headers: { "Ithaca-Read-Concern": "committed" },
      }),
    ),
  ),

  "settleDivergent 200": ofLost("put", (store, path) => settled(store, path, "replay")),
  "settleDivergent 404 not-found": plain,
  "settleDivergent 409 divergent-settled": ofLost("twice", async (store, path) => {
    await settled(store, path, "discard");
    return settled(store, path, "replay");
  }),
  "settleDivergent 409 not-json": ofLost("json", (store, path) => settled(store, path, "replay")),
  "settleDivergent 409 not-a-counter": ofLost("text", async (store, path) => {
    await spoil(store, "text");
    return settled(store, path, "replay");
  }),
  "settleDivergent 409 counter-overflow": ofLost("full", async (store, path) => {
    await spoil(store, "full");
    return settled(store, path, "replay");
  }),
  "settleDivergent 413 transaction-too-large": ofLost("large", (store, path) =>
    settled(store, path, "replay"),
  ),
  "settleDivergent 429 rpo-bound": well((stage) =>
    stage.losing.askAlone("rpo", async (store, path, local) => {
      await until(local, ({ status }) => status === 429);
      return settled(store, path, "discard", { concern: "local" });
    }),
  ),
  "settleDivergent 504 write-concern-timeout": well((stage) =>
    stage.losing.askAlone("slow", (store, path) =>
      settled(store, path, "replay", { concern: "all", timeoutMs: 1_000 }),
    ),
  ),

  "getReceipt 200": plain,
  "getReceipt 404 not-found": path((at, stage) => at.replace(stage.position, "weur.16.999999")),
};
