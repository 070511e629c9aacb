/** Lengths of time as people write them: 500ms, 20s, 1.5m. */

const FORM = /^(\d+(?:\.\d+)?)\s*(ms|s|m)$/u;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000 };

/** undefined: not of that form. */
export function parseDuration(text: string): number | undefined {
  const [, amount, unit = ""] = FORM.exec(text.trim()) ?? [];
  const unitMs = UNIT_MS[unit];
  return amount === undefined || unitMs === undefined ? undefined : Math.round(Number(amount) * unitMs);
}

export function showDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 120_000) return `${Number((ms / 1_000).toFixed(ms < 10_000 ? 2 : 1))} s`;
  return `${Number((ms / 60_000).toFixed(1))} min`;
}
