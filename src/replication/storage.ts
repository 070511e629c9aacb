/**
 * What the core keeps. Synchronous; every call of one turn is one transaction, which the host commits or rolls back
 * whole. The one implementation is src/storage; it runs on Durable Objects and on Node. The rows have their own files; whoever
 * stores or looks up takes them from here.
 */
import type { AcceptorRow, GrantRow, LeadershipRow } from "./authority-row.ts";
import type { LostState, RawEntry } from "./entry.ts";
import type {
  BaseRow,
  CutPlace,
  DivergentRow,
  EpochRow,
  LogHead,
  LogRow,
  UndoImage,
  UserEntry,
} from "./log-row.ts";
import type { Epoch, Position, RegionIndex } from "./position.ts";
import type { ErasureRow, IdempotencyRow, ItemRow, LostRow, OwnerRow } from "./state-row.ts";
import type { ExpiredItem, ListQuery, StoredItem } from "./stored-item.ts";
import type { ErasureWork, OutboxRow, PinRow, RestoreRow, SinkRow } from "./work-row.ts";

export type * from "./authority-row.ts";
export type * from "./log-row.ts";
export type * from "./stored-item.ts";
export type * from "./work-row.ts";

export interface Storage {
  meta(k: string): string | number | null;
  setMeta(k: string, v: string | number): void;

  acceptors(): AcceptorRow[];
  putAcceptor(row: AcceptorRow): void;
  grants(): GrantRow[];
  putGrant(row: GrantRow): void;
  leaderships(): LeadershipRow[];
  putLeadership(row: LeadershipRow): void;

  bases(): BaseRow[];
  putBase(row: BaseRow): void;
  epochs(): EpochRow[];
  putEpoch(row: EpochRow): void;
  /** Forgets epochs that begin at or after `start`. */
  dropEpochs(o: RegionIndex, start: number): void;
  /** Last row of the log; null when it is empty above its base. */
  head(o: RegionIndex): LogHead | null;
  /** Last applied row of the log; 0 when none is. */
  appliedHead(o: RegionIndex): number;
  insertEntry(row: LogRow): void;
  /** Has the row of the log's last entry, at `s`, say a later commit position than was known when it was written. */
  keepCommit(o: RegionIndex, s: number, commit: number): void;
  markApplied(o: RegionIndex, s: number, undo: UndoImage | null): void;
  /** Everything through `after` counts as applied, everything after it as stored only again; undo images are void. */
  markUnapplied(o: RegionIndex, after: number): void;
  entry(o: RegionIndex, s: number): LogRow | null;
  /** Entries after `after`, at least one where there is one, then as many as fit; and the chain hash after the last. */
  entries(
    o: RegionIndex,
    after: number,
    bytesMax: number,
    entriesMax: number,
  ): { entries: RawEntry[]; chain: Uint8Array };
  /**
   * Entries of a user in (after, through], oldest first, at most `entriesMax`; those whose user is not known come along. `looked`:
   * how far that goes, `through` unless there was more to look at than one turn should.
   */
  entriesOf(
    o: RegionIndex,
    user: string,
    range: { readonly after: number; readonly through: number; readonly entriesMax: number },
  ): { readonly found: readonly UserEntry[]; readonly looked: number };
  /** Whose entries stand in (after, through]; null: somebody's, it is not known whose. For short ranges. */
  usersOf(o: RegionIndex, after: number, through: number): ReadonlySet<string | null>;
  /** Newest first, for the idempotency of the edge's keys. */
  entriesDown(o: RegionIndex, below: number, bytesMax: number, entriesMax: number): LogRow[];
  /** Bytes of the entries after `after`. */
  logBytes(o: RegionIndex, after: number): number;
  deleteEntry(o: RegionIndex, s: number): void;
  /** First row of the log. */
  first(o: RegionIndex): { s: number; hlc: number } | null;
  /** The log's oldest rows, none after upTo, as many as fit. */
  rowsForCompaction(
    o: RegionIndex,
    upTo: number,
    bytesMax: number,
    rowsMax: number,
  ): { s: number; e: Epoch; hlc: number; chain: Uint8Array; entry: Uint8Array }[];
  deleteThrough(o: RegionIndex, s: number): void;
  /** Throws away a log whole: a snapshot replaces it. */
  clearLog(o: RegionIndex): void;

