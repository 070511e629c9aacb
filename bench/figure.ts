/** One measured figure, what it is measured against, and how the two stand. */

export interface Figure {
  readonly part: string;
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly target?: Target;
  /** What the figure was made of, for whoever doubts it. */
  readonly detail?: Readonly<Record<string, unknown>>;
}

export interface Target {
  readonly is: "at least" | "at most";
  readonly value: number;
}

export function isMet({ value, target }: Figure): boolean | null {
  if (target === undefined) return null;
  return target.is === "at least" ? value >= target.value : value <= target.value;
}

export function tableOf(figures: readonly Figure[]): string {
  const rows = figures.map((figure) => [
    figure.part,
    figure.name,
    `${readable(figure.value)} ${figure.unit}`.trim(),
    figure.target === undefined ? "" : `${figure.target.is} ${readable(figure.target.value)}`,
    { true: "met", false: "MISSED", null: "" }[String(isMet(figure)) as "true" | "false" | "null"],
  ]);
  const header = ["part", "figure", "value", "target", ""];
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [line(header), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

function readable(value: number): string {
  if (!Number.isFinite(value)) return "unknown";
  const size = Math.abs(value);
  if (size >= 1_000) return Math.round(value).toLocaleString("en-US");
  if (size >= 100) return value.toFixed(0);
  return value.toPrecision(3);
}
