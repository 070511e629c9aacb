/**
 * What clients ask of an erasure: to begin one, at the leader of the user's log; and how far a replica has come with it,
 * which also makes it go on.
 */
import type { Applier } from "./apply.ts";
import type { Context } from "./context.ts";
import { EntryKind, PROTOCOL_VERSION, type Entry } from "./entry.ts";
import type { Moves } from "./move.ts";
import { erasureDigest, ErasureStage, type Erasures } from "./erasure.ts";
import type { Follower } from "./follower.ts";
import { hlcAt, wallOf } from "./hlc.ts";
import type { Leadership } from "./leader.ts";
import type { Leaderships } from "./leaderships.ts";
import { sentOn } from "./redirect.ts";
import type { Position, RegionIndex } from "./position.ts";
import type { ClientReply, EraseRequest, ErasureRequest, ErasureState } from "./request.ts";
import type { ErasureRow, OwnerRow } from "./state-row.ts";
import type { Waiter } from "./waiters.ts";

export class EraseRequests {
  readonly #context: Context;
  readonly #erasures: Erasures;
  readonly #applier: Applier;
  readonly #leaderships: Leaderships;
  readonly #followers: ReadonlyMap<RegionIndex, Follower>;
  readonly #onWritten: (leadership: Leadership) => void;
  readonly #moves: Moves;

  constructor(options: {
    context: Context;
    erasures: Erasures;
    applier: Applier;
    leaderships: Leaderships;
    followers: ReadonlyMap<RegionIndex, Follower>;
    onWritten: (leadership: Leadership) => void;
    moves: Moves;
  }) {
    this.#moves = options.moves;
    this.#context = options.context;
    this.#erasures = options.erasures;
    this.#applier = options.applier;
    this.#leaderships = options.leaderships;
    this.#followers = options.followers;
    this.#onWritten = options.onWritten;
  }

  /**
   * A majority has to answer first: the log stands still until the entry is committed, and nobody's writes should wait
   * for regions that are away.
   */
  erase(id: number, request: EraseRequest): Waiter {
    const since = this.#context.now;
    let round: { readonly leadership: Leadership; readonly number: number } | null = null;
    let written: Written | null = null;
    return {
      id,
      deadlineAt: request.deadlineAt,
      poll: () => {
        if (written !== null) return this.#told(written);
        const owner = this.#context.storage.owner(request.user);
        if (owner === null) return this.#known(request.user) ?? { kind: "unknown-user" };
        const way = this.#leaderships.way(owner.home, { suspects: request.suspects, since });
        if (way.kind === "wait") return null;
        if (way.kind === "elsewhere") return sentOn(this.#context, owner, way);
        if (!this.#moves.settled(owner)) return null;
        const { leadership } = way;
        if (round?.leadership !== leadership) round = { leadership, number: leadership.readIndex() };
        if (!leadership.confirmed(round.number)) return null;
        written = { leadership, row: this.#append(leadership, owner, request) };
        return this.#told(written);
      },
      expire: () =>
        written === null ? { kind: "refused", reason: "no-leader" } : { kind: "outcome-unknown" },
    };
  }

  /** How far is this replica? Answered when it is done, or at the deadline. */
  erasure(id: number, request: ErasureRequest): Waiter {
    const tell = (state: ErasureState): ClientReply => ({ kind: "erasure", state });
    return {
      id,
      deadlineAt: request.deadlineAt,
      poll: () => {
        if (request.poisonBefore !== undefined) {
          this.#context.storage.deletePoison(request.poisonBefore);
          return tell("done");
        }
        const work = this.#erasures.at(request.position);
        if (work === null) this.#followers.get(request.position.o)?.want(true);
        else if (work.stage >= ErasureStage.done)
          return { kind: "erasure", state: stateOf(work.stage), doneAt: work.doneAt };
        return null;
      },
      expire: () => {
        const work = this.#erasures.at(request.position);
        return tell(work === null ? "behind" : stateOf(work.stage));
      },
    };
  }

  /** A user who is gone: asked again, maybe because the answer was lost. */
  #known(user: string): ClientReply | null {
    const { now, config } = this.#context;
    const row = this.#erasures.of(user);
    return row === null || row.hlc < hlcAt(now - config.timing.idempotencyMs) ? null : erasing(row);
  }

  #append(leadership: Leadership, owner: OwnerRow, request: EraseRequest): ErasureRow {
    const { codec, hash, incarnation } = this.#context;
    const { log } = leadership;
    const digest = erasureDigest(hash, request.id, request.user);
    const entry: Entry = {
      pv: PROTOCOL_VERSION,
      kind: EntryKind.erase,
      o: log.o,
      e: leadership.e,
      s: log.last.s + 1,
      inc: incarnation,
      hlc: this.#context.nextHlc(),
      // Neither who goes nor who asked for it.
      user: "",
      principal: "",
      concern: "majority",
      deps: owner.o === log.o ? [] : [{ o: owner.o, e: owner.e, s: owner.s }],
      xdeps: [],
      ops: [],
      status: 0,
      erase: { id: request.id, digest },
    };
    this.#applier.append(log, { e: entry.e, s: entry.s, bytes: codec.encode(entry) }, entry);
    this.#onWritten(leadership);
    leadership.hurry(entry.s);
    return { o: entry.o, e: entry.e, s: entry.s, hlc: entry.hlc, id: request.id, digest };
  }

  /** Committed, and so never to be lost: its row was made when it was applied here. */
  #told({ leadership, row }: Written): ClientReply | null {
    if (this.#erasures.at(row) !== null) return erasing(row);
    const judged = leadership.log.judge(this.#context.rules, row.e, row.s);
    if (judged === "lost") return { kind: "outcome-unknown" };
    leadership.hurry(row.s);
    if (this.#leaderships.of(row.o) !== leadership) return { kind: "outcome-unknown" };
    return null;
  }
}

interface Written {
  readonly leadership: Leadership;
  readonly row: ErasureRow;
}

function erasing({ o, e, s, hlc }: ErasureRow): ClientReply {
  const position: Position = { o, e, s };
  return { kind: "erasing", position, at: wallOf(hlc) };
}

function stateOf(stage: number): ErasureState {
  if (stage === ErasureStage.done) return "done";
  return stage === ErasureStage.doneUncleaned ? "uncleaned" : "erasing";
}
