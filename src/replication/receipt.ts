/** What a writer is given to ask later what became of the write: its place, and where it is durable as far as is known here. */
import type { Context } from "./context.ts";
import type { Concern } from "./entry.ts";
import type { Leadership } from "./leader.ts";
import type { Position } from "./position.ts";
import type { Receipt } from "./request.ts";

export function receiptOf(
  context: Context,
  leadership: Leadership,
  user: string,
  key: string | undefined,
  position: Position,
  concern: Concern,
  at: number,
): Receipt {
  const committed = position.s <= context.log(position.o).commit;
  return {
    user,
    ...(key === undefined ? {} : { key }),
    version: position,
    position,
    leader: context.config.region,
    concern,
    durableIn: position.o === leadership.log.o ? leadership.durableIn(position.s) : [context.config.region],
    committed,
    at,
  };
}
