/** `ithaca drill`: what the command line asks for, the store to drill, the report's files, and the exit code. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { NoDistance } from "../api/distance.ts";
import { formatHistory } from "../checker/history-lines.ts";
import { UsageError, wantedOf, type DrillArguments } from "./arguments.ts";
import { Caller, jsonOf } from "./caller.ts";
import { NotReady } from "./cohort.ts";
import { runDrill } from "./drill.ts";
import { showDuration } from "./duration.ts";
import { FaultsRefused } from "./fault-board.ts";
import { Stopped } from "./interrupt.ts";
import { PlanError } from "./plan.ts";
import { pageOf } from "./report/page.ts";
import { frontPicture } from "./report/pictures.ts";
import { progressOn } from "./report/progress.ts";
import { reportOf, type Circumstances } from "./report/report.ts";
import { summaryOf } from "./report/summary.ts";
import type { DrillResult } from "./result.ts";
import { loadScenario, scenarioNames } from "./scenario-library.ts";
import { ScenarioError } from "./scenario.ts";

/** A store of the drill's own. It is thrown away afterwards. */
export interface OwnStore {
  readonly url: string;
  readonly keptIn: "memory" | "disk";
  stop(): Promise<void>;
}

export interface Surroundings {
  startStore(settings: Readonly<Record<string, string>>): Promise<OwnStore>;
  readonly version: string;
  /** When the command was given, on the clock of `performance.now()`. */
  readonly givenAtMs: number;
}

/** 0: passed. 1: a promise was broken, or too little was seen. 2: there was no drill. 130: stopped by hand. */
export type ExitCode = 0 | 1 | 2 | 130;

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
    console.error(
      "stopping: whatever this drill has set is being taken away (once more: do not wait for that)",
    );
    stop.abort();
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, stopping);
  try {
    return await run(name, given, around, stop.signal);
  } catch (error) {
    if (error instanceof Stopped) {
      console.error(stoppedText(error, given));
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

function stoppedText({ left }: Stopped, { target }: DrillArguments): string {
  // What was in force in a store of one's own has gone with it.
  if (target === undefined) return "stopped: there is no report; the drill's own store has ended";
  if (left.length === 0) return "stopped: there is no report; every fault of this drill is removed";
  return [`stopped: there is no report, and not all of this drill is removed:`, ...left].join("\n  ");
}

async function run(
  name: string,
  given: DrillArguments,
  around: Surroundings,
  signal: AbortSignal,
): Promise<ExitCode> {
  const { scenario, scenarioText, seed, rate, command } = wantedOf(name, given);
  const startedAt = new Date();
  const sinceGiven = (): number => Math.round(performance.now() - around.givenAtMs);
  const own = given.target === undefined ? await around.startStore(scenario.store) : undefined;
  try {
    if (signal.aborted) throw new Stopped("stopped");
    const target = own?.url ?? given.target ?? "";
    const caller = new Caller(target, given.token ?? process.env["ITHACA_TOKEN"]);
    const storeAfterMs = own === undefined ? null : sinceGiven();
    let afterMs = 0;
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
        afterMs = sinceGiven();
        progress.note(`armed in ${showDuration(afterMs)}`);
      },
    }).finally(() => progress.done());
    write(
      result,
      {
        target,
        own: own !== undefined,
        keptIn: own?.keptIn ?? "not known",
        versions: {
          ithaca: around.version,
          deployment: await versionOf(caller),
          node: process.version,
          platform: `${process.platform} ${process.arch}`,
        },
        overridden: own === undefined ? "not known" : scenario.store,
        startedAt: startedAt.toISOString(),
        armed: { afterMs, storeAfterMs },
        command,
        scenarioText,
      },
      given.out,
    );
    return result.judgement.ok ? 0 : 1;
  } finally {
    await own?.stop();
  }
}

/** The report's files, and what a terminal shows of it. */
function write(result: DrillResult, circumstances: Circumstances, folder: string | undefined): void {
  const { startedAt } = circumstances;
  const report = reportOf(result, circumstances);
  const out = resolve(folder ?? join("drills", `${report.scenario}-${startedAt.replaceAll(/[:.]/gu, "-")}`));
  mkdirSync(out, { recursive: true });
  const files = {
    "report.json": `${JSON.stringify(report, null, 2)}\n`,
    "report.html": pageOf(report),
    "picture.svg": frontPicture(report),
    "history.jsonl": formatHistory(result.recorder.history),
  };
  const paths = Object.entries(files).map(([file, contents]) => {
    const path = join(out, file);
    writeFileSync(path, contents);
    return path;
  });
  console.log(summaryOf(report, paths));
}

async function versionOf(caller: Caller): Promise<string> {
  const { info } = jsonOf(await caller.ask({ method: "GET", path: "/openapi.json" }));
  const version = info !== null && typeof info === "object" && "version" in info ? info.version : undefined;
  return typeof version === "string" ? version : "not told";
}
