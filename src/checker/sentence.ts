/**
 * Operations in words, for the sentences of violations.
 *
 *   #12 read alice/"a" at session in enam by process 3 (40–42): saw weur.16.7
 */
import type { Operation } from "./operation.ts";
import type { Version } from "./version.ts";

export function showVersion(version: Version | undefined): string {
  if (version === undefined) return "an untold version";
  return version ?? "nothing";
}

export function showItem(user: string, key: string): string {
  return `${user}/${JSON.stringify(key)}`;
}

export function showOperation(op: Operation): string {
  const what = op.key === undefined ? op.user : showItem(op.user, op.key);
  const level = op.level === undefined ? "" : ` at ${op.level}`;
  const concern = op.concern === undefined ? "" : ` with concern ${op.concern}`;
  const where = op.servedBy ?? op.region;
  const region = where === undefined ? "" : ` in ${where}`;
  const end = op.completedAt === Infinity ? "never" : String(op.end);
  return `#${op.id} ${op.op} ${what}${level}${concern}${region} by process ${op.process} (${op.start}–${end}): ${result(op)}`;
}

function result(op: Operation): string {
  if (op.outcome === "failed") return "failed";
  if (op.outcome === "unknown") return "outcome unknown";
  if (op.applied === false) return "refused";
  if (op.op === "list" || op.op === "read-many") return `showed ${op.items?.length ?? 0} items`;
  return op.op === "read" ? `saw ${showVersion(op.version)}` : `got ${showVersion(op.version)}`;
}
