/**
 * Who may ask, and what signs session tokens.
 *
 * `open` mode and the built-in session key exist for one machine at a developer's desk; both are refused anywhere else,
 * because a deployment that forgot its secrets must not come up working.
 */
import {
  ConfigurationError,
  flag,
  integer,
  list,
  oneOf,
  requiredText,
  text,
  type Environment,
} from "./setting.ts";

export interface SessionKey {
  readonly id: number;
  readonly secret: string;
}

export interface Secrets {
  readonly authMode: "open" | "jwt";
  readonly authSecret: string | null;
  readonly jwksUrl: string | null;
  /** The first signs; all verify. */
  readonly sessionKeys: readonly SessionKey[];
}

/** An HS256 key has 256 bits (RFC 7518, 3.2). */
const SECRET_LENGTH_MIN = 32;

/** Key ids travel in one byte of a token. */
const KEY_ID_MAX = 255;

export function readSecrets(env: Environment): Secrets {
  const localDev = flag(env, "LOCAL_DEV");
  const authMode = oneOf("AUTH_MODE", requiredText(env, "AUTH_MODE"), ["open", "jwt"]);
  if (authMode === "open" && !localDev) {
    throw new ConfigurationError("AUTH_MODE", `"open" is for local development only (LOCAL_DEV=1)`);
  }
  const authSecret = secret(env, "AUTH_SECRET", localDev);
  const jwksUrl = text(env, "JWKS_URL");
  if (jwksUrl !== null && !/^https?:\/\/\S+$/.test(jwksUrl)) {
    throw new ConfigurationError("JWKS_URL", "has to be a URL");
  }
  if (authMode === "jwt" && authSecret === null && jwksUrl === null) {
    throw new ConfigurationError("AUTH_SECRET", `has to be set (or JWKS_URL) where AUTH_MODE is "jwt"`);
  }
  return { authMode, authSecret, jwksUrl, sessionKeys: readSessionKeys(env, localDev) };
}

/** SESSION_SECRET is one key with id 0. SESSION_SECRETS, for changing it, is `id:secret,…`, newest first. */
function readSessionKeys(env: Environment, localDev: boolean): SessionKey[] {
  const several = list(env, "SESSION_SECRETS").map((part) => sessionKey(part, localDev));
  if (new Set(several.map((key) => key.id)).size !== several.length) {
    throw new ConfigurationError("SESSION_SECRETS", "names an id twice");
  }
  const one = secret(env, "SESSION_SECRET", localDev);
  if (several.length > 0) {
    if (one !== null)
      throw new ConfigurationError("SESSION_SECRET", "is set beside SESSION_SECRETS: keep one");
    return several;
  }
  if (one !== null) return [{ id: 0, secret: one }];
  if (localDev) return [{ id: 0, secret: "local development: anybody can make these tokens" }];
  throw new ConfigurationError("SESSION_SECRET", "is not set (npx wrangler secret put SESSION_SECRET)");
}

function sessionKey(part: string, localDev: boolean): SessionKey {
  const colon = part.indexOf(":");
  if (colon < 1) throw new ConfigurationError("SESSION_SECRETS", "has to be id:secret, comma separated");
  const id = integer("SESSION_SECRETS", part.slice(0, colon), 0, KEY_ID_MAX);
  return { id, secret: checked("SESSION_SECRETS", part.slice(colon + 1), localDev) };
}

function secret(env: Environment, variable: string, localDev: boolean): string | null {
  const value = text(env, variable);
  return value === null ? null : checked(variable, value, localDev);
}

function checked(variable: string, value: string, localDev: boolean): string {
  if (value.length < SECRET_LENGTH_MIN && !localDev) {
    throw new ConfigurationError(variable, `has to have at least ${SECRET_LENGTH_MIN} characters`);
  }
  return value;
}
