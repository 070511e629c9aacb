/**
 * Claiming a home for a user who has none: one entry in the anchor's log, whatever home it names, so that of two who claim
 * at once one comes second and is told what the first has decided. It is answered once a majority holds it (decision 11).
 */
import { Anchor, type Settled } from "./anchor.ts";
import type { Applier } from "./apply.ts";
import type { Context } from "./context.ts";
import { EntryKind, PROTOCOL_VERSION, type Entry } from "./entry.ts";
import type { Erasures } from "./erasure.ts";
import { homeReply } from "./facts.ts";
import { firstVersion } from "./home.ts";
import type { Leadership } from "./leader.ts";
import type { Leaderships } from "./leaderships.ts";
import type { Position } from "./position.ts";
import { notLeader } from "./redirect.ts";
import type { ClaimRequest, ClientReply } from "./request.ts";
import type { OwnerRow } from "./state-row.ts";
import type { Waiter } from "./waiters.ts";

export class Claims {
  readonly #context: Context;
  readonly #applier: Applier;
  readonly #leaderships: Leaderships;
  readonly #erasures: Erasures;
  readonly #onWritten: (leadership: Leadership) => void;

  constructor(parts: {
    readonly context: Context;
    readonly applier: Applier;
    readonly leaderships: Leaderships;
    readonly erasures: Erasures;
    readonly onWritten: (leadership: Leadership) => void;
  }) {
    this.#context = parts.context;
    this.#applier = parts.applier;
    this.#leaderships = parts.leaderships;
    this.#erasures = parts.erasures;
    this.#onWritten = parts.onWritten;
  }

  claim(id: number, request: ClaimRequest): Waiter {
    const since = this.#context.now;
    let decided: Settled<ClientReply> | null = null;
    return {
      id,
      deadlineAt: request.deadlineAt,
      poll: () => {
        if (decided !== null && !decided.over()) return decided.tell();
        const { anchor } = this.#context.config;
        const way = this.#leaderships.way(anchor, { suspects: request.suspects, since });
        if (way.kind === "wait") return null;
        if (way.kind === "elsewhere") return notLeader(way);
        const { leadership } = way;
        const owner = this.#context.storage.owner(request.user) ?? this.#append(leadership, request);
        const guard = new Anchor(this.#context, leadership, owner.o === anchor ? owner.s : 0);
        decided = guard.settle(homeReply(this.#context, owner));
        return decided.tell();
      },
      expire: () => ({ kind: "refused", reason: "no-leader" }),
    };
  }

  #append(leadership: Leadership, request: ClaimRequest): OwnerRow {
    const { log } = leadership;
    const entry: Entry = {
      pv: PROTOCOL_VERSION,
      kind: EntryKind.claim,
      o: log.o,
      e: leadership.e,
      s: log.last.s + 1,
      inc: this.#context.incarnation,
      hlc: this.#context.nextHlc(),
      user: request.user,
      principal: request.principal,
      concern: "majority",
      deps: this.#erasedAt(request.user).filter(({ o }) => o !== log.o),
      xdeps: [],
      ops: [],
      status: 0,
      claim: { home: request.home, version: firstVersion(this.#erasures.times(request.user)) },
    };
    const bytes = this.#context.codec.encode(entry);
    this.#applier.append(log, { e: entry.e, s: entry.s, bytes }, entry);
    this.#onWritten(leadership);
    const owner = this.#context.storage.owner(request.user);
    if (owner === null) throw new Error("a claim was appended and not applied");
    return owner;
  }

  /** Whoever comes after an erased user of the same name comes after the erasure, at every replica. */
  #erasedAt(user: string): Position[] {
    const erased = this.#erasures.of(user);
    return erased === null ? [] : [{ o: erased.o, e: erased.e, s: erased.s }];
  }
}
