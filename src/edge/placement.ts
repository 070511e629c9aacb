/**
 * In which region a client counts as placed: the one that its header names, else the one nearest to where the platform
 * saw it. The edge then counts as part of that region, for faults too.
 */
import { HEADER } from "../api/header.ts";
import type { RegionIndex } from "../replication/position.ts";
import { placeOfContinent, type Coordinates } from "./geography.ts";
import { invalid } from "./refusal.ts";
import type { RegionTable } from "./region-table.ts";

/** What is used of `request.cf`. Coordinates come as text. */
export interface Sighting {
  readonly continent?: unknown;
  readonly latitude?: unknown;
  readonly longitude?: unknown;
}

export function placeClient(
  regions: RegionTable,
  header: string | null,
  sighting: Sighting | undefined,
): RegionIndex {
  if (header !== null) {
    const index = regions.indexOf(header);
    if (index === undefined) throw invalid(`${HEADER.region}: there is no region "${header}"`);
    return index;
  }
  const at = sighting === undefined ? undefined : coordinatesOf(sighting);
  return at === undefined ? (regions.all[0]?.index ?? 0) : regions.nearestTo(at);
}

function coordinatesOf({ continent, latitude, longitude }: Sighting): Coordinates | undefined {
  const exact = { latitude: degrees(latitude), longitude: degrees(longitude) };
  if (!Number.isNaN(exact.latitude) && !Number.isNaN(exact.longitude)) return exact;
  return typeof continent === "string" ? placeOfContinent(continent) : undefined;
}

function degrees(value: unknown): number {
  if (typeof value === "string") return value === "" ? Number.NaN : Number(value);
  return typeof value === "number" ? value : Number.NaN;
}
