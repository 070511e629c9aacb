/**
 * What replicas say to each other, as bytes.
 *
 * Two versions of the code talk to each other for minutes after every deployment. A request that this code does not know
 * decodes as null, and the host answers `unsupported`; a reply that it does not know decodes as `unsupported` too, and
 * the core falls back.
 *
 * Entries and values above 64 bytes are views of the bytes that are decoded: they are stored in the same turn. Everything that the core may
 * keep in memory (chains, ids, cursors) is short, and so a copy.
 */
import type {
  Acquainted,
  Append,
  AppendMismatch,
  AppendOk,
  AppendStale,
  CloseNow,
  CloseReply,
  Closed,
  Cuts,
  CutsTaken,
  Nack,
  NeedSnapshot,
  NotLeader,
  PeerReply,
  PeerRequest,
  PreVote,
  PreVoteReply,
  Prepare,
  Probe,
  ProbeOk,
  Progress,
  ProgressOk,
  Promise_,
  Pull,
  PullOk,
  Return,
  SinkMark,
  SnapshotBegin,
  SnapshotBegun,
  SnapshotChunk,
  SnapshotRows,
  SnapshotUnknown,
  Transfer,
  TransferReply,
  Unsupported,
  Vouch,
  Vouched,
} from "../replication/message.ts";
import { cutShape, rawEntryShape } from "./entry-codec.ts";
import type { Envelope } from "./envelope.ts";
import { decodeEnveloped, encodeEnveloped, Payload } from "./envelope.ts";
import { epochStartShape, positionShape, tailShape } from "./position-shape.ts";
import {
  bytes,
  choice,
  flag,
  many,
  maybe,
  message,
  one,
  positive,
  region,
  s53,
  tagged,
  text,
  u53,
  UNKNOWN_CASE,
} from "./shape.ts";
import { snapshotBaseShape, snapshotRowShape, UnknownRowError } from "./snapshot-shape.ts";
import type { Reader } from "./reader.ts";

const closedShape = message<Closed>("Closed", {
  s: one(1, u53),
  hlc: one(2, u53),
  echo: one(3, s53),
});

const sinkMarkShape = message<SinkMark>("SinkMark", {
  name: one(1, text),
  round: one(2, u53),
  s: one(3, u53),
});

const acquaintedShape = message<Acquainted>("Acquainted", {
  region: one(1, region),
  storeId: one(2, text),
  inc: one(3, u53),
});

const vouchShape = message<Vouch>("Vouch", {
  o: one(1, region),
  promised: one(2, u53),
  last: one(3, tailShape),
});

const promiseShape = tagged<Promise_>("Promise", "promise", {
  b: one(1, u53),
  last: one(2, tailShape),
  base: one(3, tailShape),
  epochs: many(4, epochStartShape),
  commit: one(5, u53),
  leaseRemainingMs: one(6, s53),
  hlc: one(7, u53),
  storeId: one(8, text),
  inc: one(9, u53),
});

const requestShape = choice<PeerRequest>("PeerRequest", {
  append: [
    1,
    tagged<Append>("Append", "append", {
      o: one(1, region),
      e: one(2, u53),
      inc: one(3, u53),
      prev: one(4, tailShape),
      entries: many(5, rawEntryShape),
      chain: one(6, bytes),
      commit: one(7, u53),
      closed: maybe(8, closedShape),
      grant: one(9, flag),
      pv: one(10, positive),
      sinks: many(11, sinkMarkShape),
      forgotten: maybe(12, text),
      voters: many(13, acquaintedShape),
    }),
  ],
  pull: [
    2,
    tagged<Pull>("Pull", "pull", {
      o: one(1, region),
      last: one(2, tailShape),
      base: one(3, tailShape),
      epochs: many(4, epochStartShape),
      bytesMax: one(5, u53),
      wantCommit: one(6, flag),
    }),
  ],
  "pre-vote": [
    3,
    tagged<PreVote>("PreVote", "pre-vote", {
      o: one(1, region),
      b: one(2, u53),
      last: one(3, tailShape),
      e: one(4, u53),
    }),
  ],
  prepare: [
    4,
    tagged<Prepare>("Prepare", "prepare", {
      o: one(1, region),
      b: one(2, u53),
      transfer: one(3, flag),
      gaveUp: maybe(4, u53),
      storeId: maybe(5, text),
      forgotten: maybe(6, text),
    }),
  ],
  transfer: [
    9,
    tagged<Transfer>("Transfer", "transfer", {
      o: one(1, region),
      e: one(2, u53),
      promise: maybe(3, promiseShape),
    }),
  ],
  "close-now": [5, tagged<CloseNow>("CloseNow", "close-now", { o: one(1, region) })],
  progress: [
    6,
    tagged<Progress>("Progress", "progress", {
      o: one(1, region),
      e: one(2, u53),
      match: one(3, u53),
      storeId: one(4, text),
      inc: one(5, u53),
    }),
  ],
  "snapshot-begin": [7, tagged<SnapshotBegin>("SnapshotBegin", "snapshot-begin", { id: one(1, text) })],
  "snapshot-chunk": [
    8,
    tagged<SnapshotChunk>("SnapshotChunk", "snapshot-chunk", {
      id: one(1, text),
      cursor: one(2, bytes),
      bytesMax: one(3, u53),
    }),
  ],
  probe: [15, tagged<Probe>("Probe", "probe", { o: one(1, region) })],
  return: [21, tagged<Return>("Return", "return", { storeId: one(1, text) })],
  cuts: [20, tagged<Cuts>("Cuts", "cuts", { o: one(1, region), cuts: many(2, cutShape) })],
});

