import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Scrubber, type ScrubMemory } from "../../src/storage/scrub.ts";
import { NodeSqlDriver } from "../support/node-sql-driver.ts";

const CANARY = "c4nary";

let folder: string;
let path: string;
let driver: NodeSqlDriver;
const memory = new Map<string, number>();
const remembered: ScrubMemory = {
  get: (name) => memory.get(name) ?? 0,
  set: (name, bytes) => void memory.set(name, bytes),
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "ithaca-scrub-"));
  path = join(folder, "db");
  memory.clear();
  driver = new NodeSqlDriver({ path, journalMode: "delete", synchronous: "off" });
});
afterEach(() => {
  driver.close();
  rmSync(folder, { recursive: true, force: true });
});

const step = (scrubber: Scrubber) => driver.transaction(() => scrubber.step());

function scrub(scrubber = new Scrubber(driver, remembered)): string {
  for (let n = 0; n < 200; n++) {
    const told = step(scrubber);
    if (told !== "more") return told;
  }
  throw new Error("it does not end");
}

const canaries = () => readFileSync(path).toString("latin1").split(CANARY).length - 1;

/** Keys and values of all sizes, many of them replaced by others, and then all of one user gone. */
function fillAndDelete(): void {
  driver.run(
    `CREATE TABLE IF NOT EXISTS items(user TEXT, key TEXT, value BLOB NOT NULL, at INTEGER, PRIMARY KEY(user, key)) WITHOUT ROWID`,
  );
  driver.run(`CREATE INDEX IF NOT EXISTS items_at ON items(at) WHERE at > 0`);
  const scrubber = new Scrubber(driver, remembered);
  driver.transaction(() => {
    for (let n = 0; n < 400; n++) {
      const value = Buffer.from(`${CANARY} `.repeat(1 + ((n * 7919) % 600)));
      driver.run(
        `INSERT OR REPLACE INTO items VALUES(?, ?, ?, ?)`,
        `${CANARY} user`,
        `k${n % 150}`,
        value,
        n % 3,
      );
      driver.run(
        `INSERT OR REPLACE INTO items VALUES(?, ?, ?, ?)`,
        `user ${n % 90}`,
        `k${n}`,
        Buffer.from("stays"),
        n % 2,
      );
    }
  });
  driver.transaction(() => {
    scrubber.noteSize();
    driver.run(`DELETE FROM items WHERE user = ?`, `${CANARY} user`);
  });
}

test("what was deleted is nowhere in the file afterwards, and everything else is where it was", () => {
  fillAndDelete();
  const before = driver.rows(`SELECT * FROM items ORDER BY user, key`);
  const schema = () => driver.rows(`SELECT type, name, tbl_name FROM sqlite_master ORDER BY type, name`);
  const tables = schema();
  expect(canaries()).toBeGreaterThan(100);
  expect(scrub()).toBe("done");
  expect(canaries()).toBe(0);
  expect(driver.rows(`SELECT * FROM items ORDER BY user, key`)).toEqual(before);
  expect(schema()).toEqual(tables);
  expect(driver.rows(`PRAGMA integrity_check`)).toEqual([["ok"]]);
});

test("also when it begins anew at any step, and others write in between", () => {
  for (let broken = 0; broken < 30; broken += 5) {
    fillAndDelete();
    const first = new Scrubber(driver, remembered);
    for (let n = 0; n < broken; n++) {
      step(first);
      driver.run(`INSERT OR REPLACE INTO items VALUES('late', ?, ?, 1)`, `k${n}`, Buffer.alloc(9_000, 1));
    }
    expect(scrub()).toBe("done");
    expect(canaries(), `broken off after ${broken} steps`).toBe(0);
  }
});

test("does not make the file larger each time", () => {
  fillAndDelete();
  scrub();
  const size = readFileSync(path).length;
  for (let n = 0; n < 4; n++) scrub();
  expect(readFileSync(path).length).toBeLessThan(size + 500_000);
});
