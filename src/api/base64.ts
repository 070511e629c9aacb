/** Bytes as text, in both alphabets (RFC 4648, 4 and 5). */

export function toBase64(bytes: Uint8Array & Base64Bytes): string {
  if (bytes.toBase64 !== undefined) return bytes.toBase64();
  let binary = "";
  // In slices: the arguments of one call are limited.
  for (let at = 0; at < bytes.length; at += 8_192) {
    binary += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  }
  return btoa(binary);
}

/** Null where the text is not what `toBase64` makes: padded, canonical, and nothing else in it. */
export function fromBase64(text: string): Uint8Array | null {
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return null;
  const bytes = bytesOf(text);
  return bytes !== null && toBase64(bytes) === text ? bytes : null;
}

/** Newer engines have it built in; TypeScript's library for ours does not say so. */
interface Base64Bytes {
  toBase64?(options?: { readonly alphabet: "base64url"; readonly omitPadding: true }): string;
}

export function toBase64Url(bytes: Uint8Array & Base64Bytes): string {
  if (bytes.toBase64 !== undefined) return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
  return toBase64(bytes).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

/** Null where the text is not canonical base64url: of two texts for the same bytes only one is ours. */
export function fromBase64Url(text: string): Uint8Array | null {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return null;
  const bytes = bytesOf(text.replaceAll("-", "+").replaceAll("_", "/"));
  return bytes !== null && toBase64Url(bytes) === text ? bytes : null;
}

function bytesOf(base64: string): Uint8Array | null {
  let binary: string;
  try {
    binary = atob(base64);
  } catch {
    return null;
  }
  const bytes = new Uint8Array(binary.length);
  for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
  return bytes;
}
