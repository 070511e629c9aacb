/** Why a replica did not do what was asked of it. */
import type { ItemVersion } from "./command.ts";
import type { Position } from "./position.ts";
import type { Facts, FeedPlace } from "./reply-part.ts";
import type { LostPosition } from "./session-part.ts";

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
