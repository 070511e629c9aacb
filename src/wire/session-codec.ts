/**
 * The body of a session token as bytes. Signing it, and naming the key, is the edge's.
 *
 * A client hands its token to whatever code answers, newer or older, and gets back one that covers both what it had seen and
 * what it was shown. So older code must not drop what newer code had put in: fields that are not known here are kept with
 * the object that they came in, and written again.
 */
import type { CrossPosition } from "../replication/position.ts";
import type { WithUnknown } from "./shape.ts";
import { decode, encode, flag, keeping, many, one, positive, region, text, u32, u53 } from "./shape.ts";

/** The format that this code writes. */
export const SESSION_TOKEN_VERSION = 1;

export interface SessionToken extends WithUnknown {
  readonly version: number;
  readonly namespace: string;
  /** Version of the map from slots to partitions by which the positions name theirs. */
  readonly mapVersion: number;
  readonly positions: readonly SeenPosition[];
  /** Latest expiry instant that the session has seen pass, ms since 1970; 0 for none. */
  readonly seenAt: number;
  /** ms since 1970. */
  readonly issuedAt: number;
}

export interface SeenPosition extends CrossPosition, WithUnknown {
  /** It was committed when it was shown, so that it can never be lost. */
  readonly durable: boolean;
}

const seenPositionShape = keeping<SeenPosition>("SeenPosition", {
  p: one(1, u32),
  o: one(2, region),
  e: one(3, u53),
  s: one(4, u53),
  durable: one(5, flag),
});

const sessionTokenShape = keeping<SessionToken>("SessionToken", {
  namespace: one(1, text),
  mapVersion: one(2, u32),
  positions: many(3, seenPositionShape),
  seenAt: one(4, u53),
  issuedAt: one(5, u53),
  version: one(2047, positive),
});

export function encodeSessionToken(token: SessionToken): Uint8Array<ArrayBuffer> {
  return encode(sessionTokenShape, token);
}

/** Throws UndecodableError. */
export function decodeSessionToken(source: Uint8Array): SessionToken {
  return decode(sessionTokenShape, source);
}
