/**
 * Cursors: where a client goes on. Opaque to clients; signing is the edge's, since a made-up position makes a replica wait.
 *
 * Of a list: where the next page begins, and what it has to cover: a page is answered by whatever replica is near, and must
 * not be older than the page before. Of a change feed: up to where its reader has been told.
 */
import type { Position } from "../replication/position.ts";
import { positionShape } from "./position-shape.ts";
import { bytes, decode, encode, flag, many, message, one, positive, region, text, u53 } from "./shape.ts";

/** The format that this code writes. */
export const PAGE_CURSOR_VERSION = 1;

export interface PageCursor {
  readonly version: number;
  readonly namespace: string;
  readonly user: string;
  /** The last key of the page before. */
  readonly key: string;
  readonly reverse: boolean;
  readonly floor: readonly Position[];
  /** Expiry instant that the page before let pass, ms since 1970; 0 for none. */
  readonly seenAt: number;
  /** Digest of the list's prefix, start and end; empty in cursors of before it was written down. */
  readonly range: Uint8Array;
}

const pageCursorShape = message<PageCursor>("PageCursor", {
  namespace: one(1, text),
  user: one(2, text),
  key: one(3, text),
  reverse: one(4, flag),
  floor: many(5, positionShape),
  seenAt: one(6, u53),
  range: one(7, bytes),
  version: one(2047, positive),
});

export function encodePageCursor(cursor: PageCursor): Uint8Array<ArrayBuffer> {
  return encode(pageCursorShape, cursor);
}

/** Throws UndecodableError. */
export function decodePageCursor(source: Uint8Array): PageCursor {
  return decode(pageCursorShape, source);
}

/** The format that this code writes. */
export const FEED_CURSOR_VERSION = 1;

export interface FeedCursor extends Position {
  readonly version: number;
  readonly namespace: string;
  readonly user: string;
  /** Of the user's home, under which the place is in its log. */
  readonly homeVersion: number;
}

const feedCursorShape = message<FeedCursor>("FeedCursor", {
  namespace: one(1, text),
  user: one(2, text),
  homeVersion: one(3, u53),
  o: one(4, region),
  e: one(5, u53),
  s: one(6, u53),
  version: one(2047, positive),
});

export function encodeFeedCursor(cursor: FeedCursor): Uint8Array<ArrayBuffer> {
  return encode(feedCursorShape, cursor);
}

/** Throws UndecodableError. */
export function decodeFeedCursor(source: Uint8Array): FeedCursor {
  return decode(feedCursorShape, source);
}
