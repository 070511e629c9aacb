/**
 * A stored value inside a JSON answer: the stored JSON text as it is, or base64. Parsing and writing it anew would lose
 * numbers beyond 2^53, member order and duplicate members; so it is only looked at to see that it is JSON at all.
 */
import { isJsonType, jsonTextOf } from "../replication/json-text.ts";
import { toBase64 } from "./base64.ts";

/** `"value":…` or `"valueBase64":…`. What says that it is JSON and is not is bytes like any other. */
export function embeddedValue(contentType: string, value: Uint8Array): string {
  const text = isJsonType(contentType) ? jsonTextOf(value) : null;
  return text === null ? `"valueBase64":"${toBase64(value)}"` : `"value":${text}`;
}

/**
 * The same inside a line. Text that breaks the line cannot stand in it, and of white space around a value nobody could tell
 * that it is part of it: both go as bytes.
 */
export function lineValue(contentType: string, value: Uint8Array): string {
  const text = isJsonType(contentType) ? jsonTextOf(value) : null;
  const stands = text !== null && !/[\n\r]|^[ \t]|[ \t]$/.test(text);
  return stands ? `"value":${text}` : `"valueBase64":"${toBase64(value)}"`;
}
