/** A page of a thousand keys: how many objects it takes, and how long. */
import type { Figure } from "../figure.ts";
import { expectDone, once } from "../load/load.ts";
import { requestBytes } from "../load/connection.ts";
import { coveringTokens, onlyUser, VALUE_BYTES, writes } from "../load/requests.ts";
import { HOST } from "../runtime/runtime.ts";
import { sleep, startMetered, type MeteredRuntime } from "../runtime/meter.ts";
import { quantile } from "../statistics.ts";
import type { Settings } from "./part.ts";

const PART = "list";
const KEYS = 1_000;

export async function list(settings: Settings): Promise<readonly Figure[]> {
  const runtime = await startMetered({ dataRoot: settings.data, vars: { BENCH_ROWS: "off" } });
  const [user] = onlyUser;
  try {
    expectDone(await once(runtime.url, writes(onlyUser)(0, 0)));
    const { partition } = (await runtime.get(`/v1/users/${user}/home`)) as { partition: number };
    settings.note(`filling ${KEYS} keys`);
    await runtime.get(
      `/bench/fill?object=default/${partition}/weur&region=0&user=${user}&bytes=${VALUE_BYTES}&from=0&count=${KEYS}`,
    );
    // The alarms that the writes have set are over then.
    await sleep(3_000);
    const token = (await coveringTokens(runtime, onlyUser)).get(user) ?? "";
    const figures: Figure[] = [];
    for (const [what, query] of [
      ["keys", ""],
      [`keys with values of ${VALUE_BYTES} bytes`, "&values=true"],
    ] as const)
      for (const [where, headers] of [
        ["at home", { "Ithaca-Region": "weur" }],
        [
          "session, elsewhere",
          { "Ithaca-Region": "enam", "Ithaca-Consistency": "session", "Ithaca-Session": token },
        ],
      ] as const) {
        const path = `/v1/users/${user}/items?prefix=item-&limit=${KEYS}${query}`;
        const request = requestBytes({ method: "GET", host: HOST.ithaca, path, headers });
        figures.push(...(await measure(settings, runtime, `${KEYS} ${what}, ${where}`, request)));
      }
    return figures;
  } finally {
    await runtime.stop();
  }
}

async function measure(
  settings: Settings,
  runtime: MeteredRuntime,
  name: string,
  request: Buffer,
): Promise<Figure[]> {
  const count = settings.quick ? 10 : 100;
  let bytes = 0;
  const ask = async (): Promise<number> => {
    const startedAt = performance.now();
    const { body } = expectDone(await once(runtime.url, request));
    const ms = performance.now() - startedAt;
    bytes = body.length;
    const { items } = JSON.parse(body.toString()) as { items: readonly unknown[] };
    if (items.length !== KEYS) throw new Error(`${items.length} of ${KEYS} keys on the page`);
    return ms;
  };
  for (let n = 0; n < 5; n++) await ask();
  await runtime.reset();
  const latenciesMs: number[] = [];
  for (let n = 0; n < count; n++) latenciesMs.push(await ask());
  const { asks } = await runtime.tally();
  return [
    {
      part: PART,
      name: `${name}: object calls`,
      value: asks / count,
      unit: "",
      target: { is: "at most", value: 1 },
    },
    {
      part: PART,
      name: `${name}: p50`,
      value: quantile(latenciesMs, 0.5),
      unit: "ms",
      detail: { p99: quantile(latenciesMs, 0.99), bytes },
    },
  ];
}
