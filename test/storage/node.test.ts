import { NodeSqlDriver } from "../support/node-sql-driver.ts";
import { describeKeyRange, describeStorage } from "./storage-suite.ts";

describeStorage("node:sqlite", (check) => {
  const driver = new NodeSqlDriver();
  try {
    check(driver);
  } finally {
    driver.close();
  }
});

describeKeyRange();
