/** Reads OpenMetrics text as strictly as a scraper would; throws at the first line that is wrong. */

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly type: string;
  readonly samples: Sample[];
}

const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  counter: ["_total", "_created"],
  gauge: [""],
  histogram: ["_bucket", "_count", "_sum", "_created"],
};
const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y;

export function parseOpenMetrics(text: string): Map<string, Family> {
  const lines = text.split("\n");
  if (lines.pop() !== "" || lines.pop() !== "# EOF") throw new Error("has to end with # EOF and a newline");
  const families = new Map<string, Family>();
  let current = "";
  for (const line of lines) {
    const comment = /^# (TYPE|UNIT|HELP) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.*)$/.exec(line);
    if (comment !== null) {
      const [, keyword, name = "", rest = ""] = comment;
      if (keyword === "TYPE") {
        if (families.has(name)) throw new Error(`${name} is declared twice`);
        families.set(name, { type: rest, samples: [] });
        current = name;
      } else if (name !== current) throw new Error(`out of place: ${line}`);
      if (keyword === "UNIT" && !name.endsWith(`_${rest}`))
        throw new Error(`does not end with its unit: ${line}`);
      continue;
    }
    const match = SAMPLE.exec(line);
    const family = families.get(current);
    if (match === null || family === undefined) throw new Error(`not a sample: ${line}`);
    const [, name = "", labels = "", value = ""] = match;
    const known = (SUFFIXES[family.type] ?? []).some((suffix) => name === `${current}${suffix}`);
    if (!known) throw new Error(`not of ${family.type} ${current}: ${line}`);
    if (Number.isNaN(Number(value))) throw new Error(`not a number: ${line}`);
    family.samples.push({ name, labels: parseLabels(labels), value: Number(value) });
  }
  for (const [name, family] of families) check(name, family);
  return families;
}

function parseLabels(text: string): Record<string, string> {
  const labels: Record<string, string> = {};
  const label = new RegExp(LABEL);
  while (label.lastIndex < text.length) {
    const match = label.exec(text);
    if (match === null) throw new Error(`not labels: ${text}`);
    const [, name = "", value = ""] = match;
    if (Object.hasOwn(labels, name)) throw new Error(`label ${name} twice: ${text}`);
    labels[name] = value;
  }
  return labels;
}

function check(name: string, { type, samples }: Family): void {
  const seen = new Set<string>();
  for (const sample of samples) {
    const labels = Object.entries(sample.labels).map(([label, value]) => `${label}=${value}`);
    const identity = [sample.name, ...labels.toSorted((a, b) => (a < b ? -1 : 1))].join(" ");
    if (seen.has(identity)) throw new Error(`twice: ${identity}`);
    seen.add(identity);
    if (sample.value < 0) throw new Error(`negative: ${identity}`);
  }
  if (type !== "histogram") return;
  const groups = Map.groupBy(samples, ({ labels }) => JSON.stringify({ ...labels, le: "" }));
  for (const [group, members] of groups) {
    const buckets = members.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => (labels["le"] === "+Inf" ? Infinity : Number(labels["le"])));
    const counts = buckets.map(({ value }) => value);
    const rising = (values: number[]) =>
      values.every((value, at) => at === 0 || value >= (values[at - 1] ?? 0));
    if (!rising(bounds) || !rising(counts)) throw new Error(`buckets do not rise: ${group}`);
    const total = members.find((sample) => sample.name === `${name}_count`)?.value;
    if (bounds.at(-1) !== Infinity || counts.at(-1) !== total) throw new Error(`no whole: ${group}`);
  }
}
