/** The drill as its users run it, against a deployment that is somebody else's: it finds, reports, and leaves nothing behind. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseHistory } from "../../src/checker/history-lines.ts";
import { startRuntime, type Runtime } from "./support/runtime.ts";
import { until } from "./support/store.ts";

const COMMAND = fileURLToPath(new URL("../../bin/ithaca.mjs", import.meta.url));
const SCENARIO = fileURLToPath(new URL("support/short-drill.yaml", import.meta.url));
const PAGE_BYTES_MAX = 500_000;

let runtime: Runtime;
let out: string;

beforeAll(async () => {
  out = mkdtempSync(join(tmpdir(), "ithaca-drill-test-"));
  runtime = await startRuntime({ PARTITIONS: "3", ANCHORS: "weur,enam,apac", COOLDOWN_MS: "0" });
});
afterAll(async () => {
  await runtime.stop();
  rmSync(out, { recursive: true, force: true });
});

function begin(...given: string[]) {
  const child = spawn(process.execPath, [COMMAND, "drill", ...given]);
  let text = "";
  child.stdout.on("data", (chunk) => (text += String(chunk)));
  child.stderr.on("data", (chunk) => (text += String(chunk)));
  const ended = once(child, "exit").then(([code]) => code as number | null);
  return { child, ended, said: () => text };
}

/** Lines that a checker of somebody else's would stumble over: it knows no more than what stands here. */
function notAsOthersReadIt(text: string): string[] {
  const busy = new Set<number>();
  const ended = new Set<number>();
  let before = 0;
  return text
    .trimEnd()
    .split("\n")
    .filter((line) => {
      const {
        process: who,
        type,
        op,
        region,
        time,
        applied,
      } = JSON.parse(line) as {
        process: number;
        type: "invoke" | "ok" | "fail" | "info";
        op: string;
        region: string;
        time: number;
        applied?: boolean;
      };
      const inOrder = time >= before && (type === "invoke") !== busy.has(who) && !ended.has(who);
      before = time;
      if (type === "invoke") busy.add(who);
      else busy.delete(who);
      // Nobody knows what became of it: the client goes on as somebody new.
      if (type === "info") ended.add(who);
      const told = typeof op === "string" && typeof region === "string";
      return !inOrder || !told || (applied === false && type !== "ok");
    });
}

async function faultsInForce(): Promise<unknown> {
  return (await runtime.store.request("GET", "/v1/faults")).members["faults"];
}

test("stopped by hand in the midst of a fault, it removes the fault", async () => {
  const drill = begin(SCENARIO, "--target", runtime.store.url, "--seed", "1");
  const faults = await until(faultsInForce, (found) => Array.isArray(found) && found.length > 0);
  expect(faults, drill.said()).toMatchObject([{ kind: "down" }]);
  drill.child.kill("SIGINT");
  expect(await drill.ended, drill.said()).toBe(130);
  expect(await faultsInForce()).toStrictEqual([]);
});

test("it passes, says so first, and its report needs nothing else", async () => {
  const drill = begin(SCENARIO, "--target", runtime.store.url, "--seed", "2", "--out", out);
  expect(await drill.ended, drill.said()).toBe(0);
  expect(drill.said()).toMatch(/PASSED +short-drill: every promise was kept/u);

  const report = JSON.parse(readFileSync(join(out, "report.json"), "utf8")) as {
    verdict: string;
    takeovers: unknown[];
    users: { user: string }[];
  };
  expect(report.verdict).toBe("passed");
  expect(report.takeovers.length).toBeGreaterThan(0);

  const page = readFileSync(join(out, "report.html"), "utf8");
  expect(statSync(join(out, "report.html")).size).toBeLessThan(PAGE_BYTES_MAX);
  expect(page).not.toMatch(/<script|<link|<img|<iframe|\bsrc=|\bhref=|url\(|@import/u);
  expect(page).toContain("<svg");

  const text = readFileSync(join(out, "history.jsonl"), "utf8");
  const { history, problems } = parseHistory(text);
  expect(problems).toStrictEqual([]);
  expect(history.operations().length).toBeGreaterThan(100);
  expect(notAsOthersReadIt(text)).toStrictEqual([]);

  // Its users are gone, and every fault is.
  expect(await faultsInForce()).toStrictEqual([]);
  for (const { user } of report.users) {
    const left = await until(
      () => runtime.store.list(user),
      ({ status }) => status === 404,
    );
    expect(left.status, left.text).toBe(404);
  }
});

test("what cannot be run is refused in words", async () => {
  const drill = begin("lose-regoin", "--target", runtime.store.url);
  expect(await drill.ended).toBe(2);
  expect(drill.said()).toContain('there is no scenario "lose-regoin"');
});
