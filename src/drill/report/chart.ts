/** Pictures over time, as SVG text: lines or stacked areas over a time axis, with bands for faults and marks for takeovers. */
import { scaleLinear } from "d3-scale";
import { area, curveStepAfter, line } from "d3-shape";

export interface Band {
  readonly fromMs: number;
  readonly toMs: number;
  readonly label: string;
}

/** A stretch of time with a name, told below the axis. */
export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
  readonly name: string;
}

export interface Mark {
  readonly atMs: number;
  readonly label: string;
}

export interface Curve {
  readonly name: string;
  readonly color: string;
  readonly shape: "line" | "area";
  /** null: a gap. */
  readonly points: readonly { readonly atMs: number; readonly value: number | null }[];
}

/** What all pictures of a drill have in common. */
export interface Backdrop {
  readonly lengthMs: number;
  readonly spans: readonly Span[];
  readonly bands: readonly Band[];
  readonly marks: readonly Mark[];
}

export interface TimeChart extends Backdrop {
  readonly title: string;
  readonly unit: string;
  readonly curves: readonly Curve[];
}

export const WIDTH = 900;
export const MARGIN = { left: 64, right: 16, top: 30, bottom: 42 } as const;
const HEIGHT = 186;
/** Of a letter, roughly: for what has to fit. */
const LETTER = 7.4;
const TICKS = 4;

export const COLORS = {
  ok: "#2f7d4f",
  failed: "#c9372c",
  unknown: "#d98a00",
  text: "#3b4046",
  faint: "#5c656e",
  grid: "#e6e9ec",
  fault: "#c9372c",
  takeover: "#5b3cc4",
  regions: ["#1f6feb", "#b35900", "#0f8b8d", "#8250df", "#6e7781"],
} as const;

export function timeScale(lengthMs: number): (ms: number) => number {
  return scaleLinear([0, lengthMs], [MARGIN.left, WIDTH - MARGIN.right]);
}

export function timeChart(chart: TimeChart): string {
  const { curves, lengthMs } = chart;
  const highest = Math.max(1, ...curves.flatMap(({ points }) => points.map(({ value }) => value ?? 0)));
  const y = scaleLinear([0, highest], [HEIGHT - MARGIN.bottom, MARGIN.top]).nice(TICKS);
  const x = timeScale(lengthMs);
  const rows = y.ticks(TICKS).map((tick) => {
    const at = round(y(tick));
    return (
      `<line x1="${MARGIN.left}" x2="${WIDTH - MARGIN.right}" y1="${at}" y2="${at}" stroke="${COLORS.grid}"/>` +
      text(MARGIN.left - 8, at + 4, String(tick), { anchor: "end", color: COLORS.faint })
    );
  });
  const drawn = curves.map((curve) => curvePath(curve, x, y, y(0)));
  const title = `${chart.title} (${chart.unit})`;
  return svg(HEIGHT, title, [
    ...bandsOf(chart, x, HEIGHT),
    ...rows,
    ...drawn,
    ...marksOf(chart, x, HEIGHT),
    ...labelsOf(chart, x),
    ...timeAxis(chart, x, HEIGHT),
    text(MARGIN.left, 16, title, { weight: 600 }),
    legend(curves),
  ]);
}

function curvePath(
  { points, shape, color, name }: Curve,
  x: (ms: number) => number,
  y: (value: number) => number,
  base: number,
): string {
  type Point = Curve["points"][number];
  const at = (point: Point): number => round(x(point.atMs));
  const high = (point: Point): number => round(y(point.value ?? 0));
  const there = (point: Point): boolean => point.value !== null;
  if (shape === "area") {
    const path =
      area<Point>().defined(there).x(at).y0(base).y1(high).curve(curveStepAfter)([...points]) ?? "";
    return `<path d="${path}" fill="${color}" fill-opacity="0.75"><title>${escapeXml(name)}</title></path>`;
  }
  const path = line<Point>().defined(there).x(at).y(high)([...points]) ?? "";
  return `<path d="${path}" fill="none" stroke="${color}" stroke-width="1.6"><title>${escapeXml(name)}</title></path>`;
}

