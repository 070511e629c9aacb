/** What the next page of a list has to cover, so that it is never older than the ones before. */
import type { Position } from "../replication/position.ts";
import type { Facts, SessionPart } from "../replication/request.ts";

export function floorFrom(positions: readonly Position[], seenAt: number): SessionPart {
  return { positions: positions.map((position) => ({ ...position, durable: false })), others: [], seenAt };
}

/** What this page showed, and what the ones before did: of each history the furthest. */
export function floorAfter(facts: Facts, before: SessionPart | undefined): SessionPart {
  const furthest = new Map<string, Position>();
  for (const { o, e, s } of [...(before?.positions ?? []), ...facts.shown]) {
    const history = `${o}.${e}`;
    if ((furthest.get(history)?.s ?? 0) < s) furthest.set(history, { o, e, s });
  }
  return floorFrom([...furthest.values()], Math.max(facts.seenAt, before?.seenAt ?? 0));
}
