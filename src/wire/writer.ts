/**
 * Writes Protocol Buffers' primitives, back to front.
 *
 * A nested message stands behind its length, and the length is known only when the message is written. Filling the
 * buffer from its end, last field first, makes that the natural order: one pass, no sizes computed beforehand, and the
 * bytes are those of a writer that goes forward.
 *
 * Numbers that do not fit are our own mistakes and throw RangeError.
 */
import { getTextEncoding } from "@bufbuild/protobuf/wire";

const INITIAL_BYTES = 16_384;
/** A larger buffer is not kept for the next message. */
const KEPT_BYTES_MAX = 262_144;
const SHORT_TEXT_LENGTH = 48;

export class Writer {
  #buffer = new Uint8Array(INITIAL_BYTES);
  #pos = INITIAL_BYTES;

  /** What is written so far, in bytes. */
  get size(): number {
    return this.#buffer.length - this.#pos;
  }

  /** The bytes, in a buffer of exactly their size. The writer is empty again. */
  finish(): Uint8Array<ArrayBuffer> {
    const bytes = this.#buffer.slice(this.#pos);
    this.reset();
    return bytes;
  }

  reset(): void {
    if (this.#buffer.length > KEPT_BYTES_MAX) this.#buffer = new Uint8Array(INITIAL_BYTES);
    this.#pos = this.#buffer.length;
  }

  u32(value: number): void {
    if (!(value <= 0xffff_ffff)) throw new RangeError(`${value} does not fit 32 bits`);
    this.u53(value);
  }

  u53(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw new RangeError(`${value} is no whole number from 0 to 2^53 - 1`);
    }
    this.#reserve(8);
    const buffer = this.#buffer;
    if (value < 0x80) {
      buffer[--this.#pos] = value;
      return;
    }
    let size = 2;
    for (let bound = 0x4000; value >= bound; bound *= 0x80) size++;
    this.#pos -= size;
    let at = this.#pos;
    let rest = value;
    for (; rest > 0x7fff_ffff; rest = Math.floor(rest / 0x80)) buffer[at++] = (rest % 0x80) | 0x80;
    for (; rest > 0x7f; rest >>>= 7) buffer[at++] = (rest & 0x7f) | 0x80;
    buffer[at] = rest;
  }

  /** Raw bytes, without their length. */
  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#pos -= bytes.length;
    this.#buffer.set(bytes, this.#pos);
  }

  bytes(bytes: Uint8Array): void {
    this.raw(bytes);
    this.u53(bytes.length);
  }

  text(text: string): void {
    if (text.length <= SHORT_TEXT_LENGTH && this.#ascii(text)) {
      this.u53(text.length);
      return;
    }
    // A lone surrogate has no bytes; the encoder would put another character in its place, and another key.
    if (!text.isWellFormed()) throw new RangeError("text with a lone surrogate");
    this.bytes(getTextEncoding().encodeUtf8(text));
  }

  #ascii(text: string): boolean {
    this.#reserve(text.length);
    const start = this.#pos - text.length;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) return false;
      this.#buffer[start + i] = code;
    }
    this.#pos = start;
    return true;
  }

  #reserve(count: number): void {
    if (count <= this.#pos) return;
    const { size } = this;
    const buffer = new Uint8Array(Math.max(this.#buffer.length * 2, size + count + INITIAL_BYTES));
    buffer.set(this.#buffer.subarray(this.#pos), buffer.length - size);
    this.#buffer = buffer;
    this.#pos = buffer.length - size;
  }
}
