/**
 * The body of a ticket: it stands in for a bearer token where a client can send no headers, for one opening of one user's feed.
 * Signing it is the edge's; that it is used only once is seen to by one object, which it names.
 */
import type { RegionIndex } from "../replication/position.ts";
import { decode, encode, message, one, positive, region, text, u53, words } from "./shape.ts";

/** The format that this code writes. */
export const TICKET_VERSION = 1;

export interface Ticket {
  readonly version: number;
  readonly namespace: string;
  readonly user: string;
  /** What it opens. */
  readonly opens: "changes" | "live";
  /** Whose replica of the user's partition redeems it. */
  readonly region: RegionIndex;
  /** ms since 1970. */
  readonly expiresAt: number;
  /** Tells it from every other one. */
  readonly nonce: string;
}

const ticketShape = message<Ticket>("Ticket", {
  namespace: one(1, text),
  user: one(2, text),
  opens: one(3, words({ changes: 1, live: 2 })),
  region: one(4, region),
  expiresAt: one(5, u53),
  nonce: one(6, text),
  version: one(2047, positive),
});

export function encodeTicket(ticket: Ticket): Uint8Array<ArrayBuffer> {
  return encode(ticketShape, ticket);
}

/** Throws UndecodableError. */
export function decodeTicket(source: Uint8Array): Ticket {
  return decode(ticketShape, source);
}
