/** Headers of answers as the OpenAPI document describes them, each once; and which answers carry which. */
import { z } from "zod";
import { DATA_CACHE_CONTROL, DATA_VARY, HEADER } from "./header.ts";
import { PositionText } from "./schema/scalar.ts";

export interface ResponseHeader {
  readonly description: string;
  readonly schema: z.ZodType;
  readonly example?: string;
}

function header(description: string, example?: string, schema: z.ZodType = z.string()): ResponseHeader {
  return { description, schema, ...(example === undefined ? {} : { example }) };
}

export const RESPONSE_HEADERS = {
  [HEADER.requestId]: header(
    "Names this request in our logs: quote it",
    "5b1f0c6e-9a0d-4a57-8e3c-0d7f5f6c2a11",
  ),
  "Cache-Control": header("Who may keep the answer, and for how long", DATA_CACHE_CONTROL),
  Vary: header("Headers of the request that the answer depends on", DATA_VARY),
  [HEADER.session]: header(
    "Token covering what this answer showed or wrote, merged with the request's token: send it with the next request",
    "s1.1.CgdkZWZhdWx0.Zm9yIGV4YW1wbGUgb25seQ",
  ),
  [HEADER.servedBy]: header("Region whose replica answered", "weur"),
  [HEADER.home]: header("The user's home region; absent for an unknown user", "weur"),
  [HEADER.leader]: header(
    "Region that leads the user's log as far as that replica knows; absent for an unknown user",
    "weur",
  ),
  [HEADER.position]: header(
    "Last entry of the home log that the replica had applied, perhaps uncommitted; `origin.0.0` when none; absent for an unknown user",
    "weur.16.42",
    PositionText,
  ),
  [HEADER.stalenessMs]: header(
    "Upper bound on the age of the answer in milliseconds: `0` from a leader, `unknown` where there is none",
    "0",
    z.string().regex(/^(\d+|unknown)$/),
  ),
  [HEADER.anchored]: header("Served stale by request: no promise holds", "no", z.literal("no")),
  [HEADER.sessionLost]: header(
    "With `Ithaca-On-Lost: report`: JSON of the lost positions and of where they are kept",
    '{"lost":[{"from":"weur.16.40","to":"weur.16.40"}],"divergent":"/v1/users/alice/divergent"}',
  ),
  [HEADER.trace]: header("With `Ithaca-Explain: 1`: JSON of how the answer came about"),
  [HEADER.etag]: header("The item's version, quoted; opaque", '"weur.16.42"', z.string().regex(/^"[^"]+"$/)),
  [HEADER.serverTiming]: header(
    "Milliseconds on the way: `route`, `wait`, `replica`, `total`",
    "route;dur=1, wait;dur=0, replica;dur=4, total;dur=5",
  ),
  [HEADER.retryAfter]: header("Seconds to wait before retrying", "1", z.string().regex(/^[1-9]\d*$/)),
  Allow: header("The methods that this path takes", "GET, HEAD, PUT, DELETE, OPTIONS"),
  "Accept-Patch": header("The content type that a PATCH here has to have", "application/merge-patch+json"),
  "WWW-Authenticate": header("What is missing or wrong with the token (RFC 6750)", 'Bearer realm="ithaca"'),
  "X-Content-Type-Options": header(
    "The value is what its content type says",
    "nosniff",
    z.literal("nosniff"),
  ),
  "Content-Security-Policy": header("What the content may do in a browser: load and run nothing", "sandbox"),
  "Referrer-Policy": header("The page tells nobody where its reader came from", "no-referrer"),
} as const satisfies Record<string, ResponseHeader>;

export type ResponseHeaderName = keyof typeof RESPONSE_HEADERS;

/** Names of headers that an answer always has, and of those that it may have. */
export interface HeaderUse {
  readonly always: readonly ResponseHeaderName[];
  readonly maybe: readonly ResponseHeaderName[];
}

const OF_EVERY_ANSWER: readonly ResponseHeaderName[] = [HEADER.requestId, "Cache-Control"];

/** Of an answer that a replica had a part in. */
const OF_DATA: HeaderUse = {
  always: ["Vary", HEADER.session, HEADER.servedBy, HEADER.serverTiming],
  maybe: [
    HEADER.home,
    HEADER.leader,
    HEADER.position,
    HEADER.stalenessMs,
    HEADER.anchored,
    HEADER.sessionLost,
    HEADER.trace,
  ],
};

export function successHeaders(answer: {
  readonly data: boolean;
  readonly perUser: boolean;
  readonly more: readonly ResponseHeaderName[];
  /** What it may lack of what others of its kind always have. */
  readonly maybe: readonly ResponseHeaderName[];
}): HeaderUse {
  const { data, perUser, more, maybe } = answer;
  if (data) {
    const always = [...OF_EVERY_ANSWER, ...OF_DATA.always, ...more];
    return { always: always.filter((name) => !maybe.includes(name)), maybe: [...OF_DATA.maybe, ...maybe] };
  }
  return { always: [...OF_EVERY_ANSWER, ...(perUser ? (["Vary"] as const) : []), ...more], maybe: [] };
}

/** A socket was opened: what there is to say is said over it. */
export const SOCKET_HEADERS: HeaderUse = { always: [HEADER.requestId], maybe: [] };

/** A refusal that was decided at a replica tells what an answer tells; one that was decided before knows none of it. */
export function problemHeaders(status: number, data: boolean): HeaderUse {
  const always: ResponseHeaderName[] = [...OF_EVERY_ANSWER, "Vary"];
  if (status === 401) always.push("WWW-Authenticate");
  if (status === 405) always.push("Allow");

  if (status === 429 || status === 503) always.push(HEADER.retryAfter);
  if (!data) return { always, maybe: [] };
  const maybe = [...OF_DATA.always, ...OF_DATA.maybe].filter((name) => name !== "Vary");
  if (status === 412) maybe.push(HEADER.etag);
  if (status === 415) maybe.push("Accept-Patch");
  return { always, maybe };
}
