/** The settle phase, after the last operation: every region is read until all show the same, and once more as a strong reader would. */
import { acknowledgedWrites } from "../checker/touch.ts";
import type { Operation } from "../checker/operation.ts";
import { Device } from "./device.ts";
import { readFinally, type FinalReading } from "./final-reading.ts";
import type { Stage } from "./stage.ts";

export interface SettlingOptions extends Stage {
  /** Names this run's users. */
  readonly run: string;
  /** Nobody but the drill uses the store. */
  readonly alone: boolean;
}

export async function settle(options: SettlingOptions): Promise<FinalReading> {
  const { caller, scenario, recorder, random, members, regions, run, alone } = options;
  const reading = await readFinally({
    caller,
    members,
    regions,
    patienceMs: scenario.phases.settle,
    acknowledged: acknowledgedPositions(recorder.history.operations()),
    alone,
  });
  // In the history too: what a strong reader sees in the end has to follow from all that was answered before.
  for (const { user } of members) {
    const last = new Device({
      caller,
      recorder,
      random,
      user,
      name: `drill-${run}-last-${user}`,
      region: regions[0] ?? "",
      withTokens: false,
      concerns: { local: 1 },
      stopped: () => true,
    });
    await last.list("", "strong");
  }
  return reading;
}

/** By user. */
function acknowledgedPositions(operations: readonly Operation[]): Map<string, Set<string>> {
  const acknowledged = new Map<string, Set<string>>();
  for (const { op, user } of operations.flatMap(acknowledgedWrites)) {
    if (typeof op.version === "string")
      acknowledged.set(user, (acknowledged.get(user) ?? new Set()).add(op.version));
  }
  return acknowledged;
}

/** Nobody was there to be asked: that is no finding about what they hold. */
export function isSilent({ replicas, feeds }: FinalReading): boolean {
  return replicas.length === 0 && feeds.length === 0;
}
