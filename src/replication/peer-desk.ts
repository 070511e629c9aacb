/**
 * What other replicas ask, and what they are answered: each message goes to the part that understands it. Most are answered in the
 * same turn; what depends on who leads, or on what this replica finds out first, waits with the clients' requests.
 */
import { onPrepare, wordOf } from "./acceptor.ts";
import { Anchor, type Settled } from "./anchor.ts";
import type { Context } from "./context.ts";
import { divergencePoint, holds } from "./epoch-table.ts";
import type { Follower } from "./follower.ts";
import { GIVEN_UP_MS } from "./hand-off.ts";
import { answerPreVote } from "./inquiry.ts";
import type { Leaderships } from "./leaderships.ts";
import type {
  Batch,
  BatchVerdict,
  CloseNow,
  NeedSnapshot,
  PeerReply,
  PeerRequest,
  PreVote,
  Probe,
  ProbeOk,
  Pull,
  PullOk,
  Transfer,
} from "./message.ts";
import type { RegionIndex } from "./position.ts";
import { vouchFor } from "./recovery.ts";
import type { Salvage } from "./salvage.ts";
import type { SnapshotReceiver } from "./snapshot-receiver.ts";
import { beginSnapshot, snapshotChunk } from "./snapshot-source.ts";
import type { Waiters } from "./waiters.ts";

export class PeerDesk {
  readonly #context: Context;
  readonly #waiters: Waiters;
  readonly #leaderships: Leaderships;
  readonly #followers: ReadonlyMap<RegionIndex, Follower>;
  readonly #receiver: SnapshotReceiver;
  readonly #salvage: Salvage;

  constructor(parts: {
    readonly context: Context;
    readonly waiters: Waiters;
    readonly leaderships: Leaderships;
    readonly followers: ReadonlyMap<RegionIndex, Follower>;
    readonly receiver: SnapshotReceiver;
    readonly salvage: Salvage;
  }) {
    this.#context = parts.context;
    this.#waiters = parts.waiters;
    this.#leaderships = parts.leaderships;
    this.#followers = parts.followers;
    this.#receiver = parts.receiver;
    this.#salvage = parts.salvage;
  }

  ask(id: number, from: RegionIndex, message: PeerRequest): void {
    if (message.type === "close-now") return this.#onCloseNow(id, message);
    if (message.type === "pre-vote") return this.#onPreVote(id, from, message);
    if (message.type === "transfer") return this.#onTransfer(id, from, message);
    this.#context.emit({ type: "reply", id, message: this.#answer(from, message) });
  }

