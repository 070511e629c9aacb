/** One line of an import: an item, something to pass over, or why it is not taken. Checked like a request that puts the item. */
import {
  EXPIRES_IN_S_MAX,
  IMPORT_LINE_BYTES_MAX,
  VALUE_BYTES_MAX,
  VERSION_CHARACTERS_MAX,
} from "../api/limit.ts";
import { fromBase64 } from "../api/base64.ts";
import type { ProblemName } from "../api/problem.ts";
import { JsonCursor } from "../replication/json-text.ts";
import type { ImportItem } from "../replication/request.ts";
import { checkContentType } from "./content-type.ts";
import { checkKey } from "./path.ts";
import { parsePosition } from "./position-text.ts";
import { invalid, Refused } from "./refusal.ts";
import type { RegionTable } from "./region-table.ts";

export interface LineFailure {
  readonly problem: ProblemName;
  readonly detail: string;
}

export type ParsedLine =
  | { readonly kind: "item"; readonly item: ImportItem }
  /** Empty, or the first or last line of an export. */
  | { readonly kind: "nothing" }
  | { readonly kind: "failed"; readonly failure: LineFailure };

const NOTHING: ParsedLine = { kind: "nothing" };
const MEMBERS: ReadonlySet<string> = new Set([
  "key",
  "version",
  "contentType",
  "size",
  "expiresAt",
  "value",
  "valueBase64",
]);

/** `now`: ms since 1970, for how far ahead an expiry may lie. */
export function parseLine(regions: RegionTable, bytes: Uint8Array | null, now: number): ParsedLine {
  try {
    if (bytes === null)
      throw new Refused("value-too-large", `the line is longer than ${IMPORT_LINE_BYTES_MAX} bytes`);
    const text = textOf(bytes);
    if (text.trim() === "") return NOTHING;
    const value = objectOf(text);
    if (!Object.hasOwn(value, "key")) return frameOf(value);
    return { kind: "item", item: itemOf(regions, value, valueTextOf(text), now) };
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return { kind: "failed", failure: { problem: error.problem, detail: error.message } };
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid("the line is not UTF-8");
  }
}

function objectOf(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw invalid("the line is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw invalid("the line is not a JSON object");
  return value as Record<string, unknown>;
}

/** What an export writes around its items. */
function frameOf(value: Record<string, unknown>): ParsedLine {
  if (value["end"] === true || typeof value["position"] === "string") return NOTHING;
  if (value["end"] === false)
    throw invalid("the export broke off here: what follows in it is not in this file");
  throw invalid("the line has no key");
}

/** The value as it stands in the line, if it is there; and no member that nobody would look at. */
function valueTextOf(text: string): string | undefined {
  const cursor = new JsonCursor(text);
  const seen = new Set<string>();
  let value: string | undefined;
  for (const { name } of cursor.members()) {
    if (!MEMBERS.has(name)) throw invalid(`"${name}" is no member of a line`);
    if (seen.has(name)) throw invalid(`"${name}" stands twice in the line`);
    seen.add(name);
    if (name === "value") value = cursor.take();
    else cursor.skip();
  }
  return value;
}

function itemOf(
  regions: RegionTable,
  line: Record<string, unknown>,
  valueText: string | undefined,
  now: number,
): ImportItem {
  const { key, version = "", contentType, size, expiresAt } = line;
  if (typeof key !== "string") throw invalid("the key has to be a string");
  checkKey(key, "the key");
  if (typeof version !== "string" || version.length > VERSION_CHARACTERS_MAX)
    throw invalid(`the version has to be a string of at most ${VERSION_CHARACTERS_MAX} characters`);
  const value = valueOf(line, valueText);
  if (value.length > VALUE_BYTES_MAX)
    throw new Refused("value-too-large", `the value is larger than ${VALUE_BYTES_MAX} bytes`);
  if (size !== undefined && size !== value.length)
    throw invalid(`the size says ${JSON.stringify(size)}, and the value has ${value.length} bytes`);
  const stands = parsePosition(regions, version);
  return {
    key,
    version,
    ...(typeof stands === "string" ? {} : { stands }),
    contentType: contentTypeOf(contentType, valueText !== undefined),
    value,
    expiresAt: instantOf(expiresAt, now),
  };
}

function valueOf(line: Record<string, unknown>, valueText: string | undefined): Uint8Array {
  const { valueBase64 } = line;
  if ((valueText === undefined) === (valueBase64 === undefined))
    throw invalid("the line has to have one of value and valueBase64");
  if (valueText !== undefined) return new TextEncoder().encode(valueText);
  const bytes = typeof valueBase64 === "string" ? fromBase64(valueBase64) : null;
  if (bytes === null) throw invalid("valueBase64 is not base64");
  return bytes;
}

function contentTypeOf(contentType: unknown, isText: boolean): string {
  if (contentType === undefined) return isText ? "application/json" : "application/octet-stream";
  if (typeof contentType !== "string") throw invalid("the contentType has to be a string");
  return checkContentType(contentType, "contentType");
}

function instantOf(expiresAt: unknown, now: number): number {
  if (expiresAt === undefined) return 0;
  const latest = now + EXPIRES_IN_S_MAX * 1_000;
  if (!Number.isSafeInteger(expiresAt) || (expiresAt as number) < 1 || (expiresAt as number) > latest)
    throw invalid("expiresAt has to be an instant in ms since 1970, at most ten years ahead");
  return expiresAt as number;
}
