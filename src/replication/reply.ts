/** What a replica answers the edge: it was done, or the edge has to go elsewhere, or it is refused (refusal.ts). */
import type { Change } from "./change.ts";
import type { ImportResult } from "./command.ts";
import type { Position, RegionIndex } from "./position.ts";
import type { Refusal } from "./refusal.ts";
import type { ReplicaStatus } from "./replica-status.ts";
import type {
  Facts,
  FeedPlace,
  ItemView,
  LostWriteView,
  ManyFacts,
  ReadOutcome,
  Receipt,
  WriteResult,
} from "./reply-part.ts";
import type { LostPosition } from "./session-part.ts";

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

/** `behind`: the erasure is not known here. `uncleaned`: done, but for the unused space of a large database. */
export type ErasureState = "behind" | "erasing" | "done" | "uncleaned";

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
