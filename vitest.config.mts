import { loadEnvFile } from "node:process";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

loadEnvFile(new URL("scripts/quiet.env", import.meta.url));

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          // Pure code and SQL, in Node: protocol, checkers, short simulations.
          name: "unit",
          environment: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/workers/**", "test/system/**"],
          testTimeout: 30_000,
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: { bindings: { AUTH_MODE: "open", DRILLS: "on", LOCAL_DEV: "1" } },
          }),
        ],
        test: {
          // The shells, inside the real runtime.
          name: "workers",
          include: ["test/workers/**/*.test.ts"],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          // The whole deployment over HTTP. One at a time: each file starts a runtime of its own.
          name: "system",
          environment: "node",
          include: ["test/system/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
