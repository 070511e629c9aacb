/** For every operation a request that is right. `user` has the item `k`, JSON, and is at home in weur. */
import { AS_JSON, type Sample, type Stage } from "./stage.ts";

export type Samples = Readonly<Record<string, (stage: Stage) => Sample>>;

const of = (user: string, tail: string) => `/v1/users/${user}${tail}`;

const FAULT = JSON.stringify({ kind: "delay", region: "enam", peer: "apac", ms: 1, forMs: 60_000 });

const AS_PATCH = { headers: { "Content-Type": "application/merge-patch+json" } } as const;

const AS_LINES = { headers: { "Content-Type": "application/x-ndjson" } } as const;

const AS_SOCKET = {
  headers: {
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
  },
} as const;

const TRANSACTION = JSON.stringify({
  checks: [{ key: "never", version: null }],
  writes: [
    { op: "put", key: "t/1", value: { a: 1 } },
    { op: "put", key: "t/2", valueBase64: "aGk=", contentType: "text/plain", expiresInS: 600 },
    { op: "merge", key: "t/1-merged", patch: { b: 2 } },
    { op: "add", key: "t/count", by: "1" },
    { op: "delete", key: "t/none" },
  ],
});

export function reads(...asked: readonly { readonly user: string; readonly key: string }[]): string {
  return JSON.stringify({ reads: asked });
}

export const SAMPLES: Samples = {
  listItems: ({ user }) => ({ method: "GET", path: of(user, "/items?prefix=k&limit=2&values=true") }),
  getItem: ({ user }) => ({ method: "GET", path: of(user, "/items/k") }),
  getItemHead: ({ user }) => ({ method: "HEAD", path: of(user, "/items/k") }),
  putItem: ({ user }) => ({ method: "PUT", path: of(user, "/items/k"), body: '{"a":1}', ...AS_JSON }),
  patchItem: ({ user }) => ({ method: "PATCH", path: of(user, "/items/k"), body: '{"b":2}', ...AS_PATCH }),
  transact: ({ user }) => ({
    method: "POST",
    path: of(user, "/transactions"),
    body: TRANSACTION,
    ...AS_JSON,
  }),
  deleteItem: ({ user }) => ({ method: "DELETE", path: of(user, "/items/d/1") }),
  readMany: ({ user }) => ({
    method: "POST",
    path: "/v1/read",
    body: reads({ user, key: "k" }, { user, key: "none" }),
    ...AS_JSON,
  }),
  listChanges: ({ user }) => ({ method: "GET", path: of(user, "/changes?limit=2&values=true") }),
  openLive: ({ user }) => ({ method: "GET", path: of(user, "/live"), ...AS_SOCKET }),
  createTicket: ({ user }) => ({
    method: "POST",
    path: "/v1/tickets",
    body: JSON.stringify({ path: of(user, "/live") }),
    ...AS_JSON,
  }),
  exportItems: ({ user }) => ({ method: "GET", path: of(user, "/export?after=j") }),
  importItems: (stage) => ({
    method: "POST",
    path: of(stage.user, "/import"),
    body: `{"key":"${stage.fresh("imported")}","value":{"a":1}}\n{"key":"i/2","valueBase64":"aGk="}\n{"key":""}\n`,
    ...AS_LINES,
  }),
  eraseUser: () => ({ method: "DELETE", path: "/v1/users/nobody" }),
  getErasure: () => ({ method: "GET", path: "/v1/erasures/none" }),
  getReceipt: ({ user, position }) => ({ method: "GET", path: of(user, `/receipts/${position}`) }),
  listDivergent: ({ user }) => ({ method: "GET", path: of(user, "/divergent?limit=2") }),
  settleDivergent: ({ user }) => ({
    method: "POST",
    path: of(user, "/divergent/weur.1.5"),
    body: '{"action":"replay"}',
    ...AS_JSON,
  }),
  getHome: ({ user }) => ({ method: "GET", path: of(user, "/home") }),
  putHome: ({ user }) => ({ method: "PUT", path: of(user, "/home"), body: '{"region":"weur"}' }),
  listRegions: () => ({ method: "GET", path: "/v1/regions?region=weur&partition=0" }),
  putLeader: () => ({ method: "PUT", path: "/v1/regions/weur/leader", body: '{"to":"weur"}', ...AS_JSON }),
  previewFailover: () => ({ method: "GET", path: "/v1/regions/weur/failover-preview" }),
  listSinks: () => ({ method: "GET", path: "/v1/sinks" }),
  controlSink: () => ({ method: "POST", path: "/v1/sinks/orders", body: '{"action":"resume"}', ...AS_JSON }),
  putFault: () => ({ method: "PUT", path: "/v1/faults", body: FAULT }),
  listFaults: () => ({ method: "GET", path: "/v1/faults" }),
  endFaults: () => ({ method: "DELETE", path: "/v1/faults" }),
  endFault: () => ({ method: "DELETE", path: "/v1/faults/none" }),
  health: () => ({ method: "GET", path: "/v1/health" }),
  metrics: () => ({ method: "GET", path: "/metrics" }),
  openApi: () => ({ method: "GET", path: "/openapi.json" }),
  docs: () => ({ method: "GET", path: "/docs" }),
  listProblems: () => ({ method: "GET", path: "/problems" }),
  getProblem: () => ({ method: "GET", path: "/problems/not-found" }),
};
