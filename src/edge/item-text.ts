/** An item in a list or an export. Written by hand: stored JSON stands in it as it is, byte for byte. */
import type { ItemView } from "../replication/request.ts";
import { positionText } from "./position-text.ts";
import type { RegionTable } from "./region-table.ts";

export function itemText(
  regions: RegionTable,
  item: ItemView,
  valueText: (contentType: string, value: Uint8Array) => string,
): string {
  const { key, version, contentType, size, expiresAt, value } = item;
  const fixed = JSON.stringify({
    key,
    version: positionText(regions, version),
    contentType,
    size,
    ...(expiresAt === 0 ? {} : { expiresAt }),
  });
  if (value === undefined) return fixed;
  return `${fixed.slice(0, -1)},${valueText(contentType, value)}}`;
}
