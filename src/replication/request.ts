/**
 * What the edge asks a replica, and what a replica answers. These cross between versions of the code during a rolling
 * upgrade, as structured clones: fields are only ever added, a reader ignores what it does not know and takes the
 * stated default for what is missing.
 */
import type { LogReach } from "./cut.ts";
import type { Change, ChangeKind } from "./change.ts";
import type { Concern, ItemBefore, ItemImage } from "./entry.ts";
import type { EpochTable } from "./message.ts";
import type { CrossPosition, Position, RegionIndex, Tail } from "./position.ts";

/** What a session token says about one partition, plus what it says about others, which a write records. */
export interface SessionPart {
  /** Positions in this partition that the answer has to cover. */
  readonly positions: readonly SessionPosition[];
  /** Positions in other partitions (for xdeps of a write). */
  readonly others: readonly CrossPosition[];
  /** Latest expiry instant that the session has seen pass, ms since 1970; 0 for none. */
  readonly seenAt: number;
}

/** `durable`: it was committed when it was shown, so that it can never be lost. */
export interface SessionPosition extends Position {
  readonly durable: boolean;
}

/** A position that a failover lost. */
export interface LostPosition extends Position {
  /** First seq of its epoch that was cut off, which the session may have seen too; absent: its own. */
  readonly from?: number;
}

interface Asked {
  /** Region that the edge placed the client in: the edge counts as part of it. */
  readonly from: RegionIndex;
  /** Instant (ms since 1970, the edge's clock translated by the shell into the replica's) after which nobody waits any more and a write is refused. */
  readonly deadlineAt: number;
  /** A region that led the log in question as far as the edge knew, and did not answer: the replica looks for itself. */
  readonly suspects?: RegionIndex;
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
  readonly claim?: Position;
  /** Set when following an ASK: what the log of an earlier home holds is asked for. */
  readonly asking?: boolean;
}

/** Code that does not know the kind of a command refuses it as `not-ready`. */
export type Command = ItemCommand | Transaction | Import | Settlement;

/**
 * Of a lost write, under the place that it had: its ops are run again, on what is there now, all or nothing; or it is given up.
 * Repeated it is answered like the first time.
 */
export interface Settlement {
  readonly kind: "settle";
  readonly lost: Position;
  readonly action: "replay" | "discard";
}

/** What becomes of one item. */
export type ItemCommand =
  | {
      readonly kind: "put";
      readonly key: string;
      readonly value: Uint8Array;
      readonly contentType: string;
      readonly expiresInS?: number;
    }
  | { readonly kind: "delete"; readonly key: string }
  /** A JSON merge patch (RFC 7396), as bytes of its text. */
  | { readonly kind: "merge"; readonly key: string; readonly patch: Uint8Array }
  /** To a counter; a decimal integer of 64 bits, signed. */
  | { readonly kind: "add"; readonly key: string; readonly by: string };

/** All of it or nothing, in one entry. No two checks and no two writes name the same key. */
export interface Transaction {
  readonly kind: "transaction";
  readonly checks: readonly ItemVersion[];
  readonly writes: readonly ItemCommand[];
}

/** `version`: null where there is no item. */
export interface ItemVersion {
  readonly key: string;
  readonly version: Position | null;
}

/** Lines of an export, each key once; each is decided for itself, and what is written is one entry. */
export interface Import {
  readonly kind: "import";
  readonly items: readonly ImportItem[];
}

/** A line of an export. */
export interface ImportItem {
  readonly key: string;
  /** As the export has it, or empty: opaque. */
  readonly version: string;
  /** The same, where it is a version of this deployment. */
  readonly stands?: Position;
  readonly contentType: string;
  readonly value: Uint8Array;
  /** Instant in ms since 1970; 0 for never. */
  readonly expiresAt: number;
}

/** `unchanged`: imported before, or there under the very version. `expired`: over by the leader's clock; not written. */
export type ImportResult = "imported" | "unchanged" | "expired";

