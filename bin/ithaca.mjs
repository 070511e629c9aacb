#!/usr/bin/env node
/** The command line: `ithaca start` serves a deployment on this machine, `ithaca token` makes a bearer token for one. */
import { handedOver } from "../scripts/own-node.mjs";

if (!handedOver()) await main();

async function main() {
  const { program } = await import("commander");
  program.name("ithaca").description("A multi-region replicated store").showHelpAfterError();

  program
    .command("start")
    .description("serve a deployment on this machine, open to whoever asks")
    .option("--port <port>", "0 picks a free one", process.env["PORT"] ?? "8787")
    .option("--data <directory>", "where it is kept", process.env["ITHACA_DATA"] ?? ".ithaca")
    .action(async (options) => {
      process.env["PORT"] = options.port;
      process.env["ITHACA_DATA"] = options.data;
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

  await program.parseAsync();
}
