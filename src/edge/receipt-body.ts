/** A receipt as JSON: regions by id, positions as text. */
import type { Receipt } from "../replication/request.ts";
import { positionText } from "./position-text.ts";
import type { RegionTable } from "./region-table.ts";

export function receiptBody(regions: RegionTable, receipt: Receipt) {
  const { user, key, version, position, leader, concern, durableIn, committed, at } = receipt;
  return {
    user,
    ...(key === undefined ? {} : { key }),
    version: positionText(regions, version),
    position: positionText(regions, position),
    leader: regions.idOf(leader),
    concern,
    durableIn: durableIn.map((region) => regions.idOf(region)),
    committed,
    at,
  };
}
