/**
 * The hash that chains log entries: SHA-256, truncated to 16 bytes. Synchronous, because a turn is, and so not the Web
 * Crypto one; the module is one that the Workers runtime has too.
 */
// oxlint-disable-next-line no-restricted-imports -- a synchronous digest; both runtimes have it
import { createHash } from "node:crypto";

const HASH_BYTES = 16;

export function chainHash(...parts: Uint8Array[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  const digest = hash.digest();
  return new Uint8Array(digest.buffer, digest.byteOffset, HASH_BYTES);
}
