import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { ObjectSqlDriver } from "../../durable-objects/sql-driver.ts";

function withDriver(name: string, check: (driver: ObjectSqlDriver) => void): Promise<void> {
  return runInDurableObject(env.REGION.getByName(name), (_, state) =>
    check(new ObjectSqlDriver(state.storage)),
  );
}

test("values come back as they went in", () =>
  withDriver("default/0/weur", (driver) => {
    driver.run(`CREATE TABLE probe(k TEXT PRIMARY KEY, n INTEGER, b BLOB) WITHOUT ROWID`);
    driver.run(`INSERT INTO probe VALUES(?, ?, ?)`, "ø", Number.MAX_SAFE_INTEGER, Uint8Array.of(0, 255));
    driver.run(`INSERT INTO probe VALUES(?, ?, ?)`, "none", -1, null);
    expect(driver.rows(`SELECT k, n, b, typeof(n) FROM probe ORDER BY n DESC`)).toEqual([
      ["ø", Number.MAX_SAFE_INTEGER, Uint8Array.of(0, 255), "integer"],
      ["none", -1, null, "integer"],
    ]);
  }));

test("a view is stored as what it shows, not as what it looks into", () =>
  withDriver("default/1/weur", (driver) => {
    const view = Uint8Array.of(1, 2, 3, 4).subarray(1, 3);
    expect(driver.rows(`SELECT ?, length(?)`, view, view)).toEqual([[Uint8Array.of(2, 3), 2]]);
  }));

test("a transaction that throws leaves nothing, and a nested one only takes itself along", () =>
  withDriver("default/2/weur", (driver) => {
    driver.run(`CREATE TABLE probe(n INTEGER PRIMARY KEY)`);
    const failing = (n: number) => () => {
      driver.run(`INSERT INTO probe VALUES(?)`, n);
      throw new Error("no");
    };
    expect(() => driver.transaction(failing(1))).toThrow("no");
    driver.transaction(() => {
      driver.run(`INSERT INTO probe VALUES(2)`);
      expect(() => driver.transaction(failing(3))).toThrow("no");
      driver.transaction(() => driver.run(`INSERT INTO probe VALUES(4)`));
    });
    expect(driver.rows(`SELECT n FROM probe`)).toEqual([[2], [4]]);
  }));
