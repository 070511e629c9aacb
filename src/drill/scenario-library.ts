/** The scenarios that come along, and those of the user: a name, or the path of a file. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseScenario, ScenarioError, type Scenario } from "./scenario.ts";

const FOLDER = fileURLToPath(new URL("scenarios", import.meta.url));
const ENDING = ".yaml";

export interface ScenarioFile {
  readonly scenario: Scenario;
  readonly text: string;
}

export function scenarioNames(): string[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(ENDING))
    .map((file) => basename(file, ENDING))
    .toSorted();
}

export function loadScenario(nameOrPath: string): ScenarioFile {
  const isPath = /[/\\]|\.ya?ml$/u.test(nameOrPath);
  const path = isPath ? nameOrPath : join(FOLDER, `${nameOrPath}${ENDING}`);
  if (!isPath && !scenarioNames().includes(nameOrPath)) {
    throw new ScenarioError(
      `there is no scenario "${nameOrPath}"; there are ${scenarioNames().join(", ")}, and files of your own (a path)`,
    );
  }
  const text = readText(path);
  return { scenario: parseScenario(text, isPath ? path : basename(path)), text };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new ScenarioError(`${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
