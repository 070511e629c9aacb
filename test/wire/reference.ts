/** The other implementation of the schema: the code that protoc generates. Here its values are made comparable with ours. */
import type { DescMessage, MessageShape } from "@bufbuild/protobuf";
import { fromBinary, toBinary } from "@bufbuild/protobuf";

/** What the schema calls our short names. */
const LONG_NAMES: Readonly<Record<string, string>> = {
  o: "origin",
  e: "epoch",
  s: "seq",
  p: "partition",
  b: "ballot",
  k: "keyDigest",
  inc: "incarnation",
  pv: "protocolVersion",
  by: "source",
  sinceE: "sinceEpoch",
  sinceS: "sinceSeq",
  endE: "endEpoch",
  endS: "endSeq",
};

const LOST_STATES = ["unspecified", "open", "replayed", "discarded", "folded"];

const WORDS: Readonly<Record<string, readonly string[]>> = {
  concern: ["unspecified", "local", "one", "majority", "all"],
  by: ["unspecified", "client", "edge"],
  state: LOST_STATES,
  how: LOST_STATES,
};

/** A value of ours in the schema's words, `renamed` where a message has names of its own. */
export function inSchemaWords(value: unknown, renamed: Readonly<Record<string, string>> = {}): unknown {
  if (value instanceof Uint8Array) return { bytes: hex(value) };
  if (Array.isArray(value)) return value.map((element) => inSchemaWords(element, renamed));
  if (typeof value !== "object" || value === null) return value;
  const properties = Object.entries(value).filter(([key]) => key !== "type");
  if ("kind" in value && typeof value.kind === "string") {
    const [, content] = properties.find(([key]) => key !== "kind") ?? [];
    return { row: { case: value.kind, value: inSchemaWords(content) } };
  }
  return Object.fromEntries(
    properties.map(([key, property]) => [
      // Only an entry under way has a property `bytes`.
      renamed[key] ?? (key === "bytes" ? "entry" : longName(key, property)),
      typeof property === "string" && key in WORDS
        ? WORDS[key]?.indexOf(property)
        : inSchemaWords(property, renamed),
    ]),
  );
}

/** A word is where a key comes from; a position is what something was done by. */
function longName(key: string, property: unknown): string {
  return key === "by" && typeof property !== "string" ? key : (LONG_NAMES[key] ?? key);
}

/** A case of a oneof, as the generated code holds it. */
export function caseInSchemaWords(value: { readonly type: string }): unknown {
  const name = value.type.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  return { message: { case: name, value: inSchemaWords(value) } };
}

/** A generated value without what is about the library. Fails on fields that the schema does not know. */
export function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (value instanceof Uint8Array) return { bytes: hex(value) };
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  if ("$unknown" in value && value.$unknown !== undefined)
    throw new Error("a field that the schema does not know");
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, property]) => !key.startsWith("$") && property !== undefined)
      .map(([key, property]) => [key, plain(property)]),
  );
}

export function readByReference<D extends DescMessage>(schema: D, bytes: Uint8Array): MessageShape<D> {
  return fromBinary(schema, bytes);
}

/** Read and written again by the reference: the same bytes, when ours are what the schema asks for. */
export function rewrittenByReference(schema: DescMessage, bytes: Uint8Array): Uint8Array {
  return toBinary(schema, fromBinary(schema, bytes), { writeUnknownFields: false });
}

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}
