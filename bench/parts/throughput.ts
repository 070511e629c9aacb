/** Requests a second and their latencies, beside the plainest thing that could have been written instead. */
import { join } from "node:path";
import { partitionOfSlot, slotOf } from "../../src/deployment/slot.ts";
import type { Figure, Target } from "../figure.ts";
import { contest, type Contest } from "../load/contest.ts";
import {
  coveringTokens,
  fill,
  nothing,
  onlyUser,
  plainReads,
  plainWrites,
  sessionReads,
  usersInPartitions,
  writes,
} from "../load/requests.ts";
import { lineOf } from "../core/profile.ts";
import { Load, type RequestMaker } from "../load/load.ts";
import { profiledWorker } from "../runtime/inspect.ts";
import { startRuntime, type Runtime } from "../runtime/runtime.ts";
import type { Settings } from "./part.ts";

const PART = "throughput";
const CONNECTIONS = 32;
const PARTITIONS = 16;
const INSPECTOR_PORT = 9_339;

/** Of a bare one-row write, and not below D1. */
const PUT_TO_OBJECT: Target = { is: "at least", value: 0.5 };
const PUT_TO_D1: Target = { is: "at least", value: 1 };
const PUT_LATER_MS: Target = { is: "at most", value: 1 };
const GET_TO_OBJECT: Target = { is: "at least", value: 0.85 };
const GET_TO_D1: Target = { is: "at least", value: 2.5 };

export async function throughput(settings: Settings): Promise<readonly Figure[]> {
  const manyUsers = usersInPartitions(PARTITIONS, (user) => partitionOfSlot(slotOf(user), PARTITIONS));
  const inspected = settings.profiles === null ? {} : { inspectorPort: INSPECTOR_PORT };
  const runtime = await startRuntime({ dataRoot: settings.data, ...inspected });
  const figures: Figure[] = [];
  try {
    settings.note("filling");
    await fill(runtime, [...onlyUser, ...manyUsers]);
    const run = (title: string, connections: number, makers: Parameters<typeof named>[0]) => {
      settings.note(title);
      return contest(runtime, named(makers), { ...settings, connections });
    };
    if (settings.profiles !== null) {
      const { profiles } = settings;
      await profile(runtime, settings, join(profiles, "put.cpuprofile"), writes(onlyUser));
      const reads = sessionReads(onlyUser, await coveringTokens(runtime, onlyUser));
      await profile(runtime, settings, join(profiles, "get.cpuprofile"), reads);
      return [];
    }
    for (const [objects, users] of [
      ["1 object", onlyUser],
      ["16 objects", manyUsers],
    ] as const) {
      const written = await run(`PUT, ${objects}`, CONNECTIONS, {
        nothing: nothing(),
        object: plainWrites("object", users),
        ithaca: writes(users),
        d1: plainWrites("d1", users),
        kv: plainWrites("kv", users),
      });
      figures.push(...ratios(`PUT local, ${objects}`, written, PUT_TO_OBJECT, PUT_TO_D1));
      const read = await run(`GET, ${objects}`, CONNECTIONS, {
        nothing: nothing(),
        object: plainReads("object", users),
        ithaca: sessionReads(users, await coveringTokens(runtime, users)),
        d1: plainReads("d1", users),
        kv: plainReads("kv", users),
      });
      figures.push(...ratios(`GET session, ${objects}`, read, GET_TO_OBJECT, GET_TO_D1));
    }
    const alone = await run("PUT, one client at a time", 1, {
      object: plainWrites("object", onlyUser),
      ithaca: writes(onlyUser),
    });
    figures.push({
      part: PART,
      name: "PUT local, one client: later than object",
      value: alone.laterMs("ithaca", "object"),
      unit: "ms",
      target: PUT_LATER_MS,
      detail: { ithaca: alone.score("ithaca").latencyMs, object: alone.score("object").latencyMs },
    });
    return figures;
  } finally {
    await runtime.stop();
  }
}

/** Instead of figures: what is inspected runs slower. */
async function profile(
  runtime: Runtime,
  settings: Settings,
  file: string,
  make: RequestMaker,
): Promise<void> {
  const load = new Load(runtime.url, CONNECTIONS);
  await load.run(settings.seconds, make);
  const hot = await profiledWorker(INSPECTOR_PORT, file, () =>
    load.run(settings.seconds * settings.rounds, make),
  );
  load.close();
  settings.note(file);
  for (const spot of hot) settings.note(lineOf(spot));
}

function ratios(what: string, result: Contest, toObject: Target, toD1: Target): Figure[] {
  const figure = (name: string, value: number, unit: string, target?: Target): Figure => ({
    part: PART,
    name: `${what}: ${name}`,
    value,
    unit,
    ...(target === undefined ? {} : { target }),
  });
  const ithaca = result.score("ithaca");
  return [
    {
      ...figure("ithaca / object", result.ratio("ithaca", "object"), "x", toObject),
      detail: scoresOf(result),
    },
    figure("ithaca / D1", result.ratio("ithaca", "d1"), "x", toD1),
    figure("ithaca / KV", result.ratio("ithaca", "kv"), "x"),
    figure("ithaca / object, by processor time", result.cpuRatio("ithaca", "object"), "x"),
    figure("ithaca", ithaca.perSecond, "/s"),
    figure("object", result.score("object").perSecond, "/s"),
    figure("ithaca p50", ithaca.latencyMs.p50, "ms"),
    figure("ithaca p99", ithaca.latencyMs.p99, "ms"),
    figure("a Worker that does nothing / ithaca", result.ratio("nothing", "ithaca"), "x"),
  ];
}

function scoresOf(result: Contest): Record<string, unknown> {
  return Object.fromEntries(
    [...result.scores.values()].map(({ name, perSecond, latencyMs, cpuMicroseconds, rounds }) => [
      name,
      { perSecond, latencyMs, cpuMicroseconds, rounds },
    ]),
  );
}

function named(makers: Readonly<Record<string, Parameters<typeof contest>[1][number]["make"]>>) {
  return Object.entries(makers).map(([name, make]) => ({ name, make }));
}
