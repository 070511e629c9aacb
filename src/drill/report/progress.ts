/** What is seen while a drill runs: a live line for each region in a terminal, a plain line now and then anywhere else. */
import { styleText } from "node:util";
import logUpdate from "log-update";
import type { Beat, Progress } from "../beat.ts";
import { showDuration } from "../duration.ts";

const PLAIN_EVERY_MS = 5_000;

export function progressOn(stream: NodeJS.WriteStream): Progress & { done(): void } {
  return stream.isTTY ? new LiveProgress() : new PlainProgress((line) => stream.write(`${line}\n`));
}

class LiveProgress implements Progress {
  #phase = "";

  phase(name: string, forMs: number): void {
    this.#phase = `${name} (${name === "settle" ? "at most " : ""}${showDuration(forMs)})`;
    this.note(styleText("bold", this.#phase));
  }

  note(line: string): void {
    logUpdate.clear();
    console.error(line);
  }

  beat(beat: Beat): void {
    logUpdate(linesOf(beat).join("\n"));
  }

  done(): void {
    logUpdate.clear();
  }
}

class PlainProgress implements Progress {
  readonly #say: (line: string) => void;
  #lastMs = 0;

  constructor(say: (line: string) => void) {
    this.#say = say;
  }

  phase(name: string, forMs: number): void {
    this.#say(`${name} (${name === "settle" ? "at most " : ""}${showDuration(forMs)})`);
  }

  note(line: string): void {
    this.#say(`  ${line}`);
  }

  beat(beat: Beat): void {
    const { nowMs } = beat.recorder;
    if (nowMs - this.#lastMs < PLAIN_EVERY_MS) return;
    this.#lastMs = nowMs;
    for (const line of linesOf(beat)) this.#say(line);
  }

  done(): void {
    this.#lastMs = 0;
  }
}

function linesOf({ recorder, regions, sighting }: Beat): string[] {
  const seconds = `${Math.round(recorder.nowMs / 1_000)} s`.padStart(6);
  return regions.map((region) => {
    const { ok, fail, info } = recorder.tallies.get(region) ?? { ok: 0, fail: 0, info: 0 };
    const view = sighting?.regions.find((each) => each.region === region);
    const leads = view?.logs.filter(({ leader }) => leader === region).length ?? 0;
    const state =
      view === undefined ? "not looked at yet" : view.reachable ? `leads ${leads} logs` : "cannot be reached";
    return `${seconds}  ${region.padEnd(6)} ok ${String(ok).padStart(6)}  failed ${String(fail).padStart(5)}  unknown ${String(info).padStart(4)}  ${state}`;
  });
}
