/**
 * The routes of the surface, declared once with their schemas.
 *
 * The edge registers them with the router and has to supply a handler for each (a total record: a route without a
 * handler does not compile); the OpenAPI document is generated out of the same list. Nothing of a declaration is looked
 * at while a request is served.
 */
import { z } from "zod";
import { NDJSON_CONTENT_TYPE } from "./header.ts";
import {
  EXPIRES_IN,
  FEED_HEADERS,
  HOME_HEADERS,
  IMPORT_HEADERS,
  ITEM_READ_HEADERS,
  PATH,
  PLACED_IN,
  QUERY,
  READ_HEADERS,
  ROUTING_HEADERS,
  TIMEOUT,
  TRANSACTION_HEADERS,
  WRITE_HEADERS,
  type Parameter,
} from "./parameter.ts";
import type { ProblemName } from "./problem.ts";
import type { OperationMembers } from "./problem-schema.ts";
import type { ResponseHeaderName } from "./response-header.ts";
import * as schema from "./schema.ts";
import type { Tag } from "./tag.ts";

export type Method = "GET" | "PUT" | "DELETE" | "POST" | "PATCH";

export interface Answer {
  readonly description: string;
  /** Absent: no body. `bytes`: the stored value with its own content type. Of NDJSON: the schema of each line. */
  readonly body?: z.ZodType | "bytes" | "html" | "text";
  /** Content type of the body, where it is not the usual one of its kind. */
  readonly type?: string;
  /** The answer carries the headers of an answer about data. */
  readonly data?: boolean;
  /** Headers that this answer always has beyond those of its kind. */
  readonly headers?: readonly ResponseHeaderName[];
  /** Headers of its kind that it may lack. */
  readonly maybe?: readonly ResponseHeaderName[];
}

export interface RouteContract {
  readonly method: Method;
  /**
   * With `{user}`: under `/v1/users/{user}`, and also under `/v1/ns/{ns}/users/{user}` and `/v1/me`. `{key}` may contain `/`.
   */
  readonly path: string;
  readonly tag: Tag;
  readonly summary: string;
  readonly parameters: readonly Parameter[];
  /** Of NDJSON: the schema of each line. */
  readonly request?: z.ZodType | "bytes";
  /** Content type of the request's body, where it is not the usual one of its kind. */
  readonly requestType?: string;
  readonly answers: Readonly<Record<number, Answer>>;
  readonly problems: readonly ProblemName[];
  /** Members that its problems may have beside their own. */
  readonly problemMembers?: OperationMembers;
  /** No token needed. */
  readonly open?: boolean;
  /** Needs the scope admin. */
  readonly admin?: boolean;
  /** Of a GET: the document lists HEAD beside it, with this summary. */
  readonly head?: string;
}

const ASKING: readonly ProblemName[] = [
  "invalid-request",
  "unauthenticated",
  "forbidden",
  "not-found",
  "overloaded",
  "internal",
];
const READING: readonly ProblemName[] = [
  ...ASKING,
  "invalid-session",
  "session-lost",
  "no-leader",
  "region-unavailable",
  "read-timeout",
];
const WRITING: readonly ProblemName[] = [
  ...ASKING,
  "invalid-session",
  "session-lost",
  "precondition-failed",
  "idempotency-key-reused",
  "rpo-bound",
  "no-leader",
  "region-unavailable",
  "write-concern-timeout",
  "outcome-unknown",
];

const PAGE_HEADERS: readonly ResponseHeaderName[] = [
  "Content-Security-Policy",
  "X-Content-Type-Options",
  "Referrer-Policy",
];

/** Faults go to the replicas past everything that could refuse a request of data. */
const FAULTS: readonly ProblemName[] = ["unauthenticated", "forbidden", "not-found", "region-unavailable"];

