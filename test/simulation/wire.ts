/**
 * Everything that replicas say crosses here as bytes, so that nothing is ever shared by reference, and what the wire cannot
 * carry is lost in a simulation too.
 */
import { PROTOCOL_VERSION } from "../../src/replication/entry.ts";
import type { Batch, PeerReply, PeerRequest } from "../../src/replication/message.ts";
import { decodeBatch, encodeBatch } from "../../src/wire/batch-codec.ts";
import type { Envelope } from "../../src/wire/envelope.ts";
import {
  decodePeerReply,
  decodePeerRequest,
  encodePeerReply,
  encodePeerRequest,
} from "../../src/wire/peer-codec.ts";

export function envelope(partition: number, from: number, to: number): Envelope {
  return { namespace: "default", partition, from, to, pv: PROTOCOL_VERSION };
}

export const wire = {
  encodeRequest: (around: Envelope, message: PeerRequest): Uint8Array => encodePeerRequest(around, message),
  decodeRequest: (bytes: Uint8Array): PeerRequest => {
    const { message } = decodePeerRequest(bytes);
    if (message === null) throw new Error("a request that this code wrote and does not know");
    return message;
  },
  encodeReply: (around: Envelope, message: PeerReply): Uint8Array => encodePeerReply(around, message),
  decodeReply: (bytes: Uint8Array): PeerReply => decodePeerReply(bytes).message,
  encodeBatch: (around: Envelope, message: Batch): Uint8Array => encodeBatch(around, message),
  decodeBatch: (bytes: Uint8Array): Batch => decodeBatch(bytes).batch,
};
