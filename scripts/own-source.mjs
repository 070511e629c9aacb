/**
 * Lets this package's TypeScript run where it is installed as a dependency: Node takes the types off by itself, but for nothing
 * below node_modules.
 */
import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import { transformSync } from "esbuild";

const SOURCE = new URL("../src/", import.meta.url).href;

export function readOwnSource() {
  if (!SOURCE.includes("/node_modules/")) return;
  registerHooks({
    load(url, context, nextLoad) {
      if (!url.startsWith(SOURCE) || !url.endsWith(".ts")) return nextLoad(url, context);
      const { code } = transformSync(readFileSync(fileURLToPath(url), "utf8"), {
        loader: "ts",
        format: "esm",
        target: "node22",
        sourcefile: url,
        sourcemap: "inline",
      });
      return { format: "module", source: code, shortCircuit: true };
    },
  });
}
