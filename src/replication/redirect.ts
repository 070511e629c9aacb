/** Where a request is sent on to when another region leads the log that it needs. */
import type { Context } from "./context.ts";
import type { Way } from "./leaderships.ts";
import type { Position } from "./position.ts";
import type { Redirect } from "./request.ts";
import type { OwnerRow } from "./state-row.ts";

export type Elsewhere = Extract<Way, { kind: "elsewhere" }>;

type ToLeader = Extract<Redirect, { kind: "not-leader" | "moved" }>;

export function notLeader({ leader, epoch }: Elsewhere): ToLeader {
  return { kind: "not-leader", leader, epoch };
}

/** Who asked in another region than the home may not know the home either. */
export function sentOn(context: Context, owner: OwnerRow, { leader, epoch }: Elsewhere): ToLeader {
  if (owner.home === context.config.region) return { kind: "not-leader", leader, epoch };
  const claim: Position = { o: owner.o, e: owner.e, s: owner.s };
  return { kind: "moved", home: owner.home, version: owner.version, leader, epoch, claim };
}
