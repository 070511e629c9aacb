/**
 * Reads Protocol Buffers' primitives off a buffer, strictly: what no writer of ours produces is refused.
 *
 * The library's reader makes a BigInt of every 64-bit number. Ours stay below 2^53 by contract, and a follower reads
 * some thirty of them for each entry, so this one makes a number and refuses a greater one.
 */
import { getTextEncoding } from "@bufbuild/protobuf/wire";
import { UndecodableError } from "./undecodable-error.ts";

export const WireType = { varint: 0, fixed64: 1, delimited: 2, fixed32: 5 } as const;

/** Shorter ASCII text is cheaper to read here than to hand to the platform's decoder. */
const SHORT_TEXT_BYTES = 48;

/** A slice up to this size is copied: it costs no more than a view, and it does not keep a whole message in memory. */
const COPIED_BYTES_MAX = 64;

const NOTHING = new Uint8Array(0);

export class Reader {
  pos = 0;
  /** Where the message that is being read ends; never beyond the buffer. */
  end: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    // A Node Buffer is a Uint8Array whose slices are Buffers. Everything that leaves here is plain.
    this.#bytes =
      bytes.constructor === Uint8Array
        ? bytes
        : new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.end = bytes.byteLength;
  }

  tag(): number {
    const tag = this.u32();
    if (tag < 8) throw new UndecodableError("field number 0");
    return tag;
  }

  u32(): number {
    const value = this.u53();
    if (value > 0xffff_ffff) throw new UndecodableError("a 32-bit number is too large");
    return value;
  }

  u53(): number {
    const bytes = this.#bytes;
    let value = 0;
    let scale = 1;
    // Eight groups of seven bits hold 56: enough for 2^53 - 1, and their sum cannot round down below 2^53.
    for (let group = 0; group < 8; group++) {
      if (this.pos >= this.end) throw new UndecodableError("ends within a number");
      const byte = bytes[this.pos++] as number;
      if (byte < 0x80) {
        value += byte * scale;
        if (value > Number.MAX_SAFE_INTEGER) throw new UndecodableError("a number is 2^53 or more");
        return value;
      }
      value += (byte - 0x80) * scale;
      scale *= 0x80;
    }
    throw new UndecodableError("a number is 2^53 or more");
  }

  /** A length, and where what it measures ends. */
  delimited(): number {
    const end = this.u53() + this.pos;
    if (end > this.end) throw new UndecodableError("ends within a field");
    return end;
  }

  bytes(): Uint8Array {
    const end = this.delimited();
    const start = this.pos;
    this.pos = end;
    if (end === start) return NOTHING;
    return end - start <= COPIED_BYTES_MAX ? this.#bytes.slice(start, end) : this.#bytes.subarray(start, end);
  }

  text(): string {
    const end = this.delimited();
    const start = this.pos;
    this.pos = end;
    const bytes = this.#bytes;
    if (end - start <= SHORT_TEXT_BYTES) {
      const codes: number[] = [];
      let at = start;
      for (; at < end; at++) {
        const byte = bytes[at] as number;
        if (byte > 0x7f) break;
        codes.push(byte);
      }
      if (at === end) return String.fromCharCode.apply(undefined, codes);
    }
    // Strict: a replacement character would be another user's key.
    return getTextEncoding().decodeUtf8(bytes.subarray(start, end), true);
  }

  /** Passes over the field whose tag was just read. */
  skip(tag: number): void {
    switch (tag & 7) {
      case WireType.varint:
        this.#skipVarint();
        return;
      case WireType.fixed64:
        this.#advance(8);
        return;
      case WireType.delimited:
        this.pos = this.delimited();
        return;
      case WireType.fixed32:
        this.#advance(4);
        return;
      default:
        throw new UndecodableError(`wire type ${tag & 7}`);
    }
  }

  /** A copy of what lies between two positions. */
  copy(start: number, end: number): Uint8Array {
    return this.#bytes.slice(start, end);
  }

  /** A field that we do not know may use all 64 bits. */
  #skipVarint(): void {
    for (let group = 0; group < 10; group++) {
      if (this.pos >= this.end) break;
      if ((this.#bytes[this.pos++] as number) < 0x80) return;
    }
    throw new UndecodableError("ends within a number");
  }

  #advance(count: number): void {
    if (this.pos + count > this.end) throw new UndecodableError("ends within a field");
    this.pos += count;
  }
}
