/** `npm run bench -- --only throughput --seconds 1 --json …` */
import { parseArgs } from "node:util";

export interface Options {
  /** Empty: all parts. */
  readonly only: readonly string[];
  readonly seconds: number;
  readonly rounds: number;
  readonly quick: boolean;
  /** Figures as JSON on standard output, instead of the table. */
  readonly json: boolean;
  readonly cpuProf: boolean;
  /** Where the runtime keeps its data; undefined: where the system keeps temporary files. */
  readonly data: string | undefined;
}

export const USAGE = `npm run bench -- [options]
  --only <part>     only this part; may be given more than once
  --seconds <n>     length of one round of one contender (default 1.5)
  --rounds <n>      rounds of each contender (default 7)
  --quick           small sizes, to see that it runs
  --json            print the figures as JSON
  --data <dir>      where the runtime keeps its data: on a disk whose speed changes, memory (/dev/shm) is a calmer place
  --cpu-prof        profile the core and the Worker, and name their hot spots, instead of comparing throughput`;

export function readOptions(args: readonly string[], parts: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", multiple: true, default: [] },
      seconds: { type: "string" },
      rounds: { type: "string" },
      quick: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      data: { type: "string" },
      "cpu-prof": { type: "boolean", default: false },
    },
  });
  const strange = values.only.find((part) => !parts.includes(part));
  if (strange !== undefined) throw new Error(`there is no part "${strange}": ${parts.join(", ")}`);
  return {
    only: values.only,
    seconds: positive("seconds", values.seconds ?? (values.quick ? "0.3" : "1.5")),
    rounds: positive("rounds", values.rounds ?? (values.quick ? "2" : "7")),
    quick: values.quick,
    json: values.json,
    data: values.data,
    cpuProf: values["cpu-prof"],
  };
}

function positive(name: string, text: string): number {
  const number = Number(text);
  if (!(number > 0)) throw new Error(`--${name} has to be a number above 0, not "${text}"`);
  return number;
}
