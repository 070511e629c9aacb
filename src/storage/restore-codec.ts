/** The bases and the end of a snapshot as JSON text, chains in hexadecimal: read by eye when a restore is stuck. */
import { toHex } from "../lib/bytes.ts";
import type { SnapshotBase } from "../replication/message.ts";
import type { Position } from "../replication/position.ts";
import type { RestoreRow } from "../replication/storage.ts";

type StoredBase = Omit<SnapshotBase, "chain"> & { readonly chain: string };

export function encodeRestore(row: RestoreRow): { bases: string; until: string } {
  const bases: StoredBase[] = row.bases.map((base) => ({ ...base, chain: toHex(base.chain) }));
  return { bases: JSON.stringify(bases), until: JSON.stringify(row.until) };
}

export function decodeRestore(bases: string, until: string): { bases: SnapshotBase[]; until: Position[] } {
  const stored = JSON.parse(bases) as StoredBase[];
  return {
    bases: stored.map((base) => ({ ...base, chain: fromHex(base.chain) })),
    until: JSON.parse(until) as Position[],
  };
}

function fromHex(text: string): Uint8Array {
  return Uint8Array.from({ length: text.length / 2 }, (_, n) =>
    Number.parseInt(text.slice(2 * n, 2 * n + 2), 16),
  );
}
