/**
 * The OpenAPI document as `/openapi.json` serves it, checked by a linter that others use for theirs. Any finding fails.
 *
 * The rules are the linter's strict set. Where one does not fit, its reason stands beside it.
 */
import { BaseResolver, createConfig, formatProblems, getTotals, lintFromString } from "@redocly/openapi-core";
import { handedOver } from "./own-node.mjs";

const RULES = /** @type {const} */ ({
  // Health, metrics, this document and its pages take no input that could be refused: no 4xx of theirs exists.
  "operation-4xx-response": "off",
  // Not in the strict set, and wanted.
  "operation-description": "error",
  "operation-tag-defined": "error",
  "operation-singular-tag": "error",
  "parameter-description": "error",
  "info-contact": "error",
  "path-params-defined": "error",
  "no-http-verbs-in-paths": "error",
  "array-parameter-serialization": "error",
  "spec-strict-refs": "error",
});

if (!handedOver()) await main();

async function main() {
  const { openApiDocument } = await import("../src/api/openapi.ts");
  const source = JSON.stringify(openApiDocument("1.0.0"), null, 2);
  const config = await createConfig({ extends: ["recommended-strict"], rules: RULES, telemetry: "off" });
  const problems = await lintFromString({
    source,
    absoluteRef: "openapi.json",
    config,
    externalRefResolver: new BaseResolver(),
  });
  const totals = getTotals(problems);
  if (problems.length > 0) {
    formatProblems(problems, { format: "stylish", totals, version: "", maxProblems: 100 });
    process.exitCode = 1;
    return;
  }
  const { paths } = JSON.parse(source);
  console.log(`openapi: ${Object.keys(paths).length} paths, no findings`);
}
