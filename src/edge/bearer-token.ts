/**
 * Bearer tokens (RFC 6750) that are JWTs: HS256 with the deployment's secret, or a key out of a JWKS.
 *
 * The algorithm is decided by the deployment and not by the token: a token that says HS256 is checked with the secret and
 * nothing else, one that says anything else with the JWKS or not at all. Verified tokens are remembered until they expire,
 * so that the usual request costs one look-up and stays synchronous.
 */
import { createRemoteJWKSet, jwtVerify, type JWTPayload } from "jose";
import { fromBase64Url } from "../api/base64.ts";
import type { Deployment } from "../deployment/deployment.ts";
import { equalBytes, hmacSha256 } from "./digest.ts";
import { identityOf, type Identity } from "./identity.ts";
import { Recent } from "./recent.ts";
import { Refused } from "./refusal.ts";

/** Clocks of issuers differ from ours by this much. */
const LEEWAY_S = 30;
const VERIFIED_MAX = 2_000;
/** Longer ones are not stored by browsers and proxies either. */
const TOKEN_CHARACTERS_MAX = 8_192;
/** Asymmetric only: with a JWKS a symmetric algorithm would take a public key for a secret. */
const JWKS_ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
];

interface Verified {
  readonly identity: Identity;
  readonly notBeforeS: number;
  readonly expiresS: number;
}

export class BearerTokens {
  readonly #secret: string | null;
  readonly #jwks: ReturnType<typeof createRemoteJWKSet> | null;
  readonly #verified = new Recent<string, Verified>(VERIFIED_MAX);

  constructor({ authSecret, jwksUrl }: Pick<Deployment, "authSecret" | "jwksUrl">) {
    this.#secret = authSecret;
    this.#jwks = jwksUrl === null ? null : createRemoteJWKSet(new URL(jwksUrl));
  }

  /** Throws `unauthenticated`. A promise only when a key has to be fetched or an asymmetric signature checked. */
  authenticate(authorization: string | null, now: number): Identity | Promise<Identity> {
    if (authorization === null) throw unauthenticated("a bearer token is needed");
    const token = /^Bearer +([A-Za-z0-9._~+/=-]+)$/i.exec(authorization)?.[1];
    if (token === undefined || token.length > TOKEN_CHARACTERS_MAX) {
      throw badToken("Authorization has to be a bearer token");
    }
    const known = this.#verified.get(token);
    if (known !== undefined) return inForce(known, now);
    const [head = "", payload = "", signature = "", ...more] = token.split(".");
    const header = parseJson(head);
    if (more.length > 0 || header === null) throw badToken("the bearer token is not a JWT");
    if (header["alg"] === "HS256" && this.#secret !== null) {
      return this.#accept(token, this.#verifyHs256(head, payload, signature, header), now);
    }
    if (this.#jwks === null) throw badToken("the token's algorithm is not accepted here");
    return this.#verifyJwks(token, this.#jwks, now);
  }

  #verifyHs256(head: string, payload: string, signature: string, header: JWTPayload): JWTPayload {
    const given = fromBase64Url(signature);
    const expected = hmacSha256(this.#secret ?? "", `${head}.${payload}`);
    if (given === null || !equalBytes(given, expected))
      throw badToken("the token's signature does not verify");
    if (header["crit"] !== undefined)
      throw badToken("the token has critical headers that are not understood");
    const claims = parseJson(payload);
    if (claims === null) throw badToken("the token has no claims");
    return claims;
  }

  async #verifyJwks(
    token: string,
    jwks: ReturnType<typeof createRemoteJWKSet>,
    now: number,
  ): Promise<Identity> {
    try {
      const { payload } = await jwtVerify(token, jwks, {
        algorithms: JWKS_ALGORITHMS,
        clockTolerance: LEEWAY_S,
        currentDate: new Date(now),
      });
      return this.#accept(token, payload, now);
    } catch (error) {
      if (error instanceof Refused) throw error;
      throw badToken("the token does not verify");
    }
  }

  #accept(token: string, claims: JWTPayload, now: number): Identity {
    const identity = identityOf(claims);
    const { exp, nbf } = claims;
    if (identity === null) throw badToken("the token has no sub");
    if ((exp !== undefined && typeof exp !== "number") || (nbf !== undefined && typeof nbf !== "number")) {
      throw badToken("exp and nbf have to be numbers");
    }
    const verified = {
      identity,
      notBeforeS: (nbf ?? 0) - LEEWAY_S,
      expiresS: (exp ?? Number.POSITIVE_INFINITY) + LEEWAY_S,
    };
    inForce(verified, now);
    this.#verified.set(token, verified);
    return identity;
  }
}

function inForce({ identity, notBeforeS, expiresS }: Verified, now: number): Identity {
  if (now >= expiresS * 1_000) throw badToken("the token has expired");
  if (now < notBeforeS * 1_000) throw badToken("the token is not valid yet");
  return identity;
}

function parseJson(part: string): JWTPayload | null {
  const bytes = fromBase64Url(part);
  if (bytes === null) return null;
  try {
    const value: unknown = JSON.parse(
      new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes),
    );
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as JWTPayload)
      : null;
  } catch {
    return null;
  }
}

export function unauthenticated(detail: string): Refused {
  return new Refused("unauthenticated", detail, { headers: { "WWW-Authenticate": 'Bearer realm="ithaca"' } });
}

/** `detail` is one of our own sentences, so it can stand in a quoted string. */
function badToken(detail: string): Refused {
  const challenge = `Bearer realm="ithaca", error="invalid_token", error_description="${detail}"`;
  return new Refused("unauthenticated", detail, { headers: { "WWW-Authenticate": challenge } });
}
