/** A page of a user's lost writes, each with what it found, what it left and what is there now. */
import { changeKindOf } from "./change.ts";
import type { Context } from "./context.ts";
import type { Entry } from "./entry.ts";
import type { Shown } from "./facts.ts";
import { wallOf } from "./hlc.ts";
import { live } from "./items-seen.ts";
import { recordedAt, recordOf } from "./lost-write.ts";
import { understood } from "./newer-code.ts";
import type { Position } from "./position.ts";
import { viewOf } from "./item-view.ts";
import type { DivergentRequest, LostOpView, LostWriteView } from "./request.ts";
import type { LostRow } from "./state-row.ts";

export interface LostPage {
  readonly entries: readonly LostWriteView[];
  readonly next?: Position;
}

/** `at`: the instant at which it is judged what has expired, ms since 1970. */
export function lostWrites(
  context: Context,
  { user, after, limit, bytesMax }: DivergentRequest,
  at: number,
  shown: Shown,
): LostPage {
  const { storage } = context;
  const entries: LostWriteView[] = [];
  let last: Position | null = after ?? null;
  let bytes = 0;
  for (;;) {
    const row: LostRow | null = storage.lostAfter(user, last);
    if (row === null) return { entries };
    if (entries.length === limit || (entries.length > 0 && bytes >= bytesMax))
      return { entries, ...(last === null ? {} : { next: last }) };
    const view = viewed(context, row, at, shown);
    entries.push(view);
    bytes += bytesOf(view);
    last = { o: row.o, e: row.e, s: row.s };
  }
}

function viewed(context: Context, row: LostRow, at: number, shown: Shown): LostWriteView {
  const mark = recordOf(context, row);
  if (row.state === "folded") throw new Error(`${row.e}.${row.s} of log ${row.o} is no lost write to show`);
  const lost = understood(context.codec, mark.entry);
  shown.position(context, recordedAt(row));
  if (row.by !== undefined) shown.position(context, row.by);
  return {
    place: { o: row.o, e: row.e, s: row.s },
    at: wallOf(row.hlc),
    state: row.state,
    ...(row.by === undefined ? {} : { by: row.by }),
    supersededBy: mark.supersededBy,
    cutIn: mark.cutIn,
    cutAt: mark.cutAt,
    // Of what newer code wrote it is known that it was lost, and not what it did.
    ops: (lost?.ops ?? []).flatMap((op) =>
      viewedOp(context, { user: row.user, op, before: mark.before }, at, shown),
    ),
  };
}

function viewedOp(
  context: Context,
  {
    user,
    op,
    before,
  }: {
    readonly user: string;
    readonly op: Entry["ops"][number];
    readonly before: readonly NonNullable<LostOpView["base"]>[];
  },
  at: number,
  shown: Shown,
): LostOpView[] {
  const kind = changeKindOf(op);
  if (kind === null) return [];
  const stored = context.storage.item(user, op.key, true);
  if (stored !== null) shown.row(context, stored);
  const item = live(stored, at);
  if (item === null && stored !== null && !stored.tombstone) shown.expired(stored.expiresAt);
  return [
    {
      op: kind,
      key: op.key,
      ...(op.after === undefined ? {} : { after: op.after }),
      ...(op.command === undefined ? {} : { command: op.command }),
      base: before.find(({ key }) => key === op.key) ?? null,
      current: item === null ? null : viewOf(item, true),
    },
  ];
}

function bytesOf({ ops }: LostWriteView): number {
  return ops.reduce(
    (sum, { key, after, command, base, current }) =>
      sum +
      key.length +
      (after?.value.length ?? 0) +
      (command?.length ?? 0) +
      (base?.item?.value.length ?? 0) +
      (current?.size ?? 0),
    0,
  );
}
