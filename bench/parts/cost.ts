/**
 * What the platform would bill for a write and for a read: sparse (one alone, and silence before and after) and busy.
 * Processor time of the Worker is left out on both sides, since it is not what differs.
 */
import type { Figure } from "../figure.ts";
import { expectDone, Load, once } from "../load/load.ts";
import { coveringTokens, onlyUser, sessionReads, writes } from "../load/requests.ts";
import { dollarsPerMillion, PLAIN_USAGE, type Usage } from "../prices.ts";
import { sleep, startMetered, type MeteredRuntime } from "../runtime/meter.ts";
import { median } from "../statistics.ts";
import type { Tally } from "../workers/tally.ts";
import type { Settings } from "./part.ts";

const PART = "cost";
const CONNECTIONS = 32;
const BUSY_PER_SECOND = 200;
/** Longer than a lease lasts, and than the first retries that may follow a write. */
const SILENCE_MS = 8_000;
const OBJECT_GB = 0.128;
const REPLICAS = 3;
const RETAINED_MS = 2_000;

const ROWS_ACKNOWLEDGING_MAX = 6;
const ROWS_ALL_MAX = 12;
const QUEUE_OPERATIONS_MAX = 1.5;

export async function cost(settings: Settings): Promise<readonly Figure[]> {
  const runtime = await startMetered({ dataRoot: settings.data });
  const load = new Load(runtime.url, CONNECTIONS);
  const make = writes(onlyUser);
  try {
    await load.pace(2, 100, make);
    await sleep(SILENCE_MS);

    settings.note("sparse writes");
    const sparseCount = settings.quick ? 1 : 4;
    await runtime.reset();
    for (let n = 0; n < sparseCount; n++) {
      expectDone(await once(runtime.url, make(0, n)));
      await sleep(SILENCE_MS);
    }
    const sparse = perOperation(await runtime.tally(), sparseCount);

    settings.note("busy writes");
    await runtime.reset();
    const busyRound = await load.pace(settings.quick ? 3 : 15, BUSY_PER_SECOND, make);
    await sleep(3_000);
    const busyTally = await runtime.tally();
    const busy = perOperation(busyTally, busyRound.requests);

    settings.note("reads");
    const reads = sessionReads(onlyUser, await coveringTokens(runtime, onlyUser));
    await sleep(3_000);
    await runtime.reset();
    const readRound = await load.pace(settings.quick ? 1 : 5, BUSY_PER_SECOND, reads);
    const reading = perOperation(await runtime.tally(), readRound.requests);

    settings.note("compaction");
    const whileDown = await queueOperationsWhileDown(settings);
    const compacted = await rowsWithCompaction(settings);
    const rows = busyTally.acknowledging;
    return [
      figure("rows in the acknowledging transaction, most", mostRows(rows), "", ROWS_ACKNOWLEDGING_MAX),
      figure(
        "rows in the acknowledging transaction, median",
        median(rows.map((one) => one.rows / one.entries)),
        "",
      ),
      figure("rows over all replicas, sparse", sparse.usage.rowWritten, ""),
      figure("rows over all replicas, busy", busy.usage.rowWritten, ""),
      figure("rows over all replicas, busy with compaction", compacted, "", ROWS_ALL_MAX),
      figure("queue operations per write, busy", busy.usage.queueOperation, "", QUEUE_OPERATIONS_MAX),
      figure("queue operations per write, busy, a region down", whileDown, "", QUEUE_OPERATIONS_MAX),
      figure("queue operations per write, sparse", sparse.usage.queueOperation, ""),
      figure("object requests per write, busy", busy.usage.objectRequest, ""),
      figure("object requests per write, sparse", sparse.usage.objectRequest, ""),
      figure("bytes sent to peers per write of 1,000, busy", busy.sentBytes, "B"),
      figure("bytes stored per write of 1,000, one replica", await storedBytes(runtime, load, settings), "B"),
      ...dollars("write", "sparse", sparse.usage),
      ...dollars("write", "busy", busy.usage),
      ...dollars("read", "session, busy", reading.usage),
      ...(["write", "read"] as const).flatMap((what) =>
        Object.entries(PLAIN_USAGE[what]).map(([where, usage]) =>
          figure(`a million ${what}s: ${where}`, dollarsPerMillion(usage), "USD"),
        ),
      ),
    ];
  } finally {
    load.close();
    await runtime.stop();
  }
}

