import { expect, test } from "vitest";
import { migrate } from "../../src/storage/schema.ts";
import { NodeSqlDriver } from "../support/node-sql-driver.ts";

/** The statements of each migration, as they reach a database that has run none. */
function statementsOf(upTo: number): string[] {
  const driver = new NodeSqlDriver();
  migrate(driver, 0, upTo);
  return driver
    .rows(`SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name <> 'migrations' ORDER BY name`)
    .map(([name, sql]) => `${String(name)}(${String(sql).slice(String(sql).indexOf("(") + 1)}`);
}

// Word for word: a change to what was shipped never reaches a database that has run it.
test("the first migration stays as it was shipped", () => {
  expect(statementsOf(1)).toMatchInlineSnapshot(`
    [
      "acceptor(o INTEGER PRIMARY KEY, promised INTEGER NOT NULL, max_counter INTEGER NOT NULL, leader_e INTEGER NOT NULL, leader_inc INTEGER NOT NULL)",
      "base(o INTEGER PRIMARY KEY, e INTEGER NOT NULL, s INTEGER NOT NULL, chain BLOB NOT NULL, hlc INTEGER NOT NULL, reclaimed_e INTEGER NOT NULL, reclaimed_s INTEGER NOT NULL)",
      "divergent(o INTEGER, e INTEGER, s INTEGER, applied INTEGER NOT NULL, found_at INTEGER NOT NULL, entry BLOB NOT NULL, undo BLOB, PRIMARY KEY(o, e, s)) WITHOUT ROWID",
      "epochs(o INTEGER, e INTEGER, start INTEGER NOT NULL, PRIMARY KEY(o, e)) WITHOUT ROWID",
      "grants(o INTEGER, grantee INTEGER, until INTEGER NOT NULL, PRIMARY KEY(o, grantee)) WITHOUT ROWID",
      "idempotency(user TEXT, k BLOB, fingerprint BLOB NOT NULL, o INTEGER NOT NULL, e INTEGER NOT NULL, s INTEGER NOT NULL, status INTEGER NOT NULL, hlc INTEGER NOT NULL, PRIMARY KEY(user, k)) WITHOUT ROWID",
      "items(user TEXT, key TEXT, o INTEGER NOT NULL, e INTEGER NOT NULL, s INTEGER NOT NULL, hlc INTEGER NOT NULL, owner_version INTEGER NOT NULL, tombstone INTEGER NOT NULL, expires_at INTEGER NOT NULL, content_type TEXT NOT NULL, size INTEGER NOT NULL, xdeps BLOB NOT NULL, value BLOB NOT NULL, PRIMARY KEY(user, key)) WITHOUT ROWID",
      "leadership(o INTEGER PRIMARY KEY, e INTEGER NOT NULL, opened INTEGER NOT NULL, ack_after INTEGER NOT NULL, lease_until INTEGER NOT NULL)",
      "log(place INTEGER PRIMARY KEY, o INTEGER NOT NULL, s INTEGER NOT NULL, e INTEGER NOT NULL, hlc INTEGER NOT NULL, commit_s INTEGER NOT NULL, applied INTEGER NOT NULL, chain BLOB NOT NULL, entry BLOB NOT NULL, undo BLOB)",
      "meta(k TEXT PRIMARY KEY, v) WITHOUT ROWID",
      "outbox(o INTEGER, dest INTEGER, stage INTEGER NOT NULL, next_at INTEGER NOT NULL, PRIMARY KEY(o, dest)) WITHOUT ROWID",
      "owners(user TEXT PRIMARY KEY, home INTEGER NOT NULL, version INTEGER NOT NULL, o INTEGER NOT NULL, e INTEGER NOT NULL, s INTEGER NOT NULL) WITHOUT ROWID",
      "pins(id TEXT PRIMARY KEY, until INTEGER NOT NULL, bases TEXT NOT NULL) WITHOUT ROWID",
      "poison(id INTEGER PRIMARY KEY, at INTEGER NOT NULL, error TEXT NOT NULL, raw BLOB NOT NULL)",
      "restore(id TEXT PRIMARY KEY, source INTEGER NOT NULL, cursor BLOB NOT NULL, scanned INTEGER NOT NULL, bases TEXT NOT NULL, until TEXT NOT NULL) WITHOUT ROWID",
      "undo(o INTEGER, s INTEGER, n INTEGER, image BLOB NOT NULL, PRIMARY KEY(o, s, n)) WITHOUT ROWID",
    ]
  `);
});