export function bandsOf({ bands }: Backdrop, x: (ms: number) => number, height: number): string[] {
  return bands.map(({ fromMs, toMs, label }) => {
    const width = Math.max(1, round(x(toMs) - x(fromMs)));
    return `<rect x="${round(x(fromMs))}" y="${MARGIN.top}" width="${width}" height="${height - MARGIN.bottom - MARGIN.top}" fill="${COLORS.fault}" fill-opacity="0.08"><title>${escapeXml(label)}</title></rect>`;
  });
}

/** What was wrong, in the band, where it fits and covers no other one's. */
function labelsOf({ bands }: Backdrop, x: (ms: number) => number): string[] {
  let free = 0;
  return bands.flatMap(({ fromMs, toMs, label }) => {
    const at = round(x(fromMs) + 4);
    const width = label.length * LETTER;
    if (at < free || at + width > x(toMs)) return [];
    free = at + width;
    return [text(at, MARGIN.top + 12, label, { color: COLORS.fault, halo: true })];
  });
}

function marksOf({ marks }: Backdrop, x: (ms: number) => number, height: number): string[] {
  return marks.map(({ atMs, label }) => {
    const at = round(x(atMs));
    return `<line x1="${at}" x2="${at}" y1="${MARGIN.top}" y2="${height - MARGIN.bottom}" stroke="${COLORS.takeover}" stroke-dasharray="3 3"><title>${escapeXml(label)}</title></line>`;
  });
}

/** Seconds, and below them the drill's phases. */
export function timeAxis({ lengthMs, spans }: Backdrop, x: (ms: number) => number, height: number): string[] {
  const seconds = scaleLinear([0, lengthMs / 1_000], [0, 1]).ticks(10);
  return [
    ...seconds.map((tick) =>
      text(round(x(tick * 1_000)), height - 24, `${tick} s`, { anchor: "middle", color: COLORS.faint }),
    ),
    ...spans.flatMap(({ fromMs, toMs, name }) => {
      const [from, to] = [round(x(fromMs)), round(x(toMs))];
      const line = `<line x1="${from + 1}" x2="${to - 1}" y1="${height - 18}" y2="${height - 18}" stroke="${COLORS.faint}"/>`;
      if (to - from < name.length * LETTER) return [line];
      return [
        line,
        text(round((from + to) / 2), height - 6, name, { anchor: "middle", color: COLORS.faint }),
      ];
    }),
  ];
}

export interface Key {
  readonly name: string;
  readonly color: string;
  readonly opacity?: number;
}

/** One line of text: how wide its words are only the reader's own font knows. */
export function legend(keys: readonly Key[]): string {
  const entries = keys.map(({ name, color, opacity = 1 }) => {
    return `<tspan fill="${color}" fill-opacity="${opacity}">\u25a0</tspan>\u00a0${escapeXml(name)}`;
  });
  return `<text x="${WIDTH - MARGIN.right}" y="16" text-anchor="end" fill="${COLORS.text}">${entries.join("\u2003")}</text>`;
}

interface TextLooks {
  readonly anchor?: "start" | "middle" | "end";
  readonly color?: string;
  readonly weight?: number;
  /** To be read on top of lines. */
  readonly halo?: boolean;
}

export function text(x: number, y: number, words: string, looks: TextLooks = {}): string {
  const { anchor = "start", color = COLORS.text, weight = 400, halo = false } = looks;
  const around = halo ? ` paint-order="stroke" stroke="#fff" stroke-width="4" stroke-linejoin="round"` : "";
  return `<text x="${x}" y="${y}" text-anchor="${anchor}" fill="${color}" font-weight="${weight}"${around}>${escapeXml(words)}</text>`;
}

/** `name`: what it shows, for those who do not see it. */
export function svg(height: number, name: string, parts: readonly string[]): string {
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeXml(name)}" font-family="system-ui, sans-serif" font-size="12">` +
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>${parts.join("")}</svg>`
  );
}

/** Pictures one below the other, as one. */
export function stack(name: string, pictures: readonly string[]): string {
  let height = 0;
  const placed = pictures.map((picture) => {
    const top = height;
    const own = Number(/viewBox="0 0 \d+ (\d+)"/u.exec(picture)?.[1] ?? 0);
    height += own;
    return picture.replace("<svg ", `<svg y="${top}" width="${WIDTH}" height="${own}" `);
  });
  return svg(height, name, placed);
}

export function escapeXml(raw: string): string {
  return raw
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

export function round(value: number): number {
  return Math.round(value * 10) / 10;
}
