/**
 * The appends of one leadership, and what its peers say to them.
 *
 * An append carries entries from where the peer's log is guessed to end, or, where that would not do, only the place that it has
 * to have; and with them the commit position, a request for a grant, and up to when the log is complete. Several are under way at
 * once, and an answer says how far the peer's log is ours: the guess was right, or the logs part earlier, or somebody else was
 * promised. A call that fails says nothing, and the peer is tried again later.
 *
 * When one is sent is decided elsewhere (append-pace), and so is what follows from the answers of all (leader).
 */
import type { Hearing } from "./acquaintances.ts";
import type { Context } from "./context.ts";
import { PROTOCOL_VERSION } from "./entry.ts";
import type { Log } from "./log.ts";
import type { Acquainted, Append, PeerReply, Progress } from "./message.ts";
import { backOff, differs, forgetWord, matches, type Peer } from "./peer.ts";
import { counterOf, type Epoch, type RegionIndex } from "./position.ts";
import type { Word } from "./rules.ts";

/** The leadership that they are of. */
interface Term {
  readonly log: Log;
  readonly e: Epoch;
  readonly deposed: boolean;
  peer(region: RegionIndex): Peer | undefined;
  leaseValid(): boolean;
  /** Is a grant to be asked for with whatever is sent? */
  renewalDue(): boolean;
  granted(peer: Peer, sentAt: number): void;
  /** What is to be known after a restart has changed. */
  persist(): void;
  depose(): void;
}

/** What is remembered of an append until it is answered. */
interface Sent {
  readonly number: number;
  readonly call: number;
  readonly sentAt: number;
  readonly grant: boolean;
  readonly commit: number;
  readonly sinks: number;
  readonly voters: number;
}

export class Appends {
  readonly #context: Context;
  readonly #term: Term;
  /** Appends are numbered; a round begun now is answered by those with a greater number. */
  #count = 0;

  constructor(context: Context, term: Term) {
    this.#context = context;
    this.#term = term;
  }

  get count(): number {
    return this.#count;
  }

