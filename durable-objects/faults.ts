/**
 * What an injected fault does to one message, decided without doing anything.
 *
 * Every fault is put on every replica of every region, and all of them judge alike, so it is enough that the receiver
 * of a call does: it judges the request on its way in and the answer on its way out, as two messages that cross
 * one way each. That is how a one-way cut can let a request arrive, be carried out, and lose its answer: the case in
 * which a caller must not believe that nothing happened.
 *
 * `down` and `stall` befall a region's replicas, which also fall silent towards others, as a lost or hanging machine
 * does; the edge that is placed in the region is none of them and reaches the other regions. `isolate`, `partition`,
 * `one-way` and `delay` befall the network, and the edge counts as part of the region in which it placed its client.
 *
 * Instants are the host's own clock: `skew` never moves the end of a fault.
 */
import type { RegionIndex } from "../src/replication/position.ts";

export type FaultKind =
  | "down"
  | "stall"
  | "isolate"
  | "partition"
  | "one-way"
  | "delay"
  | "drop"
  | "duplicate"
  | "reorder"
  | "skew"
  | "restart";

export interface FaultRecord {
  readonly id: string;
  readonly kind: FaultKind;
  readonly region: RegionIndex;
  /** `partition` and `one-way` need it; `delay` without one means all. */
  readonly peer: RegionIndex | null;
  /** For `delay` and `skew`. */
  readonly ms: number | null;
  /** For `drop`, `duplicate` and `reorder`. */
  readonly probability: number | null;
  /** It ends by itself. */
  readonly endsAt: number;
}

/** One message on its way between two regions, or within one. */
export interface Crossing {
  readonly from: RegionIndex;
  readonly to: RegionIndex;
  readonly sender: "edge" | "replica";
  /** Whoever asked receives the answer: it may be an edge. */
  readonly receiver: "edge" | "replica";
}

export type Verdict =
  | { readonly kind: "pass"; readonly delayMs: number }
  /** The sender learns at once that it was not taken. */
  | { readonly kind: "refuse" }
  /** The sender learns nothing. A stalled replica gives up at `until`; a lost message never answers (null). */
  | { readonly kind: "silent"; readonly until: number | null };

const REFUSE: Verdict = { kind: "refuse" };
const LOST: Verdict = { kind: "silent", until: null };

export function judge(faults: readonly FaultRecord[], crossing: Crossing, now: number): Verdict {
  let delayMs = 0;
  let stalledUntil: number | null = null;
  let refused = false;
  for (const fault of faults) {
    if (fault.endsAt <= now) continue;
    if (isCut(fault, crossing)) return LOST;
    if (fault.kind === "delay" && isDelayed(fault, crossing)) delayMs += fault.ms ?? 0;
    if (crossing.receiver === "edge" || fault.region !== crossing.to) continue;
    if (fault.kind === "down") refused = true;
    if (fault.kind === "stall") stalledUntil = Math.max(stalledUntil ?? 0, fault.endsAt);
  }
  // The network comes before the machine: what does not arrive is not refused.
  if (refused) return REFUSE;
  if (stalledUntil !== null) return { kind: "silent", until: stalledUntil };
  return { kind: "pass", delayMs };
}

function isCut(fault: FaultRecord, { from, to, sender }: Crossing): boolean {
  switch (fault.kind) {
    case "down":
    case "stall":
      return sender === "replica" && fault.region === from;
    case "isolate":
      return from !== to && (fault.region === from || fault.region === to);
    case "partition":
      return (fault.region === from && fault.peer === to) || (fault.region === to && fault.peer === from);
    case "one-way":
      return fault.region === from && fault.peer === to;
    default:
      return false;
  }
}

function isDelayed(fault: FaultRecord, { from, to }: Crossing): boolean {
  if (from === to || (fault.region !== from && fault.region !== to)) return false;
  return fault.peer === null || fault.peer === from || fault.peer === to;
}

/** A queue delivers to one region. `hold`: the queue keeps it and tries again. `later`: likewise, once, so that others overtake it. */
export type QueueVerdict = "pass" | "hold" | "drop" | "twice" | "later";

/** `draw` answers a number in [0, 1). */
export function judgeQueued(
  faults: readonly FaultRecord[],
  crossing: Crossing,
  attempts: number,
  now: number,
  draw: () => number,
): QueueVerdict {
  if (judge(faults, crossing, now).kind !== "pass") return "hold";
  for (const fault of faults) {
    if (fault.endsAt <= now || fault.region !== crossing.to || draw() >= (fault.probability ?? 1)) continue;
    if (fault.kind === "drop") return "drop";
    if (fault.kind === "duplicate") return "twice";
    if (fault.kind === "reorder" && attempts <= 1) return "later";
  }
  return "pass";
}

/** By how much the clock of a region's replicas is off. */
export function skewOf(faults: readonly FaultRecord[], region: RegionIndex, now: number): number {
  let ms = 0;
  for (const fault of faults) {
    if (fault.kind === "skew" && fault.region === region && fault.endsAt > now) ms += fault.ms ?? 0;
  }
  return ms;
}
