/** What a device does for a while: one to three operations that belong together. */
import type { Level } from "../../checker/operation.ts";
import type { Device } from "../device.ts";

export interface Surroundings {
  readonly regions: readonly string[];
  /** All users of the drill. */
  readonly users: readonly string[];
}

/** What a workload remembers about one user or device lives in the workload itself. */
export interface Workload {
  act(device: Device, surroundings: Surroundings): Promise<void>;
}

const LEVELS = { user: 5, strong: 2, session: 5, bounded: 1, prefix: 1, eventual: 1 } as const;

/** Without a token, `session` is as `user`. */
export function anyLevel({ random, withTokens }: Device): Level {
  const level = random.weighted(LEVELS);
  return level === "session" && !withTokens ? "user" : level;
}
