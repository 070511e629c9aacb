/** Which region a queue delivers to, by the name it has in wrangler.toml: `<anything>-<region>`, and `…-dead` for its dead letters. */
import type { Deployment } from "../deployment/deployment.ts";
import { ConfigurationError } from "../deployment/setting.ts";
import type { RegionIndex } from "../replication/position.ts";

const DEAD_SUFFIX = "-dead";

export interface QueueTarget {
  readonly region: RegionIndex;
  readonly dead: boolean;
}

export function queueTarget(deployment: Deployment, queue: string): QueueTarget {
  const dead = queue.endsWith(DEAD_SUFFIX);
  const live = dead ? queue.slice(0, -DEAD_SUFFIX.length) : queue;
  // `ithaca-apac` and `ithaca-apac-ne` are told apart because an id has to stand at the end.
  const region = deployment.regions.find(({ id }) => live === id || live.endsWith(`-${id}`));
  if (region === undefined)
    throw new ConfigurationError("REGIONS", `the queue "${queue}" belongs to none of them`);
  return { region: region.index, dead };
}
