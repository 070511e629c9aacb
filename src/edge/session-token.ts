/**
 * Session tokens: "s1." key id "." base64url(body) "." base64url(MAC).
 *
 * The body says what the session has seen; the MAC keeps a client from making replicas wait for entries that will never
 * be. Sixteen bytes of HMAC-SHA256 are enough for that: forging one buys a wait. Verified tokens are remembered, because a
 * session sends the same one many times, and an answer that showed nothing new gives the request's token back unchanged.
 */
import { fromBase64Url, toBase64Url } from "../api/base64.ts";
import { SESSION_CHARACTERS_MAX } from "../api/limit.ts";
import type { Deployment } from "../deployment/deployment.ts";
import { equalBytes, hmacSha256 } from "./digest.ts";
import { Recent } from "./recent.ts";
import { Refused } from "./refusal.ts";
import type { SessionView } from "./session-merge.ts";
import { decodeSessionToken, encodeSessionToken } from "../wire/session-codec.ts";

const MAC_BYTES = 16;
const VERIFIED_MAX = 2_000;
const FORM = /^([a-z]1)\.(\d{1,3})\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]{22})$/;

/** `s1`: a session. `c1`: the cursor of a list. A signature for one is none for the other. */
export type TokenKind = "s1" | "c1";

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
    return equalBytes(given, mac(key.secret, head)) ? body : null;
  }
}

function mac(secret: string, head: string): Uint8Array {
  return hmacSha256(secret, head).subarray(0, MAC_BYTES);
}

export class SessionTokens {
  readonly #signer: Signer;
  readonly #mapVersion: number;
  readonly #partitions: number;
  readonly #verified = new Recent<string, SessionView>(VERIFIED_MAX);

  constructor(signer: Signer, { mapVersion, partitions }: Pick<Deployment, "mapVersion" | "partitions">) {
    this.#signer = signer;
    this.#mapVersion = mapVersion;
    this.#partitions = partitions;
  }

  issue(view: SessionView, now: number): string {
    const issued = { ...view, issuedAt: now };
    const token = this.#signer.sign("s1", encodeSessionToken(issued));
    // It comes back with the session's next request.
    this.#verified.set(token, issued);
    return token;
  }

  read(namespace: string, token: string): SessionView {
    let view = this.#verified.get(token);
    if (view === undefined) {
      view = this.#decode(token);
      this.#verified.set(token, view);
    }
    if (view.namespace !== namespace) {
      throw invalidSession(`the token was made for the namespace ${view.namespace}`);
    }
    return view;
  }

  #decode(token: string): SessionView {
    if (token.length > SESSION_CHARACTERS_MAX) {
      throw invalidSession(`the token is longer than ${SESSION_CHARACTERS_MAX} characters`);
    }
    const bytes = this.#signer.verify("s1", token);
    if (bytes === null) throw invalidSession("the token is damaged, or was not signed by this deployment");
    let view: SessionView;
    try {
      view = decodeSessionToken(bytes);
    } catch {
      throw invalidSession("the token's content cannot be read");
    }
    if (view.mapVersion !== this.#mapVersion || view.positions.some(({ p }) => p >= this.#partitions)) {
      throw invalidSession("the token names partitions that this deployment does not have");
    }
    return view;
  }
}

function invalidSession(detail: string): Refused {
  return new Refused("invalid-session", detail);
}
