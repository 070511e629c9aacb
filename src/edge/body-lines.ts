/**
 * A body as lines, in constant memory: what one read brings is cut at its line ends, and only a line that goes on is kept. A
 * line that is longer than allowed is not kept either; it is told of and passed over.
 */

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without its end; null: longer than allowed. Valid until the next read. */
  readonly bytes: Uint8Array | null;
}

const LINE_FEED = 0x0a;

export class BodyLines {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #lineBytesMax: number;
  #number = 0;
  #kept: Uint8Array[] = [];
  #keptBytes = 0;

  constructor(body: ReadableStream<Uint8Array>, lineBytesMax: number) {
    this.#reader = body.getReader();
    this.#lineBytesMax = lineBytesMax;
  }

  /** The lines that end in what is read next, maybe none; null at the end of the body. */
  async read(): Promise<readonly Line[] | null> {
    const { done, value } = await this.#reader.read();
    if (!done) return this.#cut(value);
    return this.#keptBytes > 0 ? [this.#take(new Uint8Array(0))] : null;
  }

  /** Nobody wants the rest. */
  async cancel(): Promise<void> {
    await this.#reader.cancel();
  }

  #cut(chunk: Uint8Array): readonly Line[] {
    const lines: Line[] = [];
    let start = 0;
    for (;;) {
      const end = chunk.indexOf(LINE_FEED, start);
      if (end === -1) break;
      lines.push(this.#take(chunk.subarray(start, end)));
      start = end + 1;
    }
    this.#keep(chunk.subarray(start));
    return lines;
  }

  #keep(part: Uint8Array): void {
    if (part.length === 0) return;
    this.#keptBytes += part.length;
    if (this.#keptBytes > this.#lineBytesMax) this.#kept = [];
    // A copy: a part would hold all of the read that it is of.
    else this.#kept.push(part.slice());
  }

  #take(last: Uint8Array): Line {
    const length = this.#keptBytes + last.length;
    const kept = this.#kept;
    this.#kept = [];
    this.#keptBytes = 0;
    this.#number += 1;
    const number = this.#number;
    if (length > this.#lineBytesMax) return { number, bytes: null };
    return { number, bytes: kept.length === 0 ? last : joined([...kept, last], length) };
  }
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
