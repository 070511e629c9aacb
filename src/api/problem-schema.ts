/**
 * The body of each problem as a schema: what all have, with the words that belong to its name, and what only some have.
 * Beside it an example, because an error is first met as text in a log.
 */
import { z } from "zod";
import { isDefinite, problemBody, PROBLEMS, type ProblemName } from "./problem.ts";
import { HAND_OFF_MEMBERS, LogsRemaining } from "./schema/hand-off.ts";
import { Receipt } from "./schema/receipt.ts";
import { PositionText } from "./schema/scalar.ts";

interface Extra {
  readonly members: z.ZodRawShape;
  readonly example: Readonly<Record<string, unknown>>;
}

const LostPositions = z.object({ from: PositionText, to: PositionText }).meta({
  id: "LostPositions",
  description: "From the first to the last of them, both included",
});

const Key = z.string().meta({ description: "The item's key" });

/** Members beyond those that every problem has. */
const EXTRAS: Partial<Record<ProblemName, Extra>> = {
  forbidden: {
    members: {
      index: z
        .int()
        .optional()
        .meta({ description: "Of a read of several items: the first that is refused" }),
      user: z.string().optional(),
      key: z.string().optional(),
    },
    example: {},
  },
  "precondition-failed": {
    members: {
      version: PositionText.nullable()
        .optional()
        .meta({ description: "The item's present version; null: there is no such item" }),
    },
    example: { version: "weur.16.42" },
  },
  "check-failed": {
    members: {
      failed: z
        .array(
          z.object({
            key: z.string(),
            version: PositionText.nullable().meta({ description: "null: there is no such item" }),
          }),
        )
        .meta({ description: "The keys that did not match, with their present versions" }),
    },
    example: { failed: [{ key: "notes/today", version: "weur.16.42" }] },
  },
  "not-json": { members: { key: Key }, example: { key: "notes/today" } },
  "not-a-counter": { members: { key: Key }, example: { key: "visits" } },
  "counter-overflow": { members: { key: Key }, example: { key: "visits" } },
  "cursor-expired": {
    members: {
      cursor: z.string().meta({ description: "Where to follow from, once the items are listed" }),
    },
    example: { cursor: "f1.0.CgdkZWZhdWx0EgVhbGljZRgBIAEoETAC-H8B.hIhbHB1If6Awu55ZgA8IYQ" },
  },
  "divergent-settled": {
    members: {
      state: z.enum(["replayed", "discarded"]),
      position: PositionText.nullable().meta({ description: "Of the entry that settled it" }),
    },
    example: { state: "replayed", position: "weur.33.57" },
  },
  "session-lost": {
    members: {
      lost: z.array(LostPositions).meta({ description: "Positions that the failover lost" }),
      divergent: z.union([z.string(), z.array(z.string())]).meta({
        description:
          "The path at which the lost writes are kept; of a read of several users, the paths of those whose it may be",
      }),
    },
    example: {
      lost: [{ from: "weur.16.40", to: "weur.16.42" }],
      divergent: "/v1/users/alice/divergent",
    },
  },
  "handoff-incomplete": {
    members: { ...HAND_OFF_MEMBERS, remaining: LogsRemaining },
    example: {
      unavailableMs: 0,
      positions: [],
      remaining: [{ namespace: "default", partition: 3, reason: "silent" }],
    },
  },
  "write-concern-timeout": {
    members: { receipt: Receipt },
    example: {
      receipt: {
        user: "alice",
        key: "notes/today",
        version: "weur.16.42",
        position: "weur.16.42",
        leader: "weur",
        concern: "all",
        durableIn: ["weur", "enam"],
        committed: true,
        at: 1_795_680_000_000,
      },
    },
  },
};

function problemSchemaId(name: ProblemName): string {
  return `Problem${name
    .split("-")
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join("")}`;
}

/** What the problems of one operation have beyond those of others: they may have it, if it came so far. */
export interface OperationMembers {
  /** Ends the names of its schemas. */
  readonly suffix: string;
  readonly members: z.ZodRawShape;
}

