/**
 * The boundary of the core: what can happen to a replica, and what it wants done.
 *
 * `Replica.step(event, now)` runs in one synchronous turn, inside one storage transaction, and returns effects. Duties
 * of the host, in this order:
 *
 *  1. Commit the transaction. When it throws, throw the replica away and start anew from storage: what is in its memory
 *     may not match, and nothing of this turn was said to anybody.
 *  2. `alarm`: set the durable alarm in the same transaction where the platform allows it, else before anything is sent.
 *     One that rings earlier stays: whoever wants the later one asks again then.
 *  3. Send `reply`, `respond`, `feed`, `call`, `enqueue` and `batch-done` in the order they stand, none of them before what the
 *     turn wrote is durable (on Durable Objects the output gate sees to it). A `call` that ends comes back as one
 *     `answer` or one `failed`, an `enqueue` as one `enqueued`.
 *  4. `sync`: wait until everything written so far is confirmed to be durable, then step `synced` with the same number.
 *     It is what makes a lease worth checking: the clock has moved on while the storage confirmed.
 *  5. `deliver`: hand the batch to the sink, and step `delivered` with the same number once, at the latest after
 *     `timeoutMs`. What was not surely taken was not taken: it is delivered again.
 *  6. `attention`: remember, outside, that a visit of this replica is worth its while; nothing depends on it.
 *  7. `wake`: step `wake` at that instant, or soon after. Only the latest one counts. It is volatile: a restart forgets
 *     it, and nothing durable depends on it.
 *
 * Calls are sent to the region's replica of the same partition. The host gives up on a call after `timeoutMs`.
 */
import type { Change } from "./change.ts";
import type { Batch, BatchVerdict, PeerReply, PeerRequest } from "./message.ts";
import type { ClientReply, ClientRequest, FeedPlace } from "./request.ts";
import type { Position, RegionIndex } from "./position.ts";

export type Event =
  /** First event of every instance. */
  | { readonly type: "start" }
  | { readonly type: "peer"; readonly id: number; readonly from: RegionIndex; readonly message: PeerRequest }
  | {
      readonly type: "answer";
      readonly call: number;
      readonly from: RegionIndex;
      readonly message: PeerReply;
    }
  | {
      readonly type: "failed";
      readonly call: number;
      readonly from: RegionIndex;
      readonly reason: CallFailure;
    }
  /** Messages of one queue delivery for this replica. `null`: did not decode. */
  | { readonly type: "batch"; readonly id: number; readonly messages: readonly (Batch | null)[] }
  | { readonly type: "enqueued"; readonly call: number; readonly ok: boolean }
  | { readonly type: "client"; readonly id: number; readonly request: ClientRequest }
  /** Somebody stays to be told of a user's changes; the host names them, keeps them over restarts, and says it anew. */
  | { readonly type: "subscribe"; readonly id: number; readonly subscription: Subscription }
  | { readonly type: "unsubscribe"; readonly id: number }
  | { readonly type: "synced"; readonly sync: number }
  | { readonly type: "delivered"; readonly call: number; readonly end: DeliveryEnd }
  | { readonly type: "alarm" }
  | { readonly type: "wake" }
  /** Somebody looks after what this replica has said needs attention: retry schedules that have ended begin again. */
  | { readonly type: "visit" };

/** Somebody who stays to be told of a user's changes. */
export interface Subscription {
  readonly user: string;
  readonly after: FeedPlace;
  readonly values: boolean;
}

/** `timeout`: may have arrived. `refused`: did not reach the replica, or it failed. `overloaded`: alive but busy; never evidence of failure. */
export type CallFailure = "timeout" | "refused" | "overloaded";

/** What became of a batch for a sink. */
export type DeliveryEnd =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** For people; nothing that the receiver said about a user. */
      readonly error: string;
      /** The receiver's wish. */
      readonly retryAfterMs?: number;
      /** The receiver wants no more. */
      readonly park?: boolean;
    };

export type Effect =
  | { readonly type: "alarm"; readonly at: number }
  | { readonly type: "reply"; readonly id: number; readonly message: PeerReply }
  | { readonly type: "respond"; readonly id: number; readonly reply: ClientReply }
  | {
      readonly type: "call";
      readonly call: number;
      readonly to: RegionIndex;
      readonly message: PeerRequest;
      readonly timeoutMs: number;
    }
  | {
      readonly type: "enqueue";
      readonly call: number;
      readonly to: RegionIndex;
      readonly messages: readonly Batch[];
    }
  | {
      readonly type: "batch-done";
      readonly id: number;
      readonly verdicts: readonly BatchVerdict[];
      /** What the queue consumer tells each log's leader. */
      readonly progress: readonly { readonly to: RegionIndex; readonly message: PeerRequest }[];
    }
  /** For a subscriber: what is new, perhaps only a new cursor. The next one begins after this cursor. */
  | {
      readonly type: "feed";
      readonly id: number;
      readonly changes: readonly Change[];
      readonly cursor: FeedPlace;
    }
  /** The log no longer reaches back to where the subscriber stands: it is no longer one. */
  | { readonly type: "feed-end"; readonly id: number }
  | { readonly type: "sync"; readonly sync: number }
  | {
      readonly type: "deliver";
      readonly call: number;
      readonly sink: string;
      readonly batch: SinkBatch;
      readonly timeoutMs: number;
    }
  | { readonly type: "wake"; readonly at: number }
  /** A retry schedule has ended and somebody still lacks something: a `visit`, should there be one, finds work here. */
  | { readonly type: "attention" };

/** Consecutive changes of one log that are a sink's business; never a part of an entry, never none. */
export interface SinkBatch {
  readonly round: number;
  /** The place that it follows, and its end: between them nothing else is the sink's business. */
  readonly after: number;
  readonly through: Position;
  readonly changes: readonly Change[];
}
