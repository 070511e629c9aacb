/** What was asked for on the command line, understood or refused. */
import { parseDuration } from "./duration.ts";
import { loadScenario } from "./scenario-library.ts";
import type { Scenario } from "./scenario.ts";

/** As the command line gives them. */
export interface DrillArguments {
  readonly target?: string;
  readonly token?: string;
  readonly seed?: string;
  readonly rate?: string;
  readonly for?: string;
  readonly cohort?: string;
  readonly out?: string;
  readonly keep?: boolean;
  readonly latency?: "real";
}

/** What was asked for makes no sense. */
export class UsageError extends Error {}

export interface Wanted {
  readonly scenario: Scenario;
  readonly scenarioText: string;
  readonly seed: number;
  readonly rate: number;
  /** The same drill once more; without the token, since reports are handed round. */
  readonly command: string;
}

const COHORT_MAX = 200;
const FOR_MS_MIN = 1_000;

export function wantedOf(name: string, given: DrillArguments): Wanted {
  const { scenario: written, text } = loadScenario(name);
  const scenario = adjusted(written, given);
  const seed = wholeNumber("--seed", given.seed, 0, 0xffff_ffff) ?? Math.floor(Math.random() * 1_000_000);
  const rate = wholeNumber("--rate", given.rate, 1, 10_000) ?? scenario.rate;
  if (given.target !== undefined && !/^https?:$/u.test(URL.parse(given.target)?.protocol ?? ""))
    throw new UsageError(`--target has to be the URL of a deployment, like https://…, not "${given.target}"`);
  return { scenario, scenarioText: text, seed, rate, command: commandOf(name, given, seed) };
}

/** The scenario with what the command line says otherwise. */
function adjusted(scenario: Scenario, given: DrillArguments): Scenario {
  const users = wholeNumber("--cohort", given.cohort, 1, COHORT_MAX) ?? scenario.users;
  if (given.for === undefined) return { ...scenario, users };
  const fault = parseDuration(given.for);
  if (fault === undefined || fault < FOR_MS_MIN)
    throw new UsageError(`--for has to be a duration like 30s or 10m, not "${given.for}"`);
  const late = scenario.steps.some(({ at }) => at >= fault);
  if (late) throw new UsageError(`--for ${given.for}: a step of ${scenario.name} begins after that`);
  return { ...scenario, users, phases: { ...scenario.phases, fault } };
}

function wholeNumber(name: string, text: string | undefined, low: number, high: number): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^\d+$/u.test(text) || value < low || value > high)
    throw new UsageError(`${name} has to be a whole number from ${low} to ${high}, not "${text}"`);
  return value;
}

function commandOf(name: string, given: DrillArguments, seed: number): string {
  const { token: _token, seed: _seed, out: _out, keep: _keep, ...rest } = given;
  const options = Object.entries(rest).map(([option, value]) => ` --${option} ${value}`);
  return `npm run drill -- ${name} --seed ${seed}${options.join("")}`;
}
