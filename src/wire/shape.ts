/**
 * How a type of ours lies in a message of ithaca.proto: one table a message, read in both directions.
 *
 * A table names every property of the type with its field number, so that a property without a place on the wire does not
 * compile, and reading and writing cannot drift apart. The code that protoc generates is the other implementation of the
 * same schema: the tests hold both to the same bytes. It is not used at run time: its values are not ours (BigInts, other
 * names, unknown numbers for words), so that each would be checked and copied once more, and for an entry it takes two to
 * three times as long to write and half as long again to read.
 *
 * Reading is stricter than Protocol Buffers ask: a singular field that comes twice, a known field of another wire type, a
 * message that is missing and a word that is unknown are all undecodable. An unknown field is passed over (or kept,
 * where a message says so): newer writers add fields.
 */
import { Reader, WireType } from "./reader.ts";
import { UndecodableError } from "./undecodable-error.ts";
import { Writer } from "./writer.ts";

// ------------------------------------------------------------------------------------------------------- values

/** How a value is written. Values of this kind have no presence unless `whenAbsent` is undefined. */
interface Type<V> {
  readonly wire: 0 | 2;
  /** What an absent field means; undefined where a field may not be absent. */
  readonly whenAbsent: V | undefined;
  /** Whether the value is expressed by leaving the field out. */
  omits(value: V): boolean;
  read(reader: Reader): V;
  write(writer: Writer, value: V): void;
}

const isZero = (value: number) => value === 0;
const never = () => false;

/** 0 to 2^53 - 1. */
export const u53: Type<number> = {
  wire: WireType.varint,
  whenAbsent: 0,
  omits: isZero,
  read: (reader) => reader.u53(),
  write: (writer, value) => writer.u53(value),
};

export const u32: Type<number> = {
  wire: WireType.varint,
  whenAbsent: 0,
  omits: isZero,
  read: (reader) => reader.u32(),
  write: (writer, value) => writer.u32(value),
};

/** A number that is never 0 where it is written, so that its absence is an error: kinds and versions. */
export const positive: Type<number> = {
  wire: WireType.varint,
  whenAbsent: undefined,
  omits: never,
  read: (reader) => asPositive(reader.u32()),
  write: (writer, value) => {
    if (!(value > 0 && value <= 0x7fff_ffff)) throw new RangeError(`${value} is no kind or version`);
    writer.u32(value);
  },
};

function asPositive(value: number): number {
  if (value === 0 || value > 0x7fff_ffff) throw new UndecodableError(`${value} is no kind or version`);
  return value;
}

/** An instant or a duration in ms that clocks with an offset may take below 0. */
export const s53: Type<number> = {
  wire: WireType.varint,
  whenAbsent: 0,
  omits: isZero,
  read: (reader) => {
    const zigzag = reader.u53();
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  },
  write: (writer, value) => writer.u53(value < 0 ? -value * 2 - 1 : value * 2),
};

/** A region's permanent index. */
export const region: Type<number> = {
  wire: WireType.varint,
  whenAbsent: 0,
  omits: isZero,
  read: (reader) => {
    const value = reader.u32();
    if (value > 15) throw new UndecodableError(`${value} is no region`);
    return value;
  },
  write: (writer, value) => {
    if (!(value <= 15)) throw new RangeError(`${value} is no region`);
    writer.u32(value);
  },
};

export const flag: Type<boolean> = {
  wire: WireType.varint,
  whenAbsent: false,
  omits: (value) => !value,
  read: (reader) => {
    const value = reader.u32();
    if (value > 1) throw new UndecodableError(`${value} is no flag`);
    return value === 1;
  },
  write: (writer, value) => writer.u32(value ? 1 : 0),
};

export const text: Type<string> = {
  wire: WireType.delimited,
  whenAbsent: "",
  omits: (value) => value === "",
  read: (reader) => reader.text(),
  write: (writer, value) => writer.text(value),
};

/** Long ones are views of the buffer that is read, see Reader. */
export const bytes: Type<Uint8Array> = {
  wire: WireType.delimited,
  whenAbsent: new Uint8Array(0),
  omits: (value) => value.length === 0,
  read: (reader) => reader.bytes(),
  write: (writer, value) => writer.bytes(value),
};

/** A closed set of words. One that we do not know is undecodable: there is no word to put in its place. */
export function words<W extends string>(numbers: Record<W, number>): Type<W> {
  const byNumber = new Map(Object.entries<number>(numbers).map(([word, number]) => [number, word as W]));
  return {
    wire: WireType.varint,
    whenAbsent: undefined,
    omits: never,
    read: (reader) => {
      const number = reader.u32();
      const word = byNumber.get(number);
      if (word === undefined) throw new UndecodableError(`unknown word ${number}`);
      return word;
    },
    write: (writer, value) => {
      if (!Object.hasOwn(numbers, value)) throw new RangeError(`unknown word ${value}`);
      writer.u32(numbers[value]);
    },
  };
}

