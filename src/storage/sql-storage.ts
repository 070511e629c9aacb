/**
 * The core's storage in SQL, over the few calls that a Durable Object and Node share: the simulator and the tests run
 * the statements that production runs. One file for each noun; here they are put together, with what concerns several.
 *
 * A few things that every request asks for are remembered beside the tables. So a storage whose transaction was rolled
 * back is thrown away with its replica (duty 1 of a host).
 */
import type { Storage } from "../replication/storage.ts";
import { AuthorityTables } from "./authority-tables.ts";
import { DeliveryTables } from "./delivery-tables.ts";
import { DivergentTable } from "./divergent-table.ts";
import { ErasureTable } from "./erasure-table.ts";
import { ExpiringItems } from "./expiring-items.ts";
import { IdempotencyTable } from "./idempotency-table.ts";
import { ItemTable } from "./item-table.ts";
import { LogCourse } from "./log-course.ts";
import { LogTable } from "./log-table.ts";
import { LogUsers, STRETCH_ENTRIES } from "./log-users.ts";
import { LostTable } from "./lost-table.ts";
import { MetaTable } from "./meta-table.ts";
import { OwnerTable } from "./owner-table.ts";
import { PoisonTable } from "./poison-table.ts";
import { Scrubber } from "./scrub.ts";
import { SnapshotTables } from "./snapshot-tables.ts";
import type { SqlDriver } from "./sql-driver.ts";
import { StateScan } from "./state-scan.ts";

export class SqlStorage implements Storage {
  readonly #meta: MetaTable;
  readonly #authority: AuthorityTables;
  readonly #course: LogCourse;
  readonly #users: LogUsers;
  readonly #log: LogTable;
  readonly #expiring: ExpiringItems;
  readonly #owners: OwnerTable;
  readonly #items: ItemTable;
  readonly #idempotency: IdempotencyTable;
  readonly #deliveries: DeliveryTables;
  readonly #snapshots: SnapshotTables;
  readonly #divergent: DivergentTable;
  readonly #lost: LostTable;
  readonly #erasures: ErasureTable;
  readonly #poison: PoisonTable;
  readonly #scan: StateScan;
  readonly #scrubber: Scrubber;

