/** Items a second, out of the store and into it: small ones of one user, in one request. */
import { request } from "node:http";
import type { Figure, Target } from "../figure.ts";
import { memoryOf } from "../runtime/process.ts";
import { HOST, startRuntime, type Runtime } from "../runtime/runtime.ts";
import type { Settings } from "./part.ts";

const PER_SECOND: Target = { is: "at least", value: 5_000 };
/** What the runtime grows by while more and more goes through it: its caches and its heap have their size after the first round. */
const GROWN_MB: Target = { is: "at most", value: 64 };

export async function transfer(settings: Settings): Promise<readonly Figure[]> {
  const items = settings.quick ? 5_000 : 50_000;
  const rounds = settings.quick ? 2 : Math.max(2, settings.rounds);
  const runtime = await startRuntime({ dataRoot: settings.data });
  try {
    await importing(runtime, "warm", linesOf(1_000));
    const body = linesOf(items);
    const rates = { imported: [] as number[], unchanged: [] as number[], exported: [] as number[] };
    let first = memoryOf(runtime.processes);
    for (let round = 0; round < rounds; round++) {
      const user = `user-${round}`;
      settings.note(`${items} items, round ${round + 1} of ${rounds}`);
      rates.imported.push(await perSecond(items, () => importing(runtime, user, body)));
      rates.unchanged.push(await perSecond(items, () => importing(runtime, user, body)));
      rates.exported.push(await perSecond(items, () => exporting(runtime, user, items)));
      if (round === 0) first = memoryOf(runtime.processes);
    }
    const loaded = memoryOf(runtime.processes);
    const figure = (name: string, values: readonly number[]): Figure => ({
      part: "transfer",
      name,
      value: Math.max(...values),
      unit: "items/s",
      target: PER_SECOND,
      detail: { items, bytes: body.length, rounds: values },
    });
    return [
      figure("import", rates.imported),
      figure("the same import again, nothing to do", rates.unchanged),
      figure("export", rates.exported),
      {
        part: "transfer",
        name: "runtime, peak over what it was after the first round",
        value: first === null || loaded === null ? NaN : (loaded.peakBytes - first.bytes) / 1e6,
        unit: "MB",
        target: GROWN_MB,
      },
    ];
  } finally {
    await runtime.stop();
  }
}

function linesOf(items: number): Buffer {
  const lines = Array.from({ length: items }, (_, n) =>
    JSON.stringify({
      key: `notes/${String(n).padStart(7, "0")}`,
      version: "elsewhere.16.1",
      value: { n, text: "a small item" },
    }),
  );
  return Buffer.from(`${lines.join("\n")}\n`);
}

async function perSecond(items: number, run: () => Promise<void>): Promise<number> {
  const begun = performance.now();
  await run();
  return items / ((performance.now() - begun) / 1_000);
}

async function importing(runtime: Runtime, user: string, body: Buffer): Promise<void> {
  const answer = await exchange(runtime, "POST", `/v1/users/${user}/import`, body);
  const counts = JSON.parse(answer) as { failedCount?: number };
  if (counts.failedCount !== 0) throw new Error(`the import failed: ${answer.slice(0, 500)}`);
}

async function exporting(runtime: Runtime, user: string, items: number): Promise<void> {
  const answer = await exchange(runtime, "GET", `/v1/users/${user}/export`);
  const last = answer.trimEnd().split("\n").at(-1) ?? "";
  if (!last.startsWith(`{"end":true,"items":${items},`)) throw new Error(`the export failed: ${last}`);
}

function exchange(runtime: Runtime, method: string, path: string, body?: Buffer): Promise<string> {
  const { hostname, port } = runtime.url;
  const headers = {
    Host: HOST.ithaca,
    "Ithaca-Region": "weur",
    "Ithaca-Timeout-Ms": "30000",
    ...(body === undefined ? {} : { "Content-Type": "application/x-ndjson", "Content-Length": body.length }),
  };
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path, headers, agent: false }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("error", reject);
      answer.on("end", () => resolve(Buffer.concat(chunks).toString()));
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