interface PerOperation {
  readonly usage: Required<
    Pick<
      Usage,
      "workerRequest" | "objectRequest" | "objectGbSecond" | "rowRead" | "rowWritten" | "queueOperation"
    >
  >;
  readonly sentBytes: number;
}

function perOperation(tally: Tally, count: number): PerOperation {
  const objects = Object.values(tally.objects);
  const sum = (of: (one: (typeof objects)[number]) => number): number =>
    objects.reduce((total, one) => total + of(one), 0) / count;
  return {
    usage: {
      workerRequest: 1 + tally.queueInvocations / count,
      objectRequest: sum((one) => one.requests),
      objectGbSecond: sum((one) => one.activeMs / 1_000) * OBJECT_GB,
      rowRead: sum((one) => one.rowsRead),
      rowWritten: sum((one) => one.rowsWritten),
      queueOperation: tally.queueOperations / count,
    },
    sentBytes: (tally.peerBytes + tally.queueBytes) / count,
  };
}

function dollars(what: "write" | "read", how: string, usage: PerOperation["usage"]): Figure[] {
  return [
    {
      ...figure(`a million ${what}s, ${how}: ithaca`, dollarsPerMillion(usage), "USD"),
      detail: { usage },
    },
  ];
}

function figure(name: string, value: number, unit: string, most?: number): Figure {
  return {
    part: PART,
    name,
    value,
    unit,
    ...(most === undefined ? {} : { target: { is: "at most", value: most } }),
  };
}

function mostRows(rows: Tally["acknowledging"]): number {
  return rows.reduce((most, one) => Math.max(most, one.rows / one.entries), 0);
}

/** Rows written where the log is kept for seconds instead of a day, so that old entries go beside new ones. */
async function rowsWithCompaction(settings: Settings): Promise<number> {
  const runtime = await startMetered({
    dataRoot: settings.data,
    vars: { BENCH_RETAIN_MS: String(RETAINED_MS) },
  });
  const load = new Load(runtime.url, CONNECTIONS);
  const make = writes(onlyUser);
  try {
    await load.pace(5, BUSY_PER_SECOND, make);
    await runtime.reset();
    const round = await load.pace(settings.quick ? 4 : 10, BUSY_PER_SECOND, make);
    await sleep(1_000);
    const tally = await runtime.tally();
    const dropped = Object.values(tally.objects).reduce((sum, one) => sum + one.dropped, 0);
    if (dropped === 0) throw new Error("no log was compacted");
    // More or less was dropped than written, as it happened: in the long run it is the same at each replica.
    const { rowWritten } = perOperation(tally, round.requests).usage;
    return rowWritten - dropped / round.requests + REPLICAS;
  } finally {
    load.close();
    await runtime.stop();
  }
}

/** What its queue carries while a region is down. */
async function queueOperationsWhileDown(settings: Settings): Promise<number> {
  const runtime = await startMetered({ dataRoot: settings.data, vars: { DRILLS: "on" } });
  const load = new Load(runtime.url, CONNECTIONS);
  const make = writes(onlyUser);
  try {
    await load.pace(2, 100, make);
    await runtime.send("PUT", "/v1/faults", { kind: "down", region: "apac", forMs: 600_000 });
    await runtime.reset();
    const round = await load.pace(settings.quick ? 3 : 15, BUSY_PER_SECOND, make);
    return perOperation(await runtime.tally(), round.requests).usage.queueOperation;
  } finally {
    load.close();
    await runtime.stop();
  }
}

async function storedBytes(runtime: MeteredRuntime, load: Load, settings: Settings): Promise<number> {
  const size = async (): Promise<number> =>
    Math.max(0, ...Object.values((await runtime.tally()).objects).map((one) => one.databaseBytes));
  const before = await size();
  const round = await load.pace(settings.quick ? 3 : 10, BUSY_PER_SECOND, writes(onlyUser));
  return ((await size()) - before) / round.requests;
}
