/** A deployment of three regions in open mode; a test names what it wants otherwise. */
import { createApp } from "../../../src/edge/app.ts";
import type { Deployment } from "../../../src/deployment/deployment.ts";
import { DEFAULT_LIMITS, DEFAULT_TIMING } from "../../../src/replication/config.ts";
import { FakeRegions, WEUR, type Answerer } from "./fake-regions.ts";

export function deployment(more: Partial<Deployment> = {}): Deployment {
  return {
    namespaces: ["default", "other"],
    regions: [
      { id: "weur", index: 0, hint: "weur" },
      { id: "enam", index: 1, hint: "enam" },
      { id: "apac", index: 2, hint: "apac" },
    ],
    partitions: 4,
    mapVersion: 1,
    anchors: [WEUR, WEUR, WEUR, WEUR],
    timing: DEFAULT_TIMING,
    limits: DEFAULT_LIMITS,
    authMode: "open",
    authSecret: null,
    jwksUrl: null,
    sessionKeys: [{ id: 1, secret: "first" }],
    drills: true,
    corsOrigins: [],
    localDev: true,
    distances: [],
    sinks: [],
    writeConcern: "local",
    writeConcernOf: (namespace) => (namespace === "other" ? "majority" : "local"),
    ...more,
  };
}

export type Send = (method: string, path: string, init?: RequestInit) => Promise<Response>;

export interface Bench {
  readonly regions: FakeRegions;
  /** With the client placed in weur unless the headers say otherwise. */
  readonly send: Send;
}

export function bench(answer: Answerer, more: Partial<Deployment> = {}): Bench {
  const regions = new FakeRegions(answer);
  const app = createApp({ deployment: deployment(more), transport: regions });
  const send: Send = async (method, path, init = {}) =>
    app.fetch(new Request(`https://ithaca.test${path}`, { ...init, method }));
  return { regions, send };
}

export async function problemOf(response: Response): Promise<Record<string, unknown>> {
  return (await response.json()) as Record<string, unknown>;
}
