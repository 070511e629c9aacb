/**
 * One setting out of the environment: text in, a checked value out.
 *
 * Whoever deploys finds out about a bad value at the first request, by the name of the variable, and never by a
 * replica that behaves oddly later. Nothing here falls back to a default when a value is present but wrong.
 */

/** The deployment is configured wrongly; the message says which variable and what was expected. */
export class ConfigurationError extends Error {
  readonly variable: string;

  constructor(variable: string, expected: string) {
    super(`${variable}: ${expected}`);
    this.name = "ConfigurationError";
    this.variable = variable;
  }
}

export type Environment = Record<string, unknown>;

/** The text of a variable; null when it is absent or empty. */
export function text(env: Environment, variable: string): string | null {
  const value = env[variable];
  if (value === undefined || value === null) return null;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value !== "string") throw new ConfigurationError(variable, "has to be a text variable");
  const trimmed = value.trim();
  return trimmed === "" ? null : trimmed;
}

export function requiredText(env: Environment, variable: string): string {
  const value = text(env, variable);
  if (value === null) throw new ConfigurationError(variable, "is not set");
  return value;
}

/** Comma separated, without empty parts. */
export function list(env: Environment, variable: string): string[] {
  return (text(env, variable) ?? "")
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

export function integer(variable: string, value: string, min: number, max: number): number {
  const number = Number(value);
  if (!/^[0-9]+$/.test(value) || number < min || number > max) {
    throw new ConfigurationError(variable, `has to be an integer from ${min} to ${max}, not "${value}"`);
  }
  return number;
}

export function integerOr(
  env: Environment,
  variable: string,
  fallback: number,
  min: number,
  max: number,
): number {
  const value = text(env, variable);
  return value === null ? fallback : integer(variable, value, min, max);
}

export function oneOf<T extends string>(variable: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((candidate) => candidate === value);
  if (found === undefined) {
    throw new ConfigurationError(variable, `has to be one of ${allowed.join(", ")}, not "${value}"`);
  }
  return found;
}

/** `on` or `1`, `off` or `0`; off when absent. */
export function flag(env: Environment, variable: string): boolean {
  const value = text(env, variable);
  if (value === null || value === "off" || value === "0" || value === "false") return false;
  if (value === "on" || value === "1" || value === "true") return true;
  throw new ConfigurationError(variable, `has to be "on" or "off", not "${value}"`);
}
