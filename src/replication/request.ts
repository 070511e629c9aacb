/**
 * What the edge asks a replica, and what a replica answers. These cross between versions of the code during a rolling
 * upgrade, as structured clones: fields are only ever added, a reader ignores what it does not know and takes the
 * stated default for what is missing. Commands, replies and what they are made of have their own files; whoever stands at this border
 * takes them from here.
 */
import type { Command, Conditions } from "./command.ts";
import type { Concern } from "./entry.ts";
import type { Position, RegionIndex } from "./position.ts";
import type { FeedPlace } from "./reply-part.ts";
import type { SessionPart } from "./session-part.ts";

export type * from "./command.ts";
export type * from "./refusal.ts";
export type * from "./replica-status.ts";
export type * from "./reply.ts";
export type * from "./reply-part.ts";
export type * from "./session-part.ts";

interface Asked {
  /** Region that the edge placed the client in: the edge counts as part of it. */
  readonly from: RegionIndex;
  /** Instant (ms since 1970, the edge's clock translated by the shell into the replica's) after which nobody waits any more and a write is refused. */
  readonly deadlineAt: number;
  /** A region that led the log in question as far as the edge knew, and did not answer: the replica looks for itself. */
  readonly suspects?: RegionIndex;
}

/** The entry that made a region a user's home, as the edge has heard of it. */
export interface HeardClaim extends Position {
  /** The anchor's leader said so, which says nothing that no majority holds. Absent: it is not known. */
  readonly committed?: boolean;
}

export interface WriteRequest extends Asked {
  readonly op: "write";
  readonly user: string;
  readonly principal: string;
  readonly command: Command;
  readonly conditions: Conditions;
  readonly idempotency?: {
    readonly key: string;
    readonly fingerprint: Uint8Array;
    readonly by: "client" | "edge";
  };
  readonly concern: Concern;
  readonly session: SessionPart;
  /** The entry that made it the user's home, when the edge has just learned of it: waited for. */
  readonly claim?: HeardClaim;
  /** Set when following an ASK: what the log of an earlier home holds is asked for. */
  readonly asking?: boolean;
}

/** `leader`: by the leader of the user's log (level `user`). */
export type ReadLevel = "leader" | "strong" | "bounded" | "session" | "prefix" | "eventual";

export interface ReadRequest extends Asked {
  readonly op: "read";
  readonly user: string;
  readonly what: ReadItem | ReadList;
  readonly level: ReadLevel;
  /** For `bounded`. */
  readonly stalenessMsMax?: number;
  /** Read concern `committed`. */
  readonly committed: boolean;
  readonly session: SessionPart;
  /** How long a `session` read may wait here before the edge takes it to the leader. */
  readonly waitMs: number;
  /** Serve what is at hand although no promise holds (`Ithaca-On-Unreachable: stale`, sent after the leader was not had). */
  readonly stale?: boolean;
  /** `Ithaca-On-Lost: report`: answer although positions of the token are lost, and list them. */
  readonly reportLost?: boolean;
  /** The entry that made it the user's home, when the edge has just learned of it: waited for. */
  readonly claim?: HeardClaim;
}

export interface ReadItem {
  readonly kind: "item";
  readonly key: string;
  /** Value not wanted (HEAD). */
  readonly head: boolean;
}

/** The user's lost writes, in the order of the places that they had. Replicas of before there were any do not answer it. */
export interface DivergentRequest extends Omit<ReadRequest, "op" | "what"> {
  readonly op: "divergent";
  /** Continues behind the lost write of this place. */
  readonly after?: Position;
  readonly limit: number;
  /** A page ends early here. */
  readonly bytesMax: number;
}

/** Keys in byte order within [start, end), all beginning with prefix; `after` continues beyond that key (before it when reverse). */
export interface ReadList {
  readonly kind: "list";
  readonly prefix: string;
  readonly start?: string;
  readonly end?: string;
  readonly after?: string;
  readonly limit: number;
  readonly reverse: boolean;
  readonly values: boolean;
  /** A page ends early here. */
  readonly bytesMax: number;
}

/**
 * Several items, perhaps of several users, all of this partition, in one answer that is worked out at one instant: a part of
 * a cut (cut.ts).
 */
