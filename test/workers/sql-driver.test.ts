import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import { CostMeter } from "../../durable-objects/cost-meter.ts";
import { ObjectSqlDriver } from "../../durable-objects/sql-driver.ts";

function withDriver(
  name: string,
  check: (driver: ObjectSqlDriver, storage: DurableObjectStorage) => void,
): Promise<void> {
  return runInDurableObject(env.REGION.getByName(name), (_, { storage }) =>
    check(new ObjectSqlDriver(storage), storage),
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

test("the meter counts the rows of every statement, as the platform bills them", () =>
  withDriver("default/3/weur", (_, storage) => {
    const meter = new CostMeter();
    const driver = new ObjectSqlDriver(storage, meter);
    driver.run(`CREATE TABLE probe(n INTEGER PRIMARY KEY)`);
    const before = meter.cost;
    driver.run(`INSERT INTO probe VALUES(1), (2), (3)`);
    driver.rows(`SELECT n FROM probe`);
    expect(meter.cost.rowsWritten - before.rowsWritten).toBe(3);
    expect(meter.cost.rowsRead - before.rowsRead).toBeGreaterThanOrEqual(3);
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