  item(user: string, key: string, withValue: boolean): StoredItem | null;
  putItem(row: ItemRow): void;
  deleteItem(user: string, key: string): void;
  /** Items in byte order of their keys, tombstones included, without their values. */
  list(query: ListQuery): StoredItem[];
  /** Values by key, of the keys that are there. */
  values(user: string, keys: readonly string[]): ReadonlyMap<string, Uint8Array>;
  /**
   * When the first item of the users who are at home in the origin's log expires; Infinity when none ever does. An answer of
   * `exactBelow` or later may be too early, where the item was replaced since.
   */
  earliestExpiry(o: RegionIndex, exactBelow: number): number;
  /** Items of the users who are at home in the origin's log that expire at `through` or before, the earliest first. */
  expiredItems(o: RegionIndex, through: number, rowsMax: number): ExpiredItem[];
  owner(user: string): OwnerRow | null;
  putOwner(row: OwnerRow): void;
  deleteOwner(user: string): void;
  /** Users on the way from one log to another. */
  movingUsers(): ReadonlySet<string>;
  idempotency(user: string, k: Uint8Array): IdempotencyRow | null;
  putIdempotency(row: IdempotencyRow): void;
  deleteIdempotency(user: string, k: Uint8Array): void;
  countIdempotency(user: string): number;
  /** Drops the user's oldest rows beyond `keep`. */
  trimIdempotency(user: string, keep: number): void;
  /** Drops up to rowsMax rows with an hlc below, wherever they are; answers how many. */
  expireIdempotency(hlcBelow: number, rowsMax: number): number;

  outbox(): OutboxRow[];
  putOutbox(row: OutboxRow): void;
  deleteOutbox(o: RegionIndex, dest: RegionIndex): void;
  sinks(): SinkRow[];
  putSink(row: SinkRow): void;
  pins(): PinRow[];
  putPin(row: PinRow): void;
  deletePin(id: string): void;
  restore(): RestoreRow | null;
  putRestore(row: RestoreRow): void;
  deleteRestore(): void;
  /** Keeps an entry that was cut off, until it is recorded in its log. */
  putDivergent(row: DivergentRow): void;
  /** In the order of their places. */
  cutPlaces(): readonly CutPlace[];
  divergentAt(position: Position): DivergentRow | null;
  deleteDivergent(position: Position): void;

  putLost(row: LostRow): void;
  lostAt(user: string, position: Position): LostRow | null;
  /** The user's next one in the order of the places, folded ones left out. */
  lostAfter(user: string, after: Position | null): LostRow | null;
  /** The user's lost writes that came of one request, folded ones left out. */
  lostOfRequest(user: string, identity: Uint8Array): LostRow[];
  /** `by` is null where it is open again. */
  settleLost(user: string, position: Position, state: LostState, by: Position | null): void;
  deleteLost(user: string, position: Position): void;

  erasures(): ErasureWork[];
  putErasure(row: ErasureWork): void;
  /** Names of users with a home, in order. */
  ownersAfter(user: string, rowsMax: number): string[];
  /** Items, tombstones, idempotency keys, lost writes and home of the user; with `before`, only what was written before that hlc, and not the home. */
  eraseUser(user: string, before: number | null): void;
  /** Puts `bytes` in the entry's place, without an undo image. Its chain hash stays. */
  redactEntry(o: RegionIndex, s: number, bytes: Uint8Array): void;
  hasRedacted(o: RegionIndex): boolean;
  /** One step of writing over what the database does not use any more. */
  scrub(): "more" | "done" | "too-large";
  /** `before`, ms since 1970; all of it unless given. */
  deletePoison(before?: number): void;
  putPoison(at: number, error: string, raw: Uint8Array): void;
  countPoison(): number;

  /** Everything but the logs, in a stable order, from a cursor: for a snapshot. */
  scan(
    cursor: Uint8Array,
    bytesMax: number,
  ): {
    items: ItemRow[];
    owners: OwnerRow[];
    idempotency: IdempotencyRow[];
    erasures: ErasureRow[];
    lost: LostRow[];
    cursor: Uint8Array;
  };
  /** Empties items, owners, idempotency and lost writes: a snapshot begins anew. */
  clearState(): void;
}
