/**
 * Pre-images as bytes. They never leave the replica, so the format is local: a length-prefixed list of records, one
 * for what an entry did beside items, one for each item.
 */
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { IdempotencyRow, ItemRow, OwnerRow } from "../replication/state-row.ts";
import { decodeHomeCourse, encodeHomeCourse } from "../wire/snapshot-shape.ts";
import type { UndoImage } from "../replication/storage.ts";

export function encodeUndo(image: UndoImage): Uint8Array[] {
  return [encodeAside(image), ...image.items.map(encodeItem)];
}

export function decodeUndo(records: readonly Uint8Array[]): UndoImage {
  const [aside, ...items] = records;
  if (aside === undefined) return { items: [], owner: null, idempotency: null };
  return { ...decodeAside(aside), items: items.map(decodeItem) };
}

/** Joins records into one blob. */
export function packRecords(records: readonly Uint8Array[]): Uint8Array {
  const writer = new BinaryWriter();
  writer.uint32(records.length);
  for (const record of records) writer.bytes(record);
  return writer.finish();
}

export function unpackRecords(blob: Uint8Array): Uint8Array[] {
  const reader = new BinaryReader(blob);
  const records: Uint8Array[] = [];
  const count = reader.uint32();
  for (let n = 0; n < count; n++) records.push(reader.bytes());
  return records;
}

function encodeAside(image: UndoImage): Uint8Array {
  const writer = new BinaryWriter();
  writer.bool(image.owner !== null);
  if (image.owner !== null) {
    writer.string(image.owner.user).bool(image.owner.before !== null);
    if (image.owner.before !== null) {
      const row = image.owner.before;
      writer.uint32(row.home).int64(row.version).uint32(row.o).int64(row.e).int64(row.s);
    }
  }
  writer.bool(image.idempotency !== null);
  if (image.idempotency !== null) {
    writer
      .string(image.idempotency.user)
      .bytes(image.idempotency.k)
      .bool(image.idempotency.before !== null);
    if (image.idempotency.before !== null) {
      const row = image.idempotency.before;
      writer.bytes(row.fingerprint).uint32(row.o).int64(row.e).int64(row.s).uint32(row.status).int64(row.hlc);
    }
  }
  writer.bool(image.lost !== undefined);
  if (image.lost !== undefined) {
    const { user, o, e, s, did } = image.lost;
    writer
      .string(user)
      .uint32(o)
      .int64(e)
      .int64(s)
      .bool(did === "record");
  }
  const home = image.owner?.before ?? null;
  if (home !== null && (home.moving !== undefined || home.past.length > 0))
    writer.bytes(encodeHomeCourse(home));
  return writer.finish();
}

function decodeAside(bytes: Uint8Array): Omit<UndoImage, "items"> {
  const reader = new BinaryReader(bytes);
  let owner: UndoImage["owner"] = null;
  if (reader.bool()) {
    const user = reader.string();
    let before: OwnerRow | null = null;
    if (reader.bool()) {
      const home = reader.uint32();
      const version = Number(reader.int64());
      before = {
        user,
        home,
        version,
        o: reader.uint32(),
        e: Number(reader.int64()),
        s: Number(reader.int64()),
        past: [],
      };
    }
    owner = { user, before };
  }
  let idempotency: UndoImage["idempotency"] = null;
  if (reader.bool()) {
    const user = reader.string();
    const k = reader.bytes();
    let before: IdempotencyRow | null = null;
    if (reader.bool()) {
      const fingerprint = reader.bytes();
      const o = reader.uint32();
      const e = Number(reader.int64());
      const s = Number(reader.int64());
      before = { user, k, fingerprint, o, e, s, status: reader.uint32(), hlc: Number(reader.int64()) };
    }
    idempotency = { user, k, before };
  }
  // Images of before there were lost writes end here.
  const lost = reader.pos < reader.len && reader.bool() ? decodeLost(reader) : undefined;
  // Of a user who never moved there is nothing more, and in images of before there were moves neither.
  const course = reader.pos < reader.len ? decodeHomeCourse(reader.bytes()) : null;
  const before = owner?.before ?? null;
  if (course !== null && owner !== null && before !== null)
    owner = { ...owner, before: { ...before, ...course } };
  return { owner, idempotency, ...(lost === undefined ? {} : { lost }) };
}

function decodeLost(reader: BinaryReader): NonNullable<UndoImage["lost"]> {
  const user = reader.string();
  const position = { o: reader.uint32(), e: Number(reader.int64()), s: Number(reader.int64()) };
  return { user, ...position, did: reader.bool() ? "record" : "settle" };
}

function encodeItem(item: UndoImage["items"][number]): Uint8Array {
  const writer = new BinaryWriter();
  writer
    .string(item.user)
    .string(item.key)
    .bool(item.before !== null);
  if (item.before !== null) {
    const row = item.before;
    writer.uint32(row.o).int64(row.e).int64(row.s).int64(row.hlc).int64(row.ownerVersion).bool(row.tombstone);
    writer.int64(row.expiresAt).string(row.contentType).bytes(row.xdeps).bytes(row.value);
    if (row.mark !== undefined) writer.bytes(row.mark);
  }
  return writer.finish();
}

function decodeItem(bytes: Uint8Array): UndoImage["items"][number] {
  const reader = new BinaryReader(bytes);
  const user = reader.string();
  const key = reader.string();
  let before: ItemRow | null = null;
  if (reader.bool()) {
    const o = reader.uint32();
    const e = Number(reader.int64());
    const s = Number(reader.int64());
    const hlc = Number(reader.int64());
    const ownerVersion = Number(reader.int64());
    const tombstone = reader.bool();
    const expiresAt = Number(reader.int64());
    const contentType = reader.string();
    const xdeps = reader.bytes();
    const value = reader.bytes();
    // Items that were never imported have none, and neither have images of before there were marks.
    const mark = reader.pos < reader.len ? { mark: reader.bytes() } : {};
    before = {
      user,
      key,
      o,
      e,
      s,
      hlc,
      ownerVersion,
      tombstone,
      expiresAt,
      contentType,
      xdeps,
      value,
      ...mark,
    };
  }
  return { user, key, before };
}
