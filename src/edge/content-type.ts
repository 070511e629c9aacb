/** What may be stored as the type of a value. It is given back as it came, in a header of every answer that shows it. */
import { CONTENT_TYPE_BYTES_MAX } from "../api/limit.ts";
import { invalid } from "./refusal.ts";

export const CONTENT_TYPE_DEFAULT = "application/octet-stream";

export function checkContentType(contentType: string, what: string): string {
  // Printable ASCII is what every party to a header agrees on.
  if (!/^[\t\x20-\x7e]*$/.test(contentType))
    throw invalid(`${what} holds characters that are not printable ASCII`);
  if (contentType.length > CONTENT_TYPE_BYTES_MAX)
    throw invalid(`${what} is longer than ${CONTENT_TYPE_BYTES_MAX} bytes`);
  return contentType;
}
