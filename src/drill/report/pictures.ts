/** The report's pictures, out of the report alone. */
import { scaleLinear } from "d3-scale";
import {
  bandsOf,
  COLORS,
  escapeXml,
  legend,
  MARGIN,
  round,
  stack,
  svg,
  text,
  timeAxis,
  timeChart,
  timeScale,
  WIDTH,
  type Backdrop,
  type Band,
  type Curve,
} from "./chart.ts";
import type { Report } from "./report.ts";

const ROW = 18;
const LOGS_MAX = 40;
const POINTS_MAX = 300;
const BANDS_MAX = 150;

/** For each region what its clients got, then how far it was behind. */
export function throughputPictures(report: Report): string[] {
  const { series } = report;
  return series.regions.map(({ region, ...counts }) => {
    const curve = (name: "ok" | "failed" | "unknown"): Curve => ({
      name,
      color: COLORS[name],
      shape: "area",
      points: thinned(
        counts[name].map((value, n) => ({ atMs: n * series.bucketMs, value })),
        mean,
      ),
    });
    return timeChart({
      title: `Clients in ${region}`,
      unit: "operations a second",
      ...backdropOf(report),
      curves: [curve("ok"), curve("failed"), curve("unknown")],
    });
  });
}

/** In entries, and in time. */
export function lagPictures(report: Report): string[] {
  const { series } = report;
  const pictures = [
    ["entries", 1, "writes that a region had not applied; a gap: it could not be asked"],
    ["ms", 1_000, "seconds since the oldest write not applied was acknowledged"],
  ] as const;
  return pictures.map(([member, per, unit]) =>
    timeChart({
      title: "How far behind",
      unit,
      ...backdropOf(report),
      curves: series.lag.map(({ region, points }) => ({
        name: region,
        color: colorOf(region, report.regions),
        shape: "line",
        points: thinned(
          points.map(({ atMs, [member]: value }) => ({ atMs, value: value === null ? null : value / per })),
          highest,
        ),
      })),
    }),
  );
}

/** The picture for whoever looks at one only: throughput and errors in every region, and who led. */
export function frontPicture(report: Report): string {
  const name = `${report.scenario}: what clients got in each region, and who led`;
  return stack(name, [...throughputPictures(report), leadersPicture(report)]);
}

/** A row for each log of the drill's users, in the colour of whoever led it. */
export function leadersPicture(report: Report): string {
  const { series, regions } = report;
  const logs = report.leaders.slice(0, LOGS_MAX);
  const height = MARGIN.top + logs.length * ROW + MARGIN.bottom;
  const x = timeScale(series.lengthMs);
  const backdrop = backdropOf(report);
  const rows = logs.flatMap(({ log, leaderships }, n) => {
    const top = MARGIN.top + n * ROW;
    const bars = leaderships.map(({ epoch, leader, sinceMs }, at) => {
      // Who led when it was first looked at led from the beginning.
      const from = x(at === 0 ? 0 : sinceMs);
      const to = x(leaderships[at + 1]?.sinceMs ?? series.lengthMs);
      const title = `log ${log}: ${leader}, epoch ${epoch}`;
      return `<rect x="${round(from)}" y="${top + 2}" width="${Math.max(1, round(to - from))}" height="${ROW - 4}" fill="${colorOf(leader, regions)}"><title>${escapeXml(title)}</title></rect>`;
    });
    return [text(MARGIN.left - 8, top + 13, log, { anchor: "end", color: COLORS.faint }), ...bars];
  });
  const title = "Who led which log (partition/region)";
  return svg(height, title, [
    ...rows,
    ...bandsOf(backdrop, x, height),
    ...timeAxis(backdrop, x, height),
    text(MARGIN.left, 16, title, { weight: 600 }),
    legend(regions.map((region) => ({ name: region, color: colorOf(region, regions) }))),
  ]);
}

const PERCENTILES = [
  ["p50Ms", "median", 1],
  ["p95Ms", "95th percentile", 0.7],
  ["p99Ms", "99th percentile", 0.4],
] as const;

