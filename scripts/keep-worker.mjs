/**
 * Keeps a built copy of today's Worker under test/fixtures/workers, for tests of upgrades: what it has written every later
 * version has to read, and the other way round while both serve.
 *
 *   npm run keep-worker -- 0.1.0
 */
import { mkdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { builtWorker } from "./local-worker.mjs";

const [name] = process.argv.slice(2);
if (name === undefined || !/^[a-z0-9.-]+$/.test(name)) {
  console.error("npm run keep-worker -- <name>, of small letters, digits, dots and hyphens");
  process.exit(1);
}
const folder = new URL("../test/fixtures/workers/", import.meta.url);
await mkdir(folder, { recursive: true });
const file = new URL(`${name}.worker`, folder);
await writeFile(file, await builtWorker({ minify: true }));
console.log(fileURLToPath(file));
