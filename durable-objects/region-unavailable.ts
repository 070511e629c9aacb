/**
 * A replica did not answer, and what that says about the call.
 *
 * Every failure of the platform is one of three: the call took too long, the object was busy, or something broke. `sent`
 * is the question that matters to a writer: false only where the call surely was not carried out. The platform tells
 * little about that, so false has to be earned.
 */

export type UnavailableReason = "timeout" | "refused" | "overloaded";

export class RegionUnavailable extends Error {
  readonly reason: UnavailableReason;
  /** False: surely not delivered. */
  readonly sent: boolean;

  constructor(reason: UnavailableReason, sent: boolean, cause?: unknown) {
    super(`the region did not answer: ${reason}`, { cause });
    this.name = "RegionUnavailable";
    this.reason = reason;
    this.sent = sent;
  }
}

/** What the platform notes on the errors of a stub. */
interface StubError {
  readonly overloaded?: boolean;
  readonly durableObjectReset?: boolean;
}

export function unavailableBecause(error: unknown): RegionUnavailable {
  if (error instanceof RegionUnavailable) return error;
  const { overloaded = false, durableObjectReset = false } = (error ?? {}) as StubError;
  // An overloaded object turned the call away at its door, unless it was reset because its storage was slow.
  if (overloaded) return new RegionUnavailable("overloaded", durableObjectReset, error);
  // Lost connections, resets and errors thrown by the object all leave open whether it had begun.
  return new RegionUnavailable("refused", true, error);
}
