/**
 * Giving a snapshot of a live replica: a scan in pages while writes go on, and the promise to keep the logs from where the
 * scan began. The image is fuzzy; replaying the logs from there makes it whole. Any replica can give one.
 */
import { assert } from "../lib/assert.ts";
import type { Context } from "./context.ts";
import type { Log } from "./log.ts";
import type {
  SnapshotBase,
  SnapshotBegun,
  SnapshotChunk,
  SnapshotRow,
  SnapshotRows,
  SnapshotUnknown,
} from "./message.ts";
import type { PinRow } from "./storage.ts";

export function beginSnapshot(context: Context, id: string): SnapshotBegun {
  const pinned = context.storage.pins().find((pin) => pin.id === id);
  const bases = [...context.logs.values()].map((log) =>
    baseAt(context, log, pinned?.bases.find(({ o }) => o === log.o)?.s),
  );
  keepPin(context, {
    id,
    until: context.now + context.config.timing.pinMs,
    bases: bases.map(({ o, s }) => ({ o, s })),
  });
  return { type: "snapshot-begun", id, from: bases };
}

export function snapshotChunk(context: Context, request: SnapshotChunk): SnapshotRows | SnapshotUnknown {
  const pin = context.storage.pins().find(({ id }) => id === request.id);
  if (pin === undefined || pin.until <= context.now) return { type: "snapshot-unknown" };
  if (pin.until - context.now < context.config.timing.pinMs / 2)
    keepPin(context, { ...pin, until: context.now + context.config.timing.pinMs });
  const page = context.storage.scan(request.cursor, request.bytesMax);
  const rows: SnapshotRow[] = [
    ...page.owners.map((owner) => ({ kind: "owner", owner }) as const),
    ...page.idempotency.map((row) => ({ kind: "idempotency", row }) as const),
    ...page.erasures.map((erasure) => ({ kind: "erasure", erasure }) as const),
    ...page.lost.map((lost) => ({ kind: "lost", lost }) as const),
    ...page.items.map((item) => ({ kind: "item", item }) as const),
  ];
  const until = [...context.logs.values()]
    .filter((log) => log.applied > 0)
    .map((log) => ({ o: log.o, e: log.epochAt(log.applied), s: log.applied }));
  return { type: "snapshot-rows", rows, cursor: page.cursor, until };
}

/** Lowest seq of a log that some snapshot still needs to replay from; Infinity when none does. */
export function pinnedThrough(context: Context, log: Log): number {
  let lowest = Infinity;
  for (const pin of context.storage.pins()) {
    if (pin.until <= context.now) context.storage.deletePin(pin.id);
    else lowest = Math.min(lowest, pin.bases.find(({ o }) => o === log.o)?.s ?? Infinity);
  }
  return lowest;
}

/** Replay begins at what is both applied and committed: a receiver may take it for the end of a settled past. */
function baseAt(context: Context, log: Log, pinned: number | undefined): SnapshotBase {
  const s = pinned ?? Math.min(log.applied, log.commit);
  if (s <= log.base.s)
    return {
      o: log.o,
      e: log.base.e,
      s: log.base.s,
      chain: log.base.chain,
      hlc: log.base.hlc,
      epochs: log.epochs,
    };
  const row = context.storage.entry(log.o, s);
  assert(row !== null, `log ${log.o}: pinned entry ${s} is missing`);
  return { o: log.o, e: row.e, s, chain: row.chain, hlc: row.hlc, epochs: log.epochs };
}

function keepPin(context: Context, pin: PinRow): void {
  context.storage.putPin(pin);
}
