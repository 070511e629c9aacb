/** The storage suite over a real Durable Object: the statements that production runs, where production runs them. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { ObjectSqlDriver } from "../../durable-objects/sql-driver.ts";
import { describeStorage } from "../storage/storage-suite.ts";

/** One object is enough: every check finds it emptied. Its own replica is asked nothing meanwhile. */
describeStorage("a Durable Object", (check) =>
  runInDurableObject(env.REGION.getByName("default/15/apac"), (_, state) => {
    const driver = new ObjectSqlDriver(state.storage);
    const tables = driver.rows(
      `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'`,
    );
    for (const [name] of tables) driver.run(`DROP TABLE ${String(name)}`);
    check(driver);
  }),
);