/** Bars, before, during and after. */
export function latencyPicture(report: Report): string {
  const height = 220;
  const bottom = height - 26;
  const groups = report.latency;
  const highest = Math.max(1, ...groups.map(({ p99Ms }) => p99Ms));
  const y = scaleLinear([0, highest], [bottom, MARGIN.top]).nice(4);
  const width = (WIDTH - MARGIN.left - MARGIN.right) / groups.length;
  const rows = y.ticks(4).map((tick) => {
    const at = round(y(tick));
    return (
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${at}" y2="${at}" stroke="${COLORS.grid}"/>` +
      text(MARGIN.left - 8, at + 4, String(tick), { anchor: "end", color: COLORS.faint })
    );
  });
  const bars = groups.flatMap((group, n) => {
    const left = MARGIN.left + n * width;
    const color = group.what === "reads" ? COLORS.regions[0] : COLORS.regions[1];
    const each = PERCENTILES.map(([member, , opacity], at) => {
      const value = group[member];
      const x = left + 14 + at * ((width - 28) / PERCENTILES.length);
      const top = round(y(value));
      return (
        `<rect x="${round(x)}" y="${top}" width="${round((width - 34) / PERCENTILES.length)}" height="${round(bottom - top)}" fill="${color}" fill-opacity="${opacity}"/>` +
        text(round(x + (width - 34) / PERCENTILES.length / 2), top - 3, value.toFixed(value < 10 ? 1 : 0), {
          anchor: "middle",
          color: COLORS.faint,
        })
      );
    });
    const name = `${group.phase}: ${group.count} ${group.what}`;
    return [
      ...each,
      text(round(left + width / 2), height - 8, name, { anchor: "middle", color: COLORS.faint }),
    ];
  });
  const title = "How long answers took (ms)";
  return svg(height, title, [
    ...rows,
    ...bars,
    text(MARGIN.left, 16, title, { weight: 600 }),
    legend(PERCENTILES.map(([, name, opacity]) => ({ name, color: COLORS.faint, opacity }))),
  ]);
}

/** Where there are too many to be told apart, those that overlap or touch are one. */
function merged(bands: readonly Band[], touchMs: number): Band[] {
  if (bands.length <= BANDS_MAX) return [...bands];
  const sorted = bands.toSorted((a, b) => a.fromMs - b.fromMs);
  return sorted.reduce<Band[]>((before, band) => {
    const last = before.at(-1);
    if (last === undefined || band.fromMs > last.toMs + touchMs) return [...before, band];
    const together = { ...last, toMs: Math.max(last.toMs, band.toMs), label: "several faults" };
    return [...before.slice(0, -1), together];
  }, []);
}

/** A long drill has more seconds than a picture has room for; neighbours become one point. */
function thinned(points: Curve["points"], merge: (values: readonly number[]) => number): Curve["points"] {
  const together = Math.ceil(points.length / POINTS_MAX);
  if (together <= 1) return points;
  const groups = Map.groupBy(
    points.map((point, n) => ({ point, group: Math.floor(n / together) })),
    ({ group }) => group,
  );
  return [...groups.values()].map((group) => {
    const known = group.flatMap(({ point }) => (point.value === null ? [] : [point.value]));
    return { atMs: group[0]?.point.atMs ?? 0, value: known.length === 0 ? null : merge(known) };
  });
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** At worst is what counts. */
function highest(values: readonly number[]): number {
  return Math.max(...values);
}

function backdropOf({ faults, takeovers, phases, series: { lengthMs } }: Report): Backdrop {
  return {
    lengthMs,
    spans: phases,
    bands: merged(
      faults.map(({ text: label, atMs, endedMs }) => ({ fromMs: atMs, toMs: endedMs ?? lengthMs, label })),
      lengthMs / WIDTH,
    ),
    marks: takeovers.map(({ log, from, to, atMs }) => ({ atMs, label: `log ${log}: ${from} → ${to}` })),
  };
}

function colorOf(region: string, regions: readonly string[]): string {
  return COLORS.regions[regions.indexOf(region) % COLORS.regions.length] ?? COLORS.faint;
}
