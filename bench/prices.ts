/**
 * What things cost, and nothing else: list prices of the paid plan in US dollars, beyond what is included. Each with where
 * and when it was read.
 */

export interface Price {
  /** For a million of `unit`. */
  readonly dollars: number;
  readonly unit: string;
  readonly source: string;
  readonly read: string;
}

const OBJECTS = "developers.cloudflare.com/durable-objects/platform/pricing";
const QUEUES = "developers.cloudflare.com/queues/platform/pricing";
const WORKERS = "github.com wiki halideworks/onelight";
const KV = "api-evangelist/cloudflare-kv finops";

export const PRICES = {
  workerRequest: { dollars: 0.3, unit: "requests to a Worker", source: WORKERS, read: "2026-08" },
  workerCpuMs: { dollars: 0.02, unit: "ms of a Worker's processor time", source: WORKERS, read: "2026-08" },
  objectRequest: { dollars: 0.15, unit: "requests to objects", source: OBJECTS, read: "2026-11" },
  objectGbSecond: {
    dollars: 12.5,
    unit: "GB-s of objects, at 128 MB each",
    source: OBJECTS,
    read: "2026-11",
  },
  rowRead: { dollars: 0.001, unit: "rows read by objects", source: OBJECTS, read: "2026-11" },
  rowWritten: { dollars: 1, unit: "rows written by objects", source: OBJECTS, read: "2026-11" },
  queueOperation: { dollars: 0.4, unit: "queue operations of 64 KB", source: QUEUES, read: "2026-11" },
  d1RowRead: { dollars: 0.001, unit: "rows read by D1", source: WORKERS, read: "2026-08" },
  d1RowWritten: { dollars: 1, unit: "rows written by D1", source: WORKERS, read: "2026-08" },
  kvRead: { dollars: 0.5, unit: "reads of KV", source: KV, read: "2026" },
  kvWrite: { dollars: 5, unit: "writes of KV", source: KV, read: "2026" },
} as const satisfies Readonly<Record<string, Price>>;

export type Usage = Partial<Readonly<Record<keyof typeof PRICES, number>>>;

/** Dollars for a million operations, each of which uses that much. */
export function dollarsPerMillion(usage: Usage): number {
  return Object.entries(usage).reduce(
    (sum, [what, count]) => sum + PRICES[what as keyof typeof PRICES].dollars * count,
    0,
  );
}

/** What the same operation uses where it is written plainly, one row an item. */
export const PLAIN_USAGE = {
  write: {
    object: { workerRequest: 1, objectRequest: 1, rowWritten: 1 },
    D1: { workerRequest: 1, d1RowWritten: 1 },
    KV: { workerRequest: 1, kvWrite: 1 },
  },
  read: {
    object: { workerRequest: 1, objectRequest: 1, rowRead: 1 },
    D1: { workerRequest: 1, d1RowRead: 1 },
    KV: { workerRequest: 1, kvRead: 1 },
  },
} as const satisfies Readonly<Record<"write" | "read", Readonly<Record<string, Usage>>>>;