const schemas = new Map<string, z.ZodType>();

/** The same schema each time: it is known by its id. */
export function problemSchema(name: ProblemName, more?: OperationMembers): z.ZodType {
  const id = `${problemSchemaId(name)}${more?.suffix ?? ""}`;
  let schema = schemas.get(id);
  if (schema === undefined) {
    schema = makeSchema(name, id, more?.members);
    schemas.set(id, schema);
  }
  return schema;
}

function makeSchema(name: ProblemName, id: string, more: z.ZodRawShape | undefined): z.ZodType {
  const { status, title, definite, retryable, text } = PROBLEMS[name];
  return z
    .object({
      type: z.literal(`/problems/${name}`),
      title: z.literal(title),
      status: z.literal(status),
      detail: z.string().meta({ description: "What was wrong with this very request" }),
      definite: (definite === "always" ? z.literal(true) : z.boolean()).meta({
        description: "Surely nothing was done by this request",
      }),
      retryable: z.literal(retryable).meta({ description: "Whether repeating the same request can help" }),
      requestId: z.string().meta({ description: "As in X-Request-Id" }),
      ...EXTRAS[name]?.members,
      ...more,
    })
    .meta({ id, description: text });
}

/** What it looks like when a write meets it. */
export function problemExample(name: ProblemName): Readonly<Record<string, unknown>> {
  const outcome = { write: true, unanswered: false };
  const { definite, text } = PROBLEMS[name];
  const detail = EXAMPLE_DETAILS[name] ?? firstSentence(text);
  return {
    ...problemBody(name, detail, outcome),
    definite: isDefinite(definite, outcome),
    requestId: "5b1f0c6e-9a0d-4a57-8e3c-0d7f5f6c2a11",
    ...EXTRAS[name]?.example,
  };
}

function firstSentence(text: string): string {
  return /^.*?\.(?= |$)/s.exec(text)?.[0] ?? text;
}

/** Details as the edge words them. */
const EXAMPLE_DETAILS: Partial<Record<ProblemName, string>> = {
  "invalid-request": "Ithaca-Timeout-Ms has to be an integer from 1 to 30000",
  "invalid-session": "the token is damaged, or was not signed by this deployment",
  unauthenticated: "the token has expired",
  forbidden: "this user's data is not yours to write",
  "not-found": "there is no such item",
  "method-not-allowed": "this path takes GET, HEAD, PUT, DELETE, OPTIONS",
  "cursor-expired": "the log no longer reaches back to there: list, then follow from `cursor`",
  "precondition-failed": "the item is not as the condition wants it",
  "check-failed": "items are not at the versions that were to be checked",
  "not-json": "what is stored is not JSON, or nested too deep to merge",
  "not-a-counter": "what is stored is not a counter",
  "counter-overflow": "the counter would leave 64 bits",
  "divergent-settled": "the lost write was replayed already",
  "session-lost": "a failover lost writes that this session saw",
  "value-too-large": "the value is larger than 1048576 bytes",
  "transaction-too-large": "the values that it leaves are larger than 1048576 bytes altogether",
  "unsupported-media-type": "a PATCH has to be application/merge-patch+json",
  "idempotency-key-reused": "the key was used for another request",
  "rpo-bound": "replication is too far behind for a write at this concern",
  "no-leader": "the leader could not be reached in time, and no other took over",
  "region-unavailable": "no region answered in time",
  overloaded: "the replica is busy",
  "handoff-incomplete": "1 of 16 logs still have the leader that they had",
  "write-concern-timeout": "durable at the leader; the concern was not met in time",
  "outcome-unknown": "an attempt was sent and not answered in time; retry with the same idempotency key",
  "read-timeout": "no replica covered the session token in time",
  internal: "an unexpected error; quote the request id",
  misconfigured: "AUTH_MODE=jwt needs AUTH_SECRET or JWKS_URL",
};
