/**
 * The body of a transaction. Only what has a meaning here is taken: a misspelt member would otherwise be a check that is
 * never made. Values and patches are cut out of the body's text, so that what is stored is what was sent, byte for byte.
 */
import { fromBase64 } from "../api/base64.ts";
import { EXPIRES_IN_S_MAX, TRANSACTION_CHECKS_MAX, TRANSACTION_WRITES_MAX } from "../api/limit.ts";
import { parseCounter } from "../replication/counter.ts";
import {
  JSON_CONTENT_TYPE,
  JSON_DEPTH_MAX,
  JsonCursor,
  jsonTextOf,
  type JsonKind,
} from "../replication/json-text.ts";
import { readPatch } from "../replication/merge-patch.ts";
import type { Position } from "../replication/position.ts";
import type { ItemCommand, ItemVersion, Transaction } from "../replication/request.ts";
import { checkContentType, CONTENT_TYPE_DEFAULT } from "./content-type.ts";
import { checkKey } from "./path.ts";
import { parsePosition } from "./position-text.ts";
import { invalid, Refused } from "./refusal.ts";
import type { RegionTable } from "./region-table.ts";
import { parseInteger } from "./request-header.ts";

/** A member's value, as it stands in the body. */
interface Field {
  readonly kind: JsonKind;
  readonly text: string;
}

type Fields = ReadonlyMap<string, Field>;

export function parseTransaction(regions: RegionTable, body: Uint8Array): Transaction {
  const text = jsonTextOf(body);
  if (text === null) throw invalid("the body is not JSON in UTF-8");
  const cursor = new JsonCursor(text);
  let checks: ItemVersion[] | undefined;
  let writes: ItemCommand[] | undefined;
  for (const name of membersOf(cursor, "the body")) {
    if (name === "checks")
      checks = listOf(cursor, name, TRANSACTION_CHECKS_MAX, (check, what) =>
        parseCheck(regions, check, what),
      );
    else if (name === "writes") writes = listOf(cursor, name, TRANSACTION_WRITES_MAX, parseWrite);
    else throw invalid(`the body has the member ${JSON.stringify(name)}, which means nothing there`);
  }
  const command = { kind: "transaction", checks: checks ?? [], writes: writes ?? [] } as const;
  if (command.checks.length + command.writes.length === 0)
    throw invalid("there is nothing to check and nothing to write");
  checkDistinct("checks", command.checks);
  checkDistinct("writes", command.writes);
  return command;
}

/** The names of an object's members; whoever takes one passes over its value. */
function* membersOf(cursor: JsonCursor, what: string): Generator<string, void, undefined> {
  if (cursor.kind !== "object") throw invalid(`${what} has to be an object`);
  const names = new Set<string>();
  for (const { name } of cursor.members()) {
    if (names.has(name)) throw invalid(`${what} has the member ${JSON.stringify(name)} twice`);
    names.add(name);
    yield name;
  }
}

function fieldsOf(cursor: JsonCursor, what: string): Fields {
  const fields = new Map<string, Field>();
  for (const name of membersOf(cursor, what)) fields.set(name, { kind: cursor.kind, text: cursor.take() });
  return fields;
}

function checkNames(fields: Fields, known: readonly string[], what: string): void {
  for (const name of fields.keys()) {
    if (!known.includes(name))
      throw invalid(`${what} has the member ${JSON.stringify(name)}, which means nothing there`);
  }
}

function listOf<T>(
  cursor: JsonCursor,
  name: string,
  countMax: number,
  parse: (fields: Fields, what: string) => T,
): T[] {
  if (cursor.kind !== "array") throw invalid(`${name} has to be an array`);
  const list: T[] = [];
  for (const index of cursor.elements()) {
    if (index >= countMax)
      throw new Refused("transaction-too-large", `a transaction has at most ${countMax} ${name}`);
    const what = `${name}[${index}]`;
    list.push(parse(fieldsOf(cursor, what), what));
  }
  return list;
}

function checkDistinct(name: string, list: readonly { readonly key: string }[]): void {
  const keys = new Set<string>();
  list.forEach(({ key }, index) => {
    if (keys.has(key)) throw invalid(`${name}[${index}] names a key that another one names before`);
    keys.add(key);
  });
}