  /** `stretchEntries` is fixed for the life of a database; the simulator's are short. */
  constructor(sql: SqlDriver, stretchEntries = STRETCH_ENTRIES) {
    this.#meta = new MetaTable(sql);
    this.#authority = new AuthorityTables(sql);
    this.#course = new LogCourse(sql);
    this.#users = new LogUsers(sql, stretchEntries);
    this.#log = new LogTable(sql, this.#users);
    this.#expiring = new ExpiringItems(sql);
    this.#owners = new OwnerTable(sql, this.#expiring);
    this.#items = new ItemTable(sql, this.#owners, this.#expiring);
    this.#idempotency = new IdempotencyTable(sql);
    this.#deliveries = new DeliveryTables(sql);
    this.#snapshots = new SnapshotTables(sql);
    this.#divergent = new DivergentTable(sql);
    this.#lost = new LostTable(sql);
    this.#erasures = new ErasureTable(sql);
    this.#poison = new PoisonTable(sql);
    this.#scan = new StateScan({
      owners: this.#owners,
      idempotency: this.#idempotency,
      lost: this.#lost,
      items: this.#items,
      erasures: this.#erasures,
    });
    this.#scrubber = new Scrubber(sql, {
      get: (name) => Number(this.#meta.get(name) ?? 0),
      set: (name, bytes) => this.#meta.set(name, bytes),
    });
  }

  readonly deleteThrough: Storage["deleteThrough"] = (o, s) => {
    this.#scrubber.noteSize();
    this.#log.deleteThrough(o, s);
  };

  readonly clearLog: Storage["clearLog"] = (o) => {
    this.#log.clear(o);
    this.#course.clearEpochs(o);
  };

  readonly eraseUser: Storage["eraseUser"] = (user, before) => {
    this.#scrubber.noteSize();
    this.#items.deleteOf(user, before);
    this.#idempotency.deleteOf(user, before);
    this.#lost.deleteOf(user, before);
    if (before === null) this.#owners.delete(user);
  };

  readonly clearState: Storage["clearState"] = () => {
    this.#scrubber.noteSize();
    this.#items.clear();
    this.#owners.clear();
    this.#idempotency.clear();
    this.#lost.clear();
  };

  readonly scan: Storage["scan"] = (cursor, bytesMax) => this.#scan.scan(cursor, bytesMax);
  readonly scrub: Storage["scrub"] = () => this.#scrubber.step();

  readonly meta: Storage["meta"] = (k) => this.#meta.get(k);
  readonly setMeta: Storage["setMeta"] = (k, v) => this.#meta.set(k, v);

  readonly acceptors: Storage["acceptors"] = () => this.#authority.acceptors();
  readonly putAcceptor: Storage["putAcceptor"] = (row) => this.#authority.putAcceptor(row);
  readonly grants: Storage["grants"] = () => this.#authority.grants();
  readonly putGrant: Storage["putGrant"] = (row) => this.#authority.putGrant(row);
  readonly leaderships: Storage["leaderships"] = () => this.#authority.leaderships();
  readonly putLeadership: Storage["putLeadership"] = (row) => this.#authority.putLeadership(row);

  readonly bases: Storage["bases"] = () => this.#course.bases();
  readonly putBase: Storage["putBase"] = (row) => this.#course.putBase(row);
  readonly epochs: Storage["epochs"] = () => this.#course.epochs();
  readonly putEpoch: Storage["putEpoch"] = (row) => this.#course.putEpoch(row);
  readonly dropEpochs: Storage["dropEpochs"] = (o, start) => this.#course.dropEpochs(o, start);

  readonly head: Storage["head"] = (o) => this.#log.head(o);
  readonly appliedHead: Storage["appliedHead"] = (o) => this.#log.appliedHead(o);
  readonly first: Storage["first"] = (o) => this.#log.first(o);
  readonly insertEntry: Storage["insertEntry"] = (row) => this.#log.insert(row);
  readonly keepCommit: Storage["keepCommit"] = (o, s, commit) => this.#log.keepCommit(o, s, commit);
  readonly markApplied: Storage["markApplied"] = (o, s, undo) => this.#log.markApplied(o, s, undo);
  readonly markUnapplied: Storage["markUnapplied"] = (o, after) => this.#log.markUnapplied(o, after);
  readonly entry: Storage["entry"] = (o, s) => this.#log.entry(o, s);
  readonly entries: Storage["entries"] = (o, after, bytesMax, entriesMax) =>
    this.#log.entries(o, after, bytesMax, entriesMax);
  readonly entriesDown: Storage["entriesDown"] = (o, below, bytesMax, entriesMax) =>
    this.#log.entriesDown(o, below, bytesMax, entriesMax);
  readonly rowsForCompaction: Storage["rowsForCompaction"] = (o, upTo, bytesMax, rowsMax) =>
    this.#log.rowsForCompaction(o, upTo, bytesMax, rowsMax);
  readonly logBytes: Storage["logBytes"] = (o, after) => this.#log.bytes(o, after);
  readonly deleteEntry: Storage["deleteEntry"] = (o, s) => this.#log.deleteOne(o, s);
  readonly redactEntry: Storage["redactEntry"] = (o, s, bytes) => this.#log.redact(o, s, bytes);
  readonly hasRedacted: Storage["hasRedacted"] = (o) => this.#log.hasRedacted(o);

  readonly entriesOf: Storage["entriesOf"] = (o, user, range) => this.#users.entriesOf(o, user, range);
  readonly usersOf: Storage["usersOf"] = (o, after, through) => this.#users.within(o, after, through);

  readonly item: Storage["item"] = (user, key, withValue) => this.#items.get(user, key, withValue);
  readonly putItem: Storage["putItem"] = (row) => this.#items.put(row);
  readonly deleteItem: Storage["deleteItem"] = (user, key) => this.#items.delete(user, key);
  readonly list: Storage["list"] = (query) => this.#items.list(query);
  readonly values: Storage["values"] = (user, keys) => this.#items.values(user, keys);

  readonly earliestExpiry: Storage["earliestExpiry"] = (o, exactBelow) =>
    this.#expiring.earliest(o, exactBelow);
  readonly expiredItems: Storage["expiredItems"] = (o, through, rowsMax) =>
    this.#expiring.through(o, through, rowsMax);

  readonly owner: Storage["owner"] = (user) => this.#owners.get(user);
  readonly putOwner: Storage["putOwner"] = (row) => this.#owners.put(row);
  readonly deleteOwner: Storage["deleteOwner"] = (user) => this.#owners.delete(user);
  readonly movingUsers: Storage["movingUsers"] = () => this.#owners.moving();
  readonly ownersAfter: Storage["ownersAfter"] = (user, rowsMax) => this.#owners.namesAfter(user, rowsMax);

  readonly idempotency: Storage["idempotency"] = (user, k) => this.#idempotency.get(user, k);
  readonly putIdempotency: Storage["putIdempotency"] = (row) => this.#idempotency.put(row);
  readonly deleteIdempotency: Storage["deleteIdempotency"] = (user, k) => this.#idempotency.delete(user, k);
  readonly countIdempotency: Storage["countIdempotency"] = (user) => this.#idempotency.count(user);
  readonly trimIdempotency: Storage["trimIdempotency"] = (user, keep) => this.#idempotency.trim(user, keep);
  readonly expireIdempotency: Storage["expireIdempotency"] = (hlcBelow, rowsMax) =>
    this.#idempotency.expire(hlcBelow, rowsMax);

  readonly outbox: Storage["outbox"] = () => this.#deliveries.outbox();
  readonly putOutbox: Storage["putOutbox"] = (row) => this.#deliveries.putOutbox(row);
  readonly deleteOutbox: Storage["deleteOutbox"] = (o, dest) => this.#deliveries.deleteOutbox(o, dest);
  readonly sinks: Storage["sinks"] = () => this.#deliveries.sinks();
  readonly putSink: Storage["putSink"] = (row) => this.#deliveries.putSink(row);

  readonly pins: Storage["pins"] = () => this.#snapshots.pins();
  readonly putPin: Storage["putPin"] = (row) => this.#snapshots.putPin(row);
  readonly deletePin: Storage["deletePin"] = (id) => this.#snapshots.deletePin(id);
  readonly restore: Storage["restore"] = () => this.#snapshots.restore();
  readonly putRestore: Storage["putRestore"] = (row) => this.#snapshots.putRestore(row);
  readonly deleteRestore: Storage["deleteRestore"] = () => this.#snapshots.deleteRestore();

  readonly putDivergent: Storage["putDivergent"] = (row) => this.#divergent.put(row);
  readonly cutPlaces: Storage["cutPlaces"] = () => this.#divergent.places();
  readonly divergentAt: Storage["divergentAt"] = (position) => this.#divergent.at(position);
  readonly deleteDivergent: Storage["deleteDivergent"] = (position) => this.#divergent.delete(position);

  readonly putLost: Storage["putLost"] = (row) => this.#lost.put(row);
  readonly lostAt: Storage["lostAt"] = (user, position) => this.#lost.at(user, position);
  readonly lostAfter: Storage["lostAfter"] = (user, after) => this.#lost.after(user, after);
  readonly lostOfRequest: Storage["lostOfRequest"] = (user, identity) => this.#lost.ofRequest(user, identity);
  readonly settleLost: Storage["settleLost"] = (user, position, state, by) =>
    this.#lost.settle(user, position, state, by);
  readonly deleteLost: Storage["deleteLost"] = (user, position) => this.#lost.delete(user, position);

  readonly erasures: Storage["erasures"] = () => this.#erasures.all();
  readonly putErasure: Storage["putErasure"] = (row) => this.#erasures.put(row);

  readonly putPoison: Storage["putPoison"] = (at, error, raw) => this.#poison.put(at, error, raw);
  readonly deletePoison: Storage["deletePoison"] = (before) => this.#poison.delete(before);
  readonly countPoison: Storage["countPoison"] = () => this.#poison.count();
}
