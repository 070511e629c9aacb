/**
 * What users would feel with regions as far apart as they are in the world: the distances of `npm start -- --latency real`, which
 * are a published measurement. Everything is counted beyond the round trips that it cannot do without, so that one figure speaks of
 * all regions; what each way took is in the detail.
 *
 * A write that needs nobody is measured beside: what it takes, this machine adds to everything. After ten seconds of silence the runtime
 * has put the objects to sleep, and a write starts two of them, one after the other: its leader, and the voter that it asks. What
 * starting two takes when there is nothing in them, a bare object with one row shows. A leader that has heard nobody for longer than a
 * lease asks the nearest voter before it answers a read too: a second device's first GET after silence takes that round trip as
 * well, which is shown and has no target.
 *
 * Users in partitions of their own, so that nobody's silence is broken by somebody else, a third of them at home in each
 * region. Requests come one at a time: this is about waiting, not about load.
 */
import { distancesOf, measuredRoundTripMs } from "../../src/api/distance.ts";
import type { Figure } from "../figure.ts";
import { Connection, requestBytes } from "../load/connection.ts";
import { expectDone, Load } from "../load/load.ts";
import { HOST } from "../runtime/runtime.ts";
import { sleep, startMetered, type MeteredRuntime } from "../runtime/meter.ts";
import { percentiles, quantile } from "../statistics.ts";
import type { Settings } from "./part.ts";
import { settledUsers } from "./takeover-clients.ts";

const PART = "geography";
const REGIONS = ["weur", "enam", "apac"] as const;
const USERS = 15;
const SILENCE_MS = 10_000;
const WRITES_PER_SECOND = 50;
const CONNECTIONS = 64;
const QUEUE_LATE_MS = 5_000;

interface User {
  readonly user: string;
  readonly home: string;
}

/** What took so long, between whom, and how much of it no one could have spared. */
interface Wait {
  readonly way: string;
  readonly ms: number;
  readonly neededMs: number;
}

export async function geography(settings: Settings): Promise<readonly Figure[]> {
  const rounds = settings.quick ? 1 : 5;
  const seconds = settings.quick ? 3 : 20;
  const runtime = await startMetered({
    dataRoot: settings.data,
    vars: { LATENCY: "real" },
  });
  try {
    const users = await inThreeHomes(runtime);
    for (const { user, home } of users) await put(runtime, user, home);
    const writes: Wait[] = [];
    const writesUnderLease: Wait[] = [];
    const reads: Wait[] = [];
    const readsAfterSilence: Wait[] = [];
    const starts: Wait[] = [];
    for (let n = 0; n < USERS; n++) await bare(runtime, n);
    for (let round = 0; round < rounds; round++) {
      await sleep(SILENCE_MS);
      for (const each of users) {
        writes.push(await writeAtHome(runtime, each));
        const ms = await put(runtime, each.user, each.home);
        writesUnderLease.push({ way: each.home, ms, neededMs: 0 });
      }
      for (let n = 0; n < USERS; n++) {
        const ms = await bare(runtime, n);
        starts.push({ way: "bare", ms, neededMs: await bare(runtime, n) });
      }
      for (const each of users) {
        // The first users' leases are over again.
        await put(runtime, each.user, each.home);
        for (const region of elsewhere(each)) reads.push(await readFrom(runtime, each, region));
      }
      await sleep(SILENCE_MS);
      for (const each of users) {
        const region = elsewhere(each)[round % 2] ?? each.home;
        readsAfterSilence.push(await readFrom(runtime, each, region));
      }
    }
    settings.note(
      `beyond: PUT ${shown(writes)}; GET ${shown(reads)}; GET after silence ${shown(readsAfterSilence)}`,
    );
    const usual = await lags(runtime, users, seconds);
    await runtime.get(`/bench/queue-late?ms=${QUEUE_LATE_MS}`);
    settings.note(`lag beyond: ${shown(usual)}`);
    const late = await lags(runtime, users, seconds);
    const late5 = `, queues ${QUEUE_LATE_MS / 1_000} s late`;
    return [
      figure("PUT after 10 s of silence, beyond the nearest voter's round trip: median", writes, 0.5, 10),
      figure("PUT right after that, which needs nobody: median", writesUnderLease, 0.5),
      twice(figure("of the first, two idle objects of the bare runtime started: median", starts, 0.5)),
      figure("second device's GET, beyond home's round trip: median", reads, 0.5, 5),
      figure("the same after 10 s of silence: median", readsAfterSilence, 0.5),
      figure("lag beyond one round trip: p99", usual, 0.99, 50),
      figure(`lag beyond one round trip${late5}: p99`, late, 0.99, 50),
    ];
  } finally {
    await runtime.stop();
  }
}

