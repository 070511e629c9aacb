/** How fast a region that was away comes back: out of the log, and by a snapshot where the log no longer reaches back. */
import type { Figure, Target } from "../figure.ts";
import { Load } from "../load/load.ts";
import { onlyUser, writes } from "../load/requests.ts";
import { startMetered, until, type MeteredRuntime } from "../runtime/meter.ts";
import type { Settings } from "./part.ts";

const PART = "catch-up";
const ENTRY_BYTES = 200;
const AWAY = "apac";
/** So short that the leader drops what the region that is away still needs. */
const SHORT_LOG_BYTES = 2_000_000;

const ENTRIES_PER_SECOND: Target = { is: "at least", value: 20_000 };
const SNAPSHOT_SECONDS: Target = { is: "at most", value: 10 };

export async function catchUp(settings: Settings): Promise<readonly Figure[]> {
  const entries = settings.quick ? 4_000 : 40_000;
  const items = settings.quick ? 20_000 : 100_000;
  const log = await comeBack(settings, entries, {});
  const snapshot = await comeBack(settings, items, { BENCH_LOG_BYTES_MAX: String(SHORT_LOG_BYTES) });
  if (snapshot.snapshotSeconds === null) throw new Error("the region came back without a snapshot");
  return [
    {
      part: PART,
      name: `entries of ${ENTRY_BYTES} bytes, first pull to applied`,
      value: entries / log.seconds,
      unit: "/s",
      target: ENTRIES_PER_SECOND,
      detail: { entries, seconds: log.seconds },
    },
    {
      part: PART,
      name: `snapshot of ${items.toLocaleString("en-US")} items of ${ENTRY_BYTES} bytes`,
      value: snapshot.snapshotSeconds,
      unit: "s",
      target: SNAPSHOT_SECONDS,
      detail: { items, secondsUntilApplied: snapshot.seconds },
    },
  ];
}

async function comeBack(
  settings: Settings,
  entries: number,
  vars: Readonly<Record<string, string>>,
): Promise<{ seconds: number; snapshotSeconds: number | null }> {
  const runtime = await startMetered({
    dataRoot: settings.data,
    vars: { DRILLS: "on", BENCH_ROWS: "off", ...vars },
  });
  const load = new Load(runtime.url, 1);
  try {
    await load.run(0.3, writes(onlyUser));
    const { partition } = (await runtime.get(`/v1/users/${onlyUser[0]}/home`)) as { partition: number };
    await runtime.send("PUT", "/v1/faults", { kind: "down", region: AWAY, forMs: 600_000 });
    settings.note(`writing ${entries} entries while ${AWAY} is down`);
    for (let from = 0; from < entries; from += 5_000) {
      const count = Math.min(5_000, entries - from);
      await runtime.get(
        `/bench/fill?object=default/${partition}/weur&region=0&user=${onlyUser[0]}&bytes=${ENTRY_BYTES}&from=${from}&count=${count}`,
      );
    }
    await runtime.reset();
    await runtime.send("DELETE", "/v1/faults");
    // Somebody has to knock: the leader's own schedule may be minutes away by now.
    await load.run(0.1, writes(onlyUser));
    await until(`${AWAY} to catch up`, 120_000, () => isLevel(runtime, partition));
    const { firstPullAt, firstSnapshotAt, snapshotDoneAt, lastAppliedAt } = await runtime.tally();
    const from = firstPullAt === 0 ? firstSnapshotAt : firstPullAt;
    return {
      seconds: (Math.max(lastAppliedAt, snapshotDoneAt) - from) / 1_000,
      snapshotSeconds: firstSnapshotAt === 0 ? null : (snapshotDoneAt - firstSnapshotAt) / 1_000,
    };
  } finally {
    load.close();
    await runtime.stop();
  }
}

interface Regions {
  readonly regions: readonly {
    readonly region: string;
    readonly logs: readonly { readonly origin: string; readonly head: string; readonly applied: string }[];
  }[];
}

async function isLevel(runtime: MeteredRuntime, partition: number): Promise<boolean> {
  const { regions } = (await runtime.get(`/v1/regions?partition=${partition}`)) as Regions;
  const logOf = (region: string) =>
    regions.find((one) => one.region === region)?.logs.find(({ origin }) => origin === "weur");
  const head = logOf("weur")?.head;
  return head !== undefined && logOf(AWAY)?.applied === head;
}
