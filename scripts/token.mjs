/** Bearer tokens for development: what an identity provider would issue, signed with the deployment's own secret. */
import { readFileSync } from "node:fs";
import { parseEnv } from "node:util";
import { SignJWT } from "jose";

/** The caller asked for something that cannot be. */
export class TokenRefused extends Error {}

/**
 * @typedef {object} TokenOptions
 * @property {string} sub
 * @property {string[]} [scope]
 * @property {string[]} [read]
 * @property {string[]} [ns]
 * @property {string} expiresIn
 * @property {string} [secret]
 */

/**
 * @param {TokenOptions} options
 * @param {NodeJS.ProcessEnv} environment
 * @returns {Promise<string>}
 */
export function makeToken(options, environment) {
  const secret = options.secret ?? environment["AUTH_SECRET"] ?? devSecret();
  if (secret === undefined || secret === "") {
    throw new TokenRefused(
      "AUTH_SECRET is not set: it has to be the one that the deployment checks tokens with",
    );
  }
  if (!/^[0-9]+ ?(s|m|h|d|w|y)$/.test(options.expiresIn)) {
    throw new TokenRefused(`--expires-in has to be like 15m, 8h or 30d, not "${options.expiresIn}"`);
  }
  const claims = {
    ...(options.scope === undefined ? {} : { scope: options.scope.join(" ") }),
    ...(options.read === undefined ? {} : { read: options.read }),
    ...(options.ns === undefined ? {} : { ns: options.ns }),
  };
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256", typ: "JWT" })
    .setSubject(options.sub)
    .setIssuedAt()
    .setExpirationTime(options.expiresIn)
    .sign(new TextEncoder().encode(secret));
}

/** Where wrangler keeps a developer's secrets. */
function devSecret() {
  try {
    return parseEnv(readFileSync(".dev.vars", "utf8"))["AUTH_SECRET"];
  } catch {
    return undefined;
  }
}