  #answer(from: RegionIndex, message: Exclude<PeerRequest, CloseNow | PreVote | Transfer>): PeerReply {
    switch (message.type) {
      case "append":
        return this.#follower(message.o).onAppend(from, message);
      case "prepare":
        return onPrepare(this.#context, from, message);
      case "pull":
        return this.#onPull(message);
      case "progress":
        this.#leaderships.of(message.o)?.appends.onProgress(from, message);
        return { type: "progress-ok" };
      case "cuts":
        return this.#salvage.take(from, message);
      case "return":
        return vouchFor(this.#context, this.#leaderships, { from, message });
      case "snapshot-begin":
        return this.#receiver.restoring
          ? { type: "snapshot-unknown" }
          : beginSnapshot(this.#context, message.id);
      case "snapshot-chunk":
        return this.#receiver.restoring
          ? { type: "snapshot-unknown" }
          : snapshotChunk(this.#context, message);
      case "probe":
        return this.#onProbe(message);
    }
  }

  #onProbe({ o }: Probe): ProbeOk {
    const log = this.#context.log(o);
    const restoring = this.#receiver.restoring || this.#context.hasForgotten;
    return { type: "probe-ok", leader: log.leader, e: log.leaderEpoch, restoring };
  }

  /** Answered once the voter has looked for itself. */
  #onPreVote(id: number, from: RegionIndex, message: PreVote): void {
    const { timing } = this.#context.config;
    this.#leaderships.hear(message.o, message.e);
    const log = this.#context.log(message.o);
    const poll = answerPreVote(this.#context, log, this.#leaderships.probe(message.o), { from, message });
    this.#waiters.addPeer({
      id,
      deadlineAt: this.#context.now + timing.callTimeoutMs,
      poll,
      expire: () => wordOf(this.#context, log, { candidate: from, missed: message.e, reachable: true }),
    });
  }

  /** Answered once it is clear whether this replica leads. */
  #onTransfer(id: number, from: RegionIndex, message: Transfer): void {
    const context = this.#context;
    const log = context.log(message.o);
    this.#leaderships.hear(message.o, message.e);
    this.#waiters.addPeer({
      id,
      deadlineAt: context.now + GIVEN_UP_MS,
      poll: this.#leaderships.inherit(from, message, this.#receiver.restoring),
      expire: () => ({
        type: "transfer-reply",
        ready: false,
        counter: log.acceptor.maxCounter,
        open: { e: 0, s: 0 },
      }),
    });
  }

  #onPull(message: Pull): PullOk | NeedSnapshot {
    const log = this.#context.log(message.o);
    const { config, storage } = this.#context;
    if (!holds(message, log.base)) return { type: "need-snapshot", base: { e: log.base.e, s: log.base.s } };
    if (message.wantCommit) {
      // Somebody waits for a commit that only a leader can bring: who was deposed and then forgotten campaigns.
      const way = this.#leaderships.way(message.o, { since: this.#context.now });
      if (way.kind === "here" && log.commit < log.last.s) way.leadership.hurry(log.last.s);
    }
    const agree = Math.min(
      log.last.s,
      divergencePoint(log.epochs, log.last.s, log.base.s, message.epochs, message.last.s, message.base.s),
    );
    const page = storage.entries(
      log.o,
      agree,
      Math.min(message.bytesMax, config.limits.batchBytesMax),
      config.limits.batchEntriesMax,
    );
    return {
      type: "pull-ok",
      e: log.last.e,
      prev: { e: log.epochAt(agree), s: agree },
      entries: page.entries,
      chain: page.chain,
      commit: log.commit,
      last: log.last,
    };
  }

  /** Said only by a leader that could acknowledge at this moment. */
  #onCloseNow(id: number, message: CloseNow): void {
    const context = this.#context;
    const log = context.log(message.o);
    const since = context.now;
    const notLeader = (): PeerReply => ({ type: "not-leader", leader: log.leader, promised: log.promised });
    let settled: Settled<PeerReply> | null = null;
    this.#waiters.addPeer({
      id,
      deadlineAt: context.now + context.config.timing.callTimeoutMs,
      poll: () => {
        if (settled !== null && !settled.over()) return settled.tell();
        const way = this.#leaderships.way(message.o, { since });
        if (way.kind !== "here") return way.kind === "wait" ? null : notLeader();
        settled = new Anchor(context, way.leadership, 0).settle<PeerReply>({
          type: "close-reply",
          e: way.leadership.e,
          last: log.last,
          commit: log.commit,
          hlc: log.hlc,
        });
        return settled.tell();
      },
      expire: notLeader,
    });
  }

  batch(id: number, messages: readonly (Batch | null)[]): void {
    const verdicts: BatchVerdict[] = messages.map((message) =>
      message === null || !this.#context.logs.has(message.o)
        ? "poison"
        : this.#follower(message.o).onBatch(message),
    );
    const touched = new Set(
      messages
        .filter((message) => message !== null && this.#context.logs.has(message.o))
        .map((message) => message!.o),
    );
    const progress = [...touched]
      .map((o) => this.#follower(o))
      .filter(({ log }) => log.leader !== this.#context.config.region)
      .map((follower) => ({ to: follower.log.leader, message: follower.progress() }));
    this.#context.emit({ type: "batch-done", id, verdicts, progress });
  }

  #follower(o: RegionIndex): Follower {
    const follower = this.#followers.get(o);
    if (follower === undefined) throw new Error(`no log of origin ${o} in this configuration`);
    return follower;
  }
}
