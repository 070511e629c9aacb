/** What the core itself costs: writes at a leader, appends at its followers, and a catch-up, without a runtime or a network. */
import type { ClientReply, ReadRequest, WriteRequest } from "../../src/replication/request.ts";
import { Cluster, LEADER } from "./cluster.ts";
import { Stopwatch } from "./stopwatch.ts";

const USER = "alice";
const FOLLOWER = 1;
/** What 32 connections put into one turn at most. */
const AT_ONCE = 32;
const NO_SESSION = { positions: [], others: [], seenAt: 0 } as const;

export interface CoreFigures {
  readonly writesPerSecond: number;
  readonly appendsPerSecond: number;
  readonly readsPerSecond: number;
  readonly catchUpPerSecond: number;
  readonly catchUpEntries: number;
  readonly turns: readonly { what: string; turns: number; ms: number }[];
}

export interface CoreOptions {
  /** For each phase. */
  readonly seconds: number;
  readonly valueBytes: number;
  readonly catchUpEntries: number;
  readonly catchUpBytes: number;
}

export function runCore(options: CoreOptions): CoreFigures {
  const stopwatch = new Stopwatch();
  const cluster = new Cluster(stopwatch);
  const leader = cluster.node(LEADER);
  const follower = cluster.node(FOLLOWER);
  claim(cluster);
  write(cluster, 2_000, options.valueBytes);

  const writes = forSeconds(options.seconds, stopwatch, () => write(cluster, AT_ONCE, options.valueBytes));
  cluster.runUntil(() => follower.log().head === leader.log().head);
  const writeSeconds = stopwatch.seconds(`${LEADER} `);
  const appendSeconds = stopwatch.seconds(`${FOLLOWER} `);
  const turns = stopwatch.table();

  const reads = forSeconds(options.seconds, stopwatch, () => read(cluster, AT_ONCE));
  const readSeconds = stopwatch.seconds(`${FOLLOWER} `);

  const behind = follower.log().head;
  cluster.cut(FOLLOWER);
  write(cluster, options.catchUpEntries, options.catchUpBytes);
  stopwatch.reset();
  cluster.heal();
  cluster.runUntil(() => follower.log().applied === leader.log().head);
  const catchUpEntries = leader.log().head - behind;
  return {
    writesPerSecond: (writes * AT_ONCE) / writeSeconds,
    appendsPerSecond: (writes * AT_ONCE) / appendSeconds,
    readsPerSecond: (reads * AT_ONCE) / readSeconds,
    catchUpEntries,
    catchUpPerSecond: catchUpEntries / stopwatch.seconds(""),
    turns: [...turns, ...stopwatch.table().map((row) => ({ ...row, what: `catch-up: ${row.what}` }))],
  };
}

/** Answers how often. */
function forSeconds(seconds: number, stopwatch: Stopwatch, body: () => void): number {
  stopwatch.reset();
  const until = performance.now() + seconds * 1_000;
  let times = 0;
  for (; performance.now() < until; times++) body();
  return times;
}

function claim(cluster: Cluster): void {
  const [reply] = cluster.ask(LEADER, [
    {
      op: "claim",
      user: USER,
      home: LEADER,
      principal: USER,
      from: LEADER,
      deadlineAt: cluster.now + 30_000,
    },
  ]);
  expectKind(reply, "home");
}

function write(cluster: Cluster, count: number, valueBytes: number): void {
  for (let done = 0; done < count; done += AT_ONCE) {
    const requests: WriteRequest[] = [];
    for (let n = done; n < Math.min(count, done + AT_ONCE); n++)
      requests.push(writeRequest(cluster, n, valueBytes));
    for (const reply of cluster.ask(LEADER, requests)) expectKind(reply, "written");
    // 32 writes in 8 ms: 4,000 a second, and the pace of replication comes due now and then.
    cluster.now += 8;
  }
}

function read(cluster: Cluster, count: number): void {
  for (let done = 0; done < count; done += AT_ONCE) {
    const requests: ReadRequest[] = [];
    for (let n = done; n < Math.min(count, done + AT_ONCE); n++) {
      requests.push({
        op: "read",
        user: USER,
        what: { kind: "item", key: `key-${n % 1_000}`, head: false },
        level: "session",
        committed: false,
        session: NO_SESSION,
        waitMs: 400,
        from: FOLLOWER,
        deadlineAt: cluster.now + 5_000,
      });
    }
    for (const reply of cluster.ask(FOLLOWER, requests)) expectKind(reply, "item");
  }
}

let written = 0;

function writeRequest(cluster: Cluster, n: number, valueBytes: number): WriteRequest {
  written += 1;
  return {
    op: "write",
    user: USER,
    principal: USER,
    command: {
      kind: "put",
      key: `key-${n % 1_000}`,
      value: new Uint8Array(valueBytes).fill(n),
      contentType: "application/octet-stream",
    },
    conditions: {},
    idempotency: { key: `${written}-0123456789abcdef`, fingerprint: new Uint8Array(16).fill(n), by: "edge" },
    concern: "local",
    session: NO_SESSION,
    from: LEADER,
    deadlineAt: cluster.now + 5_000,
  };
}

function expectKind(reply: ClientReply | undefined, kind: ClientReply["kind"]): void {
  if (reply?.kind !== kind) throw new Error(`expected ${kind}, was answered ${JSON.stringify(reply)}`);
}
