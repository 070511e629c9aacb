/** What may be stored as the type of a value. It is given back as it came, in a header of every answer that shows it. */
import { CONTENT_TYPE_BYTES_MAX } from "../api/limit.ts";
import { mediaTypeOf } from "../replication/json-text.ts";
import { invalid, Refused } from "./refusal.ts";

export const CONTENT_TYPE_DEFAULT = "application/octet-stream";

export function checkContentType(contentType: string, what: string): string {
  // Printable ASCII is what every party to a header agrees on.
  if (!/^[\t\x20-\x7e]*$/.test(contentType))
    throw invalid(`${what} holds characters that are not printable ASCII`);
  if (contentType.length > CONTENT_TYPE_BYTES_MAX)
    throw invalid(`${what} is longer than ${CONTENT_TYPE_BYTES_MAX} bytes`);
  return contentType;
}

/** Refuses a body of another type. Types are compared without their parameters. */
export function requireContentType(given: string | null, taken: readonly string[]): void {
  if (!taken.includes(mediaTypeOf(given ?? "").toLowerCase()))
    throw new Refused("unsupported-media-type", `this path takes ${taken[0]}`);
}
