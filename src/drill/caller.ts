/**
 * One request to the deployment, over HTTP and nothing else. What comes back is an answer or silence; silence is never
 * an exception, since to a drill it is one of the things that happen.
 */
import { HEADER } from "../api/header.ts";

export interface Call {
  readonly method: "GET" | "PUT" | "POST" | "DELETE" | "PATCH";
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** How long the server may wait for the caller. */
  readonly timeoutMs?: number;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** A server that keeps to its own time-out has answered well before. */
const GRACE_MS = 3_000;
const TIMEOUT_MS = 5_000;

export class Caller {
  readonly #base: string;
  readonly #token: string | undefined;
  /** Requests sent, for what a drill cost. */
  sent = 0;

  constructor(base: string, token: string | undefined) {
    this.#base = base.replace(/\/+$/u, "");
    this.#token = token;
  }

  get base(): string {
    return this.#base;
  }

  /** null: no answer came, and whether the request was carried out nobody knows. */
  async ask({ method, path, headers, body, timeoutMs = TIMEOUT_MS }: Call): Promise<Reply | null> {
    this.sent += 1;
    try {
      const response = await fetch(`${this.#base}${path}`, {
        method,
        headers: {
          [HEADER.timeoutMs]: String(timeoutMs),
          ...(this.#token === undefined ? {} : { [HEADER.authorization]: `Bearer ${this.#token}` }),
          ...headers,
        },
        ...(body === undefined ? {} : { body }),
        signal: AbortSignal.timeout(timeoutMs + GRACE_MS),
      });
      return { status: response.status, headers: response.headers, text: await response.text() };
    } catch (error) {
      if (isSilence(error)) return null;
      throw error;
    }
  }
}

/** `fetch` says TypeError for every broken connection, and a DOMException for a time-out. */
function isSilence(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof DOMException && error.name === "TimeoutError");
}

export function jsonOf(reply: Reply | null): Record<string, unknown> {
  if (reply === null) return {};
  try {
    const parsed: unknown = JSON.parse(reply.text);
    return parsed !== null && typeof parsed === "object" ? (parsed as Record<string, unknown>) : {};
  } catch {
    // A proxy's page, or an answer that broke off: whoever asks for a member finds none.
    return {};
  }
}

/** For people: what was wrong. */
export function sayProblem(reply: Reply | null): string {
  if (reply === null) return "no answer";
  const { detail } = jsonOf(reply);
  const said = typeof detail === "string" ? `: ${detail}` : "";
  return `${reply.status} ${problemOf(reply) ?? ""}`.trim() + said;
}

/** `not-found`, `no-leader` …; undefined where an answer is no problem of the store's. */
export function problemOf(reply: Reply): string | undefined {
  const { type } = jsonOf(reply);
  return typeof type === "string" && type.startsWith("/problems/")
    ? type.slice("/problems/".length)
    : undefined;
}
