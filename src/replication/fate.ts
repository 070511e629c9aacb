/**
 * What became of a request whose entry was cut off: nothing yet, so that its user decides; it came again and was done; or it stands
 * on record already, under another attempt. Said once, by the leader of the log that lost it, when it records the loss.
 */
import type { Context } from "./context.ts";
import type { Entry, LostState } from "./entry.ts";
import type { LaterAttempts } from "./later-attempts.ts";
import { recordedAt } from "./lost-write.ts";
import { samePosition, type Position } from "./position.ts";

export interface Fate {
  readonly state: LostState;
  readonly by?: Position;
  /** The entry of another log that this rests on: what stood only there could be lost with it, and be offered nowhere. */
  readonly restsOn?: Position;
}

/**
 * What is to be said of an entry when its loss is recorded, by the leader of its log. "later": this turn has looked enough. "waits":
 * for what happens to an entry of another log, which is not known to be on a majority.
 */
export function fateOf(
  context: Context,
  attempts: LaterAttempts,
  entry: Entry,
  identity: Uint8Array,
): Fate | "later" | "waits" {
  const { resolve, user } = entry;
  // What it settled is open again, and is what there is to decide about.
  if (resolve !== undefined) return { state: "folded", by: { o: resolve.o, e: resolve.e, s: resolve.s } };
  if (identity.length === 0 || !context.rules.knowsRetries()) return { state: "open" };
  const again = attempts.find(entry);
  if (again === "later") return again;
  if (again !== null) return restingOn(context, entry, again, { state: "replayed", by: again });
  const other = context.storage.lostOfRequest(user, identity).find((row) => !samePosition(row, entry));
  if (other === undefined) return { state: "open" };
  return restingOn(context, entry, recordedAt(other), {
    state: "folded",
    by: { o: other.o, e: other.e, s: other.s },
  });
}

/** In the lost write's own log what records it goes with what it rests on. */
function restingOn({ rules, logs }: Context, { o }: Entry, on: Position, fate: Fate): Fate | "waits" {
  if (on.o === o) return fate;
  const log = logs.get(on.o);
  const stands = log !== undefined && log.judge(rules, on.e, on.s) === "contained";
  return stands && rules.mayRestOn(on.s, log.commit) ? { ...fate, restsOn: on } : "waits";
}
