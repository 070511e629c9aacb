/**
 * The voter's side of an election.
 *
 * PreVote: would I want another leader for this log? The voter looks for itself whether the present one is there; its word
 * changes nothing and promises nothing. Prepare (R1): a promise is durable before it is given, and it carries what the
 * candidate needs to lose nothing: the tail of the log, its whole epoch table, and what is left of the longest lease.
 */
import type { Context } from "./context.ts";
import { coolingMs } from "./cooldown.ts";
import type { Log } from "./log.ts";
import type { Nack, Prepare, PreVote, PreVoteReply, Promise_ } from "./message.ts";
import { counterOf, EMPTY_TAIL, leaderOf, type Epoch, type RegionIndex } from "./position.ts";

/** A promise to somebody else that has not led to an epoch within this time has come to nothing. */
const CAMPAIGN_MS = 2_000;

export function onPrepare(context: Context, from: RegionIndex, message: Prepare): Promise_ | Nack {
  const log = context.log(message.o);
  const stranger = message.storeId !== undefined && !knows(context, from, message.storeId);
  if (stranger) return { type: "nack", promised: log.promised, forgotten: true };
  context.hear(message.forgotten);
  if (context.hasForgotten) return { type: "nack", promised: log.promised };
  if (leaderOf(message.b) !== from || !context.rules.acceptsPrepare(message.b, log.promised)) {
    return { type: "nack", promised: log.promised };
  }
  log.promise({ promised: message.b, maxCounter: Math.max(log.acceptor.maxCounter, counterOf(message.b)) });
  log.promisedAt = context.now;
  context.changed = true;
  return promiseOf(context, log, message.b, message.gaveUp);
}

/** R8: is the candidate the voter that it was? A request may come late, so its incarnation says nothing. */
function knows(context: Context, from: RegionIndex, storeId: string): boolean {
  const word = { storeId, inc: Number.MAX_SAFE_INTEGER, tail: EMPTY_TAIL };
  return context.acquaintances.recognizes(from, word);
}

/** What this replica shows of its log when it promises the ballot `b`. `gaveUp`: the epoch that its leader gave up for it. */
export function promiseOf(context: Context, log: Log, b: Epoch, gaveUp?: Epoch): Promise_ {
  return {
    type: "promise",
    b,
    last: log.last,
    base: { e: log.base.e, s: log.base.s },
    epochs: log.epochs,
    commit: log.commit,
    leaseRemainingMs: leaseRemainingMs(context, log, leaderOf(b), gaveUp),
    hlc: context.hlc,
    storeId: context.identity,
    inc: context.incarnation,
  };
}

/** What a voter, once it has looked, says to `candidate`, who misses the leader of epoch `missed`. */
export function wordOf(
  context: Context,
  log: Log,
  { candidate, missed, reachable }: { candidate: RegionIndex; missed: Epoch; reachable: boolean },
): PreVoteReply {
  const evidence = {
    reachable,
    leaseRemainingMs: leaseRemainingMs(context, log, candidate),
    // Who led last may go on: that is no takeover.
    coolingMs: log.leader === candidate ? 0 : coolingMs(context, log),
    rival: hasRival(context, log, candidate),
    superseded: log.leaderEpoch > missed || context.hasForgotten,
  };
  return {
    type: "pre-vote-reply",
    reachable,
    leaseRemainingMs: evidence.leaseRemainingMs,
    willing: context.rules.willing(evidence, context.config.timing),
    promised: log.promised,
    e: log.leaderEpoch,
    coolingMs: evidence.coolingMs,
  };
}

/** Whether the voter has to look before it can say anything. */
export function needsSight(context: Context, log: Log, from: RegionIndex, { e }: PreVote): boolean {
  return log.leaderEpoch <= e && log.leader !== from && log.leader !== context.config.region;
}

function hasRival(context: Context, log: Log, candidate: RegionIndex): boolean {
  const sinceMs = context.now - log.promisedAt;
  const isOpen = log.promised <= log.leaderEpoch;
  return !isOpen && leaderOf(log.promised) !== candidate && sinceMs >= 0 && sinceMs < CAMPAIGN_MS;
}

function leaseRemainingMs(context: Context, log: Log, candidate: RegionIndex, gaveUp: Epoch = 0): number {
  const { rules, storage, config, now } = context;
  const granted = storage.grants().filter(({ o }) => o === log.o);
  const binding = rules.bindingGrants(granted, gaveUp, log.acceptor.leaderE);
  return rules.leaseRemainingMs(binding, log.o, candidate, config.region, now);
}
