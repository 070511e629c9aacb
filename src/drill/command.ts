/** `ithaca drill`: what the command line asks for, the store to drill, the report's files, and the exit code. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { NoDistance } from "../api/distance.ts";
import { formatHistory } from "../checker/history-lines.ts";
import { Caller, jsonOf } from "./caller.ts";
import { NotReady } from "./cohort.ts";
import { runDrill, Stopped } from "./drill.ts";
import { parseDuration, showDuration } from "./duration.ts";
import { FaultsRefused } from "./fault-board.ts";
import { PlanError } from "./plan.ts";
import { pageOf } from "./report/page.ts";
import { frontPicture } from "./report/pictures.ts";
import { progressOn } from "./report/progress.ts";
import { reportOf, type Circumstances } from "./report/report.ts";
import { summaryOf } from "./report/summary.ts";
import { loadScenario, scenarioNames } from "./scenario-library.ts";
import { ScenarioError, type Scenario } from "./scenario.ts";

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

/** A store of the drill's own. It is thrown away afterwards. */
export interface OwnStore {
  readonly url: string;
  stop(): Promise<void>;
}

export interface Surroundings {
  startStore(settings: Readonly<Record<string, string>>): Promise<OwnStore>;
  readonly version: string;
}

/** 0: passed. 1: a promise was broken, or too little was seen. 2: there was no drill. 130: stopped by hand. */
export type ExitCode = 0 | 1 | 2 | 130;

/** What was asked for makes no sense. */
class UsageError extends Error {}

const COHORT_MAX = 200;

export function listScenarios(): string {
  const rows = scenarioNames().map((name) => `  ${name.padEnd(18)} ${loadScenario(name).scenario.about}`);
  return `Scenarios (ithaca drill <name>; ithaca drill show <name> prints one; a path runs your own):\n${rows.join("\n")}`;
}

export function showScenario(name: string): string {
  return loadScenario(name).text.trimEnd();
}

export async function drill(name: string, given: DrillArguments, around: Surroundings): Promise<ExitCode> {
  const stop = new AbortController();
  const stopping = (): void => {
    if (stop.signal.aborted) {
      console.error("not waited for: whatever fault is still in force ends by itself");
      process.exit(130);
    }
    stop.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, stopping);
  try {
    return await run(name, given, around, stop.signal);
  } catch (error) {
    if (error instanceof Stopped) {
      console.error("stopped; every fault of this drill is removed");
      return 130;
    }
    const expected = [NoDistance, ScenarioError, UsageError, PlanError, NotReady, FaultsRefused];
    if (!expected.some((kind) => error instanceof kind)) throw error;
    const message = error instanceof Error ? error.message : String(error);
    console.error(error instanceof NoDistance ? `--latency real: ${message}` : message);
    return 2;
  } finally {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.off(signal, stopping);
  }
}

async function run(
  name: string,
  given: DrillArguments,
  around: Surroundings,
  signal: AbortSignal,
): Promise<ExitCode> {
  const { scenario: written, text } = loadScenario(name);
  const scenario = adjusted(written, given);
  const seed = wholeNumber("--seed", given.seed, 0, 0xffff_ffff) ?? Math.floor(Math.random() * 1_000_000);
  const rate = wholeNumber("--rate", given.rate, 1, 10_000) ?? scenario.rate;
  if (given.target !== undefined && !/^https?:$/u.test(URL.parse(given.target)?.protocol ?? ""))
    throw new UsageError(`--target has to be the URL of a deployment, like https://…, not "${given.target}"`);
  const startedAt = new Date();
  const began = performance.now();
  const own = given.target === undefined ? await around.startStore(scenario.store) : undefined;
  try {
    if (signal.aborted) throw new Stopped("stopped");
    const target = own?.url ?? given.target ?? "";
    const caller = new Caller(target, given.token ?? process.env["ITHACA_TOKEN"]);
    const storeMs = performance.now() - began;
    const progress = progressOn(process.stderr);
    progress.note(
      `${scenario.name} at ${target}${own === undefined ? "" : " (a store of its own)"}, seed ${seed}`,
    );
    const result = await runDrill({
      caller,
      scenario,
      seed,
      rate,
      run: own === undefined ? `${seed}-${startedAt.getTime().toString(36)}` : String(seed),
      alone: own !== undefined,
      signal,
      progress,
      keep: given.keep ?? false,
      realLatency: given.latency === "real",
      onArmed: () => {
        const all = showDuration(performance.now() - began);
        progress.note(
          own === undefined ? `armed in ${all}` : `armed in ${all}, the store in ${showDuration(storeMs)}`,
        );
      },
    }).finally(() => progress.done());
    const circumstances: Circumstances = {
      target,
      own: own !== undefined,
      versions: {
        ithaca: around.version,
        deployment: await versionOf(caller),
        node: process.version,
        platform: `${process.platform} ${process.arch}`,
      },
      overridden: own === undefined ? "not known" : scenario.store,
      startedAt: startedAt.toISOString(),
      command: commandOf(name, given, seed),
      scenarioText: text,
    };
    const report = reportOf(result, circumstances);
    const out = resolve(
      given.out ?? join("drills", `${scenario.name}-${startedAt.toISOString().replaceAll(/[:.]/gu, "-")}`),
    );
    mkdirSync(out, { recursive: true });
    const files = {
      "report.json": `${JSON.stringify(report, null, 2)}\n`,
      "report.html": pageOf(report),
      "picture.svg": frontPicture(report),
      "history.jsonl": formatHistory(result.recorder.history),
    };
    for (const [file, contents] of Object.entries(files)) writeFileSync(join(out, file), contents);
    console.log(
      summaryOf(
        report,
        Object.keys(files).map((file) => join(out, file)),
      ),
    );
    return result.judgement.ok ? 0 : 1;
  } finally {
    await own?.stop();
  }
}

/** The scenario with what the command line says otherwise. */
function adjusted(scenario: Scenario, given: DrillArguments): Scenario {
  const users = wholeNumber("--cohort", given.cohort, 1, COHORT_MAX) ?? scenario.users;
  if (given.for === undefined) return { ...scenario, users };
  const fault = parseDuration(given.for);
  if (fault === undefined || fault < 1_000)
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

async function versionOf(caller: Caller): Promise<string> {
  const { info } = jsonOf(await caller.ask({ method: "GET", path: "/openapi.json" }));
  const version = info !== null && typeof info === "object" && "version" in info ? info.version : undefined;
  return typeof version === "string" ? version : "not told";
}

/** Without the token: reports are handed round. */
function commandOf(name: string, given: DrillArguments, seed: number): string {
  const { token: _token, seed: _seed, out: _out, keep: _keep, ...rest } = given;
  const options = Object.entries(rest).map(([option, value]) => ` --${option} ${value}`);
  return `npm run drill -- ${name} --seed ${seed}${options.join("")}`;
}
