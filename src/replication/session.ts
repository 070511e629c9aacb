/**
 * Judging a session token's positions at a replica: is what the client has seen or written contained here, not yet, or
 * lost? Per position: contained, lost, or what to wait for.
 */
import type { Context } from "./context.ts";
import type { Position } from "./position.ts";
import type { SessionPosition } from "./request.ts";

export interface Coverage {
  readonly covered: boolean;
  /** The first position that is not covered. */
  readonly missing: Position | null;
  readonly lost: readonly Position[];
}

export function coverage(context: Context, positions: readonly SessionPosition[]): Coverage {
  let missing: Position | null = null;
  const lost: Position[] = [];
  for (const position of positions) {
    const log = context.logs.get(position.o);
    // An origin that this configuration does not have: nothing here can ever cover it.
    if (log === undefined) {
      missing ??= position;
      continue;
    }
    const judgement = log.judge(context.rules, position.e, position.s);
    if (judgement === "lost") lost.push({ o: position.o, e: position.e, s: position.s });
    else if (judgement !== "contained") missing ??= position;
  }
  return { covered: missing === null, missing, lost };
}
