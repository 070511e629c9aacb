/** Assertions are for our own mistakes: what they refuse cannot be mended at run time, only stopped. */
export class AssertionFailed extends Error {}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionFailed(message);
}