  send(peer: Peer): void {
    const { acquaintances, config, incarnation, now, rules } = this.#context;
    const { log, e } = this.#term;
    const page = this.#pageFor(peer);
    const prev = page === null ? log.last.s : peer.next - 1;
    const grant = config.timing.leaseMs > 0 && this.#term.renewalDue();
    const number = ++this.#count;
    const commit = log.commit;
    const sinks = log.sinks.version;
    const voters = acquaintances.version;
    const closed = { s: log.last.s, hlc: log.hlc, echo: rules.echo(peer.stamp, peer.provenStamp) };
    const message: Append = {
      type: "append",
      o: log.o,
      e,
      inc: incarnation,
      prev: { e: log.epochAt(prev), s: prev },
      entries: page?.entries ?? [],
      chain: page === null ? log.chain : page.entries.length > 0 ? page.chain : new Uint8Array(0),
      commit,
      ...(this.#term.leaseValid() ? { closed } : {}),
      grant,
      pv: PROTOCOL_VERSION,
      sinks: peer.toldSinks < sinks ? log.sinks.marks() : [],
      ...acquaintances.reminder(peer.region),
      voters: peer.toldVoters < voters ? this.#introductions(peer) : [],
    };
    if (page !== null) peer.next = (page.entries.at(-1)?.s ?? prev) + 1;
    const bytes = message.entries.reduce((sum, raw) => sum + raw.bytes.length, 0);
    peer.inFlight += 1;
    peer.inFlightBytes += bytes;
    peer.sent = number;
    peer.lastSentAt = now;
    const call = this.#context.calls + 1;
    this.#context.call(peer.region, message, (reply) => {
      peer.inFlight -= 1;
      peer.inFlightBytes -= bytes;
      this.#onAnswer(peer, { number, call, sentAt: now, grant, commit, sinks, voters }, reply);
    });
  }

  /** A probe or a retry by the schedule: sends now, whatever the backoff says. */
  probe(region: RegionIndex): void {
    const peer = this.#term.peer(region);
    if (peer !== undefined && peer.inFlight === 0) this.send(peer);
  }

  /** Sends a peer what it was not sent yet, as far as one message takes it. */
  flush(region: RegionIndex): void {
    const peer = this.#term.peer(region);
    if (peer !== undefined && !peer.distant && peer.next <= this.#term.log.last.s) this.send(peer);
  }

  /** What it said before it lost its memory is void. */
  meetAnew(region: RegionIndex): void {
    const peer = this.#term.peer(region);
    if (peer === undefined) return;
    forgetWord(peer, this.#term.log.last.s + 1);
    this.#context.changed = true;
  }

  /** A peer says by itself how far it is (after a queue batch, or when it has caught up). */
  onProgress(from: RegionIndex, message: Progress): void {
    const { e } = this.#term;
    const peer = this.#term.peer(from);
    if (peer === undefined || message.e !== e) return;
    const word = { storeId: message.storeId, inc: message.inc, tail: { e, s: message.match } };
    // It is there after all, whatever became of the calls before.
    peer.retryAt = 0;
    if (this.#counts(peer, word, { asked: 0, wrote: false }) || peer.amnesiac)
      this.#matched(peer, message.match);
  }

  /** What it lacks, where that is little enough to be sent; null: it is told of the log's end alone. */
  #pageFor(peer: Peer) {
    const { config, storage } = this.#context;
    const { log } = this.#term;
    const { inlineEntriesMax, batchBytesMax, batchEntriesMax } = config.limits;
    const behind = log.last.s - peer.next + 1;
    if (peer.distant || behind <= 0 || behind > inlineEntriesMax || peer.next <= log.base.s) return null;
    return storage.entries(log.o, peer.next - 1, batchBytesMax, batchEntriesMax);
  }

  /** R8: of whom it should know by name, this replica included. */
  #introductions(peer: Peer): Acquainted[] {
    const { acquaintances, config, identity, incarnation, rules } = this.#context;
    const self = { region: config.region, storeId: identity, inc: incarnation };
    return rules.introduces() ? [self, ...acquaintances.introductions(peer.region)] : [];
  }

  #onAnswer(peer: Peer, sent: Sent, reply: PeerReply | null): void {
    const { log, e, deposed } = this.#term;
    this.#context.changed = true;
    if (deposed || log.promised !== e) return;
    if (reply?.type === "append-ok" && reply.e === e) return this.#onOk(peer, sent, reply);
    if (reply?.type === "append-stale") {
      // Somebody else was promised: this epoch is over for this replica.
      log.promise({ maxCounter: Math.max(log.acceptor.maxCounter, counterOf(reply.promised)) });
      if (reply.forgotten === true) this.#context.forget();
      if (reply.promised > e) this.#term.depose();
      return;
    }
    if (reply?.type === "append-mismatch")
      return differs(peer, log, reply, this.#context.config.limits.inlineEntriesMax);
    // Overloaded, refused, timed out, or an answer that makes no sense: wait a little. Overload is never more than that.
    peer.next = (peer.match ?? log.last.s) + 1;
    // What was sent later has been answered: this one says nothing of now.
    if (sent.number <= peer.failedThrough || sent.number < peer.answered) return;
    peer.failedThrough = this.#count;
    backOff(peer, this.#context.now);
  }

  #onOk(peer: Peer, sent: Sent, reply: Extract<PeerReply, { type: "append-ok" }>): void {
    const { log } = this.#term;
    // Its log ends in the epoch of the entry there, which may be an older one than this: the OPEN may be still to come.
    const at = Math.max(log.base.s, Math.min(reply.match, log.last.s));
    const word = {
      storeId: reply.storeId,
      inc: reply.inc,
      tail: { e: log.epochAt(at), s: reply.match },
    };
    const wrote = sent.grant || this.#context.config.timing.leaseMs === 0;
    const counts = this.#counts(peer, word, { asked: sent.call, wrote });
    // An instance that was replaced, and does not know it.
    if (!counts && !peer.amnesiac) return;
    peer.failures = 0;
    peer.retryAt = 0;
    if (counts) peer.answered = Math.max(peer.answered, sent.number);
    peer.stamp = reply.stamp;
    peer.eager = reply.eager === true;
    this.#matched(peer, reply.match);
    if (reply.match >= sent.commit) peer.toldCommit = Math.max(peer.toldCommit, sent.commit);
    peer.toldSinks = Math.max(peer.toldSinks, sent.sinks);
    peer.toldVoters = Math.max(peer.toldVoters, sent.voters);
    if (sent.grant && counts) this.#term.granted(peer, sent.sentAt);
  }

  #matched(peer: Peer, match: number): void {
    matches(peer, match, this.#term.log.last.s, this.#context.config.limits.inlineEntriesMax);
    this.#context.changed = true;
  }

  /** R8: may the voter's word be counted? A new incarnation is written at once: a later one that is lower says that it went back. */
  #counts(peer: Peer, word: Word, hearing: Pick<Hearing, "asked" | "wrote">): boolean {
    const { acquaintances } = this.#context;
    const { o } = this.#term.log;
    const counts = acquaintances.counts(peer.region, word, { ...hearing, o, whole: false });
    const isBack = peer.amnesiac && counts;
    peer.amnesiac = acquaintances.hasForgotten(peer.region);
    if (isBack) this.meetAnew(peer.region);
    if (counts && word.inc > peer.inc) {
      // It may have forgotten what it was told last, or have become code that understands it.
      peer.toldSinks = 0;
      peer.toldVoters = -1;
      peer.inc = word.inc;
      this.#term.persist();
    }
    return counts;
  }
}
