import type { RegionEnv } from "../../durable-objects/region.ts";

declare global {
  namespace Cloudflare {
    interface Env extends RegionEnv {
      readonly QUEUE_ENAM: Queue;
    }
  }
}
