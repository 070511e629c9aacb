/** What a partition at full load keeps in memory. */
import { DEFAULT_LIMITS } from "../../src/replication/config.ts";
import type { Figure, Target } from "../figure.ts";
import { requestBytes } from "../load/connection.ts";
import { expectDone, Load, once, type RequestMaker } from "../load/load.ts";
import { nothing, onlyUser, plainWrites, writes } from "../load/requests.ts";
import { memoryOf } from "../runtime/process.ts";
import { HOST, startRuntime } from "../runtime/runtime.ts";
import { sleep } from "../runtime/meter.ts";
import type { Settings } from "./part.ts";

const CONNECTIONS = 32;
const VOTERS = 3;
const BUFFERS: Target = { is: "at most", value: 16 };
const RUNTIME: Target = { is: "at most", value: 64 };

export async function memory(settings: Settings): Promise<readonly Figure[]> {
  const ithaca = await grownBytes(settings, writes(onlyUser));
  // Most of it is the runtime's own: a bare row write tells how much.
  const bare = await grownBytes(settings, plainWrites("object", onlyUser));
  const figure = (name: string, bytes: number, target?: Target): Figure => ({
    part: "memory",
    name,
    value: bytes / 1e6,
    unit: "MB",
    ...(target === undefined ? {} : { target }),
  });
  return [
    figure("runtime over idle, one partition active, peak", ithaca, RUNTIME),
    figure("the same with one bare object instead", bare),
    figure("what Ithaca adds to that", ithaca - bare),
    figure(
      "buffers that an object accounts for, most",
      DEFAULT_LIMITS.pendingBytesMax + VOTERS * DEFAULT_LIMITS.inboxBytesMax,
      BUFFERS,
    ),
  ];
}

/** Peak of the runtime's resident memory under load, over what it was when it had answered once. */
async function grownBytes(settings: Settings, make: RequestMaker): Promise<number> {
  const runtime = await startRuntime({ dataRoot: settings.data });
  try {
    const health = requestBytes({ method: "GET", host: HOST.ithaca, path: "/v1/health" });
    expectDone(await once(runtime.url, health));
    expectDone(await once(runtime.url, nothing()(0, 0)));
    await sleep(1_000);
    const idle = memoryOf(runtime.processes);
    const load = new Load(runtime.url, CONNECTIONS);
    await load.run(settings.quick ? 3 : 20, make);
    load.close();
    const loaded = memoryOf(runtime.processes);
    return idle === null || loaded === null ? NaN : loaded.peakBytes - idle.bytes;
  } finally {
    await runtime.stop();
  }
}
