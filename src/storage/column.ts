/**
 * One value of a row, on its way into SQL and back. Integers are asserted to stay below 2^53 on their way in; reading them
 * back is then exact on both back ends. A blob that SQL answers is only used within the turn or copied.
 */
import type { SqlValue } from "./sql-driver.ts";

/** A row may hold 2 MB on the platform (2,000,000 B to be safe), and the local runtime would take more: so we measure. */
export const ROW_BYTES_MAX = 1_900_000;
export const NO_BYTES: Uint8Array = new Uint8Array(0);

export class IntegerOutOfRange extends Error {}

export function integer(n: number): number {
  if (!Number.isSafeInteger(n)) throw new IntegerOutOfRange(`${n} is not an integer below 2^53`);
  return n;
}

/** Where an entry stands in the log's table: origins, 0-15, one after the other, each with room for 2^48 entries. */
export function placeOf(o: number, s: number): number {
  if (s >= 2 ** 48) throw new IntegerOutOfRange(`${s} is not below 2^48`);
  return integer(o * 2 ** 48 + s);
}

export function num(v: SqlValue | undefined): number {
  if (typeof v !== "number") throw new IntegerOutOfRange(`expected an integer, found ${typeof v}`);
  return v;
}

export function str(v: SqlValue | undefined): string {
  if (typeof v !== "string") throw new TypeError(`expected text, found ${typeof v}`);
  return v;
}

export function maybeStr(v: SqlValue | undefined): string | null {
  return v === null ? null : str(v);
}

export function blob(v: SqlValue | undefined): Uint8Array<ArrayBuffer> {
  if (!(v instanceof Uint8Array)) throw new TypeError(`expected a blob, found ${typeof v}`);
  return v as Uint8Array<ArrayBuffer>;
}
