/**
 * Ids that are unique and cheap: randomness once for the isolate, then a counter. It is drawn at the first use, because
 * the platform has none to give before a request comes.
 */
let isolate: string | null = null;
let count = 0;

export function uniqueId(): string {
  isolate ??= randomText(8);
  return `${isolate}-${(count++).toString(36)}`;
}

export function randomBytes(bytes: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(bytes));
}

/** For what has to be unguessable or short: hexadecimal. */
export function randomText(bytes: number): string {
  return Array.from(randomBytes(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
