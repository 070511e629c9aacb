/**
 * Whether a log needs another leader: asked when somebody waits here who found the present one silent (PreVote).
 *
 *   somebody misses the leader -> my own probe: answered? then no, and whoever asked is sent back to it
 *     -> half-way through, the other voters are asked to look too
 *     -> a majority of the voters, me among them or not, found it silent and is willing -> campaign
 *     -> otherwise a pause, longer each time, and again, as long as somebody waits
 *
 * Nothing is promised on the way, so a region that is cut off from all others can ask for ever and depose nobody. A voter is
 * not willing before the lease that it granted has all but ended: until then a new leader could acknowledge nothing, and
 * most restarts are over by then. Two candidates keep out of each other's way by pauses that differ by region.
 *
 * Who led last, and has been promised nothing since, not even by itself, needs no leave: it may campaign at once.
 */
import { needsSight, wordOf } from "./acceptor.ts";
import type { Candidate } from "./candidate.ts";
import type { Context } from "./context.ts";
import type { Log } from "./log.ts";
import type { PreVote, PreVoteReply } from "./message.ts";
import { counterOf, epochOf, type Epoch, type RegionIndex } from "./position.ts";
import type { Probe } from "./probe.ts";

const PAUSE_MS = 200;
const PAUSE_MS_MAX = 2_000;
/** After the leader was found there: who asks again asks no sooner than this. */
const REACHED_PAUSE_MS = 100;
/** On top of the voter's own look, for the way there and back. */
const WAY_MS = 700;
/** A voter that found the leader silent waits so long for the lease that it granted to end, before it says no. */
const HOLD_MS = 400;
/** How long after an unsuccessful round the leader still counts as missed. */
const DOUBT_MS = 2_500;

interface Round {
  /** The epoch whose leader is missed. */
  readonly missed: Epoch;
  /** Number of the own probe; null: nobody to probe, this region led last. */
  readonly probe: number | null;
  readonly askAt: number;
  asked: boolean;
  /** Null: did not answer. */
  readonly words: Map<RegionIndex, PreVoteReply | null>;
}

export class Inquiry {
  readonly #context: Context;
  readonly #log: Log;
  readonly #probe: Probe;
  readonly #candidate: Candidate;
  readonly #onHeard: (e: Epoch) => void;
  #wanted = false;
  #round: Round | null = null;
  #attempts = 0;
  #notBefore = 0;
  #reachedAt = -Infinity;
  /** The epoch whose leader the own probe found silent, and how long that holds. */
  #missed: Epoch = 0;
  #missedUntil = -Infinity;
  #cooling = false;

  constructor(
    context: Context,
    log: Log,
    parts: {
      readonly probe: Probe;
      readonly candidate: Candidate;
      /** Somebody spoke of an epoch. */
      readonly onHeard: (e: Epoch) => void;
    },
  ) {
    this.#context = context;
    this.#log = log;
    this.#probe = parts.probe;
    this.#candidate = parts.candidate;
    this.#onHeard = parts.onHeard;
  }

  /** Somebody waits for a leader that may have to be another one. Said anew each turn. */
  want(): void {
    this.#wanted = true;
  }

  /** The leader answered a probe of ours at or after `at`. */
  reachedSince(at: number): boolean {
    return this.#reachedAt >= at && this.#reachedAt <= this.#context.now;
  }

  /** The own probe found the present leader silent, and nothing was heard of it since. */
  get missing(): boolean {
    const isPresent = this.#missed === this.#log.leaderEpoch;
    return this.#candidate.campaigning || (isPresent && this.#context.now < this.#missedUntil);
  }

