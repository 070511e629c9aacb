/**
 * One operation of a client: what it asked, when, and what it was told.
 *
 * The whole art is in the outcome. `ok` and `failed` are facts; `unknown` is the honest word for a write whose answer never
 * came: it may have taken effect, may do so later, or never will. A refused precondition is not a failure but an answer
 * (`ok` with applied: false), because it tells something about the state.
 */
import type { Version } from "./version.ts";

export type Json = string | number | boolean | null | readonly Json[] | { readonly [member: string]: Json };

export type OperationKind =
  | "read"
  | "write"
  /** A write with a condition: `expected` holds it. */
  | "cas"
  | "delete"
  | "list"
  /** Several items, perhaps of several users, in one answer. */
  | "read-many"
  | "add"
  | "append"
  /** All or nothing: `checks` and `writes`. A transfer is one. */
  | "transaction";

export type Level = "user" | "strong" | "bounded" | "session" | "prefix" | "eventual";
export type Concern = "local" | "one" | "majority" | "all";
export type ReadConcern = "latest" | "committed";
/** ok: answered. failed: definitely not done. unknown: maybe done. */
export type Outcome = "ok" | "failed" | "unknown";

/** An item that an answer showed, or (version null) showed to be absent. */
export interface ShownItem {
  /** The operation's user when missing. */
  readonly user?: string | undefined;
  readonly key: string;
  readonly version?: Version | undefined;
  readonly value?: Json | undefined;
}

/** One write of a transaction. */
export interface ItemWrite {
  readonly op: "write" | "delete" | "add" | "append" | "merge";
  readonly key: string;
  /** Of a merge: the name of the one member that it sets, which no other merge of the item sets. */
  readonly value?: Json | undefined;
}

/** What a client asks. */
export interface Invocation {
  /** A client that does one thing at a time. After an unknown outcome it goes on under a new number. */
  readonly process: number;
  readonly op: OperationKind;
  readonly user: string;
  readonly key?: string | undefined;
  /** What is written; for an add by how much, for an append which element. */
  readonly value?: Json | undefined;
  /** Of a list: keys that begin with this are asked for, all of them in one answer. */
  readonly prefix?: string | undefined;
  /** The condition of a cas or delete: a version, null (must be absent), "*" (must be there). */
  readonly expected?: Version | undefined;
  readonly writes?: readonly ItemWrite[] | undefined;
  readonly checks?: readonly { readonly key: string; readonly version: Version }[] | undefined;
  readonly level?: Level | undefined;
  readonly readConcern?: ReadConcern | undefined;
  readonly concern?: Concern | undefined;
  /** Region in which the client was placed. */
  readonly region?: string | undefined;
  /**
   * The chain of tokens this operation belongs to: it carries the token of the chain's last answer, and its own answer's
   * token is the next link. Tokens are opaque and cannot be joined, so operations of one session do not overlap.
   */
  readonly session?: string | undefined;
  /** Whether the request carried the chain's token. Default: it did, when there is a session. Without, it starts anew. */
  readonly token?: boolean | undefined;
  readonly idempotencyKey?: string | undefined;
  /** The caller, where it is not the user: idempotency keys are scoped by it. */
  readonly principal?: string | undefined;
}

/** What a client was told. */
export interface Answer {
  /** What was read, or what an add or append came to. */
  readonly value?: Json | undefined;
  /** The version shown, or the one that the write got. null: absent. undefined: not told. */
  readonly version?: Version | undefined;
  readonly items?: readonly ShownItem[] | undefined;
  /** Ithaca-Position: how far the answering replica had applied the home log. */
  readonly position?: string | undefined;
  readonly servedBy?: string | undefined;
  /** false: a condition was refused, or a delete found nothing; nothing was logged. */
  readonly applied?: boolean | undefined;
  /** The receipt said that a majority holds the write. */
  readonly committed?: boolean | undefined;
  /** false: served stale by request, no promise holds (`Ithaca-Anchored: no`). */
  readonly anchored?: boolean | undefined;
  /** Positions, or ranges of them, that the answer reported lost to this session. Failures may report too. */
  readonly lostReported?: readonly string[] | undefined;
  /** The region that led the user's log, by the answer's own word. */
  readonly leader?: string | undefined;
  /** Of a refusal: the name of the problem. "unanswered": nothing came back. */
  readonly problem?: string | undefined;
}

export interface Operation extends Omit<Invocation, "value">, Omit<Answer, "value"> {
  /** Place among the invocations of the history. */
  readonly id: number;
  readonly valueWritten?: Json | undefined;
  readonly valueRead?: Json | undefined;
  /** Wall or simulated time, one unit per history; for people to read. Order is judged by the two places below. */
  readonly start: number;
  readonly end: number;
  readonly outcome: Outcome;
  /** Places in the one record of events, which break the ties of a coarse clock. Infinity: never completed. */
  readonly invokedAt: number;
  readonly completedAt: number;
}

/** Real-time precedence: a was over before b began. */
export function before(a: Operation, b: Operation): boolean {
  return a.completedAt < b.invokedAt;
}

export function carriesToken(op: Operation): boolean {
  return op.session !== undefined && op.token !== false;
}

/** JSON with sorted members, so that equal values are equal strings. */
export function canonical(value: Json | undefined): string {
  if (value === undefined) return "";
  return JSON.stringify(value, (_member, inner: unknown) => {
    if (inner === null || typeof inner !== "object" || Array.isArray(inner)) return inner;
    return Object.fromEntries(Object.entries(inner).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
