/** A fault as JSON. */
import type { FaultRecord } from "../../durable-objects/faults.ts";
import type { RegionTable } from "./region-table.ts";

export function faultBody(
  regions: RegionTable,
  { id, kind, region, peer, ms, probability, endsAt }: FaultRecord,
) {
  return {
    id,
    kind,
    region: regions.idOf(region),
    ...(peer === null ? {} : { peer: regions.idOf(peer) }),
    ...(ms === null ? {} : { ms }),
    ...(probability === null ? {} : { probability }),
    endsAt,
  };
}
