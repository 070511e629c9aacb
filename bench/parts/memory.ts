/** What a partition at full load keeps in memory. */
import { DEFAULT_LIMITS } from "../../src/replication/config.ts";
import type { Figure, Target } from "../figure.ts";
import { requestBytes } from "../load/connection.ts";
import { expectDone, Load, once } from "../load/load.ts";
import { onlyUser, writes } from "../load/requests.ts";
import { memoryOf } from "../runtime/process.ts";
import { HOST, startRuntime } from "../runtime/runtime.ts";
import { sleep } from "../runtime/meter.ts";
import type { Settings } from "./part.ts";

const CONNECTIONS = 32;
const VOTERS = 3;
const BUFFERS: Target = { is: "at most", value: 16 };
const RUNTIME: Target = { is: "at most", value: 64 };

export async function memory(settings: Settings): Promise<readonly Figure[]> {
  const runtime = await startRuntime({ dataRoot: settings.data });
  try {
    const health = requestBytes({ method: "GET", host: HOST.ithaca, path: "/v1/health" });
    expectDone(await once(runtime.url, health));
    await sleep(1_000);
    const idle = memoryOf(runtime.processes);
    const load = new Load(runtime.url, CONNECTIONS);
    await load.run(settings.quick ? 3 : 20, writes(onlyUser));
    load.close();
    const loaded = memoryOf(runtime.processes);
    const over = idle === null || loaded === null ? NaN : (loaded.peakBytes - idle.bytes) / 1e6;
    return [
      {
        part: "memory",
        name: "runtime over idle, one partition active, peak",
        value: over,
        unit: "MB",
        target: RUNTIME,
        detail: { idle, loaded },
      },
      {
        part: "memory",
        name: "buffers that an object accounts for, most",
        value: (DEFAULT_LIMITS.pendingBytesMax + VOTERS * DEFAULT_LIMITS.inboxBytesMax) / 1e6,
        unit: "MB",
        target: BUFFERS,
      },
    ];
  } finally {
    await runtime.stop();
  }
}
