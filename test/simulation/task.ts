/**
 * Clients as straight-line code: a task is a generator that yields what it waits for.
 *
 * Promises would do the same, but their turns are taken by the runtime; here everything that happens is an event of the
 * timeline, in an order that the seed decides.
 */
import type { Timeline } from "./timeline.ts";

/** Starts something and calls `resume` once with what came of it. */
export type Wait = (resume: (value: unknown) => void) => void;
export type Task<T> = Generator<Wait, T, unknown>;

export function runTask<T>(task: Task<T>, done: (value: T) => void = () => {}): void {
  const advance = (value: unknown): void => {
    const next = task.next(value);
    if (next.done) {
      done(next.value);
      return;
    }
    let resumed = false;
    next.value((result) => {
      if (resumed) return;
      resumed = true;
      advance(result);
    });
  };
  advance(undefined);
}

export function* wait<T>(begin: (resume: (value: T) => void) => void): Task<T> {
  return (yield begin) as T;
}

export function* sleep(timeline: Timeline, ms: number): Task<void> {
  yield (resume) => timeline.after(ms, () => resume(undefined));
}

/** All at once; their results in order once the last one is done. */
export function* all<T>(tasks: readonly Task<T>[]): Task<T[]> {
  const results: T[] = [];
  let open = tasks.length;
  if (open === 0) return results;
  yield (resume) => {
    for (const [n, task] of tasks.entries()) {
      runTask(task, (result) => {
        results[n] = result;
        if (--open === 0) resume(undefined);
      });
    }
  };
  return results;
}
