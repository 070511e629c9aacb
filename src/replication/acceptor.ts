/**
 * The voter's side of an election (R1): a promise is durable before it is given, and it carries what the candidate
 * needs to lose nothing: the tail of the log, its whole epoch table, and what is left of the longest lease.
 */
import type { Context } from "./context.ts";
import type { Nack, Prepare, Promise_ } from "./message.ts";
import { counterOf, leaderOf, type RegionIndex } from "./position.ts";

export function onPrepare(context: Context, from: RegionIndex, message: Prepare): Promise_ | Nack {
  const log = context.log(message.o);
  if (leaderOf(message.b) !== from || !context.rules.acceptsPrepare(message.b, log.promised)) {
    return { type: "nack", promised: log.promised };
  }
  log.promise({ promised: message.b, maxCounter: Math.max(log.acceptor.maxCounter, counterOf(message.b)) });
  context.changed = true;
  return {
    type: "promise",
    b: message.b,
    last: log.last,
    base: { e: log.base.e, s: log.base.s },
    epochs: log.epochs,
    commit: log.commit,
    leaseRemainingMs: context.rules.leaseRemainingMs(
      context.storage.grants(),
      log.o,
      from,
      context.config.region,
      context.now,
    ),
    hlc: context.hlc,
    storeId: context.storeId,
    inc: context.incarnation,
  };
}