export const ROUTES = {
  listItems: {
    method: "GET",
    path: "/v1/users/{user}/items",
    tag: "items",
    summary: "List items in byte order of their keys",
    parameters: [
      PATH.user,
      QUERY.prefix,
      QUERY.start,
      QUERY.end,
      QUERY.limit,
      QUERY.cursor,
      QUERY.reverse,
      QUERY.values,
      ...READ_HEADERS,
    ],
    answers: { 200: { description: "A page", body: schema.ItemList, data: true } },
    problems: READING,
  },
  getItem: {
    method: "GET",
    path: "/v1/users/{user}/items/{key}",
    tag: "items",
    summary: "Read an item",
    head: "Look at an item without its value",
    parameters: [PATH.user, PATH.key, ...ITEM_READ_HEADERS],
    answers: {
      200: {
        description: "The stored bytes with their content type",
        body: "bytes",
        data: true,
        headers: ["ETag", "X-Content-Type-Options", "Content-Security-Policy"],
      },
      304: { description: "The client has this version already", data: true, headers: ["ETag"] },
    },
    problems: [...READING, "precondition-failed"],
  },
  putItem: {
    method: "PUT",
    path: "/v1/users/{user}/items/{key}",
    tag: "items",
    summary: "Create or replace an item",
    parameters: [PATH.user, PATH.key, EXPIRES_IN, ...WRITE_HEADERS],
    request: "bytes",
    answers: {
      200: { description: "Replaced", body: schema.Receipt, data: true, headers: ["ETag"] },
      201: { description: "Created", body: schema.Receipt, data: true, headers: ["ETag"] },
    },
    problems: [...WRITING, "value-too-large"],
  },
  patchItem: {
    method: "PATCH",
    path: "/v1/users/{user}/items/{key}",
    tag: "items",
    summary:
      "Change members of a JSON item and leave the others as they are; its content type and expiry stay",
    parameters: [PATH.user, PATH.key, ...WRITE_HEADERS],
    request: schema.MergePatch,
    requestType: "application/merge-patch+json",
    answers: { 200: { description: "Merged", body: schema.Receipt, data: true, headers: ["ETag"] } },
    problems: [...WRITING, "value-too-large", "unsupported-media-type", "not-json"],
  },
  deleteItem: {
    method: "DELETE",
    path: "/v1/users/{user}/items/{key}",
    tag: "items",
    summary: "Delete an item",
    parameters: [PATH.user, PATH.key, ...WRITE_HEADERS],
    answers: { 200: { description: "Deleted", body: schema.Receipt, data: true } },
    problems: WRITING,
  },
  transact: {
    method: "POST",
    path: "/v1/users/{user}/transactions",
    tag: "transactions",
    summary: "Check versions and write several items of a user, all or nothing",
    parameters: [PATH.user, ...TRANSACTION_HEADERS],
    request: schema.TransactionRequest,
    answers: { 200: { description: "Done", body: schema.TransactionAnswer, data: true } },
    problems: [
      ...WRITING.filter((name) => name !== "precondition-failed"),
      "check-failed",
      "not-json",
      "not-a-counter",
      "counter-overflow",
      "transaction-too-large",
    ],
  },
  readMany: {
    method: "POST",
    path: "/v1/read",
    tag: "items",
    summary: "Read up to 100 items, of any users, as one causally consistent cut",
    parameters: READ_HEADERS,
    request: schema.ReadManyRequest,
    answers: {
      200: {
        description: "The items, in the order asked",
        body: schema.ReadManyAnswer,
        data: true,
      },
    },
    problems: [...READING, "answer-too-large"],
  },
  listChanges: {
    method: "GET",
    path: "/v1/users/{user}/changes",
    tag: "changes",
    summary: "What was done to the user's items, in order, as soon as it is committed",
    parameters: [
      PATH.user,
      QUERY.after,
      QUERY.changesLimit,
      QUERY.changesWaitMs,
      QUERY.values,
      QUERY.ticket,
      ...FEED_HEADERS,
    ],
    answers: {
      200: {
        description: "What comes next, whole transactions only; perhaps nothing, once the wait is over",
        body: schema.ChangePage,
        data: true,
      },
    },
    problems: [
      ...ASKING,
      "invalid-session",
      "session-lost",
      "cursor-expired",
      "no-leader",
      "region-unavailable",
      "read-timeout",
    ],
  },
  openLive: {
    method: "GET",
    path: "/v1/users/{user}/live",
    tag: "changes",
    summary: "The same changes as messages of a WebSocket",
    parameters: [PATH.user, QUERY.after, QUERY.values, QUERY.ticket, ...FEED_HEADERS],
    answers: { 101: { description: "The socket" } },
    problems: [
      ...ASKING,
      "invalid-session",
      "session-lost",
      "cursor-expired",
      "too-many-requests",
      "no-leader",
      "region-unavailable",
      "read-timeout",
    ],
  },
  createTicket: {
    method: "POST",
    path: "/v1/tickets",
    tag: "changes",
    summary: "A ticket for a client that cannot send headers: good once, for a minute",
    parameters: [PLACED_IN],
    request: schema.TicketRequest,
    answers: { 200: { description: "The ticket", body: schema.Ticket } },
    problems: ["invalid-request", "unauthenticated", "forbidden", "not-found"],
  },
  exportItems: {
    method: "GET",
    path: "/v1/users/{user}/export",
    tag: "transfer",
    summary: "All items of a user, one a line, in byte order of their keys",
    parameters: [PATH.user, QUERY.afterKey, ...READ_HEADERS],
    answers: {
      200: {
        description: "Lines of JSON; the last one says whether the export is whole",
        body: schema.ExportLine,
        type: NDJSON_CONTENT_TYPE,
        data: true,
      },
    },
    problems: READING,
  },
  importItems: {
    method: "POST",
    path: "/v1/users/{user}/import",
    tag: "transfer",
    summary: "Import the lines of an export",
    parameters: [PATH.user, ...IMPORT_HEADERS],
    request: schema.ImportLine,
    requestType: NDJSON_CONTENT_TYPE,
    answers: {
      200: {
        description: "What became of the lines",
        body: schema.ImportResult,
        data: true,
        // Where no line is an item, no replica has a part in it.
        maybe: ["Ithaca-Served-By"],
      },
    },
    problemMembers: { suffix: "OfImport", members: schema.ImportBroken },
    problems: [
      ...ASKING,
      "unsupported-media-type",
      "invalid-session",
      "session-lost",
      "rpo-bound",
      "no-leader",
      "region-unavailable",
      "write-concern-timeout",
      "outcome-unknown",
    ],
  },
  eraseUser: {
    method: "DELETE",
    path: "/v1/users/{user}",
    tag: "transfer",
    summary: "Erase everything about a user, in every region",
    parameters: [PATH.user, ...ROUTING_HEADERS],
    answers: { 202: { description: "It is decided and will be done everywhere", body: schema.ErasureBegun } },
    problems: [...ASKING, "no-leader", "region-unavailable", "outcome-unknown"],
  },
  getErasure: {
    method: "GET",
    path: "/v1/erasures/{id}",
    tag: "transfer",
    summary: "How far an erasure is; regions go on with it when they are asked",
    parameters: [PATH.erasure, PLACED_IN],
    answers: {
      200: { description: "Answers in 2 s whatever is down", body: schema.Erasure },
    },
    problems: ["invalid-request", "unauthenticated", "not-found", "internal"],
  },
  getReceipt: {
    method: "GET",
    path: "/v1/users/{user}/receipts/{position}",
    tag: "receipts",
    summary: "A receipt as it stands now, or as soon as its concern is met",
    parameters: [PATH.user, PATH.position, QUERY.waitMs, QUERY.concern, ...ROUTING_HEADERS],
    answers: { 200: { description: "The receipt", body: schema.ReceiptState, data: true } },
    problems: [...ASKING, "invalid-session", "no-leader", "region-unavailable"],
  },
  listDivergent: {
    method: "GET",
    path: "/v1/users/{user}/divergent",
    tag: "receipts",
    summary: "Writes that a failover cut off, with what they found and what is there now",
    parameters: [PATH.user, QUERY.divergentLimit, QUERY.divergentCursor, ...READ_HEADERS],
    answers: { 200: { description: "A page", body: schema.DivergentList, data: true } },
    problems: READING,
  },
  settleDivergent: {
    method: "POST",
    path: "/v1/users/{user}/divergent/{id}",
    tag: "receipts",
    summary: "Run a lost write again, or give it up",
    parameters: [PATH.user, PATH.divergent, ...TRANSACTION_HEADERS],
    request: schema.DivergentAction,
    answers: { 200: { description: "Settled", body: schema.DivergentSettled, data: true } },
    problems: [
      ...WRITING.filter((name) => name !== "precondition-failed"),
      "divergent-settled",
      "not-json",
      "not-a-counter",
      "counter-overflow",
      "transaction-too-large",
    ],
  },
  getHome: {
    method: "GET",
    path: "/v1/users/{user}/home",
    tag: "home",
    summary: "The user's home region and who leads there",
    parameters: [PATH.user, ...HOME_HEADERS],
    answers: { 200: { description: "The home", body: schema.Home } },
    problems: [...ASKING, "invalid-session", "no-leader", "region-unavailable"],
  },
  putHome: {
    method: "PUT",
    path: "/v1/users/{user}/home",
    tag: "home",
    summary: "Move the user to another region, or choose the home before the first write",
    parameters: [PATH.user, ...ROUTING_HEADERS],
    request: schema.HomeRequest,
    answers: { 200: { description: "The home", body: schema.Home } },
    problems: [...ASKING, "invalid-session", "no-leader", "region-unavailable", "outcome-unknown"],
  },
  listRegions: {
    method: "GET",
    path: "/v1/regions",
    tag: "regions",
    summary: "Regions, their logs and how far each is; answers within 2 s whatever is down",
    parameters: [QUERY.region, QUERY.partition, PLACED_IN],
    answers: { 200: { description: "Cached for 1 s", body: schema.Regions } },
    problems: ["invalid-request", "unauthenticated"],
  },
  putLeader: {
    method: "PUT",
    path: "/v1/regions/{origin}/leader",
    tag: "regions",
    summary: "Hand the logs of an origin to a region, without losing a write",
    parameters: [PATH.origin, PLACED_IN, TIMEOUT],
    request: schema.LeaderRequest,
    answers: { 200: { description: "The region leads all of them", body: schema.HandedOff } },
    problems: ["invalid-request", "unauthenticated", "forbidden", "not-found", "handoff-incomplete"],
    admin: true,
  },
  previewFailover: {
    method: "GET",
    path: "/v1/regions/{origin}/failover-preview",
    tag: "regions",
    summary: "What a takeover now would lose of an origin's logs; answers within 2 s whatever is down",
    parameters: [PATH.origin, PLACED_IN],
    answers: { 200: { description: "Cached for 1 s", body: schema.FailoverPreview } },
    problems: ["invalid-request", "unauthenticated", "not-found"],
  },
  listSinks: {
    method: "GET",
    path: "/v1/sinks",
    tag: "sinks",
    summary: "Sinks and how far each is with every log; answers within 2 s whatever is down",
    parameters: [PLACED_IN],
    answers: { 200: { description: "Cached for 1 s", body: schema.Sinks } },
    problems: ["invalid-request", "unauthenticated", "forbidden"],
    admin: true,
  },
  controlSink: {
    method: "POST",
    path: "/v1/sinks/{name}",
    tag: "sinks",
    summary: "Resume a parked or lost sink, or send again what follows a position of a log",
    parameters: [PATH.sink, PLACED_IN],
    request: schema.SinkAction,
    answers: { 200: { description: "What goes on from where", body: schema.SinkControlled } },
    problems: [
      "invalid-request",
      "unauthenticated",
      "forbidden",
      "not-found",
      "cursor-expired",
      "no-leader",
      "region-unavailable",
    ],
    admin: true,
  },
  putFault: {
    method: "PUT",
    path: "/v1/faults",
    tag: "faults",
    summary: "Set a fault, where drills are on",
    parameters: [],
    request: schema.FaultRequest,
    answers: { 200: { description: "The fault", body: schema.Fault } },
    problems: [...FAULTS, "invalid-request"],
    admin: true,
  },
  listFaults: {
    method: "GET",
    path: "/v1/faults",
    tag: "faults",
    summary: "Faults that are in force",
    parameters: [],
    answers: { 200: { description: "The faults", body: schema.FaultList } },
    problems: FAULTS,
    admin: true,
  },
  endFaults: {
    method: "DELETE",
    path: "/v1/faults",
    tag: "faults",
    summary: "End all faults",
    parameters: [],
    answers: { 200: { description: "Which were ended", body: schema.FaultsEnded } },
    problems: FAULTS,
    admin: true,
  },
  endFault: {
    method: "DELETE",
    path: "/v1/faults/{id}",
    tag: "faults",
    summary: "End one fault",
    parameters: [PATH.fault],
    answers: { 200: { description: "Which was ended", body: schema.FaultsEnded } },
    problems: FAULTS,
    admin: true,
  },
  health: {
    method: "GET",
    path: "/v1/health",
    tag: "service",
    summary: "Liveness of the edge; touches no object",
    parameters: [],
    answers: { 200: { description: "Alive", body: schema.Health } },
    problems: [],
    open: true,
  },
  metrics: {
    method: "GET",
    path: "/metrics",
    tag: "service",
    summary: "Counters of this isolate as OpenMetrics text; touches no object",
    parameters: [],
    answers: { 200: { description: "OpenMetrics", body: "text" } },
    problems: [],
    open: true,
  },
  openApi: {
    method: "GET",
    path: "/openapi.json",
    tag: "service",
    summary: "This document",
    parameters: [],
    answers: { 200: { description: "OpenAPI 3.1", body: z.looseObject({}) } },
    problems: [],
    open: true,
  },
  docs: {
    method: "GET",
    path: "/docs",
    tag: "service",
    summary: "This document, to read",
    parameters: [],
    answers: { 200: { description: "A page", body: "html", headers: PAGE_HEADERS } },
    problems: [],
    open: true,
  },
  listProblems: {
    method: "GET",
    path: "/problems",
    tag: "service",
    summary: "All problem types",
    parameters: [],
    answers: { 200: { description: "A page", body: "html", headers: PAGE_HEADERS } },
    problems: [],
    open: true,
  },
  getProblem: {
    method: "GET",
    path: "/problems/{name}",
    tag: "service",
    summary: "What a problem means and what to do",
    parameters: [PATH.problem],
    answers: { 200: { description: "A page", body: "html", headers: PAGE_HEADERS } },
    problems: ["not-found"],
    open: true,
  },
} as const satisfies Record<string, RouteContract>;

export type RouteId = keyof typeof ROUTES;
