/**
 * A scenario is data: what load there is, what goes wrong and when, and how much has to have happened for the result to
 * mean anything. One YAML file each; ten lines are enough:
 *
 *   name: my-drill
 *   about: The leader hangs for ten seconds.
 *   phases: { steady: 5s, fault: 15s }
 *   steps:
 *     - { do: stall, region: leader, for: 10s }
 *   floors: { acknowledged: 200, takeovers: 1 }
 *
 * A drill goes through five phases. `steady`: load, all is well. `fault`: load, and the steps, each at its time after the
 * phase's beginning. `heal`: load, every fault removed. `settle`: no load; every region is read until all show the same.
 * `quiet`: nothing at all, and nothing may move.
 *
 * A place is a region's id, or `leader` (it leads the most logs of the drill's users when the fault phase begins), `second`
 * and `third` (the others, in the deployment's order), so that a scenario fits any deployment.
 */
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { FaultRequest } from "../api/schema/fault.ts";
import { parseDuration } from "./duration.ts";

export const WORKLOADS = [
  "register",
  "session",
  "counter",
  "append",
  "transfer",
  "recreate",
  "question",
] as const;
export type WorkloadName = (typeof WORKLOADS)[number];

export const FAULT_KINDS = FaultRequest.shape.kind.options;
export type FaultKind = (typeof FAULT_KINDS)[number];

const DURATION = { error: "has to be a duration like 500ms, 20s or 2m" };
const Duration = z
  .string(DURATION)
  .refine((text) => parseDuration(text) !== undefined, DURATION)
  .transform((text) => parseDuration(text) ?? 0);
const Name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,40}$/u, {
  error: "has to be lower-case letters, digits and hyphens",
});
const Place = z.string().regex(/^[a-z0-9-]+$/u, { error: "has to be a region id, leader, second or third" });
const Weight = z.number().min(0);

const FaultStep = z.strictObject({
  do: z.enum(FAULT_KINDS),
  at: Duration.default(0),
  region: Place,
  peer: Place.optional(),
  ms: z.int().optional(),
  probability: z.number().gt(0).max(1).optional(),
  /** Default: to the end of the fault phase. */
  for: Duration.optional(),
});
/** Faults drawn with the drill's seed, one after the other and overlapping, until the phase ends. */
const SwarmStep = z.strictObject({
  do: z.literal("swarm"),
  at: Duration.default(0),
  kinds: z.array(z.enum(FAULT_KINDS)).min(1),
  every: Duration,
  for: z.tuple([Duration, Duration]),
});
const HandOffStep = z.strictObject({
  do: z.literal("hand-off"),
  at: Duration.default(0),
  region: Place,
  to: Place,
});
const MoveStep = z.strictObject({
  do: z.literal("move"),
  at: Duration.default(0),
  /** How many of the drill's users, the first ones at home elsewhere. */
  users: z.int().min(1),
  to: Place,
});
const Step = z.discriminatedUnion("do", [FaultStep, SwarmStep, HandOffStep, MoveStep], {
  error: `\`do\` has to be one of ${[...FAULT_KINDS, "swarm", "hand-off", "move"].join(", ")}`,
});

export const FLOORS = [
  "acknowledged",
  "reads",
  "readsAway",
  "changesTold",
  "unknown",
  "refused",
  "takeovers",
  "handOffs",
  "moves",
] as const;
export type Floor = (typeof FLOORS)[number];

const ScenarioShape = z.strictObject({
  name: Name,
  about: z.string().min(1),
  phases: z.strictObject({
    steady: Duration.default(10_000),
    fault: Duration,
    heal: Duration.default(10_000),
    /** How long all regions may take to show the same. */
    settle: Duration.default(60_000),
    quiet: Duration.default(3_000),
  }),
  steps: z.array(Step).min(1, { error: "a drill without a step proves nothing" }),
  users: z.int().min(1).max(1_000).default(9),
  devicesPerUser: z.int().min(1).max(16).default(3),
  /** Operations a second, of all devices together. */
  rate: z.number().gt(0).max(10_000).default(60),
  workloads: z.partialRecord(z.enum(WORKLOADS), Weight).optional(),
  concerns: z.partialRecord(z.enum(["local", "one", "majority", "all"]), Weight).optional(),
  /** Settings of the drill's own store that differ from the deployment's. A store somewhere else keeps its own. */
  store: z.record(z.string().regex(/^[A-Z_]+$/u), z.string()).default({}),
  /** `broken`: a fault puts clocks further out than the store assumes; only what rests on majorities is judged then. */
  clocks: z.enum(["kept", "broken"]).default("kept"),
  /** After this long into the fault phase no write may be acknowledged until a fault ends: nobody has a majority. */
  writesRefusedAfter: Duration.optional(),
  /** So much has to have happened, or the drill has failed whatever else it saw. */
  floors: z.partialRecord(z.enum(FLOORS), z.int().min(0)).default({}),
});

export type Scenario = z.infer<typeof ScenarioShape>;
export type Step = Scenario["steps"][number];

/** What is wrong with a scenario's file: a line for each thing, with its place. */
export class ScenarioError extends Error {}

export function parseScenario(text: string, file: string): Scenario {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [broken] = document.errors;
  if (broken !== undefined) throw new ScenarioError(`${file}: ${broken.message}`);
  const parsed = ScenarioShape.safeParse(document.toJS());
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => {
      const node = document.getIn(issue.path, true) as
        | { range?: readonly [number, number, number] }
        | undefined;
      const line = node?.range === undefined ? "" : `:${lines.linePos(node.range[0]).line}`;
      return `${file}${line}: ${issue.path.length === 0 ? "" : `${issue.path.join(".")}: `}${issue.message}`;
    });
    throw new ScenarioError(problems.join("\n"));
  }
  const problems = inconsistencies(parsed.data);
  if (problems.length > 0) throw new ScenarioError(problems.map((what) => `${file}: ${what}`).join("\n"));
  return parsed.data;
}

/** What no schema says. */
function inconsistencies({ phases, steps, workloads, concerns, writesRefusedAfter }: Scenario): string[] {
  const problems = steps.flatMap((step, n): string[] => {
    const found: string[] = [];
    if (step.at >= phases.fault) found.push(`steps.${n}.at: the fault phase is over by then`);
    if (step.do === "partition" || step.do === "one-way") {
      if (step.peer === undefined) found.push(`steps.${n}.peer: ${step.do} needs it`);
    }
    if ((step.do === "delay" || step.do === "skew") && step.ms === undefined)
      found.push(`steps.${n}.ms: ${step.do} needs it`);
    if (step.do === "drop" || step.do === "duplicate" || step.do === "reorder") {
      if (step.probability === undefined) found.push(`steps.${n}.probability: ${step.do} needs it`);
    }
    return found;
  });
  for (const [name, weights] of Object.entries({ workloads, concerns })) {
    if (weights !== undefined && Object.values(weights).every((weight) => weight === 0))
      problems.push(`${name}: at least one has to weigh more than 0`);
  }
  if (writesRefusedAfter !== undefined && writesRefusedAfter >= phases.fault)
    problems.push("writesRefusedAfter: the fault phase is over by then");
  return problems;
}
