/** The whole report in four answers, for whoever reads no further: what happened, who noticed, what was lost, whether to worry. */
import { showDuration } from "../duration.ts";
import { faultsText, percent } from "./figures.ts";
import type { Report } from "./report.ts";

export interface Answered {
  readonly question: string;
  readonly answer: string;
}

export function headlineOf(report: Report): Answered[] {
  return [
    { question: "What happened", answer: happened(report) },
    { question: "Who noticed", answer: noticed(report) },
    { question: "What was lost", answer: lost(report) },
    { question: "To worry about", answer: worry(report) },
  ];
}

/** Nothing is known to be broken: what is wrong is that too little was seen, or that a check gave up. */
export function isOpen({ checks }: Pick<Report, "checks">): boolean {
  const broken = checks.filter(({ ok }) => ok !== true);
  return broken.length > 0 && broken.every(({ ok, onlyShort }) => ok === "undecided" || onlyShort);
}

function happened({ about, faults, takeovers, takeoverMs }: Report): string {
  const told = faults.length === 0 ? about : `${about} In this drill: ${faultsText(faults)}.`;
  if (takeovers.length === 0) return `${told} No other region took over.`;
  const logs = takeovers.length === 1 ? "one log" : `${takeovers.length} logs`;
  const after =
    takeoverMs === null
      ? ""
      : `, ${showDuration(takeoverMs.maxMs)} after the fault${takeovers.length === 1 ? "" : " at the latest"}`;
  return `${told} Other regions took over ${logs}${after}.`;
}

function noticed({ requests, longestGapMs, latency }: Report): string {
  const { failedShare, operations, failedShareIn } = requests;
  const failed =
    failedShare === 0
      ? `None of ${operations} requests failed.`
      : `${percent(failedShare)} of ${operations} requests failed or got no answer (${percent(failedShareIn.fault ?? 0)} during the fault).`;
  const slow = (phase: string): number | undefined =>
    latency.find((each) => each.phase === phase && each.what === "writes" && each.count > 0)?.p99Ms;
  const [before, during] = [slow("steady"), slow("fault")];
  const slower =
    before === undefined || during === undefined
      ? ""
      : ` 99 of 100 writes were answered within ${showDuration(during)}, before the fault within ${showDuration(before)}.`;
  const [region, gapMs] = Object.entries(longestGapMs).toSorted(([, a], [, b]) => b - a)[0] ?? ["", 0];
  return `${failed}${slower} No region went without an acknowledged write for longer than ${showDuration(gapMs)} (${region}).`;
}

function lost({ acknowledged, rpo, divergentWrites }: Report): string {
  const untold = "reason" in divergentWrites ? 0 : divergentWrites.count - rpo.writes;
  const aside =
    untold <= 0
      ? ""
      : untold === 1
        ? " One write that nobody was told was done is set aside for its user to look at."
        : ` ${untold} writes that nobody was told were done are set aside for their users to look at.`;
  if (rpo.writes === 0) return `Nothing: all ${acknowledged} acknowledged writes are there.${aside}`;
  return `${rpo.writes} of ${acknowledged} acknowledged writes, told to be done up to ${showDuration(rpo.ms)} before another region led.${aside}`;
}

function worry(report: Report): string {
  const { checks, rpo, verdict } = report;
  const broken = checks.filter(({ ok }) => ok !== true).map(({ checker }) => checker);
  if (verdict !== "passed") {
    return isOpen(report)
      ? `Nothing was seen to be broken, but that proves too little: ${broken.join(", ")}. Run it again, for longer or with more load.`
      : `Yes: the store broke a promise. See ${broken.join(", ")}.`;
  }
  if (rpo.writes === 0) return `Nothing: all ${checks.length} checks passed.`;
  return `No promise was broken, all ${checks.length} checks passed: a \`local\` write may be lost with its region, and each is kept for its user at /v1/users/{user}/divergent. Whoever cannot bear that writes with concern \`majority\`.`;
}
