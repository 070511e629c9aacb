import { availableParallelism } from "node:os";
import { loadEnvFile } from "node:process";
import { cloudflareTest } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

loadEnvFile(new URL("scripts/quiet.env", import.meta.url));

export default defineConfig({
  test: {
    // Half of what the system tests do is waiting: on a small machine a second file makes use of it.
    maxWorkers: Math.max(2, availableParallelism() - 1),
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
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          // The whole deployment over HTTP: each file starts a runtime of its own, on a free port and in a directory of its own.
          name: "system",
          environment: "node",
          include: ["test/system/**/*.test.ts"],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
