/**
 * A change of an item as JSON text: what a page of the feed and a message of a live one hold, and what a sink is sent. Written by
 * hand: stored JSON stands in it as it is, byte for byte.
 */
import type { Change } from "../replication/change.ts";
import type { RegionIndex } from "../replication/position.ts";
import { embeddedValue } from "./value-text.ts";

export interface ChangeTextOptions {
  /** What a region is called outside. */
  readonly regionId: (region: RegionIndex) => string;
  /** With the values that puts, merges and adds resulted in. */
  readonly values: boolean;
}

/** `{"position":…,"key":…,"op":…,"version":…,"at":…}`, and of what is there afterwards its type, its expiry and its value. */
export function changeText({ position, key, op, at, after }: Change, options: ChangeTextOptions): string {
  const { o, e, s } = position;
  const version = `${options.regionId(o)}.${e}.${s}`;
  const fixed = JSON.stringify({
    position: version,
    key,
    op,
    version,
    at,
    ...(after === undefined ? {} : { contentType: after.contentType }),
    ...(after === undefined || after.expiresAt === 0 ? {} : { expiresAt: after.expiresAt }),
  });
  if (after === undefined || !options.values) return fixed;
  return `${fixed.slice(0, -1)},${embeddedValue(after.contentType, after.value)}}`;
}
