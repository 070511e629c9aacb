/** The metered Worker from outside: see workers/counted.ts. */
import { fileURLToPath } from "node:url";
import { Connection, requestBytes } from "../load/connection.ts";
import { expectDone } from "../load/load.ts";
import type { Tally } from "../workers/tally.ts";
import { HOST, startRuntime, type Runtime, type RuntimeOptions } from "./runtime.ts";

const COUNTED = fileURLToPath(new URL("../workers/counted.ts", import.meta.url));

export interface MeteredRuntime extends Runtime {
  tally(): Promise<Tally>;
  reset(): Promise<void>;
  get(path: string): Promise<unknown>;
  send(method: string, path: string, body?: object): Promise<unknown>;
}

export async function startMetered(options: RuntimeOptions): Promise<MeteredRuntime> {
  const runtime = await startRuntime({ ...options, entry: COUNTED });
  const send = async (method: string, path: string, body?: object): Promise<unknown> => {
    const connection = new Connection(runtime.url);
    try {
      const answer = await connection.send(
        requestBytes({
          method,
          host: HOST.ithaca,
          path,
          ...(body === undefined
            ? {}
            : { headers: { "Content-Type": "application/json" }, body: Buffer.from(JSON.stringify(body)) }),
        }),
      );
      return JSON.parse(expectDone(answer).body.toString()) as unknown;
    } finally {
      connection.close();
    }
  };
  return {
    ...runtime,
    send,
    get: (path) => send("GET", path),
    tally: async () => (await send("GET", "/bench/tally")) as Tally,
    reset: async () => {
      await send("GET", "/bench/reset");
    },
  };
}

export async function sleep(ms: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, ms));
}

export async function until(what: string, limitMs: number, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited ${limitMs} ms for ${what}`);
    await sleep(50);
  }
}
