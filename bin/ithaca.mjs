#!/usr/bin/env node
/**
 * The command line: `ithaca start` serves a deployment on this machine, `ithaca token` makes a bearer token for one, `ithaca drill`
 * loses regions on purpose and reports what was kept.
 */
import { handedOver } from "../scripts/own-node.mjs";

if (!handedOver()) await main();

async function main() {
  const { program } = await import("commander");
  const { readOwnSource } = await import("../scripts/own-source.mjs");
  readOwnSource();
  const { latencyOption } = await import("../scripts/latency-option.mjs");
  program.name("ithaca").description("A multi-region replicated store").showHelpAfterError();

  program
    .command("start")
    .description("serve a deployment on this machine, open to whoever asks")
    .option("--port <port>", "0 picks a free one", process.env["PORT"] ?? "8787")
    .option("--data <directory>", "where it is kept", process.env["ITHACA_DATA"] ?? ".ithaca")
    .addOption(latencyOption())
    .action(async (options) => {
      process.env["PORT"] = options.port;
      process.env["ITHACA_DATA"] = options.data;
      if (options.latency !== undefined) process.env["LATENCY"] = options.latency;
      await import("../scripts/start.mjs");
    });

  program
    .command("token")
    .description("print a bearer token, signed with AUTH_SECRET")
    .requiredOption("--sub <user>", "whose token it is")
    .option("--scope <scope...>", "read:any, write:any, admin")
    .option("--read <pattern...>", "what else it may read, like users/bob/shared/*")
    .option("--ns <namespace...>", "namespaces it is good for (the default one unless given)")
    .option("--expires-in <duration>", "like 15m, 8h, 30d", "8h")
    .option("--secret <secret>", "instead of AUTH_SECRET out of the environment or .dev.vars")
    .action(async (options) => {
      const { makeToken, TokenRefused } = await import("../scripts/token.mjs");
      try {
        console.log(await makeToken(options, process.env));
      } catch (error) {
        if (!(error instanceof TokenRefused)) throw error;
        program.error(error.message);
      }
    });

  const drill = program
    .command("drill")
    .description("lose a region (or what else a scenario says) under load, and report what was kept")
    // 1 says that a promise was broken: who asked for something that there is not gets another one.
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));
  drill
    .command("run <scenario>", { isDefault: true })
    .description("run a scenario: a name out of `drill list`, or the path of your own file")
    .option("--target <url>", "a deployment with DRILLS=on; a store of its own is started unless given")
    .option("--token <token>", "bearer token with the scope admin (or ITHACA_TOKEN in the environment)")
    .option("--seed <number>", "the same seed makes the same plan")
    .option("--rate <number>", "operations a second, of all devices together")
    .option("--for <duration>", "how long the fault phase is, like 30s or 10m")
    .option("--cohort <number>", "how many users the drill makes for itself, 200 at most")
    .option("--out <directory>", "where the report goes (drills/<scenario>-<time> unless given)")
    .addOption(latencyOption())
    .option(
      "--keep",
      "leave the drill's users at the deployment; otherwise they are erased, unless something was lost",
    )
    .action(async (scenario, options) => {
      const { drill: run } = await import("../src/drill/command.ts");
      const { startDrillStore } = await import("../scripts/drill-store.mjs");
      const { default: manifest } = await import("../package.json", { with: { type: "json" } });
      const code = await run(scenario, options, {
        startStore: (settings) => startDrillStore(settings),
        version: manifest.version,
        // With this process, but for npm's own start.
        givenAtMs: 0,
      });
      // Whatever it was still waiting for is of no interest any more.
      process.exit(code);
    });
  drill
    .command("list")
    .description("the scenarios that come along")
    .action(async () => console.log((await import("../src/drill/command.ts")).listScenarios()));
  drill
    .command("show <scenario>")
    .description("print a scenario's file")
    .action(async (name) => console.log((await import("../src/drill/command.ts")).showScenario(name)));

  await program.parseAsync();
}
