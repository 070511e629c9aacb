/**
 * The drill's numbers, in the order in which somebody on call would ask for them, each with what it means to somebody who
 * is new to them.
 */
import { showDuration } from "../duration.ts";
import type { Spread } from "../measures.ts";
import type { Report } from "./report.ts";
import type { WorstLag } from "./series.ts";

export interface Figure {
  readonly name: string;
  readonly value: string;
  readonly meaning: string;
}

/** More are counted by kind. */
const FAULTS_NAMED_MAX = 6;

export function figuresOf(report: Report): Figure[] {
  return [
    ...lossFigures(report),
    ...takeoverFigures(report),
    ...serviceFigures(report),
    ...storeFigures(report),
  ];
}

function lossFigures({ acknowledged, rpo, divergentWrites, refusedStaleWrites }: Report): Figure[] {
  return [
    {
      name: "acknowledged writes",
      value: String(acknowledged),
      meaning: "The store said that they are done: they have to be there afterwards.",
    },
    {
      name: "of those lost (RPO)",
      value:
        rpo.writes === 0
          ? "none"
          : `${rpo.writes} ${rpo.writes === 1 ? "write" : "writes"}, acknowledged up to ${showDuration(rpo.ms)} before another region led`,
      meaning: "Only writes with concern `local` may be, for they are acknowledged by one region alone.",
    },
    {
      name: "divergent writes",
      value:
        "reason" in divergentWrites
          ? `not known (${divergentWrites.reason})`
          : divergentWrites.count === 0
            ? "none"
            : `${divergentWrites.count}, ${divergentWrites.acknowledged} of them acknowledged`,
      meaning:
        "A region that was lost had taken them, and the others went on without them. They are not in the data; they are kept for their users to look at, at /v1/users/{user}/divergent.",
    },
    {
      name: "stale writes refused",
      value: String(refusedStaleWrites),
      meaning: "Of the divergent ones, those that nobody was told were done.",
    },
  ];
}

function takeoverFigures(report: Report): Figure[] {
  const { faults, takeovers, detectionMs, takeoverMs, firstWriteMs, rtoMs, lookedEveryMs } = report;
  const rto = Object.entries(rtoMs).map(([concern, spread]) => `${concern} ${showSpread(spread)}`);
  return [
    {
      name: "faults",
      value: faultsText(faults),
      meaning: "What the drill did to the store.",
    },
    {
      name: "takeovers",
      value: String(takeovers.length),
      meaning:
        "A log is the writes of the users at home in one region, of one partition, and one region leads it. So many logs came to be led by another region because of a fault.",
    },
    {
      name: "detected after",
      value:
        detectionMs === null
          ? showSpread(null)
          : `${showSpread(detectionMs)} (exact to ${showDuration(lookedEveryMs)})`,
      meaning: "From the fault until another region was seen to have noticed.",
    },
    {
      name: "taken over after",
      value: showSpread(takeoverMs),
      meaning: "From the fault until another region was seen to lead.",
    },
    {
      name: "first write after",
      value: showSpread(firstWriteMs),
      meaning: "From the fault until a write was acknowledged under the new leader.",
    },
    {
      name: "RTO by concern",
      value: rto.join("; ") || "no write was waiting",
      meaning: "The same, of writes that were already waiting: for so long their users could not write.",
    },
  ];
}

function serviceFigures({
  longestGapMs,
  requests,
  lag,
  catchUpMs,
  convergedMs,
  lookedEveryMs,
}: Report): Figure[] {
  return [
    {
      name: "longest write gap",
      value: Object.entries(longestGapMs)
        .map(([region, ms]) => `${region} ${showDuration(ms)}`)
        .join(", "),
      meaning:
        "For so long no write of any client in that region was acknowledged. The drill's load has gaps of its own, too.",
    },
    {
      name: "failed or unknown",
      value: `${percent(requests.failedShare)} of ${requests.operations} (${percent(requests.failedShareIn.fault ?? 0)} during the fault); ${requests.unknown} unknown`,
      meaning: "Failed: surely without effect. Unknown: no answer came in time, and it may have been done.",
    },
    {
      name: "refused",
      value:
        Object.entries(requests.problems)
          .map(([name, count]) => `${name} ${count}`)
          .join(", ") || "nothing",
      meaning: "Why, by the names of the store's problems. `unanswered`: no answer at all.",
    },
    {
      name: "furthest behind",
      value: lag.map((each) => lagText(each)).join("; "),
      meaning:
        "Writes in the logs that a region had not applied, and the age of the oldest that was acknowledged, in the fault and heal phases. Readers there who asked for no more saw data that old.",
    },
    {
      name: "caught up after",
      value:
        catchUpMs === null
          ? "not seen"
          : `${showDuration(catchUpMs)} (exact to ${showDuration(lookedEveryMs)})`,
      meaning: "From the end of the last fault until every region had applied what any had by then.",
    },
    {
      name: "all regions agreed",
      value: convergedMs === null ? "never" : `${showDuration(convergedMs)} after the load`,
      meaning: "From the last operation until all regions showed the same.",
    },
  ];
}

function storeFigures(report: Report): Figure[] {
  return [
    {
      name: "cost",
      value: costText(report),
      meaning: "What the drill made the store do, in the units of the platform's bill.",
    },
    {
      name: "added distances",
      value: distancesText(report),
      meaning: "How far apart the regions were kept, beyond what they are.",
    },
    {
      name: "settings overridden",
      value: overriddenText(report),
      meaning: "Where the store of this drill differed from the deployment as it is configured.",
    },
  ];
}

export function faultsText(faults: Report["faults"]): string {
  if (faults.length === 0) return "none";
  if (faults.length <= FAULTS_NAMED_MAX) return faults.map(({ text }) => text).join(", ");
  const kinds = [...Map.groupBy(faults, ({ kind }) => kind)].toSorted(([, a], [, b]) => b.length - a.length);
  return `${faults.length}: ${kinds.map(([kind, own]) => `${kind} ${own.length}`).join(", ")}`;
}

function lagText({ region, entries, ms, looks, unknown }: WorstLag): string {
  const silent = unknown === 0 ? "" : `, silent at ${unknown} of ${looks} looks`;
  return `${region} ${entries} ${entries === 1 ? "write" : "writes"}, ${showDuration(ms)}${silent}`;
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

export function percent(share: number): string {
  return `${(share * 100).toFixed(share < 0.1 ? 2 : 1)} %`;
}

function showSpread(spread: Spread | null): string {
  if (spread === null) return "no takeover";
  const { count, medianMs, maxMs } = spread;
  return count === 1
    ? showDuration(maxMs)
    : `${showDuration(medianMs)} median, ${showDuration(maxMs)} longest (${count} logs)`;
}