// ------------------------------------------------------------------------------------------------------- fields

type Mode = "one" | "many" | "maybe";

interface Field<V, M extends Mode> {
  readonly mode: M;
  readonly number: number;
  /** Of a list: its elements'. */
  readonly type: Type<V>;
}

/** A property that always has a value. */
export function one<V>(number: number, type: Type<V>): Field<V, "one"> {
  return { mode: "one", number, type };
}

/** A property that may be absent, which is not the same as empty. */
export function maybe<V>(number: number, type: Type<V>): Field<V, "maybe"> {
  return { mode: "maybe", number, type };
}

export function many<V>(number: number, type: Type<V>): Field<V, "many"> {
  return { mode: "many", number, type };
}

type FieldFor<T, K extends keyof T> =
  Partial<Pick<T, K>> extends Pick<T, K>
    ? Field<Exclude<T[K], undefined>, "maybe">
    : T[K] extends readonly (infer V)[]
      ? Field<V, "many">
      : Field<T[K], "one">;

/** Every property of T, and nothing else. */
type Fields<T> = { readonly [K in keyof T]-?: FieldFor<T, K> };

interface Row {
  readonly key: string;
  readonly mode: Mode;
  readonly tag: number;
  /** Its place in the set of fields that were seen. */
  readonly bit: number;
  readonly type: Type<unknown>;
}

// ----------------------------------------------------------------------------------------------------- messages

export interface Message<T> extends Type<T> {
  readonly name: string;
  /** The fields alone, up to `reader.end`. */
  readonly readBody: (reader: Reader) => T;
  readonly writeBody: (writer: Writer, value: T) => void;
}

/** Where a message keeps the fields that it does not know. */
export interface WithUnknown {
  /** Fields that newer code added, as they came. */
  readonly unknown?: Uint8Array;
}

/** A message whose fields are the properties of T. */
export function message<T>(name: string, fields: Fields<T>): Message<T> {
  return table<T>(name, fields, {}, false);
}

/** A case of a choice: `type` tells it from the others and does not travel. */
export function tagged<T extends { readonly type: string }>(
  name: string,
  type: T["type"],
  fields: Fields<Omit<T, "type">>,
): Message<T> {
  return table<T>(name, fields, { type }, false);
}

/** As `tagged`, where the discriminant is called `kind`. */
export function kinded<T extends { readonly kind: string }>(
  name: string,
  kind: T["kind"],
  fields: Fields<Omit<T, "kind">>,
): Message<T> {
  return table<T>(name, fields, { kind }, false);
}

/** A message that passes through older code unharmed: fields that are not in the table are written again. */
export function keeping<T extends WithUnknown>(name: string, fields: Fields<Omit<T, "unknown">>): Message<T> {
  return table<T>(name, fields, {}, true);
}

/** Names and types are erased from here on: that each property meets its own type only, the compiler has seen above. */
function table<T>(
  name: string,
  fields: object,
  constants: Readonly<Record<string, unknown>>,
  keepUnknown: boolean,
): Message<T> {
  const rows: readonly Row[] = Object.entries(fields as Readonly<Record<string, Field<unknown, Mode>>>)
    .map(([key, { mode, number, type }], index) => ({
      key,
      mode,
      tag: number * 8 + type.wire,
      bit: 2 ** index,
      type,
    }))
    .toSorted((a, b) => b.tag - a.tag);
  if (rows.length > 30) throw new RangeError(`${name} has too many fields for a set in 32 bits`);
  const byTag = new Map(rows.map((row) => [row.tag, row]));
  const numbers = new Set(rows.map((row) => row.tag >>> 3));
  const required = rows
    .filter(({ mode, type }) => mode === "one" && type.whenAbsent === undefined)
    .reduce((set, { bit }) => set | bit, 0);
  const blank: Record<string, unknown> = { ...constants };
  for (const { key, mode, type } of rows) {
    if (mode === "one") blank[key] = type.whenAbsent;
    if (mode === "many") blank[key] = Object.freeze([]);
  }

  function readBody(reader: Reader): T {
    const value = { ...blank };
    const { end } = reader;
    let seen = 0;
    let unknown: Uint8Array[] | undefined;
    while (reader.pos < end) {
      const start = reader.pos;
      const tag = reader.tag();
      const row = byTag.get(tag);
      if (row === undefined) {
        if (numbers.has(tag >>> 3)) throw new UndecodableError(`field ${tag >>> 3} has another wire type`);
        reader.skip(tag);
        if (keepUnknown) (unknown ??= []).push(reader.copy(start, reader.pos));
      } else if (row.mode === "many") {
        if ((seen & row.bit) === 0) value[row.key] = [row.type.read(reader)];
        else (value[row.key] as unknown[]).push(row.type.read(reader));
        seen |= row.bit;
      } else {
        if ((seen & row.bit) !== 0) throw new UndecodableError(`${row.key} comes twice`);
        value[row.key] = row.type.read(reader);
        seen |= row.bit;
      }
    }
    if ((seen & required) !== required) {
      const missing = rows.find(({ bit }) => (required & ~seen & bit) !== 0);
      throw new UndecodableError(`${missing?.key} is missing`);
    }
    if (unknown !== undefined) value["unknown"] = concatenated(unknown);
    return value as T;
  }

  function writeBody(writer: Writer, value: T): void {
    const properties = value as Record<string, unknown>;
    if (keepUnknown && properties["unknown"] !== undefined) writer.raw(properties["unknown"] as Uint8Array);
    let at = "";
    try {
      for (const { key, mode, tag, type } of rows) {
        at = key;
        const property = properties[key];
        if (mode === "many") {
          const elements = property as readonly unknown[];
          for (let i = elements.length - 1; i >= 0; i--) {
            type.write(writer, elements[i]);
            writer.u32(tag);
          }
        } else if (mode === "maybe" ? property !== undefined : !type.omits(property)) {
          type.write(writer, property);
          writer.u32(tag);
        }
      }
    } catch (error) {
      throw new RangeError(`${name}.${at}: ${messageOf(error)}`, { cause: error });
    }
  }

  return nested(name, readBody, writeBody);
}

