/** Path, query and header parameters, each declared once for the OpenAPI document. The edge checks them by hand. */
import { z } from "zod";
import { HEADER } from "./header.ts";
import {
  CHANGES_LIMIT_DEFAULT,
  CHANGES_LIMIT_MAX,
  CHANGES_WAIT_MS_MAX,
  EXPIRES_IN_S_MAX,
  IDEMPOTENCY_KEY_CHARACTERS_MAX,
  KEY_BYTES_MAX,
  LIST_LIMIT_DEFAULT,
  LIST_LIMIT_MAX,
  RECEIPT_WAIT_MS_MAX,
  STALENESS_MS_MAX,
  TIMEOUT_MS_DEFAULT,
  TIMEOUT_MS_MAX,
  TIMEOUT_MS_MIN,
  USER_BYTES_MAX,
} from "./limit.ts";
import { Concern, PositionText } from "./schema/scalar.ts";

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly description: string;
  readonly schema: z.ZodType;
  readonly example?: string | number;
}

function path(
  name: string,
  description: string,
  schema: z.ZodType = z.string(),
  example?: string,
): Parameter {
  return {
    name,
    in: "path",
    required: true,
    description,
    schema,
    ...(example === undefined ? {} : { example }),
  };
}
function query(name: string, description: string, schema: z.ZodType = z.string()): Parameter {
  return { name, in: "query", required: false, description, schema };
}
function header(name: string, description: string, schema: z.ZodType = z.string()): Parameter {
  return { name, in: "header", required: false, description, schema };
}

export const PATH = {
  ns: path("ns", "A namespace that the deployment declares", z.string(), "default"),
  user: path("user", `1–${USER_BYTES_MAX} bytes of UTF-8, no control characters`, z.string(), "alice"),
  key: path(
    "key",
    `1–${KEY_BYTES_MAX} bytes of UTF-8 after URL decoding, no control characters; may contain \`/\`. Segments that are empty, \`.\` or \`..\` are refused where they can be seen; clients and proxies may have rewritten them before.`,
    z.string(),
    "notes/today",
  ),
  divergent: path("id", "The `id` of a divergent write", PositionText, "weur.16.42"),
  position: path("position", "The `position` of a receipt", PositionText, "weur.16.42"),
  sink: path("name", "The name of a sink", z.string(), "orders"),
  origin: path(
    "origin",
    "A region id: the logs of the users at home there, whoever leads them",
    z.string(),
    "weur",
  ),
  fault: path("id", "The id of a fault", z.string(), "8f14e45fceea167a"),
  erasure: path(
    "id",
    "The id that erasing a user answered",
    z.string(),
    "e1.0.CgdkZWZhdWx0.Zm9yIGV4YW1wbGUgb25seQ",
  ),
  problem: path("name", "The name of a problem", z.string(), "session-lost"),
} as const;

const integer = (min: number, max: number, fallback?: number) =>
  fallback === undefined ? z.int().min(min).max(max) : z.int().min(min).max(max).default(fallback);

export const QUERY = {
  prefix: query("prefix", "Only keys that begin with this"),
  start: query("start", "Only keys from here on, this one included"),
  end: query("end", "Only keys before this one"),
  limit: query("limit", "Items on a page", integer(1, LIST_LIMIT_MAX, LIST_LIMIT_DEFAULT)),
  cursor: query(
    "cursor",
    "The cursor of the page before; `prefix`, `start`, `end` and `reverse` have to be the same again",
  ),
  reverse: query("reverse", "From the last key to the first", z.boolean().default(false)),
  values: query("values", "With values", z.boolean().default(false)),
  after: query("after", "A `cursor` of an earlier answer; absent: from the user's first write on"),
  ticket: query("ticket", "In place of Authorization, where a client cannot send headers"),
  changesLimit: query(
    "limit",
    "Changes on a page; a transaction is never split, so that one larger than this makes a longer page",
    integer(1, CHANGES_LIMIT_MAX, CHANGES_LIMIT_DEFAULT),
  ),
  changesWaitMs: query(
    "waitMs",
    "Wait this long for a change, if there is none yet",
    integer(0, CHANGES_WAIT_MS_MAX, 0),
  ),
  afterKey: query(
    "after",
    "Only keys after this one: the last key that an export which broke off had brought",
  ),
  divergentLimit: query(
    "limit",
    "Lost writes on a page; the ops of one are never split",
    integer(1, LIST_LIMIT_MAX, LIST_LIMIT_DEFAULT),
  ),
  divergentCursor: query("cursor", "The `cursor` of the page before"),
  waitMs: query("waitMs", "Wait this long for the concern", integer(0, RECEIPT_WAIT_MS_MAX, 0)),
  concern: query("concern", "What to wait for; majority unless given", Concern),
  region: query("region", "Only this region"),
  partition: query("partition", "Only this partition", z.int().min(0)),
} as const;

