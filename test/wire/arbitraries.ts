/** Any value of every type that has bytes, edges of numbers and texts in particular. */
import fc from "fast-check";
import type { Concern, Entry, ItemBefore, LostState, Op, RawEntry } from "../../src/replication/entry.ts";
import { CONCERNS } from "../../src/replication/entry.ts";
import type {
  Batch,
  Closed,
  SinkMark,
  EpochStart,
  PeerReply,
  PeerRequest,
  Promise_,
  SnapshotBase,
  SnapshotRow,
} from "../../src/replication/message.ts";
import type { CrossPosition, Position, Tail } from "../../src/replication/position.ts";
import type { FeedCursor, PageCursor } from "../../src/wire/cursor-codec.ts";
import type { Ticket } from "../../src/wire/ticket-codec.ts";
import type { Envelope } from "../../src/wire/envelope.ts";
import type { SeenPosition, SessionToken } from "../../src/wire/session-codec.ts";

const EDGES = [0, 1, 127, 128, 16_383, 16_384, 2 ** 28 - 1, 2 ** 28, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 35];

export const u53 = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(),
  fc.constantFrom(...EDGES, 2 ** 49 - 1, 2 ** 49, Number.MAX_SAFE_INTEGER),
);
export const u32 = fc.oneof(fc.nat(), fc.constantFrom(...EDGES.filter((edge) => edge < 2 ** 32)));
const clock = fc.oneof(
  fc.integer({ min: -(2 ** 40), max: 2 ** 44 }),
  fc.constantFrom(0, -1, 2 ** 51, -(2 ** 51)),
);
const version = fc.integer({ min: 1, max: 0x7fff_ffff });
const region = fc.nat({ max: 15 });
export const text = fc.oneof(
  fc.string({ unit: "binary", maxLength: 80 }),
  fc.string({ unit: "grapheme", maxLength: 80 }),
  fc.string({ maxLength: 200 }),
  fc.constantFrom("", "\u0000", "\uFEFFbom", "\u{1F9ED}", "a".repeat(48), "a".repeat(49), "é".repeat(48)),
);
export const bytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.constantFrom(0, 1, 63, 64, 65, 127, 128, 20_000).map((length) => new Uint8Array(length).fill(0xa5)),
);

export const position: fc.Arbitrary<Position> = fc.record({ o: region, e: u53, s: u53 });
export const crossPosition: fc.Arbitrary<CrossPosition> = fc.record({ p: u32, o: region, e: u53, s: u53 });
const tail: fc.Arbitrary<Tail> = fc.record({ e: u53, s: u53 });
const epochStart: fc.Arbitrary<EpochStart> = fc.record({ e: u53, start: u53 });

function few<T>(element: fc.Arbitrary<T>): fc.Arbitrary<T[]> {
  return fc.array(element, { maxLength: 4 });
}

const op: fc.Arbitrary<Op> = fc.record(
  {
    kind: version,
    key: text,
    after: fc.record({ contentType: text, value: bytes, expiresAt: u53 }),
    command: bytes,
  },
  { requiredKeys: ["kind", "key"] },
);

const lostState = fc.constantFrom<LostState>("open", "replayed", "discarded", "folded");

const itemBefore: fc.Arbitrary<ItemBefore> = fc.record(
  { key: text, item: fc.record({ contentType: text, value: bytes, expiresAt: u53 }), version: position },
  { requiredKeys: ["key"] },
);

export const entry: fc.Arbitrary<Entry> = fc.record(
  {
    pv: version,
    kind: version,
    o: region,
    e: u53,
    s: u53,
    inc: u53,
    hlc: u53,
    user: text,
    principal: text,
    concern: fc.constantFrom<Concern>(...CONCERNS),
    idempotency: fc.record({
      key: text,
      fingerprint: bytes,
      by: fc.constantFrom<"client" | "edge">("client", "edge"),
    }),
    deps: few(position),
    xdeps: few(crossPosition),
    ops: few(op),
    status: u32,
    claim: fc.record({ home: region, version: u53 }),
    open: fc.record(
      { leader: region, configVersion: u53, gaveUp: u53 },
      { requiredKeys: ["leader", "configVersion"] },
    ),
    handoff: fc.record(
      { from: region, to: region, version: u53, out: position },
      { requiredKeys: ["from", "to", "version"] },
    ),
    erase: fc.record({ id: bytes, digest: bytes }),
    divergent: fc.record(
      {
        e: u53,
        s: u53,
        entry: bytes,
        supersededBy: u53,
        cutIn: region,
        cutAt: u53,
        before: few(itemBefore),
        state: lostState,
        by: position,
      },
      { requiredKeys: ["e", "s", "entry", "supersededBy", "cutIn", "cutAt", "before", "state"] },
    ),
    resolve: fc.record({
      o: region,
      e: u53,
      s: u53,
      how: fc.constantFrom<"replayed" | "discarded">("replayed", "discarded"),
    }),
  },
  {
    requiredKeys: [
      "pv",
      "kind",
      "o",
      "e",
      "s",
      "inc",
      "hlc",
      "user",
      "principal",
      "concern",
      "deps",
      "xdeps",
      "ops",
      "status",
    ],
  },
);

