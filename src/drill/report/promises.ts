/** What each check is there for, in a sentence: its name tells only those who know it. */
const PROMISES: Readonly<Record<string, string>> = {
  durability:
    "What was acknowledged is there afterwards. Only a `local` write may be lost, and only with the region that had it.",
  "divergent writes": "Every lost write is kept for its user to look at: acknowledged = present + divergent.",
  convergence: "All regions hold the same in the end.",
  "final reading": "Everything could be read in the end, in every region.",
  feeds:
    "Whoever follows a user's changes is told of each committed one, once, in order, and of nothing else.",
  transfers: "Amounts moved between items in one transaction are neither made nor lost.",
  "all or nothing": "A transaction is done as a whole, or not at all.",
  "linearizability (strong, user)":
    "Reads at `strong` and `user`, and conditions on writes, see what was done before them, as if there were one copy.",
  "linearizability (strong)":
    "Reads at `strong`, and conditions on writes, see what was done before them, as if there were one copy.",
  "session guarantees":
    "A device that hands on its token reads what it wrote, and never goes back in time, in whichever region.",
  "cross-device visibility": "What one device of a user was told is done, every device of that user sees.",
  causality: "Nobody sees an effect without its cause, across users too.",
  "causal cuts": "Several users' items read at once fit together: no answer without its question.",
  "exactly once": "A write is done once, however often it is sent.",
  accumulation: "The sum of a counter is the sum of what was added.",
  leaders: "One region at a time leads a log, and who was deposed is refused.",
  silence: "When nobody asks anything, nothing happens, and nothing is paid for.",
  "the drill itself": "The drill did to the store what it meant to do.",
  "refuses writes": "A region that has lost the others acknowledges nothing.",
  "what happened": "Enough happened for the rest to mean something.",
};

/** Empty: nobody has written it down, which a test sees. */
export function promiseOf(checker: string): string {
  return PROMISES[checker] ?? "";
}

/** "localLost 3" is for programs. */
export function countsText(counted: Readonly<Record<string, number>>): string {
  return Object.entries(counted)
    .map(([what, count]) => `${what.replaceAll(/[A-Z]/gu, (letter) => ` ${letter.toLowerCase()}`)} ${count}`)
    .join(", ");
}
