/**
 * Two implementations of one schema, the tables of src/wire and the code that protoc generates, write the same bytes and
 * read the same values. A property at a wrong field number would pass every round trip; it does not pass this.
 */
import type { DescMessage } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeBatch, encodeBatch } from "../../src/wire/batch-codec.ts";
import {
  decodeFeedCursor,
  decodePageCursor,
  encodeFeedCursor,
  encodePageCursor,
} from "../../src/wire/cursor-codec.ts";
import { decodeTicket, encodeTicket } from "../../src/wire/ticket-codec.ts";
import { entryCodec } from "../../src/wire/entry-codec.ts";
import { envelopeOf } from "../../src/wire/envelope.ts";
import {
  BatchSchema,
  CrossPositionsSchema,
  EntrySchema,
  EnvelopeSchema,
  FeedCursorSchema,
  PageCursorSchema,
  PeerReplySchema,
  PeerRequestSchema,
  SessionTokenSchema,
  TicketSchema,
} from "../../src/wire/gen/ithaca_pb.ts";
import {
  decodePeerReply,
  decodePeerRequest,
  encodePeerReply,
  encodePeerRequest,
} from "../../src/wire/peer-codec.ts";
import { decodeSessionToken, encodeSessionToken } from "../../src/wire/session-codec.ts";
import { decodeXdeps, encodeXdeps } from "../../src/wire/xdeps-codec.ts";
import {
  batch,
  crossPosition,
  entry,
  envelope,
  feedCursor,
  pageCursor,
  replies,
  requests,
  sessionToken,
  ticket,
} from "./arbitraries.ts";
import {
  caseInSchemaWords,
  hex,
  inSchemaWords,
  plain,
  readByReference,
  rewrittenByReference,
} from "./reference.ts";

const ENVELOPE_NAMES = { from: "fromRegion", to: "toRegion" };

function expectAgreement(schema: DescMessage, bytes: Uint8Array, value: unknown): void {
  expect(plain(readByReference(schema, bytes))).toEqual(value);
  expect(hex(rewrittenByReference(schema, bytes))).toBe(hex(bytes));
}

/** The envelope agrees; returns what is in it. */
function payloadOf(bytes: Uint8Array, name: "request" | "reply" | "batch", envelope: object): Uint8Array {
  const { payload } = readByReference(EnvelopeSchema, bytes);
  if (payload.case !== name) throw new Error(`payload ${payload.case}`);
  expectAgreement(EnvelopeSchema, bytes, {
    ...(inSchemaWords(envelope, ENVELOPE_NAMES) as object),
    payload: { case: name, value: { bytes: hex(payload.value) } },
  });
  return payload.value;
}

describe("both implementations agree on", () => {
  test("entries", () => {
    fc.assert(
      fc.property(entry, (value) => {
        const bytes = entryCodec.encode(value);
        expectAgreement(EntrySchema, bytes, inSchemaWords(value));
        expect(entryCodec.decode(bytes)).toEqual(value);
      }),
    );
  });

  test.each(Object.entries(requests))("%s", (_, arbitrary) => {
    fc.assert(
      fc.property(envelope, arbitrary, (address, message) => {
        const bytes = encodePeerRequest(address, message);
        expectAgreement(PeerRequestSchema, payloadOf(bytes, "request", address), caseInSchemaWords(message));
        expect(decodePeerRequest(bytes)).toEqual({ envelope: address, message });
        expect(envelopeOf(bytes)).toEqual(address);
      }),
      { numRuns: 60 },
    );
  });

  test.each(Object.entries(replies))("%s", (_, arbitrary) => {
    fc.assert(
      fc.property(envelope, arbitrary, (address, message) => {
        const bytes = encodePeerReply(address, message);
        expectAgreement(PeerReplySchema, payloadOf(bytes, "reply", address), caseInSchemaWords(message));
        expect(decodePeerReply(bytes)).toEqual({ envelope: address, message });
      }),
      { numRuns: 60 },
    );
  });

  test("batches", () => {
    fc.assert(
      fc.property(envelope, batch, (address, message) => {
        const bytes = encodeBatch(address, message);
        expectAgreement(BatchSchema, payloadOf(bytes, "batch", address), inSchemaWords(message));
        expect(decodeBatch(bytes)).toEqual({ envelope: address, batch: message });
        expect(envelopeOf(bytes)).toEqual(address);
      }),
    );
  });

  test("session tokens", () => {
    fc.assert(
      fc.property(sessionToken, (token) => {
        const bytes = encodeSessionToken(token);
        expectAgreement(SessionTokenSchema, bytes, inSchemaWords(token));
        expect(decodeSessionToken(bytes)).toEqual(token);
      }),
    );
  });

  test("positions in other partitions", () => {
    fc.assert(
      fc.property(fc.array(crossPosition, { maxLength: 9 }), (positions) => {
        const bytes = encodeXdeps(positions);
        expectAgreement(CrossPositionsSchema, bytes, inSchemaWords({ positions }));
        expect(decodeXdeps(bytes)).toEqual(positions);
      }),
    );
  });

  test("page cursors", () => {
    fc.assert(
      fc.property(pageCursor, (cursor) => {
        const bytes = encodePageCursor(cursor);
        expectAgreement(PageCursorSchema, bytes, inSchemaWords(cursor));
        expect(decodePageCursor(bytes)).toEqual(cursor);
      }),
    );
  });

  test("feed cursors and tickets", () => {
    fc.assert(
      fc.property(feedCursor, ticket, (cursor, leave) => {
        const cursorBytes = encodeFeedCursor(cursor);
        expectAgreement(FeedCursorSchema, cursorBytes, inSchemaWords(cursor));
        expect(decodeFeedCursor(cursorBytes)).toEqual(cursor);
        const ticketBytes = encodeTicket(leave);
        const opens = ["unspecified", "changes", "live"].indexOf(leave.opens);
        expectAgreement(TicketSchema, ticketBytes, { ...leave, opens });
        expect(decodeTicket(ticketBytes)).toEqual(leave);
      }),
    );
  });
});
