/**
 * JSON Merge Patch (RFC 7396) on texts: the patch's own text is spliced into the stored text, and whatever the patch does
 * not name stays as it was, byte for byte.
 *
 * So an application that knows half of an item's members changes those and cannot harm the others, also where its own
 * language would have rounded their numbers. What JSON leaves open is decided here: a member that stands twice in the
 * stored object is patched wherever it stands, so that every reader, whichever of the two it goes by, finds it
 * patched; of a member that stands twice in the patch the last one counts, as with every parser that we know of.
 */
import { getTextEncoding } from "@bufbuild/protobuf/wire";
import { JSON_DEPTH_MAX, JsonCursor, jsonDepthOf, jsonTextOf, type JsonMember } from "./json-text.ts";

/** A patch, or a value within one. */
export type Patch = PatchedMembers | Replacement;

/** An object: it changes members of an object. Where there is none it becomes one, without its nulls. */
interface PatchedMembers {
  readonly kind: "members";
  readonly members: ReadonlyMap<string, PatchMember>;
  readonly source: string;
  readonly start: number;
  readonly end: number;
  /** Nothing in it has to go before it can stand as a value. */
  readonly plain: boolean;
}

/** Anything else. `null` removes a member. */
interface Replacement {
  readonly kind: "null" | "other";
  readonly text: string;
}

interface PatchMember {
  /** Where it stands in the patch: the last of its name. */
  readonly start: number;
  /** From its name up to its value. */
  readonly lead: string;
  readonly value: Patch;
}

export function readPatch(bytes: Uint8Array): Patch | "malformed" | "too-deep" {
  const text = jsonTextOf(bytes);
  if (text === null) return "malformed";
  if (jsonDepthOf(text) > JSON_DEPTH_MAX) return "too-deep";
  return readValue(new JsonCursor(text));
}

/** `value`: null where there is no item, which then becomes what the patch says. */
export function applyPatch(
  patch: Patch,
  value: Uint8Array | null,
  bytesMax: number,
): Uint8Array | "not-json" | "too-large" {
  let text: string | null;
  if (value === null) text = textOf(patch);
  else {
    const stored = jsonTextOf(value);
    if (stored === null || jsonDepthOf(stored) > JSON_DEPTH_MAX) return "not-json";
    const splice = new Splice(stored, Math.max(bytesMax, sourceLength(patch)));
    patchValue(new JsonCursor(stored), patch, splice);
    text = splice.finish();
  }
  if (text === null || text.length > bytesMax) return "too-large";
  const bytes = getTextEncoding().encodeUtf8(text);
  return bytes.length > bytesMax ? "too-large" : bytes;
}

/** The cursor passes over the value of the stored text that the patch is for. */
function patchValue(cursor: JsonCursor, patch: Patch, splice: Splice): void {
  if (patch.kind === "members" && cursor.kind === "object") return patchMembers(cursor, patch, splice);
  const { start } = cursor;
  cursor.skip();
  if (splice.makeRoom(sourceLength(patch))) splice.replace(start, cursor.end, textOf(patch));
}

function patchMembers(cursor: JsonCursor, { members }: PatchedMembers, splice: Splice): void {
  const found = new Set<string>();
  const { end, kept } = rewriteMembers(cursor, splice, ({ name }) => {
    const member = members.get(name);
    if (member === undefined) return "keep";
    found.add(name);
    return member.value.kind === "null" ? "remove" : () => patchValue(cursor, member.value, splice);
  });
  let comma = kept ? "," : "";
  for (const [name, { lead, value }] of members) {
    if (found.has(name) || value.kind === "null") continue;
    if (!splice.makeRoom(lead.length + sourceLength(value))) return;
    splice.replace(end, end, comma + lead + textOf(value));
    comma = ",";
  }
}

/** What a patch is where there is nothing that it could change. */
function textOf(patch: Patch): string {
  if (patch.kind !== "members") return patch.text;
  const { source, start, end } = patch;
  if (patch.plain) return source.slice(start, end);
  const splice = new Splice(source, Infinity, start);
  clean(new JsonCursor(source, start), patch, splice);
  return splice.finish(end) ?? "";
}

/** Takes out of an object of the patch what is null, and what a later member of the same name makes void. */
function clean(cursor: JsonCursor, { members }: PatchedMembers, splice: Splice): void {
  rewriteMembers(cursor, splice, ({ name, start }) => {
    const member = members.get(name);
    if (member === undefined || member.start !== start || member.value.kind === "null") return "remove";
    const { value } = member;
    return value.kind === "members" && !value.plain ? () => clean(cursor, value, splice) : "keep";
  });
}

type Fate = "keep" | "remove" | (() => void);

/**
 * Passes over an object and removes members together with one comma each: the one before, or, of members that nothing is
 * left before, the one after. Answers where the last member ended and whether any was kept.
 */
function rewriteMembers(cursor: JsonCursor, splice: Splice, fateOf: (member: JsonMember) => Fate) {
  let end = cursor.start + 1;
  let kept = false;
  let removedFrom = -1;
  for (const member of cursor.members()) {
    const fate = fateOf(member);
    if (fate === "remove") {
      cursor.skip();
      if (kept) splice.replace(member.comma, cursor.end, "");
      else if (removedFrom === -1) removedFrom = member.start;
    } else {
      if (removedFrom !== -1) splice.replace(removedFrom, member.start, "");
      removedFrom = -1;
      kept = true;
      if (fate === "keep") cursor.skip();
      else fate();
    }
    end = cursor.end;
  }
  if (removedFrom !== -1) splice.replace(removedFrom, end, "");
  return { end, kept };
}

/**
 * Replaces parts of a text, from its beginning to its end. Members that stand many times would multiply what is inserted,
 * so that its length is asked for before it is made.
 */
class Splice {
  readonly #text: string;
  readonly #pieces: string[] = [];
  #room: number;
  #at: number;

  constructor(text: string, room: number, at = 0) {
    this.#text = text;
    this.#room = room;
    this.#at = at;
  }

  /** False when there was not enough, and from then on. */
  makeRoom(length: number): boolean {
    this.#room -= length;
    return this.#room >= 0;
  }

  replace(from: number, to: number, by: string): void {
    this.#pieces.push(this.#text.slice(this.#at, from), by);
    this.#at = to;
  }

  /** Null when there was not room enough. */
  finish(end = this.#text.length): string | null {
    return this.#room < 0 ? null : this.#pieces.join("") + this.#text.slice(this.#at, end);
  }
}

function sourceLength(patch: Patch): number {
  return patch.kind === "members" ? patch.end - patch.start : patch.text.length;
}

function readValue(cursor: JsonCursor): Patch {
  if (cursor.kind === "object") return readMembers(cursor);
  const kind = cursor.kind === "null" ? "null" : "other";
  return { kind, text: cursor.take() };
}

function readMembers(cursor: JsonCursor): PatchedMembers {
  const { text: source, start } = cursor;
  const members = new Map<string, PatchMember>();
  let plain = true;
  for (const member of cursor.members()) {
    if (members.has(member.name)) plain = false;
    const lead = source.slice(member.start, cursor.start);
    const value = readValue(cursor);
    if (value.kind === "null" || (value.kind === "members" && !value.plain)) plain = false;
    members.set(member.name, { start: member.start, lead, value });
  }
  return { kind: "members", members, source, start, end: cursor.end, plain };
}
