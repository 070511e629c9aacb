/** Everything of a user, out of the store and into it; and erased. */
import { NDJSON_CONTENT_TYPE } from "../header.ts";
import { IMPORT_HEADERS, PATH, PLACED_IN, QUERY, READ_HEADERS, ROUTING_HEADERS } from "../parameter.ts";
import type { RouteContract } from "../route-contract.ts";
import { Erasure, ErasureBegun } from "../schema/erasure.ts";
import { ExportLine, ImportBroken, ImportLine, ImportResult } from "../schema/transfer.ts";
import { ASKING, READING } from "./problem-list.ts";

export const TRANSFER_ROUTES = {
  exportItems: {
    method: "GET",
    path: "/v1/users/{user}/export",
    tag: "transfer",
    summary: "All items of a user, one a line, in byte order of their keys",
    parameters: [PATH.user, QUERY.afterKey, ...READ_HEADERS],
    answers: {
      200: {
        description: "Lines of JSON; the last one says whether the export is whole",
        body: ExportLine,
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
    request: ImportLine,
    requestType: NDJSON_CONTENT_TYPE,
    answers: {
      200: {
        description: "What became of the lines",
        body: ImportResult,
        data: true,
        // Where no line is an item, no replica has a part in it.
        maybe: ["Ithaca-Served-By"],
      },
    },
    problemMembers: { suffix: "OfImport", members: ImportBroken },
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
    answers: { 202: { description: "It is decided and will be done everywhere", body: ErasureBegun } },
    problems: [...ASKING, "no-leader", "region-unavailable", "outcome-unknown"],
  },
  getErasure: {
    method: "GET",
    path: "/v1/erasures/{id}",
    tag: "transfer",
    summary: "How far an erasure is; regions go on with it when they are asked",
    parameters: [PATH.erasure, PLACED_IN],
    answers: {
      200: { description: "Answers in 2 s whatever is down", body: Erasure },
    },
    problems: ["invalid-request", "unauthenticated", "not-found", "internal"],
  },
} as const satisfies Record<string, RouteContract>;
