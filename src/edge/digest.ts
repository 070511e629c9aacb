/** Digests and the text form of bytes. The only file of the edge that touches node:crypto, which workerd has too. */
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

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && timingSafeEqual(a, b);
}

export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  // In slices: the arguments of one call are limited.
  for (let at = 0; at < bytes.length; at += 8_192) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  }
  return btoa(binary);
}

/** Newer engines have it built in; TypeScript's library for ours does not say so. */
interface Base64Bytes {
  toBase64?(options: { readonly alphabet: "base64url"; readonly omitPadding: true }): string;
}

export function toBase64Url(bytes: Uint8Array & Base64Bytes): string {
  if (bytes.toBase64 !== undefined) return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
  return toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Null where the text is not canonical base64url: of two texts for the same bytes only one is ours. */
export function fromBase64Url(text: string): Uint8Array | null {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return null;
  let binary: string;
  try {
    binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return null;
  }
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return toBase64Url(bytes) === text ? bytes : null;
}
