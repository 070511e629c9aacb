/** How code inside the edge refuses a request: it throws one of these, and one place makes the answer. */
import type { ProblemName } from "../api/problem.ts";

export interface RefusalOptions {
  /** Further members of the problem body. */
  readonly members?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, string>>;
}

export class Refused extends Error {
  readonly problem: ProblemName;
  readonly options: RefusalOptions;

  constructor(problem: ProblemName, detail: string, options: RefusalOptions = {}) {
    super(detail);
    this.problem = problem;
    this.options = options;
  }
}

export function invalid(detail: string): Refused {
  return new Refused("invalid-request", detail);
}