export const rawEntry: fc.Arbitrary<RawEntry> = fc.record(
  { e: u53, s: u53, bytes, chain: bytes },
  { requiredKeys: ["e", "s", "bytes"] },
);

export const envelope: fc.Arbitrary<Envelope> = fc.record({
  namespace: text,
  partition: u32,
  from: region,
  to: region,
  pv: version,
});

const sinkMark: fc.Arbitrary<SinkMark> = fc.record({ name: text, round: u53, s: u53 });

const closed: fc.Arbitrary<Closed> = fc.record({ s: u53, hlc: u53, echo: clock });

function is<T extends string>(type: T): fc.Arbitrary<T> {
  return fc.constant(type);
}

const promise: fc.Arbitrary<Promise_> = fc.record({
  type: is("promise"),
  b: u53,
  last: tail,
  base: tail,
  epochs: few(epochStart),
  commit: u53,
  leaseRemainingMs: clock,
  hlc: u53,
  storeId: text,
  inc: u53,
});

/** One arbitrary for each type of request: a new type does not compile until it has one. */
const acquainted = fc.record({ region, storeId: text, inc: u53 });

export const requests: {
  readonly [K in PeerRequest["type"]]: fc.Arbitrary<Extract<PeerRequest, { type: K }>>;
} = {
  append: fc.record(
    {
      type: is("append"),
      o: region,
      e: u53,
      inc: u53,
      prev: tail,
      entries: few(rawEntry),
      chain: bytes,
      commit: u53,
      closed,
      grant: fc.boolean(),
      pv: version,
      sinks: few(sinkMark),
      forgotten: text,
      voters: few(acquainted),
    },
    {
      requiredKeys: [
        "type",
        "o",
        "e",
        "inc",
        "prev",
        "entries",
        "chain",
        "commit",
        "grant",
        "pv",
        "sinks",
        "voters",
      ],
    },
  ),
  pull: fc.record({
    type: is("pull"),
    o: region,
    last: tail,
    base: tail,
    epochs: few(epochStart),
    bytesMax: u53,
    wantCommit: fc.boolean(),
  }),
  probe: fc.record({ type: is("probe"), o: region }),
  "pre-vote": fc.record({ type: is("pre-vote"), o: region, b: u53, last: tail, e: u53 }),
  prepare: fc.record(
    {
      type: is("prepare"),
      o: region,
      b: u53,
      transfer: fc.boolean(),
      gaveUp: u53,
      storeId: text,
      forgotten: text,
    },
    { requiredKeys: ["type", "o", "b", "transfer"] },
  ),
  transfer: fc.record(
    { type: is("transfer"), o: region, e: u53, promise },
    { requiredKeys: ["type", "o", "e"] },
  ),
  "close-now": fc.record({ type: is("close-now"), o: region }),
  progress: fc.record({ type: is("progress"), o: region, e: u53, match: u53, storeId: text, inc: u53 }),
  cuts: fc.record({
    type: is("cuts"),
    o: region,
    cuts: few(fc.record({ entry: bytes, cutAt: u53, before: few(itemBefore) })),
  }),
  return: fc.record({ type: is("return"), storeId: text }),
  "snapshot-begin": fc.record({ type: is("snapshot-begin"), id: text }),
  "snapshot-chunk": fc.record({ type: is("snapshot-chunk"), id: text, cursor: bytes, bytesMax: u53 }),
};

const snapshotBase: fc.Arbitrary<SnapshotBase> = fc.record({
  o: region,
  e: u53,
  s: u53,
  chain: bytes,
  hlc: u53,
  epochs: few(epochStart),
});

const snapshotRow: fc.Arbitrary<SnapshotRow> = fc.oneof(
  fc.record({
    kind: is("item"),
    item: fc.record(
      {
        user: text,
        key: text,
        o: region,
        e: u53,
        s: u53,
        hlc: u53,
        ownerVersion: u53,
        tombstone: fc.boolean(),
        expiresAt: u53,
        contentType: text,
        xdeps: bytes,
        value: bytes,
        mark: bytes,
      },
      {
        requiredKeys: [
          "user",
          "key",
          "o",
          "e",
          "s",
          "hlc",
          "ownerVersion",
          "tombstone",
          "expiresAt",
          "contentType",
          "xdeps",
          "value",
        ],
      },
    ),
  }),
  fc.record({
    kind: is("lost"),
    lost: fc.record(
      {
        user: text,
        o: region,
        e: u53,
        s: u53,
        hlc: u53,
        recorded: tail,
        state: lostState,
        by: position,
        identity: bytes,
        record: bytes,
      },
      { requiredKeys: ["user", "o", "e", "s", "hlc", "recorded", "state", "identity", "record"] },
    ),
  }),
  fc.record({
    kind: is("erasure"),
    erasure: fc.record({ id: bytes, digest: bytes, o: region, e: u53, s: u53, hlc: u53 }),
  }),
  fc.record({
    kind: is("owner"),
    owner: fc.record(
      {
        user: text,
        home: region,
        version: u53,
        o: region,
        e: u53,
        s: u53,
        moving: fc.record(
          { to: region, version: u53, o: region, e: u53, s: u53, refused: position },
          { requiredKeys: ["to", "version", "o", "e", "s"] },
        ),
        past: few(fc.record({ home: region, version: u53, sinceE: u53, sinceS: u53, endE: u53, endS: u53 })),
      },
      { requiredKeys: ["user", "home", "version", "o", "e", "s", "past"] },
    ),
  }),
  fc.record({
    kind: is("idempotency"),
    row: fc.record({
      user: text,
      k: bytes,
      fingerprint: bytes,
      o: region,
      e: u53,
      s: u53,
      status: u32,
      hlc: u53,
    }),
  }),
);

