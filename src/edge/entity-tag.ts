/**
 * If-Match and If-None-Match (RFC 9110, 13.1). Our tags are strong and name a version; intermediaries that recode a body
 * put `W/` before them, so that is taken off again. A tag of somebody else's making is no error: it matches nothing.
 */
import { ENTITY_TAGS_MAX } from "../api/limit.ts";
import type { Position } from "../replication/position.ts";
import { parsePosition, positionText } from "./position-text.ts";
import { invalid } from "./refusal.ts";
import type { RegionTable } from "./region-table.ts";

export type TagCondition = "any" | readonly Position[];

/** One tag and what separates it from the next. Sticky: a gap between two matches is a syntax error. */
const TAG = /[ \t]*(?:W\/)?"([\u0021\u0023-\u007e\u0080-\u00ff]*)"[ \t]*(?:,|$)/y;

export function parseTags(regions: RegionTable, header: string, value: string): TagCondition {
  if (value === "*") return "any";
  const versions: Position[] = [];
  const tag = new RegExp(TAG);
  let count = 0;
  while (tag.lastIndex < value.length) {
    const match = tag.exec(value);
    if (match === null || ++count > ENTITY_TAGS_MAX) {
      throw invalid(`${header} has to be * or up to ${ENTITY_TAGS_MAX} quoted entity tags`);
    }
    const version = parsePosition(regions, match[1] ?? "");
    if (typeof version !== "string") versions.push(version);
  }
  if (count === 0) throw invalid(`${header} is empty`);
  return versions;
}

export function entityTag(regions: RegionTable, version: Position): string {
  return `"${positionText(regions, version)}"`;
}

export function matches(condition: TagCondition, version: Position): boolean {
  if (condition === "any") return true;
  return condition.some(({ o, e, s }) => o === version.o && e === version.e && s === version.s);
}
