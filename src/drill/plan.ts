/**
 * What a drill will do to the deployment, and when: the scenario's steps with places and chance decided. Made before the
 * fault phase begins, out of the scenario, the seed and who leads by then, and printed into the report.
 */
import type { Random } from "./random.ts";
import type { FaultKind, Scenario, Step } from "./scenario.ts";

export interface FaultAction {
  readonly action: "fault";
  readonly atMs: number;
  readonly kind: FaultKind;
  readonly region: string;
  readonly peer?: string | undefined;
  readonly ms?: number | undefined;
  readonly probability?: number | undefined;
  readonly forMs: number;
}
export interface HandOffAction {
  readonly action: "hand-off";
  readonly atMs: number;
  readonly region: string;
  readonly to: string;
}
export interface MoveAction {
  readonly action: "move";
  readonly atMs: number;
  readonly users: number;
  readonly to: string;
}
export type Action = FaultAction | HandOffAction | MoveAction;

/** The scenario asks for what this deployment does not have. */
export class PlanError extends Error {}

/** `regions`: the leader first, then the others. */
export function planOf(scenario: Scenario, regions: readonly string[], random: Random): Action[] {
  const place = (name: string): string => resolve(name, regions);
  const actions = scenario.steps.flatMap((step) =>
    actionsOf(step, scenario.phases.fault, place, regions, random),
  );
  return actions.toSorted((a, b) => a.atMs - b.atMs);
}

function resolve(name: string, regions: readonly string[]): string {
  const at = ["leader", "second", "third"].indexOf(name);
  const region = at === -1 ? name : regions[at];
  if (region === undefined || !regions.includes(region))
    throw new PlanError(`there is no region "${name}": this deployment has ${regions.join(", ")}`);
  return region;
}

function actionsOf(
  step: Step,
  phaseMs: number,
  place: (name: string) => string,
  regions: readonly string[],
  random: Random,
): Action[] {
  const { at: atMs } = step;
  switch (step.do) {
    case "swarm":
      return swarm(step, phaseMs, regions, random);
    case "hand-off":
      return [{ action: "hand-off", atMs, region: place(step.region), to: place(step.to) }];
    case "move":
      return [{ action: "move", atMs, users: step.users, to: place(step.to) }];
    default: {
      const { do: kind, ms, probability } = step;
      const peer = step.peer === undefined ? undefined : place(step.peer);
      const forMs = Math.min(step.for ?? Infinity, phaseMs - atMs);
      return [{ action: "fault", atMs, kind, region: place(step.region), peer, ms, probability, forMs }];
    }
  }
}

/** Delays stay below what a request waits, skews below what the store assumes of clocks. */
const DELAY_MS: readonly [number, number] = [50, 800];
const SKEW_MS_MAX = 100;

function swarm(
  { at, every, kinds, for: [shortest, longest] }: Extract<Step, { do: "swarm" }>,
  phaseMs: number,
  regions: readonly string[],
  random: Random,
): FaultAction[] {
  const actions: FaultAction[] = [];
  for (let atMs = at; atMs < phaseMs - shortest; atMs += random.between(every / 2, (every * 3) / 2)) {
    const kind = random.pick(kinds);
    const region = random.pick(regions);
    const needsPeer = kind === "partition" || kind === "one-way";
    actions.push({
      action: "fault",
      atMs: Math.round(atMs),
      kind,
      region,
      peer: needsPeer ? random.pick(regions.filter((other) => other !== region)) : undefined,
      ms:
        kind === "delay"
          ? random.between(...DELAY_MS)
          : kind === "skew"
            ? random.between(-SKEW_MS_MAX, SKEW_MS_MAX)
            : undefined,
      probability:
        kind === "drop" || kind === "duplicate" || kind === "reorder" ? random.between(1, 9) / 10 : undefined,
      forMs: Math.min(random.between(shortest, longest), Math.round(phaseMs - atMs)),
    });
  }
  return actions;
}

export function showAction(action: Action): string {
  switch (action.action) {
    case "hand-off":
      return `hand-off of ${action.region} to ${action.to}`;
    case "move":
      return `move of ${action.users} users to ${action.to}`;
    case "fault": {
      const { kind, region, peer, ms, probability } = action;
      const arrow = kind === "one-way" ? "→" : "↔";
      const between = peer === undefined ? region : `${region} ${arrow} ${peer}`;
      const much = ms === undefined ? "" : ` by ${ms} ms`;
      const often = probability === undefined ? "" : ` with probability ${probability}`;
      return `${kind} ${between}${much}${often}`;
    }
  }
}
