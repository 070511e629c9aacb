/** `npm start` as a process of its own, in a process group of its own, so that all of it can be killed and nothing else. */
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { builtWorker } from "../../../scripts/local-worker.mjs";
import { Store, until } from "./store.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const READY_MS = 60_000;
const GONE_MS = 20_000;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface StartOptions {
  readonly data: string;
  readonly port: number;
  /** Through npm, as its reader would; otherwise the script that npm runs. */
  readonly npm?: boolean;
  /** What follows on its command line. */
  readonly more?: readonly string[];
  /** A Worker built before; otherwise today's. */
  readonly worker?: string;
}

export class Deployment {
  readonly #child: ChildProcess;
  readonly exited: Promise<Exit>;
  output = "";

  constructor({ data, port, npm = false, more = [], worker }: StartOptions) {
    const [command, ...parameters] = npm ? ["npm", "start", "--"] : [process.execPath, "scripts/start.mjs"];
    this.#child = spawn(command ?? "", [...parameters, ...more], {
      cwd: ROOT,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        PORT: String(port),
        ITHACA_DATA: data,
        HOST: "127.0.0.1",
        ...(worker === undefined ? {} : { ITHACA_WORKER: worker }),
      },
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.output += text;
      });
    }
    this.exited = new Promise((resolve) => {
      this.#child.once("exit", (code, signal) => resolve({ code, signal }));
    });
  }

  get pid(): number {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error("the process was not started");
    return pid;
  }

  /** The store it serves, once it says so. */
  async ready(): Promise<Store> {
    const line = await until(
      async () => /^ready (http:\/\/\S+)$/m.exec(this.output)?.[1],
      (url) => url !== undefined || this.#child.exitCode !== null,
      READY_MS,
    );
    if (line === undefined) throw new Error(`does not become ready: ${this.output}`);
    return new Store(line);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** All processes of this deployment and of nothing else, at once. */
  async killAll(): Promise<void> {
    if (this.isAlive()) process.kill(-this.pid, "SIGKILL");
    await this.gone();
  }

  /** The processes that run Workers. */
  runtimePids(): number[] {
    const lines = execFileSync("ps", ["-A", "-o", "pid=,pgid=,command="], { encoding: "utf8" }).split("\n");
    return lines
      .map((line) => line.trim().split(/ +/))
      .filter(([, group, command = ""]) => Number(group) === this.pid && command.endsWith("workerd"))
      .map(([pid]) => Number(pid));
  }

  isAlive(): boolean {
    try {
      process.kill(-this.pid, 0);
      return true;
    } catch {
      return false;
    }
  }

  /** True once none of its processes is left. */
  gone(): Promise<boolean> {
    return until(
      async () => !this.isAlive(),
      (gone) => gone,
      GONE_MS,
    );
  }
}

/** Today's Worker, built into that folder once for whoever starts it several times. */
export async function buildWorker(folder: string): Promise<string> {
  const path = join(folder, "worker.mjs");
  writeFileSync(path, await builtWorker());
  return path;
}

/** A port that nobody has now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

export function temporaryFolder(): string {
  return mkdtempSync(join(tmpdir(), "ithaca-system-"));
}

export function removeFolder(path: string): void {
  rmSync(path, { recursive: true, force: true, maxRetries: 5 });
}