const replyShape = choice<PeerReply>("PeerReply", {
  "append-ok": [
    1,
    tagged<AppendOk>("AppendOk", "append-ok", {
      e: one(1, u53),
      match: one(2, u53),
      stamp: one(3, s53),
      storeId: one(4, text),
      inc: one(5, u53),
      eager: maybe(6, flag),
    }),
  ],
  "append-stale": [
    2,
    tagged<AppendStale>("AppendStale", "append-stale", { promised: one(1, u53), forgotten: maybe(2, flag) }),
  ],
  "append-mismatch": [
    3,
    tagged<AppendMismatch>("AppendMismatch", "append-mismatch", {
      epochs: many(1, epochStartShape),
      last: one(2, tailShape),
      base: one(3, tailShape),
      stamp: one(4, s53),
    }),
  ],
  "pull-ok": [
    4,
    tagged<PullOk>("PullOk", "pull-ok", {
      e: one(1, u53),
      prev: one(2, tailShape),
      entries: many(3, rawEntryShape),
      chain: one(4, bytes),
      commit: one(5, u53),
      last: one(6, tailShape),
    }),
  ],
  "need-snapshot": [5, tagged<NeedSnapshot>("NeedSnapshot", "need-snapshot", { base: one(1, tailShape) })],
  "pre-vote-reply": [
    6,
    tagged<PreVoteReply>("PreVoteReply", "pre-vote-reply", {
      reachable: one(1, flag),
      leaseRemainingMs: one(2, s53),
      willing: one(3, flag),
      promised: one(4, u53),
      e: one(5, u53),
      coolingMs: one(6, u53),
    }),
  ],
  promise: [7, promiseShape],
  nack: [8, tagged<Nack>("Nack", "nack", { promised: one(1, u53), forgotten: maybe(2, flag) })],
  "close-reply": [
    9,
    tagged<CloseReply>("CloseReply", "close-reply", {
      e: one(1, u53),
      last: one(2, tailShape),
      commit: one(3, u53),
      hlc: one(4, u53),
    }),
  ],
  "not-leader": [
    10,
    tagged<NotLeader>("NotLeader", "not-leader", {
      leader: one(1, region),
      promised: one(2, u53),
    }),
  ],
  "progress-ok": [11, tagged<ProgressOk>("ProgressOk", "progress-ok", {})],
  "snapshot-begun": [
    12,
    tagged<SnapshotBegun>("SnapshotBegun", "snapshot-begun", {
      id: one(1, text),
      from: many(2, snapshotBaseShape),
    }),
  ],
  "snapshot-rows": [
    13,
    tagged<SnapshotRows>("SnapshotRows", "snapshot-rows", {
      rows: many(1, snapshotRowShape),
      cursor: one(2, bytes),
      until: many(3, positionShape),
    }),
  ],
  "snapshot-unknown": [14, tagged<SnapshotUnknown>("SnapshotUnknown", "snapshot-unknown", {})],
  unsupported: [15, tagged<Unsupported>("Unsupported", "unsupported", {})],
  "probe-ok": [
    16,
    tagged<ProbeOk>("ProbeOk", "probe-ok", {
      leader: one(1, region),
      e: one(2, u53),
      restoring: one(3, flag),
    }),
  ],
  "transfer-reply": [
    17,
    tagged<TransferReply>("TransferReply", "transfer-reply", {
      ready: one(1, flag),
      counter: one(2, u53),
      open: one(3, tailShape),
      storeId: maybe(4, text),
      inc: maybe(5, u53),
    }),
  ],
  vouched: [
    21,
    tagged<Vouched>("Vouched", "vouched", {
      logs: many(1, vouchShape),
      storeId: one(2, text),
      inc: one(3, u53),
      others: many(4, acquaintedShape),
    }),
  ],
  "cuts-taken": [20, tagged<CutsTaken>("CutsTaken", "cuts-taken", { left: many(1, tailShape) })],
});

export function encodePeerRequest(envelope: Envelope, message: PeerRequest): Uint8Array<ArrayBuffer> {
  return encodeEnveloped(envelope, Payload.request, requestShape.writeBody, message);
}

/** `message` is null when this code does not know it: answer `unsupported`. Throws UndecodableError. */
export function decodePeerRequest(source: Uint8Array): { envelope: Envelope; message: PeerRequest | null } {
  const { envelope, payload } = decodeEnveloped(
    requestShape.name,
    source,
    Payload.request,
    requestShape.readBody,
  );
  return { envelope, message: payload === UNKNOWN_CASE ? null : payload };
}

export function encodePeerReply(envelope: Envelope, message: PeerReply): Uint8Array<ArrayBuffer> {
  return encodeEnveloped(envelope, Payload.reply, replyShape.writeBody, message);
}

/** Throws UndecodableError. */
export function decodePeerReply(source: Uint8Array): { envelope: Envelope; message: PeerReply } {
  const { envelope, payload } = decodeEnveloped(replyShape.name, source, Payload.reply, readReply);
  return { envelope, message: payload };
}

function readReply(reader: Reader): PeerReply {
  try {
    const reply = replyShape.readBody(reader);
    return reply === UNKNOWN_CASE ? { type: "unsupported" } : reply;
  } catch (error) {
    if (error instanceof UnknownRowError) return { type: "unsupported" };
    throw error;
  }
}
