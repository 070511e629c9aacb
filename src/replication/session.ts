/**
 * Judging a session token's positions at a replica: is what the client has seen or written contained here, not yet, or
 * lost? Per position: contained, lost, or what to wait for.
 */
import type { Context } from "./context.ts";
import { survivorOf } from "./epoch-table.ts";
import type { Position } from "./position.ts";
import type { Log } from "./log.ts";
import type { HeardClaim, LostPosition, SessionPosition } from "./request.ts";

export interface Coverage {
  readonly covered: boolean;
  /** The first position that is not covered. */
  readonly missing: Position | null;
  readonly lost: readonly LostPosition[];
}

export function coverage(context: Context, positions: readonly SessionPosition[]): Coverage {
  let missing: Position | null = null;
  const lost: LostPosition[] = [];
  for (const position of positions) {
    const log = context.logs.get(position.o);
    // An origin that this configuration does not have: nothing here can ever cover it.
    if (log === undefined) {
      missing ??= position;
      continue;
    }
    const judgement = log.judge(context.rules, position.e, position.s);
    if (judgement === "lost") {
      const { o, e, s } = position;
      const cut = partsOf(log, position);
      lost.push({ o, e, s, ...cut });
      const { rest } = cut;
      if (rest !== undefined && log.judge(context.rules, e, rest) !== "contained")
        missing ??= { o, e, s: rest };
    } else if (judgement !== "contained") missing ??= position;
  }
  return { covered: missing === null, missing, lost };
}

/** Is an entry that was heard of still to come? One that was lost is not waited for. */
function isToCome(context: Context, { o, e, s }: Position): boolean {
  const judgement = context.log(o).judge(context.rules, e, s);
  return judgement !== "contained" && judgement !== "lost";
}

/** The same of a claim. What the edge knows of it is known here too from then on. */
export function claimIsToCome(context: Context, claim: HeardClaim): boolean {
  if (isToCome(context, claim)) return true;
  const log = context.log(claim.o);
  const here = claim.committed === true && log.judge(context.rules, claim.e, claim.s) === "contained";
  if (here && log.advanceCommit(claim.s)) context.changed = true;
  return false;
}

/**
 * A session's position stands for all that it saw before in that epoch: what was cut off of it begins where the next epoch does, and what
 * comes before that is still the session's.
 */
function partsOf({ epochs }: Log, { e }: Position): Pick<LostPosition, "from" | "rest"> {
  const survivor = survivorOf(epochs, e);
  if (survivor === null) return {};
  return { from: survivor + 1, ...(epochs.some((epoch) => epoch.e === e) ? { rest: survivor } : {}) };
}
