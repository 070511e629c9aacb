/** The report in a terminal: the verdict first, then what was lost, how long it took, and every check. */
import { styleText } from "node:util";
import { showDuration } from "../duration.ts";
import type { Spread } from "../measures.ts";
import type { Report } from "./report.ts";
import type { WorstLag } from "./series.ts";

const VIOLATIONS_SHOWN = 4;
const MESSAGE_MAX = 600;

export function summaryOf(report: Report, files: readonly string[]): string {
  const passed = report.verdict === "passed";
  const verdict = passed ? styleText(["bold", "green"], "PASSED") : styleText(["bold", "red"], "FAILED");
  const broken = report.checks.filter(({ ok }) => ok !== true);
  return [
    "",
    `${verdict}  ${report.scenario}: ${passed ? "every promise was kept" : `${broken.length} of ${report.checks.length} checks did not pass`}`,
    ...broken.flatMap((check) => brokenLines(check)),
    "",
    ...figures(report).map(([name, value]) => `  ${name.padEnd(22)} ${value}`),
    "",
    ...report.checks.filter(({ ok }) => ok === true).map((check) => checkLine(check)),
    "",
    ...report.injection.match(/.{1,110}(?:\s|$)/gu)!.map((line) => styleText("dim", `  ${line.trim()}`)),
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
  const counts = Object.entries(counted).map(([what, count]) => `${what} ${count}`);
  return `  ${styleText("green", "ok")}  ${checker.padEnd(34)} ${styleText("dim", counts.join(", "))}`;
}

/** Name and value, in the order in which somebody on call would ask. */
export function figures(report: Report): (readonly [string, string])[] {
  const { requests, rpo, rtoMs, divergentWrites, faults } = report;
  const rto = Object.entries(rtoMs).map(([concern, spread]) => `${concern} ${showSpread(spread)}`);
  const percent = (share: number): string => `${(share * 100).toFixed(share < 0.1 ? 2 : 1)} %`;
  return [
    ["acknowledged writes", String(report.acknowledged)],
    [
      "of those lost (RPO)",
      rpo.writes === 0
        ? "none"
        : `${rpo.writes} ${rpo.writes === 1 ? "write" : "writes"}, acknowledged up to ${showDuration(rpo.ms)} before another region led`,
    ],
    [
      "divergent writes",
      "reason" in divergentWrites ? `not known (${divergentWrites.reason})` : divergentText(divergentWrites),
    ],
    ["stale writes refused", String(report.refusedStaleWrites)],
    ["faults", faults.map(({ text }) => text).join(", ") || "none"],
    ["takeovers", String(report.takeovers.length)],
    [
      "detected after",
      `${showSpread(report.detectionMs)}${report.detectionMs === null ? "" : ` (exact to ${showDuration(report.lookedEveryMs)})`}`,
    ],
    ["taken over after", showSpread(report.takeoverMs)],
    ["first write after", showSpread(report.firstWriteMs)],
    ["RTO by concern", rto.join("; ") || "no write was waiting"],
    [
      "longest write gap",
      Object.entries(report.longestGapMs)
        .map(([region, ms]) => `${region} ${showDuration(ms)}`)
        .join(", "),
    ],
    [
      "failed or unknown",
      `${percent(requests.failedShare)} of ${requests.operations} (${percent(requests.failedShareIn.fault ?? 0)} during the fault); ${requests.unknown} unknown`,
    ],
    [
      "refused",
      Object.entries(requests.problems)
        .map(([name, count]) => `${name} ${count}`)
        .join(", ") || "nothing",
    ],
    ["furthest behind", report.lag.map((lag) => lagText(lag)).join("; ")],
    [
      "caught up after",
      report.catchUpMs === null
        ? "not seen"
        : `${showDuration(report.catchUpMs)} (exact to ${showDuration(report.lookedEveryMs)})`,
    ],
    [
      "all regions agreed",
      report.convergedMs === null ? "never" : `${showDuration(report.convergedMs)} after the load`,
    ],
    ["cost", costText(report)],
    ["added distances", distancesText(report)],
    ["overridden", overriddenText(report)],
  ];
}

function divergentText({
  count,
  acknowledged,
}: {
  count: number;
  acknowledged: number | "not known";
}): string {
  return count === 0
    ? "none"
    : `${count}, ${acknowledged} of them acknowledged; read them at /v1/users/{user}/divergent`;
}

function lagText({ region, entries, ms, looks, unknown }: WorstLag): string {
  const silent = unknown === 0 ? "" : `, silent at ${unknown} of ${looks} looks`;
  return `${region} ${entries} entries, ${showDuration(ms)}${silent}`;
}

function costText({ cost, own }: Report): string {
  const { requests, objectRequests, rowsRead, rowsWritten, queueOperations } = cost;
  if (typeof rowsRead === "string")
    return `${requests} requests; the deployment does not tell rows and queue operations`;
  const whose = own ? "" : ", others' use of the store included";
  return `${requests} requests; at least ${objectRequests} calls of objects, ${rowsRead} rows read, ${rowsWritten} written, ${queueOperations} queue operations${whose}`;
}

function distancesText({ distances, distancesAddedBy, distancesSource }: Report): string {
  if (distances.length === 0) return "none: the regions of this store are as near as it runs";
  const ways = distances.map(({ between, roundTripMs }) => `${between.join("–")} ${roundTripMs} ms`);
  return `by ${distancesAddedBy}: ${ways.join(", ")} there and back; ${distancesSource}`;
}

function overriddenText({ overridden }: Report): string {
  if (typeof overridden === "string") return `${overridden} (a store that was not started by the drill)`;
  return (
    Object.entries(overridden)
      .map(([name, value]) => `${name}=${value}`)
      .join(", ") || "nothing"
  );
}

function showSpread(spread: Spread | null): string {
  if (spread === null) return "no takeover";
  const { count, medianMs, maxMs } = spread;
  return count === 1
    ? showDuration(maxMs)
    : `${showDuration(medianMs)} median, ${showDuration(maxMs)} longest (${count} logs)`;
}