function parseCheck(regions: RegionTable, fields: Fields, what: string): ItemVersion {
  checkNames(fields, ["key", "version"], what);
  return { key: keyIn(fields, what), version: versionIn(regions, fields, what) };
}

/** No item has it: a version of another deployment's making is well formed and holds nowhere. */
const NO_VERSION: Position = { o: 0, e: 0, s: 0 };

function versionIn(regions: RegionTable, fields: Fields, what: string): Position | null {
  const field = fields.get("version");
  if (field?.kind === "null") return null;
  const version = field?.kind === "string" ? parsePosition(regions, stringOf(field)) : "malformed";
  if (version === "malformed") throw invalid(`${what}.version has to be a version, or null for no item`);
  return version === "unknown" ? NO_VERSION : version;
}

function parseWrite(fields: Fields, what: string): ItemCommand {
  const op = textIn(fields, "op", what);
  const key = keyIn(fields, what);
  switch (op) {
    case "put":
      checkNames(fields, ["op", "key", "value", "valueBase64", "contentType", "expiresInS"], what);
      return { kind: "put", key, ...valueIn(fields, what), ...expiryIn(fields, what) };
    case "delete":
      checkNames(fields, ["op", "key"], what);
      return { kind: "delete", key };
    case "merge":
      checkNames(fields, ["op", "key", "patch"], what);
      return { kind: "merge", key, patch: patchIn(fields, what) };
    case "add":
      checkNames(fields, ["op", "key", "by"], what);
      return { kind: "add", key, by: summandIn(fields, what) };
    default:
      throw invalid(`${what}.op has to be one of put, delete, merge, add`);
  }
}

function keyIn(fields: Fields, what: string): string {
  return checkKey(textIn(fields, "key", what), `${what}.key`);
}

function textIn(fields: Fields, name: string, what: string): string {
  const field = fields.get(name);
  if (field?.kind !== "string") throw invalid(`${what}.${name} has to be a string`);
  return stringOf(field);
}

function valueIn(fields: Fields, what: string): { readonly value: Uint8Array; readonly contentType: string } {
  const json = fields.get("value");
  const base64 = fields.get("valueBase64");
  if ((json === undefined) === (base64 === undefined))
    throw invalid(`${what} has to have one of value and valueBase64`);
  const type = fields.has("contentType")
    ? checkContentType(textIn(fields, "contentType", what), `${what}.contentType`)
    : undefined;
  if (json !== undefined) return { value: bytesOf(json), contentType: type ?? JSON_CONTENT_TYPE };
  const value = fromBase64(textIn(fields, "valueBase64", what));
  if (value === null) throw invalid(`${what}.valueBase64 is not base64 (RFC 4648, section 4, padded)`);
  return { value, contentType: type ?? CONTENT_TYPE_DEFAULT };
}

function expiryIn(fields: Fields, what: string): { readonly expiresInS?: number } {
  const field = fields.get("expiresInS");
  if (field === undefined) return {};
  const text = field.kind === "number" ? field.text : "";
  return { expiresInS: parseInteger(`${what}.expiresInS`, text, 1, EXPIRES_IN_S_MAX) };
}

function patchIn(fields: Fields, what: string): Uint8Array {
  const field = fields.get("patch");
  if (field === undefined) throw invalid(`${what}.patch is missing`);
  const patch = bytesOf(field);
  if (readPatch(patch) === "too-deep")
    throw invalid(`${what}.patch is nested deeper than ${JSON_DEPTH_MAX} levels`);
  return patch;
}

/** A number as JSON writes it, or the same in a string, for languages whose numbers have fewer than 64 bits. */
function summandIn(fields: Fields, what: string): string {
  const field = fields.get("by");
  const text = field?.kind === "string" ? stringOf(field) : field?.kind === "number" ? field.text : "";
  const by = text === "-0" ? 0n : parseCounter(text);
  if (by === null)
    throw invalid(`${what}.by has to be an integer of 64 bits, signed, as a number or a decimal string`);
  return String(by);
}

function stringOf({ text }: Field): string {
  return JSON.parse(text) as string;
}

function bytesOf({ text }: Field): Uint8Array {
  return new TextEncoder().encode(text);
}
