/**
 * Versions and positions as a client sees them: "origin.epoch.seq".
 *
 * To a client the string is opaque; a checker may look inside, because the contract says what it is made of. Numbers
 * travel as strings and may pass 2^53, so they are compared as big integers here. The checkers read the public form on
 * purpose instead of sharing the replicas' own type: a mistake in that type must not excuse itself.
 */

/** `null`: the item was absent. */
export type Version = string | null;

export interface ParsedVersion {
  readonly origin: string;
  readonly epoch: bigint;
  readonly seq: bigint;
}

const FORM = /^(.+)\.(\d+)\.(\d+)$/u;
const RANGE = /^(.+)\.(\d+)\.(\d+)-(\d+)$/u;

/** undefined for anything that does not have the form; a weird history is evidence, never an exception. */
export function parseVersion(text: string): ParsedVersion | undefined {
  const match = FORM.exec(text);
  if (match === null) return undefined;
  const [, origin = "", epoch = "0", seq = "0"] = match;
  return { origin, epoch: BigInt(epoch), seq: BigInt(seq) };
}

/** Order within one log: by epoch, then seq. Says nothing about versions of different origins. */
export function compareVersions(a: ParsedVersion, b: ParsedVersion): number {
  if (a.epoch !== b.epoch) return a.epoch < b.epoch ? -1 : 1;
  if (a.seq !== b.seq) return a.seq < b.seq ? -1 : 1;
  return 0;
}

/** Whether a list of lost positions, each a position or a range "origin.epoch.from-to", names this version. */
export function namesVersion(reported: readonly string[], version: string): boolean {
  if (reported.includes(version)) return true;
  const asked = parseVersion(version);
  if (asked === undefined) return false;
  return reported.some((text) => {
    const range = RANGE.exec(text);
    if (range === null) return false;
    const [, origin, epoch = "0", from = "0", to = "0"] = range;
    if (origin !== asked.origin || BigInt(epoch) !== asked.epoch) return false;
    return BigInt(from) <= asked.seq && asked.seq <= BigInt(to);
  });
}
