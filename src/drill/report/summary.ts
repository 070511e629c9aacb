/** The report in a terminal: the verdict first, then what was lost, how long it took, and every check. */
import { styleText } from "node:util";
import { showDuration } from "../duration.ts";
import { figuresOf } from "./figures.ts";
import { headlineOf } from "./headline.ts";
import { countsText } from "./promises.ts";
import type { Report } from "./report.ts";

const VIOLATIONS_SHOWN = 4;
const MESSAGE_MAX = 600;
const LINE_WIDTH = 110;
const NAME_WIDTH = 22;

export function summaryOf(report: Report, files: readonly string[]): string {
  const passed = report.verdict === "passed";
  const verdict = passed ? styleText(["bold", "green"], "PASSED") : styleText(["bold", "red"], "FAILED");
  const broken = report.checks.filter(({ ok }) => ok !== true);
  return [
    "",
    `${verdict}  ${report.scenario}: ${passed ? "every promise was kept" : `${broken.length} of ${report.checks.length} checks did not pass`}`,
    ...broken.flatMap((check) => brokenLines(check)),
    "",
    ...headlineOf(report).flatMap(({ question, answer }) => paragraph(question, answer)),
    "",
    ...figuresOf(report).map(({ name, value }) => `  ${name.padEnd(NAME_WIDTH)} ${value}`),
    "",
    ...report.checks.filter(({ ok }) => ok === true).map((check) => checkLine(check)),
    "",
    ...wrapped(report.injection, LINE_WIDTH).map((line) => styleText("dim", `  ${line}`)),
    "",
    `  armed: ${armedText(report)}`,
    `  again with: ${report.command}`,
    ...files.map((file) => `  ${file}`),
  ].join("\n");
}

/** How long it took until there was load. */
export function armedText({ armed: { afterMs, storeAfterMs } }: Report): string {
  const store = storeAfterMs === null ? "" : `; its store served after ${showDuration(storeAfterMs)}`;
  return `${showDuration(afterMs)} after the command${store}`;
}

function brokenLines({ checker, ok, violations, violationsCount }: Report["checks"][number]): string[] {
  const mark = ok === "undecided" ? styleText("yellow", "undecided") : styleText("red", "broken");
  const shown = violations.slice(0, VIOLATIONS_SHOWN).map(({ message }) => {
    return `      ${message.length > MESSAGE_MAX ? `${message.slice(0, MESSAGE_MAX)} …` : message}`;
  });
  const rest = violationsCount - shown.length;
  return [`  ${mark}  ${checker}`, ...shown, ...(rest > 0 ? [`      and ${rest} more`] : [])];
}

function checkLine({ checker, counted }: Report["checks"][number]): string {
  return `  ${styleText("green", "ok")}  ${checker.padEnd(34)} ${styleText("dim", countsText(counted))}`;
}

function paragraph(name: string, words: string): string[] {
  return wrapped(words, LINE_WIDTH - NAME_WIDTH).map((line, n) => {
    return `  ${styleText("bold", (n === 0 ? name : "").padEnd(NAME_WIDTH))} ${line}`;
  });
}

function wrapped(words: string, width: number): string[] {
  const lines = words.match(new RegExp(`.{1,${width}}(?:\\s|$)`, "gu")) ?? [words];
  return lines.map((line) => line.trim());
}
