/**
 * Headers of a request, checked by hand. Each function takes the header's value or null and answers what it means, or
 * refuses with the header's name: a typing error must never silently mean the default.
 */
import { HEADER } from "../api/header.ts";
import {
  EXPIRES_IN_S_MAX,
  IDEMPOTENCY_KEY_CHARACTERS_MAX,
  STALENESS_MS_MAX,
  TIMEOUT_MS_DEFAULT,
  TIMEOUT_MS_MAX,
  TIMEOUT_MS_MIN,
} from "../api/limit.ts";
import { CONCERNS, type Concern } from "../replication/entry.ts";
import { invalid } from "./refusal.ts";

export type Consistency = "user" | "strong" | "bounded" | "session" | "prefix" | "eventual";

export interface Level {
  readonly consistency: Consistency;
  /** For `bounded`. */
  readonly stalenessMsMax?: number;
}

const LEVELS: Readonly<Record<Exclude<Consistency, "bounded">, Level>> = {
  user: { consistency: "user" },
  strong: { consistency: "strong" },
  session: { consistency: "session" },
  prefix: { consistency: "prefix" },
  eventual: { consistency: "eventual" },
};

export function parseConsistency(value: string | null): Level {
  if (value === null) return LEVELS.user;
  if (Object.hasOwn(LEVELS, value)) return LEVELS[value as keyof typeof LEVELS];
  const bounded = /^bounded[ \t]*;[ \t]*max-staleness-ms[ \t]*=[ \t]*(\d{1,16})$/.exec(value);
  if (bounded !== null) {
    const stalenessMsMax = Number(bounded[1]);
    if (stalenessMsMax > STALENESS_MS_MAX) {
      throw invalid(`${HEADER.consistency}: max-staleness-ms is at most ${STALENESS_MS_MAX}`);
    }
    return { consistency: "bounded", stalenessMsMax };
  }
  throw invalid(
    `${HEADER.consistency} has to be one of user, strong, "bounded; max-staleness-ms=N", session, prefix, eventual`,
  );
}

/** A decimal integer within bounds, as a header or a query parameter gives it. */
export function parseInteger(name: string, value: string, min: number, max: number): number {
  const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
  if (!(number >= min && number <= max)) throw invalid(`${name} has to be an integer from ${min} to ${max}`);
  return number;
}

export function parseTimeoutMs(value: string | null): number {
  if (value === null) return TIMEOUT_MS_DEFAULT;
  return parseInteger(HEADER.timeoutMs, value, TIMEOUT_MS_MIN, TIMEOUT_MS_MAX);
}

export function parseExpiresInS(value: string | null): number | undefined {
  if (value === null) return undefined;
  return parseInteger(HEADER.expiresIn, value, 1, EXPIRES_IN_S_MAX);
}

export function parseConcern(name: string, value: string): Concern {
  const concern = CONCERNS.find((each) => each === value);
  if (concern === undefined) throw invalid(`${name} has to be one of ${CONCERNS.join(", ")}`);
  return concern;
}

/** True where the header says the one word that means something beside its default. */
export function parseWord(name: string, value: string | null, word: string, fallback?: string): boolean {
  if (value === null || value === fallback) return false;
  if (value === word) return true;
  throw invalid(`${name} has to be ${fallback === undefined ? word : `${fallback} or ${word}`}`);
}

/** Bare, or as a quoted string of structured fields (RFC 8941, 3.3.3); both name the same key. */
export function parseIdempotencyKey(value: string | null): string | undefined {
  if (value === null) return undefined;
  const key = value.startsWith('"') ? unquote(value) : value;
  if (
    key === null ||
    !/^[\u0020-\u007e]*$/.test(key) ||
    key.length < 1 ||
    key.length > IDEMPOTENCY_KEY_CHARACTERS_MAX
  ) {
    throw invalid(
      `${HEADER.idempotencyKey} has to be 1 to ${IDEMPOTENCY_KEY_CHARACTERS_MAX} printable characters, bare or as a quoted string`,
    );
  }
  return key;
}

function unquote(value: string): string | null {
  const match = /^"((?:[^"\\]|\\["\\])*)"$/.exec(value);
  return match === null ? null : (match[1] ?? "").replaceAll(/\\(["\\])/g, "$1");
}
