/** The rows of a snapshot. */
import type { SnapshotBase, SnapshotRow } from "../replication/message.ts";
import type {
  ErasureRow,
  IdempotencyRow,
  ItemRow,
  LostRow,
  Moving,
  OwnerRow,
  PastHome,
} from "../replication/state-row.ts";
import { lostState } from "./entry-codec.ts";
import { epochStartShape, positionShape, tailShape } from "./position-shape.ts";
import type { Reader } from "./reader.ts";
import type { Message } from "./shape.ts";
import {
  bytes,
  decode,
  encode,
  flag,
  kinded,
  many,
  maybe,
  message,
  nested,
  one,
  region,
  text,
  u32,
  u53,
} from "./shape.ts";
import { UndecodableError } from "./undecodable-error.ts";

const itemRowShape = message<ItemRow>("ItemRow", {
  user: one(1, text),
  key: one(2, text),
  o: one(3, region),
  e: one(4, u53),
  s: one(5, u53),
  hlc: one(6, u53),
  ownerVersion: one(7, u53),
  tombstone: one(8, flag),
  expiresAt: one(9, u53),
  contentType: one(10, text),
  xdeps: one(11, bytes),
  value: one(12, bytes),
  mark: maybe(13, bytes),
});

const movingShape = message<Moving>("Moving", {
  to: one(1, region),
  version: one(2, u53),
  o: one(3, region),
  e: one(4, u53),
  s: one(5, u53),
  refused: maybe(6, positionShape),
});

const pastHomeShape = message<PastHome>("PastHome", {
  home: one(1, region),
  version: one(2, u53),
  sinceE: one(3, u53),
  sinceS: one(4, u53),
  endE: one(5, u53),
  endS: one(6, u53),
});

const ownerRowShape = message<OwnerRow>("OwnerRow", {
  user: one(1, text),
  home: one(2, region),
  version: one(3, u53),
  o: one(4, region),
  e: one(5, u53),
  s: one(6, u53),
  moving: maybe(7, movingShape),
  past: many(8, pastHomeShape),
});

const idempotencyRowShape = message<IdempotencyRow>("IdempotencyRow", {
  user: one(1, text),
  k: one(2, bytes),
  fingerprint: one(3, bytes),
  o: one(4, region),
  e: one(5, u53),
  s: one(6, u53),
  status: one(7, u32),
  hlc: one(8, u53),
});

const erasureRowShape = message<ErasureRow>("ErasureRow", {
  id: one(1, bytes),
  digest: one(2, bytes),
  o: one(3, region),
  e: one(4, u53),
  s: one(5, u53),
  hlc: one(6, u53),
});

const lostRowShape = message<LostRow>("LostRow", {
  user: one(1, text),
  o: one(2, region),
  e: one(3, u53),
  s: one(4, u53),
  hlc: one(5, u53),
  recorded: one(6, tailShape),
  state: one(7, lostState),
  by: maybe(8, positionShape),
  identity: one(9, bytes),
  record: one(10, bytes),
});

type Of<K extends SnapshotRow["kind"]> = Extract<SnapshotRow, { readonly kind: K }>;

const itemShape = kinded<Of<"item">>("SnapshotRow", "item", { item: one(1, itemRowShape) });
const ownerShape = kinded<Of<"owner">>("SnapshotRow", "owner", { owner: one(2, ownerRowShape) });
const idempotencyShape = kinded<Of<"idempotency">>("SnapshotRow", "idempotency", {
  row: one(3, idempotencyRowShape),
});
const lostShape = kinded<Of<"lost">>("SnapshotRow", "lost", { lost: one(4, lostRowShape) });
const erasureShape = kinded<Of<"erasure">>("SnapshotRow", "erasure", { erasure: one(5, erasureRowShape) });

/** A newer source sends rows that this code does not know. An image without them would not be the source's. */
export class UnknownRowError extends UndecodableError {}

/** What of a user's home stands in one column beside the home itself. */
export type HomeCourse = Pick<OwnerRow, "moving" | "past">;

const homeCourseShape = message<HomeCourse>("HomeCourse", {
  moving: maybe(7, movingShape),
  past: many(8, pastHomeShape),
});

export function encodeHomeCourse(course: HomeCourse): Uint8Array {
  return encode(homeCourseShape, {
    past: course.past,
    ...(course.moving === undefined ? {} : { moving: course.moving }),
  });
}

export function decodeHomeCourse(source: Uint8Array): HomeCourse {
  return decode(homeCourseShape, source);
}

export const snapshotRowShape: Message<SnapshotRow> = nested<SnapshotRow>(
  "SnapshotRow",
  readRow,
  (writer, row) => {
    switch (row.kind) {
      case "item":
        return itemShape.writeBody(writer, row);
      case "owner":
        return ownerShape.writeBody(writer, row);
      case "idempotency":
        return idempotencyShape.writeBody(writer, row);
      case "lost":
        return lostShape.writeBody(writer, row);
      case "erasure":
        return erasureShape.writeBody(writer, row);
    }
  },
);

function readRow(reader: Reader): SnapshotRow {
  const start = reader.pos;
  const number = reader.tag() >>> 3;
  reader.pos = start;
  switch (number) {
    case 1:
      return itemShape.readBody(reader);
    case 2:
      return ownerShape.readBody(reader);
    case 3:
      return idempotencyShape.readBody(reader);
    case 4:
      return lostShape.readBody(reader);
    case 5:
      return erasureShape.readBody(reader);
    default:
      throw new UnknownRowError(`row ${number}`);
  }
}

/** Where the replay of a log begins. */
export const snapshotBaseShape = message<SnapshotBase>("SnapshotBase", {
  o: one(1, region),
  e: one(2, u53),
  s: one(3, u53),
  chain: one(4, bytes),
  hlc: one(5, u53),
  epochs: many(6, epochStartShape),
});
