/** From the leader's commit to the follower's application, at a steady rate, and with a queue that is seconds late. */
import type { Figure } from "../figure.ts";
import { Load } from "../load/load.ts";
import { onlyUser, writes } from "../load/requests.ts";
import { sleep, startMetered } from "../runtime/meter.ts";
import { quantile } from "../statistics.ts";
import type { Settings } from "./part.ts";

const PART = "lag";
const WRITES_PER_SECOND = 200;
const CONNECTIONS = 32;
const QUEUE_LATE_MS = 5_000;
/** In one process a round trip takes no time worth counting: it is left out of the allowance. */
const LATE_ALLOWANCE_MS = 50;

export async function lag(settings: Settings): Promise<readonly Figure[]> {
  const seconds = settings.quick ? 2 : 15;
  const runtime = await startMetered({ dataRoot: settings.data });
  const load = new Load(runtime.url, CONNECTIONS);
  const make = writes(onlyUser);
  try {
    await load.pace(2, WRITES_PER_SECOND, make);
    await sleep(2_000);
    const measure = async (): Promise<{ lagMs: readonly number[]; perSecond: number }> => {
      await runtime.reset();
      const { perSecond } = await load.pace(seconds, WRITES_PER_SECOND, make);
      await sleep(1_000);
      return { lagMs: (await runtime.tally()).lags.map(({ ms }) => ms), perSecond };
    };
    const usual = await measure();
    await runtime.get(`/bench/queue-late?ms=${QUEUE_LATE_MS}`);
    const late = await measure();
    const figure = (name: string, value: number, most?: number): Figure => ({
      part: PART,
      name,
      value,
      unit: "ms",
      ...(most === undefined ? {} : { target: { is: "at most", value: most } as const }),
    });
    return [
      {
        ...figure(`p50 at ${WRITES_PER_SECOND} writes/s`, quantile(usual.lagMs, 0.5), 50),
        detail: { samples: usual.lagMs.length, writesPerSecond: usual.perSecond },
      },
      figure(`p99 at ${WRITES_PER_SECOND} writes/s`, quantile(usual.lagMs, 0.99), 300),
      figure(`p50, queues ${QUEUE_LATE_MS / 1_000} s late`, quantile(late.lagMs, 0.5), LATE_ALLOWANCE_MS),
      figure(`p99, queues ${QUEUE_LATE_MS / 1_000} s late`, quantile(late.lagMs, 0.99)),
    ];
  } finally {
    load.close();
    await runtime.stop();
  }
}
