/**
 * What a checker says, and how verdicts add up.
 *
 * `undecided` (a search ran out of its budget) counts as failure: a checker that gave up has not vouched for anything. So
 * does a run that saw too little: `requireAtLeast` turns a verdict over five reads, when a thousand were meant, into a
 * failure, because the easiest way to pass every check is to do nothing.
 */

export interface Violation {
  /** One sentence that names the operations and positions. */
  readonly message: string;
  /** Ids of the operations that it takes to see it. */
  readonly ops: readonly number[];
}

export interface Verdict {
  readonly checker: string;
  readonly ok: boolean | "undecided";
  readonly violations: readonly Violation[];
  /** What was looked at: reads judged, writes followed … */
  readonly counted: Readonly<Record<string, number>>;
  /** Of the violations, how many say only that too little was seen; absent: none. */
  readonly short?: number;
}

export interface CombinedVerdict {
  readonly ok: boolean;
  readonly verdicts: readonly Verdict[];
}

/** `open`: how many questions the checker had to leave open. A violation found outweighs them. */
export function verdictOf(
  checker: string,
  violations: readonly Violation[],
  counted: Readonly<Record<string, number>>,
  open = 0,
): Verdict {
  const ok = violations.length > 0 ? false : open > 0 ? "undecided" : true;
  return { checker, ok, violations, counted };
}

/** The same verdict, failed when fewer things were counted than the floors ask for. */
export function requireAtLeast(verdict: Verdict, floors: Readonly<Record<string, number>>): Verdict {
  const short = Object.entries(floors).flatMap(([what, floor]): Violation[] => {
    const seen = verdict.counted[what] ?? 0;
    if (seen >= floor) return [];
    const message = `too little was seen to judge: ${what} ${seen}, at least ${floor} were wanted`;
    return [{ message, ops: [] }];
  });
  if (short.length === 0) return verdict;
  return { ...verdict, ok: false, violations: [...verdict.violations, ...short], short: short.length };
}

/** Good only if every one is. No verdict at all is not good. */
export function combineVerdicts(verdicts: readonly Verdict[]): CombinedVerdict {
  return { ok: verdicts.length > 0 && verdicts.every((verdict) => verdict.ok === true), verdicts };
}
