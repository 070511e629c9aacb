/** Placeholder until the rules stand still. */
import type { Rules } from "../../src/replication/rules.ts";
import type { Schedule } from "./schedule.ts";

export interface Mutant {
  readonly name: string;
  readonly rules: Rules;
  readonly schedule: Schedule;
}

export function mutantNamed(name: string): Mutant {
  throw new Error(`no mutant ${name}`);
}
