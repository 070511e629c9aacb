import { loadEnvFile } from "node:process";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

loadEnvFile(new URL("scripts/quiet.env", import.meta.url));

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          // Pure code and SQL, in Node: protocol, checkers, the edge over regions that are played.
          name: "unit",
          environment: "node",
          include: ["test/**/*.test.ts"],
          exclude: ["test/simulation/**", "test/workers/**", "test/system/**"],
          testTimeout: 30_000,
        },
      },
      {
        test: {
          // Some hundred deployments played through: the longest of all, and so a project of its own.
          name: "simulation",
          environment: "node",
          include: ["test/simulation/**/*.test.ts"],
          testTimeout: 60_000,
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
