/**
 * Positions as the surface speaks them: `origin.epoch.seq` with the region's id. Inside, regions are indexes and numbers are
 * safe integers; outside, everything is text.
 */
import type { Position } from "../replication/position.ts";
import type { LostPosition } from "../replication/request.ts";
import type { RegionTable } from "./region-table.ts";

const FORM = /^([a-z0-9-]{1,63})\.(0|[1-9]\d{0,18})\.(0|[1-9]\d{0,18})$/;

export type ParsedPosition = Position | "unknown" | "malformed";

/** `unknown`: well formed, and no position of this deployment. */
export function parsePosition(regions: RegionTable, text: string): ParsedPosition {
  const match = FORM.exec(text);
  if (match === null) return "malformed";
  const [, id = "", epoch = "", seq = ""] = match;
  const o = regions.indexOf(id);
  const e = Number(epoch);
  const s = Number(seq);
  if (o === undefined || !Number.isSafeInteger(e) || !Number.isSafeInteger(s)) return "unknown";
  return { o, e, s };
}

/** What a failover lost of an epoch, up to a position that a session had seen. */
export function lostRange(
  regions: RegionTable,
  { from, ...position }: LostPosition,
): { readonly from: string; readonly to: string } {
  const first = Math.min(from ?? position.s, position.s);
  return { from: positionText(regions, { ...position, s: first }), to: positionText(regions, position) };
}

export function positionText(regions: RegionTable, { o, e, s }: Position): string {
  return `${regions.idOf(o)}.${e}.${s}`;
}
