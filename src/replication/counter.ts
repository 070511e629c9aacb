/** Counters: items whose value is a signed integer of 64 bits, as decimal digits. */
import { getTextEncoding } from "@bufbuild/protobuf/wire";
import { mediaTypeOf } from "./json-text.ts";

export const COUNTER_CONTENT_TYPE = "text/plain";

const FORM = /^(?:0|-?[1-9]\d{0,18})$/;
const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;

/** Null where the text is no such integer, written as we write it. */
export function parseCounter(text: string): bigint | null {
  const value = FORM.test(text) ? BigInt(text) : null;
  return value !== null && fits(value) ? value : null;
}

/** Text of the type that is asked for, whoever wrote it. */
export function counterIn(item: { readonly contentType: string; readonly value: Uint8Array }): bigint | null {
  if (mediaTypeOf(item.contentType).toLowerCase() !== COUNTER_CONTENT_TYPE || item.value.length > DIGITS_MAX)
    return null;
  return parseCounter(String.fromCharCode(...item.value));
}

/** Null when the sum would leave 64 bits. */
export function addTo(counter: bigint, by: bigint): Uint8Array | null {
  const sum = counter + by;
  return fits(sum) ? getTextEncoding().encodeUtf8(String(sum)) : null;
}

const DIGITS_MAX = 20;

function fits(value: bigint): boolean {
  return value >= MIN && value <= MAX;
}
