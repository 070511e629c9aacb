/** The Worker of wrangler.toml in the real runtime, for one test file: its objects and queues last as long as it runs. */
import { fileURLToPath } from "node:url";
import { createTestHarness } from "wrangler";
import { Store } from "./store.ts";

// Not a line for each queue delivery.
process.env["WRANGLER_LOG"] ??= "warn";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));

/** As `npm start` has it. */
const LOCAL = { AUTH_MODE: "open", DRILLS: "on", LOCAL_DEV: "1" };

export interface Runtime {
  readonly store: Store;
  /** Takes one replica out of memory, as the platform does now and then. */
  evict(partition: number, region: string): Promise<void>;
  stop(): Promise<void>;
}

export async function startRuntime(vars: Readonly<Record<string, string>> = {}): Promise<Runtime> {
  const server = createTestHarness({
    root: ROOT,
    workers: [{ configPath: "./wrangler.toml", vars: { ...LOCAL, ...vars } }],
  });
  const { url } = await server.listen();
  return {
    store: new Store(url.origin),
    evict: (partition, region) =>
      server.getWorker().evictDurableObject("Region", { name: `default/${partition}/${region}` }),
    stop: () => server.close(),
  };
}
