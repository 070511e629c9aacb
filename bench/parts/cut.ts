/** POST /v1/read of 100 items over 16 partitions: how many rounds and calls it takes, and how long beside one GET. */
import { partitionOfSlot, slotOf } from "../../src/deployment/slot.ts";
import type { Figure, Target } from "../figure.ts";
import { headerOf, requestBytes } from "../load/connection.ts";
import { expectDone, Load, once } from "../load/load.ts";
import { usersInPartitions, VALUE_BYTES } from "../load/requests.ts";
import { sleep, startMetered, type MeteredRuntime } from "../runtime/meter.ts";
import { HOST } from "../runtime/runtime.ts";
import { quantile } from "../statistics.ts";
import type { Settings } from "./part.ts";

const PART = "cut";
const PARTITIONS = 16;
const READS = 100;
const HOME = "weur";
const AWAY = "enam";
/** Until everything written is everywhere, and nobody has anything left to say. */
const SETTLED_MS = 3_000;

interface Trace {
  readonly rounds: number;
  readonly calls: number;
}

interface Place {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
}

const PLACES: readonly Place[] = [
  { name: "prefix", headers: { "Ithaca-Region": AWAY, "Ithaca-Consistency": "prefix" } },
  { name: "user", headers: { "Ithaca-Region": HOME } },
];

export async function cut(settings: Settings): Promise<readonly Figure[]> {
  const users = usersInPartitions(PARTITIONS, (user) => partitionOfSlot(slotOf(user), PARTITIONS));
  const reads = Array.from({ length: READS }, (_, n) => ({
    user: users[n % PARTITIONS] ?? "",
    key: `cut-${Math.floor(n / PARTITIONS)}`,
  }));
  const runtime = await startMetered({ dataRoot: settings.data });
  const load = new Load(runtime.url, 1);
  try {
    settings.note("filling");
    for (const read of reads) expectDone(await once(runtime.url, put(read)));
    await sleep(SETTLED_MS);
    const figures: Figure[] = [];
    for (const place of PLACES) {
      settings.note(place.name);
      figures.push(...(await measure(runtime, load, settings, place, reads)));
    }
    return figures;
  } finally {
    load.close();
    await runtime.stop();
  }
}

type Read = { readonly user: string; readonly key: string };

async function measure(
  runtime: MeteredRuntime,
  load: Load,
  settings: Settings,
  { name, headers }: Place,
  reads: readonly Read[],
): Promise<Figure[]> {
  const many = readMany(reads, headers);
  const one = (n: number): Buffer => get(reads[n % reads.length] ?? { user: "", key: "" }, headers);
  // So that homes and leaders are known.
  for (let n = 0; n < 5; n++) expectDone(await once(runtime.url, many));
  await runtime.reset();
  const explained = expectDone(
    await once(runtime.url, readMany(reads, { ...headers, "Ithaca-Explain": "1" })),
  );
  const trace = JSON.parse(headerOf(explained, "Ithaca-Trace") ?? "{}") as Trace;
  const { objects } = await runtime.tally();
  const requests = Object.values(objects).reduce((sum, object) => sum + object.requests, 0);
  const rows = Object.values(objects).reduce((sum, object) => sum + object.rowsRead, 0);

  const cuts: number[] = [];
  const gets: number[] = [];
  for (let round = 0; round < settings.rounds; round++) {
    const seconds = settings.quick ? 1 : settings.seconds;
    cuts.push(...(await load.run(seconds, () => many)).latenciesMs);
    gets.push(...(await load.run(seconds, (_, n) => one(n))).latenciesMs);
  }
  const [cutMs, getMs] = [quantile(cuts, 0.5), quantile(gets, 0.5)];
  return [
    figure(`rounds, ${name}`, trace.rounds, "", { is: "at most", value: 1 }),
    figure(`calls of objects, ${name}`, trace.calls, "", { is: "at most", value: PARTITIONS }),
    { ...figure(`rows read, ${name}`, rows, ""), detail: { requestsOfAllObjects: requests } },
    {
      ...figure(`p50 of ${READS} items, ${name}`, cutMs, "ms"),
      detail: { p99Ms: quantile(cuts, 0.99), samples: cuts.length },
    },
    {
      ...figure(`p50 of one GET, ${name}`, getMs, "ms"),
      detail: { p99Ms: quantile(gets, 0.99), samples: gets.length },
    },
    figure(`an item of ${READS} to one GET, ${name}`, cutMs / READS / getMs, ""),
  ];
}

function put({ user, key }: Read): Buffer {
  const headers = { "Ithaca-Region": HOME, "Content-Type": "application/json" };
  const body = Buffer.from(JSON.stringify("x".repeat(VALUE_BYTES - 2)));
  return requestBytes({ method: "PUT", host: HOST.ithaca, path: pathOf({ user, key }), headers, body });
}

function get(read: Read, headers: Place["headers"]): Buffer {
  return requestBytes({ method: "GET", host: HOST.ithaca, path: pathOf(read), headers });
}

function readMany(reads: readonly Read[], headers: Place["headers"]): Buffer {
  return requestBytes({
    method: "POST",
    host: HOST.ithaca,
    path: "/v1/read",
    headers: { ...headers, "Content-Type": "application/json" },
    body: Buffer.from(JSON.stringify({ reads })),
  });
}

function pathOf({ user, key }: Read): string {
  return `/v1/users/${user}/items/${key}`;
}

function figure(name: string, value: number, unit: string, target?: Target): Figure {
  return { part: PART, name, value, unit, ...(target === undefined ? {} : { target }) };
}
