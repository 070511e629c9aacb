/**
 * Entries as bytes. The bytes are what is hashed, stored and sent, so that they are made once, by the leader that writes
 * the entry, and nobody encodes them again.
 *
 * A kind of entry or of op that this code does not know decodes as its number: the log is parked on it, not poisoned. A
 * value or patch above 64 bytes is a view of the bytes that are decoded; whoever keeps it for long copies it.
 */
import type {
  ClaimMark,
  Concern,
  DivergentMark,
  Entry,
  EntryCodec,
  EraseMark,
  HandoffMark,
  IdempotencyMark,
  ItemBefore,
  ItemImage,
  LostState,
  Op,
  OpenMark,
  RawEntry,
  ResolveMark,
} from "../replication/entry.ts";
import type { Cut } from "../replication/message.ts";
import { crossPositionShape, positionShape } from "./position-shape.ts";
import {
  bytes,
  decode,
  encode,
  many,
  maybe,
  message,
  one,
  positive,
  region,
  text,
  u32,
  u53,
  words,
} from "./shape.ts";

const itemImageShape = message<ItemImage>("ItemImage", {
  contentType: one(1, text),
  value: one(2, bytes),
  expiresAt: one(3, u53),
  mark: maybe(4, bytes),
});

const opShape = message<Op>("Op", {
  kind: one(1, positive),
  key: one(2, text),
  after: maybe(3, itemImageShape),
  command: maybe(4, bytes),
});

const idempotencyMarkShape = message<IdempotencyMark>("IdempotencyMark", {
  key: one(1, text),
  fingerprint: one(2, bytes),
  by: one(3, words<IdempotencyMark["by"]>({ client: 1, edge: 2 })),
});

const claimMarkShape = message<ClaimMark>("ClaimMark", {
  home: one(1, region),
  version: one(2, u53),
});

const openMarkShape = message<OpenMark>("OpenMark", {
  leader: one(1, region),
  configVersion: one(2, u53),
  gaveUp: maybe(4, u53),
});

const eraseMarkShape = message<EraseMark>("EraseMark", {
  id: one(1, bytes),
  digest: one(2, bytes),
});

/** What became of a lost write, as numbers. */
export const lostState = words<LostState>({ open: 1, replayed: 2, discarded: 3, folded: 4 });

const itemBeforeShape = message<ItemBefore>("ItemBefore", {
  key: one(1, text),
  item: maybe(2, itemImageShape),
  version: maybe(3, positionShape),
});

const divergentMarkShape = message<DivergentMark>("DivergentMark", {
  e: one(1, u53),
  s: one(2, u53),
  entry: one(3, bytes),
  supersededBy: one(4, u53),
  cutIn: one(5, region),
  cutAt: one(6, u53),
  before: many(7, itemBeforeShape),
  state: one(8, lostState),
  by: maybe(9, positionShape),
});

const resolveMarkShape = message<ResolveMark>("ResolveMark", {
  o: one(1, region),
  e: one(2, u53),
  s: one(3, u53),
  how: one(4, words<ResolveMark["how"]>({ replayed: 2, discarded: 3 })),
});

/** A lost entry on its way to the leader of its log. */
export const cutShape = message<Cut>("Cut", {
  entry: one(1, bytes),
  cutAt: one(2, u53),
  before: many(3, itemBeforeShape),
});

const handoffMarkShape = message<HandoffMark>("HandoffMark", {
  from: one(1, region),
  to: one(2, region),
  version: one(3, u53),
  out: maybe(4, positionShape),
});

const entryShape = message<Entry>("Entry", {
  kind: one(1, positive),
  o: one(2, region),
  e: one(3, u53),
  s: one(4, u53),
  inc: one(5, u53),
  hlc: one(6, u53),
  user: one(7, text),
  principal: one(8, text),
  concern: one(9, words<Concern>({ local: 1, one: 2, majority: 3, all: 4 })),
  status: one(10, u32),
  ops: many(11, opShape),
  idempotency: maybe(12, idempotencyMarkShape),
  deps: many(13, positionShape),
  xdeps: many(14, crossPositionShape),
  claim: maybe(16, claimMarkShape),
  open: maybe(17, openMarkShape),
  divergent: maybe(22, divergentMarkShape),
  handoff: maybe(18, handoffMarkShape),
  erase: maybe(23, eraseMarkShape),
  resolve: maybe(26, resolveMarkShape),
  // Last and never 0: an entry that was cut short has none.
  pv: one(2047, positive),
});

export const entryCodec: EntryCodec = {
  encode: (entry) => encode(entryShape, entry),
  decode: (source) => decode(entryShape, source),
};

/** An entry within another message: place and bytes. */
export const rawEntryShape = message<RawEntry>("RawEntry", {
  e: one(1, u53),
  s: one(2, u53),
  bytes: one(3, bytes),
  chain: maybe(4, bytes),
});
