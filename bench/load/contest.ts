/**
 * Contenders under the same load, in short rounds that take turns. The machine is shared and its speed changes from
 * second to second, so only what was measured next to each other is compared: a ratio is taken in each round, and
 * the median of the ratios counts.
 */
import { cpuSeconds } from "../runtime/process.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { median, percentiles, type Percentiles } from "../statistics.ts";
import { Load, type RequestMaker } from "./load.ts";

export interface Contender {
  readonly name: string;
  readonly make: RequestMaker;
}

export interface Score {
  readonly name: string;
  readonly perSecond: number;
  readonly latencyMs: Percentiles;
  /** Processor time of the runtime for one request; NaN where it is not known. */
  readonly cpuMicroseconds: number;
  /** By round. */
  readonly rounds: readonly { perSecond: number; medianMs: number; cpuMicroseconds: number }[];
}

export interface ContestOptions {
  readonly connections: number;
  readonly seconds: number;
  readonly rounds: number;
  readonly note: (line: string) => void;
}

export class Contest {
  readonly scores: ReadonlyMap<string, Score>;

  constructor(scores: readonly Score[]) {
    this.scores = new Map(scores.map((score) => [score.name, score]));
  }

  score(name: string): Score {
    const score = this.scores.get(name);
    if (score === undefined) throw new Error(`${name} was no contender`);
    return score;
  }

  /** Median over the rounds of how much faster `one` is than `other`. */
  ratio(one: string, other: string): number {
    return this.#compare(one, other, (a, b) => a.perSecond / b.perSecond);
  }

  /** The same of processor time: it does not change with what else the machine does, though what counts is above. */
  cpuRatio(one: string, other: string): number {
    return this.#compare(one, other, (a, b) => b.cpuMicroseconds / a.cpuMicroseconds);
  }

  /** Median over the rounds of how much later `one` answers, in milliseconds. */
  laterMs(one: string, other: string): number {
    return this.#compare(one, other, (a, b) => a.medianMs - b.medianMs);
  }

  /** Median over the rounds of how many times as late `one` answers. */
  slower(one: string, other: string): number {
    return this.#compare(one, other, (a, b) => a.medianMs / b.medianMs);
  }

  #compare(one: string, other: string, by: (a: Score["rounds"][0], b: Score["rounds"][0]) => number): number {
    const others = this.score(other).rounds;
    return median(
      this.score(one).rounds.flatMap((round, n) => {
        const beside = others[n];
        return beside === undefined ? [] : [by(round, beside)];
      }),
    );
  }
}

export async function contest(
  runtime: Runtime,
  contenders: readonly Contender[],
  options: ContestOptions,
): Promise<Contest> {
  const load = new Load(runtime.url, options.connections);
  const rounds = new Map<string, { perSecond: number; medianMs: number; cpuMicroseconds: number }[]>();
  const latencies = new Map<string, number[]>();
  // The first round warms everything up and does not count.
  for (let round = -1; round < options.rounds; round++) {
    for (const { name, make } of contenders) {
      const cpuBefore = cpuSeconds(runtime.processes);
      const { perSecond, latenciesMs, requests } = await load.run(options.seconds, make);
      if (round < 0) continue;
      const cpuMicroseconds = ((cpuSeconds(runtime.processes) - cpuBefore) / requests) * 1e6;
      options.note(
        `  round ${round + 1} ${name.padEnd(16)} ${perSecond.toFixed(0).padStart(6)}/s ${cpuMicroseconds.toFixed(0).padStart(6)} us`,
      );
      rounds.set(name, [
        ...(rounds.get(name) ?? []),
        { perSecond, medianMs: median(latenciesMs), cpuMicroseconds },
      ]);
      latencies.set(name, [...(latencies.get(name) ?? []), ...latenciesMs]);
    }
  }
  load.close();
  return new Contest(
    contenders.map(({ name }) => {
      const of = rounds.get(name) ?? [];
      return {
        name,
        perSecond: median(of.map((round) => round.perSecond)),
        latencyMs: percentiles(latencies.get(name) ?? []),
        cpuMicroseconds: median(of.map((round) => round.cpuMicroseconds)),
        rounds: of,
      };
    }),
  );
}
