/**
 * What happened, line by line, and a digest of all of it.
 *
 * The last lines are kept for the report of a failing seed. Every line goes into the digest, kept or not: two runs of one seed
 * have to have the same digest, which is the whole test of determinism.
 */

export class Transcript {
  readonly #keep: number;
  readonly #lines: string[] = [];
  #next = 0;
  #h1 = 0x811c9dc5;
  #h2 = 0x9747b28c;
  count = 0;

  /** `keep`: how many of the last lines to hold. */
  constructor(keep: number) {
    this.#keep = keep;
  }

  line(time: number, text: string): void {
    const line = `${time.toFixed(0).padStart(8)}  ${text}`;
    this.#mix(line);
    this.count++;
    if (this.#lines.length < this.#keep) this.#lines.push(line);
    else if (this.#keep > 0) {
      this.#lines[this.#next] = line;
      this.#next = (this.#next + 1) % this.#keep;
    }
  }

  lines(): string[] {
    return [...this.#lines.slice(this.#next), ...this.#lines.slice(0, this.#next)];
  }

  digest(): string {
    const part = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");
    return part(this.#h1) + part(this.#h2);
  }

  #mix(line: string): void {
    let h1 = this.#h1;
    let h2 = this.#h2;
    for (let i = 0; i < line.length; i++) {
      const code = line.charCodeAt(i);
      h1 = Math.imul(h1 ^ code, 0x01000193);
      h2 = Math.imul(h2 ^ code, 0x5bd1e995) ^ (h2 >>> 15);
    }
    this.#h1 = h1;
    this.#h2 = h2;
  }
}
