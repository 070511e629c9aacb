/** The problems that operations of a kind have in common. */
import type { ProblemName } from "../problem.ts";

export const ASKING: readonly ProblemName[] = [
  "invalid-request",
  "unauthenticated",
  "forbidden",
  "not-found",
  "overloaded",
  "internal",
];
export const READING: readonly ProblemName[] = [
  ...ASKING,
  "invalid-session",
  "session-lost",
  "no-leader",
  "region-unavailable",
  "read-timeout",
];
export const WRITING: readonly ProblemName[] = [
  ...ASKING,
  "invalid-session",
  "session-lost",
  "precondition-failed",
  "idempotency-key-reused",
  "rpo-bound",
  "no-leader",
  "region-unavailable",
  "write-concern-timeout",
  "outcome-unknown",
];
