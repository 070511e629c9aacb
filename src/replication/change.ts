/**
 * What an entry changed, one item at a time: what the change feed shows and what a sink is sent. Only entries that a
 * majority holds are ever told of, so that no change is taken back.
 */
import { OpKind, type Entry, type ItemImage, type Op } from "./entry.ts";
import { wallOf } from "./hlc.ts";
import type { Position } from "./position.ts";

export type ChangeKind = "put" | "delete" | "merge" | "add" | "expire";

const KINDS: Readonly<Record<number, ChangeKind>> = {
  [OpKind.put]: "put",
  [OpKind.delete]: "delete",
  [OpKind.merge]: "merge",
  [OpKind.add]: "add",
  [OpKind.expire]: "expire",
};

export interface Change {
  /** Of the entry, and so of every change of one transaction; it is the item's new version too. */
  readonly position: Position;
  readonly user: string;
  readonly key: string;
  readonly op: ChangeKind;
  /** ms since 1970. */
  readonly at: number;
  /** Absent for delete and expire. */
  readonly after?: ItemImage;
}

/** Null: an op that this code does not know. */
export function changeKindOf({ kind }: Op): ChangeKind | null {
  return KINDS[kind] ?? null;
}

/** In the order of the entry's ops. Empty for entries that change no item. */
export function changesOf(entry: Entry): Change[] {
  const position: Position = { o: entry.o, e: entry.e, s: entry.s };
  const at = wallOf(entry.hlc);
  return entry.ops.flatMap(({ kind, key, after }) => {
    const op = KINDS[kind];
    if (op === undefined) return [];
    return [{ position, user: entry.user, key, op, at, ...(after === undefined ? {} : { after }) }];
  });
}