  /** For people. */
  get state(): "pre-vote" | "cooldown" | null {
    if (this.#cooling && this.missing) return "cooldown";
    return this.#round === null ? null : "pre-vote";
  }

  advance(): void {
    const wanted = this.#wanted;
    this.#wanted = false;
    if (this.#candidate.campaigning) return;
    if (this.#round !== null) return this.#goOn(this.#round);
    if (!wanted) return;
    if (this.#mayGoOnLeading()) return this.#candidate.want();
    const { now } = this.#context;
    // A clock that was set back must not make a pause longer than it is.
    this.#notBefore = Math.min(this.#notBefore, now + this.#context.config.timing.leaseMs + 2 * PAUSE_MS_MAX);
    const due = Math.max(this.#notBefore, this.#candidate.notBefore);
    if (now < due) return this.#context.wakeAt(due);
    this.#begin();
  }

  /**
   * Led last, and nobody was promised anything since, as far as anybody told. Whose own campaign has come to nothing asks: the others may
   * have gone on to a successor meanwhile.
   */
  #mayGoOnLeading(): boolean {
    const log = this.#log;
    const isLast = log.leader === this.#context.config.region && log.promised <= log.leaderEpoch;
    return isLast && log.acceptor.maxCounter <= counterOf(log.promised);
  }

  #begin(): void {
    const { now, config } = this.#context;
    const led = this.#log.leader === config.region;
    this.#round = {
      missed: this.#log.leaderEpoch,
      probe: led ? null : this.#probe.begin(),
      askAt: led ? now : now + config.timing.probeMs / 2,
      asked: false,
      words: new Map(),
    };
    this.#goOn(this.#round);
  }

  #goOn(round: Round): void {
    const { now, config, rules } = this.#context;
    // Somebody leads by now, or campaigns with success.
    if (this.#log.leaderEpoch > round.missed) return this.#end(0);
    const sight = round.probe === null ? "silent" : this.#probe.sight(round.probe);
    if (sight === "reached") {
      this.#reachedAt = now;
      this.#missedUntil = -Infinity;
      this.#context.changed = true;
      return this.#end(now + REACHED_PAUSE_MS);
    }
    if (!round.asked && (sight !== null || now >= round.askAt)) this.#ask(round);
    if (sight === null) {
      if (!round.asked) this.#context.wakeAt(round.askAt);
      return;
    }
    this.#missed = round.missed;
    this.#missedUntil = now + DOUBT_MS;
    const own = { candidate: config.region, missed: round.missed, reachable: false };
    const word = wordOf(this.#context, this.#log, own);
    const heldUntil = holdUntil(this.#context, word);
    if (heldUntil !== null) return this.#context.wakeAt(heldUntil);
    round.words.set(config.region, word);
    const words = [...round.words.values()];
    const voters = config.voters.length;
    const willing = words.filter((word) => word?.willing === true).length;
    if (rules.mayCampaign(willing, voters)) {
      this.#attempts = 0;
      this.#end(0);
      return this.#candidate.begin();
    }
    if (!rules.mayCampaign(willing + voters - words.length, voters)) this.#fail(words);
  }

  #ask(round: Round): void {
    const { timing } = this.#context.config;
    const log = this.#log;
    round.asked = true;
    const b = epochOf(
      Math.max(log.acceptor.maxCounter, counterOf(log.promised)) + 1,
      this.#context.config.region,
    );
    for (const peer of this.#context.peers()) {
      this.#context.call(
        peer,
        { type: "pre-vote", o: log.o, b, last: log.last, e: round.missed },
        (reply) => {
          this.#context.changed = true;
          const word = reply?.type === "pre-vote-reply" ? reply : null;
          if (word !== null) this.#onHeard(word.e);
          round.words.set(peer, word);
        },
        timing.probeMs + WAY_MS,
      );
    }
  }

  /** Not now. If a lease is what is waited for, the next round ends about when it does. */
  #fail(words: readonly (PreVoteReply | null)[]): void {
    const { now, config } = this.#context;
    const { probeMs, leaseGraceMs } = config.timing;
    const silent = words.filter((word) => word !== null && !word.reachable);
    const leaseMs = silent.reduce((longest, word) => Math.max(longest, word?.leaseRemainingMs ?? 0), 0);
    this.#cooling = silent.some((word) => (word?.coolingMs ?? 0) > 0);
    const rank = config.voters.indexOf(config.region) / config.voters.length;
    const pauseMs = Math.min(PAUSE_MS_MAX, PAUSE_MS * 2 ** Math.min(this.#attempts, 10)) * (1 + rank);
    const leaseOverAt = now + leaseMs - leaseGraceMs - 1.5 * probeMs + PAUSE_MS * (0.25 + rank);
    if (leaseMs <= leaseGraceMs) this.#attempts += 1;
    const next = leaseMs > leaseGraceMs ? Math.max(now + PAUSE_MS, leaseOverAt) : now + pauseMs;
    this.#missedUntil = next + DOUBT_MS;
    this.#end(Math.ceil(next));
  }

  #end(notBefore: number): void {
    this.#round = null;
    this.#notBefore = notBefore;
    if (notBefore === 0) this.#cooling = false;
    this.#context.changed = true;
  }
}

/** The answering side of PreVote: the word, or null while the voter looks. */
export function answerPreVote(
  context: Context,
  log: Log,
  probe: Probe,
  { from, message }: { readonly from: RegionIndex; readonly message: PreVote },
): () => PreVoteReply | null {
  const word = (reachable: boolean): PreVoteReply =>
    wordOf(context, log, { candidate: from, missed: message.e, reachable });
  if (!needsSight(context, log, from, message)) return () => word(log.leader === context.config.region);
  const run = probe.begin();
  return () => {
    const sight = probe.sight(run);
    if (sight === null) return null;
    const said = word(sight === "reached");
    const heldUntil = holdUntil(context, said);
    if (heldUntil === null) return said;
    context.wakeAt(heldUntil);
    return null;
  };
}

/** When a voter that is unwilling only for what is left of a lease will be willing, if that is soon. */
function holdUntil({ now, config }: Context, word: PreVoteReply): number | null {
  const leftMs = word.leaseRemainingMs - config.timing.leaseGraceMs;
  return word.willing || word.reachable || leftMs <= 0 || leftMs > HOLD_MS ? null : now + leftMs;
}