/** A message that reads and writes its fields in its own way. */
export function nested<T>(
  name: string,
  readBody: (reader: Reader) => T,
  writeBody: (writer: Writer, value: T) => void,
): Message<T> {
  return {
    name,
    wire: WireType.delimited,
    whenAbsent: undefined,
    omits: never,
    readBody,
    writeBody,
    read: (reader) => within(reader, readBody),
    write: (writer, value) => {
      const before = writer.size;
      writeBody(writer, value);
      writer.u53(writer.size - before);
    },
  };
}

function within<V>(reader: Reader, read: (reader: Reader) => V): V {
  const outer = reader.end;
  reader.end = reader.delimited();
  const value = read(reader);
  reader.end = outer;
  return value;
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

// ------------------------------------------------------------------------------------------------------ choices

/** A case that this code does not know: what the sender means is lost here, what else it says is not. */
export const UNKNOWN_CASE = Symbol("unknown case");

export interface Choice<T> {
  readonly name: string;
  readonly readBody: (reader: Reader) => T | typeof UNKNOWN_CASE;
  readonly writeBody: (writer: Writer, value: T) => void;
}

/** A message whose only content is one of several messages, told apart by `type`. */
export function choice<T extends { readonly type: string }>(
  name: string,
  cases: { readonly [D in T["type"]]: readonly [number, Message<Extract<T, { readonly type: D }>>] },
): Choice<T> {
  const byType = new Map(Object.entries<readonly [number, unknown]>(cases)) as ReadonlyMap<
    string,
    readonly [number, Message<T>]
  >;
  const byTag = new Map([...byType.values()].map(([number, shape]) => [number * 8 + shape.wire, shape]));
  return {
    name,
    readBody(reader) {
      let found: T | typeof UNKNOWN_CASE | undefined;
      while (reader.pos < reader.end) {
        const tag = reader.tag();
        const shape = byTag.get(tag);
        if (shape === undefined) {
          reader.skip(tag);
          found ??= UNKNOWN_CASE;
        } else {
          if (found !== undefined && found !== UNKNOWN_CASE)
            throw new UndecodableError("two cases of one choice");
          found = shape.read(reader);
        }
      }
      if (found === undefined) throw new UndecodableError("no case of a choice");
      return found;
    },
    writeBody(writer, value) {
      const row = byType.get(value.type);
      if (row === undefined) throw new RangeError(`unknown case ${value.type}`);
      const [number, shape] = row;
      shape.write(writer, value);
      writer.u32(number * 8 + shape.wire);
    },
  };
}

// --------------------------------------------------------------------------------------------------- whole buffers

/** Nothing here waits, so one writer serves everybody. */
const shared = new Writer();

export function encodeWith(write: (writer: Writer) => void): Uint8Array<ArrayBuffer> {
  shared.reset();
  write(shared);
  return shared.finish();
}

export function encode<T>(shape: Message<T>, value: T): Uint8Array<ArrayBuffer> {
  return encodeWith((writer) => shape.writeBody(writer, value));
}

/** Whatever goes wrong within is the bytes' fault, a malformed text that the platform refuses included. */
export function decodeWith<V>(name: string, source: Uint8Array, read: (reader: Reader) => V): V {
  try {
    return read(new Reader(source));
  } catch (error) {
    throw new UndecodableError(`${name}: ${messageOf(error)}`, { cause: error });
  }
}

export function decode<T>(shape: Message<T>, source: Uint8Array): T {
  return decodeWith(shape.name, source, shape.readBody);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
