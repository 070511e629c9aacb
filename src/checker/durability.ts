/**
 * Nothing that was promised is lost, and nothing at all is lost in silence.
 *
 * An acknowledged write is in the final log, or among the divergent writes that a failover kept for its user. Only concern
 * `local` may end up there; `one` too where there are more than three voters, since with three one other region makes a
 * majority. A receipt that says `committed`, and whatever a strong or committed read showed, must never be lost.
 *
 * What is counted is as much the result as the verdict is: how many acknowledged writes of each concern a run lost.
 */
import type { Authority } from "./authority.ts";
import type { Concern, Operation } from "./operation.ts";
import { showItem, showOperation, showVersion } from "./sentence.ts";
import { acknowledgedWrites, readsOf, type Touch } from "./touch.ts";
import { verdictOf, type Verdict, type Violation } from "./verdict.ts";

export interface DurabilityOptions {
  /** Default 3. */
  readonly voters?: number;
  /** A region is still down and may hold the only copies of local writes: those are counted as missing, not judged. */
  readonly someStillDown?: boolean;
}

export interface LostWrite {
  readonly op: Operation;
  readonly position: string;
  readonly concern: Concern;
  /** divergent: kept for its user. missing: in no log and no list. */
  readonly state: "divergent" | "missing";
}

export interface DurabilityVerdict extends Verdict {
  /** Every acknowledged write that the final log does not have. */
  readonly lost: readonly LostWrite[];
}

export function checkDurability(
  operations: readonly Operation[],
  authority: Authority,
  { voters = 3, someStillDown = false }: DurabilityOptions = {},
): DurabilityVerdict {
  const bound: readonly Concern[] = voters <= 3 ? ["one", "majority", "all"] : ["majority", "all"];
  const acknowledged = operations.filter((op) => acknowledgedWrites(op).length > 0);
  const lost = acknowledged.flatMap((op): LostWrite[] => {
    const position = op.version;
    if (typeof position !== "string") return [];
    const place = authority.place(op.user, position);
    if (place?.state === "kept") return [];
    return [
      { op, position, concern: op.concern ?? "local", state: place === undefined ? "missing" : "divergent" },
    ];
  });
  const violations = lost.flatMap((write) => judgeLost(write, bound, someStillDown));
  const shown = operations.flatMap(readsOf).filter((read) => typeof read.version === "string");
  violations.push(...acknowledged.flatMap((op) => misplaced(op, authority)));
  violations.push(...shown.flatMap((read) => judgeShown(read, authority, someStillDown)));
  const counted: Record<string, number> = { acknowledged: acknowledged.length, shown: shown.length };
  for (const concern of ["local", "one", "majority", "all"] as const) {
    counted[concern] = acknowledged.filter((op) => (op.concern ?? "local") === concern).length;
    counted[`${concern}Lost`] = lost.filter((write) => write.concern === concern).length;
  }
  // An acknowledgement without a version cannot be followed.
  counted.untold = acknowledged.filter((op) => typeof op.version !== "string").length;
  counted.missing = lost.filter((write) => write.state === "missing").length;
  return { ...verdictOf("durability", violations, counted), lost };
}

function judgeLost(
  { op, position, concern, state }: LostWrite,
  bound: readonly Concern[],
  someStillDown: boolean,
): Violation[] {
  const where =
    state === "divergent"
      ? "ended among the divergent writes"
      : "is in no log and in no list of divergent writes";
  const ops = [op.id];
  if (bound.includes(concern)) {
    return [
      { message: `lost a write of concern ${concern}: ${showOperation(op)}; ${position} ${where}`, ops },
    ];
  }
  if (op.committed === true) {
    return [
      {
        message: `lost a write whose receipt said committed: ${showOperation(op)}; ${position} ${where}`,
        ops,
      },
    ];
  }
  if (state === "divergent" || someStillDown) return [];
  return [{ message: `lost in silence: ${showOperation(op)}; ${position} ${where}`, ops }];
}

/** The entry at the position that a write was told holds something else. */
function misplaced(op: Operation, authority: Authority): Violation[] {
  const position = op.version;
  if (typeof position !== "string" || authority.place(op.user, position) === undefined) return [];
  const wrong = acknowledgedWrites(op).filter(({ user, key }) => {
    return ![...authority.keptOf(user, key), ...authority.lostOf(user, key)].some(
      (entry) => entry.position === position,
    );
  });
  return wrong.map(({ user, key }) => ({
    message: `answered with another's place: ${showOperation(op)}, but the entry at ${position} does not touch ${showItem(user, key)}`,
    ops: [op.id],
  }));
}

function judgeShown(read: Touch, authority: Authority, someStillDown: boolean): Violation[] {
  const { op, user, key, version } = read;
  if (typeof version !== "string") return [];
  const what = `${showOperation(op)} showed ${showItem(user, key)} at ${showVersion(version)}`;
  const place = authority.place(user, version);
  if (place === undefined) {
    return someStillDown ? [] : [{ message: `shown but nowhere: ${what}, which is in no log`, ops: [op.id] }];
  }
  const firm = op.anchored !== false && (op.level === "strong" || op.readConcern === "committed");
  if (place.state === "kept" || !firm) return [];
  return [{ message: `shown as committed and lost: ${what}, which a failover took away`, ops: [op.id] }];
}