export const PLACED_IN = header(HEADER.region, "A region id: treat the client as placed there");

export const TIMEOUT = header(
  HEADER.timeoutMs,
  "How long the server may wait on the caller's behalf",
  integer(TIMEOUT_MS_MIN, TIMEOUT_MS_MAX, TIMEOUT_MS_DEFAULT),
);

const placement: readonly Parameter[] = [
  PLACED_IN,
  TIMEOUT,
  header(HEADER.explain, "`1`: the answer carries Ithaca-Trace", z.literal("1")),
];

const session = header(HEADER.session, "The token from an earlier answer; opaque, signed");

const conditions: readonly Parameter[] = [
  header(HEADER.ifMatch, "Entity tags or `*`; our own tags also with a `W/` that an intermediary added"),
  header(HEADER.ifNoneMatch, "Entity tags or `*`"),
];

const consistency = header(
  HEADER.consistency,
  `\`user\` (default), \`strong\`, \`bounded; max-staleness-ms=N\` (N up to ${STALENESS_MS_MAX}), \`session\`, \`prefix\`, \`eventual\``,
);

const onLost = header(
  HEADER.onLost,
  "`report`: a read with a partly lost token answers 200, with the facts in Ithaca-Session-Lost",
  z.literal("report"),
);

/** What every request about data may carry. */
export const READ_HEADERS: readonly Parameter[] = [
  ...placement,
  session,
  consistency,
  header(
    HEADER.readConcern,
    "`committed`: wait until what is shown is held by a majority",
    z.enum(["latest", "committed"]).default("latest"),
  ),
  onLost,
  header(
    HEADER.onUnreachable,
    "`stale`: when no leader can be had, answer from the replica at hand, with `Ithaca-Anchored: no`",
    z.literal("stale"),
  ),
];

/** The feed has one level of its own: committed, from a replica near the client, covering the token. */
export const FEED_HEADERS: readonly Parameter[] = [...placement, session, onLost];

export const ITEM_READ_HEADERS: readonly Parameter[] = [...READ_HEADERS, ...conditions];

/** A transaction has its conditions in its body. */
export const TRANSACTION_HEADERS: readonly Parameter[] = [
  ...placement,
  session,
  header(HEADER.writeConcern, "Who must hold the write before it is answered", Concern),
  header(
    HEADER.idempotencyKey,
    `1–${IDEMPOTENCY_KEY_CHARACTERS_MAX} printable characters, bare or as a quoted string: the same request again gets the same receipt`,
  ),
];

export const WRITE_HEADERS: readonly Parameter[] = [...TRANSACTION_HEADERS, ...conditions];
/** An import has no conditions, and needs no key: the lines are their own. */
export const IMPORT_HEADERS: readonly Parameter[] = [
  ...placement,
  session,
  header(HEADER.writeConcern, "Who must hold each chunk before the next is written", Concern),
];

export const EXPIRES_IN = header(
  HEADER.expiresIn,
  "Seconds until the item expires",
  integer(1, EXPIRES_IN_S_MAX),
);

export const ROUTING_HEADERS: readonly Parameter[] = [...placement, session];
export const HOME_HEADERS: readonly Parameter[] = [...placement, session, consistency];
