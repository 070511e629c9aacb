/**
 * How long a log stays with a leader that has taken it over, so that regions that come and go do not pass it to and fro.
 *
 * Read off the log itself: an OPEN by another region than the epoch before it, to whom the log was not handed, is a takeover, and
 * its time is in the entry. So
 * every voter judges alike, a restart forgets nothing, and nothing is written for it. An OPEN that is compacted is older
 * than anything that counts.
 */
import type { Context } from "./context.ts";
import { wallOf } from "./hlc.ts";
import type { Log } from "./log.ts";
import { leaderOf } from "./position.ts";

/** More takeovers than this change nothing: the pause has long reached its bound. */
const COUNTED_MAX = 16;

/** What is left of the pause; 0: another region may take the log over. */
export function coolingMs(context: Context, log: Log): number {
  const { timing } = context.config;
  let latest = 0;
  let takeovers = 0;
  for (let n = log.epochs.length - 1; n >= 0 && takeovers < COUNTED_MAX; n--) {
    const { e, start } = log.epochs[n]!;
    const before = log.epochs[n - 1]?.e;
    if (leaderOf(e) === (before === undefined ? log.o : leaderOf(before))) continue;
    const row = start > log.base.s ? context.storage.entry(log.o, start) : null;
    if (row === null) break;
    if (context.codec.decode(row.bytes).open?.gaveUp !== undefined) continue;
    // A clock that ran far ahead says nothing of when it was; within the bound it must not make a pause longer than it is.
    if (wallOf(row.hlc) > context.now + timing.clockBoundMs) continue;
    const at = Math.min(wallOf(row.hlc), context.now);
    if (context.now - at > timing.cooldownForgetMs) break;
    if (takeovers === 0) latest = at;
    takeovers += 1;
  }
  if (takeovers === 0) return 0;
  const pauseMs = Math.min(timing.cooldownMsMax, timing.cooldownMs * 2 ** (takeovers - 1));
  return Math.max(0, latest + pauseMs - context.now);
}
