/**
 * Is the leader of a log there? A cheap question with a deadline of its own, asked by whoever misses the leader and by every
 * voter that is asked about it.
 *
 * Any answer says yes, an object that is too busy to answer too: overload is never a reason for a failover. A refusal may
 * be a restart, so it is asked again until the time is over. A slow answer to anything else (an append, a pull) is no evidence.
 * Nor is silence that this replica did not notice in time: who was held up itself looks again.
 */
import type { Context } from "./context.ts";
import type { Log } from "./log.ts";
import type { Epoch, RegionIndex } from "./position.ts";

/** Between two questions within one run. */
const AGAIN_MS = 100;
/** Noticed so much later than due, the end of a run says more of this replica than of the leader. */
const LATE_MS = 200;
const LOOKS_MAX = 3;

export type Sight = "reached" | "silent";

export class Probe {
  readonly #context: Context;
  readonly #log: Log;
  readonly #onHeard: (e: Epoch) => void;
  /** Number of the run under way, or of the last one. */
  #run = 0;
  #sight: Sight | null = null;
  #target: RegionIndex = 0;
  #until = 0;
  #nextAt = 0;
  #calling = false;
  /** The last question was not answered, as against refused. */
  #unanswered = false;
  #looks = 0;

  constructor(context: Context, log: Log, onHeard: (e: Epoch) => void) {
    this.#context = context;
    this.#log = log;
    this.#onHeard = onHeard;
  }

  /** Joins the run that is under way, or begins one. Answers its number. */
  begin(): number {
    if (this.#run > 0 && this.#sight === null) return this.#run;
    const { config } = this.#context;
    this.#run += 1;
    this.#target = this.#log.leader;
    this.#looks = 0;
    this.#look();
    // Who is no voter (any more) cannot lead.
    this.#sight = config.voters.includes(this.#target) ? null : "silent";
    this.advance();
    return this.#run;
  }

  /** What the run saw; null while it is under way. */
  sight(run: number): Sight | null {
    return run === this.#run ? this.#sight : "silent";
  }

  advance(): void {
    if (this.#run === 0 || this.#sight !== null) return;
    const { now } = this.#context;
    if (now >= this.#until) {
      const late = this.#unanswered && now >= this.#until + LATE_MS;
      if (!late || this.#looks >= LOOKS_MAX) return this.#end("silent");
      this.#look();
    }
    if (!this.#calling && now >= this.#nextAt) this.#ask();
    this.#context.wakeAt(this.#calling ? this.#until : Math.min(this.#until, this.#nextAt));
  }

  #look(): void {
    const { now, config } = this.#context;
    this.#looks += 1;
    this.#until = now + config.timing.probeMs;
    this.#nextAt = now;
    this.#calling = false;
  }

  #ask(): void {
    const run = this.#run;
    const look = this.#looks;
    this.#calling = true;
    this.#unanswered = true;
    const timeoutMs = this.#until - this.#context.now;
    this.#context.call(
      this.#target,
      { type: "probe", o: this.#log.o },
      (reply, reason) => {
        if (run !== this.#run || this.#sight !== null) return;
        if (look === this.#looks) {
          this.#calling = false;
          this.#unanswered = reason === "timeout";
          this.#nextAt = this.#context.now + AGAIN_MS;
        }
        if (reply?.type === "probe-ok") this.#onHeard(reply.e);
        const there =
          reply === null ? reason === "overloaded" : !(reply.type === "probe-ok" && reply.restoring);
        if (there) this.#end("reached");
      },
      timeoutMs,
    );
  }

  #end(sight: Sight): void {
    this.#sight = sight;
    this.#context.changed = true;
  }
}