/** Every region is home to a third of them. */
async function inThreeHomes(runtime: MeteredRuntime): Promise<User[]> {
  const users = await settledUsers(runtime, USERS);
  return Promise.all(
    users.map(async (user, at) => {
      const home = REGIONS[at % 3] ?? "weur";
      if (home !== "weur") await runtime.send("PUT", `/v1/users/${user}/home`, { region: home });
      return { user, home };
    }),
  );
}

/** A write of one row to an object that does nothing else. */
function bare(runtime: MeteredRuntime, n: number): Promise<number> {
  const path = `/object/geography-${n}/k`;
  const body = Buffer.from(`${performance.now()}`);
  return timed(runtime, requestBytes({ method: "PUT", host: HOST.bare, path, body }));
}

function twice(one: Figure): Figure {
  return { ...one, value: one.value * 2 };
}

function elsewhere({ home }: User): string[] {
  return REGIONS.filter((region) => region !== home);
}

async function writeAtHome(runtime: MeteredRuntime, { user, home }: User): Promise<Wait> {
  const neededMs = Math.min(...REGIONS.map((region) => measuredRoundTripMs(home, region) ?? Infinity));
  return { way: home, ms: await put(runtime, user, home), neededMs };
}

async function readFrom(runtime: MeteredRuntime, { user, home }: User, region: string): Promise<Wait> {
  const request = requestBytes({
    method: "GET",
    host: HOST.ithaca,
    path: `/v1/users/${user}/items/k`,
    headers: { "Ithaca-Region": region },
  });
  return {
    way: `${home} from ${region}`,
    ms: await timed(runtime, request),
    neededMs: measuredRoundTripMs(home, region) ?? 0,
  };
}

function put(runtime: MeteredRuntime, user: string, home: string): Promise<number> {
  return timed(runtime, putRequest(user, home, `${performance.now()}`));
}

function putRequest(user: string, home: string, value: string): Buffer {
  return requestBytes({
    method: "PUT",
    host: HOST.ithaca,
    path: `/v1/users/${user}/items/k`,
    headers: { "Ithaca-Region": home },
    body: Buffer.from(value),
  });
}

/** With a connection that is there already, as browsers and apps keep them. */
async function timed(runtime: MeteredRuntime, request: Buffer): Promise<number> {
  const connection = new Connection(runtime.url);
  try {
    expectDone(await connection.send(requestBytes({ method: "GET", host: HOST.ithaca, path: "/v1/health" })));
    const from = performance.now();
    expectDone(await connection.send(request));
    return performance.now() - from;
  } finally {
    connection.close();
  }
}

/** From the leader's commit to each follower's application. */
async function lags(runtime: MeteredRuntime, users: readonly User[], seconds: number): Promise<Wait[]> {
  const load = new Load(runtime.url, CONNECTIONS);
  const requests = Array.from({ length: 4 }, (_, value) =>
    users.map(({ user, home }) => putRequest(user, home, `value ${value}`)),
  ).flat();
  const make = (_: number, n: number): Buffer => requests[n % requests.length] ?? Buffer.alloc(0);
  try {
    await load.pace(2, WRITES_PER_SECOND, make);
    await sleep(1_000);
    await runtime.reset();
    await load.pace(seconds, WRITES_PER_SECOND, make);
    await sleep(2_000);
  } finally {
    load.close();
  }
  const { lags: all } = await runtime.tally();
  return all.map(({ from, to, ms }) => ({
    way: `${from} to ${to}`,
    ms,
    neededMs: measuredRoundTripMs(from, to) ?? 0,
  }));
}

function shown(waits: readonly Wait[]): string {
  const { p50, p90, p99, max } = percentiles(waits.map(({ ms, neededMs }) => ms - neededMs));
  return `${[p50, p90, p99, max].map((ms) => Math.round(ms)).join("/")} ms`;
}

function figure(name: string, waits: readonly Wait[], q: number, most?: number): Figure {
  const ways = Map.groupBy(waits, ({ way }) => way);
  return {
    part: PART,
    name,
    value: quantile(
      waits.map(({ ms, neededMs }) => ms - neededMs),
      q,
    ),
    unit: "ms",
    ...(most === undefined ? {} : { target: { is: "at most", value: most } as const }),
    detail: {
      samples: waits.length,
      beyond: percentiles(waits.map(({ ms, neededMs }) => ms - neededMs)),
      waitedMs: Object.fromEntries(
        [...ways].map(([way, each]) => [way, percentiles(each.map(({ ms }) => ms))]),
      ),
      roundTripsMs: distancesOf(REGIONS).map(
        ({ between, roundTripMs }) => `${between.join(" ")} ${roundTripMs}`,
      ),
    },
  };
}