export interface ReadManyRequest extends Asked {
  readonly op: "read-many";
  readonly reads: readonly ReadOne[];
  readonly level: ReadLevel;
  /** For `bounded`. */
  readonly stalenessMsMax?: number;
  /** Read concern `committed`. */
  readonly committed: boolean;
  readonly session: SessionPart;
  /** Positions that other parts of the cut rest on: had before anything is answered, or known to be lost. */
  readonly needs?: readonly Position[];
  /** How long to wait here at a level that need not come from the leader, before the edge goes elsewhere. */
  readonly waitMs: number;
  /** Values are answered only when all of them are no more than this. */
  readonly bytesMax: number;
  /** Sent to the leader of the anchor's log: it says for certain that a user has no home. */
  readonly certain?: boolean;
  readonly stale?: boolean;
  readonly reportLost?: boolean;
}

export interface ReadOne {
  readonly user: string;
  readonly key: string;
}

export interface ReceiptRequest extends Asked {
  readonly op: "receipt";
  readonly user: string;
  readonly position: Position;
  /** Wait until this is met or the deadline; absent: answer as it stands. */
  readonly concern?: Concern;
}

/** What was done to a user's items after a place. Asked of a replica near the client. */
export interface ChangesRequest extends Asked {
  readonly op: "changes";
  readonly user: string;
  /** Absent: from the user's first entry on. */
  readonly after?: FeedPlace;
  readonly limit: number;
  /** A page ends early here. */
  readonly bytesMax: number;
  readonly values: boolean;
  /** How long to wait for a change. The deadline is later: a replica may have to catch up first. */
  readonly waitMs: number;
  readonly session: SessionPart;
  readonly reportLost?: boolean;
  /** The entry that claimed the user's home, when the edge has just learned it from the anchor: waited for. */
  readonly claim?: Position;
}

/** Who is the user's home? `certain`: only the leader of the anchor's log may say that there is none. */
export interface HomeRequest extends Asked {
  readonly op: "home";
  readonly user: string;
  readonly certain: boolean;
  /** Wait until the end of a move that is under way. */
  readonly settled?: boolean;
}

/** Claims a home for a user who has none; asked of the leader of the anchor's log. Answers the present home where there is one. */
export interface ClaimRequest extends Asked {
  readonly op: "claim";
  readonly user: string;
  readonly home: RegionIndex;
  readonly principal: string;
}

/** Takes a user to another region's log; asked of the leader of the user's log. Replicas of before moves do not answer it. */
export interface MoveRequest extends Asked {
  readonly op: "move";
  readonly user: string;
  readonly to: RegionIndex;
  readonly principal: string;
  /** The entry that made it the user's home, when the edge has just learned of it: waited for. */
  readonly claim?: HeardClaim;
}

/** Erases everything about a user; asked of the leader of the user's log. */
export interface EraseRequest extends Asked {
  readonly op: "erase";
  readonly user: string;
  /** Random; 16 bytes. The same for every attempt. */
  readonly id: Uint8Array;
}

/** How far is this replica with an erasure? It goes on with it when it is asked. */
export interface ErasureRequest extends Asked {
  readonly op: "erasure";
  readonly position: Position;
  /** Instead: delete messages that nobody could read and that came before this instant. Absent: see above. */
  readonly poisonBefore?: number;
}

/** How this replica stands; for `GET /v1/regions`. */
export interface StatusRequest extends Asked {
  readonly op: "status";
  /** Of this log the whole end is wanted too, for a preview of a takeover. Code of before previews does not tell it. */
  readonly endOf?: RegionIndex;
}

/**
 * Hands the log of `origin` to the region `to`; asked of who leads it. It brings no takeover about: a leader that is not there stays
 * missed. Replicas of before hand-offs do not answer it.
 */
export interface HandOffRequest extends Asked {
  readonly op: "hand-off";
  readonly origin: RegionIndex;
  readonly to: RegionIndex;
}

/** An administrator's word about a sink, for the logs that the replica leads. Replicas of before sinks do not answer it. */
export interface SinkRequest extends Asked {
  readonly op: "sink";
  readonly name: string;
  readonly action:
    | { readonly kind: "resume" }
    /** Delivers again what follows the position. */
    | { readonly kind: "replay"; readonly position: Position };
}

export type ClientRequest =
  | WriteRequest
  | ReadRequest
  | ReadManyRequest
  | DivergentRequest
  | ReceiptRequest
  | ChangesRequest
  | HomeRequest
  | ClaimRequest
  | MoveRequest
  | EraseRequest
  | ErasureRequest
  | StatusRequest
  | HandOffRequest
  | SinkRequest;
