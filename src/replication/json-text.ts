/**
 * JSON as the text that it is. What users store has to come back byte for byte, and parsing and writing it anew would lose
 * the digits of large numbers, the order of members, duplicate members, escapes and spaces. So nothing here makes values
 * out of a text: it is only found out where in the text they stand.
 *
 * The platform says whether a text is JSON at all, strictly (no comments, no trailing commas, no byte order mark); the
 * scanner of jsonc-parser then says where each token begins and ends. Neither recurses, so depth costs no stack here.
 */
import { getTextEncoding } from "@bufbuild/protobuf/wire";
import { createScanner } from "jsonc-parser";

/** Deeper JSON is stored and read like any other; it is not merged, because merging follows the nesting. */
export const JSON_DEPTH_MAX = 512;

export const JSON_CONTENT_TYPE = "application/json";

/** application/json and types that end with +json (RFC 6839), whatever their parameters. */
export function isJsonType(contentType: string): boolean {
  return /^(application\/json|[^/\s]+\/[^/\s]+\+json)$/i.test(mediaTypeOf(contentType));
}

/** Without its parameters. */
export function mediaTypeOf(contentType: string): string {
  const [type = ""] = contentType.split(";", 1);
  return type.trim();
}

/** Null where the bytes are not UTF-8, or not JSON. */
export function jsonTextOf(bytes: Uint8Array): string | null {
  try {
    const text = getTextEncoding().decodeUtf8(bytes, true);
    JSON.parse(text);
    return text;
  } catch {
    return null;
  }
}

/** Of a text that is JSON: how many arrays and objects stand in one another, at most. */
export function jsonDepthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let within = false;
  for (let at = 0; at < text.length; at++) {
    const c = text[at];
    if (c === '"') within = !within;
    else if (within) {
      if (c === "\\") at++;
    } else if (c === "{" || c === "[") deepest = Math.max(deepest, ++depth);
    else if (c === "}" || c === "]") depth--;
  }
  return deepest;
}

export type JsonKind = "object" | "array" | "string" | "number" | "true" | "false" | "null";

export interface JsonMember {
  /** With its escapes resolved. */
  readonly name: string;
  /** Where its name begins. */
  readonly start: number;
  /** Where the comma before it stands; -1 for the first. */
  readonly comma: number;
}

/** Goes through a text that is JSON, once and forward. It stands at the first token of a value, or after the last one. */
export class JsonCursor {
  readonly text: string;
  readonly #scanner;
  /** End of what was passed over last. */
  end = 0;

  constructor(text: string, at = 0) {
    this.text = text;
    this.#scanner = createScanner(text, true);
    this.#scanner.setPosition(at);
    this.#scanner.scan();
  }

  /** Where the value begins. */
  get start(): number {
    return this.#scanner.getTokenOffset();
  }

  get kind(): JsonKind {
    switch (this.#char()) {
      case "{":
        return "object";
      case "[":
        return "array";
      case '"':
        return "string";
      case "t":
        return "true";
      case "f":
        return "false";
      case "n":
        return "null";
      default:
        return "number";
    }
  }

  /** Passes over the value and answers its text. */
  take(): string {
    const { start } = this;
    this.skip();
    return this.text.slice(start, this.end);
  }

  /** Passes over a string and answers what it says. */
  takeString(): string {
    const value = this.#scanner.getTokenValue();
    this.#next();
    return value;
  }

  skip(): void {
    let depth = 0;
    do {
      const c = this.#char();
      if (c === "{" || c === "[") depth++;
      else if (c === "}" || c === "]") depth--;
      this.#next();
    } while (depth > 0);
  }

  /** Passes over an object. Whoever takes a member has to pass over its value before the next one. */
  *members(): Generator<JsonMember, void, undefined> {
    this.#next();
    let comma = -1;
    while (this.#char() !== "}") {
      const member = { name: this.#scanner.getTokenValue(), start: this.start, comma };
      this.#next();
      this.#next();
      yield member;
      comma = this.#passComma();
    }
    this.#next();
  }

  /** The same for an array. */
  *elements(): Generator<number, void, undefined> {
    this.#next();
    for (let index = 0; this.#char() !== "]"; index++) {
      yield index;
      this.#passComma();
    }
    this.#next();
  }

  #passComma(): number {
    const { start } = this;
    if (this.#char() !== ",") return -1;
    this.#next();
    return start;
  }

  #char(): string | undefined {
    return this.text[this.start];
  }

  #next(): void {
    this.end = this.#scanner.getPosition();
    this.#scanner.scan();
  }
}
