/** One committed turn of one replica, as the invariants see it: what came, what changed, what is about to be said. */
import type { Effect, Event } from "../../src/replication/effect.ts";
import type { PeerRequest } from "../../src/replication/message.ts";
import type { Limits, Timing } from "../../src/replication/config.ts";
import type { ClientReply } from "../../src/replication/request.ts";
import type { Ghost } from "./ghost.ts";
import type { Host, Undated } from "./host.ts";
import type { Delta } from "./mirror.ts";
import type { Tally } from "./tally.ts";

export interface Answered {
  readonly request: Undated;
  readonly reply: ClientReply;
  readonly askedAt: number;
  /** The lowest reading of the replica's clock while it had the request. */
  readonly lowestNow: number;
}

export interface Turn {
  readonly host: Host;
  readonly event: Event;
  readonly effects: readonly Effect[];
  /** By the replica's clock. */
  readonly now: number;
  /** Real time. */
  readonly at: number;
  readonly deltas: readonly Delta[];
  /** Replies of this turn with the requests that they answer. */
  readonly answered: readonly Answered[];
  /** The request that a reply of this turn answers: it may have come in an earlier turn. */
  requestOf(id: number): PeerRequest | undefined;
  readonly ghost: Ghost;
  /** A snapshot is being taken over: the state is an image that is not whole yet, and nobody may read it. */
  readonly restoring: boolean;
  readonly peers: readonly Host[];
  /** Clocks keep the bound: invariants that rest on it are judged. */
  readonly clocksKept: boolean;
  readonly timing: Timing;
  readonly limits: Limits;
  readonly tally: Tally;
  fail(invariant: string, what: string): void;
}