export const replies: { readonly [K in PeerReply["type"]]: fc.Arbitrary<Extract<PeerReply, { type: K }>> } = {
  "append-ok": fc.record(
    {
      type: is("append-ok"),
      e: u53,
      match: u53,
      stamp: clock,
      storeId: text,
      inc: u53,
      eager: fc.boolean(),
    },
    { requiredKeys: ["type", "e", "match", "stamp", "storeId", "inc"] },
  ),
  "append-stale": fc.record(
    { type: is("append-stale"), promised: u53, forgotten: fc.boolean() },
    { requiredKeys: ["type", "promised"] },
  ),
  "append-mismatch": fc.record({
    type: is("append-mismatch"),
    epochs: few(epochStart),
    last: tail,
    base: tail,
    stamp: clock,
  }),
  "pull-ok": fc.record({
    type: is("pull-ok"),
    e: u53,
    prev: tail,
    entries: few(rawEntry),
    chain: bytes,
    commit: u53,
    last: tail,
  }),
  "need-snapshot": fc.record({ type: is("need-snapshot"), base: tail }),
  "pre-vote-reply": fc.record({
    type: is("pre-vote-reply"),
    reachable: fc.boolean(),
    leaseRemainingMs: clock,
    willing: fc.boolean(),
    promised: u53,
    e: u53,
    coolingMs: u53,
  }),
  "probe-ok": fc.record({ type: is("probe-ok"), leader: region, e: u53, restoring: fc.boolean() }),
  promise,
  "transfer-reply": fc.record(
    {
      type: is("transfer-reply"),
      ready: fc.boolean(),
      counter: u53,
      open: tail,
      storeId: text,
      inc: u53,
    },
    { requiredKeys: ["type", "ready", "counter", "open"] },
  ),
  nack: fc.record(
    { type: is("nack"), promised: u53, forgotten: fc.boolean() },
    { requiredKeys: ["type", "promised"] },
  ),
  "close-reply": fc.record({ type: is("close-reply"), e: u53, last: tail, commit: u53, hlc: u53 }),
  "not-leader": fc.record({ type: is("not-leader"), leader: region, promised: u53 }),
  "cuts-taken": fc.record({ type: is("cuts-taken"), left: fc.array(tail, { maxLength: 3 }) }),
  vouched: fc.record({
    type: is("vouched"),
    logs: few(fc.record({ o: region, promised: u53, last: tail })),
    storeId: text,
    inc: u53,
    others: few(acquainted),
  }),
  "progress-ok": fc.record({ type: is("progress-ok") }),
  "snapshot-begun": fc.record({ type: is("snapshot-begun"), id: text, from: few(snapshotBase) }),
  "snapshot-rows": fc.record({
    type: is("snapshot-rows"),
    rows: few(snapshotRow),
    cursor: bytes,
    until: few(position),
  }),
  "snapshot-unknown": fc.record({ type: is("snapshot-unknown") }),
  unsupported: fc.record({ type: is("unsupported") }),
};

export const batch: fc.Arbitrary<Batch> = fc.record({
  type: is("batch"),
  o: region,
  e: u53,
  inc: u53,
  prev: tail,
  entries: few(rawEntry),
  chain: bytes,
  last: tail,
  commit: u53,
  pv: version,
});

export const seenPosition: fc.Arbitrary<SeenPosition> = fc.record({
  p: u32,
  o: region,
  e: u53,
  s: u53,
  durable: fc.boolean(),
});

export const sessionToken: fc.Arbitrary<SessionToken> = fc.record({
  version,
  namespace: text,
  mapVersion: u32,
  positions: few(seenPosition),
  seenAt: u53,
  issuedAt: u53,
});

export const pageCursor: fc.Arbitrary<PageCursor> = fc.record({
  version,
  namespace: text,
  user: text,
  key: text,
  reverse: fc.boolean(),
  floor: few(position),
  seenAt: u53,
  range: bytes,
});

export const feedCursor: fc.Arbitrary<FeedCursor> = fc.record({
  version,
  namespace: text,
  user: text,
  homeVersion: u53,
  o: region,
  e: u53,
  s: u53,
});

export const ticket: fc.Arbitrary<Ticket> = fc.record({
  version,
  namespace: text,
  user: text,
  opens: fc.constantFrom("changes", "live"),
  region,
  expiresAt: u53,
  nonce: text,
});
