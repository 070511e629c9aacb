/** One attempt of a write where its user's log is led, and what it has come to by now. */
import type { Settled } from "./anchor.ts";
import type { Leadership } from "./leader.ts";
import type { Position } from "./position.ts";
import type { ClientReply, ImportResult, WriteRequest } from "./request.ts";
import type { OwnerRow } from "./state-row.ts";

export interface Attempt {
  readonly request: WriteRequest;
  /** The user, as they are known here now. */
  readonly owner: OwnerRow;
  /** Of the log that answers: of the user's home, or of an earlier one that is asked for what it holds. */
  readonly leadership: Leadership;
  readonly startedAt: number;
}

export type Outcome =
  | { readonly kind: "wait" }
  | { readonly kind: "reply"; readonly reply: ClientReply }
  | { readonly kind: "refused"; readonly settled: Settled<ClientReply> }
  | Logged;

export interface Logged {
  readonly kind: "logged";
  readonly leadership: Leadership;
  readonly position: Position;
  readonly status: number;
  readonly at: number;
  readonly settled: Settled<ClientReply>;
}

/** A write that is in a log, by this attempt or by an earlier one. */
export interface LoggedWrite {
  readonly position: Position;
  readonly status: number;
  readonly at: number;
  /** What its writer had seen in other logs. */
  readonly deps: readonly Position[];
  readonly replayed: boolean;
  /** Of an import. */
  readonly results?: readonly ImportResult[];
}

export const WAIT: Outcome = { kind: "wait" };

export function reply(answer: ClientReply): Outcome {
  return { kind: "reply", reply: answer };
}