/** Entity tags as versions ("origin.epoch.seq" parsed; a tag of ours that names no version of ours matches nothing), or any. */
export interface Conditions {
  readonly ifMatch?: "any" | readonly Position[];
  readonly ifNoneMatch?: "any" | readonly Position[];
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
  readonly claim?: Position;
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

/** Where a reader of a user's changes stands: it has been told of everything up to here. A committed place, good everywhere. */
export interface FeedPlace extends Position {
  /** Of the user's home: which log it is in. */
  readonly version: number;
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
  readonly claim?: Position;
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

/** `behind`: the erasure is not known here. `uncleaned`: done, but for the unused space of a large database. */
export type ErasureState = "behind" | "erasing" | "done" | "uncleaned";

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

/** What every answer about data can say of itself. */
export interface Facts {
  readonly servedBy: RegionIndex;
  readonly home: RegionIndex;
  readonly homeVersion: number;
  /** Who leads the home log as far as this replica knows. */
  readonly leader: RegionIndex;
  readonly epoch: number;
  /** Last entry of the home log that this replica had applied; e and s are 0 when none. */
  readonly position: Position;
  /** Upper bound on the age of the answer; null: unknown. 0 from a leader. */
  readonly stalenessMs: number | null;
  /** Positions that the answer showed: they go into the token. */
  readonly shown: readonly SessionPosition[];
  /** Positions in other partitions that what was shown depends on: they go into the token. */
  readonly shownOthers: readonly CrossPosition[];
  /** Latest expiry instant that the answer let pass; 0 for none. */
  readonly seenAt: number;
  readonly waitedMs: number;
  /** What is left of the lease; null where this replica does not lead. */
  readonly leaseLeftMs: number | null;
  /** Why this replica could answer: "leader", "covered", "fresh", "at-hand", "stale", "feed". */
  readonly why: string;
}

export interface ItemView {
  readonly key: string;
  readonly version: Position;
  readonly contentType: string;
  readonly size: number;
  readonly expiresAt: number;
  readonly value?: Uint8Array;
}

/** What became of one read of several. */
export type ReadOutcome =
  | {
      readonly kind: "item";
      readonly item: ItemView | null;
      readonly home: RegionIndex;
      readonly version: number;
    }
  /** The leader of that log has to be asked, once it has the entry that made it the home. */
  | {
      readonly kind: "moved";
      readonly home: RegionIndex;
      readonly version: number;
      readonly claim: Position;
    }
  /** This replica does not know the user. */
  | { readonly kind: "unknown-user" }
  /** Nobody does, for certain. */
  | { readonly kind: "no-user" };

/** What an answer about several users can say of itself. */
export interface ManyFacts {
  readonly servedBy: RegionIndex;
  /** The greatest of the logs that it shows; null: unknown for some of them. */
  readonly stalenessMs: number | null;
  readonly shown: readonly SessionPosition[];
  readonly shownOthers: readonly CrossPosition[];
  readonly seenAt: number;
  readonly waitedMs: number;
  readonly leaseLeftMs: number | null;
  readonly why: string;
  /** How far every log of the partition was applied when the answer was worked out. */
  readonly reach: readonly LogReach[];
  /** Logs in which a later state of what it shows could stand. */
  readonly homes: readonly RegionIndex[];
  /** Of the needs, those that a failover lost. */
  readonly lostNeeds: readonly Position[];
}

export interface Receipt {
  readonly user: string;
  readonly key?: string;
  readonly version: Position;
  readonly position: Position;
  readonly leader: RegionIndex;
  readonly concern: Concern;
  readonly durableIn: readonly RegionIndex[];
  readonly committed: boolean;
  /** ms since 1970. */
  readonly at: number;
}

/** A write that a failover cut off. */
export interface LostWriteView {
  /** Where it stood: its name. */
  readonly place: Position;
  /** When it was written, ms since 1970. */
  readonly at: number;
  readonly state: "open" | "replayed" | "discarded";
  /** The entry that did so. */
  readonly by?: Position;
  /** The epoch that took its place; who had it and cut it off, and when by its clock. */
  readonly supersededBy: number;
  readonly cutIn: RegionIndex;
  readonly cutAt: number;
  readonly ops: readonly LostOpView[];
}

export interface LostOpView {
  readonly op: ChangeKind;
  readonly key: string;
  /** What it left; absent of a delete. */
  readonly after?: ItemImage;
  /** The patch of a merge, the decimal text of an add. */
  readonly command?: Uint8Array;
  /** What it found, where it was cut off; null: not known. */
  readonly base: ItemBefore | null;
  /** What is there now. */
  readonly current: ItemView | null;
}

/** What one write of a transaction came to. */
export interface WriteResult {
  readonly version: Position;
  /** Of a merge and an add: the item's new value. Absent in a replay when the log no longer holds the entry. */
  readonly value?: Uint8Array;
}

export type ClientReply =
  | {
      readonly kind: "written";
      readonly status: number;
      readonly receipt: Receipt;
      readonly facts: Facts;
      readonly replayed: boolean;
      /** Of a transaction: one for each of its writes, in their order. Absent: each has the receipt's version. */
      readonly results?: readonly WriteResult[];
    }
  /** Of the first items of an import, as many as were looked at; no receipt where nothing was written. */
  | {
      readonly kind: "imported";
      readonly results: readonly ImportResult[];
      readonly receipt?: Receipt;
      readonly facts: Facts;
    }
  /** Durable at the leader, the concern not met in time: 504 write-concern-timeout. */
  | {
      readonly kind: "concern-timeout";
      readonly status: number;
      readonly receipt: Receipt;
      readonly facts: Facts;
    }
  | {
      readonly kind: "item";
      readonly item: ItemView | null;
      readonly facts: Facts;
      readonly lost?: readonly LostPosition[];
    }
  | {
      readonly kind: "list";
      readonly items: readonly ItemView[];
      /** Key to continue after; absent on the last page. */ readonly next?: string;
      readonly facts: Facts;
      readonly lost?: readonly LostPosition[];
    }
  /** `bytes`: of all values shown; where they are more than was asked for, no item carries its value. */
  | {
      readonly kind: "items";
      readonly items: readonly ReadOutcome[];
      readonly bytes: number;
      readonly many: ManyFacts;
      readonly lost?: readonly LostPosition[];
    }
  /** The token covers positions that a failover lost, and nothing is answered. */
  | { readonly kind: "items-lost"; readonly servedBy: RegionIndex; readonly lost: readonly LostPosition[] }
  | {
      readonly kind: "divergent";
      readonly entries: readonly LostWriteView[];
      /** Place to continue behind; absent on the last page. */
      readonly next?: Position;
      readonly facts: Facts;
      readonly lost?: readonly LostPosition[];
    }
  | {
      readonly kind: "receipt";
      readonly receipt: Receipt;
      readonly state: "pending" | "committed" | "lost";
      /** Of a lost one: the lost write that stands for it. Absent from code of before there were any. */
      readonly divergent?: Position;
      readonly met: boolean;
      readonly facts: Facts;
    }
  | {
      readonly kind: "changes";
      readonly changes: readonly Change[];
      readonly cursor: FeedPlace;
      readonly facts: Facts;
      readonly lost?: readonly LostPosition[];
    }
  /** Logged by a leader that was deposed before it could acknowledge: 504 outcome-unknown. */
  | { readonly kind: "outcome-unknown" }
  | {
      readonly kind: "home";
      readonly home: RegionIndex;
      readonly version: number;
      readonly leader: RegionIndex;
      readonly epoch: number;
      /** The entry that made it the home. */ readonly position: Position;
    }
  /** A majority holds it: it will be done everywhere. */
  | { readonly kind: "erasing"; readonly position: Position; readonly at: number }
  /** `doneAt`: ms since 1970, once it is done here. */
  | { readonly kind: "erasure"; readonly state: ErasureState; readonly doneAt?: number }
  | { readonly kind: "status"; readonly status: ReplicaStatus }
  /** The log is led by the region asked for, under the epoch of `position`, its OPEN. */
  | {
      readonly kind: "handed-off";
      readonly position: Position;
      /** For so long nobody could acknowledge; 0 where it led already. */
      readonly unavailableMs: number;
    }
  | { readonly kind: "not-handed-off"; readonly why: NotHandedOff }
  | SinkReply
  | Redirect
  | Refusal;

/**
 * The region asked for does not answer; could not lead now; did not catch up in time; was told to lead and did not, so that the
 * leader before goes on; another epoch began meanwhile; or the time was over first.
 */
export type NotHandedOff = "silent" | "not-ready" | "behind" | "taken-back" | "superseded" | "unfinished";

export interface SinkReply {
  readonly kind: "sink";
  /** `gone`: the log begins after the position, as `logs` says. `no-position`: none of its committed ones. */
  readonly outcome: "done" | "unknown-sink" | "not-leader" | "gone" | "no-position";
  /** From where the sink goes on. */
  readonly logs: readonly { readonly origin: RegionIndex; readonly position: Position }[];
}

/**
 * The edge has to go elsewhere. Nothing was done, unless it is said to be `logged`: then whoever leads next has it in the log, and
 * answers for it by its idempotency key.
 */
export type Redirect =
  | {
      readonly kind: "moved";
      readonly home: RegionIndex;
      readonly version: number;
      /** Who leads that home's log as far as is known; absent: the home itself. */ readonly leader?: RegionIndex;
      /** Under which epoch; 0 or absent: unknown. */ readonly epoch?: number;
      readonly logged?: boolean;
      /** The entry that made it the home: who is sent there brings it along. */ readonly claim?: Position;
    }
  /** The leader of the log of an earlier home knows; asked there with `asking`. */
  | { readonly kind: "ask"; readonly to: RegionIndex }
  /** `leader`: who leads as far as is known. */
  | {
      readonly kind: "not-leader";
      readonly leader: RegionIndex | null;
      /** Under which epoch; 0 or absent: unknown. */ readonly epoch?: number;
      readonly logged?: boolean;
    }
  /** This replica does not know the user; only the anchor's leader can say that there is none. */
  | { readonly kind: "unknown-user" }
  /** The token is not covered here within the wait. */
  | {
      readonly kind: "behind";
      readonly waitedMs: number;
      readonly needed: Position;
      readonly found: Position;
    };

/** The world's errors. All are definite: nothing was logged. */
export type Refusal =
  | { readonly kind: "refused"; readonly reason: "not-found"; readonly facts: Facts }
  | {
      readonly kind: "refused";
      readonly reason: "precondition-failed";
      readonly current: Position | null;
      readonly facts: Facts;
    }
  | {
      readonly kind: "refused";
      readonly reason: "check-failed";
      /** The keys that did not match, with their present versions. */
      readonly failed: readonly ItemVersion[];
      readonly facts: Facts;
    }
  /** What is stored under the key is no JSON that could be merged; is no counter; would leave 64 bits. */
  | {
      readonly kind: "refused";
      readonly reason: "not-json" | "not-a-counter" | "counter-overflow";
      readonly key: string;
      readonly facts: Facts;
    }
  /** The value that would result; of a transaction their sum, or the sum of what it would replace. */
  | {
      readonly kind: "refused";
      readonly reason: "too-large";
      readonly what: "value" | "values" | "replaced";
      readonly facts: Facts;
    }
  /** No edge of ours sends it: a patch that is no JSON, a key named twice. */
  | { readonly kind: "refused"; readonly reason: "invalid-command" }
  | { readonly kind: "refused"; readonly reason: "idempotency-key-reused" }
  /** No lost write of the user has this name. */
  | { readonly kind: "refused"; readonly reason: "no-divergent"; readonly facts: Facts }
  /** It was settled otherwise. */
  | {
      readonly kind: "refused";
      readonly reason: "settled";
      readonly state: "replayed" | "discarded";
      readonly by: Position | null;
      readonly facts: Facts;
    }
  | {
      readonly kind: "refused";
      readonly reason: "session-lost";
      readonly lost: readonly LostPosition[];
      readonly facts: Facts;
    }
  /** The log no longer reaches back to the cursor. Listing what is there, and then following from the new one, misses nothing. */
  | {
      readonly kind: "refused";
      readonly reason: "cursor-expired";
      readonly cursor: FeedPlace;
      readonly facts: Facts;
    }
  | { readonly kind: "refused"; readonly reason: "rpo-bound"; readonly retryAfterMs: number }
  | { readonly kind: "refused"; readonly reason: "overloaded"; readonly retryAfterMs: number }
  /** One more would be too many for this user. */
  | { readonly kind: "refused"; readonly reason: "too-many-sockets"; readonly retryAfterMs: number }
  | { readonly kind: "refused"; readonly reason: "no-user" }
  | { readonly kind: "refused"; readonly reason: "no-receipt" }
  /**
   * No leadership could be had within the caller's time, or the position of a token could not be judged. `underWay`: a move was
   * begun, and may come to its end yet.
   */
  | { readonly kind: "refused"; readonly reason: "no-leader"; readonly underWay?: true }
  /**
   * The region that a user is to move to does not lead its own log, or cannot be had; the user stays. `soon`: it was not had in
   * the time of this attempt.
   */
  | { readonly kind: "refused"; readonly reason: "not-there"; readonly soon?: true }
  /** No name may move more often. */
  | { readonly kind: "refused"; readonly reason: "moved-too-often" }
  | { readonly kind: "refused"; readonly reason: "read-timeout" }
  /** The replica is restoring a snapshot, or its storage is not what it promised. */
  | { readonly kind: "refused"; readonly reason: "not-ready" };

export interface ReplicaStatus {
  readonly region: RegionIndex;
  readonly partition: number;
  readonly storeId: string;
  readonly incarnation: number;
  readonly restoring: boolean;
  /** It was told that it has lost its memory: it promises, grants and leads nothing (R8). Absent: it was not. */
  readonly hasForgotten?: boolean;
  /** Regions whose replicas have lost their memory, as far as this one has noticed. Absent: none. */
  readonly forgetful?: readonly RegionIndex[];
  readonly logs: readonly LogStatus[];
}

export interface LogStatus {
  readonly origin: RegionIndex;
  readonly leader: RegionIndex;
  readonly epoch: number;
  readonly head: number;
  readonly applied: number;
  readonly committed: number;
  readonly base: number;
  /** Upper bound on how far behind this replica is; null where unknown. 0 at the leader. */
  readonly lagMs: number | null;
  /**
   * leading, following, waiting (deferred acknowledgements), handing-over (given up for another region, which does not lead yet), pre-vote (the leader is missed, the voters are asked), cooldown (the
   * same, too soon after the last takeover), campaigning, parked, restoring.
   */
  readonly state: string;
  /** At the leader of a log that was taken over: how long until it goes back to its own region, if that stays there. Absent: it does not. */
  readonly failbackInMs?: number;
  /** How far the log's sinks are. Missing from code of before sinks: none. */
  readonly sinks?: readonly SinkStatus[];
  /** Of the log that was asked for. Missing from code of before previews: unknown. */
  readonly end?: LogEnd;
  /** At the leader: what each region has acknowledged. */
  readonly peers: readonly { readonly region: RegionIndex; readonly match: number; readonly state: string }[];
}

/** How a log ends at a replica, and what it knows of other ends. */
export interface LogEnd {
  readonly last: Tail;
  readonly base: Tail;
  readonly epochs: EpochTable;
  /** The furthest that anybody spoke of. */
  readonly known: Tail;
  /** At the leader: age of the oldest entry that no majority is known to hold; 0: there is none. Null: it does not lead. */
  readonly exposedMs: number | null;
}

export interface SinkStatus {
  readonly name: string;
  /** Only the leader's word is the present state. */
  readonly leads: boolean;
  readonly delivered: Position;
  readonly state: "idle" | "sending" | "retrying" | "parked" | "lost" | "unknown";
  /** Failures in a row of the batch that comes next. */
  readonly attempts: number;
  readonly error: string;
  /** Until it is tried again; null: not waiting for that. */
  readonly dueInMs: number | null;
}
