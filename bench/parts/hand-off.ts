/**
 * What is done on purpose: leadership is handed on, and users move, one after the other under load.
 *
 * Five users in as many partitions are written from three regions, fifty times a second in all. A hand-off hands over all their logs;
 * a move befalls one user, in turn. How long nobody led is what the route answers. How long writes paused is what the writer
 * saw: the longest time between two acknowledgements around it, less the median time between two. The same at the distances of the
 * world, to see and not to judge: a hand-off cannot take less than a round trip, nor a move less than two.
 */
import type { Figure } from "../figure.ts";
import { sleep } from "../runtime/meter.ts";
import { startRuntime, type Runtime } from "../runtime/runtime.ts";
import { percentiles, quantile } from "../statistics.ts";
import type { Settings } from "./part.ts";
import { call, settledUsers, Writer } from "./takeover-clients.ts";

const PART = "hand-off";
const REGIONS = ["weur", "enam", "apac"] as const;
const USERS = 5;
/** Between one and the next: every writer has had several answers. */
const SETTLE_MS = 600;
/** Per log and per move. */
const UNLED_MS_MAX = 200;
const PAUSED_MS_MAX = 500;

export async function handOff(settings: Settings): Promise<readonly Figure[]> {
  const near = await measure(settings, settings.quick ? 3 : 40, settings.quick ? 5 : 60, {});
  const far = await measure(settings, settings.quick ? 2 : 12, settings.quick ? 3 : 15, { LATENCY: "real" });
  return [
    ...figures("hand-off, without a leader", near.unledMs, UNLED_MS_MAX),
    ...figures("hand-off, writes paused", near.handOffPausesMs),
    ...figures("move, writes paused", near.movePausesMs, PAUSED_MS_MAX),
    failures(near),
    ...figures("hand-off at real distances, without a leader", far.unledMs),
    ...figures("hand-off at real distances, writes paused", far.handOffPausesMs),
    ...figures("move at real distances, writes paused", far.movePausesMs),
    failures(far, " at real distances"),
  ];
}

interface Measured {
  readonly unledMs: number[];
  readonly handOffPausesMs: number[];
  readonly movePausesMs: number[];
  readonly writes: number;
  readonly failed: number;
}

async function measure(
  settings: Settings,
  handOffs: number,
  moves: number,
  vars: Readonly<Record<string, string>>,
): Promise<Measured> {
  const runtime = await startRuntime({
    dataRoot: settings.data,
    vars: { PARTITIONS: "5", ANCHORS: "weur,enam,apac,weur,enam", FAILBACK_MS: "off", ...vars },
  });
  const users = await settledUsers(runtime, USERS);
  const writers = users.map((user) => new Writer(runtime.url, user, "local"));
  try {
    for (const [at, writer] of writers.entries()) writer.start(REGIONS[at % 3] ?? "weur");
    await sleep(2_000);
    const unledMs: number[] = [];
    const handOffPausesMs: number[] = [];
    for (let n = 0; n < handOffs; n++) {
      const since = performance.now();
      unledMs.push(...(await handOver(runtime, REGIONS[(n + 1) % 3] ?? "weur")));
      await sleep(SETTLE_MS);
      handOffPausesMs.push(...writers.map((writer) => writer.pauseSince(since)));
    }
    settings.note(`unled: ${shown(unledMs)}; paused: ${shown(handOffPausesMs)}`);
    await handOver(runtime, "weur");
    await sleep(SETTLE_MS);
    const movePausesMs: number[] = [];
    for (let n = 0; n < moves; n++) {
      const writer = writers[n % USERS];
      const region = REGIONS[(Math.floor(n / USERS) + 1) % 3];
      if (writer === undefined) break;
      const since = performance.now();
      await call(runtime, "PUT", `/v1/users/${writer.user}/home`, { region });
      await sleep(SETTLE_MS);
      movePausesMs.push(writer.pauseSince(since));
    }
    settings.note(`moves paused: ${shown(movePausesMs)}`);
    const sum = (of: (writer: Writer) => number): number =>
      writers.reduce((total, writer) => total + of(writer), 0);
    return {
      unledMs,
      handOffPausesMs,
      movePausesMs,
      writes: sum(({ count }) => count),
      failed: sum(({ failed }) => failed),
    };
  } finally {
    for (const writer of writers) writer.stop();
    await runtime.stop();
  }
}

/** For each log that had a leader to lose, how long it had none. */
async function handOver(runtime: Runtime, to: string): Promise<number[]> {
  const answer = await call(runtime, "PUT", "/v1/regions/weur/leader", { to });
  const { positions } = JSON.parse(answer.body.toString()) as { positions: { unavailableMs: number }[] };
  return positions.map(({ unavailableMs }) => unavailableMs).filter((ms) => ms > 0);
}

function figures(name: string, values: readonly number[], most?: number): Figure[] {
  const target = most === undefined ? {} : { target: { is: "at most", value: most } as const };
  const detail = { samples: values.length, ...percentiles(values) };
  return [
    { part: PART, name: `${name}: median`, value: quantile(values, 0.5), unit: "ms", ...target, detail },
    { part: PART, name: `${name}: p99`, value: quantile(values, 0.99), unit: "ms", ...target, detail },
  ];
}

function failures({ failed, writes }: Measured, where = ""): Figure {
  return {
    part: PART,
    name: `failed of ${writes} writes meanwhile${where}`,
    value: failed,
    unit: "",
    target: { is: "at most", value: 0 },
  };
}

function shown(values: readonly number[]): string {
  return values.map((value) => Math.round(value)).join(" ");
}
