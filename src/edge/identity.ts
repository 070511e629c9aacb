/**
 * Who is asking, and what they may do. Judged from verified claims only; nothing here looks at a request.
 *
 * A user owns `users/<sub>/…`. Beyond that: `public/` of anybody, the patterns of the claim `read`, and scopes. The namespaces
 * of the claim `ns` bound all of it, except for `admin`.
 */
import { DEFAULT_NAMESPACE } from "./place.ts";

export interface Identity {
  /** Null in open mode: nobody in particular. */
  readonly user: string | null;
  /** What writes are recorded under, and what idempotency keys are scoped by. */
  readonly principal: string;
  readonly namespaces: readonly string[];
  readonly patterns: readonly ReadPattern[];
  readonly readAny: boolean;
  readonly writeAny: boolean;
  readonly admin: boolean;
}

/** `users/<user>/<key>`: either part may end with `*` (the user's part only be it), standing for anything. */
export interface ReadPattern {
  /** Null: any user. */
  readonly user: string | null;
  readonly key: string;
  /** Any key that begins with `key`. */
  readonly prefix: boolean;
}

/** Open mode, local development only: everybody is the administrator. */
export const ANYBODY: Identity = {
  user: null,
  principal: "",
  namespaces: [],
  patterns: [],
  readAny: true,
  writeAny: true,
  admin: true,
};

const PUBLIC_PREFIX = "public/";

export function identityOf(claims: Readonly<Record<string, unknown>>): Identity | null {
  const { sub, read, ns, scope } = claims;
  if (typeof sub !== "string" || sub === "") return null;
  const scopes = textsOf(scope);
  const admin = scopes.includes("admin");
  const namespaces = ns === undefined ? [DEFAULT_NAMESPACE] : textsOf(ns);
  return {
    user: sub,
    principal: sub,
    namespaces,
    patterns: textsOf(read).flatMap(parsePattern),
    readAny: admin || scopes.includes("read:any"),
    writeAny: admin || scopes.includes("write:any"),
    admin,
  };
}

/** A claim that lists: an array of strings, or one string with spaces between. */
function textsOf(claim: unknown): string[] {
  if (typeof claim === "string") return claim.split(" ").filter((text) => text !== "");
  if (!Array.isArray(claim)) return [];
  return claim.filter((each): each is string => typeof each === "string");
}

/** A pattern that does not parse allows nothing. */
function parsePattern(pattern: string): ReadPattern[] {
  const match = /^users\/([^/]+)\/(.*)$/s.exec(pattern);
  if (match === null) return [];
  const [, user = "", rest = ""] = match;
  const prefix = rest.endsWith("*");
  const key = prefix ? rest.slice(0, -1) : rest;
  if (key.includes("*") || (user !== "*" && user.includes("*"))) return [];
  return [{ user: user === "*" ? null : user, key, prefix }];
}

export function mayEnter(identity: Identity, namespace: string): boolean {
  return identity.admin || identity.namespaces.includes(namespace);
}

export function mayReadKey(identity: Identity, user: string, key: string): boolean {
  if (mayReadAll(identity, user) || key.startsWith(PUBLIC_PREFIX)) return true;
  return identity.patterns.some(
    (pattern) =>
      (pattern.user === null || pattern.user === user) &&
      (pattern.prefix ? key.startsWith(pattern.key) : key === pattern.key),
  );
}

/** A list shows every key with this prefix: all of them have to be allowed. */
export function mayList(identity: Identity, user: string, prefix: string): boolean {
  if (mayReadAll(identity, user) || prefix.startsWith(PUBLIC_PREFIX)) return true;
  return identity.patterns.some(
    (pattern) =>
      pattern.prefix && (pattern.user === null || pattern.user === user) && prefix.startsWith(pattern.key),
  );
}

export function mayReadAll(identity: Identity, user: string): boolean {
  return identity.readAny || identity.user === user;
}

export function mayWrite(identity: Identity, user: string): boolean {
  return identity.writeAny || identity.user === user;
}
