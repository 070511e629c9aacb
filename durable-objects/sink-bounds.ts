/** How much a batch for a sink may hold, by where it goes. */
import type { SinkTarget } from "../src/deployment/sink-setting.ts";

export interface SinkBounds {
  readonly batchChangesMax: number;
  readonly batchBytesMax: number;
  readonly valueBytesMax: number;
}

/** A request may be large; what it costs is a receiver's patience, and our memory while it is under way. */
const HTTPS: SinkBounds = { batchChangesMax: 500, batchBytesMax: 1_000_000, valueBytesMax: 1_048_576 };
/** One message as a rule. A value stands in it as base64 at worst, beside names of 1 KB. */
const QUEUE: SinkBounds = { batchChangesMax: 100, batchBytesMax: 110_000, valueBytesMax: 64_000 };

export function sinkBounds(target: SinkTarget): SinkBounds {
  return target.kind === "queue" ? QUEUE : HTTPS;
}
