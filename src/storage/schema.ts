/**
 * The tables of a replica, as numbered migrations that are only ever appended to.
 *
 * Written for the bill as much as for the reader: the platform charges for each row written, an index entry counts as a
 * row, and a table with a rowid and a text key counts twice. So every table is WITHOUT ROWID (or keyed by one integer),
 * the two secondary indexes hold only the items that expire and the users on the move, and what one write needs stands in as few rows as can be: the
 * log row carries the undo image and the commit position known when it was written; the head, the applied position and
 * the clock are read off the log's last row. A plain put at its leader writes two rows, log and item.
 */
import type { SqlDriver } from "./sql-driver.ts";

interface Migration {
  readonly id: number;
  readonly statements: readonly string[];
}

const MIGRATIONS: readonly Migration[] = [
  {
    id: 1,
    statements: [
      // Identity: region, storeId, incarnation, fence.
      `CREATE TABLE meta(k TEXT PRIMARY KEY, v) WITHOUT ROWID`,
      // R1: what was promised; R7: the highest incarnation seen of the leader of an epoch.
      `CREATE TABLE acceptor(o INTEGER PRIMARY KEY, promised INTEGER NOT NULL, max_counter INTEGER NOT NULL, leader_e INTEGER NOT NULL, leader_inc INTEGER NOT NULL)`,
      // R5: one row for each grantee. A grant to another never replaces it.
      `CREATE TABLE grants(o INTEGER, grantee INTEGER, until INTEGER NOT NULL, PRIMARY KEY(o, grantee)) WITHOUT ROWID`,
      `CREATE TABLE leadership(o INTEGER PRIMARY KEY, e INTEGER NOT NULL, opened INTEGER NOT NULL, ack_after INTEGER NOT NULL, lease_until INTEGER NOT NULL)`,
      // Where a compacted log begins; the log's rows cover (s, head].
      `CREATE TABLE base(o INTEGER PRIMARY KEY, e INTEGER NOT NULL, s INTEGER NOT NULL, chain BLOB NOT NULL, hlc INTEGER NOT NULL, reclaimed_e INTEGER NOT NULL, reclaimed_s INTEGER NOT NULL)`,
      // applied: 0 stored only, 1 applied. undo: pre-images while they may be needed, NULL when none were taken here.
      // place: o * 2^48 + s. One integer keys a table whose pages hold a row of 2 KB whole; one without a rowid would spill it.
      `CREATE TABLE log(place INTEGER PRIMARY KEY, o INTEGER NOT NULL, s INTEGER NOT NULL, e INTEGER NOT NULL, hlc INTEGER NOT NULL, commit_s INTEGER NOT NULL, applied INTEGER NOT NULL, chain BLOB NOT NULL, entry BLOB NOT NULL, undo BLOB)`,
      // Pre-images that do not fit beside their entry.
      `CREATE TABLE undo(o INTEGER, s INTEGER, n INTEGER, image BLOB NOT NULL, PRIMARY KEY(o, s, n)) WITHOUT ROWID`,
      `CREATE TABLE epochs(o INTEGER, e INTEGER, start INTEGER NOT NULL, PRIMARY KEY(o, e)) WITHOUT ROWID`,
      `CREATE TABLE items(user TEXT, key TEXT, o INTEGER NOT NULL, e INTEGER NOT NULL, s INTEGER NOT NULL, hlc INTEGER NOT NULL, owner_version INTEGER NOT NULL, tombstone INTEGER NOT NULL, expires_at INTEGER NOT NULL, content_type TEXT NOT NULL, size INTEGER NOT NULL, xdeps BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY(user, key)) WITHOUT ROWID`,
      `CREATE TABLE owners(user TEXT PRIMARY KEY, home INTEGER NOT NULL, version INTEGER NOT NULL, o INTEGER NOT NULL, e INTEGER NOT NULL, s INTEGER NOT NULL) WITHOUT ROWID`,
      `CREATE TABLE idempotency(user TEXT, k BLOB, fingerprint BLOB NOT NULL, o INTEGER NOT NULL, e INTEGER NOT NULL, s INTEGER NOT NULL, status INTEGER NOT NULL, hlc INTEGER NOT NULL, PRIMARY KEY(user, k)) WITHOUT ROWID`,
      // Destinations that did not acknowledge in time, and when they are tried next.
      `CREATE TABLE outbox(o INTEGER, dest INTEGER, stage INTEGER NOT NULL, next_at INTEGER NOT NULL, PRIMARY KEY(o, dest)) WITHOUT ROWID`,
      `CREATE TABLE pins(id TEXT PRIMARY KEY, until INTEGER NOT NULL, bases TEXT NOT NULL) WITHOUT ROWID`,
      // At most one row: the snapshot that is being taken over.
      `CREATE TABLE restore(id TEXT PRIMARY KEY, source INTEGER NOT NULL, cursor BLOB NOT NULL, scanned INTEGER NOT NULL, bases TEXT NOT NULL, until TEXT NOT NULL) WITHOUT ROWID`,
      // Entries that a truncation cut off.
      `CREATE TABLE divergent(o INTEGER, e INTEGER, s INTEGER, applied INTEGER NOT NULL, found_at INTEGER NOT NULL, entry BLOB NOT NULL, undo BLOB, PRIMARY KEY(o, e, s)) WITHOUT ROWID`,
      `CREATE TABLE poison(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, error TEXT NOT NULL, raw BLOB NOT NULL)`,
    ],
  },
  {
    id: 2,
    statements: [
      // What expires, and when, by the log that wrote it: whoever leads that log reclaims it. An item that never expires is
      // not in it and pays nothing; undo, snapshots and rows of before this migration need nobody to keep it in step.
      `CREATE INDEX items_expiring ON items(o, expires_at) WHERE expires_at > 0`,
    ],
  },
  {
    id: 3,
    statements: [
      // For the change feed. Whose entry it is stands before the blobs, so that a look through a few hundred rows reads no
      // overflow page; NULL: not known, the entry itself tells. A new table, because a column can only be added at the end.
      `ALTER TABLE log RENAME TO log_before_3`,
      `CREATE TABLE log(place INTEGER PRIMARY KEY, o INTEGER NOT NULL, s INTEGER NOT NULL, e INTEGER NOT NULL, hlc INTEGER NOT NULL, commit_s INTEGER NOT NULL, applied INTEGER NOT NULL, user TEXT, chain BLOB NOT NULL, entry BLOB NOT NULL, undo BLOB)`,
      `INSERT INTO log SELECT place, o, s, e, hlc, commit_s, applied, NULL, chain, entry, undo FROM log_before_3`,
      `DROP TABLE log_before_3`,
      // A filter of users for each stretch of 256 entries that is complete and all known; one without a row is looked through.
      `CREATE TABLE stretches(o INTEGER, stretch INTEGER, users BLOB NOT NULL, PRIMARY KEY(o, stretch)) WITHOUT ROWID`,
    ],
  },
  {
    id: 4,
    statements: [
      // Of an item that was imported, and of its tombstone: digests of what was imported.
      `ALTER TABLE items ADD COLUMN mark BLOB`,
    ],
  },
  {
    id: 5,
    statements: [
      // Users who were erased, by digest. stage: 0 their entries are being redacted, 1 the rest is to be written over, 2 done,
      // 3 done, the database being too large to be written over. log, through: how far redacting has come.
      `CREATE TABLE erasures(o INTEGER, e INTEGER, s INTEGER, hlc INTEGER NOT NULL, id BLOB NOT NULL, digest BLOB NOT NULL, stage INTEGER NOT NULL, log INTEGER NOT NULL, through INTEGER NOT NULL, done_at INTEGER NOT NULL, PRIMARY KEY(o, e, s)) WITHOUT ROWID`,
      // 1: of an erased user; its chain hash was computed from bytes that are gone.
      `ALTER TABLE log ADD COLUMN redacted INTEGER`,
    ],
  },
  {
    id: 6,
    statements: [
      // How far each log's changes are with each sink. through: the end of a batch that failed, so that it is the same batch again.
      `CREATE TABLE sinks(o INTEGER, name TEXT, round INTEGER NOT NULL, delivered INTEGER NOT NULL, state INTEGER NOT NULL, through INTEGER NOT NULL, attempts INTEGER NOT NULL, next_at INTEGER NOT NULL, error TEXT NOT NULL, PRIMARY KEY(o, name)) WITHOUT ROWID`,
    ],
  },
  {
    id: 7,
    statements: [
      // Writes that failovers cut off, the same at every replica. recorded_e, recorded_s: where the entry stands, in the same log,
      // that says so; record: its bytes. state: 1 open, 2 replayed, 3 discarded, 4 folded into another one; by_*: by which entry,
      // into which one. identity: digest of the idempotency key's request, empty where there was none.
      `CREATE TABLE lost(user TEXT, o INTEGER, e INTEGER, s INTEGER, hlc INTEGER NOT NULL, recorded_e INTEGER NOT NULL, recorded_s INTEGER NOT NULL, state INTEGER NOT NULL, by_o INTEGER, by_e INTEGER, by_s INTEGER, identity BLOB NOT NULL, record BLOB NOT NULL, PRIMARY KEY(user, o, e, s)) WITHOUT ROWID`,
      // Of what was cut off here and is not known to be recorded. NULL: of before this migration, or not to be read by this code.
      `ALTER TABLE divergent ADD COLUMN user TEXT`,
    ],
  },
  {
    id: 8,
    statements: [
      // Users who are at home elsewhere than they were, or on the way: moving is the origin that they go to, course the rest of
      // it, and where they were before.
      `ALTER TABLE owners ADD COLUMN moving INTEGER`,
      `ALTER TABLE owners ADD COLUMN course BLOB`,
      `CREATE INDEX owners_moving ON owners(user) WHERE moving IS NOT NULL`,
      // What expires is reclaimed by the log of its user's home. NULL: that is the log that wrote it.
      `ALTER TABLE items ADD COLUMN reclaimer INTEGER`,
      `DROP INDEX items_expiring`,
      `CREATE INDEX items_expiring ON items(coalesce(reclaimer, o), expires_at) WHERE expires_at > 0`,
    ],
  },
  {
    id: 9,
    statements: [
      // What a leader knows of the other voters, as JSON, in the row that it writes with each lease: a voter that says less later
      // has lost its memory.
      `ALTER TABLE leadership ADD COLUMN voters TEXT`,
    ],
  },
];

/**
 * Brings the tables up to date, and answers whether there were none. `now` (ms since 1970) is only noted beside the migration. Call
 * inside a transaction. `upTo`: for tests of migrations.
 */
export function migrate(driver: SqlDriver, now: number, upTo = Infinity): boolean {
  const isNew = driver.rows(`SELECT 1 FROM sqlite_master WHERE name = 'migrations'`).length === 0;
  if (isNew) driver.run(`CREATE TABLE migrations(id INTEGER PRIMARY KEY, at INTEGER NOT NULL)`);
  const done = new Set(driver.rows(`SELECT id FROM migrations`).map((row) => row[0]));
  for (const migration of MIGRATIONS) {
    if (done.has(migration.id) || migration.id > upTo) continue;
    for (const statement of migration.statements) driver.run(statement);
    driver.run(`INSERT INTO migrations(id, at) VALUES(?, ?)`, migration.id, now);
  }
  return isNew;
}
