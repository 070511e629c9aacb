/** Digests. The only file of the edge that touches node:crypto, which workerd has too. */
// oxlint-disable-next-line no-restricted-imports -- a synchronous digest; both runtimes have it
import { createHash, createHmac, timingSafeEqual } from "node:crypto";

export function hmacSha256(secret: string, data: string | Uint8Array): Uint8Array {
  return createHmac("sha256", secret).update(data).digest();
}

/** Over parts that are kept apart by their lengths: no two different lists of parts have one digest. */
export function digestOf(parts: readonly (string | Uint8Array)[]): Uint8Array {
  const hash = createHash("sha256");
  for (const part of parts) {
    hash.update(`${part.length}:`);
    hash.update(part);
  }
  return new Uint8Array(hash.digest());
}

export function sha256(data: string): Uint8Array {
  return createHash("sha256").update(data).digest();
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}
