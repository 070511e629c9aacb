/**
 * A stored value inside a JSON answer: the stored JSON text as it is, or base64. Parsing and writing it anew would lose
 * numbers beyond 2^53, member order and duplicate members; so it is only looked at to see that it is JSON at all.
 */
import { toBase64 } from "./base64.ts";

/** `"value":…` or `"valueBase64":…`. */
export function embeddedValue(contentType: string, value: Uint8Array): string {
  const text = isJson(contentType) ? jsonTextOf(value) : null;
  return text === null ? `"valueBase64":"${toBase64(value)}"` : `"value":${text}`;
}

/** application/json and types that end with +json (RFC 6839), whatever their parameters. */
export function isJson(contentType: string): boolean {
  const [type = ""] = contentType.split(";", 1);
  return /^(application\/json|[^/\s]+\/[^/\s]+\+json)$/i.test(type.trim());
}

/** Null where it says that it is JSON and is not: then it is bytes like any other. */
function jsonTextOf(value: Uint8Array): string | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value);
    JSON.parse(text);
    return text;
  } catch {
    return null;
  }
}
