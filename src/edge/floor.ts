/** What the next page of a list has to cover, so that it is never older than the ones before. */
import type { Position } from "../replication/position.ts";
import type { Facts, SessionPart } from "../replication/request.ts";

export function floorFrom(positions: readonly Position[], seenAt: number): SessionPart {
  return { positions: positions.map((position) => ({ ...position, durable: false })), others: [], seenAt };
}

/** What this page showed, and what the ones before did. */
export function floorAfter(facts: Facts, before: SessionPart | undefined): SessionPart {
  const positions = facts.shown.map(({ o, e, s }) => ({ o, e, s }));
  for (const { o, e, s } of before?.positions ?? []) {
    if (!positions.some((each) => each.o === o && each.e === e && each.s >= s)) positions.push({ o, e, s });
  }
  return floorFrom(positions, Math.max(facts.seenAt, before?.seenAt ?? 0));
}
