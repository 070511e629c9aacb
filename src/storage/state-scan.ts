/**
 * Everything but the logs, page by page in a stable order: owners, idempotency keys, lost writes, items. The cursor names the
 * last row of the page before; it crosses between replicas, and so between versions of the code.
 */
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import type { ErasureRow, IdempotencyRow, ItemRow, LostRow, OwnerRow } from "../replication/state-row.ts";
import { NO_BYTES } from "./column.ts";
import type { ErasureTable } from "./erasure-table.ts";
import type { IdempotencyTable } from "./idempotency-table.ts";
import type { ItemTable } from "./item-table.ts";
import type { LostTable } from "./lost-table.ts";
import type { OwnerTable } from "./owner-table.ts";

/** Rows of one statement. */
const PAGE_ROWS = 256;
/** What a row takes in a message beside what is of any length in it, roughly. */
const OWNER_BYTES = 40;
const IDEMPOTENCY_BYTES = 100;
const LOST_BYTES = 100;

interface ScannedTables {
  readonly owners: OwnerTable;
  readonly idempotency: IdempotencyTable;
  readonly lost: LostTable;
  readonly items: ItemTable;
  readonly erasures: ErasureTable;
}

interface Scanned {
  readonly items: ItemRow[];
  readonly owners: OwnerRow[];
  readonly idempotency: IdempotencyRow[];
  readonly erasures: ErasureRow[];
  readonly lost: LostRow[];
}

interface ScanPlace {
  readonly table: "owners" | "idempotency" | "lost" | "items";
  readonly user: string;
  readonly key: string;
  readonly k: Uint8Array;
}

/** What a page took, and where the next one begins: null at the very end. */
interface Step {
  readonly bytes: number;
  readonly next: ScanPlace | null;
}

export class StateScan {
  readonly #tables: ScannedTables;

  constructor(tables: ScannedTables) {
    this.#tables = tables;
  }

  scan(cursor: Uint8Array, bytesMax: number): Scanned & { cursor: Uint8Array } {
    const scanned: Scanned = {
      // Few and small: with the first page.
      erasures: cursor.length === 0 ? this.#tables.erasures.scan() : [],
      items: [],
      owners: [],
      idempotency: [],
      lost: [],
    };
    let place = decodeCursor(cursor);
    let room = bytesMax;
    while (room > 0) {
      const { bytes, next } = this.#step(place, room, scanned);
      room -= bytes;
      if (next === null) return { ...scanned, cursor: NO_BYTES };
      place = next;
    }
    return { ...scanned, cursor: encodeCursor(place) };
  }

  /** One page of one table. */
  #step(place: ScanPlace, room: number, into: Scanned): Step {
    switch (place.table) {
      case "owners":
        return this.#stepOwners(place, into.owners);
      case "idempotency":
        return this.#stepIdempotency(place, into.idempotency);
      case "lost":
        return this.#stepLost(place, into.lost);
      case "items":
        return this.#stepItems(place, room, into.items);
    }
  }

  #stepOwners(place: ScanPlace, into: OwnerRow[]): Step {
    const rows = this.#tables.owners.page(place.user, PAGE_ROWS);
    into.push(...rows);
    const bytes = rows.reduce((sum, { user }) => sum + OWNER_BYTES + user.length, 0);
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) return { bytes, next: beginOf("idempotency") };
    return { bytes, next: { ...place, user: last.user } };
  }

  #stepIdempotency(place: ScanPlace, into: IdempotencyRow[]): Step {
    const rows = this.#tables.idempotency.page(place, PAGE_ROWS);
    into.push(...rows);
    const bytes = rows.reduce((sum, { user }) => sum + IDEMPOTENCY_BYTES + user.length, 0);
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) return { bytes, next: beginOf("lost") };
    return { bytes, next: { ...place, user: last.user, k: last.k } };
  }

  #stepLost(place: ScanPlace, into: LostRow[]): Step {
    const [o, e, s] = place.key === "" ? [-1, 0, 0] : place.key.split(".").map(Number);
    const row = this.#tables.lost.next({ user: place.user, o: o!, e: e!, s: s! });
    if (row === null) return { bytes: 0, next: beginOf("items") };
    into.push(row);
    const key = `${row.o}.${row.e}.${row.s}`;
    return { bytes: LOST_BYTES + row.record.length, next: { ...place, user: row.user, key } };
  }

  #stepItems(place: ScanPlace, room: number, into: ItemRow[]): Step {
    const { items, bytes, isLast } = this.#tables.items.page(place, room, PAGE_ROWS);
    into.push(...items);
    const last = items.at(-1);
    if (last === undefined || isLast) return { bytes, next: null };
    return { bytes, next: { ...beginOf("items"), user: last.user, key: last.key } };
  }
}

function beginOf(table: ScanPlace["table"]): ScanPlace {
  return { table, user: "", key: "", k: NO_BYTES };
}

function encodeCursor(place: ScanPlace): Uint8Array {
  return new BinaryWriter().string(place.table).string(place.user).string(place.key).bytes(place.k).finish();
}

function decodeCursor(bytes: Uint8Array): ScanPlace {
  if (bytes.length === 0) return beginOf("owners");
  const reader = new BinaryReader(bytes);
  const table = reader.string();
  if (table !== "owners" && table !== "idempotency" && table !== "lost" && table !== "items")
    throw new Error(`a scan cursor names no table: ${table}`);
  return { table, user: reader.string(), key: reader.string(), k: reader.bytes() };
}
