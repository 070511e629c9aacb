/**
 * Every device of a user sees what any of them was told is done.
 *
 * A read at level user or strong, with a token or without, that begins after a write of the item was acknowledged to
 * anybody has to show that write or a later one. This is the promise that a token cannot keep, because the second device
 * never saw the first one's token.
 *
 * A write that a failover cut off later is excused, but not for reads answered before it was cut: while the answering
 * replica's position is in the same epoch and at or past the write, it had the write and must show it.
 */
import type { Authority } from "./authority.ts";
import { before, type Level, type Operation } from "./operation.ts";
import { showItem, showOperation, showVersion } from "./sentence.ts";
import { acknowledgedWrites, itemId, readsOf, type Touch } from "./touch.ts";
import { verdictOf, type Verdict, type Violation } from "./verdict.ts";
import { parseVersion } from "./version.ts";
import { Writers } from "./writers.ts";

export interface CrossDeviceOptions {
  readonly levels?: readonly Level[];
}

const LEVELS: readonly Level[] = ["user", "strong"];

export function checkCrossDevice(
  operations: readonly Operation[],
  authority: Authority,
  { levels = LEVELS }: CrossDeviceOptions = {},
): Verdict {
  const writers = new Writers(operations, authority);
  const writes = new Map<string, AcknowledgedWrites>();
  for (const touch of operations
    .toSorted((a, b) => a.completedAt - b.completedAt)
    .flatMap(acknowledgedWrites)) {
    const item = itemId(touch.user, touch.key);
    const known = writes.get(item) ?? new AcknowledgedWrites(authority);
    writes.set(item, known);
    known.add(touch);
  }
  const violations: Violation[] = [];
  const counted = { writes: 0, reads: 0, readsAfterWrites: 0, readsAfterLost: 0 };
  for (const known of writes.values()) counted.writes += known.count;
  for (const op of operations) {
    if (op.anchored === false || !levels.includes(op.level ?? "user")) continue;
    for (const read of readsOf(op)) {
      if (read.version === undefined) continue;
      counted.reads += 1;
      const known = writes.get(itemId(read.user, read.key));
      const kept = known?.latestBefore(op);
      const lost = known?.lostBefore(op) ?? [];
      counted.readsAfterWrites += kept === undefined ? 0 : 1;
      counted.readsAfterLost += lost.length > 0 ? 1 : 0;
      const owed = [
        ...(kept === undefined ? [] : [kept]),
        ...lost.filter((write) => answeredWith(op, write)),
      ];
      violations.push(
        ...owed.filter((write) => hides(read, write, authority, writers)).map((write) => stale(read, write)),
      );
    }
  }
  return verdictOf("cross-device visibility", violations, counted);
}

interface AcknowledgedWrite {
  readonly op: Operation;
  readonly position: string;
}

/** Of one item, in the order of their acknowledgement. */
class AcknowledgedWrites {
  /** Each the greatest kept one up to then. */
  readonly #kept: (AcknowledgedWrite & { readonly at: number })[] = [];
  readonly #lost: AcknowledgedWrite[] = [];
  readonly #authority: Authority;
  count = 0;

  constructor(authority: Authority) {
    this.#authority = authority;
  }

  add({ op, user }: Touch): void {
    this.count += 1;
    const position = op.version ?? undefined;
    const place = position === undefined ? undefined : this.#authority.place(user, position);
    if (position === undefined || place === undefined) return;
    if (place.state === "lost") this.#lost.push({ op, position });
    else if (place.at > (this.#kept.at(-1)?.at ?? -1)) this.#kept.push({ op, position, at: place.at });
  }

  latestBefore(read: Operation): AcknowledgedWrite | undefined {
    return this.#kept.findLast((write) => before(write.op, read));
  }

  lostBefore(read: Operation): AcknowledgedWrite[] {
    return this.#lost.filter((write) => before(write.op, read));
  }
}

/** Whether the answering replica stood, by its own word, in the write's epoch and not before the write. */
function answeredWith(read: Operation, write: AcknowledgedWrite): boolean {
  const stood = parseVersion(read.position ?? "");
  const wrote = parseVersion(write.position);
  if (stood === undefined || wrote === undefined) return false;
  return stood.origin === wrote.origin && stood.epoch === wrote.epoch && stood.seq >= wrote.seq;
}

function hides(read: Touch, write: AcknowledgedWrite, authority: Authority, writers: Writers): boolean {
  return authority.shows(read, read.version ?? null, write.position, writers.existedFor(read.op)) === false;
}

function stale(read: Touch, write: AcknowledgedWrite): Violation {
  const message =
    `a device missed an acknowledged write: ${showOperation(read.op)}, showing ${showItem(read.user, read.key)} at ` +
    `${showVersion(read.version)}, began after ${showOperation(write.op)} was answered`;
  return { message, ops: [write.op.id, read.op.id] };
}
