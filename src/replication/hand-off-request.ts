/** What an administrator asks: that a region lead a log. Answered once it does, or once it is clear that it does not yet. */
import { Anchor, type Settled } from "./anchor.ts";
import type { Context } from "./context.ts";
import type { Leadership } from "./leader.ts";
import type { Leaderships } from "./leaderships.ts";
import { notLeader } from "./redirect.ts";
import type { ClientReply, HandOffRequest } from "./request.ts";
import type { Waiter } from "./waiters.ts";

export class HandOffRequests {
  readonly #context: Context;
  readonly #leaderships: Leaderships;

  constructor(context: Context, leaderships: Leaderships) {
    this.#context = context;
    this.#leaderships = leaderships;
  }

  handOff(id: number, { origin, to, deadlineAt }: HandOffRequest): Waiter {
    const { config } = this.#context;
    const since = this.#context.now;
    const log = this.#context.log(origin);
    const handOff = this.#leaderships.handOff(origin);
    let run: number | null = null;
    let led: Settled<ClientReply> | null = null;
    return {
      id,
      deadlineAt,
      poll: () => {
        const ended = run === null ? null : handOff.outcome(run);
        if (ended?.kind === "done")
          return this.#handed({ o: origin, e: ended.e, s: ended.s }, ended.unavailableMs);
        if (ended?.kind === "not") return { kind: "not-handed-off", why: ended.why };
        if (run !== null) return null;
        if (led !== null && !led.over()) return led.tell();
        // A log that nobody has opened has no leader to ask: its own region promises like one, and the first write finds it there.
        if (log.leaderEpoch === 0 && config.region === origin && to !== origin) {
          run = handOff.begin(to);
          return null;
        }
        // Who does not lead it says who does, also while that one is missed here: nobody is succeeded for the sake of a hand-off.
        if (this.#leaderships.of(origin) === null && log.leader !== config.region)
          return notLeader({ kind: "elsewhere", leader: log.leader, epoch: log.leaderEpoch });
        const way = this.#leaderships.way(origin, { since });
        if (way.kind === "elsewhere") return notLeader(way);
        if (way.kind === "wait") return null;
        if (to === config.region) return (led = this.#leads(way.leadership)).tell();
        run = handOff.begin(to);
        return null;
      },
      expire: () =>
        run === null
          ? { kind: "refused", reason: "no-leader" }
          : { kind: "not-handed-off", why: "unfinished" },
    };
  }

  /** It is where it should be: said by a leader that is one. */
  #leads(leadership: Leadership): Settled<ClientReply> {
    const { e, start, log } = leadership;
    return new Anchor(this.#context, leadership, 0).settle(this.#handed({ o: log.o, e, s: start }, 0));
  }

  #handed(position: { o: number; e: number; s: number }, unavailableMs: number): ClientReply {
    return { kind: "handed-off", position, unavailableMs };
  }
}
