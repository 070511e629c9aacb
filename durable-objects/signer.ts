/**
 * Tokens that only this deployment can make: kind "." key id "." base64url(body) "." base64url(MAC).
 *
 * The MAC keeps a client from making replicas wait for what will never be, or from letting itself in. Sixteen bytes of
 * HMAC-SHA256 are enough for that. Replicas sign too: a live socket ends at one, and every message of it carries a cursor.
 */
// oxlint-disable-next-line no-restricted-imports -- a synchronous digest; both runtimes have it
import { createHmac, timingSafeEqual } from "node:crypto";
import { fromBase64Url, toBase64Url } from "../src/api/base64.ts";
import { SESSION_CHARACTERS_MAX } from "../src/api/limit.ts";
import type { Deployment } from "../src/deployment/deployment.ts";

const MAC_BYTES = 16;
const FORM = /^([a-z]1)\.(\d{1,3})\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{22})$/;

/** `s1`: a session. `c1`: the cursor of a list. `f1`: the cursor of a feed. `t1`: a ticket. A signature for one is none for another. */
export type TokenKind = "s1" | "c1" | "f1" | "t1" | "e1";

/** Signs bytes and verifies what it signed, with keys that change: the first signs, all verify. */
export class Signer {
  readonly #keys: Deployment["sessionKeys"];

  constructor(keys: Deployment["sessionKeys"]) {
    this.#keys = keys;
  }

  sign(kind: TokenKind, body: Uint8Array): string {
    const [key] = this.#keys;
    if (key === undefined) throw new Error("no key signs session tokens");
    const head = `${kind}.${key.id}.${toBase64Url(body)}`;
    return `${head}.${toBase64Url(mac(key.secret, head))}`;
  }

  /** The signed bytes, or null when it is not ours. */
  verify(kind: TokenKind, token: string): Uint8Array | null {
    const match = token.length > SESSION_CHARACTERS_MAX ? null : FORM.exec(token);
    if (match === null || match[1] !== kind) return null;
    const [, , keyId = "", text = "", signature = ""] = match;
    const key = this.#keys.find(({ id }) => String(id) === keyId);
    const body = fromBase64Url(text);
    const given = fromBase64Url(signature);
    if (key === undefined || body === null || given === null) return null;
    const head = token.slice(0, token.length - signature.length - 1);
    const expected = mac(key.secret, head);
    return given.byteLength === expected.byteLength && timingSafeEqual(given, expected) ? body : null;
  }
}

function mac(secret: string, head: string): Uint8Array {
  return createHmac("sha256", secret).update(head).digest().subarray(0, MAC_BYTES);
}
